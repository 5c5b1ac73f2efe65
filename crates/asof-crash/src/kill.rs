//! kill -9 at random instants.
//!
//! Each cycle goes on with the store of the one before, until it is full: what a kill leaves must be
//! good enough to be killed again. One in five is killed inside open and recovery.

use crate::arguments::Arguments;
use crate::child;
use crate::lanes;
use crate::ledger::Known;
use crate::oracle::{Survives, Trust};
use crate::random::Random;
use crate::tally::Tally;
use crate::worker::{Machine, Question, Worker};
use crate::workload::Workload;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

pub(crate) fn run(arguments: &Arguments) -> Result<Tally, String> {
    let cycles = arguments.number("cycles", 1_000)?;
    let seed = arguments.number("seed", 1)?;
    let tally = Tally::new(format!("kill -9: {cycles} cycles from seed {seed}"));
    let lanes = arguments.number("lanes", lanes::BUSY)?;
    lanes::run(lanes, seed..seed + cycles, tally, |lane| {
        let mut worker = Worker::start(Machine::Same)?;
        while let Some(cycle) = lane.next() {
            let outcome = cycle_of(&mut worker, cycle);
            let replay = || format!("kill --cycles 1 --seed {cycle}");
            lane.tally().note(outcome, replay);
        }
        Ok(())
    })
}

/// One store, killed one to three times.
fn cycle_of(worker: &mut Worker, seed: u64) -> Result<String, String> {
    let mut random = Random::new(seed);
    let workload = Workload::ALL[random.below(Workload::ALL.len() as u64) as usize];
    let scratch = tempfile::tempdir().map_err(|e| e.to_string())?;
    let store = scratch.path().join("store");
    let ledger = scratch.path().join("ledger");
    let times = 1 + random.below(3);
    for _ in 0..times {
        let known = Known::of_file(&ledger);
        let first = known.acknowledged.min(workload.batches() - 1);
        let child = start(workload, &store, &ledger, first)?;
        let until = match random.chance(20) {
            true => 0,
            false => 1 + random.below(workload.batches() - first),
        };
        kill_after(child, until, &mut random)?;
    }
    let known = Known::of_file(&ledger);
    if known.attempted == 0 && !store.join("asof.store").exists() {
        return Ok("killed before there was a store".into());
    }
    worker.judge(Question {
        path: &store,
        workload,
        known,
        survives: Survives::Acknowledged,
        replay: true,
        trust: Trust::Honest,
    })
}

fn start(workload: Workload, store: &Path, ledger: &Path, first: u64) -> Result<Child, String> {
    let program = std::env::current_exe().map_err(|e| e.to_string())?;
    // The ledger is a file, which outlives the child; a pipe beside it tells how far it is.
    Command::new(program)
        .args(["child", "--stay", "1", "--workload", workload.name()])
        .args(["--first", &first.to_string()])
        .arg("--store")
        .arg(store)
        .arg("--ledger")
        .arg(ledger)
        .args(["--echo", "1"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| e.to_string())
}

fn kill_after(mut child: Child, lines: u64, random: &mut Random) -> Result<(), String> {
    let mut told = BufReader::new(child.stdout.take().expect("stdout is a pipe")).lines();
    for _ in 0..lines {
        if told.next().is_none() {
            break;
        }
    }
    let pause = match lines {
        // Opening takes about ten milliseconds.
        0 => random.below(15_000),
        _ => random.below(3_000),
    };
    std::thread::sleep(Duration::from_micros(pause));
    child
        .kill()
        .and_then(|()| child.wait())
        .map_err(|e| e.to_string())
        .and_then(child::check_end)
}
