//! How room is used where no row is given up: a row stays where it is, and the room of one that has gone,
//! or has outgrown it, is used again by another.
//!
//! A bucket that is full goes on: its last place leads to more, in the room of the shard.
//!
//! ```text
//! bucket   stamp  | 6 rows | more ──▶  unused | 6 rows | more ──▶ …    of the bucket's own, one is at home
//! free     length u32 | words in all u32 | where the next free one of its size is | …
//! ```
//!
//! Nothing moves by itself. So a row that its bucket does not show is not here, and where none was ever
//! left out it is nowhere.
//!
//! Where the free rooms of a shard would do together, and none does alone, the writer that needs one packs
//! the rows of the shard: it takes all out and puts them in again, one after the other. Meanwhile the buckets
//! of the shard answer nobody.

use super::bucket::{self, BUCKET_WORDS, HOME, SLOTS, Slot};
use super::ring::{self, HEADER_WORDS, Header};
use super::shard::{Changing, Place};
use crate::format::key::Prefix;
use crate::sync::{Ordering, Words};

/// Buckets of one entity: its own, and those that it goes on in. A reader may see anything while there is
/// a change, and must come to an end all the same.
const BUCKETS_MAX: usize = 32;

/// Rooms of one size: of every size up to 16 words, then of eight up to each power of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Class {
    index: usize,
    words: usize,
}

/// More than a row of the largest kind has.
const CLASSES: usize = 96;

/// Rows are packed for no less than this part of a shard: what it costs is shared by all who use that much.
const WORTH_PACKING: usize = 32;

impl Class {
    /// The smallest that holds so many words.
    fn of(words: usize) -> Class {
        let bits = words.ilog2().saturating_sub(3);
        let steps = words.div_ceil(1 << bits);
        Class {
            index: bits as usize * 8 + steps,
            words: steps << bits,
        }
    }
}

/// How many bytes the room of a value takes.
pub(super) fn room_bytes(length: usize) -> u64 {
    Class::of(Header::of_value(length).words()).words as u64 * 8
}

/// How many words fewer than it has the row would have if it came in anew.
pub(super) fn slack(row: Header) -> usize {
    row.words() - Class::of(Header::of_value(row.length()).words()).words
}

/// How many buckets one goes on in, on average, of rows that are spread evenly (a Poisson distribution).
pub(super) fn more_buckets(load: f64) -> f64 {
    let of_rows = |rows: usize| rows.saturating_sub(SLOTS).div_ceil(SLOTS - 1) as f64;
    let (mut sum, mut chance) = (0.0, (-load).exp());
    for rows in 1..SLOTS * BUCKETS_MAX {
        chance *= load / rows as f64;
        sum += chance * of_rows(rows);
    }
    sum
}

/// The bucket of an entity, and those that it goes on in.
pub(super) fn buckets(words: &Words, place: &Place) -> impl Iterator<Item = usize> {
    let next = move |bucket: &usize| {
        let at = place.arena + Slot::load(words, *bucket, SLOTS - 1).leads_to()?;
        // While somebody changes it this may be any number.
        (at + BUCKET_WORDS <= words.len()).then_some(at)
    };
    std::iter::successors(Some(place.bucket), next).take(BUCKETS_MAX)
}

/// The rows of a shard while they are packed.
struct Rows {
    /// Whose they are, and how many bytes each has.
    heads: Vec<(Prefix, usize)>,
    bytes: Vec<u8>,
}

impl Changing<'_> {
    /// Puts a row in that is not here. Says whether there was room.
    pub(super) fn keep(&mut self, prefix: &Prefix, value: &[u8]) -> bool {
        if self.keep_as_it_is(prefix, value) {
            return true;
        }
        let row = Class::of(Header::of_value(value.len()).words()).words;
        if !self.is_writer || !self.is_scattered(row + BUCKET_WORDS) {
            return false;
        }
        self.pack();
        self.keep_as_it_is(prefix, value)
    }

    /// Whether there is room for so many words, and no piece of it is large enough.
    fn is_scattered(&self, words: usize) -> bool {
        let all = self.geometry.arena_words;
        let free = all - self.ring.used + self.ring.slack;
        self.ring.head + words > all && free >= words.max(all / WORTH_PACKING)
    }

    /// Puts all rows of the shard in anew, one after the other, so that what is free is one piece.
    #[cold]
    fn pack(&mut self) {
        let own = self.place.bucket;
        let others = || {
            self.geometry
                .buckets_of(self.place.shard)
                .filter(|bucket| *bucket != own)
        };
        others().for_each(|bucket| bucket::begin(self.words, bucket));
        let rows = self.take_all_out();
        let mut bytes = &rows.bytes[..];
        for (prefix, length) in &rows.heads {
            let (value, rest) = bytes.split_at(*length);
            bytes = rest;
            let place = self.geometry.place(prefix);
            let is_here = self.at(&place).keep_as_it_is(prefix, value);
            // No room is larger than the one that it had, and no bucket goes on further than it did.
            assert!(is_here, "the rows of a shard no longer fit into it");
        }
        others().for_each(|bucket| bucket::end(self.words, bucket, 0));
    }

    /// Empties the shard, and leaves no byte of any row in it.
    fn take_all_out(&mut self) -> Rows {
        let words = self.ring.used + self.ring.at_home * self.geometry.home_words;
        let mut rows = Rows {
            heads: Vec::with_capacity(self.ring.rows as usize),
            bytes: Vec::with_capacity(words * 8),
        };
        for first in self.geometry.buckets_of(self.place.shard) {
            let of_first = Place {
                bucket: first,
                ..*self.place
            };
            let places = buckets(self.words, &of_first)
                .flat_map(|bucket| (0..SLOTS).map(move |at| (bucket, at)))
                .map(|(bucket, at)| Slot::load(self.words, bucket, at))
                .filter(|slot| !slot.is_empty() && slot.leads_to().is_none());
            // What is at home goes home again: otherwise a larger one might need room that there is not.
            let (home, elsewhere): (Vec<_>, Vec<_>) = places.partition(|slot| slot.is_home());
            for slot in home.into_iter().chain(elsewhere) {
                let at = slot.row(&of_first);
                let length = Header::load(self.words, at)
                    .expect("a place points to a row")
                    .length();
                rows.heads.push((ring::prefix_at(self.words, at), length));
                ring::copy_value(self.words, at, length, &mut rows.bytes);
            }
            for at in 0..SLOTS {
                Slot::EMPTY.store(self.words, first, at);
            }
            for word in &self.words[of_first.home()..][..self.geometry.home_words] {
                word.store(0, Ordering::Relaxed);
            }
        }
        for word in &self.words[self.place.arena..][..self.ring.head] {
            word.store(0, Ordering::Relaxed);
        }
        self.ring.free.clear();
        (self.ring.head, self.ring.used, self.ring.slack) = (0, 0, 0);
        (self.ring.rows, self.ring.at_home) = (0, 0);
        rows
    }

    /// Puts a row in at home, or into a room that is free as the shard is now.
    fn keep_as_it_is(&mut self, prefix: &Prefix, value: &[u8]) -> bool {
        if self.put_at_home(prefix, value) {
            return true;
        }
        let Some((row, words)) = self.take(Header::of_value(value.len()).words()) else {
            return false;
        };
        let start = self.place.arena + row;
        let header = Header::in_room(value.len(), words);
        self.write(start, header, prefix, value);
        self.ring.slack += slack(header);
        let Some((bucket, at)) = self.place_for_a_row() else {
            self.wipe(start);
            self.give_back(row);
            return false;
        };
        // Wanted it is anyway: no read has to note it.
        let slot = Slot::new(self.place.fingerprint, row).visited();
        slot.store(self.words, bucket, at);
        self.ring.rows += 1;
        true
    }

    /// An empty place: its bucket, and where in it.
    fn place_for_a_row(&mut self) -> Option<(usize, usize)> {
        let (mut last, mut count) = (self.place.bucket, 0);
        for bucket in buckets(self.words, self.place) {
            let is_empty = |at: &usize| Slot::load(self.words, bucket, *at).is_empty();
            // Of the bucket's own places the first is kept for the row at home.
            let first = if count == 0 { HOME + 1 } else { 0 };
            if let Some(at) = (first..SLOTS).find(is_empty) {
                return Some((bucket, at));
            }
            (last, count) = (bucket, count + 1);
        }
        if count == BUCKETS_MAX {
            return None;
        }
        let (at, words) = self.take(BUCKET_WORDS)?;
        let more = self.place.arena + at;
        Header::in_room(0, words).store(self.words, more);
        for slot in 0..SLOTS {
            Slot::EMPTY.store(self.words, more, slot);
        }
        Slot::load(self.words, last, SLOTS - 1).store(self.words, more, 0);
        Slot::more(at).store(self.words, last, SLOTS - 1);
        Some((more, 1))
    }

    /// Takes room for so many words: where it is, and how many words it has.
    fn take(&mut self, words: usize) -> Option<(usize, usize)> {
        let class = Class::of(words);
        if let Some(room) = self.take_free(class.index) {
            return Some(room);
        }
        if self.ring.head + class.words <= self.geometry.arena_words {
            let row = self.ring.head;
            self.ring.head += class.words;
            self.ring.used += class.words;
            return Some((row, class.words));
        }
        // One that is too large is better than none.
        (class.index + 1..CLASSES).find_map(|index| self.take_free(index))
    }

    fn take_free(&mut self, index: usize) -> Option<(usize, usize)> {
        let first = self.ring.free.get_mut(index)?;
        let row = first.checked_sub(1)?;
        let at = self.place.arena + row;
        *first = self.words[at + 1].load(Ordering::Relaxed) as usize;
        let words = Header::load(self.words, at)?.words();
        self.ring.used += words;
        Some((row, words))
    }

    /// Gives the room of a row back, to be used again.
    pub(super) fn give_back(&mut self, row: usize) {
        const { assert!(HEADER_WORDS > 1) };
        let at = self.place.arena + row;
        let header = Header::load(self.words, at).expect("a room has a head");
        self.ring.slack -= slack(header);
        let index = Class::of(header.words()).index;
        if self.ring.free.is_empty() {
            self.ring.free.resize(CLASSES, 0);
        }
        let next = std::mem::replace(&mut self.ring.free[index], row + 1);
        self.words[at + 1].store(next as u64, Ordering::Relaxed);
        self.ring.used -= header.words();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::VALUE_BYTES_MAX;

    #[test]
    fn a_room_holds_what_it_was_taken_for_and_little_more() {
        let largest = Header::of_value(VALUE_BYTES_MAX).words();
        for words in 1..=largest {
            let class = Class::of(words);
            assert!(
                class.words >= words && class.words <= words + words / 8,
                "{words}"
            );
            assert_eq!(
                Class::of(class.words),
                class,
                "given back it is of the same size"
            );
            assert!(class.index < CLASSES);
        }
    }
}
