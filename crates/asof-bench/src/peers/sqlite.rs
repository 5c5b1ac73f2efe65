//! SQLite: one prepared statement in one open transaction, its pages mapped.

use crate::Outcome;
use crate::rows::{self, Key, ROW_BYTES};
use rusqlite::{Connection, params};
use std::path::Path;

pub struct Sqlite(Connection);

impl Sqlite {
    pub fn load(path: &Path, rows: &[(Key, [u8; ROW_BYTES])]) -> Outcome<Sqlite> {
        let connection = Connection::open(path)?;
        connection.execute_batch(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA mmap_size = 8589934592; \
             PRAGMA cache_size = -1048576; \
             CREATE TABLE rows (key BLOB PRIMARY KEY, row BLOB NOT NULL) WITHOUT ROWID; BEGIN",
        )?;
        {
            let mut insert = connection.prepare("INSERT INTO rows VALUES (?1, ?2)")?;
            for (key, row) in rows {
                insert.execute(params![key, row])?;
            }
        }
        connection.execute_batch("COMMIT; BEGIN")?;
        Ok(Sqlite(connection))
    }

    pub fn get(&self, key: &Key) -> f64 {
        let select = self.0.prepare_cached("SELECT row FROM rows WHERE key = ?1");
        let read = |row: &rusqlite::Row<'_>| Ok(rows::read(row.get_ref(0)?.as_blob()?));
        select
            .expect("is SQL")
            .query_row([key], read)
            .expect("is there")
    }
}
