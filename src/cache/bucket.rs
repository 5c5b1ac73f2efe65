//! A bucket: a stamp and the places of up to seven rows, in one line of the processor's cache, and beside it
//! room for one of them.
//!
//! ```text
//! word 0      stamp: version 43 bits | marks 20 | being changed 1
//! words 1-7   places: fingerprint 16 bits | visited 1 | word in the shard's ring, plus one, 47;
//!             the first is that of the row at home
//! then        room for a row of common size: its *home*
//! ```
//!
//! A row at home is asked of the memory together with its bucket, so a read waits once. One in the ring is
//! known to lie there only when its bucket has come, and a read waits twice.
//!
//! The stamp is a sequence lock that also counts commits under way. Whoever changes a bucket holds the
//! lock of its shard; marks are set without it.
//!
//! In a cache that gives no row up, the last place of a full bucket leads to more places instead: see
//! [`keep`](super::keep).

use super::shard::Place;
use crate::sync::{Ordering, Words, fence};

pub(super) const BUCKET_WORDS: usize = 8;
pub(super) const BUCKET_BYTES: usize = BUCKET_WORDS * 8;
pub(super) const SLOTS: usize = BUCKET_WORDS - 1;
/// The place that is kept for the row at home: it is looked at first.
pub(super) const HOME: usize = 0;

const CHANGING: u64 = 1;
const MARK: u64 = 1 << 1;
const VERSION: u64 = 1 << 21;
const MARKS: u64 = VERSION - MARK;

/// What a bucket was when it was looked at. Equal stamps of a bucket, and nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp(u64);

impl Stamp {
    /// Nobody is changing the bucket, and no commit that concerns it is under way.
    #[inline]
    pub(super) fn is_quiet(self) -> bool {
        self.0 & (CHANGING | MARKS) == 0
    }
}

/// Before what the bucket holds is read.
#[inline]
pub(super) fn stamp(words: &Words, bucket: usize) -> Stamp {
    Stamp(words[bucket].load(Ordering::Acquire))
}

/// After what the bucket holds was read: what was read before this is what this stamp speaks of.
#[inline]
pub(super) fn stamp_now(words: &Words, bucket: usize) -> Stamp {
    fence(Ordering::Acquire);
    Stamp(words[bucket].load(Ordering::Acquire))
}

/// Whether what was read in between is whole. A mark that was set meanwhile has changed nothing yet.
#[inline]
pub(super) fn is_whole(before: Stamp, after: Stamp) -> bool {
    (before.0 ^ after.0) & !MARKS == 0
}

/// From here until [`end`] with a mark, the bucket answers nobody. Before the commit is visible to
/// anybody, and so that whoever sees the commit sees the mark.
pub(super) fn mark(words: &Words, bucket: usize) {
    words[bucket].fetch_add(MARK, Ordering::AcqRel);
}

/// Takes a mark back: the commit did not happen, and the bucket holds what it held.
pub(super) fn unmark(words: &Words, bucket: usize) {
    words[bucket].fetch_add(MARK.wrapping_neg(), Ordering::Release);
}

/// Begins a change.
pub(super) fn begin(words: &Words, bucket: usize) {
    words[bucket].fetch_add(CHANGING, Ordering::Relaxed);
    // Whoever reads a word that is written after this reads this stamp, or a later one, after it.
    fence(Ordering::Release);
}

/// Begins a change, if the bucket still has this stamp.
pub(super) fn begin_if(words: &Words, bucket: usize, noted: Stamp) -> bool {
    let changing = noted.0 | CHANGING;
    let begun =
        words[bucket].compare_exchange(noted.0, changing, Ordering::Acquire, Ordering::Relaxed);
    fence(Ordering::Release);
    begun.is_ok()
}

/// Ends a change, and so many marks with it.
pub(super) fn end(words: &Words, bucket: usize, marks: u64) {
    let change = VERSION - CHANGING - marks * MARK;
    words[bucket].fetch_add(change, Ordering::Release);
}

/// Where a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot(u64);

const VISITED: u64 = 1 << 47;
const AT: u64 = VISITED - 1;
/// No row: more places stand there. Read as a row, it is one beyond every ring.
const MORE: u64 = 1 << 46;
/// The row is at home.
const AT_HOME: u64 = 1 << 45;

impl Slot {
    pub(super) const EMPTY: Slot = Slot(0);

    pub(super) fn new(fingerprint: u16, at: usize) -> Slot {
        Slot(u64::from(fingerprint) << 48 | (at as u64 + 1))
    }

    /// The place of a row beside its bucket.
    pub(super) fn home(fingerprint: u16) -> Slot {
        Slot(u64::from(fingerprint) << 48 | AT_HOME)
    }

    #[inline]
    pub(super) fn is_home(self) -> bool {
        self.0 & AT == AT_HOME
    }

    /// The word where the row begins.
    #[inline]
    pub(super) fn row(self, place: &Place) -> usize {
        match self.is_home() {
            true => place.home(),
            false => place.arena + self.at(),
        }
    }

    #[inline]
    pub(super) fn load(words: &Words, bucket: usize, slot: usize) -> Slot {
        Slot(words[bucket + 1 + slot].load(Ordering::Relaxed))
    }

    /// More places at a word of the ring.
    pub(super) fn more(at: usize) -> Slot {
        Slot(MORE | (at as u64 + 1))
    }

    /// The word of the ring where more places stand; none where this is a row, or empty.
    pub(super) fn leads_to(self) -> Option<usize> {
        // While somebody changes it this may be the bytes of a row, and so no place at all.
        let at = (self.0 & AT & !MORE).checked_sub(1)?;
        (self.0 & MORE != 0).then_some(at as usize)
    }

    pub(super) fn store(self, words: &Words, bucket: usize, slot: usize) {
        words[bucket + 1 + slot].store(self.0, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn is_empty(self) -> bool {
        self.0 & AT == 0
    }

    #[inline]
    pub(super) fn has(self, fingerprint: u16) -> bool {
        (self.0 >> 48) as u16 == fingerprint && !self.is_empty()
    }

    /// The word in the ring of its shard.
    pub(super) fn at(self) -> usize {
        (self.0 & AT).wrapping_sub(1) as usize
    }

    #[inline]
    pub(super) fn is_visited(self) -> bool {
        self.0 & VISITED != 0
    }

    pub(super) fn visited(self) -> Slot {
        Slot(self.0 | VISITED)
    }

    pub(super) fn unvisited(self) -> Slot {
        Slot(self.0 & !VISITED)
    }

    /// Notes that somebody wanted the row, once. If the slot has changed meanwhile, it stays as it is.
    #[inline]
    pub(super) fn visit(self, words: &Words, bucket: usize, slot: usize) {
        if !self.is_visited() {
            let word = &words[bucket + 1 + slot];
            let (old, new) = (self.0, self.0 | VISITED);
            // Nobody learns anything else from this word.
            let _raced = word.compare_exchange(old, new, Ordering::Relaxed, Ordering::Relaxed);
        }
    }
}
