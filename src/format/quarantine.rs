//! A bad row that was set aside.
//!
//! ```text
//! key    identity: BLAKE3 of (source, partition, offset), or else of the raw bytes, first 16 bytes,
//!        after a byte that says which: 1 origin, 2 raw
//! value  format u8 = 1 | one u8 = 1 | set aside at i64
//!        reason: length u32, UTF-8 | raw: length u32, bytes
//!        origin: flag u8, then source: length u32, UTF-8 | partition: the same | offset u64
//!        checksum u32
//! ```
//!
//! Because of the identity a replay adds nothing.

use super::reader::{Put, Reader};
use crate::error::Result;
use crate::time::Timestamp;

const WHAT: &str = "a quarantine entry";
const FORMAT: u8 = 1;

/// Where a row came from: a place in a log.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    /// The log: a file name, a topic.
    pub source: String,
    /// The part of it.
    pub partition: String,
    /// The number of the record in that part, from zero.
    pub offset: u64,
}

/// A bad row that was set aside, with all that is needed to try it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarantineEntry {
    /// What was wrong with it.
    pub reason: String,
    /// When it was set aside.
    pub set_aside_at: Timestamp,
    /// What came in, byte for byte.
    pub raw: Vec<u8>,
    /// Where it came from, if the writer said.
    pub origin: Option<Origin>,
}

impl QuarantineEntry {
    /// What makes two entries the same: the place in a log, or else the raw bytes.
    pub(crate) fn identity(&self) -> [u8; 17] {
        let mut hasher = blake3::Hasher::new();
        let tag = match &self.origin {
            Some(origin) => {
                for text in [&origin.source, &origin.partition] {
                    hasher.update(&(text.len() as u64).to_le_bytes());
                    hasher.update(text.as_bytes());
                }
                hasher.update(&origin.offset.to_le_bytes());
                1
            }
            None => {
                hasher.update(&self.raw);
                2
            }
        };
        let mut identity = [tag; 17];
        identity[1..].copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        identity
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.extend([FORMAT, 1]);
        out.extend(self.set_aside_at.micros().to_le_bytes());
        out.put_long_bytes(self.reason.as_bytes());
        out.put_long_bytes(&self.raw);
        out.push(u8::from(self.origin.is_some()));
        if let Some(origin) = &self.origin {
            out.put_long_bytes(origin.source.as_bytes());
            out.put_long_bytes(origin.partition.as_bytes());
            out.extend(origin.offset.to_le_bytes());
        }
    }

    pub(crate) fn decode(value: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(WHAT, value);
        let (format, one) = (reader.u8()?, reader.u8()?);
        if format != FORMAT || one != 1 {
            return Err(reader.corrupt(format_args!(
                "it is of format {format}, this build reads {FORMAT}"
            )));
        }
        let set_aside_at = Timestamp::from_micros(reader.i64()?);
        let reason = text(&mut reader)?;
        let raw = reader.long_bytes()?.to_vec();
        let origin = if reader.flag()? {
            let (source, partition) = (text(&mut reader)?, text(&mut reader)?);
            Some(Origin {
                source,
                partition,
                offset: reader.u64()?,
            })
        } else {
            None
        };
        reader.end()?;
        Ok(QuarantineEntry {
            reason,
            set_aside_at,
            raw,
            origin,
        })
    }
}

fn text(reader: &mut Reader<'_>) -> Result<String> {
    let bytes = reader.long_bytes()?;
    let text = std::str::from_utf8(bytes).map_err(|_| reader.corrupt("a text is not UTF-8"))?;
    Ok(text.to_string())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(crate) fn sample() -> QuarantineEntry {
        QuarantineEntry {
            reason: "feature \"temp\" expects f64, found string".into(),
            set_aside_at: Timestamp::from_secs(1),
            raw: b"{\"view\":\"weather\"}".to_vec(),
            origin: Some(Origin {
                source: "log".into(),
                partition: "0".into(),
                offset: 7,
            }),
        }
    }

    #[test]
    fn an_entry_survives_and_every_cut_of_it_is_refused() {
        for entry in [
            sample(),
            QuarantineEntry {
                origin: None,
                ..sample()
            },
        ] {
            let mut bytes = Vec::new();
            entry.encode(&mut bytes);
            assert_eq!(QuarantineEntry::decode(&bytes).unwrap(), entry);
            for cut in 0..bytes.len() {
                assert!(QuarantineEntry::decode(&bytes[..cut]).is_err(), "cut {cut}");
            }
        }
    }

    #[test]
    fn identity_is_the_place_in_the_log_or_else_the_raw_bytes() {
        let entry = sample();
        let again = QuarantineEntry {
            reason: "other".into(),
            raw: b"other".to_vec(),
            ..sample()
        };
        assert_eq!(entry.identity(), again.identity());
        let raw = QuarantineEntry {
            origin: None,
            ..sample()
        };
        assert_ne!(entry.identity(), raw.identity());
        let later = QuarantineEntry {
            set_aside_at: Timestamp::MAX,
            ..raw.clone()
        };
        assert_eq!(raw.identity(), later.identity());
        assert_ne!(
            raw.identity(),
            QuarantineEntry {
                raw: b"x".to_vec(),
                ..raw
            }
            .identity()
        );
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = QuarantineEntry::decode(&bytes);
        }
    }
}
