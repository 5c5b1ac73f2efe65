//! Rows: what is stored under a history key and under a latest key.
//!
//! The first byte says the version of the format. This build reads and writes version 1.

mod body;
mod latest;
mod v1;

pub(crate) use body::{Body, BodyBuilder, Slot};
pub(crate) use latest::{LatestLayout, LatestParts, LatestRow};
pub(crate) use v1::{HistoryRow, begin_history};

use crate::error::{Error, ErrorKind, RESTORE};
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

/// Names the key of a row that a newer version wrote; damage names it with the checksum.
#[cold]
pub(crate) fn under(key: &[u8], error: Error) -> Error {
    match error.kind() {
        ErrorKind::UnsupportedFormat => error.at(format_args!("the row under key {}", Hex(key))),
        _ => error,
    }
}

#[cfg(test)]
mod tests;
