#!/usr/bin/env bash
# Runs one target for some seconds, without a sanitizer, from its seeds and what earlier runs found.
#
#     fuzz/run.sh <target> [seconds=60] [options of libFuzzer …]
#
# It needs cargo-fuzz. What it finds that is new goes to fuzz/corpus/<target>, which is not kept; what
# fails goes to fuzz/artifacts/<target>. A failure becomes a seed in fuzz/seeds/<target>, with a name,
# where every test run meets it again.
#
#   CARGO_TARGET_DIR  fuzz/ below it is where the targets are built
#   ROCKSDB_LIB_DIR   a built librocksdb.a, for `store`; without one it is looked for in
#                     CARGO_TARGET_DIR, and else compiled
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
target="$1"
seconds="${2:-60}"
builds="${CARGO_TARGET_DIR:-target}"

features=()
if [[ "$target" == store ]]; then
    features=(--features store)
    if [[ -z "${ROCKSDB_LIB_DIR:-}" ]]; then
        library="$(find "$builds/release/build" -name librocksdb.a -print -quit 2>/dev/null || true)"
        [[ -z "$library" ]] || ROCKSDB_LIB_DIR="$(dirname "$library")"
    fi
    [[ -z "${ROCKSDB_LIB_DIR:-}" ]] || export ROCKSDB_LIB_DIR ROCKSDB_STATIC=1
fi
dictionary=()
[[ ! -e "fuzz/dictionaries/$target.dict" ]] || dictionary=("-dict=fuzz/dictionaries/$target.dict")

mkdir -p "fuzz/corpus/$target"
CARGO_TARGET_DIR="$builds/fuzz" cargo fuzz run -s none "${features[@]}" "$target" \
    "fuzz/corpus/$target" "fuzz/seeds/$target" \
    -- "-max_total_time=$seconds" -print_final_stats=1 "${dictionary[@]}" "${@:3}"
