#!/usr/bin/env python3
"""Whether the tests of the pure core see every small change of it.

    mutants.py              all mutants; ends with 1 where one survives that mutants.txt does not explain
    mutants.py fold.rs:85   those whose name holds one of these words

The mutants are those that `cargo mutants --list` knows of the fold, the retained set, the keys and the
rows. Where cargo-mutants compiles the crate anew for each, here all of them are compiled in at once, as
arms of one `match` per function, and a variable of the environment says which is on: minutes instead of
hours. What does not compile counts as neither caught nor survived. On a copy of the tree, never on the
tree; without RocksDB.

A mutant meets the unit tests of its own layer first, then all of the pure core. The first panic ends
it; so does a minute of processor time, which counts as caught, as a hang would be.

  CARGO_TARGET_DIR  where the copy and its build are kept; without one, target/mutants
"""

import json
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = pathlib.Path(os.environ.setdefault("CARGO_TARGET_DIR", str(ROOT / "target/mutants")))
COPY = TARGET / "mutants-tree"
EXPLAINED = ROOT / "tests/planted/mutants.txt"
FILES = ["src/law/fold.rs", "src/law/retained.rs", "src/format/key.rs", "src/format/row/*.rs"]
CORE = ["-p", "asof", "--lib", "--no-default-features", "--features", "text"]
# The tests run thousands of times: it pays to optimise what they run.
PROFILE = ["--config", "profile.dev.package.asof.opt-level=1"]
SECONDS_MAX = 60
SWITCH = """
pub(crate) fn on() -> usize {
    static ON: std::sync::OnceLock<usize> = std::sync::OnceLock::new();
    *ON.get_or_init(|| {
        std::panic::set_hook(Box::new(|panic| {
            // Not by eprintln, which a test that runs has for itself.
            let told = format!("thread {:?}: {panic}\\n", std::thread::current().name());
            let _told = std::io::Write::write_all(&mut std::io::stderr(), told.as_bytes());
            std::process::exit(101)
        }));
        std::env::var("ASOF_MUTANT").map_or(0, |on| on.parse().expect("a number"))
    })
}
"""


def listed():
    """The mutants, as cargo-mutants tells them, each with the number that switches it on."""
    command = ["cargo", "mutants", "--list", "--json", "-p", "asof"]
    for file in FILES:
        command += ["-f", file]
    text = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    mutants = json.loads(text)
    for number, mutant in enumerate(mutants, 1):
        mutant["number"] = number
        text = (ROOT / mutant["file"]).read_text()
        line = text.splitlines()[mutant["span"]["start"]["line"] - 1]
        # Line numbers move; what stands there does not.
        what = re.sub(r"^\S+:\d+:\d+: ", "", mutant["name"])
        mutant["told"] = f"{mutant['file']}: {what}: `{line.strip()}`"
        first, last = span(text, mutant["span"])
        if line.count(text[first:last]) > 1:
            indent = len(line) - len(line.lstrip())
            mutant["told"] += f" at {mutant['span']['start']['column'] - indent}"
    return mutants


def offset(text, place):
    """Where a line and a column, both from one, stand in a text."""
    at = 0
    for _ in range(place["line"] - 1):
        at = text.index("\n", at) + 1
    return at + place["column"] - 1


def span(text, of):
    return offset(text, of["start"]), offset(text, of["end"])


def changed(text, mutant, start=0, end=None):
    """A stretch of a text with the mutation in it."""
    first, last = span(text, mutant["span"])
    return text[start:first] + mutant["replacement"] + text[last:end]


def switched(text, mutants, arms):
    """A file with all these mutants in it. Notes in which lines the arm of each stands."""
    functions = {}
    for mutant in mutants:
        functions.setdefault(span(text, mutant["function"]["span"]), []).append(mutant)
    out, done, line = [], 0, 1

    def add(piece):
        nonlocal line
        out.append(piece)
        line += piece.count("\n")

    for (start, end), those in sorted(functions.items()):
        opening = text.index("{", start) + 1
        # Arms of different hidden types are made one by a box.
        is_hidden = "impl Iterator" in text[start:opening]
        before, after = (
            ("Box::new({", "}) as Box<dyn Iterator<Item = _> + '_>,\n") if is_hidden else ("{", "}\n")
        )
        add(text[done:opening] + " match crate::mutant::on() {\n")
        for mutant in those:
            first = line
            add(f"{mutant['number']} => {before}{changed(text, mutant, opening, end - 1)}{after}")
            arms.append((mutant["file"], first, line, mutant))
        add(f"_ => {before}{text[opening:end - 1]}{after}}} }}")
        done = end
    add(text[done:])
    return "".join(out)


def copy_tree():
    if COPY.exists():
        shutil.rmtree(COPY)
    names = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (COPY / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, COPY / name)
    (COPY / "src/mutant.rs").write_text(SWITCH)
    lib = COPY / "src/lib.rs"
    lib.write_text("#![allow(warnings, clippy::all)]\n" + lib.read_text() + "\nmod mutant;\n")


def build(arms):
    """The test program, or the mutants that do not compile."""
    command = ["cargo", "test", "--locked", *CORE, *PROFILE, "--no-run", "--message-format=json"]
    ended = subprocess.run(command, cwd=COPY, stdout=subprocess.PIPE, text=True)
    messages = [json.loads(line) for line in ended.stdout.splitlines() if line.startswith("{")]
    if ended.returncode == 0:
        return next(m["executable"] for m in reversed(messages) if m.get("executable")), []
    failed = []
    for message in messages:
        if message.get("message", {}).get("level") != "error":
            continue
        for place in message["message"]["spans"]:
            for file, first, last, mutant in arms:
                if place["file_name"] == file and first <= place["line_start"] <= last:
                    failed.append(mutant)
    if not failed:
        errors = (m["message"].get("rendered") for m in messages if "message" in m)
        sys.exit("the copy does not compile:\n" + "\n".join(filter(None, errors)))
    return None, failed


def prepare(mutants):
    """Compiles all that compile. Gives the program and what does not compile."""
    alive, unviable = list(mutants), []
    while True:
        arms = []
        for file in {mutant["file"] for mutant in mutants}:
            those = [mutant for mutant in alive if mutant["file"] == file]
            (COPY / file).write_text(switched((ROOT / file).read_text(), those, arms))
        program, failed = build(arms)
        if program:
            return program, unviable
        unviable += [mutant for mutant in alive if mutant in failed]
        alive = [mutant for mutant in alive if mutant not in failed]


def limited():
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS_MAX, SECONDS_MAX + 1))
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))


def catcher(program, number, layers):
    """The first test that fails, or none."""
    environment = {
        **os.environ,
        "ASOF_MUTANT": str(number),
        "PROPTEST_MAX_SHRINK_ITERS": "0",
        "CARGO_MANIFEST_DIR": str(COPY),
    }
    for layer in layers:
        ended = subprocess.run(
            [program, *layer], cwd=COPY, env=environment, preexec_fn=limited, capture_output=True,
            text=True, errors="replace",
        )
        if ended.returncode != 0:
            told = re.search(r'thread Some\("([^"]+)"\)', ended.stderr)
            return told.group(1) if told else f"ended with {ended.returncode}"
    return None


def layers(mutant):
    own = "law::" if mutant["file"].startswith("src/law") else "format::"
    return [[own], []]


def main(words):
    began = time.monotonic()
    mutants = listed()
    if words:
        mutants = [m for m in mutants if any(word in m["name"] for word in words)]
    copy_tree()
    inside = [m for m in mutants if m["function"]]
    program, unviable = prepare(inside)
    failed = catcher(program, 0, [[]])
    if failed:
        sys.exit(f"{failed} fails with nothing changed")
    verdicts = {}
    for mutant in inside:
        if mutant not in unviable:
            verdicts[mutant["number"]] = catcher(program, mutant["number"], layers(mutant))
            print(f"{mutant['name']}: {verdicts[mutant['number']] or 'SURVIVED'}", flush=True)
    # What stands outside every function is compiled by itself.
    for mutant in (m for m in mutants if not m["function"]):
        copy_tree()
        (COPY / mutant["file"]).write_text(changed((ROOT / mutant["file"]).read_text(), mutant))
        program, _ = build([])
        verdicts[mutant["number"]] = catcher(program, 0, layers(mutant))
        print(f"{mutant['name']}: {verdicts[mutant['number']] or 'SURVIVED'}", flush=True)
    told = {m["number"]: m["told"] for m in mutants}
    survived = [told[number] for number, test in verdicts.items() if test is None]
    explained = [
        line.split(" — ")[0] for line in EXPLAINED.read_text().splitlines() if line.startswith("src/")
    ]
    viable = len(verdicts)
    print(f"{viable - len(survived)} of {viable} caught, {len(unviable)} do not compile, "
          f"{time.monotonic() - began:.0f} s")
    unexplained = [line for line in survived if line not in explained]
    for line in unexplained:
        print(f"UNEXPLAINED: {line}")
    caught = [line for line in explained if line in told.values() and line not in survived]
    for line in caught:
        print(f"caught by now, take it out of mutants.txt: {line}")
    return 1 if unexplained or caught else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
