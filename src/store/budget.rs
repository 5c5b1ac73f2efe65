//! How a store's memory is divided.
//!
//! | share | of a budget | bound by |
//! |---|---|---|
//! | block cache: data, index and filter blocks | what is left, about a half | RocksDB's cache; blocks in use may exceed it for a moment |
//! | memtables: rows that are not in a file yet | 1/4 | written out from half of it on, writers slowed down at 3/4, held at all of it |
//! | row cache: latest rows ready to be read | 1/8 | the cache |
//! | resident views, where there are any: all their latest rows | 1/4, of the block cache | the cache |
//! | ours: batches, merges, tables and their descriptions | 1/8 | nothing; what they take in practice |
//!
//! A share that is set by itself is taken as it is, and the block cache has what is left.

use super::StoreOptions;
use super::resident::Resident;
use crate::error::{Error, Result};

/// The smallest budget: below it every share is too small to be of use.
pub(super) const BUDGET_MIN: usize = 32 << 20;
/// A memtable of one family is this part of the share of all.
const MEMTABLES_PER_SHARE: usize = 4;
/// The same where the memtable is set by itself: two families, the one being filled, and two that are
/// being written out.
const MEMTABLES_TOGETHER: usize = 6;
const BLOCK_CACHE_MIN: usize = 4 << 20;

/// How a store's memory is divided, in bytes.
///
/// ```
/// use asof::StoreOptions;
/// let shares = StoreOptions::new().memory_budget(512 << 20).shares()?;
/// assert_eq!(shares.total(), 512 << 20);
/// assert_eq!(shares.memtables, 128 << 20);
/// # Ok::<(), asof::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Shares {
    /// Blocks of files, with their indexes and filters.
    pub block_cache: usize,
    /// Rows that are not in a file yet, of all families together.
    pub memtables: usize,
    /// Latest rows, ready to be read.
    pub row_cache: usize,
    /// All latest rows of [resident](StoreOptions::resident) views. Without a budget it is zero until it
    /// is measured at open, where it is not set.
    pub resident: usize,
    /// What the rest may take: batches on their way in, merges, descriptions of files.
    pub ours: usize,
}

impl Shares {
    /// All of it; `usize::MAX` where it is more than that.
    pub fn total(&self) -> usize {
        let shares = [
            self.block_cache,
            self.memtables,
            self.row_cache,
            self.resident,
            self.ours,
        ];
        shares.into_iter().fold(0, usize::saturating_add)
    }
}

/// What was chosen of a store's memory.
#[derive(Debug, Clone, Default)]
pub(super) struct Memory {
    pub(super) budget: Option<usize>,
    pub(super) block_cache: Option<usize>,
    /// Of one family.
    pub(super) memtable: Option<usize>,
    pub(super) row_cache: Option<usize>,
}

const UNSET_BLOCK_CACHE: usize = 256 << 20;
const UNSET_ROW_CACHE: usize = 64 << 20;
const UNSET_MEMTABLE: usize = 32 << 20;

impl Memory {
    pub(super) fn shares(&self, resident: &Resident) -> Result<Shares> {
        let Some(budget) = self.budget else {
            let memtable = self.memtable.unwrap_or(UNSET_MEMTABLE);
            return Ok(Shares {
                block_cache: self.block_cache.unwrap_or(UNSET_BLOCK_CACHE),
                memtables: memtable.saturating_mul(MEMTABLES_TOGETHER),
                row_cache: self.row_cache.unwrap_or(UNSET_ROW_CACHE),
                resident: resident.bytes_or(0),
                ours: 0,
            });
        };
        if budget < BUDGET_MIN {
            return Err(Error::invalid(format!(
                "a memory budget of {budget} bytes is too small for a store: it takes at least \
                 {BUDGET_MIN} (32 MiB)"
            )));
        }
        let memtables = self
            .memtable
            .map_or(budget / 4, |one| one.saturating_mul(MEMTABLES_TOGETHER));
        let row_cache = self.row_cache.unwrap_or(budget / 8);
        let ours = budget / 8;
        let resident = resident.bytes_or(budget / 4);
        let taken = [row_cache, resident, ours];
        let taken = taken.into_iter().fold(memtables, usize::saturating_add);
        let left = budget.saturating_sub(taken);
        let block_cache = self.block_cache.unwrap_or(left);
        let is_too_much = taken > budget || block_cache > left;
        if is_too_much || (self.block_cache.is_none() && left < BLOCK_CACHE_MIN) {
            return Err(Error::invalid(format!(
                "a memory budget of {budget} bytes does not hold what was set by itself: memtables \
                 {memtables}, row cache {row_cache}, resident views {resident}, our buffers {ours}, which leaves {left} to a block \
                 cache of {}; raise the budget or set less",
                self.block_cache.unwrap_or(BLOCK_CACHE_MIN)
            )));
        }
        Ok(Shares {
            block_cache,
            memtables,
            row_cache,
            resident,
            ours: budget - memtables - row_cache - resident - block_cache,
        })
    }

    /// How many bytes of a memtable one family fills before it is written out.
    pub(super) fn memtable(&self, shares: &Shares) -> usize {
        self.memtable.unwrap_or(match self.budget {
            Some(_) => shares.memtables / MEMTABLES_PER_SHARE,
            None => UNSET_MEMTABLE,
        })
    }
}

impl StoreOptions {
    /// How many bytes of memory the store may take in all, 32 MiB at least. It is divided as
    /// [`Shares`] says; what is set by itself ([`block_cache_bytes`](Self::block_cache_bytes),
    /// [`memtable_bytes`](Self::memtable_bytes), [`row_cache_bytes`](Self::row_cache_bytes)) keeps
    /// what it was given; so do [resident views](Self::resident). Without a budget each has its own
    /// default.
    ///
    /// Memory that a caller holds (rows it has read, batches it fills) and what a long-lived snapshot or
    /// iterator pins come on top. What an allocator keeps of freed memory would too: glibc's is asked to give it
    /// back (`malloc_trim`) when the process takes seven eighths of its stores' budgets and has grown by a
    /// sixteenth of them since. That takes tens of milliseconds, at most a fiftieth of the time of the
    /// process however many stores it has open, and a thread that needs memory may wait as long; a read from
    /// the row cache needs none. Where it gave hardly anything, up to five minutes pass before it is tried
    /// again. Other allocators are left to themselves.
    pub fn memory_budget(mut self, bytes: usize) -> Self {
        self.memory.budget = Some(bytes);
        self
    }

    /// How many bytes of blocks are kept in memory for reads; with zero, none.
    pub fn block_cache_bytes(mut self, bytes: usize) -> Self {
        self.memory.block_cache = Some(bytes);
        self
    }

    /// How many bytes of new rows a family keeps in memory before they are written out. Six times as
    /// many may be there in all before writers are held.
    pub fn memtable_bytes(mut self, bytes: usize) -> Self {
        self.memory.memtable = Some(bytes);
        self
    }

    /// How many bytes of latest rows are kept in memory, decoded as far as a read needs them; 0 for
    /// none. They are taken as they are filled, and at least 64 KiB; from 256 MiB on
    /// in pages of 2 MiB, where the system has such.
    ///
    /// A row takes its value and about 50 bytes. Rows that are read come in, and those that were not
    /// asked for since go out first, so that a pass over everything drives out little. Rows that are
    /// written come in only while there is room.
    pub fn row_cache_bytes(mut self, bytes: u64) -> Self {
        self.memory.row_cache = Some(usize::try_from(bytes).unwrap_or(usize::MAX));
        self
    }

    /// How the memory is divided.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for a budget below 32 MiB, for one that
    /// does not hold what was set by itself, and for [resident views](Self::resident) that are named
    /// twice or have no room. [`open`](Self::open) fails alike.
    pub fn shares(&self) -> Result<Shares> {
        self.resident.check()?;
        self.memory.shares(&self.resident)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn the_shares_of_a_budget_add_up_to_it() {
        for budget in [
            BUDGET_MIN,
            BUDGET_MIN + 1,
            64 << 20,
            (512 << 20) - 7,
            64 << 30,
        ] {
            let options = StoreOptions::new().memory_budget(budget);
            assert_eq!(options.shares().unwrap().total(), budget);
            let set = options.block_cache_bytes(5 << 20).row_cache_bytes(3 << 20);
            let shares = set.shares().unwrap();
            assert_eq!((shares.block_cache, shares.row_cache), (5 << 20, 3 << 20));
            assert_eq!(shares.total(), budget, "what nobody took is ours");
        }
    }

    #[test]
    fn a_budget_that_is_too_small_is_refused_with_the_smallest() {
        let error = StoreOptions::new()
            .memory_budget(BUDGET_MIN - 1)
            .shares()
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(error.to_string().contains("33554432"), "{error}");
        let options = StoreOptions::new().memory_budget(64 << 20);
        for too_much in [
            options.clone().block_cache_bytes(60 << 20),
            options.clone().memtable_bytes(9 << 20),
            options.clone().row_cache_bytes(u64::MAX),
        ] {
            let error = too_much.shares().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
            assert!(error.to_string().contains("67108864"), "{error}");
        }
    }

    #[test]
    fn more_than_the_budget_is_refused_though_the_block_cache_is_to_have_nothing() {
        // Who is hurt: whoever sets everything by itself, and whose process ends where it opens the store.
        let options = StoreOptions::new()
            .memory_budget(64 << 20)
            .block_cache_bytes(0);
        assert_eq!(options.shares().unwrap().total(), 64 << 20);
        for too_much in [
            options.clone().row_cache_bytes(u64::MAX),
            options.clone().resident(["v"]).resident_bytes(64 << 20),
            options.memtable_bytes(usize::MAX),
        ] {
            let error = too_much.shares().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
            assert!(error.to_string().contains("67108864"), "{error}");
        }
    }

    #[test]
    fn shares_without_end_have_a_sum() {
        let options = StoreOptions::new().resident(["v"]).resident_bytes(u64::MAX);
        assert_eq!(options.shares().unwrap().total(), usize::MAX);
    }

    #[test]
    fn without_a_budget_everything_is_as_it_is_set() {
        let shares = StoreOptions::new().shares().unwrap();
        assert_eq!(
            (shares.block_cache, shares.memtables),
            (256 << 20, 192 << 20)
        );
        let shares = StoreOptions::new()
            .memtable_bytes(1 << 20)
            .shares()
            .unwrap();
        assert_eq!(shares.memtables, 6 << 20);
    }
}
