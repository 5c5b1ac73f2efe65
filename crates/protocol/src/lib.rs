//! The protocols of the engine, small enough to try every interleaving and every crash.
//!
//! Two models. [`latest`] is about memory: writers, the materialised latest row, a cache of rows and a
//! clock that moves. [`durable`] is about disks: floors, erase fences and positions, under crashes that
//! lose any part of what was not synced.
//!
//! A model that finds nothing has shown nothing. So each rule of a protocol can be left out, by name,
//! and a test expects the counterexample: the shortest run of steps after which an answer is wrong.
//!
//! ```text
//! cargo test --release --manifest-path crates/protocol/Cargo.toml
//! ```

pub mod durable;
pub mod latest;
