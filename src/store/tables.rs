//! Reads the tables of a store that does not open, and says which of them are damaged.

use super::directory::{self, Found, Lock};
use super::{Store, StoreOptions, newer};
use crate::error::{Error, ErrorKind, Result};
use crate::kv::{Alone, Kv, TableFile};
use crate::preflight::Finding;
use crate::time::{Clock, SystemClock};
use std::path::Path;

impl Store {
    /// Reads every table of a store that nobody has open, each block of it, and says which are
    /// damaged. The store is not opened and none of its bytes is changed, so that this also tells
    /// which file to put back where damage keeps the store from opening.
    ///
    /// Where RocksDB cannot even list the tables, as after damage at the end of one, the first that
    /// keeps it from that is the only finding. Cost: every byte of every table is read, and the logs
    /// are read into memory.
    ///
    /// ```
    /// # use asof::*;
    /// # fn main() -> Result<()> {
    /// # let directory = tempfile::tempdir().unwrap();
    /// # let path = directory.path().join("store");
    /// let store = StoreOptions::new().create_if_missing(true).open(&path)?;
    /// store.close()?;
    /// let tables = Store::examine_tables(&path)?;
    /// assert!(tables.iter().all(|table| table.health == Health::Healthy));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`examine`](Self::examine), also where a newer version of asof has left a row that opening has to
    /// read; and [`Corrupt`](ErrorKind::Corrupt) where the marker is damaged.
    pub fn examine_tables(path: impl AsRef<Path>) -> Result<Vec<Finding>> {
        let path = path.as_ref();
        let Found::Store(_) = directory::look(path)? else {
            let text = format!("there is no store in {}", path.display());
            return Err(Error::not_found(text));
        };
        let _lock = Lock::take(path, SystemClock.now())?;
        let diary = tempfile::tempdir().map_err(|e| {
            let text = "making a temporary directory failed; see to TMPDIR, then try again";
            Error::new(ErrorKind::Io, text).caused_by(e)
        })?;
        let options = StoreOptions::new().of_database()?;
        match Kv::look(&directory::db(path), diary.path(), &options) {
            Ok(kv) => newer::check_rows(&kv).and_then(|()| tables(&kv)),
            Err(error) if error.kind() == ErrorKind::Corrupt => Ok(vec![unlisted(&error)]),
            Err(error) => Err(error),
        }
    }
}

/// The state of each table.
fn tables(kv: &Kv) -> Result<Vec<Finding>> {
    let wrong = kv.verify_blocks();
    let mut findings: Vec<Finding> = Vec::new();
    for table in kv.table_files()? {
        let what = match &wrong {
            None => None,
            Some(text) if text.contains(&table.name) => Some(text.clone()),
            Some(_) => match kv.read_alone(&table) {
                Alone::Damaged(text) => Some(text),
                Alone::Whole | Alone::Unknown => None,
            },
        };
        let file = format!("db/{}", table.name);
        findings.push(match what {
            Some(text) => Finding::damaged(file, None, format!("{}; {text}", describe(&table))),
            None => Finding::healthy(file, describe(&table)),
        });
    }
    let is_found = findings
        .iter()
        .any(|f| f.health == crate::preflight::Health::Damaged);
    if let Some(text) = wrong.filter(|_| !is_found) {
        findings.push(Finding::damaged("db", None, text));
    }
    Ok(findings)
}

fn describe(table: &TableFile) -> String {
    format!(
        "{}, level {}, {} rows, {} bytes",
        table.family.name(),
        table.level,
        table.rows,
        table.bytes
    )
}

/// The table that RocksDB's words name, where they name one.
fn unlisted(error: &Error) -> Finding {
    let source = std::error::Error::source(error);
    let text = source.map_or_else(|| error.to_string(), ToString::to_string);
    let digits = |text: &str| -> Option<u64> {
        let end = text
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len());
        text[..end].parse().ok()
    };
    let by_name = text.find(".sst").and_then(|end| {
        let begin = text[..end].rfind('/')? + 1;
        digits(&text[begin..end])
    });
    let by_number = || {
        let (_, rest) = text.split_once("table file ")?;
        digits(rest)
    };
    let file = match by_name.or_else(by_number) {
        Some(number) => format!("db/{number:06}.sst"),
        None => "db".into(),
    };
    Finding::damaged(file, None, text)
}
