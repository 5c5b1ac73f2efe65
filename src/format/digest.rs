//! What a version says, as 128 bits that everybody computes alike.
//!
//! The digest is the first 128 bits of BLAKE3 over the canonical content: for each feature that the
//! version speaks about, in bytewise order of birth name,
//!
//! ```text
//! name length u8 | name | kind u8 | value
//! ```
//!
//! | kind | value, little-endian |
//! |---|---|
//! | 1 null | nothing |
//! | 2 bool | 1 byte |
//! | 3 int (i32 and i64) | i64 |
//! | 4 f32 | 4, one NaN, -0.0 kept |
//! | 5 f64 | 8, one NaN, -0.0 kept |
//! | 6 string | length u32, UTF-8 |
//! | 7 bytes | length u32, bytes |
//! | 8 timestamp | i64 |
//! | 9 vector | count u32, count × f32 |
//! | 10 list | element kind u8, count u32, elements (strings as length u32 and UTF-8) |
//!
//! The stored encoding of a version may differ (schema version, width); its digest may not.

use super::key::Stamp;
use super::row::{Body, Slot};
use crate::error::{Error, RESTORE, Result};
use crate::id::Hex;
use crate::schema::Contract;
use crate::value::ValueRef;
use std::fmt;

/// The digest of what a version says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentDigest(pub(crate) [u8; 16]);

/// Thirty-two hex digits.
impl fmt::Display for ContentDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Hex(&self.0).fmt(f)
    }
}

/// The digest of a body under its contract.
pub(crate) fn content(contract: &Contract, body: &Body<'_>) -> Result<ContentDigest> {
    let mut canonical = Vec::with_capacity(256);
    let mut spoken = 0;
    for id in &contract.by_birth_name {
        let Some(slot) = body.find(*id)? else {
            continue;
        };
        let feature = &contract.features[id.place()];
        let name = feature.definition.birth_name();
        canonical.push(name.len() as u8);
        canonical.extend_from_slice(name.as_bytes());
        match slot {
            Slot::Null => canonical.push(1),
            Slot::Value(bytes) => {
                let value = super::value::decode(feature.ty(), bytes)
                    .ok_or_else(|| super::row::not_a(feature, bytes))?;
                canonical_value(&value, &mut canonical);
            }
        }
        spoken += 1;
    }
    if spoken != body.len() {
        return Err(Error::corrupt(format!(
            "a version of view {:?} holds {} features, its contract of schema version {} knows \
             {spoken} of them; {RESTORE}",
            contract.name(),
            body.len(),
            contract.version()
        )));
    }
    let hash = blake3::hash(&canonical);
    Ok(ContentDigest(
        *hash.as_bytes().first_chunk().expect("a hash has 32 bytes"),
    ))
}

fn canonical_value(value: &ValueRef<'_>, out: &mut Vec<u8>) {
    fn length(n: usize, out: &mut Vec<u8>) {
        out.extend((n as u32).to_le_bytes());
    }
    fn text(bytes: &[u8], out: &mut Vec<u8>) {
        length(bytes.len(), out);
        out.extend_from_slice(bytes);
    }
    // Stored floats have one NaN already.
    match value {
        ValueRef::Bool(v) => out.extend([2, u8::from(*v)]),
        ValueRef::I32(v) => {
            out.push(3);
            out.extend(i64::from(*v).to_le_bytes());
        }
        ValueRef::I64(v) => {
            out.push(3);
            out.extend(v.to_le_bytes());
        }
        ValueRef::F32(v) => {
            out.push(4);
            out.extend(v.to_le_bytes());
        }
        ValueRef::F64(v) => {
            out.push(5);
            out.extend(v.to_le_bytes());
        }
        ValueRef::String(v) => {
            out.push(6);
            text(v.as_bytes(), out);
        }
        ValueRef::Bytes(v) => {
            out.push(7);
            text(v, out);
        }
        ValueRef::Timestamp(v) => {
            out.push(8);
            out.extend(v.micros().to_le_bytes());
        }
        ValueRef::Vector(v) => {
            out.push(9);
            length(v.len(), out);
            v.iter().for_each(|f| out.extend(f.to_le_bytes()));
        }
        ValueRef::ListI64(v) => {
            out.extend([10, 3]);
            length(v.len(), out);
            v.iter().for_each(|n| out.extend(n.to_le_bytes()));
        }
        ValueRef::ListF64(v) => {
            out.extend([10, 5]);
            length(v.len(), out);
            v.iter().for_each(|f| out.extend(f.to_le_bytes()));
        }
        ValueRef::ListString(v) => {
            out.extend([10, 6]);
            length(v.len(), out);
            v.iter().for_each(|s| text(s.as_bytes(), out));
        }
    }
}

/// The digest of a set of versions: the wrapping sum of a hash per version, and how many there are.
///
/// Equal sets have equal digests, whatever the order of iteration. It detects accidents, not forgery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SetDigest {
    /// The wrapping sum of the hashes.
    pub hash: u128,
    /// How many versions there are.
    pub count: u64,
}

/// Thirty-two hex digits and the count.
impl fmt::Display for SetDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x} {}", self.hash, self.count)
    }
}

impl SetDigest {
    /// Adds one version: BLAKE3 over
    ///
    /// ```text
    /// namespace and view, each length u8 | entity length u32 | entity | et i64 | rec i64 | op u8 | digest 16
    /// ```
    pub(crate) fn add(
        &mut self,
        contract: &Contract,
        entity: &[u8],
        stamp: &Stamp,
        op: crate::op::Op,
        digest: ContentDigest,
    ) {
        let mut hasher = blake3::Hasher::new();
        for name in [contract.namespace(), contract.name()] {
            hasher.update(&[name.len() as u8]);
            hasher.update(name.as_bytes());
        }
        hasher.update(&(entity.len() as u32).to_le_bytes());
        hasher.update(entity);
        hasher.update(&stamp.et.micros().to_le_bytes());
        hasher.update(&stamp.rec.micros().to_le_bytes());
        hasher.update(&[op.rank()]);
        hasher.update(&digest.0);
        let hash = hasher.finalize();
        let low = hash.as_bytes().first_chunk().expect("a hash has 32 bytes");
        self.hash = self.hash.wrapping_add(u128::from_be_bytes(*low));
        self.count += 1;
    }
}
