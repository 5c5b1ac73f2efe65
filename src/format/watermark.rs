//! The watermark: how far the store was durable, kept outside the database.
//!
//! It is the second witness. A log that was cut off at the end of a record looks whole; only somebody
//! who remembers how long it was can tell. The file has two slots, each in a page of its own, written
//! in turn: a write that is cut off leaves the other one.
//!
//! ```text
//! slot 0 at 0, slot 1 at 4096; the file ends with slot 1
//! 0   magic             "asof wm" and a format byte, 1
//! 8   generation u64 LE the larger one is the newer; it goes to slot generation % 2
//! 16  sequence u64 LE   the newest sequence number that is durable
//! 24  manifest u64 LE   a manifest by its number, and how many bytes of it are durable
//! 32  length u64 LE
//! 40  log u64 LE        a write-ahead log by its number, and how many bytes of it are durable
//! 48  length u64 LE
//! 56  boot              16 bytes: the run of the machine in which it was written; zeros if unknown
//! 72  store             16 bytes: the store that it belongs to, as its marker names it
//! 88  checksum u32 LE   over all of the above
//! 92
//! ```
//!
//! A newer format keeps name, length and checksum of a slot where they are, so that an older build sees
//! what it is; one that cannot gets a new number in the marker.
//!
//! It is written after what it speaks of is durable, and synced when a store is opened or closed, when
//! tables are written out, and a second after the last sync of a batch: after a power cut it may be older
//! than the log, and is never newer.

use super::checksum;
use super::reader::Reader;
use crate::error::{Error, ErrorKind, Result};

const MAGIC: [u8; 8] = *b"asof wm\x01";
const WHAT: &str = "the watermark";
pub(crate) const SLOT_BYTES: usize = 92;
/// Where the second slot begins.
pub(crate) const SLOT_APART: usize = 4096;
pub(crate) const FILE_BYTES: usize = SLOT_APART + SLOT_BYTES;

/// A file by its number, and how many bytes of it are durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Extent {
    pub(crate) number: u64,
    pub(crate) bytes: u64,
}

/// What is known to be durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Watermark {
    pub(crate) generation: u64,
    pub(crate) sequence: u64,
    pub(crate) manifest: Extent,
    pub(crate) log: Extent,
    pub(crate) boot: [u8; 16],
    pub(crate) store: [u8; 16],
}

impl Watermark {
    /// Where this generation stands in the file.
    pub(crate) fn offset(&self) -> usize {
        if self.generation.is_multiple_of(2) {
            0
        } else {
            SLOT_APART
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        for number in [
            self.generation,
            self.sequence,
            self.manifest.number,
            self.manifest.bytes,
            self.log.number,
            self.log.bytes,
        ] {
            out.extend(number.to_le_bytes());
        }
        out.extend(self.boot);
        out.extend(self.store);
        checksum::seal(b"", &mut out, 0);
        out
    }

    pub(crate) fn decode(slot: &[u8]) -> Result<Watermark> {
        let mut reader = Reader::new(WHAT, checksum::open(WHAT, b"", slot)?);
        let [name @ .., format] = &MAGIC;
        if reader.bytes(name.len())? != name {
            return Err(reader.corrupt("it does not begin as one"));
        }
        reader.format(*format)?;
        let watermark = Watermark {
            generation: reader.u64()?,
            sequence: reader.u64()?,
            manifest: Extent {
                number: reader.u64()?,
                bytes: reader.u64()?,
            },
            log: Extent {
                number: reader.u64()?,
                bytes: reader.u64()?,
            },
            boot: reader.bytes(16)?.try_into().expect("sixteen bytes"),
            store: reader.bytes(16)?.try_into().expect("sixteen bytes"),
        };
        reader.end()?;
        Ok(watermark)
    }

    /// The newest of a file's slots, if any of them is whole. Where a newer version of asof has written
    /// one, the other is no witness any more: it is from before.
    pub(crate) fn newest(file: &[u8]) -> Result<Watermark> {
        let mut whole = Vec::new();
        for at in [0, SLOT_APART] {
            match file.get(at..at + SLOT_BYTES).map(Watermark::decode) {
                Some(Err(error)) if error.kind() == ErrorKind::UnsupportedFormat => {
                    return Err(error);
                }
                slot => whole.extend(slot.and_then(Result::ok)),
            }
        }
        whole
            .into_iter()
            .max_by_key(|watermark| watermark.generation)
            .ok_or_else(|| {
                Error::corrupt(format!(
                    "neither slot of the watermark is whole ({} bytes are there)",
                    file.len()
                ))
            })
    }

    /// A file with this watermark in both slots.
    pub(crate) fn file(mut self) -> Vec<u8> {
        let mut file = vec![0; FILE_BYTES];
        for _ in 0..2 {
            self.generation += 1;
            file[self.offset()..][..SLOT_BYTES].copy_from_slice(&self.encode());
        }
        file
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watermark(generation: u64) -> Watermark {
        Watermark {
            generation,
            sequence: 300,
            manifest: Extent {
                number: 5,
                bytes: 700,
            },
            log: Extent {
                number: 8,
                bytes: 1 << 20,
            },
            boot: *b"a run of machine",
            store: *b"this very store!",
        }
    }

    #[test]
    fn a_slot_survives_and_every_damage_of_it_is_noticed() {
        let slot = watermark(7).encode();
        assert_eq!(slot.len(), SLOT_BYTES);
        assert_eq!(Watermark::decode(&slot).unwrap(), watermark(7));
        for bit in 0..slot.len() * 8 {
            let mut hurt = slot.clone();
            hurt[bit / 8] ^= 1 << (bit % 8);
            assert!(Watermark::decode(&hurt).is_err(), "bit {bit}");
        }
        for cut in 0..slot.len() {
            assert!(Watermark::decode(&slot[..cut]).is_err(), "cut {cut}");
        }
    }

    #[test]
    fn a_slot_of_a_newer_format_is_told_whichever_it_is() {
        // Who is hurt: whoever opens with an old build what a newer one has written to since, and is held
        // against the slot from before.
        let newer = |mut file: Vec<u8>, at: usize, format: u8| {
            let slot = &mut file[at..at + SLOT_BYTES];
            slot[7] = format;
            let mut sealed = slot[..SLOT_BYTES - 4].to_vec();
            checksum::seal(b"", &mut sealed, 0);
            slot.copy_from_slice(&sealed);
            Watermark::newest(&file)
        };
        for at in [0, SLOT_APART] {
            let error = newer(watermark(7).file(), at, 2).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::UnsupportedFormat, "{at}: {error}");
            // Zero is nobody's format: the slot is damaged, and the other one counts.
            assert!(newer(watermark(7).file(), at, 0).is_ok(), "{at}");
        }
    }

    #[test]
    fn a_damaged_slot_leaves_the_other_and_two_leave_none() {
        // Who is hurt: whoever loses power while the watermark is written.
        let file = watermark(7).file();
        assert_eq!(Watermark::newest(&file).unwrap(), watermark(9));
        for bit in 0..SLOT_BYTES * 8 {
            let mut hurt = file.clone();
            hurt[SLOT_APART + bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Watermark::newest(&hurt).unwrap(), watermark(8), "bit {bit}");
            hurt[bit / 8] ^= 1 << (bit % 8);
            assert!(Watermark::newest(&hurt).is_err(), "bit {bit}");
        }
        assert_eq!(
            Watermark::newest(&file[..SLOT_APART]).unwrap(),
            watermark(8)
        );
        assert!(Watermark::newest(&file[..SLOT_BYTES - 1]).is_err());
    }
}
