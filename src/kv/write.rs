//! Batches: what is written together is seen together and survives together.

use super::error::translate;
use super::{Family, Kv};
use crate::error::Result;
use crate::format::checksum;
use crate::preflight::note;
use rocksdb::{WriteBatch, WriteOptions};

/// Puts and deletes that become visible at once.
pub(crate) struct KvBatch<'a> {
    kv: &'a Kv,
    batch: WriteBatch,
    scratch: Vec<u8>,
}

impl Kv {
    pub(crate) fn batch(&self) -> KvBatch<'_> {
        self.batch_of(0)
    }

    /// A batch that will take about so many bytes.
    pub(crate) fn batch_of(&self, bytes: usize) -> KvBatch<'_> {
        let mut batch = WriteBatch::with_capacity_bytes(bytes);
        // It stays in the log and tells, after damage, how far the log was durable.
        batch.put_log_data(note(self.durable.sequence(), self.tag));
        KvBatch {
            kv: self,
            batch,
            scratch: Vec::new(),
        }
    }
}

impl KvBatch<'_> {
    /// Adds a value that `write` appends; its checksum is added here.
    pub(crate) fn put(&mut self, family: Family, key: &[u8], write: impl FnOnce(&mut Vec<u8>)) {
        self.scratch.clear();
        self.scratch.extend_from_slice(key);
        write(&mut self.scratch);
        checksum::seal_with_key(&mut self.scratch, 0..key.len());
        let stored = &self.scratch[key.len()..];
        self.batch.put_cf(self.kv.family(family), key, stored);
    }

    /// Adds a value that ends in its checksum already.
    pub(crate) fn put_sealed(&mut self, family: Family, key: &[u8], stored: &[u8]) {
        self.batch.put_cf(self.kv.family(family), key, stored);
    }

    pub(crate) fn delete(&mut self, family: Family, key: &[u8]) {
        self.batch.delete_cf(self.kv.family(family), key);
    }

    /// Deletes every key from `first` up to and including `last`, in as many bytes as one of them.
    /// Every read that passes by has to look at it until it is compacted away.
    pub(crate) fn delete_range(&mut self, family: Family, first: &[u8], last: &[u8]) {
        // The next key in bytewise order.
        let end = [last, &[0]].concat();
        self.batch
            .delete_range_cf(self.kv.family(family), first, &end);
    }

    /// How large it is by now.
    pub(crate) fn bytes(&self) -> usize {
        self.batch.size_in_bytes()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.batch.is_empty()
    }

    /// Makes the batch visible. It survives a killed process; to survive a power cut it needs a
    /// [`sync`](Kv::sync).
    pub(crate) fn commit(self) -> Result<()> {
        let written = self.write(&WriteOptions::default());
        written.map_err(|e| translate("writing", e))
    }

    /// The same, but never waits for RocksDB to catch up: says whether the batch was written, and
    /// where it was not, nothing of it was.
    pub(crate) fn commit_at_once(self) -> Result<bool> {
        let mut options = WriteOptions::default();
        options.set_no_slowdown(true);
        match self.write(&options) {
            Ok(()) => Ok(true),
            // Of a write, incomplete means this and nothing else.
            Err(error) if error.kind() == rocksdb::ErrorKind::Incomplete => Ok(false),
            Err(error) => Err(translate("writing", error)),
        }
    }

    fn write(self, options: &WriteOptions) -> std::result::Result<(), rocksdb::Error> {
        let durable = &self.kv.durable;
        let bytes = self.batch.size_in_bytes();
        let write = || self.kv.db.write_opt(self.batch, options);
        let written = durable.commits.during(write);
        self.kv.idle.committed(bytes);
        written
    }
}
