//! Bytes and what they mean. No I/O.
//!
//! Every format has its byte table over the code that writes it. A length is checked before it is
//! believed, a checksum binds a value to its key, zero is nobody's tag, and an old version is joined
//! by a new one, never edited.

pub(crate) mod catalog;
pub(crate) mod checksum;
pub(crate) mod digest;
pub(crate) mod entity;
pub(crate) mod erasure;
pub(crate) mod key;
pub(crate) mod limits;
pub(crate) mod marker;
pub(crate) mod position;
pub(crate) mod quarantine;
pub(crate) mod reader;
pub(crate) mod row;
pub(crate) mod value;
pub(crate) mod watermark;

pub use digest::{ContentDigest, SetDigest};
pub use quarantine::{Form, Origin, QuarantineEntry, QuarantineId, Raw, RecordForm};

#[cfg(test)]
mod golden;
