//! Damages every file that says what is durable, one bit or one cut at a time, and opens the store.
//!
//! A store is written, synced batch by batch, and copied as a killed process would leave it. Then each
//! damage is done to a copy and the copy is opened. One of three things may happen: it is refused as
//! corrupt; it opens with every row that was synced; it is a cut of rows that were never synced, and
//! opens without them. A store that opens with a synced row missing fails, and so does one that takes
//! more than five seconds.
//!
//! ```text
//! cargo test --release --test corruption -- --sample 2000 --seed 7   some of all damages
//! cargo test --release --test corruption -- --all                    all of them
//! cargo test --release --test corruption -- --damage log:flip:1234   one of them, again
//! cargo test --release --test corruption -- --measure                what the pre-flight costs
//! ```
//!
//! `verdicts.txt` beside this file says how each class of damage may end, so that a change of class is
//! a change of that file.

#![allow(
    clippy::disallowed_methods,
    reason = "the harness reads its arguments, sets exit codes and measures time"
)]

mod damage;
mod measure;
mod world;

use damage::{Damage, Kind};
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use world::World;

const SLOW: Duration = Duration::from_secs(5);

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
    let number = |name: &str, default: u64| {
        value(name).map_or(default, |text| text.parse().expect("a number"))
    };
    let seed = number("--seed", 1);
    let world = World::make(number("--batches", 9));
    let mut damages = world.damages();
    if let Some(one) = value("--damage") {
        damages.retain(|damage| damage.to_string() == one);
        assert!(!damages.is_empty(), "there is no damage {one}");
    } else if !has("--all") {
        sample(&mut damages, number("--sample", 2_000) as usize, seed);
    }
    let (mut failed, mut counts) = (0, BTreeMap::new());
    for damage in &damages {
        let started = Instant::now();
        let ended = world.outcome(damage);
        let slow = started.elapsed() > SLOW;
        match ended {
            Ok(outcome) if !slow => {
                *counts.entry((damage.class(), outcome)).or_insert(0u64) += 1;
            }
            other => {
                failed += 1;
                let why = other
                    .err()
                    .unwrap_or_else(|| "it took over five seconds".into());
                println!("FAILED: {damage}: {why}");
                println!("replay: cargo test --release --test corruption -- --damage {damage}");
            }
        }
    }
    println!("test result: damaged stores");
    for ((class, outcome), count) in &counts {
        println!("  {class:24} {outcome:18} {count}");
    }
    let strange = world::strange(&counts);
    for line in &strange {
        println!("FAILED: {line}");
    }
    failed += strange.len();
    println!(
        "{} passed, {failed} failed",
        damages.len().saturating_sub(failed)
    );
    match failed {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// So many of each class, the same for the same seed. Small classes are kept whole.
fn sample(damages: &mut Vec<Damage>, count: usize, seed: u64) {
    let mut classes: BTreeMap<String, Vec<Damage>> = BTreeMap::new();
    for damage in damages.drain(..) {
        classes.entry(damage.class()).or_default().push(damage);
    }
    let share = count / classes.len();
    let mut random = seed | 1;
    for (_, mut of_class) in classes {
        while of_class.len() > share {
            random ^= random >> 12;
            random ^= random << 25;
            random ^= random >> 27;
            let at = random.wrapping_mul(0x2545_f491_4f6c_dd1d) % of_class.len() as u64;
            of_class.swap_remove(at as usize);
        }
        damages.extend(of_class);
    }
    damages.sort_by_key(|damage| matches!(damage.kind, Kind::Gone));
}
