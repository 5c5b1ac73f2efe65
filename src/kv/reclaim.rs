//! Making bytes that nobody can read any more leave the disk.
//!
//! A deleted row stays in the log, in the memtables and in every file below the one that says it is
//! deleted. It is gone once the memtables are written out, which retires the log; once the files that
//! held it have been merged down to the last level, that level included, which a compaction leaves
//! out unless it is forced; and once the files that were merged are unlinked.

use super::error::translate;
use super::{Family, Kv};
use crate::error::Result;
use rocksdb::{BottommostLevelCompaction, CompactOptions, WaitForCompactOptions};

/// For so long compactions that were under way anyway are waited for.
const BACKGROUND_MICROS_MAX: u64 = 600_000_000;

impl Kv {
    /// Compacts every family completely, the last level too. It blocks until that is done.
    pub(crate) fn compact(&self) {
        for family in Family::ALL {
            self.merge(family, None, None);
        }
        self.idle.release();
    }

    /// Frees what was deleted under a prefix of history and latest, in the quarantine and in the
    /// catalog. Says whether all of it is gone: a snapshot or a cursor that is alive still holds what
    /// it can see.
    pub(crate) fn reclaim(&self, prefix: &[u8]) -> Result<bool> {
        self.flush()?;
        let snapshots = self.number(Family::Catalog, "rocksdb.num-snapshots")?;
        // No key is as short as this one, and every key of the prefix stands before it.
        let end = [prefix, &[0xff; 64]].concat();
        for family in [Family::History, Family::Latest] {
            self.merge(family, Some(prefix), Some(&end));
        }
        for family in [Family::Quarantine, Family::Catalog] {
            self.merge(family, None, None);
        }
        self.unlink()?;
        let obsolete = self.number(Family::Catalog, "rocksdb.obsolete-sst-files-size")?;
        let mut held = snapshots != 0 || obsolete != 0;
        for family in Family::ALL {
            // Files that a cursor holds are of an older version of the family, and not obsolete yet.
            let total = self.number(family, "rocksdb.total-sst-files-size")?;
            held |= total != self.number(family, "rocksdb.live-sst-files-size")?;
        }
        Ok(!held)
    }

    pub(super) fn merge(&self, family: Family, from: Option<&[u8]>, to: Option<&[u8]>) {
        let mut options = CompactOptions::default();
        // Not `ForceOptimized`: it spares what this very merge has put there, and left two files in the last
        // level of a small family where this leaves one. What else it spares has not been looked into.
        options.set_bottommost_level_compaction(BottommostLevelCompaction::Force);
        self.db
            .compact_range_cf_opt(self.family(family), from, to, &options);
    }

    /// Removes files that are no longer part of the database now: left alone, RocksDB does it later
    /// on a thread of its own.
    pub(crate) fn unlink(&self) -> Result<()> {
        let mut patience = WaitForCompactOptions::default();
        patience.set_abort_on_pause(true);
        patience.set_timeout(BACKGROUND_MICROS_MAX);
        let failed = |e| translate("removing obsolete files", e);
        // A background job unlinks what it made obsolete before it counts as ended. What an idle
        // iterator held is unlinked by another. What no job is at, allowing deletions again looks for
        // and removes before it returns.
        self.db.wait_for_compact(&patience).map_err(failed)?;
        self.let_go(BACKGROUND_MICROS_MAX)?;
        self.db
            .disable_file_deletions()
            .and_then(|()| self.db.enable_file_deletions())
            .map_err(failed)
    }
}
