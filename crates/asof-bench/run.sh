#!/usr/bin/env bash
# Builds the benchmark against the librocksdb.a that the workspace has built already, and runs it:
#
#     crates/asof-bench/run.sh [--entities N] [--versions N] [--reads N]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

target="${CARGO_TARGET_DIR:-$PWD/target}"
# Reports where the workspace's own build put the library; builds it if it is not there.
library="$(cargo build --release --message-format=json 2>/dev/null |
    grep -o '"out_dir":"[^"]*librocksdb-sys-[^"]*"' | head -n 1 | cut -d'"' -f4)"
export ROCKSDB_LIB_DIR="$library" ROCKSDB_STATIC=1 CARGO_TARGET_DIR="$target/bench"
exec cargo run --release --quiet --manifest-path crates/asof-bench/Cargo.toml -- "$@"
