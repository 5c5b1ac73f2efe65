//! Batches: what is written together is seen together and survives together.

use super::error::translate;
use super::{Family, Kv};
use crate::error::Result;
use crate::format::checksum;
use rocksdb::{WriteBatch, WriteOptions};

/// Puts that become visible at once.
pub(crate) struct KvBatch<'a> {
    kv: &'a Kv,
    batch: WriteBatch,
    scratch: Vec<u8>,
}

impl Kv {
    pub(crate) fn batch(&self) -> KvBatch<'_> {
        KvBatch {
            kv: self,
            batch: WriteBatch::default(),
            scratch: Vec::new(),
        }
    }
}

impl KvBatch<'_> {
    /// Adds a value that `write` appends; its checksum is added here.
    pub(crate) fn put(&mut self, family: Family, key: &[u8], write: impl FnOnce(&mut Vec<u8>)) {
        self.scratch.clear();
        write(&mut self.scratch);
        checksum::seal(key, &mut self.scratch, 0);
        self.batch
            .put_cf(self.kv.family(family), key, &self.scratch);
    }

    pub(crate) fn delete(&mut self, family: Family, key: &[u8]) {
        self.batch.delete_cf(self.kv.family(family), key);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.batch.is_empty()
    }

    /// Makes the batch visible. It survives a killed process; to survive a power cut it needs a
    /// [`sync`](Kv::sync).
    pub(crate) fn commit(self) -> Result<()> {
        self.kv
            .db
            .write_opt(self.batch, &WriteOptions::default())
            .map_err(|e| translate("writing", e))
    }
}
