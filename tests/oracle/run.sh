#!/usr/bin/env bash
# The whole-year job. Four stores take in the same flights and weather: in order; and shuffled with
# every third record twice, in batches of 1000, 7 and 333. All four have to give the same bytes, and
# the join of every flight with its weather has to equal two oracles that share nothing with asof.
#
#     bash tests/oracle/run.sh [DATA_DIR]
#
# DATA_DIR holds flights.csv.gz and weather.csv.gz of nycflights13; without one, and without ASOF_YEAR, which
# names such a directory too, it is the month that `asof demo` ships. ASOF_BIN names a binary
# that is built already. ASOF_REQUIRE=polars makes a failure of what is else skipped.
set -euo pipefail
data=""
if [[ -n "${1:-}" ]]; then data="$(realpath "$1")"; fi
if [[ -n "${ASOF_BIN:-}" ]]; then ASOF_BIN="$(realpath "$ASOF_BIN")"; fi
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
views=crates/asof-cli/data
year="${ASOF_YEAR:-}"

if [[ -z "$data" ]]; then
    data="$views"
    if [[ -d "$year" ]]; then data="$(realpath "$year")"; fi
fi

scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT

passed=0
failed=0
# check <name> <command…>: counts, and goes on after a failure.
check() {
    local name="$1" start=$SECONDS
    shift
    # Not `if "$@"`: that would switch `set -e` off inside the command.
    set +e
    (
        set -e
        "$@"
    )
    local code=$?
    set -e
    if ((code == 0)); then
        passed=$((passed + 1))
        printf 'ok      %4d s  %s\n' "$((SECONDS - start))" "$name"
    else
        failed=$((failed + 1))
        printf 'FAILED  %4d s  %s\n' "$((SECONDS - start))" "$name"
    fi
}

skip() {
    printf 'SKIPPED: %s: %s\n' "$1" "$2"
    if [[ ",${ASOF_REQUIRE:-}," == *",$1,"* ]]; then
        echo "ASOF_REQUIRE names $1, so this is a failure."
        failed=$((failed + 1))
    fi
}

if ! command -v python3 >/dev/null; then
    echo "This job needs python3 (no packages)." >&2
    exit 1
fi
if [[ -z "${ASOF_BIN:-}" ]]; then
    cargo build --release --locked --bin asof
    target="$(cargo metadata --no-deps --format-version 1 |
        sed 's/.*"target_directory":"\([^"]*\)".*/\1/')"
    ASOF_BIN="$target/release/asof"
fi

# --- What the data must hold ---------------------------------------------------------------------

rows() { python3 -c 'import gzip, sys; print(sum(1 for _ in gzip.open(sys.argv[1])) - 1)' "$1"; }
flights="$(rows "$data/flights.csv.gz")"
weather="$(rows "$data/weather.csv.gz")"
case "$flights/$weather" in
    336776/26115) without_tailnum=2512 events=664122 ties=31 ;;
    27004/2226) without_tailnum=155 events=53402 ties=2 ;;
    *)
        echo "$data has $flights flights and $weather observations: neither the year nor the month" >&2
        exit 1
        ;;
esac
echo "$data: $flights flights, $weather observations, $without_tailnum flights without a tail number"

# --- Preparing -----------------------------------------------------------------------------------

prepare() { python3 tests/oracle/prepare.py "$@"; }

line_count_is() {
    local lines
    lines="$(wc -l <"$1")"
    if ((lines != $2)); then
        echo "$1 has $lines lines, expected $2"
        return 1
    fi
}

prepared() {
    prepare spine "$data/flights.csv.gz" -o "$scratch/spine.csv"
    prepare weather "$data/weather.csv.gz" -o "$scratch/ordered.csv"
    prepare flights "$data/flights.csv.gz" -o "$scratch/ordered.jsonl"
    line_count_is "$scratch/spine.csv" "$((flights + 1))"
    line_count_is "$scratch/ordered.csv" "$((weather + 1))"
    line_count_is "$scratch/ordered.jsonl" "$events"
}

# prepare.py and prepare.awk were written apart; every byte has to agree.
awk_agrees() {
    gzip -dc "$data/flights.csv.gz" >"$scratch/flights.csv"
    awk -F, -v what=flights -f tests/flights/prepare.awk "$scratch/flights.csv" |
        cmp - "$scratch/ordered.jsonl"
    awk -F, -v what=spine -f tests/flights/prepare.awk "$scratch/flights.csv" |
        cmp - "$scratch/spine.csv"
    rm "$scratch/flights.csv"
}

# And what `asof demo` makes of the month that it ships; its spine has two rows more.
demo_agrees() {
    local month=crates/asof-cli/data kept="$scratch/demo"
    "$ASOF_BIN" demo --keep "$kept" | tail -n 15
    prepare flights "$month/flights.csv.gz" | cmp - "$kept/flights-ordered.jsonl"
    prepare weather "$month/weather.csv.gz" | cmp - "$kept/weather-ordered.csv"
    prepare spine "$month/flights.csv.gz" | cmp - <(head -n -2 "$kept/spine.csv")
    rm -rf "$kept"
}

check "prepared: spine, weather, $events flight events" prepared
check "prepare.awk writes the bytes of prepare.py" awk_agrees
check "asof demo writes the bytes of prepare.py" demo_agrees
if ((flights == 336776)); then
    check "the shipped month is January of this year" python3 tests/oracle/cut_month.py "$data" --check
fi

# --- Four stores ---------------------------------------------------------------------------------

# asof <store name> <arguments…>
asof() { "$ASOF_BIN" --store "$scratch/$1" "${@:2}"; }

# says <text> <word> <number>: the first number after the word, whatever stands between them.
says() {
    local number
    number="$(grep -oE "$2[^0-9]+[0-9]+" <<<"$1" | head -n 1 | grep -oE '[0-9]+$' || true)"
    if [[ "$number" != "$3" ]]; then
        echo "$2 is ${number:-missing}, expected $3"
        return 1
    fi
}

# ingest_counting <store> <rows> <bad rows> <file> <options…>: the receipt has to say so.
ingest_counting() {
    local receipt
    receipt="$(asof "$1" ingest "${@:4}" --output json)"
    echo "$receipt"
    says "$receipt" rows "$2"
    says "$receipt" quarantined "$3"
}

# fill <store> <batch> <weather.csv> <flights.jsonl>
fill() {
    local bad
    asof "$1" view apply "$views/weather.toml" "$views/flights.toml"
    ingest_counting "$1" "$(($(wc -l <"$3") - 1))" 0 \
        "$3" --batch "$2" --view weather --event-time time_hour --null NA
    # A bad record that is sent twice is reported twice, and kept once: `verified` counts those.
    bad="$(grep -c '"tailnum":null' "$4")"
    ingest_counting "$1" "$(wc -l <"$4")" "$bad" "$4" --batch "$2"
}

fill_in_order() {
    fill ordered 1000 "$scratch/ordered.csv" "$scratch/ordered.jsonl"
    (($(grep -c '"tailnum":null' "$scratch/ordered.jsonl") == without_tailnum))
}

fill_shuffled() {
    local batch="$1" mixed=(--every-third-twice --shuffle "$1")
    prepare weather "$data/weather.csv.gz" "${mixed[@]}" -o "$scratch/mixed.csv"
    prepare flights "$data/flights.csv.gz" "${mixed[@]}" -o "$scratch/mixed.jsonl"
    line_count_is "$scratch/mixed.csv" "$((weather + weather / 3 + 1))"
    line_count_is "$scratch/mixed.jsonl" "$((events + events / 3))"
    fill "shuffled-$batch" "$batch" "$scratch/mixed.csv" "$scratch/mixed.jsonl"
    rm "$scratch/mixed.csv" "$scratch/mixed.jsonl"
}

# join <store> <output>
join() {
    asof "$1" join --spine "$scratch/spine.csv" --time departure --view weather --status -o "$2"
}

# Every checksum holds; each bad flight is in the quarantine once; and the flights that share tail
# number and time are the conflicts, in every order of arrival.
verified() {
    local report
    report="$(asof "$1" verify --output json)"
    echo "$report"
    says "$report" versions "$((weather + events - without_tailnum))"
    says "$report" quarantined "$without_tailnum"
    says "$report" conflicts "$ties"
}

# Known at its scheduled departure, a flight has its schedule and no outcome.
nothing_leaks() {
    asof "$1" join --spine "$scratch/spine.csv" --time departure --known-at departure \
        --view flights:dest,dep_delay --status -o "$scratch/known.csv"
    awk -F, -v flights="$flights" -v without="$without_tailnum" '
        NR > 1 && $6 == "present" { scheduled++ }
        NR > 1 && $8 != "absent" { leaked++ }
        END {
            printf "%d schedules, %d outcomes\n", scheduled, leaked
            exit scheduled != flights - without || leaked != 0
        }' "$scratch/known.csv"
}

same_digest() {
    local mine reference
    reference="$(asof ordered digest)"
    mine="$(asof "$1" digest)"
    echo "$mine"
    [[ -n "$mine" && "$mine" == "$reference" ]]
}

same_dump() { asof "$1" dump | cmp - "$scratch/ordered.dump"; }

same_join() {
    join "$1" "$scratch/mine.csv"
    cmp "$scratch/mine.csv" "$scratch/ordered.joined"
    rm "$scratch/mine.csv"
}

dump_has_everything() {
    asof ordered dump >"$scratch/ordered.dump"
    # One line per view, then every version: nothing in these data is a duplicate.
    line_count_is "$scratch/ordered.dump" "$((2 + weather + events - without_tailnum))"
}

check "store in order, batches of 1000; $without_tailnum flights in the quarantine" fill_in_order
check "verified: each bad flight kept once, $ties conflicts" verified ordered
check "its dump has every version" dump_has_everything
check "known at departure, no flight sees its outcome" nothing_leaks ordered
check "its join" join ordered "$scratch/ordered.joined"
check "its join equals the oracle in plain Python" python3 tests/oracle/join_oracle.py \
    "$data/flights.csv.gz" "$data/weather.csv.gz" "$scratch/ordered.joined"

# The same events against the model of the test suite, shuffled and repeated once more.
questions() {
    ASOF_FLIGHTS="$scratch/ordered.jsonl" \
        cargo test --release --locked --workspace --test flights -- --nocapture
}
check "ten thousand questions (entity, as of, known at) equal the model" questions

for batch in 1000 7 333; do
    store="shuffled-$batch"
    check "store shuffled, every third record twice, batches of $batch" fill_shuffled "$batch"
    check "$store: verified, with the same counts" verified "$store"
    check "$store: digest equal" same_digest "$store"
    check "$store: dump identical" same_dump "$store"
    # The bytes that passed the oracle above.
    check "$store: join identical" same_join "$store"
    rm -rf "${scratch:?}/$store"
done

# --- The oracle by somebody else ------------------------------------------------------------------

if python3 -m venv "$scratch/venv" >"$scratch/pip.log" 2>&1 &&
    "$scratch/venv/bin/pip" install --quiet --retries 1 --timeout 20 'polars>=2,<3' \
        >>"$scratch/pip.log" 2>&1; then
    check "its join equals the oracle in Polars" "$scratch/venv/bin/python" \
        tests/oracle/join_oracle_polars.py \
        "$data/flights.csv.gz" "$data/weather.csv.gz" "$scratch/ordered.joined"
else
    skip polars "no virtual environment, or the package index cannot be reached: $(tail -n 1 "$scratch/pip.log")"
fi

printf '\n%d passed, %d failed\n' "$passed" "$failed"
((failed == 0))
