#!/usr/bin/env python3
"""Says what weather every flight must be joined with, and compares a join of `asof` with it.

    join_oracle.py flights.csv.gz weather.csv.gz joined.csv

It shares nothing with the engine and nothing with prepare.py: the expectation is
computed from the raw tables, with one sorted list per airport and a bisection.

The law, as far as this join needs it: an observation is a Put, so the newest one at or before the
scheduled departure (`time_hour` plus `minute`) answers for every feature. Without one a feature is
absent. If it is older than the ttl of three hours every feature is expired, nulls included; an age
of exactly three hours is alive. Else NA is null, and everything else is present.

No two observations of an airport have the same time, so the order among ties is never asked for;
this is checked below.

Exits 1 on any difference, and when nothing was compared.
"""

import argparse
import bisect
import collections
import csv
import datetime
import gzip
import itertools
import sys

TTL = datetime.timedelta(hours=3)
SPINE = ("flight_row", "tailnum", "origin", "departure")
# In the order of crates/asof-cli/data/weather.toml, with the type that a cell must parse as. `wind_dir`
# is an i64 there: "270.0" would be a difference.
FEATURES = {
    "temp": float,
    "dewp": float,
    "humid": float,
    "wind_dir": int,
    "wind_speed": float,
    "wind_gust": float,
    "precip": float,
    "pressure": float,
    "visib": float,
}
SHOWN = 10


def table(path):
    opened = gzip.open if str(path).endswith(".gz") else open
    with opened(path, "rt", encoding="utf-8", newline="") as text:
        yield from csv.DictReader(text)


def moment(text):
    if not text.endswith("Z"):
        sys.exit(f"{text!r} is not UTC")
    return datetime.datetime.fromisoformat(text[:-1])


def stamp(time):
    return time.isoformat() + "Z"


class Weather:
    """Per airport the times, sorted, and the observation at each."""

    def __init__(self, path):
        self.at = collections.defaultdict(dict)
        rows = 0
        for row in table(path):
            rows += 1
            self.at[row["origin"]][moment(row["time_hour"])] = row
        self.times = {origin: sorted(seen) for origin, seen in self.at.items()}
        if rows != sum(map(len, self.times.values())):
            sys.exit("two observations share airport and time: teach this oracle the digest first")

    def as_of(self, origin, time):
        """(observation, its time, verdict)"""
        times = self.times.get(origin, [])
        place = bisect.bisect_right(times, time)
        if place == 0:
            return None, None, "absent"
        newest = times[place - 1]
        verdict = "expired" if time - newest > TTL else "found"
        return self.at[origin][newest], newest, verdict


def expectation(observation, verdict, name):
    """(status, value)"""
    if verdict != "found":
        return verdict, None
    if observation[name] == "NA":
        return "null", None
    return "present", FEATURES[name](observation[name])


def same(text, value, parse):
    """A float is compared by value: its shortest text is not the text of the source."""
    if value is None:
        return text == ""
    try:
        return repr(parse(text)) == repr(value)
    except ValueError:
        return False


class Comparison:
    def __init__(self):
        self.cells = 0
        self.differences = 0
        self.counts = collections.Counter()

    def check(self, ok, line, column, expected, found):
        self.cells += 1
        if ok:
            return
        self.differences += 1
        if self.differences <= SHOWN:
            print(f"line {line}, {column}: expected {expected!r}, found {found!r}")


def compare_row(tally, line, flight, weather, joined):
    hour = moment(flight["time_hour"])
    departure = hour + datetime.timedelta(minutes=int(flight["minute"]))
    tailnum = "" if flight["tailnum"] == "NA" else flight["tailnum"]
    spine = (str(line - 1), tailnum, flight["origin"], stamp(departure))
    for column, expected in zip(SPINE, spine):
        tally.check(joined[column] == expected, line, column, expected, joined[column])

    observation, seen, verdict = weather.as_of(flight["origin"], departure)
    tally.counts[f"flights {verdict}"] += 1
    if seen is not None and departure - seen == TTL:
        tally.counts["flights exactly at the ttl"] += 1
    for name, parse in FEATURES.items():
        status, value = expectation(observation, verdict, name)
        tally.counts[f"cells {status}"] += 1
        column = f"weather__{name}"
        tally.check(same(joined[column], value, parse), line, column, value, joined[column])
        if (column := f"weather__{name}__status") in joined:
            tally.check(joined[column] == status, line, column, status, joined[column])
        if (column := f"weather__{name}__event_time") in joined:
            time = "" if seen is None else stamp(seen)
            tally.check(joined[column] == time, line, column, time, joined[column])


def headers():
    """What the first line may be: plain, with --status, with --event-times, with both."""
    for asked in ((), ("status",), ("event_time",), ("status", "event_time")):
        yield list(SPINE) + [
            "__".join(("weather", name, *part))
            for name in FEATURES
            for part in ((), *((extra,) for extra in asked))
        ]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("flights")
    parser.add_argument("weather")
    parser.add_argument("joined", help="what `asof join` wrote")
    args = parser.parse_args()

    weather = Weather(args.weather)
    flights = table(args.flights)
    tally = Comparison()
    with open(args.joined, encoding="utf-8", newline="") as text:
        reader = csv.reader(text)
        header = next(reader, [])
        if header not in list(headers()):
            sys.exit(f"unexpected columns in {args.joined}: {','.join(header)}")
        rows = missing = extra = 0
        for line, (flight, cells) in enumerate(itertools.zip_longest(flights, reader), 2):
            if cells is None:
                missing += 1
            elif flight is None:
                extra += 1
            elif len(cells) != len(header):
                sys.exit(f"line {line}: {len(cells)} cells under {len(header)} columns")
            else:
                rows += 1
                compare_row(tally, line, flight, weather, dict(zip(header, cells)))

    print(f"rows compared: {rows}, cells compared: {tally.cells}")
    for name, count in sorted(tally.counts.items()):
        print(f"  {name}: {count}")
    if missing or extra:
        sys.exit(f"the join has {rows + extra} rows, the source {rows + missing}")
    if tally.differences:
        sys.exit(f"{tally.differences} cells differ, {min(tally.differences, SHOWN)} are shown")
    if tally.cells == 0:
        sys.exit("nothing was compared")


if __name__ == "__main__":
    main()
