//! Rows: what is stored under a history key and under a latest key.
//!
//! The first byte says the version of the format. This build reads and writes version 1.

mod body;
mod latest;
mod v1;

pub(crate) use body::{Body, BodyBuilder, Slot};
pub(crate) use latest::{LatestLayout, LatestParts, LatestRow};
pub(crate) use v1::{HistoryRow, begin_history};

use crate::error::{Error, RESTORE};
use crate::id::Hex;
use crate::schema::Feature;

/// The version of the row formats that this build writes.
pub(crate) const ROW_FORMAT: u8 = 1;

/// Stored bytes that are no value of their feature's type.
#[cold]
pub(crate) fn not_a(feature: &Feature, bytes: &[u8]) -> Error {
    Error::corrupt(format!(
        "feature {:?} is a {}, but {} is stored; {RESTORE}",
        feature.name(),
        feature.ty(),
        Hex(&bytes[..bytes.len().min(64)])
    ))
}

fn check_format(what: &str, found: u8) -> Result<(), Error> {
    if found == ROW_FORMAT {
        return Ok(());
    }
    Err(Error::corrupt(format!(
        "{what} is of format {found}; this build reads format {ROW_FORMAT}. The store's marker \
         promised no newer one, so the row is damaged; {RESTORE}"
    )))
}

#[cfg(test)]
mod tests;
