//! Keys stand in version order.

use super::choices::Choices;
use crate::format::digest::ContentDigest;
use crate::format::key::{Stamp, at_or_before, history, split_history};
use crate::op::Op;
use crate::time::Timestamp;

/// A version as the law tells it: greater is newer.
type Logical = (i64, i64, u8, u128);

fn version(choices: &mut Choices<'_>) -> (Logical, Stamp) {
    let (et, rec, op) = (choices.time(), choices.time(), choices.op());
    let digest = choices.array::<16>();
    // "Delete before Patch before Put", and of the digest what a key has room for.
    let rank = [Op::Put, Op::Patch, Op::Delete]
        .iter()
        .position(|known| *known == op)
        .expect("there are three");
    let told = u128::from_be_bytes(digest) >> 2;
    let logical = (et.micros(), rec.micros(), rank as u8, told);
    (logical, Stamp::new(et, rec, op, ContentDigest(digest)))
}

/// Order of encoded keys is the order of versions, newest first; a key says again what it was made
/// of; and a seek to (entity, t) lands on the newest version at or before t.
pub fn key_order(data: &[u8]) {
    let mut choices = Choices(data);
    let (a, stamp_a) = version(&mut choices);
    let (b, stamp_b) = version(&mut choices);
    let prefix = choices.array::<20>();
    let (key_a, key_b) = (history(&prefix, &stamp_a), history(&prefix, &stamp_b));
    assert_eq!(key_a.cmp(&key_b), b.cmp(&a), "{a:?} {b:?}");
    assert_eq!(stamp_a.cmp(&stamp_b), a.cmp(&b), "{a:?} {b:?}");
    let back = split_history(&key_a).expect("it was just made");
    assert_eq!(back, (prefix, stamp_a));

    for t in [a.0, b.0].into_iter().flat_map(around) {
        let lands = key_a[..] >= at_or_before(&prefix, t)[..];
        assert_eq!(lands, a.0 <= t.micros(), "{a:?} sought at {t:?}");
    }
    // Any bytes are refused, or are the key of exactly one version.
    if let Ok((prefix, stamp)) = split_history(choices.0) {
        assert_eq!(history(&prefix, &stamp)[..], *choices.0);
    }
}

fn around(micros: i64) -> [Timestamp; 3] {
    [micros.saturating_sub(1), micros, micros.saturating_add(1)].map(Timestamp::from_micros)
}
