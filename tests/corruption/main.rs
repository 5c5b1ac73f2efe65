//! Damages every file of a store, one bit, cut or page at a time, opens the store and asks it everything.
//!
//! A small store is written, synced batch by batch, and copied as a killed process would leave it. Then
//! each damage is done to a copy. It may be told before the database is opened, by the open, by a read
//! or by `verify`; or it may harm nothing, and then every answer is the right one. An answer that is
//! wrong or missing without a word fails, and so does a store that takes more than five seconds, ends
//! the process, or is changed though it was refused.
//!
//! ```text
//! cargo test --release --test corruption                             our own files, 2,000 of the others
//! cargo test --release --test corruption -- --sample 9000 --seed 7   another choice of them
//! cargo test --release --test corruption -- --all --from 50000 --ledger runs.txt
//! cargo test --release --test corruption -- --damage log:flip        the damages whose name begins so
//! cargo test --release --test corruption -- --measure                what the pre-flight costs
//! ```
//!
//! `--all` is every damage of log, manifest, CURRENT and our own files, at least 20,000 of the tables and 2,000
//! each of what RocksDB only writes for people. The order depends on the seed alone, so that a long run
//! goes on with `--from` where it was stopped, or is divided with `--to`; `--ledger` appends a line
//! that says what was run, a row of `LEDGER.md` beside this file.
//!
//! They are over a million, so `--all` lets the pre-flight judge first, [`Store::examine`](asof::Store::examine),
//! which is what every open begins with. Whatever it lets pass is opened and asked everything; of what it
//! refuses one in a hundred is opened all the same, and must be refused with the same words and no byte
//! changed. Without `--all` every damaged store is opened.
//!
//! `verdicts.txt` beside this file says how each class of damage may end, so that a change of class is
//! a change of that file.

#![allow(
    clippy::disallowed_methods,
    reason = "the harness reads its arguments, sets exit codes, starts processes and measures time"
)]

mod damage;
mod judge;
#[path = "../killed/mod.rs"]
mod killed;
mod measure;
mod report;
#[path = "../small_store/mod.rs"]
mod small_store;
mod table;
mod world;

use damage::Damage;
use judge::{Depth, Worker};
use report::Report;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    let value = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).cloned()
    };
    if has("--measure") {
        return measure::run();
    }
    if let [first, directory, name] = arguments.as_slice()
        && first == "--child"
    {
        judge::child(directory.as_ref(), name);
        return ExitCode::SUCCESS;
    }
    let number = |name: &str, default: usize| {
        value(name).map_or(default, |text| text.parse().expect("a number"))
    };
    let report = Report::new(has("--damage"));
    let directory = in_memory().expect("a temporary directory");
    world::make(directory.path());
    let damages = world::damages(directory.path());
    let seed = number("--seed", 1);
    let chosen = match value("--damage") {
        Some(name) => (0..damages.len())
            .filter(|n| damages[*n].to_string().starts_with(&name))
            .collect(),
        None if has("--all") => choose(&damages, Share::long, seed as u64),
        None => {
            let others = number("--sample", 2_000);
            choose(&damages, |role| Share::short(role, others), seed as u64)
        }
    };
    let (from, to) = (number("--from", 0), number("--to", usize::MAX));
    let chosen = chosen.into_iter().skip(from).take(to.saturating_sub(from));
    let chosen: Vec<(usize, Depth)> = chosen
        .map(|number| match has("--all") && !is_opened(number, seed) {
            true => (number, Depth::Examined),
            false => (number, Depth::Opened),
        })
        .collect();
    assert!(!chosen.is_empty(), "there is nothing to do");
    println!("{} of {} damages", chosen.len(), damages.len());
    let jobs = number("--jobs", 2);
    let report = run(directory.path(), &damages, &chosen, report, jobs);
    if let Some(ledger) = value("--ledger") {
        let command = arguments.join(" ");
        let entered = report.enter(ledger.as_ref(), &command, damages.len());
        entered.expect("the ledger can be written");
    }
    report.close()
}

/// Nothing here loses power: the copies need no disk.
fn in_memory() -> std::io::Result<tempfile::TempDir> {
    let memory = Path::new("/dev/shm");
    match memory.is_dir() {
        true => tempfile::tempdir_in(memory),
        false => tempfile::tempdir(),
    }
}

/// Whether a damage is among the one in a hundred that are opened though the pre-flight refuses them.
fn is_opened(number: usize, seed: usize) -> bool {
    let mixed = ((number ^ seed) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 32).is_multiple_of(100)
}

/// Judges them all, several at a time.
fn run(
    directory: &Path,
    damages: &[Damage],
    chosen: &[(usize, Depth)],
    report: Report,
    jobs: usize,
) -> Report {
    let next = Mutex::new(chosen.iter());
    let report = Mutex::new(report);
    std::thread::scope(|scope| {
        for job in 0..jobs {
            let (next, report) = (&next, &report);
            scope.spawn(move || {
                let mut worker = Worker::new(directory, job.to_string());
                loop {
                    let Some((number, depth)) = next.lock().expect("nobody panics").next() else {
                        return;
                    };
                    let judged = worker.judge(*number, *depth);
                    let mut report = report.lock().expect("nobody panics");
                    report.take(&damages[*number], *depth, judged);
                }
            });
        }
    });
    report.into_inner().expect("nobody panics")
}

/// How many damages of a kind of file are judged.
struct Share(usize);

impl Share {
    fn short(role: &str, others: usize) -> Share {
        match role {
            "marker" | "watermark" | "lock" => Share(usize::MAX),
            _ => Share(others / 12),
        }
    }

    fn long(role: &str) -> Share {
        match role {
            "options" | "info-log" => Share(2_000),
            "sst" => Share(usize::MAX),
            role if role.starts_with("sst-") => Share(6_000),
            _ => Share(usize::MAX),
        }
    }
}

/// Chooses of each kind of file its share, and of that every class of damage, in an order that depends
/// on the seed alone.
fn choose(damages: &[Damage], share: impl Fn(&str) -> Share, seed: u64) -> Vec<usize> {
    let mut roles: BTreeMap<&str, BTreeMap<String, Vec<usize>>> = BTreeMap::new();
    for (n, damage) in damages.iter().enumerate() {
        let classes = roles.entry(&damage.role).or_default();
        classes.entry(damage.class()).or_default().push(n);
    }
    let mut random = Random(seed | 1);
    let mut chosen = Vec::new();
    for (role, classes) in roles {
        let mut left = share(role).0;
        let mut classes: Vec<Vec<usize>> = classes.into_values().collect();
        classes.sort_by_key(Vec::len);
        let mut waiting = classes.len();
        for mut class in classes {
            random.shuffle(&mut class);
            class.truncate((left / waiting).max(1));
            left = left.saturating_sub(class.len());
            waiting -= 1;
            chosen.extend(class);
        }
    }
    random.shuffle(&mut chosen);
    chosen
}

struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % end as u64) as usize
    }

    fn shuffle(&mut self, list: &mut [usize]) {
        for end in (1..list.len()).rev() {
            list.swap(end, self.below(end + 1));
        }
    }
}
