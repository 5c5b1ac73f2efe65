//! The checksum that ends every value we store.
//!
//! CRC-32 (IEEE) over the key and then the value, little-endian. Binding the key catches what a block
//! checksum cannot: a good value under the wrong key.

use crate::error::{Error, Result};
use crate::id::Hex;

pub(crate) const WIDTH: usize = 4;

fn checksum(key: &[u8], value: &[u8]) -> [u8; WIDTH] {
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
}
