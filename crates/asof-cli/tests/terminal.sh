#!/bin/sh
# What a person sees: a bar while a long command runs on a terminal, gone when it is done; none in a
# pipe; tables in line. Usage: terminal.sh PATH/TO/asof. Needs tmux.
set -eu

asof=$(realpath "$1")
here=$(mktemp -d)
tmux="tmux -S $here/tmux -f /dev/null"
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
rows=60000
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
        [ $tries -lt 2400 ] || fail "$name did not end"
        sleep 0.05
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

# In a pipe nothing of it: stderr is empty, and no byte steers a terminal.
for command in "ingest rows.jsonl" "verify" "stats" "dump" "join --spine spine.csv --time t --view v -o joined.csv"; do
    # shellcheck disable=SC2086
    "$asof" --store s $command > piped.out 2> piped.err
    [ ! -s piped.err ] || fail "$command: something on stderr in a pipe: $(head -c 300 piped.err)"
    if LC_ALL=C grep -q "$(printf '\033')" piped.out; then fail "$command: escapes in a pipe"; fi
done
echo "terminal.sh: bars on a terminal, none in a pipe"
