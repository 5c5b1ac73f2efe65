//! What the targets share: an oracle that may ask for no more memory than its input is worth.

mod allocator;

use allocator::COUNTING;

/// What a byte of input may cost. Whoever sends a kilobyte must not be given a gigabyte.
pub const BYTES_PER_BYTE: usize = 64;
/// The same for TOML, whose parser keeps a token, and may keep an error, of every byte. A view file is
/// read from whoever runs the store, not from whoever writes to it.
pub const BYTES_PER_TOML_BYTE: usize = 1_024;
const BYTES_IN_ANY_CASE: usize = 64 << 10;

/// Runs an oracle and panics where it held more memory at once than so many bytes per byte of its
/// input, and 64 KiB.
pub fn within_bounds(oracle: fn(&[u8]), bytes_per_byte: usize, data: &[u8]) {
    let before = COUNTING.begin();
    oracle(data);
    let most = COUNTING.most_since(before);
    let allowed = data.len() * bytes_per_byte + BYTES_IN_ANY_CASE;
    assert!(
        most <= allowed,
        "{} bytes of input took {most} bytes of memory, {allowed} are allowed",
        data.len()
    );
}
