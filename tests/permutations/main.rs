//! The law against the model, over any number of small histories: no RocksDB, no disk.
//!
//! Each case is a string of bytes drawn from its seed, and `asof::fuzzing::permuted` its oracle: the
//! same versions in two orders, repeated, in batches, with a floor, a compaction and an erase on the
//! way, and questions that are drawn once the versions are known.
//!
//! ```text
//! cargo test --release -p asof --no-default-features --features fuzzing --test permutations \
//!     -- --from 200000 --cases 5000000
//! ```
//!
//! runs longer; a run goes on where another ended, and a failure prints the command that repeats it.

#![allow(
    clippy::disallowed_methods,
    reason = "the harness reads its arguments and the clock, and sets exit codes"
)]

use asof::fuzzing::{Asked, permuted};
use std::panic::catch_unwind;
use std::process::ExitCode;
use std::time::Instant;

const NAME: &str = "no_order_repetition_or_batching_changes_an_answer";
const COMMAND: &str =
    "cargo test --release -p asof --no-default-features --features fuzzing --test permutations --";

/// The bytes of a case: SplitMix64, eight at a time.
fn bytes_of(mut seed: u64) -> Vec<u8> {
    let mut next = || {
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    };
    let words = 3 + next() % 7;
    (0..words).flat_map(|_| next().to_le_bytes()).collect()
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |name: &str, default: u64| {
        let at = arguments.iter().position(|argument| argument == name);
        at.and_then(|at| arguments.get(at + 1)?.parse().ok())
            .unwrap_or(default)
    };
    let cases = if cfg!(debug_assertions) {
        10_000
    } else {
        200_000
    };
    let (from, cases) = (number("--from", 0), number("--cases", cases));
    println!("\nrunning {cases} cases from seed {from}");
    let begun = Instant::now();
    let mut all = Asked::default();
    for seed in from..from + cases {
        let Ok(asked) = catch_unwind(|| permuted(&bytes_of(seed))) else {
            println!("test {NAME} ... FAILED");
            println!("replay: {COMMAND} --from {seed} --cases 1");
            return ExitCode::FAILURE;
        };
        all.hits += asked.hits;
        all.near += asked.near;
        all.misses += asked.misses;
        if (seed - from + 1).is_multiple_of(500_000) {
            println!("seed {} after {:.0?}: {all:?}", seed + 1, begun.elapsed());
        }
    }
    let questions = all.hits + all.near + all.misses;
    let is_blind = [all.hits, all.near, all.misses].map(|kind| kind < questions / 5);
    if cases >= 100 && is_blind.contains(&true) {
        println!("test {NAME} ... FAILED");
        println!("a kind of question is less than a fifth of all: {all:?}");
        return ExitCode::FAILURE;
    }
    println!("test {NAME} ... ok");
    println!(
        "{cases} cases, {questions} questions ({} hits, {} near misses, {} misses) in {:.0?}; \
         go on with --from {}",
        all.hits,
        all.near,
        all.misses,
        begun.elapsed(),
        from + cases
    );
    ExitCode::SUCCESS
}
