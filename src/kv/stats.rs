//! What RocksDB says of itself, as far as it can be believed.
//!
//! Only properties: counters that RocksDB keeps anyway, read under its mutex in microseconds. What is
//! left out is left out for a reason: `rocksdb.background-errors` stays zero while every write fails,
//! so the store's own poison is asked instead; histograms are numbered wrongly in the crate, and
//! approximate sizes swallow their errors.

use super::{Family, Kv};
use crate::error::{Error, ErrorKind, Result};

/// One family, as RocksDB counts it.
#[derive(Debug, Clone, Default)]
pub(crate) struct FamilyCounts {
    pub(crate) files: u64,
    pub(crate) files_at_level0: u64,
    pub(crate) file_bytes: u64,
    pub(crate) memtable_bytes: u64,
    pub(crate) memtables_immutable: u64,
    /// Entries put less entries deleted: a key that stands in two files counts twice.
    pub(crate) keys_estimated: u64,
    pub(crate) pending_compaction_bytes: u64,
}

/// The cache that all families share.
#[derive(Debug, Clone, Default)]
pub(crate) struct CacheCounts {
    pub(crate) capacity_bytes: u64,
    pub(crate) used_bytes: u64,
    pub(crate) pinned_bytes: u64,
}

const LEVELS: usize = 7;

impl Kv {
    /// A number that every version of RocksDB has; zero would be a lie, so a missing one is an error.
    pub(super) fn number(&self, family: Family, property: &str) -> Result<u64> {
        let found = self.db.property_int_value_cf(self.family(family), property);
        match found {
            Ok(Some(number)) => Ok(number),
            Ok(None) => Err(unknown(property, "it has none of that name")),
            Err(error) => Err(unknown(property, error.as_ref())),
        }
    }

    /// The same of a property that is text.
    pub(super) fn counted(&self, family: Family, property: &str) -> Result<u64> {
        let found = self.db.property_value_cf(self.family(family), property);
        match found {
            Ok(Some(text)) => text
                .trim()
                .parse()
                .map_err(|_| unknown(property, &format!("it says {text:?}"))),
            Ok(None) => Err(unknown(property, "it has none of that name")),
            Err(error) => Err(unknown(property, error.as_ref())),
        }
    }

    pub(crate) fn family_counts(&self, family: Family) -> Result<FamilyCounts> {
        let number = |property| self.number(family, property);
        let mut files = 0;
        let mut files_at_level0 = 0;
        for level in 0..LEVELS {
            let at_level = self.counted(family, &format!("rocksdb.num-files-at-level{level}"))?;
            files += at_level;
            if level == 0 {
                files_at_level0 = at_level;
            }
        }
        Ok(FamilyCounts {
            files,
            files_at_level0,
            file_bytes: number("rocksdb.live-sst-files-size")?,
            memtable_bytes: number("rocksdb.size-all-mem-tables")?,
            memtables_immutable: number("rocksdb.num-immutable-mem-table")?,
            keys_estimated: number("rocksdb.estimate-num-keys")?,
            pending_compaction_bytes: number("rocksdb.estimate-pending-compaction-bytes")?,
        })
    }

    /// One family is asked: the cache is the same for all, and adding up would count it four times.
    pub(crate) fn cache_counts(&self) -> Result<CacheCounts> {
        let number = |property| self.number(Family::History, property);
        Ok(CacheCounts {
            capacity_bytes: number("rocksdb.block-cache-capacity")?,
            used_bytes: number("rocksdb.block-cache-usage")?,
            pinned_bytes: number("rocksdb.block-cache-pinned-usage")?,
        })
    }

    /// Whether RocksDB lets no write through at present.
    pub(crate) fn is_write_stopped(&self) -> Result<bool> {
        Ok(self.number(Family::Catalog, "rocksdb.is-write-stopped")? != 0)
    }

    /// Bytes per second to which writes are slowed down; zero where they are not.
    pub(crate) fn delayed_write_rate(&self) -> Result<u64> {
        self.number(Family::Catalog, "rocksdb.actual-delayed-write-rate")
    }

    /// Logs of smaller numbers are needed no more and only wait to be deleted.
    pub(crate) fn oldest_log(&self) -> Result<u64> {
        self.number(Family::Catalog, "rocksdb.min-log-number-to-keep")
    }

    /// Bytes of the logs that are still needed. No property says it, so the directory is asked.
    pub(crate) fn log_bytes(&self) -> Result<u64> {
        let failed = |error: std::io::Error| {
            Error::new(ErrorKind::Io, "reading the database's directory failed").caused_by(error)
        };
        let oldest = self.oldest_log()?;
        let mut bytes = 0;
        for entry in std::fs::read_dir(self.db.path()).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if log_number(&entry.file_name()).is_some_and(|number| number >= oldest) {
                // A log may be gone by now: then it is needed no more.
                bytes += entry.metadata().map_or(0, |metadata| metadata.len());
            }
        }
        Ok(bytes)
    }
}

/// The number of a log: of `000012.log` twelve.
pub(crate) fn log_number(name: &std::ffi::OsStr) -> Option<u64> {
    name.to_str()?.strip_suffix(".log")?.parse().ok()
}

fn unknown(property: &str, why: &str) -> Error {
    Error::new(
        ErrorKind::Io,
        format!(
            "RocksDB does not answer for {property}: {why}; the other numbers are not affected"
        ),
    )
}
