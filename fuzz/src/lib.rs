//! What the targets share: an oracle that may ask for no more memory than its input is worth.

mod allocator;

use allocator::COUNTING;

/// Whoever sends a kilobyte must not be given a gigabyte.
const BYTES_PER_INPUT_BYTE: usize = 64;
const BYTES_IN_ANY_CASE: usize = 64 << 10;

/// Runs an oracle and panics where it held more memory at once than 64 bytes per byte of its input
/// and 64 KiB.
pub fn within_bounds(oracle: fn(&[u8]), data: &[u8]) {
    let before = COUNTING.begin();
    oracle(data);
    let most = COUNTING.most_since(before);
    let allowed = data.len() * BYTES_PER_INPUT_BYTE + BYTES_IN_ANY_CASE;
    assert!(
        most <= allowed,
        "{} bytes of input took {most} bytes of memory, {allowed} are allowed",
        data.len()
    );
}
