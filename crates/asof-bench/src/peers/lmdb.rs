//! LMDB, with one read transaction for all reads.

use crate::Outcome;
use crate::rows::{self, Key, ROW_BYTES};
use heed::types::Bytes;
use heed::{Database, EnvOpenOptions, PutFlags, RoTxn, WithTls};
use std::path::Path;

pub struct Lmdb {
    rows: Database<Bytes, Bytes>,
    reading: RoTxn<'static, WithTls>,
}

impl Lmdb {
    pub fn load(dir: &Path, rows: &[(Key, [u8; ROW_BYTES])]) -> Outcome<Lmdb> {
        std::fs::create_dir_all(dir)?;
        // SAFETY: the directory was made for this process alone, and nobody truncates its file.
        #[allow(
            unsafe_code,
            reason = "a mapped file is only as safe as those who may write to it"
        )]
        let env = unsafe { EnvOpenOptions::new().map_size(8 << 30).open(dir)? };
        let mut writing = env.write_txn()?;
        let database = env.create_database::<Bytes, Bytes>(&mut writing, None)?;
        for (key, row) in rows {
            database.put_with_flags(&mut writing, PutFlags::APPEND, key, row)?;
        }
        writing.commit()?;
        Ok(Lmdb {
            rows: database,
            reading: env.static_read_txn()?,
        })
    }

    pub fn get(&self, key: &Key) -> f64 {
        let found = self.rows.get(&self.reading, key).expect("reads");
        rows::read(found.expect("is there"))
    }
}
