//! How large things may be. Each limit is checked where something enters, and again where bytes are
//! read.

/// The longest encoded entity key, in bytes.
pub(crate) const ENTITY_BYTES_MAX: usize = 1_024;
/// The longest encoded version, in bytes: its header, entity, features and checksum.
pub(crate) const ROW_BYTES_MAX: usize = 1 << 20;
/// How much is kept of a row that is set aside, in bytes. It is eight times what a version may be
/// when it is encoded; nothing longer that came in as text or as cells is likely to become one.
pub(crate) const RAW_BYTES_MAX: usize = 8 << 20;
/// How much is kept of the reason.
pub(crate) const REASON_BYTES_MAX: usize = 4 << 10;
