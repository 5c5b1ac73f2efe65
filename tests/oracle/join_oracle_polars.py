#!/usr/bin/env python3
"""The same comparison as join_oracle.py by somebody else's point-in-time join: Polars `join_asof`.

    join_oracle_polars.py flights.csv.gz weather.csv.gz joined.csv

`strategy="backward"` takes the newest observation at or before the departure, and `tolerance` is
inclusive, as the ttl is. Without the tolerance, the same join tells expired from absent.

Exits 1 on any difference, and when nothing was compared.
"""

import sys

import polars as pl

TTL = "3h"
FEATURES = "temp dewp humid wind_dir wind_speed wind_gust precip pressure visib".split()
TYPES = {name: pl.Float64 for name in FEATURES} | {"wind_dir": pl.Int64}
SHOWN = 10


def read(path, **options):
    return pl.read_csv(path, infer_schema=False, **options)


def time(column):
    return pl.col(column).str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_unit="us")


def as_of(flights, weather, tolerance):
    # `check_sortedness` cannot see through groups; both sides are sorted by time right here.
    return flights.sort("departure").join_asof(
        weather.sort("seen"),
        left_on="departure",
        right_on="seen",
        by="origin",
        strategy="backward",
        tolerance=tolerance,
        coalesce=False,
        check_sortedness=False,
    ).sort("flight_row")


def expected(flights_path, weather_path):
    flights = read(flights_path, null_values="NA").select(
        pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("flight_row"),
        "tailnum",
        "origin",
        (time("time_hour") + pl.duration(minutes=pl.col("minute").cast(pl.Int64))).alias("departure"),
    )
    weather = read(weather_path, null_values="NA").select(
        "origin", time("time_hour").alias("seen"), *(pl.col(name).cast(TYPES[name]) for name in FEATURES)
    )
    alive = as_of(flights, weather, TTL)
    # `ever` is the time of the newest observation, however old.
    ever = as_of(flights, weather.select("origin", "seen"), None)["seen"].alias("ever")
    return alive.with_columns(ever).with_columns(
        pl.when(pl.col("ever").is_null())
        .then(pl.lit("absent"))
        .when(pl.col("seen").is_null())
        .then(pl.lit("expired"))
        .when(pl.col(name).is_null())
        .then(pl.lit("null"))
        .otherwise(pl.lit("present"))
        .alias(f"{name}__status")
        for name in FEATURES
    )


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    flights_path, weather_path, joined_path = sys.argv[1:]
    want = expected(flights_path, weather_path)
    # An empty cell reads as null. A cell that does not parse as its type raises here.
    text = read(joined_path)
    got = text.select(
        pl.col("flight_row").cast(pl.Int64),
        "tailnum",
        "origin",
        time("departure").alias("departure"),
        *(pl.col(f"weather__{name}").cast(TYPES[name]).alias(name) for name in FEATURES),
        *(
            pl.col(column).alias(column.removeprefix("weather__"))
            for column in text.columns
            if column.endswith("__status")
        ),
    )
    if want.height != got.height:
        sys.exit(f"the join has {got.height} rows, the source {want.height}")

    cells = differences = 0
    for name in got.columns:
        cells += got.height
        differ = got[name].ne_missing(want[name])
        if differ.any():
            differences += differ.sum()
            both = pl.DataFrame(
                {"row": want["flight_row"], "expected": want[name], "found": got[name]}
            )
            print(f"{name}: {differ.sum()} differ, first:\n{both.filter(differ).head(SHOWN)}")

    print(f"polars {pl.__version__}: rows compared: {got.height}, cells compared: {cells}")
    print("  cells " + ", ".join(f"{s}: {n}" for s, n in sorted(status_counts(want).items())))
    if differences:
        sys.exit(f"{differences} cells differ")
    if cells == 0:
        sys.exit("nothing was compared")


def status_counts(want):
    counts = {}
    for name in FEATURES:
        for status, count in want[f"{name}__status"].value_counts().iter_rows():
            counts[status] = counts.get(status, 0) + count
    return counts


if __name__ == "__main__":
    main()
