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

mod bucket;
mod news;
mod ring;
mod shard;

pub(crate) use bucket::Stamp;
pub(crate) use news::News;

use crate::error::{Error, ErrorKind, Result};
use crate::format::key::Prefix;
use crate::sync::Words;
use shard::{Geometry, Place, Shard};
use std::io;

/// A larger value is not kept, nor one that would take more than an eighth of a shard.
const VALUE_BYTES_MAX: usize = 64 << 10;

/// The cache of a store.
pub(crate) struct RowCache {
    words: Words,
    geometry: Geometry,
    shards: Box<[Shard]>,
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
}

impl RowCache {
    /// The least that is worth having.
    pub(crate) const BYTES_MIN: u64 = 64 << 10;

    /// A cache that never takes more than so many bytes. They are taken from the operating system as
    /// they are filled.
    ///
    /// # Errors
    /// `InvalidArgument` when the operating system does not give so much address space.
    pub(crate) fn new(bytes: u64) -> Result<RowCache> {
        RowCache::of(bytes.max(RowCache::BYTES_MIN)).map_err(|error| {
            Error::new(
                ErrorKind::InvalidArgument,
                format!("a row cache of {bytes} bytes cannot be had ({error}); give it less"),
            )
        })
    }

    /// The same of any size, however little it is worth.
    pub(crate) fn of(bytes: u64) -> io::Result<RowCache> {
        let geometry = Geometry::of(bytes);
        Ok(RowCache {
            words: Words::zeroed(geometry.words())?,
            geometry,
            shards: (0..geometry.shards).map(|_| Shard::default()).collect(),
        })
    }

    /// Copies what is cached of an entity to the end of `out`.
    #[inline]
    pub(crate) fn read(&self, prefix: &Prefix, out: &mut Vec<u8>) -> Sought {
        shard::read(&self.words, &self.geometry.place(prefix), prefix, out)
    }

    /// Asks the memory for the bucket of an entity that will be read soon.
    #[inline]
    pub(crate) fn expect(&self, prefix: &Prefix) {
        let place = self.geometry.place(prefix);
        self.words.prefetch(place.bucket);
    }

    /// Asks the memory for the row of an entity whose bucket has been asked for.
    #[inline]
    pub(crate) fn expect_row(&self, prefix: &Prefix) {
        shard::expect(&self.words, &self.geometry.place(prefix));
    }

    /// Whether nothing has changed in the bucket of an entity since it had this stamp.
    #[inline]
    pub(crate) fn is_still(&self, prefix: &Prefix, stamp: Stamp) -> bool {
        bucket::stamp_now(&self.words, self.geometry.place(prefix).bucket) == stamp
    }

    /// Puts a row here that was read from RocksDB after the bucket had this stamp, unless something
    /// was committed since. An entity that has no row has an empty one.
    pub(crate) fn fill(&self, prefix: &Prefix, noted: Stamp, value: &[u8]) {
        if value.len() > self.value_bytes_max() {
            return;
        }
        let place = self.geometry.place(prefix);
        let mut ring = self.shards[place.shard].lock();
        if bucket::begin_if(&self.words, place.bucket, noted) {
            ring.fills += 1;
            self.change(&mut ring, &place, prefix, Some(value), 0);
        }
    }

    fn value_bytes_max(&self) -> usize {
        VALUE_BYTES_MAX.min(self.geometry.arena_words)
    }

    /// Rows that a writer is going to write.
    pub(crate) fn news(&self) -> News<'_> {
        News::of(self)
    }

    /// A commit that concerns this entity begins.
    fn mark(&self, prefix: &Prefix) {
        bucket::mark(&self.words, self.geometry.place(prefix).bucket);
    }

    /// The commit is over, and left this row; none where nobody knows, or nothing is to be kept.
    fn publish(&self, prefix: &Prefix, value: Option<&[u8]>) {
        let value = value.filter(|value| value.len() <= self.value_bytes_max());
        let place = self.geometry.place(prefix);
        let mut ring = self.shards[place.shard].lock();
        bucket::begin(&self.words, place.bucket);
        self.change(&mut ring, &place, prefix, value, 1);
    }

    /// Changes a bucket whose stamp says that somebody does, and ends so many marks with it.
    fn change(
        &self,
        ring: &mut ring::Ring,
        place: &Place,
        prefix: &Prefix,
        value: Option<&[u8]>,
        marks: u64,
    ) {
        let mut shard = shard::Changing {
            words: &self.words,
            geometry: &self.geometry,
            place,
            ring,
        };
        match value {
            Some(value) => shard.put(prefix, value),
            None => shard.remove(prefix),
        }
        bucket::end(&self.words, place.bucket, marks);
    }

    /// Takes the locks of all shards, one after the other.
    pub(crate) fn counts(&self) -> RowCacheCounts {
        let mut counts = RowCacheCounts {
            capacity_bytes: self.geometry.words() as u64 * 8,
            used_bytes: (self.geometry.words() - self.geometry.arena_words * self.shards.len())
                as u64
                * 8,
            ..RowCacheCounts::default()
        };
        for shard in &self.shards {
            let ring = shard.lock();
            counts.used_bytes += ring.used as u64 * 8;
            counts.rows += ring.rows;
            counts.fills += ring.fills;
            counts.evictions += ring.evictions;
        }
        counts
    }
}

impl std::fmt::Debug for RowCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RowCache({} bytes)", self.geometry.words() * 8)
    }
}

#[cfg(test)]
mod tests;
