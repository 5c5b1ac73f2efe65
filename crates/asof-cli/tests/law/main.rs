//! The law's traces through the real command line: what `get`, `scan` and `join` print is what the
//! library answers.

#[path = "../../../../tests/behaviour/trace.rs"]
mod trace;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;
use trace::{
    Ask, Batch, Erase, Expected, Outcome, Step, Trace, every_trace, names_on_disk, value_text,
};

macro_rules! tests {
    ($($name:ident;)*) => {
        const TESTS: &[&str] = &[$(stringify!($name)),*];
        $(
            #[test]
            fn $name() {
                play(&Trace::read(root(), stringify!($name)));
            }
        )*
    };
}

every_trace!(tests);

#[test]
fn every_trace_is_played_and_few_are_skipped() {
    // Who is hurt: whoever relies on a command line that was never held to the law.
    let mut tests: Vec<String> = TESTS.iter().map(|name| (*name).to_string()).collect();
    tests.sort();
    assert_eq!(tests, names_on_disk(root()));
    let skipped: Vec<&str> = TESTS
        .iter()
        .copied()
        .filter(|name| unsayable(&Trace::read(root(), name)).is_some())
        .collect();
    assert_eq!(
        skipped,
        [
            "a_full_quarantine_refuses_the_batch_and_drops_nothing",
            "a_replay_is_judged_by_the_time_of_its_log",
            "the_place_in_the_log_is_the_identity_of_a_bad_row",
        ]
    );
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Why a trace cannot be said on the command line.
fn unsayable(trace: &Trace) -> Option<&'static str> {
    if trace.quarantine_rows_max.is_some() {
        return Some("no option bounds the quarantine");
    }
    trace.steps.iter().find_map(|step| match step {
        Step::Batch(Batch {
            appended_at: Some(_),
            ..
        }) => Some("no option tells a log-append time"),
        Step::Batch(Batch {
            origin: Some(_), ..
        }) => Some("a line of stdin has no place in a log"),
        _ => None,
    })
}

fn play(trace: &Trace) {
    if let Some(why) = unsayable(trace) {
        println!("skipped {}: {why}", trace.name);
        return;
    }
    let mut world = World::new(&trace.name);
    for step in &trace.steps {
        match step {
            Step::View(toml) => {
                world.file("view.toml", toml);
                world.run(&["view", "apply", "view.toml"], "").ok();
            }
            Step::Now(now) => world.now.clone_from(now),
            Step::Batch(batch) => world.ingest(batch),
            Step::Ask(ask) => world.ask(ask),
            Step::Erase(erase) => world.erase(erase),
            Step::Floor(view, floor) => {
                let floor = asof::Timestamp::parse(floor).unwrap().micros();
                let dump = world.run(&["dump", view], "").ok();
                let says = format!(",\"floor\":{floor},");
                assert!(
                    dump.lines().next().unwrap().contains(&says),
                    "{}: {says} {dump}",
                    trace.name
                );
            }
            Step::Quarantine(rows) => {
                let report = world.run(&["verify", "--output", "json"], "").ok();
                let says = format!("\"quarantined\":{rows},");
                assert!(report.contains(&says), "{}: {says} {report}", trace.name);
            }
        }
    }
    world.run(&["verify"], "").ok();
    world.copy_by_dump();
}

struct World {
    name: String,
    now: String,
    directory: TempDir,
}

/// How a command ended.
struct Ended {
    command: String,
    code: i32,
    stdout: String,
    stderr: String,
}

impl Ended {
    #[track_caller]
    fn ok(self) -> String {
        self.exited(0)
    }

    #[track_caller]
    fn exited(self, code: i32) -> String {
        assert_eq!(
            self.code, code,
            "{}: {}\n{}",
            self.command, self.stderr, self.stdout
        );
        self.stdout
    }
}

impl World {
    fn new(name: &str) -> World {
        World {
            name: name.into(),
            now: String::new(),
            directory: TempDir::new().unwrap(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn file(&self, name: &str, content: &str) {
        std::fs::write(self.path(name), content).unwrap();
    }

    fn run(&self, args: &[&str], stdin: &str) -> Ended {
        let mut child = Command::new(env!("CARGO_BIN_EXE_asof"))
            .args(["--store", "store", "--now", &self.now])
            .args(args)
            .current_dir(self.directory.path())
            .env_remove("ASOF_STORE")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that needs no stdin may be gone before it is written.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        let output = child.wait_with_output().unwrap();
        Ended {
            command: format!("{}: asof {}", self.name, args.join(" ")),
            code: output.status.code().expect("no signal"),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// A dump that is ingested into an empty store gives that dump back.
    fn copy_by_dump(&self) {
        let dump = self.run(&["dump"], "").ok();
        let mut copy = World::new(&self.name);
        copy.now.clone_from(&self.now);
        copy.file(
            "none.toml",
            "view = 'none'\nentity = { k = 'i64' }\nfeatures = { f = 'i64' }\n",
        );
        self.file(
            "none.toml",
            "view = 'none'\nentity = { k = 'i64' }\nfeatures = { f = 'i64' }\n",
        );
        self.run(&["view", "apply", "none.toml"], "").ok();
        copy.run(&["view", "apply", "none.toml"], "").ok();
        copy.run(&["ingest", "-", "--reject", "batch"], &dump).ok();
        assert_eq!(
            self.run(&["dump"], "").ok(),
            copy.run(&["dump"], "").ok(),
            "{}",
            self.name
        );
    }

    fn ingest(&self, batch: &Batch) {
        let reject = if batch.sets_aside { "row" } else { "batch" };
        let lines = batch.rows.join("\n") + "\n";
        let ended = self.run(
            &["ingest", "-", "--reject", reject, "--output", "json"],
            &lines,
        );
        match &batch.outcome {
            Outcome::Receipt(expected) => {
                let printed = ended.ok();
                let counts: BTreeMap<String, u64> = serde_json::from_str(&printed).unwrap();
                for (name, count) in expected {
                    assert_eq!(counts[name], *count, "{}: {name} of {printed}", self.name);
                }
            }
            Outcome::Refused(why, says) => {
                assert_eq!(why, "rejected", "{}", self.name);
                for word in says.iter().filter(|word| !word.starts_with("row ")) {
                    assert!(
                        ended.stderr.contains(word),
                        "{}: {word:?} is not in {:?}",
                        ended.command,
                        ended.stderr
                    );
                }
                ended.exited(5);
            }
        }
    }

    fn erase(&self, erase: &Erase) {
        let entity: BTreeMap<String, serde_json::Value> =
            serde_json::from_str(&erase.entity).unwrap();
        let key: Vec<String> = entity
            .iter()
            .map(|(name, value)| format!("{name}={}", cell(value)))
            .collect();
        let namespace = erase.namespace.as_deref().unwrap_or("default");
        let mut args = vec!["--namespace", namespace, "erase", &erase.view];
        args.extend(key.iter().map(String::as_str));
        args.extend(["--output", "json"]);
        if let Some(recorded_at) = &erase.recorded_at {
            args.extend(["--recorded-at", recorded_at]);
        }
        let counts = |printed: String| {
            let printed: serde_json::Value = serde_json::from_str(&printed).unwrap();
            ["versions", "quarantined"].map(|name| printed[name].as_u64().unwrap())
        };
        let would = counts(self.run(&args, "").exited(2));
        args.push("--yes");
        let erased = counts(self.run(&args, "").ok());
        assert_eq!(would, erased, "{}: {erase:?}", self.name);
        for (expected, found) in [erase.versions, erase.quarantined].iter().zip(erased) {
            assert_eq!(expected.unwrap_or(found), found, "{}: {erase:?}", self.name);
        }
    }

    fn ask(&self, ask: &Ask) {
        let namespace = ask.namespace.as_deref().unwrap_or("default");
        let mut asked = vec!["--namespace", namespace];
        if let Some(as_of) = &ask.as_of {
            asked.extend(["--as-of", as_of]);
        }
        let mut get = vec![
            "get",
            &ask.view,
            "--keys",
            "keys.jsonl",
            "--output",
            "ndjson",
        ];
        get.extend(&asked);
        if let Some(known_at) = &ask.known_at {
            get.extend(["--known-at", known_at]);
        }
        self.file("keys.jsonl", &format!("{}\n", ask.entity));
        let ended = self.run(&get, "");
        match &ask.expect {
            None => drop(ended.exited(5)),
            Some(expect) => {
                let code = if expect.verdict == "never" { 3 } else { 0 };
                assert_eq!(
                    *expect,
                    of_these(expect, Expected::read(&ended.exited(code))),
                    "{}: {ask:?} by get",
                    self.name
                );
            }
        }
        if ask.known_at.is_none() {
            self.scan(ask, &asked);
        }
        self.join(ask, namespace);
    }

    fn scan(&self, ask: &Ask, asked: &[&str]) {
        let ended = self.run(
            &[&["scan", &ask.view, "--output", "ndjson"], asked].concat(),
            "",
        );
        let Some(expect) = &ask.expect else {
            ended.exited(5);
            return;
        };
        let printed = ended.ok();
        let entity = |line: &str| {
            let answer: serde_json::Value = serde_json::from_str(line).unwrap();
            answer["entity"].to_string()
        };
        let meant = value_text(&ask.entity);
        let found: Vec<&str> = printed
            .lines()
            .filter(|line| entity(line) == meant)
            .collect();
        if expect.verdict == "never" {
            assert_eq!(found, [""; 0], "{}: {ask:?} by scan", self.name);
        } else {
            assert_eq!(found.len(), 1, "{}: {ask:?} by scan: {printed}", self.name);
            assert_eq!(
                *expect,
                of_these(expect, Expected::read(found[0])),
                "{}: {ask:?} by scan",
                self.name
            );
        }
    }

    /// A spine of one row, which is the question.
    fn join(&self, ask: &Ask, namespace: &str) {
        let entity: BTreeMap<String, serde_json::Value> =
            serde_json::from_str(&ask.entity).unwrap();
        let mut spine = csv_line(entity.keys().map(String::as_str).chain(["at", "k"]));
        let cells = entity.values().map(cell);
        let times = [&ask.as_of, &ask.known_at].map(|t| t.clone().unwrap_or(self.now.clone()));
        let cells: Vec<String> = cells.chain(times).collect();
        spine += &csv_line(cells.iter().map(String::as_str));
        self.file("spine.csv", &spine);
        let mut args = vec![
            "--namespace",
            namespace,
            "join",
            "--spine",
            "spine.csv",
            "--time",
            "at",
        ];
        args.extend(["--view", &ask.view, "--status", "--event-times"]);
        if ask.known_at.is_some() {
            args.extend(["--known-at", "k"]);
        }
        let ended = self.run(&args, "");
        let Some(expect) = &ask.expect else {
            ended.exited(5);
            return;
        };
        let printed = ended.ok();
        let rows = csv_rows(&printed);
        let [header, row] = &rows[..] else {
            panic!("{}: {printed}", self.name)
        };
        let found: BTreeMap<&str, &str> = header
            .iter()
            .map(String::as_str)
            .zip(row.iter().map(String::as_str))
            .collect();
        for (name, (status, value, event_time)) in &expect.features {
            let column = format!("{}__{name}", ask.view);
            let place = format!("{}: {ask:?} by join: {printed}", self.name);
            assert_eq!(found[&*format!("{column}__status")], status, "{place}");
            assert_eq!(
                found[&*format!("{column}__event_time")],
                event_time.as_deref().unwrap_or(""),
                "{place}"
            );
            let text = value
                .as_ref()
                .map(|json| cell(&serde_json::from_str(json).unwrap()));
            assert_eq!(found[&*column], text.as_deref().unwrap_or(""), "{place}");
        }
    }
}

/// An answer without the features that are not asked about.
fn of_these(expect: &Expected, mut answer: Expected) -> Expected {
    answer
        .features
        .retain(|name, _| expect.features.contains_key(name));
    answer
}

/// A JSON value as a cell of a table: a string is its text, all else its JSON.
fn cell(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn csv_line<'a>(cells: impl Iterator<Item = &'a str>) -> String {
    let cells: Vec<String> = cells
        .map(|cell| format!("\"{}\"", cell.replace('"', "\"\"")))
        .collect();
    cells.join(",") + "\n"
}

/// The cells of a table, by RFC 4180.
fn csv_rows(text: &str) -> Vec<Vec<String>> {
    let mut rows = vec![vec![String::new()]];
    let mut quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let row = rows.last_mut().unwrap();
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                row.last_mut().unwrap().push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(String::new()),
            '\n' if !quoted => rows.push(vec![String::new()]),
            c => row.last_mut().unwrap().push(c),
        }
    }
    assert_eq!(
        rows.pop(),
        Some(vec![String::new()]),
        "a table ends with a line break"
    );
    rows
}
