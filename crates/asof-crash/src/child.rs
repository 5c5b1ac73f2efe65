//! The program that is killed: it writes the batches of a workload and keeps the ledger.

use crate::arguments::Arguments;
use crate::ledger::Ledger;
use crate::workload::{ERASED_BEFORE, Workload};
use asof::{Durability, ErrorKind, Store, WriteBatch, WriteOptions};
use libc::SIGABRT;
use std::collections::VecDeque;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitCode, ExitStatus};
use std::time::Duration;

/// How often a batch that was refused is tried again, and after how long. Then it waits as any other.
const TRIES_MAX: u32 = 400;
const PAUSE: Duration = Duration::from_millis(5);

/// `child --store DIR --workload W [--ledger FILE] [--first N] [--stay 1]`.
pub(crate) fn main(arguments: &Arguments) -> ExitCode {
    let workload = Workload::named(arguments.text("workload").unwrap_or("synced"));
    let (Ok(workload), Some(store)) = (workload, arguments.text("store")) else {
        return ExitCode::from(2);
    };
    let mut ledger = match arguments.text("ledger") {
        Some(path) => Ledger::file(Path::new(path), arguments.text("echo").is_some())
            .expect("the ledger can be opened"),
        None => Ledger::stdout(),
    };
    let first = arguments.number("first", 0).unwrap_or(0);
    match write(workload, Path::new(store), first, &mut ledger) {
        Ok(store) if arguments.text("stay").is_none() => match store.close() {
            Ok(()) => {
                ledger.say(&format!("S {}", workload.batches() - 1));
                ExitCode::SUCCESS
            }
            Err(error) => failed(&mut ledger, &error),
        },
        // A clean exit would flush: it stays, to be killed.
        Ok(_store) => loop {
            std::thread::park();
        },
        Err(error) => failed(&mut ledger, &error),
    }
}

fn failed(ledger: &mut Ledger, error: &asof::Error) -> ExitCode {
    ledger.say("E");
    eprintln!("the child failed: {error}");
    ExitCode::FAILURE
}

fn write(workload: Workload, path: &Path, first: u64, ledger: &mut Ledger) -> asof::Result<Store> {
    let store = workload.open(path)?;
    workload.define(&store)?;
    // The log is read on from where the store says, or from before.
    let first = first.min(workload.position(&store));
    let found = check_head(workload, &store, Some(workload.batches()));
    let mut ready = VecDeque::new();
    for n in first..workload.batches() {
        if workload == Workload::Erasing && n == ERASED_BEFORE {
            ledger.say("X 0");
            if let Err(error) = workload.erase(&store) {
                return after_fault(workload, &store, n, error, ledger);
            }
            ledger.say("Y 0");
        }
        if ready.is_empty() {
            for n in n..workload.batches().min(n + workload.burst()) {
                ready.push_back(workload.batch(&store, n)?);
            }
        }
        let batch = ready.pop_front().expect("some were made");
        if let Err(error) = insist(workload, &store, n, batch, found, ledger) {
            return after_fault(workload, &store, n, error, ledger);
        }
        check_head(workload, &store, found.max(Some(n)));
        match workload.durability(n) {
            // Whoever writes alone and syncs has synced everything before.
            Durability::Synced => ledger.say(&format!("S {n}")),
            Durability::Buffered => ledger.say(&format!("B {n}")),
        }
        if workload.syncs_after(n) {
            if let Err(error) = store.sync() {
                return after_fault(workload, &store, n, error, ledger);
            }
            ledger.say(&format!("S {n}"));
        }
        if workload.compacts_after(n) {
            store.compact()?;
        }
        if let Some(floor) = workload.floor(&store)? {
            ledger.say(&format!("F {floor}"));
        }
    }
    Ok(store)
}

/// Writes a batch until it is taken. Of one that was refused nothing may be seen. `found` is the last that
/// was there when the store was opened: a log is read on from before that.
fn insist(
    workload: Workload,
    store: &Store,
    n: u64,
    mut batch: WriteBatch,
    found: Option<u64>,
    ledger: &mut Ledger,
) -> asof::Result<()> {
    if workload == Workload::Pressed {
        let before = workload.shows(store, n)?;
        for _ in 0..TRIES_MAX {
            let options = workload.options(n).non_blocking();
            ledger.say(&format!("I {n}"));
            match write_and_ask(workload, store, batch, options, ledger) {
                Err(error) if matches!(error.kind(), ErrorKind::Backpressure { .. }) => {
                    ledger.say(&format!("R {n}"));
                }
                outcome => return outcome,
            }
            if workload.shows(store, n)? != before {
                wrong(&format!("batch {n} was refused, and some of it is there"));
            }
            if before == [false, false] {
                check_head(workload, store, found.max(n.checked_sub(1)));
            }
            std::thread::sleep(PAUSE);
            batch = workload.batch(store, n)?;
        }
    }
    ledger.say(&format!("I {n}"));
    write_and_ask(workload, store, batch, workload.options(n), ledger)
}

/// What the row cache answers is what the history says, and nothing newer than what is known.
fn check_head(workload: Workload, store: &Store, most: Option<u64>) -> Option<u64> {
    match workload.head(store) {
        Ok(Err(why)) => wrong(&why),
        Ok(Ok(head)) if head > most => {
            wrong(&format!("the head is {head:?}, and {most:?} is known"))
        }
        Ok(Ok(head)) => head,
        // A read that meets a fault says nothing of the cache.
        Err(_) => None,
    }
}

/// Whether a child that is gone had found something wrong by itself.
pub(crate) fn check_end(status: ExitStatus) -> Result<(), String> {
    match status.signal() {
        Some(SIGABRT) => Err("the child found something wrong, or an assertion failed".into()),
        _ => Ok(()),
    }
}

/// Ends the process in a way that no harness takes for a fault.
fn wrong(why: &str) -> ! {
    eprintln!("{why}");
    std::process::abort();
}

/// Writes a batch, and asks all the while what the store promises already. A position says that the rows
/// below it are durable, and a floor is never taken back: told before its fsync, either is told too
/// early.
fn write_and_ask(
    workload: Workload,
    store: &Store,
    batch: WriteBatch,
    options: WriteOptions,
    ledger: &mut Ledger,
) -> asof::Result<()> {
    let asked = || {
        (
            workload.position(store),
            workload.floor(store).ok().flatten(),
        )
    };
    let mut told = asked();
    let ticket = store.submit(batch, options)?;
    loop {
        if let Some(outcome) = ticket.try_wait() {
            return outcome.map(drop);
        }
        let (position, floor) = asked();
        if position > told.0 {
            ledger.say(&format!("S {}", position - 1));
        }
        if let Some(floor) = floor.filter(|_| floor != told.1) {
            ledger.say(&format!("F {floor}"));
        }
        told = (position, floor);
    }
}

/// A write or a sync has failed: its outcome is unknown. Nothing is acknowledged any more until the
/// store is opened again, and reads go on.
fn after_fault(
    workload: Workload,
    store: &Store,
    n: u64,
    error: asof::Error,
    ledger: &mut Ledger,
) -> asof::Result<Store> {
    for again in 0..3 {
        let batch = workload.batch(store, n)?;
        if store.write(batch, workload.options(n)).is_ok() {
            wrong(&format!(
                "write {again} after a fault was acknowledged without a reopen"
            ));
        }
    }
    // Of the write that failed nobody knows; whether it is there, all ways of reading agree.
    check_head(workload, store, Some(workload.batches()));
    // What was acknowledged can still be read, unless reading itself meets the fault.
    for known in 0..n {
        match workload.shows(store, known) {
            Ok([true, true]) => {}
            Ok(_) => {
                wrong(&format!(
                    "batch {known} was acknowledged and a read after a fault does not see it"
                ));
            }
            Err(_) => break,
        }
    }
    ledger.say("E");
    Err(error)
}
