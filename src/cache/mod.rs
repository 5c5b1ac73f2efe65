//! Latest rows in memory, in front of RocksDB.
//!
//! What is cached is what the latest family holds of an entity: its row without the checksum, or that
//! there is none. A read takes no lock and writes nothing: it copies the row out and looks whether
//! anything changed under its hands. Two cores that read one hot entity share its lines.
//!
//! # Coherence
//!
//! Entities share *buckets*, and each bucket has a *stamp*: how many commits that concern it are under
//! way, and how often it has changed. A writer [marks](News::mark) the buckets of its entities before
//! it commits to RocksDB, and [publishes](Marked::publish) the new rows after.
//!
//! ```text
//!   writer   mark ───── commit ───── publish
//!   stamp     n, 1 pending             n+1
//! ```
//!
//! - **A hit is current.** While a commit is pending the bucket answers nobody, and the read goes to
//!   RocksDB. So nobody sees a row in RocksDB and an older one here afterwards. When nothing was
//!   pending as the stamp was read, what the bucket holds is what RocksDB held at that moment.
//! - **A fill is current.** Whoever misses keeps the stamp, reads RocksDB, and may put the row here only
//!   if the stamp is still the same: then nothing was committed in between. Otherwise the fill could
//!   hide a newer row.
//! - **Several hits are of one state**, if all their stamps are [still](RowCache::is_still) the same
//!   once the last was copied: at that moment all of them were current at once, and no batch was half
//!   published.
//!
//! An eviction changes the stamp too, because the room is used again. That costs a fill or a batch a
//! second look, and never an answer.
//!
//! # A cache that gives no row up
//!
//! Of [resident](Caches) views all rows are here, put in before anybody reads. Room is used
//! [otherwise](keep), and what finds none is counted and left to RocksDB. As long as that never happened,
//! an entity that is not here has no row: its bucket holds what RocksDB held at the moment of the stamp,
//! and that is nothing. Whoever leaves a row out says so before the bucket changes, and who misses asks
//! after it has seen the stamp, so nobody takes a row that was left out for one that is not there.

mod bucket;
mod caches;
mod keep;
mod news;
mod ring;
mod shard;

pub(crate) use bucket::Stamp;
pub(crate) use caches::Caches;
pub(crate) use news::{Marked, News};

use crate::error::{Error, ErrorKind, Result};
use crate::format::key::Prefix;
use crate::sync::{AtomicBool, Ordering, Words};
use shard::{Geometry, Place, Shard};
use std::io;

/// A larger value is not kept, nor, where one row makes room for another, one that would take more than an
/// eighth of a shard.
const VALUE_BYTES_MAX: usize = 64 << 10;

/// One cache of a store.
pub(crate) struct RowCache {
    words: Words,
    geometry: Geometry,
    shards: Box<[Shard]>,
    /// Every row is here, so that what is not here is nowhere.
    is_complete: AtomicBool,
}

/// What a look into the cache came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sought {
    /// The row was copied, empty if the entity has none; it was current while the stamp was this one.
    Hit(Stamp),
    /// It is not here. What is read from RocksDB now may be put here under this stamp.
    Miss(Stamp),
    /// Somebody is changing the bucket: ask RocksDB, and leave it at that.
    Busy,
}

/// How full a cache is, and how it has fared since the store was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct RowCacheCounts {
    pub(crate) capacity_bytes: u64,
    pub(crate) used_bytes: u64,
    pub(crate) rows: u64,
    pub(crate) fills: u64,
    pub(crate) evictions: u64,
    pub(crate) is_complete: bool,
}

impl RowCache {
    /// The least that is worth having.
    pub(crate) const BYTES_MIN: u64 = 64 << 10;

    /// How large a value is taken to be where nothing is known yet: half a dozen numbers.
    pub(crate) const TYPICAL_VALUE_BYTES: usize = 128;

    /// A cache that never takes more than so many bytes, of rows of which most have values of no more than
    /// `typical` bytes. They are taken from the operating system as they are filled.
    ///
    /// # Errors
    /// `InvalidArgument` when the operating system does not give so much address space.
    pub(crate) fn new(bytes: u64, typical: usize) -> Result<RowCache> {
        RowCache::of(bytes.max(RowCache::BYTES_MIN), false, typical)
            .map_err(|error| too_many("a row cache", bytes, error))
    }

    /// One that gives no row up to make room for another. It is to be [loaded](Self::load).
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub(crate) fn keeping(bytes: u64, typical: usize) -> Result<RowCache> {
        RowCache::of(bytes.max(RowCache::BYTES_MIN), true, typical)
            .map_err(|error| too_many("a memory for resident views", bytes, error))
    }

    /// The same of any size, however little it is worth.
    pub(crate) fn of(bytes: u64, keeps: bool, typical: usize) -> io::Result<RowCache> {
        let geometry = Geometry::of(bytes, keeps, typical);
        Ok(RowCache {
            words: Words::zeroed(geometry.words())?,
            geometry,
            shards: (0..geometry.shards).map(|_| Shard::default()).collect(),
            is_complete: AtomicBool::new(false),
        })
    }

    /// Copies what is cached of an entity to the end of `out`.
    #[inline]
    pub(crate) fn read(&self, prefix: &Prefix, out: &mut Vec<u8>) -> Sought {
        let place = self.geometry.place(prefix);
        match shard::read(&self.words, &place, prefix, out) {
            Sought::Miss(stamp) if self.geometry.keeps => self.read_on(&place, prefix, stamp, out),
            sought => sought,
        }
    }

    /// The same where no row is given up, of an entity that its bucket did not show.
    #[cold]
    fn read_on(&self, place: &Place, prefix: &Prefix, stamp: Stamp, out: &mut Vec<u8>) -> Sought {
        match shard::read_beyond(&self.words, place, prefix, stamp, out) {
            // Not before the stamp: a row that was left out by then has made this false.
            Some(Sought::Miss(stamp)) if self.is_complete() => Sought::Hit(stamp),
            sought => sought.unwrap_or(Sought::Busy),
        }
    }

    /// Asks the memory for the bucket of an entity that will be read soon.
    #[inline]
    pub(crate) fn expect_bucket(&self, prefix: &Prefix) {
        self.words.prefetch(self.geometry.place(prefix).bucket, 1);
    }

    /// Asks the memory for the bucket of an entity that will be read next, and for the row beside it.
    #[inline]
    pub(crate) fn expect(&self, prefix: &Prefix) {
        shard::expect(&self.words, &self.geometry, &self.geometry.place(prefix));
    }

    /// Asks the memory for the row of an entity whose bucket has been asked for.
    #[inline]
    pub(crate) fn expect_row(&self, prefix: &Prefix) {
        shard::expect_row(&self.words, &self.geometry.place(prefix));
    }

    /// Whether nothing has changed in the bucket of an entity since it had this stamp.
    #[inline]
    pub(crate) fn is_still(&self, prefix: &Prefix, stamp: Stamp) -> bool {
        bucket::stamp_now(&self.words, self.geometry.place(prefix).bucket) == stamp
    }

    /// Puts a row here that was read from RocksDB after the bucket had this stamp, unless something
    /// was committed since. An entity that has no row has an empty one.
    pub(crate) fn fill(&self, prefix: &Prefix, noted: Stamp, value: &[u8]) {
        // That there is no row is no row to be kept.
        if value.len() > self.value_bytes_max() || (self.geometry.keeps && value.is_empty()) {
            return;
        }
        let place = self.geometry.place(prefix);
        let shard = &self.shards[place.shard];
        // Where a shard is being packed, no read waits for it.
        let ring = match self.geometry.keeps {
            true => shard.try_lock(),
            false => Some(shard.lock()),
        };
        let Some(mut ring) = ring else { return };
        if bucket::begin_if(&self.words, place.bucket, noted) {
            let is_here = self.change(&mut ring, &place, prefix, Some(value), false);
            ring.fills += u64::from(is_here);
            bucket::end(&self.words, place.bucket, 0);
        }
    }

    /// Puts a row in while nobody reads yet. Says whether there was room.
    pub(crate) fn load(&self, prefix: &Prefix, value: &[u8]) -> bool {
        self.mark(prefix);
        self.publish(prefix, Some(value))
    }

    /// All rows were put in. Those that found no room are in RocksDB.
    pub(crate) fn loaded(&self) {
        let is_complete = self.counts().evictions == 0;
        self.is_complete.store(is_complete, Ordering::Release);
    }

    /// Whether no row has been left out since all were put in.
    pub(crate) fn is_complete(&self) -> bool {
        self.is_complete.load(Ordering::Acquire)
    }

    /// How many bytes a row with so long a value takes; none if it would not be kept however many there
    /// are.
    pub(crate) fn bytes_of_row(length: usize) -> Option<u64> {
        (length <= VALUE_BYTES_MAX).then(|| keep::room_bytes(length))
    }

    /// How many bytes a cache takes that keeps so many rows of so many bytes together, buckets and all.
    pub(crate) fn bytes_of_rows(rows: u64, bytes: u64, typical: usize) -> u64 {
        Geometry::bytes_of_rows(rows, bytes, typical)
    }

    fn value_bytes_max(&self) -> usize {
        match self.geometry.keeps {
            true => VALUE_BYTES_MAX,
            false => VALUE_BYTES_MAX.min(self.geometry.arena_words),
        }
    }

    /// Rows that a writer is going to write.
    pub(crate) fn news(&self) -> News<'_> {
        News::of(self)
    }

    /// A commit that concerns this entity begins.
    fn mark(&self, prefix: &Prefix) {
        bucket::mark(&self.words, self.geometry.place(prefix).bucket);
    }

    /// There was no commit.
    fn unmark(&self, prefix: &Prefix) {
        bucket::unmark(&self.words, self.geometry.place(prefix).bucket);
    }

    /// The commit is over, and left this row, or none. Says whether all that it left is here.
    fn publish(&self, prefix: &Prefix, value: Option<&[u8]>) -> bool {
        let kept = value.filter(|value| value.len() <= self.value_bytes_max());
        self.end_commit(prefix, kept, kept.is_some() == value.is_some())
    }

    /// The commit is over, and nobody knows what it left.
    fn let_go(&self, prefix: &Prefix) {
        self.end_commit(prefix, None, false);
    }

    fn end_commit(&self, prefix: &Prefix, value: Option<&[u8]>, is_all: bool) -> bool {
        let place = self.geometry.place(prefix);
        let mut ring = self.shards[place.shard].lock();
        bucket::begin(&self.words, place.bucket);
        let is_here = self.change(&mut ring, &place, prefix, value, true) && is_all;
        if self.geometry.keeps && !is_here {
            ring.evictions += 1;
            self.is_complete.store(false, Ordering::Release);
        }
        bucket::end(&self.words, place.bucket, 1);
        is_here
    }

    /// Changes a bucket whose stamp says that somebody does. Says whether it holds the value now.
    fn change(
        &self,
        ring: &mut ring::Ring,
        place: &Place,
        prefix: &Prefix,
        value: Option<&[u8]>,
        is_writer: bool,
    ) -> bool {
        let mut shard = shard::Changing {
            words: &self.words,
            geometry: &self.geometry,
            place,
            ring,
            is_writer,
        };
        match value {
            Some(value) => shard.put(prefix, value),
            None => {
                shard.remove(prefix);
                true
            }
        }
    }

    /// Takes the locks of all shards, one after the other.
    pub(crate) fn counts(&self) -> RowCacheCounts {
        let mut counts = RowCacheCounts {
            capacity_bytes: self.geometry.words() as u64 * 8,
            used_bytes: self.geometry.words_of_buckets() as u64 * 8,
            is_complete: self.is_complete(),
            ..RowCacheCounts::default()
        };
        for shard in &self.shards {
            let ring = shard.lock();
            let words = ring.used - ring.slack + ring.at_home * self.geometry.home_words;
            counts.used_bytes += words as u64 * 8;
            counts.rows += ring.rows;
            counts.fills += ring.fills;
            counts.evictions += ring.evictions;
        }
        counts
    }
}

fn too_many(what: &str, bytes: u64, error: io::Error) -> Error {
    Error::new(
        ErrorKind::InvalidArgument,
        format!("{what} of {bytes} bytes cannot be had ({error}); give it less"),
    )
}

impl std::fmt::Debug for RowCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RowCache({} bytes)", self.geometry.words() * 8)
    }
}

#[cfg(test)]
mod tests;
