//! Whether a newer version of asof has written in a store.
//!
//! The marker says that this build may open the store; a record inside may contradict it, where a version
//! forgot to say so there. What stands in front of the database (marker, watermark, notes of the log) is
//! told before a byte is changed; a row of the catalog or the quarantine once RocksDB has read its logs,
//! and every other row by the read that meets it. None of them is written over.

use crate::error::{Error, ErrorKind, Result};
use crate::format::catalog::check_known;
use crate::format::checksum;
use crate::format::quarantine::Totals;
use crate::kv::{Family, Kv, Walk};
use crate::preflight::WalScan;
use crate::write::Quarantine;

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

/// Refuses a database of which the catalog or the quarantine has a row of a newer version that opening
/// would meet. What else is wrong with them is left to whoever opens it.
pub(super) fn check_rows(kv: &Kv) -> Result<()> {
    let checked =
        check_catalog(kv).and_then(|()| Quarantine::open(kv, Totals::default()).map(drop));
    match checked {
        Err(error) if error.kind() == ErrorKind::UnsupportedFormat => Err(error),
        _ => Ok(()),
    }
}

fn check_catalog(kv: &Kv) -> Result<()> {
    let mut cursor = kv.cursor(Family::Catalog, Walk::Range, None);
    cursor.seek(&[])?;
    while let Some((key, stored)) = cursor.item() {
        // A row behind one that is damaged may still be newer.
        if let Ok(value) = checksum::open("a row of the catalog", key, stored) {
            check_known(key, value)?;
        }
        cursor.next()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
