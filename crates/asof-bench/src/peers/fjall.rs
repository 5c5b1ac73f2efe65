//! fjall, compacted.

use crate::Outcome;
use crate::rows::{self, Key, ROW_BYTES};
use ::fjall::{Database, Keyspace, KeyspaceCreateOptions};
use std::path::Path;

pub struct Fjall {
    rows: Keyspace,
    _database: Database,
}

impl Fjall {
    pub fn load(dir: &Path, rows: &[(Key, [u8; ROW_BYTES])]) -> Outcome<Fjall> {
        let database = Database::builder(dir).cache_size(2 << 30).open()?;
        let keyspace = database.keyspace("rows", KeyspaceCreateOptions::default)?;
        for (key, row) in rows {
            keyspace.insert(key, row)?;
        }
        keyspace.rotate_memtable_and_wait()?;
        keyspace.major_compact()?;
        Ok(Fjall {
            rows: keyspace,
            _database: database,
        })
    }

    pub fn get(&self, key: &Key) -> f64 {
        let found = self.rows.get(key).expect("reads");
        rows::read(&found.expect("is there"))
    }
}
