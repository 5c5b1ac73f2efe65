//! How near writes are to being held up, and by what.

use super::Store;
use crate::error::Result;
use crate::kv::Limit;
use crate::write::{described, retry_after};
use std::fmt;
use std::time::Duration;

/// What may hold writes up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PressureLimit {
    /// Memory: rows that are not in a file yet. They are written out in tens of milliseconds.
    Memtables,
    /// Files that were written out and wait to be merged.
    FilesAtLevel0,
    /// Bytes that compaction has yet to rewrite.
    PendingCompaction,
}

impl PressureLimit {
    /// What it is called in output for programs.
    pub fn name(self) -> &'static str {
        match self {
            PressureLimit::Memtables => "memtables",
            PressureLimit::FilesAtLevel0 => "files_at_level0",
            PressureLimit::PendingCompaction => "pending_compaction",
        }
    }
}

/// How near writes are to being held up: the limit that is nearest.
///
/// ```
/// # use asof::*;
/// # fn main() -> Result<()> {
/// # let store = Store::temp()?;
/// let pressure = store.pressure()?;
/// if pressure.nearness > 0.75 {
///     println!("writes are slowed down: {pressure}");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Pressure {
    /// From zero to one. Writers are slowed down from 0.75 on, the more the nearer; at one they wait,
    /// or are told [`Backpressure`](crate::ErrorKind::Backpressure).
    pub nearness: f64,
    /// The limit that is nearest.
    pub limit: PressureLimit,
    /// The same in words, with both numbers; from a nearness of 0.75 on with the reason.
    pub why: String,
    /// After how long there is mostly room again, where there is none.
    pub retry_after: Duration,
}

impl fmt::Display for Pressure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0} %: {}", self.nearness * 100.0, self.why)
    }
}

impl Store {
    /// How near writes are to being held up, and by what. It reads a dozen of RocksDB's counters, in
    /// some microseconds: for a meter, or for whoever wants to know before it fills a batch.
    ///
    /// # Errors
    /// [`Io`](crate::ErrorKind::Io) when RocksDB does not answer.
    pub fn pressure(&self) -> Result<Pressure> {
        let nearest = self.kv().nearest_limit()?;
        Ok(Pressure {
            nearness: nearest.share().clamp(0.0, 1.0),
            limit: match nearest.limit {
                Limit::Memtables | Limit::AllMemtables => PressureLimit::Memtables,
                Limit::Level0 => PressureLimit::FilesAtLevel0,
                Limit::Pending => PressureLimit::PendingCompaction,
            },
            why: described(&nearest),
            retry_after: retry_after(nearest.limit),
        })
    }
}

#[cfg(test)]
mod tests;
