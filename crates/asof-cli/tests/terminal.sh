#!/bin/sh
# What a person sees: a bar while a long command runs on a terminal, gone when it is done; none in a
# pipe; the same tables on every terminal, and within 80 columns where the data allow; no colours where
# NO_COLOR says so. Usage: terminal.sh PATH/TO/asof. Needs tmux.
set -eu

asof=$(realpath "$1")
here=$(mktemp -d)
tmux="tmux -u -S $here/tmux -f /dev/null"
trap '$tmux kill-server 2>/dev/null || true; rm -rf "$here"' EXIT
fail() { echo "terminal.sh: $*" >&2; exit 1; }
cd "$here"

cat > v.toml <<'END'
view = "v"
[entity]
k = "string"
[features]
x = "i64"
END
rows=400000
awk -v n=$rows 'BEGIN { for (i = 0; i < n; i++)
  printf "{\"view\":\"v\",\"entity\":{\"k\":\"e%d\"},\"event_time\":%d,\"features\":{\"x\":%d}}\n", i % 997, i, i }' > rows.jsonl
awk -v n=$rows 'BEGIN { print "k,t"; for (i = 0; i < n; i++) printf "e%d,%d\n", i % 997, i }' > spine.csv
"$asof" --store s view apply v.toml > /dev/null

# Runs a command in a terminal of 100 columns until it is done; every screen on the way goes to a file.
watch() {
    name=$1; shift
    : > "$name.screens"
    $tmux new-session -d -x 100 -y 30 -s "$name" "sh"
    $tmux send-keys -t "$name" "clear; $*; echo done-\$?" Enter
    tries=0
    until $tmux capture-pane -p -t "$name" > "$name.screen" && grep -q '^done-[0-9]' "$name.screen"; do
        cat "$name.screen" >> "$name.screens"
        tries=$((tries + 1))
        [ $tries -lt 12000 ] || fail "$name did not end"
        sleep 0.01
    done
    $tmux kill-session -t "$name"
    grep -q '^done-0' "$name.screen" || fail "$name failed: $(cat "$name.screen")"
}

# $1: the command's name; $2: what its bar says from its left end to its right, on one line.
saw_a_bar() {
    grep -q "$2" "$1.screens" || fail "$1: no bar was seen on the terminal"
    grep -v 'send-keys\|clear;' "$1.screen" | grep -q "$2" && fail "$1: the bar is still there at the end"
    return 0
}

watch ingest "$asof --store s ingest rows.jsonl"
saw_a_bar ingest '^rows.jsonl .*iB/[0-9.]* .iB .*s$'
grep -q "^rows  *$rows" ingest.screen || fail "the receipt is not on the screen"

watch join "$asof --store s join --spine spine.csv --time t --view v -o joined.csv"
saw_a_bar join '^spine.csv .*iB/[0-9.]* .*s$'

watch dump "$asof --store s dump > out.dump"
saw_a_bar dump '^dump .*rows'

watch verify "$asof --store s verify"
saw_a_bar verify '\(files\|history\|latest\) .*rows'
grep -q '^db/.*history .*whole' verify.screen || fail "verify gives no verdict per file"

NO_COLOR=1 watch stats "$asof --store s stats"
grep -q '^family  *files  *on disk' stats.screen || fail "stats shows no table"

# On a terminal of any width a table is what it is in a pipe: nothing is left of a bar, nothing is cut.
cat > w.toml <<'END'
view = "weather"
sources = ["weather-log"]
[entity]
origin = "string"
[features]
temp = "f64"
sky = { type = "string", nullable = true }
END
cat > w.jsonl <<'END'
{"view":"weather","entity":{"origin":"EWR"},"event_time":"2013-01-01T06:00:00Z","features":{"temp":39.02,"sky":"東京"}}
{"view":"weather","entity":{"origin":"EWR"},"event_time":"2013-01-01T07:00:00Z","op":"patch","features":{"sky":null}}
{"view":"weather","entity":{"origin":"東京"},"event_time":"2013-01-01T07:00:00Z","features":{"temp":1.5,"sky":"fog"}}
{"view":"weather","entity":{"origin":"JFK"},"event_time":"2013-01-01T07:00:00Z","features":{"temp":null}}
END
"$asof" --store w view apply w.toml > /dev/null
"$asof" --store w ingest w.jsonl --source weather-log --complete-through 2013-01-01T08:00:00Z > /dev/null 2>&1
cp -r w broken
rm broken/db/CURRENT

# $1: how wide the terminal is; the rest: a command.
same_as_in_a_pipe() {
    columns=$1; shift
    sh -c "$*" > piped.txt 2>&1 || true
    $tmux new-session -d -x "$columns" -y 60 -s same "PS1= sh"
    $tmux send-keys -t same "PS1=; clear; $*; echo done-\$?" Enter
    tries=0
    until $tmux capture-pane -p -J -t same > same.screen && grep -q '^done-[0-9]' same.screen; do
        tries=$((tries + 1))
        [ $tries -lt 600 ] || fail "$* did not end"
        sleep 0.01
    done
    $tmux capture-pane -p -e -t same > same.escapes
    $tmux kill-session -t same
    # Every open numbers its files anew, and writes to the manifest.
    same="s/ *$//; s/[0-9]\{6\}/NNNNNN/; /MANIFEST/d"
    sed -e '/^done-[0-9]/,$d' -e "$same" same.screen | grep -v 'PS1=; clear' > shown.txt || true
    sed "$same" piped.txt > expected.txt
    cmp -s expected.txt shown.txt ||
        fail "$*: at $columns columns the screen differs: $(diff expected.txt shown.txt)"
    if LC_ALL=C grep -q "$(printf '\033')" same.escapes; then fail "$*: colours"; fi
}

for columns in 80 120; do
    for command in "get weather EWR" \
        "get weather EWR --explain" "history weather EWR" "scan weather" \
        "freshness" "source list" "verify" "quarantine list" "view show weather"; do
        same_as_in_a_pipe $columns "$asof --store w --now 2013-01-01T09:12:34.5Z $command"
        # What is longer than 80 columns elsewhere is sentences, at the end of their lines.
        case $command in "quarantine list" | *--explain) continue ;; esac
        if grep -q '.\{81\}' piped.txt; then
            fail "$command: wider than 80 columns: $(grep '.\{81\}' piped.txt)"
        fi
    done
    same_as_in_a_pipe $columns "$asof --store broken doctor"
    NO_COLOR=1 same_as_in_a_pipe $columns "NO_COLOR=1 $asof nonsense"
done
# A column is in line under a name in wide characters too.
"$asof" --store w scan weather > scan.txt
grep -q '^東京    found' scan.txt || fail "wide characters are out of line: $(cat scan.txt)"

# In a pipe nothing of it: stderr is empty, and no byte steers a terminal.
for command in "ingest rows.jsonl" "verify" "stats" "dump" "join --spine spine.csv --time t --view v -o joined.csv"; do
    # shellcheck disable=SC2086
    "$asof" --store s $command > piped.out 2> piped.err
    [ ! -s piped.err ] || fail "$command: something on stderr in a pipe: $(head -c 300 piped.err)"
    if LC_ALL=C grep -q "$(printf '\033')" piped.out; then fail "$command: escapes in a pipe"; fi
done
echo "terminal.sh: bars on a terminal, none in a pipe; the same tables everywhere"
