//! Ends processes in the middle of what they do and looks at what is left: at every named step of every
//! protocol (`protocol.rs`), and by SIGKILL at random moments of an ingest.
//!
//! For the latter the program starts itself again as a child that writes batches, buffered, and says on its standard
//! output which of them were acknowledged. The parent kills it with SIGKILL, opens the store and asks:
//!
//! 1. Is every acknowledged batch there, whole, across both views?
//! 2. Is every other batch there whole, or not at all?
//! 3. Does ingesting everything again lead to the digest of a clean ingest?
//! 4. Does `verify` find nothing, and a second reopen change nothing?
//!
//! `cargo test --release --test crash -- --cycles 1000 --seed 7` runs longer. This is the quick harness,
//! for every `cargo test`; `crates/asof-crash` kills too, cuts power, fails calls and fills disks, and is
//! run by the hour.

#![allow(
    clippy::disallowed_methods,
    reason = "the harness reads its arguments and sets exit codes"
)]

mod erasure;
mod positions;
mod protocol;

use asof::{
    Question, Read, Result, SetDigest, Store, StoreOptions, Timestamp, Type, Verdict,
    ViewDefinition, WriteBatch, WriteOptions,
};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

/// What dies at named steps. Every point of `src/failpoint.rs` stands in one of them, or in
/// `erasure.rs`, which kills the open that completes an erase as well.
const PROTOCOLS: &[protocol::Protocol] = &[positions::PROTOCOL];

const BATCHES: u64 = 400;
const ROWS: u64 = 40;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [role, store] = &arguments[..]
        && role == "child"
    {
        return match child(Path::new(store)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("the child failed: {error}");
                ExitCode::FAILURE
            }
        };
    }
    if let [role, rest @ ..] = &arguments[..]
        && role == protocol::CHILD
    {
        return match protocol::run_child(PROTOCOLS, rest) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("the child failed: {error}");
                ExitCode::FAILURE
            }
        };
    }
    if let Some(code) = erasure::child(&arguments) {
        return code;
    }
    let number = |name: &str, default: u64| {
        let at = arguments.iter().position(|argument| argument == name);
        at.and_then(|at| arguments.get(at + 1)?.parse().ok())
            .unwrap_or(default)
    };
    let (cycles, seed) = (number("--cycles", 25), number("--seed", 1));
    let (deaths, failures) = protocol::die_everywhere(PROTOCOLS);
    failures.iter().for_each(|why| println!("FAILED: {why}"));
    println!("{deaths} deaths at named points, {} failed", failures.len());
    let mut failed = failures.len() as u64;
    for cycle in 0..cycles {
        if let Err(why) = cycle_of(seed.wrapping_add(cycle)) {
            failed += 1;
            println!("FAILED: {why}");
            println!(
                "replay: cargo test --release --test crash -- --cycles 1 --seed {}",
                seed + cycle
            );
        }
    }
    let at_random = failed - failures.len() as u64;
    let (erased, not_erased) = erasure::run();
    println!("test result: erases killed at every step");
    println!("{erased} passed, {not_erased} failed");
    println!("test result: kill -9 cycles");
    println!("{} passed, {at_random} failed", cycles - at_random);
    if failed + not_erased == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// xorshift64*: the same sequence for the same seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

fn open(path: &Path) -> Result<Store> {
    // Small memtables, so that kills also land in flushes and compactions.
    StoreOptions::new()
        .create_if_missing(true)
        .memtable_bytes(256 << 10)
        .open(path)
}

fn define(store: &Store) -> Result<()> {
    for name in ["left", "right"] {
        let view = ViewDefinition::builder(name)
            .key("id", Type::I64)
            .feature("batch", Type::I64);
        store.apply(view.feature("pad", Type::String).build()?)?;
    }
    Ok(())
}

/// Batch `n`: in each view one row of its own, by which it is recognised, and rows that collide with
/// those of other batches, late and repeated.
fn batch(store: &Store, n: u64) -> Result<WriteBatch> {
    let mut random = Random(n + 1);
    let mut batch = WriteBatch::new();
    for name in ["left", "right"] {
        let view = store.view(name)?;
        let mut row = |id: u64, hour: u64| {
            let entity = view.entity([id as i64])?;
            let t = Timestamp::from_secs(1_700_000_000 + 3_600 * hour as i64);
            let row = batch.put(&view, &entity, t).set_value("batch", n as i64);
            row.set_value("pad", "x".repeat(100)).finish()
        };
        row(1_000_000 + n, 0)?;
        for _ in 1..ROWS / 2 {
            row(random.below(50), random.below(20))?;
        }
    }
    Ok(batch)
}

fn child(path: &Path) -> Result<()> {
    let store = open(path)?;
    define(&store)?;
    for n in 0..BATCHES {
        store.write(batch(&store, n)?, WriteOptions::buffered())?;
        // Written in one call and never buffered: what the parent reads was acknowledged.
        let told = std::io::stdout().write_all(format!("{n}\n").as_bytes());
        told.expect("the parent is there");
    }
    // Stays to be killed: a clean exit would flush.
    loop {
        std::thread::park();
    }
}

fn cycle_of(seed: u64) -> Result<(), String> {
    let failed = |e: asof::Error| e.to_string();
    let directory = tempfile::tempdir().map_err(|e| e.to_string())?;
    let path = directory.path().join("store");
    let acknowledged = kill(&path, seed)?;
    if acknowledged == 0 && !path.join("asof.store").exists() {
        return Ok(()); // killed before there was a store
    }
    let store = open(&path).map_err(failed)?;
    define(&store).map_err(failed)?;
    check_batches(&store, acknowledged)?;
    let again = (0..BATCHES).try_for_each(|n| {
        store
            .write(batch(&store, n)?, WriteOptions::buffered())
            .map(drop)
    });
    again.map_err(failed)?;
    let digests = digests(&store).map_err(failed)?;
    if digests != clean() {
        return Err(format!(
            "digest {digests:?} after replay, {:?} of a clean ingest",
            clean()
        ));
    }
    let report = store.verify(&mut |_| {}).map_err(failed)?;
    if !report.is_clean() {
        return Err(format!("verify found {:?}", report.findings));
    }
    store.close().map_err(failed)?;
    let store = open(&path).map_err(failed)?;
    if digests != self::digests(&store).map_err(failed)? {
        return Err("a reopen changed the digest".into());
    }
    Ok(())
}

/// Runs a child and kills it after a random number of acknowledgements, or a little later. Returns
/// how many batches it acknowledged.
fn kill(path: &Path, seed: u64) -> Result<u64, String> {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let program = std::env::current_exe().map_err(|e| e.to_string())?;
    let mut child = Command::new(program)
        .arg("child")
        .arg(path)
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| e.to_string())?;
    let mut lines = BufReader::new(child.stdout.take().expect("stdout is a pipe")).lines();
    let mut acknowledged = 0;
    // One in five is killed while it opens the store.
    let until = if random.below(5) == 0 {
        0
    } else {
        random.below(BATCHES)
    };
    while acknowledged < until {
        match lines.next() {
            Some(Ok(line)) => acknowledged = line.parse::<u64>().map_err(|e| e.to_string())? + 1,
            _ => return Err("the child ended before it was killed".into()),
        }
    }
    std::thread::sleep(std::time::Duration::from_micros(random.below(3_000)));
    child
        .kill()
        .and_then(|()| child.wait())
        .map_err(|e| e.to_string())?;
    // What the child said before it died is still in the pipe.
    for line in lines.map_while(Result::ok) {
        acknowledged = line.parse::<u64>().map_err(|e| e.to_string())? + 1;
    }
    Ok(acknowledged)
}

fn check_batches(store: &Store, acknowledged: u64) -> Result<(), String> {
    let failed = |e: asof::Error| e.to_string();
    let mut beyond = 0;
    for n in 0..BATCHES {
        let mut there = [false; 2];
        for (there, name) in there.iter_mut().zip(["left", "right"]) {
            let view = store.view(name).map_err(failed)?;
            let entity = view.entity([1_000_000 + n as i64]).map_err(failed)?;
            let row = store
                .get(&view, &entity, Question::latest())
                .map_err(failed)?;
            *there = row.verdict() == Verdict::Found;
        }
        if there[0] != there[1] {
            return Err(format!("batch {n} is there in part"));
        }
        if n < acknowledged && !there[0] {
            return Err(format!(
                "batch {n} of {acknowledged} acknowledged ones is lost"
            ));
        }
        beyond += u64::from(n >= acknowledged && there[0]);
    }
    // The child writes one batch at a time, so that at most one can be there unsaid.
    if beyond > 1 {
        Err(format!(
            "{beyond} batches are there that were never written"
        ))
    } else {
        Ok(())
    }
}

fn digests(store: &Store) -> Result<[SetDigest; 2]> {
    let digest = |name| store.digest(&store.view(name)?);
    Ok([digest("left")?, digest("right")?])
}

/// The digests of an ingest that nobody disturbed.
fn clean() -> [SetDigest; 2] {
    static CLEAN: std::sync::OnceLock<[SetDigest; 2]> = std::sync::OnceLock::new();
    *CLEAN.get_or_init(|| {
        let ingest = || {
            let store = Store::temp()?;
            define(&store)?;
            for n in 0..BATCHES {
                store.write(batch(&store, n)?, WriteOptions::buffered())?;
            }
            digests(&store)
        };
        ingest().expect("a clean ingest works")
    })
}
