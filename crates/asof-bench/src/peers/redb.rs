//! redb, with one read transaction and one open table for all reads.

use crate::Outcome;
use crate::rows::{self, Key, ROW_BYTES};
use ::redb::{Database, ReadOnlyTable, ReadableDatabase, TableDefinition};
use std::path::Path;

const ROWS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("rows");

pub struct Redb {
    table: ReadOnlyTable<&'static [u8], &'static [u8]>,
    _database: Database,
}

impl Redb {
    pub fn load(path: &Path, rows: &[(Key, [u8; ROW_BYTES])]) -> Outcome<Redb> {
        let database = Database::builder().set_cache_size(2 << 30).create(path)?;
        let writing = database.begin_write()?;
        {
            let mut table = writing.open_table(ROWS)?;
            for (key, row) in rows {
                table.insert(&key[..], &row[..])?;
            }
        }
        writing.commit()?;
        let table = database.begin_read()?.open_table(ROWS)?;
        Ok(Redb {
            table,
            _database: database,
        })
    }

    pub fn get(&self, key: &Key) -> f64 {
        let found = self.table.get(&key[..]).expect("reads");
        rows::read(found.expect("is there").value())
    }
}
