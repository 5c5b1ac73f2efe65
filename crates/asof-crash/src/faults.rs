//! Every call that changes a file is made to fail, one at a time: once, or from then on.
//!
//! The child must not crash, hang, or acknowledge anything after a fault without a reopen; whatever it
//! acknowledged before must be there when the disk is well again.

use crate::arguments::Arguments;
use crate::lanes;
use crate::ledger::Known;
use crate::oracle::{Survives, Trust};
use crate::random::Random;
use crate::shim::Shim;
use crate::tally::Tally;
use crate::worker::{Machine, Question, Worker};
use crate::workload::Workload;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

const KINDS: [&str; 3] = ["eio", "enospc", "short"];
const MODES: [&str; 2] = ["once", "sticky"];
const PATIENCE: Duration = Duration::from_secs(60);
/// After how many runs the place is told from which a long run can be resumed.
const TOLD_EVERY: usize = 1_000;

/// One fault: at which call, which, and for how long.
#[derive(Debug, Clone, Copy)]
struct Fault {
    workload: Workload,
    index: u64,
    kind: &'static str,
    mode: &'static str,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Tally, String> {
    let scratch = lanes::scratch()?;
    let shim = Shim::build(scratch.path())?;
    let mut faults = all(&shim, scratch.path(), arguments)?;
    let possible = faults.len();
    let seed = arguments.number("seed", 1)?;
    let from = arguments.number("from", 0)? as usize;
    let wanted = arguments.number("runs", possible as u64)? as usize;
    let mut random = Random::new(seed);
    if wanted < possible && arguments.text("from").is_none() {
        // A sample of all of them, in an order of chance.
        for place in 0..wanted {
            let other = place + random.below((possible - place) as u64) as usize;
            faults.swap(place, other);
        }
    }
    let chosen = faults.into_iter().enumerate().skip(from).take(wanted);
    let count = possible.saturating_sub(from).min(wanted);
    let tally = Tally::new(format!("faults: {count} of {possible}, from {from}"));
    let numbers = AtomicUsize::new(0);
    let lanes = arguments.number("lanes", lanes::WAITING)?;
    lanes::run(lanes, chosen, tally, |lane| {
        let at = scratch
            .path()
            .join(format!("lane-{}", numbers.fetch_add(1, Ordering::Relaxed)));
        std::fs::create_dir(&at).map_err(|e| e.to_string())?;
        let mut worker = Worker::start(Machine::Same)?;
        while let Some((number, fault)) = lane.next() {
            let outcome = run_of(&shim, &mut worker, &at, fault);
            if number > 0 && number.is_multiple_of(TOLD_EVERY) {
                eprintln!("{number} of {possible}; go on later with --from {number}");
            }
            lane.tally().note(outcome, || {
                format!(
                    "faults --workload {} --index {} --kind {} --mode {}",
                    fault.workload.name(),
                    fault.index,
                    fault.kind,
                    fault.mode
                )
            });
        }
        Ok(())
    })
}

/// Every index of every workload, times every fault; or those that the arguments name.
fn all(shim: &Shim, scratch: &Path, arguments: &Arguments) -> Result<Vec<Fault>, String> {
    let named = |name: &str, word: &str| arguments.text(name).is_none_or(|given| given == word);
    let mut faults = Vec::new();
    for workload in Workload::ALL {
        if !named("workload", workload.name()) {
            continue;
        }
        let calls = count(shim, scratch, workload)?;
        for index in 0..calls {
            if !named("index", &index.to_string()) {
                continue;
            }
            for kind in KINDS.into_iter().filter(|kind| named("kind", kind)) {
                for mode in MODES.into_iter().filter(|mode| named("mode", mode)) {
                    faults.push(Fault {
                        workload,
                        index,
                        kind,
                        mode,
                    });
                }
            }
        }
    }
    Ok(faults)
}

/// How many calls of a run may fail.
fn count(shim: &Shim, scratch: &Path, workload: Workload) -> Result<u64, String> {
    let counted = scratch.join("count");
    let mut command = child(scratch, workload)?;
    command.env("ASOF_SHIM_COUNT", &counted);
    let ended = shim.before(&mut command, &scratch.join("store")).status();
    let ended = ended.map_err(|e| e.to_string())?;
    if !ended.success() {
        return Err(format!("a run without faults failed: {ended}"));
    }
    let text = std::fs::read_to_string(&counted).map_err(|e| e.to_string())?;
    text.trim()
        .parse()
        .map_err(|_| format!("{text:?} is no count"))
}

/// A child on a store of its own, not yet started.
fn child(scratch: &Path, workload: Workload) -> Result<Command, String> {
    let (store, ledger) = (scratch.join("store"), scratch.join("ledger"));
    let _old = std::fs::remove_dir_all(&store);
    let _old = std::fs::remove_file(&ledger);
    let program = std::env::current_exe().map_err(|e| e.to_string())?;
    let mut command = Command::new(program);
    command
        .args(["child", "--workload", workload.name()])
        .arg("--store")
        .arg(store)
        .arg("--ledger")
        .arg(ledger);
    Ok(command)
}

fn run_of(
    shim: &Shim,
    worker: &mut Worker,
    scratch: &Path,
    fault: Fault,
) -> Result<String, String> {
    let (store, ledger) = (scratch.join("store"), scratch.join("ledger"));
    let Fault {
        workload,
        index,
        kind,
        mode,
    } = fault;
    let mut command = child(scratch, workload)?;
    command
        .env("ASOF_SHIM_FAULT", format!("{index} {kind} {mode}"))
        .stderr(Stdio::null());
    let ended = wait(shim.before(&mut command, &store))?;
    let how = match ended.code() {
        Some(0) => "went on",
        Some(1) => "stopped with an error",
        _ => return Err(format!("the child ended with {ended}")),
    };
    let known = Known::of_file(&ledger);
    if known.attempted == 0 && !store.join("asof.store").exists() {
        return Ok(format!("{kind} {mode}: {how} before there was a store"));
    }
    let class = worker.judge(Question {
        path: &store,
        workload,
        known,
        survives: Survives::Acknowledged,
        replay: index.is_multiple_of(16),
        trust: Trust::Honest,
    })?;
    Ok(format!("{kind} {mode}: {how}: {class}"))
}

/// Waits for its end, which is where the pipe ends that it never writes to.
fn wait(command: &mut Command) -> Result<ExitStatus, String> {
    let spawned = command.stdout(Stdio::piped()).spawn();
    let mut child = spawned.map_err(|e| e.to_string())?;
    let mut pipe = child.stdout.take().expect("stdout is a pipe");
    let (says, hears) = channel();
    std::thread::spawn(move || {
        let _all = std::io::copy(&mut pipe, &mut std::io::sink());
        let _waited_for = says.send(());
    });
    if hears.recv_timeout(PATIENCE).is_ok() {
        return child.wait().map_err(|e| e.to_string());
    }
    let _gone = child.kill();
    let _reaped = child.wait();
    Err("the child hangs".into())
}
