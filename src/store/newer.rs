//! Whether a newer version of asof has written what opening a store would have to understand.
//!
//! The marker says that this build may open the store; a row of its own may contradict it, where a
//! version forgot to say so there. Opening would rewrite the database before it came to that row, so a
//! closed database is looked at first.

use crate::error::{Error, ErrorKind, Result};
use crate::format::catalog::check_known;
use crate::format::checksum;
use crate::format::quarantine::{TOTALS_KEY, check_known_totals};
use crate::id::Hex;
use crate::kv::{Family, Peek};
use crate::preflight::WalScan;
use std::path::Path;

/// Refuses a log with a batch of which the note is of a newer format.
pub(super) fn check_log(number: u64, log: &WalScan) -> Result<()> {
    match log.newer {
        None => Ok(()),
        Some((sequence, kind)) => Err(Error::newer(format_args!(
            "db/{number:06}.log: the batch at sequence {sequence} begins with a note of kind {kind:#04x}, \
             which this build does not know"
        ))),
    }
}

/// Refuses a database of which the catalog, or the size of the quarantine, is of a newer format. What
/// else keeps it from being read is left to whoever opens it.
pub(super) fn check_database(path: &Path) -> Result<()> {
    match Peek::at(path).and_then(|database| check_rows(&database)) {
        Err(error) if error.kind() == ErrorKind::UnsupportedFormat => Err(error),
        _ => Ok(()),
    }
}

fn check_rows(database: &Peek) -> Result<()> {
    database.rows(Family::Catalog, &[], |key, stored| {
        match checksum::open("a row of the catalog", key, stored) {
            Ok(value) => check_known(key, value),
            // Damage: a row behind it may still be newer.
            Err(_) => Ok(()),
        }
    })?;
    // The totals are the last that this build writes there.
    database.rows(
        Family::Quarantine,
        &TOTALS_KEY,
        |key, stored| match checksum::open("a row of the quarantine", key, stored) {
            Ok(value) if *key == TOTALS_KEY => check_known_totals(value),
            Ok(_) => Err(Error::newer(format_args!(
                "the quarantine has a row under key {}, of a kind that this build does not know",
                Hex(key)
            ))),
            Err(_) => Ok(()),
        },
    )
}

#[cfg(test)]
mod tests;
