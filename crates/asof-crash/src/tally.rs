//! What a harness has seen, and how it says so at the end.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Instant;

/// How many failures are told one by one.
const TOLD_MAX: u64 = 20;

pub(crate) struct Tally {
    what: String,
    began: Instant,
    passed: u64,
    failed: u64,
    /// How many runs ended in each way.
    classes: BTreeMap<String, u64>,
    /// Why the machine cannot run it.
    skipped: Option<String>,
}

impl Tally {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Tally {
            what: what.into(),
            began: Instant::now(),
            passed: 0,
            failed: 0,
            classes: BTreeMap::new(),
            skipped: None,
        }
    }

    /// A capability that the machine lacks is said loudly, and is no pass.
    pub(crate) fn skipped(what: impl Into<String>, why: impl Into<String>) -> Self {
        Tally {
            skipped: Some(why.into()),
            ..Tally::new(what)
        }
    }

    /// How many runs there have been.
    pub(crate) fn count(&self) -> u64 {
        self.passed + self.failed
    }

    pub(crate) fn pass(&mut self, class: &str) {
        self.passed += 1;
        *self.classes.entry(class.to_owned()).or_default() += 1;
    }

    /// A failure, and the command that runs it again.
    pub(crate) fn fail(&mut self, why: &str, replay: &str) {
        self.failed += 1;
        if self.failed <= TOLD_MAX {
            println!("FAILED: {why}\nreplay: cargo run --bin asof-crash -- {replay}");
        }
    }

    pub(crate) fn note(
        &mut self,
        outcome: Result<String, String>,
        replay: impl FnOnce() -> String,
    ) {
        match outcome {
            Ok(class) => self.pass(&class),
            Err(why) => self.fail(&why, &replay()),
        }
    }

    /// Appends one line about the whole run to a file, a row of a Markdown table.
    pub(crate) fn enter(&self, ledger: &Path, command: &str) -> std::io::Result<()> {
        let said = |program: &str, arguments: &[&str]| {
            let ended = Command::new(program).args(arguments).output();
            let text = ended.map(|ended| String::from_utf8_lossy(&ended.stdout).trim().to_owned());
            text.unwrap_or_default()
        };
        let date = said("date", &["-u", "+%Y-%m-%d"]);
        let commit = said("git", &["describe", "--always", "--dirty"]);
        let build = if cfg!(debug_assertions) {
            "debug"
        } else {
            "release"
        };
        let Tally { passed, failed, .. } = self;
        let seconds = self.began.elapsed().as_secs();
        let counts = match &self.skipped {
            Some(why) => format!("skipped: {why} | |"),
            None => format!("{passed} | {failed} |"),
        };
        let line = format!("| {date} | {commit} | {build} | `{command}` | {counts} {seconds} |\n");
        let mut file = File::options().append(true).create(true).open(ledger)?;
        file.write_all(line.as_bytes())
    }

    pub(crate) fn close(self) -> ExitCode {
        if let Some(why) = &self.skipped {
            println!("SKIPPED: {}: {why}", self.what);
            // The caller decides whether that may be: CI reads ASOF_REQUIRE.
            return ExitCode::from(77);
        }
        let seconds = self.began.elapsed().as_secs_f64();
        println!("{} in {seconds:.1} s", self.what);
        for (class, count) in &self.classes {
            println!("  {count:>8}  {class}");
        }
        println!("{} passed, {} failed", self.passed, self.failed);
        if self.failed > 0 || self.passed == 0 {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        }
    }
}
