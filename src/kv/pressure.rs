//! How far writes have run ahead of what is written to disk, and from where on RocksDB holds them up.
//!
//! | what | RocksDB slows every writer down | stops every writer |
//! |---|---|---|
//! | memtables of a family that wait to be written out | 3 | 4 |
//! | files of a family that wait to be merged (level 0) | 20 | 36 |
//! | bytes of a family that compaction has yet to rewrite | 64 GiB | 256 GiB |
//!
//! A slowdown of RocksDB's is a sleep inside its write queue, for whoever comes, to 16 MiB a second and
//! less. Whoever asks here first can slow down gently, or be told.

use super::{Family, Kv, KvOptions};
use crate::error::Result;

/// From where on RocksDB slows writers down: its defaults, which `options` leaves alone.
const LEVEL0_FILES: u64 = 20;
const PENDING_BYTES: u64 = 64 << 30;
/// The third memtable to wait slows writers down. It is made when this many are full.
const MEMTABLES: u64 = 3;

/// What may hold writes up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    /// Bytes of memtables of a family that are not in a file yet.
    Memtables,
    /// The same of all families together.
    AllMemtables,
    /// Files of a family that wait to be merged.
    Level0,
    /// Bytes of a family that compaction has yet to rewrite.
    Pending,
}

/// One limit, and how near it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Nearness {
    pub(crate) limit: Limit,
    /// Where it is nearest; the last of all families stands for all of them.
    pub(crate) family: Family,
    pub(crate) found: u64,
    pub(crate) most: u64,
}

impl Nearness {
    /// One at the limit, more beyond it.
    pub(crate) fn share(&self) -> f64 {
        self.found as f64 / self.most.max(1) as f64
    }
}

/// The limits of an open database.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    memtable_bytes: u64,
    memtables_bytes: u64,
    merges: bool,
}

impl Limits {
    pub(super) fn of(kv: &KvOptions) -> Self {
        Limits {
            memtable_bytes: kv.memtable_bytes as u64,
            memtables_bytes: kv.memtables_bytes as u64,
            merges: kv.merges,
        }
    }
}

impl Kv {
    /// The limit that is nearest. It takes RocksDB's mutex a dozen times, each for less than a
    /// microsecond: to be asked once in some hundred rows, and never by a read.
    pub(crate) fn nearest_limit(&self) -> Result<Nearness> {
        let limits = &self.limits;
        let mut all = Vec::with_capacity(9);
        let (mut bytes, mut written_out) = (0, 0);
        for family in [Family::History, Family::Latest, Family::Quarantine] {
            let near = |limit, found, most| Nearness {
                limit,
                family,
                found,
                most,
            };
            // Not what a reader still holds of memtables that are written out: a writer that waited for
            // a reader might wait for itself.
            let memtables = self.number(family, "rocksdb.cur-size-all-mem-tables")?;
            let waiting = self.number(family, "rocksdb.num-immutable-mem-table")?;
            bytes += memtables;
            written_out += waiting;
            // A memtable that is too full is put aside by the next write. Where none waits, waiting
            // would be for nothing.
            if waiting > 0 {
                let most = MEMTABLES * self.memtable_of(family);
                all.push(near(Limit::Memtables, memtables, most));
            }
            // Where nothing is merged, RocksDB does not wait for a merge either.
            if limits.merges {
                let files = self.counted(family, "rocksdb.num-files-at-level0")?;
                all.push(near(Limit::Level0, files, LEVEL0_FILES));
                let pending = self.number(family, "rocksdb.estimate-pending-compaction-bytes")?;
                all.push(near(Limit::Pending, pending, PENDING_BYTES));
            }
        }
        let together = Nearness {
            limit: Limit::AllMemtables,
            family: Family::Quarantine,
            found: if written_out > 0 { bytes } else { 0 },
            most: limits.memtables_bytes,
        };
        let nearest = all.into_iter().fold(together, |nearest, other| {
            if other.share() > nearest.share() {
                other
            } else {
                nearest
            }
        });
        Ok(nearest)
    }

    fn memtable_of(&self, family: Family) -> u64 {
        super::options::memtable_bytes(family, self.limits.memtable_bytes as usize) as u64
    }

    /// Sets options of a family that is open: how a test brings pressure about at will.
    #[cfg(test)]
    pub(crate) fn set_options(&self, family: Family, options: &[(&str, &str)]) {
        let set = self.db.set_options_cf(self.family(family), options);
        set.expect("the options are there");
    }
}
