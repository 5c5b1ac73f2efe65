//! Reads rows of a database that is not opened: opening rewrites its files.

use super::error::translate;
use super::{Family, options};
use crate::error::Result;
use rocksdb::{DB, InfoLogger, LogLevel, ReadOptions};
use std::path::Path;

/// The two small families of a closed database. Its tables and logs are read and none of its files is
/// made or changed, not even the log that RocksDB keeps for people.
///
/// Cost: the tables of these families are opened, and the logs read once, of which only the rows of
/// these families are kept.
pub(crate) struct Peek(DB);

impl Peek {
    pub(crate) fn at(path: &Path) -> Result<Peek> {
        let mut options = options::to_look()?;
        let nobody = InfoLogger::new_callback_logger(LogLevel::Fatal, |_, _| {});
        options.set_info_logger(nobody);
        let families = [Family::Catalog, Family::Quarantine].map(Family::name);
        DB::open_cf_for_read_only(&options, path, families, false)
            .map(Peek)
            .map_err(|e| translate("looking at the database", e))
    }

    /// Shows the rows of one of the two from a key on, until there are none or `each` fails.
    pub(crate) fn rows(
        &self,
        family: Family,
        from: &[u8],
        mut each: impl FnMut(&[u8], &[u8]) -> Result<()>,
    ) -> Result<()> {
        let handle = self.0.cf_handle(family.name());
        let handle = handle.expect("it is one of the two that were opened");
        let mut cursor = self.0.raw_iterator_cf_opt(handle, ReadOptions::default());
        cursor.seek(from);
        while let Some((key, stored)) = cursor.item() {
            each(key, stored)?;
            cursor.next();
        }
        cursor.status().map_err(|e| translate("reading", e))
    }
}
