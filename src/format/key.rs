//! Keys whose bytewise order is the order we read in.
//!
//! ```text
//! prefix       view id u32 BE | entity hash 16                                     20 bytes
//! history key  prefix | !event time 8 | !recorded-at 8 | !(op rank 2 bits, digest 126 bits) 16
//!                                                                                  52 bytes
//! latest key   prefix
//! ```
//!
//! Times are big-endian with the sign bit flipped, then inverted, and so is the last part: bytewise
//! order is version order, newest first. One forward seek to (prefix, !t) therefore lands on the
//! newest version at or before t. Ascending time would cost a reverse step, RocksDB's slower
//! direction.
//!
//! The hash is SipHash-2-4 with 128 bits, keyed by the store: a stranger who picks entity ids cannot
//! make two of them collide. The entity itself stands in the value and is compared on every read.

use super::digest::ContentDigest;
use super::entity::{ascending, from_ascending};
use crate::error::{Error, RESTORE, Result};
use crate::id::{Hex, ViewId};
use crate::op::Op;
use crate::time::Timestamp;
use siphasher::sip128::SipHasher24;

pub(crate) const PREFIX_BYTES: usize = 20;
pub(crate) const HISTORY_KEY_BYTES: usize = 52;

/// Where the rows of one entity of one view stand.
pub(crate) type Prefix = [u8; PREFIX_BYTES];

/// The key under which a store hashes entities. Made once, when the store is created.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct HashKey(pub(crate) [u8; 16]);

impl HashKey {
    pub(crate) fn prefix(&self, view: ViewId, entity: &[u8]) -> Prefix {
        let hash = SipHasher24::new_with_key(&self.0).hash(entity);
        let mut prefix = [0; PREFIX_BYTES];
        prefix[..4].copy_from_slice(&view.0.to_be_bytes());
        prefix[4..].copy_from_slice(&hash.as_bytes());
        prefix
    }
}

/// The view that a key belongs to.
pub(crate) fn view_of(key: &[u8]) -> Result<ViewId> {
    let id = key.first_chunk::<4>().ok_or_else(|| damaged(key))?;
    Ok(ViewId(u32::from_be_bytes(*id)))
}

/// The first key that belongs to a view.
pub(crate) fn view_start(view: ViewId) -> [u8; 4] {
    view.0.to_be_bytes()
}

/// Where a version stands among the versions of its entity. Greater is newer, and the order is
/// total: event time, then recorded-at, then op, then digest.
///
/// The low two bits of the digest have no place here; nobody makes two contents that differ only
/// there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Stamp {
    pub(crate) et: Timestamp,
    pub(crate) rec: Timestamp,
    /// op rank in the highest two bits, then the highest 126 bits of the digest
    pub(crate) last: u128,
}

const DIGEST_BITS: u32 = 126;

impl Stamp {
    pub(crate) fn new(et: Timestamp, rec: Timestamp, op: Op, digest: ContentDigest) -> Self {
        let digest = u128::from_be_bytes(digest.0) >> 2;
        Stamp {
            et,
            rec,
            last: u128::from(op.rank()) << DIGEST_BITS | digest,
        }
    }

    /// What the version does; none when the bits are no op's.
    pub(crate) fn op(&self) -> Option<Op> {
        Op::from_rank((self.last >> DIGEST_BITS) as u8)
    }
}

/// The key of a version.
pub(crate) fn history(prefix: &Prefix, stamp: &Stamp) -> [u8; HISTORY_KEY_BYTES] {
    let mut key = [0; HISTORY_KEY_BYTES];
    key[..20].copy_from_slice(prefix);
    key[20..28].copy_from_slice(&descending(stamp.et));
    key[28..36].copy_from_slice(&descending(stamp.rec));
    key[36..].copy_from_slice(&(!stamp.last).to_be_bytes());
    key
}

/// Where the versions of an entity at or before `t` begin.
pub(crate) fn at_or_before(prefix: &Prefix, t: Timestamp) -> [u8; PREFIX_BYTES + 8] {
    let mut key = [0; PREFIX_BYTES + 8];
    key[..20].copy_from_slice(prefix);
    key[20..].copy_from_slice(&descending(t));
    key
}

/// Takes a history key apart.
pub(crate) fn split_history(key: &[u8]) -> Result<(Prefix, Stamp)> {
    let key: &[u8; HISTORY_KEY_BYTES] = key.try_into().map_err(|_| damaged(key))?;
    let part = |at: usize| key[at..at + 8].try_into().expect("eight bytes");
    let stamp = Stamp {
        et: from_descending(part(20)),
        rec: from_descending(part(28)),
        last: !u128::from_be_bytes(key[36..].try_into().expect("sixteen bytes")),
    };
    stamp.op().ok_or_else(|| damaged(key))?;
    Ok((key[..20].try_into().expect("twenty bytes"), stamp))
}

fn descending(t: Timestamp) -> [u8; 8] {
    ascending(t.micros()).map(|byte| !byte)
}

fn from_descending(bytes: [u8; 8]) -> Timestamp {
    Timestamp::from_micros(from_ascending(bytes.map(|byte| !byte)))
}

fn damaged(key: &[u8]) -> Error {
    Error::corrupt(format!("{} is not a key of a version; {RESTORE}", Hex(key)))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    fn time() -> impl Strategy<Value = Timestamp> {
        let micros = prop_oneof![Just(i64::MIN), Just(i64::MAX), -2i64..3, any::<i64>()];
        micros.prop_map(Timestamp::from_micros)
    }

    pub(crate) fn stamp() -> impl Strategy<Value = Stamp> {
        let op = prop_oneof![Just(Op::Put), Just(Op::Patch), Just(Op::Delete)];
        let digest = prop_oneof![any::<[u8; 16]>(), Just([0; 16]), Just([255; 16])];
        (time(), time(), op, digest)
            .prop_map(|(et, rec, op, digest)| Stamp::new(et, rec, op, ContentDigest(digest)))
    }

    proptest! {
        #[test]
        fn key_order_is_version_order_newest_first(a in stamp(), b in stamp(), prefix: [u8; 20]) {
            let (ka, kb) = (history(&prefix, &a), history(&prefix, &b));
            prop_assert_eq!(ka.cmp(&kb), b.cmp(&a));
            prop_assert_eq!(split_history(&ka).unwrap(), (prefix, a));
        }

        #[test]
        fn a_seek_lands_on_the_newest_at_or_before(a in stamp(), t in time(), prefix: [u8; 20]) {
            let lands = history(&prefix, &a)[..] >= at_or_before(&prefix, t)[..];
            prop_assert_eq!(lands, a.et <= t);
        }

        #[test]
        fn hostile_keys_never_panic(key in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = split_history(&key);
            let _ = view_of(&key);
        }
    }

    /// Hurt if it breaks: whoever scans a view, and is shown another's rows or too few of its own.
    #[test]
    fn the_keys_of_a_view_begin_with_its_id() {
        let hash_key = HashKey([7; 16]);
        for id in [0, 1, 255, 256, u32::MAX] {
            let prefix = hash_key.prefix(ViewId(id), b"an entity");
            assert_eq!(prefix[..4], view_start(ViewId(id)));
            assert_eq!(view_of(&prefix).unwrap(), ViewId(id));
        }
        assert!(view_start(ViewId(1)) < view_start(ViewId(256)));
        assert_ne!(
            hash_key.prefix(ViewId(1), b"an entity"),
            hash_key.prefix(ViewId(1), b"another")
        );
    }

    #[test]
    fn a_key_of_no_op_is_refused() {
        let stamp = Stamp {
            et: Timestamp::MIN,
            rec: Timestamp::MIN,
            last: 7,
        };
        assert!(split_history(&history(&[0; 20], &stamp)).is_err());
    }
}
