//! What threads share, and what they wait for each other by.
//!
//! The row cache, the stripes and the group commit take these from here and from nowhere else, because
//! there is a second crate that takes in their source: `crates/interleavings` gives them locks and
//! atomics of a model checker by the same names, and tries every order in which threads could run.

mod words;

pub(crate) use parking_lot::{Condvar, Mutex, MutexGuard};
pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, AtomicU64 as Word, Ordering, fence};
pub(crate) use words::Words;
