//! How versions become answers: the event-time law as pure code.
//!
//! No I/O, no clock, no RocksDB. What is decided here is decided the same everywhere: by a read, by
//! a write that keeps the latest row, by a compaction, by `verify`.

mod admit;
mod answer;
mod conflict;
mod fold;
mod retained;

pub(crate) use admit::{Admission, check_times, contradict, is_fenced};
pub use answer::{Answer, Status, Verdict};
pub(crate) use answer::{Standing, Told, told, verdict};
pub(crate) use conflict::Instant;
pub(crate) use fold::{Fold, write_put};
pub(crate) use retained::Retained;

/// What all of this is compared with, by tests and by fuzzers.
#[cfg(any(test, feature = "fuzzing"))]
#[path = "../../tests/model/mod.rs"]
pub(crate) mod model;

#[cfg(test)]
mod tests;
