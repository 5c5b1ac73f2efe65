//! Whether a database may be opened: its logs and its manifest are read strictly, and held against
//! the watermark, before RocksDB sees them.
//!
//! RocksDB opens without a word after one flipped bit in a synced log and drops every row behind it;
//! a bit in the manifest can leave a hole, or make it read in circles. Opening rewrites the log, so
//! afterwards is too late to ask. No I/O here: bytes in, verdict out.
//!
//! ```text
//! bytes of a log       ── log, wal ──▶ how it reads ─┐
//! bytes of a manifest  ── manifest ──▶ how it reads ─┼─ judge ──▶ a verdict per file, and what is lost
//! watermark            ──────────────────────────────┘
//! ```

mod crc32c;
mod judge;
mod log;
mod manifest;
mod wal;

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use judge::Judgement;
pub(crate) use judge::{Evidence, judge};
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use log::framed;
pub(crate) use manifest::{ManifestScan, current, scan as scan_manifest};
pub(crate) use wal::{StoreTag, WalScan, note, scan as scan_log};

use std::fmt;

/// The state of one file of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Health {
    /// All of it is as it was written.
    Healthy,
    /// Its end is a write that was cut off. None of it was acknowledged as durable; opening drops it.
    Torn,
    /// It is not what was written, and something acknowledged may be gone with it.
    Damaged,
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Health::Healthy => "healthy",
            Health::Torn => "torn",
            Health::Damaged => "damaged",
        })
    }
}

/// What was found out about one file of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The file, seen from the store's directory.
    pub file: String,
    /// The state it is in.
    pub health: Health,
    /// Where in the file the damage or the torn end begins.
    pub offset: Option<u64>,
    /// What was found, and what was expected.
    pub what: String,
}

impl Finding {
    pub(crate) fn healthy(file: impl Into<String>, what: impl Into<String>) -> Finding {
        Finding {
            file: file.into(),
            health: Health::Healthy,
            offset: None,
            what: what.into(),
        }
    }

    pub(crate) fn damaged(
        file: impl Into<String>,
        offset: Option<u64>,
        what: impl Into<String>,
    ) -> Finding {
        Finding {
            file: file.into(),
            health: Health::Damaged,
            offset,
            what: what.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}", self.file, self.health)?;
        if let Some(offset) = self.offset {
            write!(f, " at byte {offset}")?;
        }
        write!(f, ": {}", self.what)
    }
}

impl std::error::Error for Finding {}

/// What an open would drop from the logs of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct LogLoss {
    /// Bytes behind the last row that can be reached.
    pub bytes: u64,
    /// Batches that can still be read among them.
    pub batches: u64,
    /// Internal sequence numbers that are known to be lost, first and last: one for each row, latest
    /// row and catalog entry that was written. There may be more behind the last: see
    /// [`records`](Self::records).
    pub sequences: Option<(u64, u64)>,
}

impl LogLoss {
    /// How many sequence numbers are lost at least. Records that were only buffered and cannot be read
    /// any more have left no trace but bytes, and are not among them.
    pub fn records(&self) -> u64 {
        self.sequences.map_or(0, |(first, last)| last - first + 1)
    }
}

impl fmt::Display for LogLoss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes of log", self.bytes)?;
        if self.batches > 0 {
            write!(f, ", {} readable batches among them", self.batches)?;
        }
        match self.sequences {
            Some((first, last)) => write!(
                f,
                ", at least {} records (sequence {first} to {last})",
                self.records()
            ),
            None => f.write_str(", no record that is known to have been durable"),
        }
    }
}
