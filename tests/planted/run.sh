#!/usr/bin/env bash
# Plants one bug after the other and says which test finds it, and after how long.
#
#     tests/planted/run.sh                 every patch in this folder
#     tests/planted/run.sh put_keeps …     these
#     tests/planted/run.sh --check         whether every patch still applies; builds nothing
#
# Each patch goes onto a copy of the tree, never onto the tree. The suite that its `First:` names goes
# first, with the tests it names there, so that a hunt takes a minute; then all suites, from the
# cheapest to the dearest. The first failing test ends the hunt. A bug that nobody finds ends in
# SURVIVED and in exit code 1: then a test is missing.
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

# A repository of its own: git then takes paths from here, and can put back what a patch changed. Its
# files are as new as the copy: with older times cargo would take them for those of the last build.
make_copy() {
    rm -rf "$copy"
    mkdir -p "$copy"
    (cd "$root" && git ls-files -cz --exclude-standard | tar --null -T - -c) | tar -xm -C "$copy"
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
    sed -n 's/^First: //p' "$here/$1.patch"
    printf '%s\n' ${core:+core} ${engine:+behaviour store_model engine} cli \
        ${engine:+concurrency crash states corruption}
}

# suite <name> [tests…]: the harnesses that are no libtest take no names of tests.
suite() {
    local name="$1"
    shift
    case "$name" in
        core) cargo test --locked -p asof --lib --no-default-features --features text -- "$@" ;;
        behaviour | store_model) cargo test --locked -p asof --test "$name" -- "$@" ;;
        engine) cargo test --locked -p asof --lib -- "$@" ;;
        cli) cargo test --locked -p asof-cli --tests -- "$@" ;;
        crash | concurrency | corruption) cargo test --locked -p asof --test "$name" ;;
        states) cargo run --locked -p asof-crash -- states --states 600 --seed 1 ;;
        *) echo "no suite is called $name" && return 2 ;;
    esac
}
export -f suite

# The first test that failed, by the words of libtest, or the first failure that a harness tells.
first_failure() {
    sed -n -e 's/^test \(.*\) \.\.\. FAILED$/`\1`/p' -e 's/^FAILED: //p' "$log" | head -1
}

# Processor seconds of everything that has run so far, this shell left out.
cpu() {
    times >"$log.times"
    awk 'NR == 2 { for (i = 1; i <= 2; i++) { split($i, t, /[ms]/); s += 60 * t[1] + t[2] } printf "%d", s }' \
        "$log.times"
}

# A suite that fails by itself finds everything and proves nothing.
baseline() {
    local one
    for one in core behaviour store_model engine cli concurrency crash states corruption; do
        (cd "$copy" && suite "$one") >"$log" 2>&1 </dev/null || {
            echo "$one fails with nothing planted: $(first_failure); see $log"
            return 1
        }
    done
}

# row <name> <suite> <what>: one line of the table.
row() {
    cpu >"$log.cpu"
    printf '| `%s` | %s | %s | %d s | %d s |\n' "$1" "${2%% *}" "$3" \
        "$((SECONDS - start))" "$(($(<"$log.cpu") - start_cpu))"
}

# hunt <name>: one line about who caught it.
hunt() {
    local name="$1" start=$SECONDS start_cpu one code suites
    cpu >"$log.cpu"
    start_cpu=$(<"$log.cpu")
    git -C "$copy" apply "$here/$name.patch"
    mapfile -t suites < <(suites_for "$name")
    for one in "${suites[@]}"; do
        code=0
        (cd "$copy" && exec timeout "${PLANTED_SECONDS:-600}" bash -c "suite $one") \
            >"$log" 2>&1 </dev/null || code=$?
        ((code == 0)) && continue
        git -C "$copy" checkout -q -- .
        if ((code == 124)); then
            row "$name" "$one" "(hangs)"
        elif grep -q 'could not compile' "$log"; then
            row "$name" "$one" "DOES NOT COMPILE"
            return 1
        else
            row "$name" "$one" "$(first_failure)"
        fi
        return 0
    done
    git -C "$copy" checkout -q -- .
    row "$name" none SURVIVED
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
echo "| bug | caught by | first failing test | after | processor |"
echo "|---|---|---|---|---|"
survivors=0
for name in "${chosen[@]}"; do
    hunt "$name" || survivors=$((survivors + 1))
done
((survivors == 0)) || echo "$survivors survived or did not compile"
((survivors == 0))
