#!/usr/bin/env bash
# Plants one bug after the other and says which test finds it, and after how long.
#
#     tests/planted/run.sh                 every patch in this folder
#     tests/planted/run.sh put_keeps …     these
#     tests/planted/run.sh --check         whether every patch still applies; builds nothing
#
# Each patch goes onto a copy of the tree, never onto the tree. The suites run from the cheapest to
# the dearest, and the first failing test ends the hunt. A bug that nobody finds ends in SURVIVED and
# in exit code 1: then a test is missing.
#
#   CARGO_TARGET_DIR  where builds are kept between runs; without one, target/planted. A copy has
#                     its own place, and so its own build of RocksDB, unless ROCKSDB_LIB_DIR names one
#   PLANTED_NO_BASELINE  set where it is known that every suite passes with nothing planted
#   PLANTED_SECONDS   how long one suite may take before it counts as hanging, which is a find (600)
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(cd "$here/../.." && pwd)"

# --- The copy ------------------------------------------------------------------------------------

export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$root/target/planted}"
export CARGO_TERM_COLOR=never
copy="$CARGO_TARGET_DIR/planted-tree"
log="$CARGO_TARGET_DIR/planted-log"

# A repository of its own: git then takes paths from here, and can put back what a patch changed.
make_copy() {
    rm -rf "$copy"
    mkdir -p "$copy"
    (cd "$root" && git ls-files -cz --exclude-standard | tar --null -T - -c) | tar -x -C "$copy"
    git -C "$copy" init -q
    git -C "$copy" add -A
    git -C "$copy" -c user.name=planted -c user.email=planted@localhost commit -qm "The tree"
}

# --- The suites ----------------------------------------------------------------------------------

# suites_for <name>: the pure core has no store in it, and the engine no command line.
suites_for() {
    local core="" engine=""
    while read -r file; do
        case "$file" in
            crates/*) ;;
            src/catalog/* | src/kv/* | src/read/* | src/store/* | src/write/*) engine=1 ;;
            *) core=1 engine=1 ;;
        esac
    done < <(sed -n 's|^+++ b/||p' "$here/$1.patch")
    echo ${core:+core} ${engine:+behaviour store_model engine} cli ${engine:+crash}
}

suite() {
    case "$1" in
        core) cargo test --locked -p asof --lib --no-default-features --features text ;;
        behaviour) cargo test --locked -p asof --test behaviour ;;
        store_model) cargo test --locked -p asof --test store_model ;;
        engine) cargo test --locked -p asof --lib ;;
        cli) cargo test --locked -p asof-cli --tests ;;
        crash) cargo test --locked -p asof --test crash ;;
    esac
}
export -f suite

# The first test that failed, by the words of libtest.
first_failure() {
    sed -n 's/^test \(.*\) \.\.\. FAILED$/\1/p' "$log" | head -1
}

# A suite that fails by itself finds everything and proves nothing.
baseline() {
    local one
    for one in core behaviour store_model engine cli crash; do
        (cd "$copy" && suite "$one") >"$log" 2>&1 </dev/null || {
            echo "$one fails with nothing planted: $(first_failure); see $log"
            return 1
        }
    done
}

# hunt <name>: one line about who caught it.
hunt() {
    local name="$1" start=$SECONDS one code
    git -C "$copy" apply "$here/$name.patch"
    for one in $(suites_for "$name"); do
        code=0
        (cd "$copy" && timeout "${PLANTED_SECONDS:-600}" bash -c "suite $one") >"$log" 2>&1 </dev/null || code=$?
        ((code == 0)) && continue
        git -C "$copy" checkout -q -- .
        if ((code == 124)); then
            printf '| `%s` | %s | (hangs) | %d s |\n' "$name" "$one" "$((SECONDS - start))"
        elif grep -q 'could not compile' "$log"; then
            printf '| `%s` | %s | DOES NOT COMPILE | %d s |\n' "$name" "$one" "$((SECONDS - start))"
            return 1
        else
            printf '| `%s` | %s | `%s` | %d s |\n' "$name" "$one" "$(first_failure)" "$((SECONDS - start))"
        fi
        return 0
    done
    git -C "$copy" checkout -q -- .
    printf '| `%s` | none | SURVIVED | %d s |\n' "$name" "$((SECONDS - start))"
    return 1
}

# Applies each patch to nothing: it says only whether it could.
check() {
    local name failed=0
    for name in "$@"; do
        git -C "$root" apply --check "$here/$name.patch" || {
            echo "tests/planted/$name.patch does not apply any more: plant the same bug in the code as it is now"
            failed=1
        }
    done
    ((failed == 0)) && echo "all $# patches apply"
    return "$failed"
}

mapfile -t all < <(cd "$here" && for patch in *.patch; do echo "${patch%.patch}"; done)
if [[ "${1:-}" == --check ]]; then
    check "${all[@]}"
    exit
fi
chosen=("${@:-${all[@]}}")
(($# > 0)) || chosen=("${all[@]}")

make_copy
[[ -n "${PLANTED_NO_BASELINE:-}" ]] || baseline
echo "| bug | caught by | first failing test | after |"
echo "|---|---|---|---|"
survivors=0
for name in "${chosen[@]}"; do
    hunt "$name" || survivors=$((survivors + 1))
done
((survivors == 0)) || echo "$survivors survived or did not compile"
((survivors == 0))
