//! Two threads, each on a core: do they get in each other's way?
//!
//! What two cores can do at once is said by a control, in which each thread has an index of its own.

use super::{Picks, World};
use crate::Outcome;
use crate::machine;
use crate::ours::Reader;
use crate::peers::arena::Arena;
use crate::plan::Plan;
use crate::report::{Bound, Report};
use crate::rows::{self, Key};
use asof::Question;
use std::hint::black_box;
use std::sync::Barrier;
use std::time::Instant;

const TABLE: &str = "two threads, million reads a second";
const SCALING: &str = "scaling";
const UNIFORM: &str = "asof, uniform";
const HOT: &str = "asof, all on one entity";
const CONTROL: &str = "control, uniform, nothing shared";
const HOT_CONTROL: &str = "control, one entity, nothing shared";

pub(super) fn measure(plan: &Plan, world: &World, picks: &Picks, report: &mut Report) -> Outcome {
    if machine::cores() < 2 {
        report.note("There is one core: two threads were not measured.");
        return Ok(());
    }
    let store = &world.cached;
    let view = store.view("user")?;
    let rows = rows::ascending(plan.entities, 0);
    let arenas = [Arena::load(&rows), Arena::load(&rows)];
    drop(rows);
    let uniform = &picks.keys[..];
    let hot = vec![picks.keys[0]; picks.keys.len()];
    let ours = |_: usize| {
        let mut reader = Reader::new(store, &view).expect("a reader");
        move |key: &Key| reader.by_key(key, Question::latest())
    };
    let control = |thread: usize| {
        let arena = &arenas[thread];
        move |key: &Key| arena.get(key)
    };
    scaling(report, CONTROL, uniform, control);
    scaling(report, UNIFORM, uniform, ours);
    scaling(report, HOT_CONTROL, &hot, control);
    scaling(report, HOT, &hot, ours);
    Ok(())
}

/// One thread on either core in turn, then both at once.
fn scaling<R: FnMut(&Key) -> f64 + Send>(
    report: &mut Report,
    name: &str,
    keys: &[Key],
    reader: impl Fn(usize) -> R + Sync,
) {
    let alone: f64 = [0, 1]
        .map(|core| together(&[core], keys, &reader))
        .iter()
        .sum::<f64>()
        / 2.0;
    let both = together(&[0, 1], keys, &reader);
    report.add(TABLE, name, "one thread", alone / 1e6);
    report.add(TABLE, name, "two threads", both / 1e6);
    report.add(TABLE, name, SCALING, both / alone);
}

/// Reads a second of all threads, each timed over its own reads.
fn together<R: FnMut(&Key) -> f64 + Send>(
    cores: &[usize],
    keys: &[Key],
    reader: &(impl Fn(usize) -> R + Sync),
) -> f64 {
    let barrier = Barrier::new(cores.len());
    std::thread::scope(|scope| {
        let start = |(thread, core): (usize, &usize)| {
            let (barrier, core) = (&barrier, *core);
            scope.spawn(move || {
                machine::pin(core).expect("the core is there");
                let mut read = reader(thread);
                // Threads begin at different places, as callers would.
                let (back, front) = keys.split_at(keys.len() / 2 * thread);
                let mut sum: f64 = front.iter().take(keys.len() / 10).map(&mut read).sum();
                barrier.wait();
                let start = Instant::now();
                sum += front.iter().chain(back).map(&mut read).sum::<f64>();
                let took = start.elapsed();
                black_box(sum);
                keys.len() as f64 / took.as_secs_f64()
            })
        };
        let threads: Vec<_> = cores.iter().enumerate().map(start).collect();
        let rates = threads
            .into_iter()
            .map(|thread| thread.join().expect("reads"));
        rates.sum()
    })
}

pub(super) fn judge(report: &mut Report) {
    for (path, one, control) in [
        ("two threads, uniform", UNIFORM, CONTROL),
        ("two threads, all on one entity", HOT, HOT_CONTROL),
    ] {
        let reached = report.ratios(TABLE, SCALING, one, control);
        let wanted = "at least 0.93 x the scaling of an unshared control loop";
        report.target(path, wanted, Bound::AtLeast(0.93), reached);
    }
}
