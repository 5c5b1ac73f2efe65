//! The marker: the file `asof.store` that makes a directory a store.
//!
//! It stands beside the database, not in it, so that a store of a newer format is refused before
//! RocksDB is opened: opening rewrites files.
//!
//! ```text
//! 0   magic             "asof store\n" and five zeros: 16 bytes
//! 16  format u32 LE     the format that wrote the store
//! 20  reads u32 LE      the oldest format whose builds may still open it
//! 24  store id          16 bytes, random
//! 40  hash key          16 bytes, random: see `key.rs`
//! 56  checksum u32 LE   over all of the above
//! 60
//! ```

use super::checksum;
use super::key::HashKey;
use crate::error::{Error, ErrorKind, Result};

/// The format of the stores that this build writes.
pub(crate) const STORE_FORMAT: u32 = 1;
/// The formats of the stores that this build reads.
pub(crate) const STORE_FORMATS_READ: std::ops::RangeInclusive<u32> = 1..=STORE_FORMAT;

const MAGIC: [u8; 16] = *b"asof store\n\0\0\0\0\0";
/// Magic and format are where they are for ever; the rest may move with the format.
const HEAD: usize = 24;
const SIZE: usize = 60;

/// What the marker says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Marker {
    pub(crate) store_id: [u8; 16],
    pub(crate) hash_key: HashKey,
}

impl Marker {
    /// What tells this store from others in its log.
    pub(crate) fn tag(&self) -> [u8; 8] {
        let (tag, _) = self.store_id.split_first_chunk().expect("sixteen bytes");
        *tag
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend(STORE_FORMAT.to_le_bytes());
        out.extend(STORE_FORMAT.to_le_bytes());
        out.extend(self.store_id);
        out.extend(self.hash_key.0);
        checksum::seal(b"", &mut out, 0);
        out
    }

    /// Reads a marker, or says why this build must leave the store alone.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self> {
        let head = bytes.get(..HEAD).filter(|head| head[..16] == MAGIC).ok_or_else(|| {
            Error::corrupt(
                "the file is no marker of an asof store; if this directory is one, its marker is \
                 damaged: restore it from a backup",
            )
        })?;
        let number =
            |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().expect("four bytes"));
        let (format, reads) = (number(16), number(20));
        if !STORE_FORMATS_READ.contains(&reads) {
            return Err(Error::new(
                ErrorKind::UnsupportedFormat,
                format!(
                    "the store was written by format {format} and can be opened by builds of format \
                     {reads} or later; this build reads {} to {}. Nothing was changed. Open it with a \
                     newer asof, or restore a backup",
                    STORE_FORMATS_READ.start(),
                    STORE_FORMATS_READ.end()
                ),
            ));
        }
        let damaged =
            || Error::corrupt("the marker of the store is damaged: restore it from a backup");
        if bytes.len() != SIZE {
            return Err(damaged());
        }
        let value = checksum::open("the marker", b"", bytes).map_err(|_| damaged())?;
        Ok(Marker {
            store_id: value[24..40].try_into().expect("sixteen bytes"),
            hash_key: HashKey(value[40..56].try_into().expect("sixteen bytes")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKER: Marker = Marker {
        store_id: [3; 16],
        hash_key: HashKey([5; 16]),
    };

    #[test]
    fn a_marker_survives_and_every_damage_is_an_error() {
        let bytes = MARKER.encode();
        assert!(Marker::decode(&bytes).unwrap() == MARKER);
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Marker::decode(&flipped).is_err(), "bit {bit}");
        }
        for cut in 0..bytes.len() {
            assert!(Marker::decode(&bytes[..cut]).is_err(), "cut {cut}");
        }
        assert!(Marker::decode(&[bytes, vec![0]].concat()).is_err());
    }

    #[test]
    fn a_newer_format_is_refused_with_what_to_do_even_if_the_rest_has_moved() {
        let mut bytes = MARKER.encode();
        bytes[16..24].copy_from_slice(&[3, 0, 0, 0, 2, 0, 0, 0]);
        for bytes in [&bytes[..], &bytes[..24]] {
            let error = Marker::decode(bytes).err().unwrap();
            assert_eq!(error.kind(), ErrorKind::UnsupportedFormat);
            let text = error.to_string();
            assert!(
                text.contains("written by format 3") && text.contains("this build reads 1 to 1"),
                "{text}"
            );
        }
    }
}
