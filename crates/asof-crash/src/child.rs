//! The program that is killed: it writes the batches of a workload and keeps the ledger.

use crate::arguments::Arguments;
use crate::ledger::Ledger;
use crate::workload::{ERASED_BEFORE, Workload};
use asof::{Durability, Store, WriteBatch};
use std::path::Path;
use std::process::ExitCode;

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
    for n in first..workload.batches() {
        if workload == Workload::Erasing && n == ERASED_BEFORE {
            ledger.say("X 0");
            if let Err(error) = workload.erase(&store) {
                return after_fault(workload, &store, n, error, ledger);
            }
            ledger.say("Y 0");
        }
        let batch = workload.batch(&store, n)?;
        ledger.say(&format!("I {n}"));
        if let Err(error) = write_and_ask(workload, &store, n, batch, ledger) {
            return after_fault(workload, &store, n, error, ledger);
        }
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

/// Writes a batch, and asks all the while what the store promises already. A position says that the rows
/// below it are durable, and a floor is never taken back: told before its fsync, either is told too
/// early.
fn write_and_ask(
    workload: Workload,
    store: &Store,
    n: u64,
    batch: WriteBatch,
    ledger: &mut Ledger,
) -> asof::Result<()> {
    let asked = || {
        (
            workload.position(store),
            workload.floor(store).ok().flatten(),
        )
    };
    let mut told = asked();
    let ticket = store.submit(batch, workload.options(n))?;
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
            eprintln!("write {again} after a fault was acknowledged without a reopen");
            std::process::abort();
        }
    }
    // What was acknowledged can still be read, unless reading itself meets the fault.
    for known in 0..n {
        match workload.shows(store, known) {
            Ok([true, true]) => {}
            Ok(_) => {
                eprintln!(
                    "batch {known} was acknowledged and a read after a fault does not see it"
                );
                std::process::abort();
            }
            Err(_) => break,
        }
    }
    ledger.say("E");
    Err(error)
}
