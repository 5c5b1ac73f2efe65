//! The rows that every side holds: an entity of eight bytes, twelve `f64`, one of which is read.

use crate::random::Random;
use asof::Timestamp;

pub const FEATURES: u32 = 12;
/// The feature that is read.
pub const READ: usize = 7;
/// A row of a peer: the features, and four bytes more.
pub const ROW_BYTES: usize = 100;

pub type Key = [u8; 8];

/// The id of the n-th entity. Ids are spread over all of `i64`, one for each n (splitmix64).
pub fn id(n: u64) -> i64 {
    let mut z = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) as i64
}

/// What every side starts from.
pub fn key(n: u64) -> Key {
    id(n).to_be_bytes()
}

/// What a feature of a version is.
pub fn value(n: u64, version: u64, feature: usize) -> f64 {
    (n * 31 + version * 7 + feature as u64) as f64 * 0.37
}

/// The row of a peer, which holds one version.
pub fn row(n: u64, version: u64) -> [u8; ROW_BYTES] {
    let mut row = [0; ROW_BYTES];
    for feature in 0..FEATURES as usize {
        row[feature * 8..][..8].copy_from_slice(&value(n, version, feature).to_le_bytes());
    }
    row
}

/// The one `f64` that is read of a peer's row.
pub fn read(row: &[u8]) -> f64 {
    let bytes = row[READ * 8..][..8].try_into().expect("eight bytes");
    f64::from_le_bytes(bytes)
}

/// The event time of a version: a minute apart, all in the past.
pub fn time(version: u64) -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000 + version as i64 * 60_000_000)
}

/// Keys and rows in ascending order of keys, which is how trees like best to be loaded.
pub fn ascending(entities: u64, version: u64) -> Vec<(Key, [u8; ROW_BYTES])> {
    let mut all: Vec<_> = (0..entities).map(|n| (key(n), row(n, version))).collect();
    all.sort_unstable();
    all
}

/// Which entities are asked for, uniformly.
pub fn uniform(entities: u64, reads: usize, seed: u64) -> Vec<u64> {
    let mut random = Random(seed);
    (0..reads).map(|_| random.below(entities)).collect()
}
