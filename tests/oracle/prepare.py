#!/usr/bin/env python3
"""Turns the nycflights13 tables into what `asof` takes in. Plain Python 3, no packages.

    prepare.py flights flights.csv.gz     events as JSON lines, for the view `flights`
    prepare.py weather weather.csv.gz     the same CSV, for the view `weather`
    prepare.py spine   flights.csv.gz     the questions of a join: one row per flight, as CSV

A flight becomes a Put of its schedule at the scheduled departure and, where the delay is known, a
Patch with the outcome at the same event time, recorded at departure plus time in the air.
A flight without a tail number becomes a Put with `"tailnum":null`: it breaks the contract of the
view, and shows what the quarantine is for.

The output streams, in the order of the input. `--every-third-twice` writes every third record a
second time; `--shuffle SEED` (which holds all of them in memory) mixes what is left to write.
"""

import argparse
import csv
import datetime
import gzip
import json
import os
import random
import sys

MINUTE = datetime.timedelta(minutes=1)
SCHEDULE = ("carrier", "flight", "origin", "dest", "distance", "sched_dep_time", "sched_arr_time")
OUTCOME = ("dep_time", "dep_delay", "arr_time", "arr_delay", "air_time")
STRINGS = ("carrier", "origin", "dest")


def table(path):
    """The rows of a CSV file, plain or gzip (known by its first bytes, not by its name)."""
    with open(path, "rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
    with (gzip.open if packed else open)(path, "rt", encoding="utf-8", newline="") as text:
        yield from csv.DictReader(text)


def departure(row):
    """The scheduled departure, UTC. `time_hour` is its full hour."""
    hour, utc = row["time_hour"][:-1], row["time_hour"][-1:]
    if utc != "Z":
        raise ValueError(f"time_hour {row['time_hour']!r} is not UTC")
    return datetime.datetime.fromisoformat(hour) + int(row["minute"]) * MINUTE


def rfc3339(time):
    return time.isoformat() + "Z"


def value(row, name):
    """`NA` is a missing value; everything that is no code or name is a whole number."""
    text = row[name]
    if text == "NA":
        return None
    return text if name in STRINGS else int(text)


def event(tailnum, time, op, features, recorded_at=None):
    line = {"view": "flights", "entity": {"tailnum": tailnum}, "event_time": rfc3339(time)}
    if recorded_at is not None:
        line["recorded_at"] = rfc3339(recorded_at)
    line["op"] = op
    line["features"] = features
    return json.dumps(line, separators=(",", ":"))


def flight_events(rows):
    for row in rows:
        scheduled = departure(row)
        tailnum = None if row["tailnum"] == "NA" else row["tailnum"]
        yield event(tailnum, scheduled, "put", {name: value(row, name) for name in SCHEDULE})
        # Cancelled flights have neither, diverted ones no time in the air. No flight without a
        # tail number ever left, but the quarantine count should not hang on that.
        if tailnum is None or row["dep_delay"] == "NA" or row["air_time"] == "NA":
            continue
        landed = scheduled + (int(row["dep_delay"]) + int(row["air_time"])) * MINUTE
        outcome = {name: value(row, name) for name in OUTCOME}
        yield event(tailnum, scheduled, "patch", outcome, recorded_at=landed)


def spine(rows):
    """`flight_row` counts the flights of the file from 1; a missing tail number is an empty cell."""
    yield "flight_row,tailnum,origin,departure"
    for number, row in enumerate(rows, 1):
        tailnum = "" if row["tailnum"] == "NA" else row["tailnum"]
        yield f"{number},{tailnum},{row['origin']},{rfc3339(departure(row))}"


def weather(rows):
    """The rows as they are: names, codes, numbers and times, of which none needs quoting."""
    for number, row in enumerate(rows):
        if number == 0:
            yield ",".join(row)
        yield ",".join(row.values())


def every_third_twice(records):
    for number, record in enumerate(records, 1):
        yield record
        if number % 3 == 0:
            yield record


def shuffled(records, seed):
    records = list(records)
    random.Random(seed).shuffle(records)
    return records


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("flights", "weather", "spine"))
    parser.add_argument("table", help="flights.csv or weather.csv, plain or gzip")
    parser.add_argument("-o", "--output", help="default: stdout")
    parser.add_argument("--limit", type=int, metavar="N", help="read the first N rows only")
    parser.add_argument("--every-third-twice", action="store_true")
    parser.add_argument("--shuffle", type=int, metavar="SEED")
    return parser.parse_args()


def first(rows, limit):
    for number, row in enumerate(rows):
        if number == limit:
            return
        yield row


def main():
    args = arguments()
    rows = first(table(args.table), args.limit)
    records = {"flights": flight_events, "weather": weather, "spine": spine}[args.what](rows)
    # newline="\n": the same bytes on every system.
    target = args.output if args.output else sys.stdout.fileno()
    with open(target, "w", encoding="utf-8", newline="\n", closefd=bool(args.output)) as out:
        if args.what != "flights":  # a header stays where it is, once
            out.write(next(records) + "\n")
        if args.every_third_twice:
            records = every_third_twice(records)
        if args.shuffle is not None:
            records = shuffled(records, args.shuffle)
        out.writelines(record + "\n" for record in records)


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:  # `prepare.py … | head` is a fair thing to do
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
