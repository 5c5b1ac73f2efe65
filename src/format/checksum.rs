//! The checksum that ends every value we store.
//!
//! CRC-32 (IEEE) over the key and then the value, little-endian. Binding the key catches what a block
//! checksum cannot: a good value under the wrong key.

use crate::error::{Error, Result};
use crate::id::Hex;
use std::ops::Range;

pub(crate) const WIDTH: usize = 4;

/// So long are most rows, with their keys.
const ROW_BYTES: usize = 512;

fn checksum(key: &[u8], value: &[u8]) -> [u8; WIDTH] {
    // Anything shorter than 128 bytes is summed byte by byte, as every key alone would be; key and
    // value in one piece take a fifth of the time, the copy included.
    let mut row = [0; ROW_BYTES];
    let bytes = key.len() + value.len();
    if let Some(row) = row.get_mut(..bytes) {
        row[..key.len()].copy_from_slice(key);
        row[key.len()..].copy_from_slice(value);
        return crc32fast::hash(row).to_le_bytes();
    }
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(value);
    hasher.finalize().to_le_bytes()
}

/// Appends the checksum of `key` and `value[from..]`.
pub(crate) fn seal(key: &[u8], value: &mut Vec<u8>, from: usize) {
    let sum = checksum(key, &value[from..]);
    value.extend_from_slice(&sum);
}

/// The same where the key stands right before the value already.
pub(crate) fn seal_with_key(out: &mut Vec<u8>, key: Range<usize>) {
    let sum = crc32fast::hash(&out[key.start..]).to_le_bytes();
    out.extend_from_slice(&sum);
}

/// The value without its checksum, if the checksum is right.
pub(crate) fn open<'a>(what: &str, key: &[u8], stored: &'a [u8]) -> Result<&'a [u8]> {
    if let Some((value, sum)) = stored.split_last_chunk::<WIDTH>()
        && *sum == checksum(key, value)
    {
        return Ok(value);
    }
    Err(Error::corrupt(format!(
        "{what} under key {} fails its checksum ({} bytes are stored); restore the store, or run \
         `asof verify` to see how much is damaged",
        Hex(key),
        stored.len()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_bound_to_its_key() {
        let mut stored = b"value".to_vec();
        seal(b"key", &mut stored, 0);
        assert_eq!(open("it", b"key", &stored).unwrap(), b"value");
        assert!(open("it", b"kez", &stored).is_err());
        for bit in 0..stored.len() * 8 {
            let mut flipped = stored.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(open("it", b"key", &flipped).is_err(), "bit {bit}");
        }
        for cut in 0..stored.len() {
            assert!(open("it", b"key", &stored[..cut]).is_err(), "cut {cut}");
        }
    }
    #[test]
    fn a_row_is_summed_alike_whether_in_one_piece_or_in_two() {
        // Who is hurt: whoever reads a row on the other side of the length where one becomes two.
        let key = [7; 52];
        for length in (0..1_100).chain([4_096, 70_000]) {
            let value: Vec<u8> = (0..length).map(|at| (at * 31) as u8).collect();
            let mut whole = [&key[..], &value].concat();
            let mut hasher = crc32fast::Hasher::new();
            hasher.update(&key);
            hasher.update(&value);
            assert_eq!(checksum(&key, &value), hasher.finalize().to_le_bytes());
            seal_with_key(&mut whole, 0..key.len());
            assert_eq!(open("it", &key, &whole[key.len()..]).unwrap(), value);
        }
    }
}
