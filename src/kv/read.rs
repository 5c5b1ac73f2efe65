//! Point reads, alone or under a snapshot.

use super::error::translate;
use super::{Family, Kv};
use crate::error::Result;
use rocksdb::{DB, DBPinnableSlice, ReadOptions, Snapshot};

/// A value where RocksDB holds it. It pins a block of the cache: copy what is needed and drop it.
pub(crate) type Pinned<'a> = DBPinnableSlice<'a>;

/// One state of the database, for as long as it lives.
pub(crate) struct KvSnapshot<'a> {
    // Before the snapshot, because it points to it.
    point: ReadOptions,
    snapshot: Snapshot<'a>,
}

impl Kv {
    pub(crate) fn snapshot(&self) -> KvSnapshot<'_> {
        let snapshot = self.db.snapshot();
        let mut point = ReadOptions::default();
        point.set_snapshot(&snapshot);
        KvSnapshot { point, snapshot }
    }

    fn point<'o>(&'o self, at: Option<&'o KvSnapshot<'_>>) -> &'o ReadOptions {
        at.map_or(&self.point, |at| &at.point)
    }

    pub(crate) fn get(
        &self,
        family: Family,
        key: &[u8],
        at: Option<&KvSnapshot<'_>>,
    ) -> Result<Option<Pinned<'_>>> {
        self.db
            .get_pinned_cf_opt(self.family(family), key, self.point(at))
            .map_err(|e| translate("reading", e))
    }

    /// The values of many keys, in their order. Keys in ascending order are read fastest; say so.
    pub(crate) fn get_many<'k>(
        &self,
        family: Family,
        keys: impl IntoIterator<Item = &'k [u8]>,
        sorted: bool,
        at: Option<&KvSnapshot<'_>>,
    ) -> Vec<Result<Option<Pinned<'_>>>> {
        self.db
            .batched_multi_get_cf_opt(self.family(family), keys, sorted, self.point(at))
            .into_iter()
            .map(|value| value.map_err(|e| translate("reading", e)))
            .collect()
    }
}

/// Read options for an iterator, bound to a snapshot if there is one.
pub(super) fn iterator_options(at: Option<&KvSnapshot<'_>>) -> ReadOptions {
    let mut options = ReadOptions::default();
    if let Some(at) = at {
        options.set_snapshot::<DB>(&at.snapshot);
    }
    options
}
