//! Readers, writers, a clock that goes back, erases and a store that is opened again, all at once.
//!
//! Eight hot entities and some hundred cold ones, in three views:
//!
//! - every writer owns a counter and patches it with growing and with late event times, a half of the
//!   hot entities in two views a batch;
//! - the clock stands still, goes on and goes back, and rows that were written ahead come due: which
//!   row shows tells which step of the clock it is;
//! - the keeper puts, deletes and erases what it alone writes, beside the others' counters;
//! - the store is synced (which moves the floor of one view), compacted, closed and opened again;
//! - readers ask for one row, many, a set of views, under snapshots, in the past, and for all, through
//!   a cache of rows that holds all, some or none.
//!
//! Whether a read was possible is decided by `lattice.rs` for what only grows, by `register.rs` for
//! what goes away again, and on the spot for rows that belong to one batch.
//!
//! ```text
//! cargo test --release --test concurrency -- --reads 100000000 --seed 7
//! ```
//!
//! A round is named by its seed. Each hundredth is printed with the seed to go on from; threads are
//! the system's, so a seed gives the same acts and not the same interleaving.

#![allow(
    clippy::disallowed_methods,
    reason = "the harness reads its arguments and the time, starts threads and sets exit codes"
)]

mod acts;
mod lattice;
mod reads;
mod register;
mod scene;

use asof::{Question, Read};
use lattice::WRITERS;
use scene::{COLD, COUNTS, HOT, MARKS, PAIRS, Scene, half};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::Instant;

const READERS: usize = 3;

/// What a thread did, each with the view and the place of its entity.
#[derive(Default)]
struct Recorded {
    /// Writes and reads of counters.
    calls: Vec<(usize, usize, lattice::Call)>,
    /// What the keeper did.
    acts: Vec<(usize, usize, register::Call)>,
    /// What readers saw of it.
    looks: Vec<(usize, usize, register::Call)>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |name: &str, default: u64| {
        let at = arguments.iter().position(|argument| argument == name);
        at.and_then(|at| arguments.get(at + 1)?.parse().ok())
            .unwrap_or(default)
    };
    let (wanted, seed) = (number("--reads", 200_000), number("--seed", 1));
    lattice::check_the_checker();
    register::check_the_checker();
    let started = Instant::now();
    let (mut checked, mut round, mut failed) = (0, seed, 0);
    while checked < wanted && failed == 0 {
        // A store of its own for each: a long run does not grow without end.
        let directory = tempfile::tempdir().expect("a directory can be made");
        match round_of(directory.path(), round) {
            Ok(reads) => checked += reads,
            Err(why) => {
                failed += 1;
                println!("FAILED: seed {round}: {why}");
                println!("replay: cargo test --release --test concurrency -- --seed {round}");
            }
        }
        round += 1;
        if (round - seed).is_multiple_of(100) {
            let seconds = started.elapsed().as_secs();
            println!("{checked} reads in {seconds} s; go on with --seed {round}");
        }
    }
    println!(
        "{checked} concurrent reads checked in {} rounds, seeds {seed} to {}, in {} s",
        round - seed,
        round - 1,
        started.elapsed().as_secs()
    );
    println!("test result: concurrency");
    println!("{} passed, {failed} failed", round - seed - failed);
    match failed {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// Runs a round, checks all that was recorded, and says how many reads that were.
fn round_of(path: &Path, seed: u64) -> Result<u64, String> {
    let scene = Scene::new(&path.join("store"), seed).map_err(|error| error.to_string())?;
    let gathered = run(&scene, seed)?;
    let reads = check(gathered)?;
    settled(&scene)?;
    scene.close().map_err(|error| error.to_string())?;
    Ok(reads)
}

fn run(scene: &Scene, seed: u64) -> Result<Vec<Recorded>, String> {
    let told = |outcome: asof::Result<Recorded>| outcome.map_err(|error| error.to_string());
    std::thread::scope(|scope| {
        let mut threads: Vec<_> = (0..WRITERS)
            .map(|writer| {
                scope.spawn(move || {
                    let unless_it_is_done = EndsRound(scene);
                    let outcome = told(scene.write(writer, seed));
                    if outcome.is_ok() {
                        std::mem::forget(unless_it_is_done);
                    }
                    outcome
                })
            })
            .collect();
        threads.push(scope.spawn(move || told(scene.tell_time(seed))));
        threads.push(scope.spawn(move || told(scene.keep(seed))));
        threads.push(scope.spawn(move || told(scene.tend(seed))));
        threads.extend((0..READERS).map(|reader| scope.spawn(move || scene.read(reader, seed))));
        let joined = threads.into_iter().map(|thread| match thread.join() {
            Ok(recorded) => recorded,
            Err(_) => Err("a thread panicked; what it said stands above".into()),
        });
        joined.collect::<Vec<_>>().into_iter().collect()
    })
}

fn check(gathered: Vec<Recorded>) -> Result<u64, String> {
    let mut calls = vec![Vec::new(); 2 * (HOT + COLD)];
    let mut acts = vec![Vec::new(); 3 * HOT];
    let mut looks = acts.clone();
    let mut reads = 0;
    for recorded in gathered {
        for (view, entity, call) in recorded.calls {
            reads += u64::from(call.kind != lattice::Kind::Write);
            calls[view * (HOT + COLD) + entity].push(call);
        }
        for (view, entity, call) in recorded.acts {
            acts[view * HOT + entity].push(call);
        }
        for (view, entity, call) in recorded.looks {
            // What is read of `counts` was counted with its counters.
            reads += u64::from(view == MARKS);
            looks[view * HOT + entity].push(call);
        }
    }
    let named = |place: usize, each: usize| {
        let view = ["counts", "pairs", "marks"][place / each];
        move |why: String| format!("entity {} of {view}: {why}", place % each)
    };
    for (place, calls) in calls.iter().enumerate() {
        lattice::check(calls).map_err(named(place, HOT + COLD))?;
    }
    for (place, (acts, looks)) in acts.iter().zip(&mut looks).enumerate() {
        register::check(acts, looks).map_err(named(place, HOT))?;
    }
    Ok(reads)
}

/// When everybody is done, every entity shows every writer's largest count, from its latest row and
/// from its history, and the store is whole.
fn settled(scene: &Scene) -> Result<(), String> {
    let told = |error: asof::Error| error.to_string();
    let session = scene.session();
    for view in [COUNTS, PAIRS] {
        for place in 0..HOT {
            for question in [Question::latest(), Question::as_of(session.store.now())] {
                let entity = &session.entities[view][place];
                let row = session.store.get(&session.views[view], entity, question);
                let state = row
                    .and_then(|row| session.state(view, &row))
                    .map_err(told)?;
                let expected = |writer| match half(writer).contains(&place) {
                    true => acts::WRITES,
                    false => 0,
                };
                if (0..WRITERS).any(|writer| state[writer] > expected(writer))
                    || (0..WRITERS).any(|writer| (state[writer] > 0) != (expected(writer) > 0))
                {
                    return Err(format!("entity {place} ends with {state:?}"));
                }
            }
        }
    }
    let report = session.store.verify(&mut |_| {}).map_err(told)?;
    match report.is_clean() {
        true => Ok(()),
        false => Err(format!("verify found {:?}", report.findings)),
    }
}

/// Ends the round where a writer came to no good end: all others go on until the last is done.
struct EndsRound<'s>(&'s Scene);

impl Drop for EndsRound<'_> {
    fn drop(&mut self) {
        self.0.writers_left.store(0, Ordering::SeqCst);
    }
}
