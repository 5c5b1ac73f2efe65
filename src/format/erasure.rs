//! The record of an erase: what was removed when, and never of whom.
//!
//! ```text
//! key    40 | number u64 BE, from 1
//! value  format u8 = 1 | state u8 (1 pending, 2 done) | when i64 | prefix 20
//!        R i64 | X (flag u8, i64 if set) | versions u64 | quarantine entries u64
//!        checksum u32
//! ```
//!
//! A record is pending from the moment its fence is written until the rows are gone. The entity
//! stands in it as its keyed hash alone: a record that kept the id would undo what it records.

use super::key::{PREFIX_BYTES, Prefix};
use super::reader::{Put, Reader};
use crate::error::Result;
use crate::time::Timestamp;

pub(super) const WHAT: &str = "the record of an erase";
pub(super) const FORMAT: u8 = 1;
const PENDING: u8 = 1;
const DONE: u8 = 2;

/// What an erase has done, or was about to do when the process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ErasureRecord {
    pub(crate) is_done: bool,
    pub(crate) at: Timestamp,
    pub(crate) prefix: Prefix,
    pub(crate) recorded: Timestamp,
    pub(crate) floor: Option<Timestamp>,
    /// Zero while it is pending.
    pub(crate) versions: u64,
    pub(crate) quarantined: u64,
}

impl ErasureRecord {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.extend([FORMAT, if self.is_done { DONE } else { PENDING }]);
        out.extend(self.at.micros().to_le_bytes());
        out.extend(self.prefix);
        out.extend(self.recorded.micros().to_le_bytes());
        out.put_optional_i64(self.floor.map(Timestamp::micros));
        out.extend(self.versions.to_le_bytes());
        out.extend(self.quarantined.to_le_bytes());
    }

    pub(crate) fn decode(value: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(WHAT, value);
        reader.format(FORMAT)?;
        let state = reader.u8()?;
        if !(PENDING..=DONE).contains(&state) {
            return Err(reader.corrupt(format_args!("no erase is in state {state}")));
        }
        let at = Timestamp::from_micros(reader.i64()?);
        let prefix = *reader
            .bytes(PREFIX_BYTES)?
            .first_chunk()
            .expect("so many bytes were read");
        let record = ErasureRecord {
            is_done: state == DONE,
            at,
            prefix,
            recorded: Timestamp::from_micros(reader.i64()?),
            floor: reader.optional_i64()?.map(Timestamp::from_micros),
            versions: reader.u64()?,
            quarantined: reader.u64()?,
        };
        reader.end()?;
        Ok(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_record_survives_and_every_cut_of_it_is_refused() {
        for (is_done, floor) in [(false, None), (true, Some(Timestamp::from_secs(-1)))] {
            let record = ErasureRecord {
                is_done,
                at: Timestamp::from_secs(1),
                prefix: [7; PREFIX_BYTES],
                recorded: Timestamp::MAX,
                floor,
                versions: 3,
                quarantined: 1,
            };
            let mut bytes = Vec::new();
            record.encode(&mut bytes);
            assert_eq!(ErasureRecord::decode(&bytes).unwrap(), record);
            for cut in 0..bytes.len() {
                assert!(ErasureRecord::decode(&bytes[..cut]).is_err(), "cut {cut}");
            }
        }
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = ErasureRecord::decode(&bytes);
        }
    }
}
