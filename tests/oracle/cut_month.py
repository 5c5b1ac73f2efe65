#!/usr/bin/env python3
"""Cuts the shipped month out of the year: the rows of January 2013, as they stand in the source.

    cut_month.py DATA_DIR            writes the files of crates/asof-cli/data
    cut_month.py DATA_DIR --check    writes nothing; fails unless those files have these very rows

DATA_DIR holds flights.csv.gz and weather.csv.gz of nycflights13. The same input gives the same
bytes: no time and no file name goes into the gzip header. (Another zlib may pack the same rows
differently; hence --check compares rows.)
"""

import argparse
import gzip
import pathlib
import sys

MONTH = pathlib.Path(__file__).resolve().parents[2] / "crates" / "asof-cli" / "data"
TABLES = ("flights.csv.gz", "weather.csv.gz")


def january(path):
    """The header and the lines of month 1. No field of these tables is quoted."""
    with gzip.open(path, "rb") as lines:
        header = next(lines)
        yield header
        month = header.rstrip().split(b",").index(b"month")
        for line in lines:
            if line.split(b",")[month] == b"1":
                yield line


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data_dir", type=pathlib.Path)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    for name in TABLES:
        wanted = b"".join(january(args.data_dir / name))
        rows = wanted.count(b"\n") - 1
        if args.check:
            if gzip.decompress((MONTH / name).read_bytes()) != wanted:
                sys.exit(f"{name} is not January of {name} in the data directory")
            print(f"{name}: {rows} rows, as in the source")
        else:
            (MONTH / name).write_bytes(gzip.compress(wanted, compresslevel=9, mtime=0))
            print(f"{name}: {rows} rows")


if __name__ == "__main__":
    main()
