//! What a write-ahead log holds: which sequence numbers, and how far its records say that the log was
//! durable when they were written.
//!
//! ```text
//! batch     0  sequence u64 LE   of its first row
//!           8  rows u32 LE
//!           12 what RocksDB put there; ours begins with a note:
//! note      12 3, 17             RocksDB's tag for what stays in the log, and the length
//!           14 'D'               durable up to here:
//!           15 sequence u64 LE
//!           23 store             the first 8 bytes of the id of the store
//! ```
//!
//! A note of another kind or length is of a newer format: nothing else puts one in front of a batch.
//!
//! The note is what tells damage from a power cut. A record that cannot be read, with good ones behind
//! it, may be a hole that a cut left in rows that nobody had synced. If a good one behind it says that
//! the log was durable past the hole, it is damage. The store stands in it because nothing in a log of
//! RocksDB says where it belongs: one of another store would be replayed over these rows.

use super::log::{self, Record, Scan};

/// What tells a store from others in its log.
pub(crate) type StoreTag = [u8; 8];

/// The note that every batch begins with.
pub(crate) fn note(durable: u64, store: StoreTag) -> [u8; 17] {
    let mut note = [b'D'; 17];
    note[1..9].copy_from_slice(&durable.to_le_bytes());
    note[9..].copy_from_slice(&store);
    note
}

/// Consecutive sequence numbers, and how many batches they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Rows {
    pub(crate) batches: u64,
    /// The first and the last, where there are any.
    pub(crate) range: Option<(u64, u64)>,
}

impl Rows {
    fn add(&mut self, first: u64, last: u64) {
        self.batches += 1;
        let from = self.range.map_or(first, |(from, _)| from);
        self.range = Some((from, last));
    }

    pub(crate) fn last(&self) -> Option<u64> {
        self.range.map(|(_, last)| last)
    }

    pub(crate) fn first(&self) -> Option<u64> {
        self.range.map(|(first, _)| first)
    }
}

/// How a write-ahead log reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WalScan {
    pub(crate) log: Scan,
    /// What an open would bring back.
    pub(crate) rows: Rows,
    /// What can still be read behind the first damage.
    pub(crate) behind: Rows,
    /// The largest sequence number that a record calls durable.
    pub(crate) durable: u64,
    /// A batch of another store is among them.
    pub(crate) foreign: bool,
    /// The first batch, by its sequence number, with a note that this build does not know, and the first
    /// byte of that.
    pub(crate) newer: Option<(u64, u8)>,
}

/// Reads a write-ahead log of a store, if it is known of which.
pub(crate) fn scan(bytes: &[u8], store: Option<StoreTag>) -> WalScan {
    let (mut rows, mut behind) = (Rows::default(), Rows::default());
    let (mut durable, mut foreign, mut newer) = (0, false, None);
    let mut newest = None;
    let log = log::scan(
        bytes,
        |Record {
             content,
             behind_damage,
         }| {
            let Some((first, count)) = batch(content) else {
                return false;
            };
            // What lies behind damage may be a record inside a value; its numbers give it away.
            if newest.is_some_and(|newest| first <= newest) {
                return false;
            }
            let last = first.saturating_add(u64::from(count)).saturating_sub(1);
            newest = newest.max(Some(last));
            match noted(content) {
                Noted::Nothing => {}
                Noted::Durable(noted, of) => {
                    foreign |= store.is_some_and(|store| store != of);
                    durable = durable.max(noted);
                }
                Noted::Unknown(_) if behind_damage => {}
                Noted::Unknown(kind) => newer = newer.or(Some((first, kind))),
            }
            let rows = if behind_damage {
                &mut behind
            } else {
                &mut rows
            };
            rows.add(first, last);
            true
        },
    );
    WalScan {
        log,
        rows,
        behind,
        durable,
        foreign,
        newer,
    }
}

/// The sequence number of a batch and its count of rows.
fn batch(content: &[u8]) -> Option<(u64, u32)> {
    let (sequence, rest) = content.split_first_chunk()?;
    let (count, _) = rest.split_first_chunk()?;
    Some((u64::from_le_bytes(*sequence), u32::from_le_bytes(*count)))
}

/// What a batch notes in front of its rows.
enum Noted {
    Nothing,
    /// Up to which row its store was durable.
    Durable(u64, StoreTag),
    /// Something that this build does not know, by its first byte.
    Unknown(u8),
}

fn noted(content: &[u8]) -> Noted {
    let parts = match content.get(12..) {
        Some([3, 17, b'D', rest @ ..]) => rest.split_first_chunk(),
        Some([3, _, kind, ..]) => return Noted::Unknown(*kind),
        _ => None,
    };
    let Some((sequence, rest)) = parts else {
        return Noted::Nothing;
    };
    match rest.first_chunk() {
        Some(store) => Noted::Durable(u64::from_le_bytes(*sequence), *store),
        None => Noted::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(first: u64, rows: u32, durable: u64) -> Vec<u8> {
        let mut out = first.to_le_bytes().to_vec();
        out.extend(rows.to_le_bytes());
        out.extend([3, 17]);
        out.extend(note(durable, *b"our tag!"));
        out.extend(b"rows");
        out
    }

    #[test]
    fn a_log_tells_its_rows_and_how_far_it_was_durable() {
        let batches = [record(8, 3, 7), record(11, 0, 7), record(11, 2, 10)];
        let log = log::framed(&batches.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let scan = scan(&log, None);
        assert_eq!(scan.rows.range, Some((8, 12)));
        assert_eq!((scan.rows.batches, scan.durable), (3, 10));
        assert!(scan.log.broken.is_none());
    }

    #[test]
    fn rows_behind_damage_are_counted_apart() {
        let batches = [record(1, 1, 0), record(2, 2, 1), record(4, 1, 3)];
        let mut log = log::framed(&batches.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let second = log.len() / 3;
        log[second + 20] ^= 1;
        let scan = scan(&log, None);
        assert_eq!(scan.rows.range, Some((1, 1)));
        assert_eq!(scan.behind.range, Some((4, 4)));
        assert_eq!(scan.durable, 3);
    }

    #[test]
    fn a_batch_of_another_store_is_told() {
        let log = log::framed(&[&record(1, 1, 0)]);
        assert!(!scan(&log, Some(*b"our tag!")).foreign);
        assert!(scan(&log, Some(*b"another!")).foreign);
    }

    #[test]
    fn a_note_of_another_kind_is_told_with_the_first_row_behind_it() {
        // Who is hurt: whoever opens with an old build a log that a newer one wrote.
        for (at, byte, kind) in [(14, b'E', b'E'), (13, 18, b'D'), (14, 0, 0)] {
            let mut newer = record(4, 2, 3);
            newer[at] = byte;
            let log = log::framed(&[&record(1, 3, 0), &newer, &record(6, 1, 5)]);
            assert_eq!(scan(&log, None).newer, Some((4, kind)), "byte {at}");
        }
        let bare = [&1u64.to_le_bytes()[..], &1u32.to_le_bytes(), b"rows"].concat();
        let log = log::framed(&[&bare, &record(2, 1, 0)]);
        assert_eq!(scan(&log, None).newer, None);
    }

    #[test]
    fn sequence_numbers_that_go_back_are_no_log_of_ours() {
        let batches = [record(5, 2, 0), record(6, 1, 0)];
        let log = log::framed(&batches.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let broken = scan(&log, None).log.broken.expect("it goes back");
        assert_eq!(broken.why, log::Why::Content);
        let short = log::framed(&[b"short"]);
        assert_eq!(
            scan(&short, None).log.broken.map(|b| b.why),
            Some(log::Why::Content)
        );
    }
}
