//! How far a partition of a log has been taken in, as the catalog keeps it.
//!
//! ```text
//! key    tag u8 = 0x30 | source: length u8, UTF-8 | partition: the same
//! value  offset u64: of the next record to read
//!        complete (flag u8, if set: at offset u64, through i64)
//!        counts u8 (1 the source waits for this partition, 0 it has been retired)
//!        checksum u32
//! ```

use super::reader::{Put, Reader};
use crate::error::Result;
use crate::time::Timestamp;

pub(super) const TAG: u8 = 0x30;

/// Where a partition stands. Every record below the offset is stored, and durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) offset: u64,
    pub(crate) complete: Option<Complete>,
    /// Whether the source waits for this partition.
    pub(crate) counts: bool,
}

/// What a source has said: with everything below an offset, it is complete through a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Complete {
    pub(crate) at: u64,
    pub(crate) through: Timestamp,
}

/// Names are told apart by their lengths, so that no two pairs share a key.
pub(crate) fn key(source: &str, partition: &str) -> Vec<u8> {
    let mut key = vec![TAG];
    key.put_short_str(source);
    key.put_short_str(partition);
    key
}

/// Source and partition, of a key without its tag. None where it is no such key.
pub(super) fn split_key(rest: &[u8]) -> Option<(String, String)> {
    let mut reader = Reader::new("the key of a position", rest);
    let source = reader.short_str().ok()?.to_string();
    let partition = reader.short_str().ok()?.to_string();
    reader.end().ok().map(|()| (source, partition))
}

impl Position {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.offset.to_le_bytes());
        out.push(u8::from(self.complete.is_some()));
        if let Some(Complete { at, through }) = self.complete {
            out.extend(at.to_le_bytes());
            out.extend(through.micros().to_le_bytes());
        }
        out.push(u8::from(self.counts));
    }

    pub(crate) fn decode(value: &[u8]) -> Result<Self> {
        let mut reader = Reader::new("a position in the catalog", value);
        let offset = reader.u64()?;
        let complete = match reader.flag()? {
            true => Some(Complete {
                at: reader.u64()?,
                through: Timestamp::from_micros(reader.i64()?),
            }),
            false => None,
        };
        let counts = reader.flag()?;
        reader.end()?;
        if complete.is_some_and(|complete| complete.at > offset) {
            return Err(reader.corrupt("it claims completeness for records it has not reached"));
        }
        Ok(Position {
            offset,
            complete,
            counts,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample() -> Position {
        let through = Timestamp::from_secs(1);
        Position {
            offset: 7,
            complete: Some(Complete { at: 6, through }),
            counts: true,
        }
    }

    #[test]
    fn a_position_survives_and_every_cut_of_it_is_refused() {
        let bare = Position {
            complete: None,
            counts: false,
            ..sample()
        };
        for position in [sample(), bare] {
            let mut bytes = Vec::new();
            position.encode(&mut bytes);
            assert_eq!(Position::decode(&bytes).unwrap(), position);
            for cut in 0..bytes.len() {
                assert!(Position::decode(&bytes[..cut]).is_err(), "cut at {cut}");
            }
        }
    }

    #[test]
    fn a_claim_beyond_its_position_is_damage() {
        let mut bytes = Vec::new();
        Position {
            offset: 5,
            ..sample()
        }
        .encode(&mut bytes);
        let error = Position::decode(&bytes).unwrap_err();
        assert!(error.to_string().contains("has not reached"), "{error}");
    }

    #[test]
    fn no_two_partitions_share_a_key() {
        assert_ne!(key("ab", "c"), key("a", "bc"));
        let (source, partition) = split_key(&key("ab", "c")[1..]).unwrap();
        assert_eq!((source.as_str(), partition.as_str()), ("ab", "c"));
        assert_eq!(split_key(&[]), None);
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = (Position::decode(&bytes), split_key(&bytes));
        }
    }
}
