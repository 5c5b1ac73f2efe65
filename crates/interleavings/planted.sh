#!/usr/bin/env bash
# Plants one bug after the other in the locks and atomics of the engine, and says which model sees it.
#
#     crates/interleavings/planted.sh               every patch in planted/
#     crates/interleavings/planted.sh no_mark …     these
#     crates/interleavings/planted.sh --check       whether every patch still applies; builds nothing
#
# Each patch goes onto a copy of the sources, never onto the tree. The model that its `First:` names goes
# first, then all of them. A bug that no model sees ends in SURVIVED and in exit code 1: then a model is
# missing, or the checker cannot see the difference.
#
#   CARGO_TARGET_DIR  where builds are kept between runs; without one, target/ of this crate
#   LOOM_MAX_DURATION seconds that one model may take before it counts as having seen nothing (120)
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(cd "$here/../.." && pwd)"

export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$here/target}"
export CARGO_TERM_COLOR=never LOOM_MAX_DURATION="${LOOM_MAX_DURATION:-120}"
copy="$CARGO_TARGET_DIR/planted-tree"
log="$CARGO_TARGET_DIR/planted-log"

# A repository of its own: git then takes paths from here, and can put back what a patch changed.
make_copy() {
    rm -rf "$copy"
    mkdir -p "$copy"
    (cd "$root" && git ls-files -cz --exclude-standard src crates/interleavings | tar --null -T - -c) |
        tar -x -C "$copy"
    git -C "$copy" init -q
    git -C "$copy" add -A
    git -C "$copy" -c user.name=planted -c user.email=planted@localhost commit -qm "The tree"
}

# models [name…]: builds the copy and runs these models, or all.
models() {
    (cd "$copy" && timeout 900 cargo run -q --release --locked \
        --manifest-path crates/interleavings/Cargo.toml -- "$@") >"$log" 2>&1 </dev/null
}

# The models that failed, by the words of the runner.
failed() {
    sed -n 's/^FAILED: \([a-z_]*\) after .*/`\1`/p' "$log" | sort | paste -sd' '
}

# hunt <name>: one line about who saw it.
hunt() {
    local name="$1" start=$SECONDS first code=0 seen
    first="$(sed -n 's/^First: //p' "$here/planted/$name.patch")"
    git -C "$copy" apply "$here/planted/$name.patch"
    models "$first" || code=$?
    ((code != 0)) || models || code=$?
    git -C "$copy" checkout -q -- .
    seen="$(failed)"
    if grep -q 'could not compile' "$log"; then
        seen="DOES NOT COMPILE"
    elif ((code == 124)); then
        seen="(hangs)"
    elif ((code == 0)); then
        seen="SURVIVED"
    fi
    printf '| `%s` | %s | %d s |\n' "$name" "${seen:-nobody, and the runner failed: see $log}" "$((SECONDS - start))"
    [[ -n "$seen" && "$seen" != SURVIVED && "$seen" != DOES* ]]
}

# Applies each patch to nothing: it says only whether it could.
check() {
    local name failed=0
    for name in "$@"; do
        git -C "$root" apply --check "$here/planted/$name.patch" || {
            echo "crates/interleavings/planted/$name.patch does not apply any more: plant the same bug in the code as it is now"
            failed=1
        }
    done
    ((failed == 0)) && echo "all $# patches apply"
    return "$failed"
}

mapfile -t all < <(cd "$here/planted" && for patch in *.patch; do echo "${patch%.patch}"; done)
if [[ "${1:-}" == --check ]]; then
    check "${all[@]}"
    exit
fi
chosen=("$@")
(($# > 0)) || chosen=("${all[@]}")

make_copy
models || {
    echo "a model fails with nothing planted: $(failed); see $log"
    exit 1
}
echo "| bug | seen by | after, compiling included |"
echo "|---|---|---|"
survivors=0
for name in "${chosen[@]}"; do
    hunt "$name" || survivors=$((survivors + 1))
done
((survivors == 0)) || echo "$survivors survived or did not compile"
((survivors == 0))
