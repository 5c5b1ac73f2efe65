//! The real store against the model, over random histories.
//!
//! Each case draws a view (ttl, window, what expiry does), a few versions that collide on purpose, an
//! order, batches, repetitions, erases, and moments at which the store is flushed, synced, compacted,
//! opened again with other options or killed, and the clock moves. Then the same events come in another
//! order to a second view, or to another store. Of both, every read path has to say what the model says
//! to questions that are drawn once the events are known, and the digest has to be the model's.
//!
//! `cargo test --release --test store_model -- --from 2000 --cases 20000` runs longer; a run goes on
//! where another ended. A failure prints the command that repeats it, and the least of it that fails.

#![allow(
    clippy::disallowed_methods,
    reason = "the harness reads its arguments and the clock, and sets exit codes"
)]

mod case;
mod choices;
#[path = "../killed/mod.rs"]
mod killed;
#[path = "../model/mod.rs"]
mod model;
mod orders;
mod questions;
mod world;

use case::Case;
use choices::Choices;
use questions::Tally;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::process::ExitCode;
use std::time::Instant;

const NAME: &str = "the_store_says_what_the_model_says_in_any_order";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |name: &str, default: u64| {
        let at = arguments.iter().position(|argument| argument == name);
        at.and_then(|at| arguments.get(at + 1)?.parse().ok())
            .unwrap_or(default)
    };
    let cases = if cfg!(debug_assertions) { 200 } else { 2_000 };
    let (from, cases) = (number("--from", 0), number("--cases", cases));
    println!("\nrunning {cases} cases from seed {from}");
    let begun = Instant::now();
    let mut tally = Tally::default();
    for seed in from..from + cases {
        let case = Case::draw(&mut Choices::of_seed(seed));
        match try_one(&case) {
            Ok(of_case) => tally.add(of_case),
            Err(why) => return failed(seed, &case, &why),
        }
        if (seed - from + 1).is_multiple_of(1_000) {
            println!("seed {} after {:.0?}: {tally:?}", seed + 1, begun.elapsed());
        }
    }
    if let Err(why) = is_not_blind(&tally, cases) {
        println!("test {NAME} ... FAILED\n{why}");
        return ExitCode::FAILURE;
    }
    println!(
        "test {NAME} ... ok\n{cases} cases, {} answers to {} questions ({} hits, {} near misses, {} misses) in {:.0?}; \
         go on with --from {}",
        tally.answers,
        tally.questions(),
        tally.hits,
        tally.near,
        tally.misses,
        begun.elapsed(),
        from + cases
    );
    ExitCode::SUCCESS
}

/// Each kind of question is at least a fifth, or the answers prove little.
fn is_not_blind(tally: &Tally, cases: u64) -> Result<(), String> {
    let least = tally.questions() / 5;
    let kinds = [tally.hits, tally.near, tally.misses];
    if cases >= 100 && kinds.into_iter().any(|kind| kind < least) {
        return Err(format!(
            "a kind of question is less than a fifth: {tally:?}"
        ));
    }
    Ok(())
}

/// Runs a case; what it panics with, or fails with, is why it failed.
fn try_one(case: &Case) -> Result<Tally, String> {
    match catch_unwind(AssertUnwindSafe(|| orders::run(case))) {
        Ok(Ok(tally)) => Ok(tally),
        Ok(Err(error)) => Err(error.to_string()),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            Err(text
                .or_else(|| Some(panic.downcast_ref::<&str>()?.to_string()))
                .unwrap_or_default())
        }
    }
}

/// Tells of a failure: how to repeat it, and the least that is left of it when steps are left out.
fn failed(seed: u64, case: &Case, why: &str) -> ExitCode {
    println!("test {NAME} ... FAILED\n{why}");
    println!("replay: cargo test --release --test store_model -- --from {seed} --cases 1");
    let hook = take_hook();
    set_hook(Box::new(|_| {}));
    let mut least = case.clone();
    let mut why = why.to_owned();
    let mut at = 0;
    while at < least.steps.len() {
        let mut fewer = least.clone();
        fewer.steps.remove(at);
        match try_one(&fewer) {
            Ok(_) => at += 1,
            Err(fails) => (least, why, at) = (fewer, fails, 0),
        }
    }
    set_hook(hook);
    println!("the least that fails: {least:#?}\n{why}");
    ExitCode::FAILURE
}
