//! How large things may be. Each limit is checked where something enters, and again where bytes are
//! read.

/// The longest encoded entity key, in bytes.
pub(crate) const ENTITY_BYTES_MAX: usize = 1_024;
/// The longest encoded version, in bytes: its header, entity, features and checksum.
pub(crate) const ROW_BYTES_MAX: usize = 1 << 20;
