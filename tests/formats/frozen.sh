#!/usr/bin/env bash
# What was written once stays readable: refuses a change of any byte of a store in store-v*/ and a
# change or loss of any line of a v*.golden. frozen.sha256 lists them, and the last line of CHANGES
# names that list and says why it is as it is, so that nobody changes a format by the way.
#
#     tests/formats/frozen.sh                      checks; needs no network and no history
#     tests/formats/frozen.sh --accept "reason"    takes what lies there as the formats from now on
#
# A format that was released is never accepted otherwise: what a tag v* of this repository lists must
# still be listed. A new format joins as store-v2/ and v2.golden.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

# One line for each file and for each line of a golden, sorted.
list() {
    local golden line
    find store-v* -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
    for golden in v*.golden; do
        grep -v '^#' "$golden" | while IFS= read -r line; do
            printf '%s  %s: %s\n' "$(printf '%s' "$line" | sha256sum | cut -c1-16)" "$golden" "${line%% |*}"
        done
    done
}

fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

# Whatever a release has listed must be in the list on stdin.
keeps_releases() {
    local now tag gone
    now="$(cat)"
    for tag in $(git tag --list 'v*' 2>/dev/null || true); do
        gone="$(git show "$tag:./frozen.sha256" 2>/dev/null | grep -vxFf <(printf '%s\n' "$now") || true)"
        [[ -z "$gone" ]] || fail "$tag was released with these, and they are changed or gone:" "$gone" \
            "Put them back, and let a new format join beside the old one."
    done
}

now="$(list)"
printf '%s\n' "$now" | keeps_releases
case "${1:-}" in
--accept)
    [[ -n "${2:-}" ]] || fail 'say why: tests/formats/frozen.sh --accept "reason"'
    printf '%s\n' "$now" >frozen.sha256
    printf '%s: %s\n' "$(sha256sum <frozen.sha256 | cut -c1-12)" "$2" >>CHANGES
    ;;
'')
    difference="$(diff <(printf '%s\n' "$now") frozen.sha256 || true)"
    [[ -z "$difference" ]] || fail "formats are not as frozen.sha256 has them (< now, > listed):" "$difference" \
        'If the format is not released and this is meant: tests/formats/frozen.sh --accept "reason"'
    named="$(tail -n 1 CHANGES | cut -d: -f1)"
    [[ "$named" == "$(sha256sum <frozen.sha256 | cut -c1-12)" ]] ||
        fail "the last line of CHANGES does not name this frozen.sha256: say why it was changed"
    echo "$(wc -l <frozen.sha256) files and lines are as they were frozen"
    ;;
*) fail "usage: tests/formats/frozen.sh [--accept reason]" ;;
esac
