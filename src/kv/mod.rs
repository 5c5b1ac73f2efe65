//! A RocksDB we borrow: the only place that says its name.
//!
//! Four column families, all declared at open. Errors are translated here, options are pinned here,
//! and what RocksDB does that its callers must know is written down here.

mod checksum;
mod commits;
mod durable;
mod error;
mod iterate;
mod open;
mod options;
mod pressure;
mod read;
mod reclaim;
mod reuse;
mod stats;
mod write;

pub(crate) use checksum::{Alone, TableFile};
pub(crate) use durable::Keeper;
pub(crate) use iterate::{Cursor, Walk};
pub(crate) use options::KvOptions;
pub(crate) use pressure::{Limit, Nearness};
pub(crate) use read::KvSnapshot;
pub(crate) use stats::log_number;
pub(crate) use write::KvBatch;

use librocksdb_sys::rocksdb_column_family_handle_t;
use rocksdb::{AsColumnFamilyRef, DB, ReadOptions};
use std::sync::atomic::{AtomicPtr, Ordering};

/// The column families.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// Catalog, floors, fences.
    Catalog,
    /// Every version.
    History,
    /// One materialised row per entity.
    Latest,
    /// Bad rows that were set aside.
    Quarantine,
}

impl Family {
    pub(crate) const ALL: [Family; 4] = [
        Family::Catalog,
        Family::History,
        Family::Latest,
        Family::Quarantine,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Family::Catalog => "default",
            Family::History => "history",
            Family::Latest => "latest",
            Family::Quarantine => "quarantine",
        }
    }
}

/// An open database.
pub(crate) struct Kv {
    // First, because what is in it reads from the database.
    idle: reuse::Idle,
    db: DB,
    families: Families,
    /// What tells this store from others in its log.
    tag: crate::preflight::StoreTag,
    point: ReadOptions,
    limits: pressure::Limits,
    durable: durable::Durable,
}

impl Kv {
    fn family(&self, family: Family) -> &Handle {
        &self.families.0[family as usize]
    }
}

/// The families' handles by place. The crate looks them up by name, in every call.
struct Families([Handle; Family::ALL.len()]);

/// The handle of a family, valid for as long as the database next to it.
struct Handle(AtomicPtr<rocksdb_column_family_handle_t>);

impl Families {
    fn of(db: &DB) -> Families {
        Families(Family::ALL.map(|family| {
            let handle = db.cf_handle(family.name());
            let handle = handle.expect("all families are declared at open");
            Handle(AtomicPtr::new(handle.inner()))
        }))
    }
}

impl AsColumnFamilyRef for Handle {
    fn inner(&self) -> *mut rocksdb_column_family_handle_t {
        self.0.load(Ordering::Relaxed)
    }
}
