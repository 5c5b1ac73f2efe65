//! The locks and atomics of the engine, under every order in which threads could run.
//!
//! The formal model beside this (`crates/protocol`) checks what the protocols say. Here it is the code
//! itself: the source of the row cache, of the stripes, of the group commit and of the count of commits is taken in
//! as it is shipped, and what it calls `crate::sync` is [loom](https://docs.rs/loom). Loom runs a model again and
//! again, each time in another order of its threads, and lets a load return every value that the memory
//! orderings permit: a `Relaxed` that should be an `Acquire` is wrong here on every machine, not only on
//! one that is weak enough.
//!
//! ```text
//! cargo run --release --locked --manifest-path crates/interleavings/Cargo.toml [-- NAME…]
//! crates/interleavings/planted.sh      is each planted bug seen?
//! ```
//!
//! Each model is a promise by its name. `LOOM_MAX_PREEMPTIONS` bounds how often a thread is interrupted
//! where it could have gone on ([`runner::PREEMPTIONS`] without it), `LOOM_MAX_DURATION` for how many
//! seconds each model is run. A model that was stopped by that says so.
//!
//! # What this cannot see
//!
//! RocksDB is an atomic number here ([`database`]). How the engine calls the checked code is repeated in
//! the models by hand: `src/read/lookup.rs`, `src/read/many.rs`, `src/write/commit.rs`, `src/kv/reuse.rs`. Loom keeps the
//! last seven values of a word, and does not reorder a load behind a later store.

#![allow(
    clippy::disallowed_methods,
    reason = "a harness reads arguments and clocks, and starts processes"
)]

#[allow(dead_code, unused_imports, reason = "the models ask for a part of it")]
#[path = "../../../src/cache/mod.rs"]
mod cache;
#[path = "../../../src/kv/commits.rs"]
mod commits;
mod database;
#[allow(dead_code, reason = "the models ask for a part of it")]
#[path = "../../../src/error.rs"]
mod error;
mod format;
mod models;
mod runner;
mod sync;
#[allow(dead_code, reason = "the models ask for a part of it")]
mod write;

fn main() -> std::process::ExitCode {
    runner::main(models::ALL)
}
