//! Whether a newer version of asof has written the log.
//!
//! The marker says that this build may open the store; a record inside may contradict it, where a version
//! forgot to say so there. What stands in front of the database (marker, watermark, notes of the log) is
//! told before a byte is changed; a row of the catalog or the quarantine once RocksDB has read its logs,
//! and every other row by the read that meets it. None of them is written over.

use crate::error::{Error, Result};
use crate::preflight::WalScan;

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

#[cfg(test)]
mod tests;
