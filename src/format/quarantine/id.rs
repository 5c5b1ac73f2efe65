//! What makes two rows that were set aside the same.

use super::{Form, Origin};
use crate::error::{Error, Result};
use crate::id::Hex;
use std::fmt;
use std::str::FromStr;

const ID_BYTES: usize = 17;
const OF_ORIGIN: u8 = 1;
const OF_RAW: u8 = 2;

/// The name of an entry of the quarantine: 34 hex digits that are the same whenever the same row is
/// set aside again.
///
/// It is the place in a log that the row came from, or else the row itself: its raw bytes, and, where
/// they do not say everything, the header and the names with which they were read.
///
/// ```
/// use asof::QuarantineId;
/// let text = "0216a8878b9d902e5f5f61675e1b979427";
/// assert_eq!(text.parse::<QuarantineId>()?.to_string(), text);
/// assert!("16a8".parse::<QuarantineId>().is_err());
/// # Ok::<(), asof::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QuarantineId([u8; ID_BYTES]);

impl QuarantineId {
    pub(crate) fn of(raw: &[u8], form: &Form, origin: Option<&Origin>) -> Self {
        let mut hasher = blake3::Hasher::new();
        let tag = match origin {
            Some(origin) => {
                for text in [&origin.source, &origin.partition] {
                    hasher.update(&(text.len() as u64).to_le_bytes());
                    hasher.update(text.as_bytes());
                }
                hasher.update(&origin.offset.to_le_bytes());
                OF_ORIGIN
            }
            None if *form == Form::default() => {
                hasher.update(raw);
                OF_RAW
            }
            // The same cells under another header are another row.
            None => {
                let mut bytes = blake3::hash(raw).as_bytes().to_vec();
                form.encode(&mut bytes);
                hasher.update(&bytes);
                OF_RAW
            }
        };
        let mut id = [tag; ID_BYTES];
        id[1..].copy_from_slice(&hasher.finalize().as_bytes()[..ID_BYTES - 1]);
        QuarantineId(id)
    }

    /// The name that a key of the family is; none for the key of the totals.
    pub(crate) fn of_key(key: &[u8]) -> Option<Self> {
        let id: [u8; ID_BYTES] = key.try_into().ok()?;
        matches!(id[0], OF_ORIGIN | OF_RAW).then_some(QuarantineId(id))
    }

    pub(crate) fn key(&self) -> &[u8; ID_BYTES] {
        &self.0
    }
}

impl fmt::Display for QuarantineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Hex(&self.0).fmt(f)
    }
}

impl fmt::Debug for QuarantineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "QuarantineId({self})")
    }
}

impl FromStr for QuarantineId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let digits = text.len() == 2 * ID_BYTES && text.bytes().all(|b| b.is_ascii_hexdigit());
        let bytes = digits.then(|| {
            let byte = |at: usize| u8::from_str_radix(&text[2 * at..2 * at + 2], 16);
            (0..ID_BYTES).map(byte).collect::<Result<Vec<u8>, _>>()
        });
        let bytes = bytes.and_then(|bytes| bytes.ok());
        bytes
            .and_then(|bytes| QuarantineId::of_key(&bytes))
            .ok_or_else(|| {
                Error::invalid(format!(
                    "{text:?} names no entry of a quarantine: a name is {} hex digits, as the list \
                     of the quarantine gives it",
                    2 * ID_BYTES
                ))
            })
    }
}
