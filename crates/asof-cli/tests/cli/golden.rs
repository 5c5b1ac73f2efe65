//! What every command says on every kind of store, and of every slip on the command line: compared
//! with the files in `tests/golden/`, to the letter.
//!
//! When a message is changed on purpose, look at the difference and bless it:
//! `ASOF_BLESS=1 cargo test -p asof-cli --test cli golden`. Without that a difference fails, and a
//! golden file that is missing fails.

use crate::normal::normal;
use crate::scenes::{SCENES, Scene};
use crate::world::{Ended, World};
use std::path::{Path, PathBuf};

/// Every command, each with arguments under which it works on a whole store.
const COMMANDS: [&[&str]; 36] = [
    &["view", "list"],
    &["view", "show", "weather"],
    &["view", "apply", "weather.toml"],
    &["view", "apply", "--check", "weather.toml"],
    &["ingest", "rows.jsonl"],
    &["get", "weather", "EWR"],
    &["get", "weather", "EWR", "--explain"],
    &["history", "weather", "EWR"],
    &["scan", "weather"],
    &[
        "join",
        "--spine",
        "spine.csv",
        "--time",
        "t",
        "--view",
        "weather",
    ],
    &["dump"],
    &["digest"],
    &["verify"],
    &["stats"],
    &["stats", "--quick"],
    &["stats", "--output", "json"],
    &["quarantine", "list"],
    &["quarantine", "replay", "--all"],
    &["quarantine", "drop", "--all"],
    &["quarantine", "drop", "--all", "--yes"],
    &["freshness"],
    &["get", "weather", "EWR", "--require-fresh", "1h"],
    &["source", "list"],
    &["source", "declare", "weather-log", "0", "1"],
    &["source", "declare", "weather-log", "1"],
    &["source", "declare", "weather-log", "1", "--yes"],
    &["source", "rewind", "weather-log", "1"],
    &["source", "rewind", "weather-log", "1", "--yes"],
    &["source", "skip", "weather-log", "9"],
    &["source", "skip", "weather-log", "9", "--yes"],
    &["erase", "weather", "EWR"],
    &["erase", "weather", "EWR", "--yes"],
    &["erase", "--list", "--output", "ndjson"],
    &["doctor"],
    &["doctor", "--accept-loss"],
    &["doctor", "--accept-loss", "--yes"],
];

/// Commands whose sizes in bytes are RocksDB's affair.
fn has_sizes(args: &[&str]) -> bool {
    matches!(args.first(), Some(&"verify" | &"stats"))
}

fn tell(world: &World, args: &[&str], ended: &Ended) -> (String, String) {
    let clean = |text: &str| normal(text, world.root(), has_sizes(args));
    let result = format!(
        "exit {}\n--- stdout\n{}--- stderr\n{}",
        ended.code,
        clean(&ended.stdout),
        clean(&ended.stderr)
    );
    (format!("$ asof {}\n", args.join(" ")), result)
}

/// Commands with the same result stand above it together.
fn transcript(told: impl IntoIterator<Item = (String, String)>) -> String {
    let mut out = String::new();
    let mut pending: Option<String> = None;
    for (command, result) in told {
        if let Some(before) = pending.take().filter(|before| *before != result) {
            out.push_str(&before);
            out.push('\n');
        }
        out.push_str(&command);
        pending = Some(result);
    }
    out.extend(pending);
    out
}

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name)
}

#[track_caller]
fn compare(name: &str, found: &str) {
    #[expect(
        clippy::disallowed_methods,
        reason = "blessing is a decision of whoever runs the test"
    )]
    let bless = std::env::var_os("ASOF_BLESS").is_some();
    if bless {
        std::fs::write(path(name), found).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(path(name)).unwrap_or_default();
    if expected == found {
        return;
    }
    let mut expected = expected.lines();
    let mut number = 0;
    for line in found.lines() {
        number += 1;
        let before = expected.next();
        assert_eq!(
            before,
            Some(line),
            "{name}:{number} differs; if it is meant, bless it with ASOF_BLESS=1"
        );
    }
    panic!("{name}: lines after {number} are missing");
}

#[test]
fn every_command_says_the_same_on_every_kind_of_store() {
    // Who is hurt: whoever greps a message at night, and whoever is told half of what is wrong.
    let template = World::whole();
    for Scene { name, prepare } in SCENES {
        let told = COMMANDS.map(|args| {
            template.restore();
            let guard = prepare(&template);
            let ended = template.run(args);
            drop(guard);
            tell(&template, args, &ended)
        });
        compare(&format!("store_{name}.txt"), &transcript(told));
    }
}

const NO_ENTRY: &str = "020000000000000000000000000000000a";

/// Slips: what is wrong with each is what stands beside it in the golden file.
const SLIPS: &[&[&str]] = &[
    &[],
    &["nonsense"],
    &["veiw", "list"],
    &["view", "aply", "weather.toml"],
    &["demo"],
    &["demo", "--output", "json"],
    &["demo", "--seed", "x"],
    &["get"],
    &["get", "weather"],
    &["get", "weather", "EWR", "--keys", "keys.txt"],
    &["get", "weather", "EWR", "JFK"],
    &["get", "weather", "dest=EWR"],
    &["get", "weather", "EWR", "--as-of", "yesterday"],
    &[
        "get",
        "weather",
        "EWR",
        "--known-at",
        "2013-13-01T00:00:00Z",
    ],
    &["get", "weather", "EWR", "--features", "tmp"],
    &["get", "weather", "EWR", "--output", "xml"],
    &["get", "weather", "--keys", "nowhere.txt"],
    &["get", "wether", "EWR"],
    &["get", "weather", "ORD"],
    // Asked about a time before it was known, and by what was known before.
    &["get", "weather", "EWR", "--as-of", "2012-01-01T00:00:00Z"],
    &[
        "get",
        "weather",
        "EWR",
        "--as-of",
        "2012-01-01T00:00:00Z",
        "--explain",
    ],
    &[
        "get",
        "weather",
        "EWR",
        "--known-at",
        "2012-01-01T00:00:00Z",
    ],
    &[
        "get",
        "weather",
        "EWR",
        "--explain",
        "--features",
        "wind_gust",
    ],
    &["get", "nothing_like_it", "EWR"],
    &["get", "weather", "EWR", "--require-fresh", "soon"],
    &["history", "weather"],
    &["history", "weather", "EWR", "--from", "noon"],
    &["history", "weather", "EWR", "--limit", "-1"],
    &["history", "weather", "ORD"],
    &["scan"],
    &["scan", "weather", "--as-of", "noon"],
    &["join"],
    &[
        "join",
        "--spine",
        "nowhere.csv",
        "--time",
        "t",
        "--view",
        "weather",
    ],
    &[
        "join",
        "--spine",
        "spine.csv",
        "--time",
        "when",
        "--view",
        "weather",
    ],
    &[
        "join",
        "--spine",
        "spine.csv",
        "--time",
        "t",
        "--view",
        "=weather",
    ],
    &[
        "join",
        "--spine",
        "spine.csv",
        "--time",
        "t",
        "--view",
        "weather:tmp",
    ],
    &[
        "join",
        "--spine",
        "spine.csv",
        "--time",
        "t",
        "--view",
        "weather",
        "--key",
        "x",
    ],
    &[
        "join",
        "--spine",
        "spine.csv",
        "--time",
        "t",
        "--view",
        "weather",
        "--view",
        "weather",
    ],
    &[
        "join",
        "--spine",
        "spine.csv",
        "--time",
        "t",
        "--view",
        "weather",
        "-o",
        "/",
    ],
    &[
        "join",
        "--spine",
        "bad_time.csv",
        "--time",
        "t",
        "--view",
        "weather",
    ],
    &["ingest"],
    &["ingest", "nowhere.jsonl"],
    &["ingest", "store", "--format", "jsonl"],
    &[
        "ingest",
        "nulls.csv",
        "--view",
        "weather",
        "--event-time",
        "t",
    ],
    &[
        "ingest",
        "nulls.csv",
        "--view",
        "weather",
        "--event-time",
        "t",
        "--null",
        "NA",
    ],
    &[
        "ingest",
        "nulls.csv",
        "--view",
        "weather",
        "--event-time",
        "at",
    ],
    &[
        "ingest",
        "nulls.csv",
        "--view",
        "weather",
        "--event-time",
        "t",
        "--reject",
        "batch",
    ],
    &["ingest", "mixed.jsonl"],
    &["ingest", "mixed.jsonl", "--reject", "batch"],
    &[
        "ingest",
        "rows.jsonl",
        "--complete-through",
        "2013-01-01T00:00:00Z",
    ],
    &["ingest", "rows.jsonl", "--source", "a b"],
    &["ingest", "weather.toml"],
    &["ingest", "spine.csv"],
    &["ingest", "spine.csv", "--view", "weather"],
    &["ingest", "rows.jsonl", "--batch", "0"],
    &["ingest", "rows.jsonl", "--durability", "sometimes"],
    &["ingest", "rows.jsonl", "--reject", "never"],
    &["ingest", "rows.jsonl", "--format", "xml"],
    &["ingest", "rows.jsonl", "--null", "x"],
    &["ingest", "bad.jsonl", "--reject", "batch"],
    &["ingest", "bad.jsonl"],
    &["view"],
    &["view", "show", "wether"],
    &["view", "apply"],
    &["view", "apply", "nowhere.toml"],
    &["view", "apply", "unknown_key.toml"],
    &["view", "apply", "other_type.toml"],
    &["view", "apply", "other_in_all.toml"],
    &["view", "apply", "key_type.toml"],
    &["view", "apply", "key_list.toml"],
    &["view", "apply", "feature_type.toml"],
    &["view", "apply", "store"],
    &["dump", "wether"],
    &["digest", "weather", "--as-of", "noon"],
    &["verify", "now"],
    &["stats", "--slow"],
    &["quarantine"],
    &["quarantine", "list", "--view", "wether"],
    &["quarantine", "drop"],
    &["quarantine", "drop", "x"],
    &["quarantine", "drop", NO_ENTRY, "--yes"],
    &["quarantine", "replay", NO_ENTRY],
    &["quarantine", "replay", "--view", "wether"],
    &["freshness", "wether"],
    &["source"],
    &["source", "rewind", "weather-log", "0"],
    &["source", "skip", "a b", "1"],
    &["source", "declare", "weather-log"],
    &["erase"],
    &["erase", "weather"],
    &["erase", "wether", "EWR"],
    &["erase", "weather", "place=EWR"],
    &["erase", "--list", "--yes"],
    &["doctor", "now"],
    &["completions", "sh"],
    &["--namespace", "prod", "view", "list"],
    &["--namespace", "prod", "dump"],
    &["--namespace", "prod", "digest"],
    &["--namespace", "prod", "get", "weather", "EWR"],
    // Beyond history, with and without an entity.
    &["get", "windowed", "a", "--as-of", "2013-01-01T00:00:00Z"],
    &[
        "join",
        "--spine",
        "null_key.csv",
        "--time",
        "t",
        "--view",
        "windowed",
    ],
];

#[test]
fn every_slip_is_told_what_it_is() {
    // Who is hurt: whoever mistypes, and a script that takes a slip for a broken store.
    let world = World::whole();
    let long = "x".repeat(2_000);
    let told = SLIPS.iter().map(|args| {
        world.restore();
        tell(&world, args, &world.run(args))
    });
    let mut told: Vec<_> = told.collect();
    let ended = world.run(&["get", "weather", &long]);
    let (_, result) = tell(&world, &["get"], &ended);
    told.push(("$ asof get weather xxx… (2000 times)\n".into(), result));
    let ended = world.bare(&["--now", "noon", "verify"]);
    let (command, result) = tell(&world, &["--now", "noon", "verify"], &ended);
    told.push((command, result));
    let ended = world.bare(&["view", "list"]);
    let (_, result) = tell(&world, &["view"], &ended);
    told.push((
        "$ asof view list (no --store, no ASOF_STORE)\n".into(),
        result,
    ));
    let ended = world.full_quarantine();
    let (_, result) = tell(&world, &["ingest"], &ended);
    told.push((
        "$ asof ingest many_bad.jsonl --batch 20000\n".into(),
        result,
    ));
    compare("slips.txt", &transcript(told));
}

/// Every file of `tests/golden/`, as one text.
fn everything() -> String {
    let entries = std::fs::read_dir(path("")).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert_eq!(
        paths.len(),
        SCENES.len() + 1,
        "a golden file that no test reads: {paths:?}"
    );
    let texts = paths
        .iter()
        .map(|path| std::fs::read_to_string(path).unwrap());
    texts.collect::<Vec<_>>().concat()
}

/// Per command, the codes with which it can end.
const CODES: [(&str, &str); 24] = [
    ("demo", "2"),
    ("view apply", "012456"),
    ("view list", "0123456"),
    ("view show", "0123456"),
    ("ingest", "0123456"),
    ("get", "0123456"),
    ("history", "0123456"),
    ("scan", "0123456"),
    ("join", "0123456"),
    ("dump", "0123456"),
    ("digest", "0123456"),
    ("verify", "0123456"),
    ("stats", "0123456"),
    ("freshness", "0123456"),
    ("source list", "0123456"),
    ("source declare", "0123456"),
    ("source rewind", "0123456"),
    ("source skip", "0123456"),
    ("quarantine list", "0123456"),
    ("quarantine replay", "0123456"),
    ("quarantine drop", "0123456"),
    ("erase", "0123456"),
    ("doctor", "0123456"),
    ("completions", "2"),
];

#[test]
fn every_command_has_a_golden_of_every_code_it_can_end_with() {
    // Who is hurt: whoever branches on a code that no test has seen.
    let golden = everything();
    for (command, codes) in CODES {
        let mut seen = std::collections::BTreeSet::new();
        let mut open = false;
        for line in golden.lines() {
            if let Some(typed) = line.strip_prefix("$ asof ") {
                let typed = format!("{typed} ");
                open |= typed.starts_with(&format!("{command} "));
            } else if let Some(code) = line.strip_prefix("exit ") {
                seen.extend(code.chars().next().filter(|_| open));
                open = false;
            }
        }
        let listed: std::collections::BTreeSet<char> = codes.chars().collect();
        assert_eq!(seen, listed, "asof {command}");
    }
}

#[test]
fn every_exit_code_has_a_golden() {
    let golden = everything();
    for code in 0..=6 {
        assert!(
            golden.contains(&format!("\nexit {code}\n")),
            "no command exits with {code}"
        );
    }
}

/// Per kind of error: words of its message in the golden files, or why no command can show it.
const KINDS: [(&str, std::result::Result<&str, &str>); 19] = [
    ("InvalidArgument", Ok("is not a directory")),
    ("ContractViolation", Ok("no feature \"tmp\"")),
    ("TooFarAhead", Ok("more than max_skew")),
    ("NotFound", Ok("there is no store in")),
    ("Incompatible", Ok("other_type.toml: ")),
    ("BeyondHistory", Ok("keeps exact history from")),
    ("NotFresh", Ok("and its sources are complete through")),
    (
        "NoValue",
        Err("is of a struct that is read from a row; a command reads no struct"),
    ),
    ("Rejected", Ok("was refused as a whole")),
    ("QuarantineFull", Ok("the quarantine holds")),
    (
        "Backpressure",
        Err("is of a write that does not wait; the writes of a command wait"),
    ),
    ("Locked", Ok("is in use by pid")),
    ("Corrupt", Ok("the marker was lost")),
    ("UnsupportedFormat", Ok("format 7")),
    ("Io", Ok("os error 21")),
    (
        "StorageFull",
        Err("takes a disk that is full, and a test has none"),
    ),
    (
        "Poisoned",
        Err("is of a handle after a fault; a command ends at the fault itself"),
    ),
    (
        "Closed",
        Err("is of a handle that was closed; a command closes its own last of all"),
    ),
    (
        "Forked",
        Err("is of a child that was forked; a command forks none"),
    ),
];

#[test]
fn every_kind_of_error_has_a_golden_or_a_reason_to_have_none() {
    let source = include_str!("../../../../src/error.rs");
    let start = source.find("pub enum ErrorKind {").unwrap();
    let body = &source[start..start + source[start..].find("\n}").unwrap()];
    let variants: Vec<&str> = body
        .lines()
        .skip(1)
        .filter_map(|line| line.strip_prefix("    "))
        .filter(|line| line.starts_with(char::is_uppercase))
        .map(|line| line.trim_end_matches([',', '{', ' ']))
        .collect();
    let listed: Vec<&str> = KINDS.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        variants, listed,
        "the kinds of src/error.rs and of this list"
    );
    let golden = everything();
    for (name, shown) in KINDS {
        match shown {
            Ok(words) => assert!(golden.contains(words), "{name}: {words:?} is in no golden"),
            Err(reason) => assert!(!reason.is_empty(), "{name}"),
        }
    }
}
