//! RocksDB's errors as ours.

use crate::error::{Error, ErrorKind};

/// What to call it, by what the caller can do about it.
pub(super) fn translate(doing: &str, error: rocksdb::Error) -> Error {
    let text = error.to_string();
    let kind = match error.kind() {
        rocksdb::ErrorKind::Corruption => ErrorKind::Corrupt,
        _ if text.contains("No space left") => ErrorKind::StorageFull,
        _ => ErrorKind::Io,
    };
    let next = match kind {
        ErrorKind::Corrupt => "restore the store, or run `asof verify` to see how much is damaged",
        ErrorKind::StorageFull => "make room, reopen the store and write again",
        _ => "reopen the store; writing again is always safe",
    };
    Error::new(kind, format!("{doing} failed; {next}")).caused_by(error)
}
