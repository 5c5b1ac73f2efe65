//! Format 1 of a version in `history`.
//!
//! ```text
//! 0   format u8 = 1
//! 1   op u8             1 put, 2 patch, 3 delete: as in the key
//! 2   entity length u16
//! 4   schema version u32
//! 8   entity
//!     body              see `body.rs`; a Patch lists its features there in the clear
//!     checksum u32      over key and value
//! ```

use super::body::Body;
use super::{ROW_FORMAT, under};
use crate::error::Result;
use crate::format::checksum;
use crate::format::limits::ENTITY_BYTES_MAX;
use crate::format::reader::Reader;
use crate::op::Op;

const WHAT: &str = "a version";
const HEADER: usize = 8;

/// A view of a stored version.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HistoryRow<'a> {
    pub(crate) op: Op,
    pub(crate) schema_version: u32,
    pub(crate) entity: &'a [u8],
    pub(crate) body: Body<'a>,
}

impl<'a> HistoryRow<'a> {
    /// Reads what is stored under `key`, checksum included.
    pub(crate) fn open(key: &[u8], stored: &'a [u8]) -> Result<Self> {
        HistoryRow::parse(checksum::open(WHAT, key, stored)?).map_err(|e| under(key, e))
    }

    /// Reads a version whose checksum has been taken off.
    pub(crate) fn parse(value: &'a [u8]) -> Result<Self> {
        let mut reader = Reader::new(WHAT, value);
        reader.format(ROW_FORMAT)?;
        let op = reader.u8()?;
        let op =
            Op::from_rank(op).ok_or_else(|| reader.corrupt(format_args!("op {op} is none")))?;
        let length = usize::from(reader.u16()?);
        let schema_version = reader.u32()?;
        if length > ENTITY_BYTES_MAX {
            return Err(reader.corrupt(format_args!("an entity of {length} bytes")));
        }
        let entity = reader.bytes(length)?;
        Ok(HistoryRow {
            op,
            schema_version,
            entity,
            body: Body::parse(&value[HEADER + length..])?,
        })
    }
}

/// Appends what stands before the body of a version.
pub(crate) fn begin_history(op: Op, schema_version: u32, entity: &[u8], out: &mut Vec<u8>) {
    assert!(
        entity.len() <= ENTITY_BYTES_MAX,
        "an entity is checked where it is made"
    );
    out.extend([ROW_FORMAT, op.rank()]);
    out.extend((entity.len() as u16).to_le_bytes());
    out.extend(schema_version.to_le_bytes());
    out.extend_from_slice(entity);
}
