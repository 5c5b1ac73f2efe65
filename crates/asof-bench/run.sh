#!/usr/bin/env bash
# Builds the benchmark against the librocksdb.a that the workspace has built already, and runs it:
#
#     crates/asof-bench/run.sh reads --json /tmp/figures/reads.json
#     crates/asof-bench/run.sh all --json /tmp/figures        # each command, about two hours
#     crates/asof-bench/run.sh all --quick                    # does it run at all
#     crates/asof-bench/run.sh test                           # its own few tests
#     crates/asof-bench/run.sh render --json /tmp/figures --into BENCHMARKS.md
#
# With ASOF_BENCH_UNCHECKED=1 it is built without overflow checks, beside the other build; `render`
# puts the files reads-unchecked.json and ingest-unchecked.json beside reads.json and ingest.json.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"

target="${CARGO_TARGET_DIR:-$root/target}"
if [[ -z "${ROCKSDB_LIB_DIR:-}" ]]; then
    # Reports where the workspace's own build put the library; builds it if it is not there.
    ROCKSDB_LIB_DIR="$(cd "$root" && cargo build --release --locked --message-format=json |
        grep -o '"out_dir":"[^"]*librocksdb-sys-[^"]*"' | head -n 1 | cut -d'"' -f4)"
fi
export ROCKSDB_LIB_DIR ROCKSDB_STATIC=1 CARGO_TARGET_DIR="$target/bench"
if [[ -n "${ASOF_BENCH_UNCHECKED:-}" ]]; then
    export CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS=false CARGO_TARGET_DIR="$target/bench-unchecked"
fi
if [[ "${1:-}" == test ]]; then
    exec cargo test --release --locked --quiet --manifest-path "$root/crates/asof-bench/Cargo.toml"
fi
cargo build --release --locked --quiet --manifest-path "$root/crates/asof-bench/Cargo.toml"
exec "$CARGO_TARGET_DIR/release/asof-bench" "$@"
