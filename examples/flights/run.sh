#!/usr/bin/env bash
# The main job on a month of real data: two views, an ingest that is out of order and repeats
# itself, a point-in-time join, and one airplane at three moments.
#
#     bash examples/flights/run.sh [STORE_DIR]
#
# STORE_DIR keeps the store for questions of your own; it must not exist yet. It needs Rust and what
# RocksDB needs to compile, and otherwise only what every Debian has. ASOF_BIN names a binary that
# is built already.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT

store="$(realpath -m "${1:-$scratch/store}")"
if [[ -e "$store" ]]; then
    echo "$store exists; this script begins with an empty store, so name a new directory" >&2
    exit 2
fi

if [[ -z "${ASOF_BIN:-}" ]]; then
    manifest="$here/../../Cargo.toml"
    cargo build --release --locked --bin asof --manifest-path "$manifest"
    target="$(cargo metadata --no-deps --format-version 1 --manifest-path "$manifest" |
        sed 's/.*"target_directory":"\([^"]*\)".*/\1/')"
    ASOF_BIN="$target/release/asof"
fi
ASOF_BIN="$(realpath "$ASOF_BIN")"
cd "$here/sample"

heading() { printf '\n=== %s ===\n\n' "$*"; }

# Shows what is asked, then asks it.
asof() {
    local asked="$*"
    printf '$ asof %s\n' "${asked//"$scratch/"/}"
    "$ASOF_BIN" --store "$store" "$@"
}

heading "Two views"
asof view apply ../weather.toml ../flights.toml
asof view list

heading "Weather, shuffled, every third row twice"
gzip -dc weather.csv.gz >"$scratch/ordered.csv"
{
    head -n 1 "$scratch/ordered.csv"
    # Any file will do as a source of randomness; one that is always here gives one shuffle.
    tail -n +2 "$scratch/ordered.csv" | awk '{ print } NR % 3 == 0 { print }' |
        shuf --random-source=flights.csv.gz
} >"$scratch/weather.csv"
weather=(--view weather --event-time time_hour --null NA)
asof ingest "$scratch/weather.csv" "${weather[@]}"

heading "The same weather, in order and once, in a store of its own"
clean() { "$ASOF_BIN" --store "$scratch/clean" "$@"; }
clean view apply ../weather.toml
clean ingest "$scratch/ordered.csv" "${weather[@]}"
echo
shuffled_digest="$("$ASOF_BIN" --store "$store" digest weather)"
ordered_digest="$(clean digest weather)"
echo "shuffled and repeated:  $shuffled_digest"
echo "in order, once:         $ordered_digest"
if [[ "$shuffled_digest" != "$ordered_digest" ]]; then
    echo "The digests differ: an answer depends on the order of arrival." >&2
    exit 1
fi
echo "They are equal: order and repetition leave no trace."

heading "Flights: the schedule, and the outcome once it is known"
gzip -dc flights.csv.gz | awk -F, -v what=flights -f ../prepare.awk >"$scratch/flights.jsonl"
asof ingest "$scratch/flights.jsonl"
echo "Flights without a tail number break the contract and are set aside in the quarantine."

heading "Every flight with the weather as of its scheduled departure"
gzip -dc flights.csv.gz | awk -F, -v what=spine -f ../prepare.awk >"$scratch/spine.csv"
asof join --spine "$scratch/spine.csv" --time departure \
    --view weather:temp,wind_speed,wind_gust,visib --status -o "$scratch/joined.csv"
echo
head -n 6 "$scratch/joined.csv" | cut -d, -f 1-5,7,9,11
echo
# `visib` is never null in these data, so its status is that of the observation.
awk -F, '
    NR == 1 { for (i = 1; i <= NF; i++) if ($i == "weather__visib__status") status = i; next }
    { count[$status]++ }
    END {
        printf "%d flights: weather found for %d, expired for %d, absent for %d\n", NR - 1,
            count["present"], count["expired"], count["absent"]
    }' "$scratch/joined.csv"

heading "Weather is good for three hours, and then it is expired"
asof get weather origin=EWR --as-of 2013-02-01T04:00:00Z --features temp,visib
asof get weather origin=EWR --as-of 2013-02-01T09:00:00Z --features temp,visib

heading "One airplane, three moments"
columns=carrier,flight,dest,sched_dep_time,dep_delay,arr_delay,air_time
plane=(flights tailnum=N14228)
echo "At its departure, knowing what was known then: a schedule, and no outcome to leak."
asof get "${plane[@]}" --as-of 2013-01-01T10:15:00Z --known-at 2013-01-01T10:15:00Z --features "$columns"
echo
echo "The same departure with hindsight: the outcome was recorded after landing."
asof get "${plane[@]}" --as-of 2013-01-01T10:15:00Z --features "$columns"
echo
echo "At the end of the month: its last flight."
asof get "${plane[@]}" --as-of 2013-02-01T05:00:00Z --features "$columns"

if [[ -n "${1:-}" ]]; then
    printf '\nThe store is kept in %s.\n' "$store"
fi
