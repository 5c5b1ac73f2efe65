//! How large what is stored may be. Each limit is checked where something enters, and again where
//! bytes are read.

pub(crate) use crate::limits::{ENTITY_BYTES_MAX, ROW_BYTES_MAX};
