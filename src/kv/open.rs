//! Opening and closing.

use super::error::translate;
use super::{Family, Kv, KvOptions, options};
use crate::error::{Error, ErrorKind, Result};
use rocksdb::{Cache, ColumnFamilyDescriptor, DB, ReadOptions};
use std::path::Path;

impl Kv {
    /// Opens the database, or creates it when asked to. Every family is declared here: a family
    /// that is not would run with a cache and memtables of its own.
    pub(crate) fn open(path: &Path, create: bool, kv: &KvOptions) -> Result<Kv> {
        let mut options = options::of_database(create, kv.logs_may_be_cut)?;
        options::share_memtables(&mut options, kv);
        let db =
            DB::open_cf_descriptors(&options, path, families(kv)?).map_err(|e| failed(path, e))?;
        options::check_pinned(path)?;
        Ok(Kv::of(db, kv, true))
    }

    /// Opens the database to look at it: no file of it is changed, and what RocksDB tells people goes
    /// to a directory of its own.
    pub(crate) fn look(path: &Path, diary: &Path, kv: &KvOptions) -> Result<Kv> {
        let mut options = options::to_look()?;
        options.set_db_log_dir(diary);
        let db = DB::open_cf_descriptors_read_only(&options, path, families(kv)?, false)
            .map_err(|e| failed(path, e))?;
        Ok(Kv::of(db, kv, false))
    }

    fn of(db: DB, kv: &KvOptions, can_refresh: bool) -> Kv {
        Kv {
            idle: super::reuse::Idle::new(can_refresh),
            families: super::Families::of(&db),
            db,
            tag: kv.tag,
            point: ReadOptions::default(),
            limits: super::pressure::Limits::of(kv),
            durable: super::durable::Durable::default(),
        }
    }

    /// Writes out what is in memory, so that the next open has no log to replay.
    pub(crate) fn flush(&self) -> Result<()> {
        let families: Vec<_> = Family::ALL
            .iter()
            .map(|family| self.family(*family))
            .collect();
        let sequence = self.sequence();
        self.db
            .flush_cfs_opt(&families, &rocksdb::FlushOptions::default())
            .map_err(|e| translate("flushing", e))?;
        self.seal(sequence)
    }

    /// Stops background work. Flush first: afterwards a flush fails.
    pub(crate) fn stop(&self) {
        self.idle.release();
        self.db.cancel_all_background_work(true);
    }
}

fn families(kv: &KvOptions) -> Result<Vec<ColumnFamilyDescriptor>> {
    // RocksDB ends the process over a cache of no bytes at all; one of a byte keeps nothing either.
    let cache = Cache::new_hyper_clock_cache(kv.block_cache_bytes.max(1), 0);
    let family = |family: Family| {
        let options = options::of_family(family, kv, &cache)?;
        Ok(ColumnFamilyDescriptor::new(family.name(), options))
    };
    Family::ALL.into_iter().map(family).collect()
}

/// RocksDB calls a database that is not there an invalid argument. Its store is there, so it is lost.
fn failed(path: &Path, error: rocksdb::Error) -> Error {
    if error.kind() == rocksdb::ErrorKind::InvalidArgument
        && error.to_string().contains("does not exist")
    {
        let text = format!(
            "the database in {} is lost, or its CURRENT file is, while the store's marker is there; \
             restore the store from a copy",
            path.display()
        );
        return Error::corrupt(text).caused_by(error);
    }
    if error.kind() == rocksdb::ErrorKind::Corruption {
        let text = format!(
            "the database in {} is damaged and was not opened. Put back the file that is named, or the \
             whole store, from a copy; `asof doctor` reads every table and names what is damaged",
            path.display()
        );
        return Error::corrupt(text).caused_by(error);
    }
    let told = error.to_string();
    if ["Permission denied", "Read-only file system"]
        .iter()
        .any(|why| told.contains(why))
    {
        let text = format!(
            "the database in {} was not opened: this process may not use the file that is named. See to \
             its permissions and its disk, then try again",
            path.display()
        );
        return Error::new(ErrorKind::Io, text).caused_by(error);
    }
    translate("opening the database", error)
}
