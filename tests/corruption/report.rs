//! What has come of the damages, and how it is said.

use crate::damage::Damage;
use crate::judge::{Depth, Judged};
use crate::world::Outcome;
use std::collections::{BTreeMap, HashSet};
use std::io::Write;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Instant;

/// How many failures are told one by one.
const TOLD_MAX: u64 = 40;
/// After how many a long run says that it is still there.
const TOLD_EVERY: u64 = 50_000;

pub(crate) struct Report {
    began: Instant,
    /// Every single outcome is told.
    tells_all: bool,
    /// The lines of `verdicts.txt`, without their counts.
    allowed: HashSet<&'static str>,
    /// How often each class of damage has ended in which way.
    counts: BTreeMap<(String, Outcome), u64>,
    done: u64,
    /// How many were opened: those that the pre-flight let pass, and those that were to be.
    opened: u64,
    failed: u64,
}

impl Report {
    pub(crate) fn new(tells_all: bool) -> Report {
        let lines = include_str!("verdicts.txt").lines();
        let allowed = lines
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| Some(line.trim().rsplit_once(' ')?.0.trim()))
            .collect();
        Report {
            began: Instant::now(),
            tells_all,
            allowed,
            counts: BTreeMap::new(),
            done: 0,
            opened: 0,
            failed: 0,
        }
    }

    /// Takes in what has come of one damage.
    pub(crate) fn take(&mut self, damage: &Damage, depth: Depth, judged: Judged) {
        self.done += 1;
        if self.done.is_multiple_of(TOLD_EVERY) {
            println!("{} done", self.done);
        }
        let why = match judged {
            Ok(None) => return,
            Ok(Some((outcome, words))) => {
                if self.tells_all {
                    println!("{damage} ends in {outcome}: {words}");
                }
                if outcome != Outcome::PreFlight || depth == Depth::Opened {
                    self.opened += 1;
                }
                let line = format!("{} {outcome}", damage.class());
                *self.counts.entry((damage.class(), outcome)).or_insert(0) += 1;
                if self.allowed.contains(line.as_str()) {
                    return;
                }
                format!("it ends in {outcome}, which verdicts.txt does not allow")
            }
            Err(why) => why,
        };
        self.failed += 1;
        if self.failed <= TOLD_MAX {
            println!("FAILED: {damage}: {why}");
            println!("replay: cargo test --release --test corruption -- --damage {damage}");
        }
    }

    /// Appends one line about the run to a file, a row of a Markdown table. `possible` is how many
    /// damages there are in all.
    pub(crate) fn enter(
        &self,
        ledger: &Path,
        command: &str,
        possible: usize,
    ) -> std::io::Result<()> {
        let said = |program: &str, arguments: &[&str]| {
            let ended = Command::new(program).args(arguments).output();
            let text = ended.map(|ended| String::from_utf8_lossy(&ended.stdout).trim().to_owned());
            text.unwrap_or_default()
        };
        let date = said("date", &["-u", "+%Y-%m-%d"]);
        let commit = said("git", &["describe", "--always", "--dirty"]);
        let build = match cfg!(debug_assertions) {
            true => "debug",
            false => "release",
        };
        let Report {
            done,
            opened,
            failed,
            ..
        } = self;
        let seconds = self.began.elapsed().as_secs();
        let line = format!(
            "| {date} | {commit} | {build} | `{command}` | {done} of {possible} | {opened} | {failed} | {seconds} |\n"
        );
        let file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(ledger);
        file?.write_all(line.as_bytes())
    }

    pub(crate) fn close(self) -> ExitCode {
        println!("test result: damaged stores");
        for ((class, outcome), count) in &self.counts {
            println!("{class} {outcome} {count}");
        }
        let Report {
            done,
            opened,
            failed,
            ..
        } = self;
        let seconds = self.began.elapsed().as_secs_f64();
        println!("{done} damages, {opened} of them opened, in {seconds:.1} s");
        println!("{} passed, {failed} failed", done - failed);
        match failed {
            0 => ExitCode::SUCCESS,
            _ => ExitCode::FAILURE,
        }
    }
}
