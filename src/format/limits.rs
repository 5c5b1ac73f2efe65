//! How large what is stored may be. Each limit is checked where something enters, and again where
//! bytes are read.

pub(crate) use crate::limits::{ENTITY_BYTES_MAX, RAW_BYTES_MAX, ROW_BYTES_MAX};

/// How much is kept of the reason why a row was set aside, in bytes.
pub(crate) const REASON_BYTES_MAX: usize = 4 << 10;
