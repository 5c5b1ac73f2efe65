//! Where bad rows are kept: bounded, and never in the way of the good ones.

use super::judge::Bad;
use crate::error::{Error, ErrorKind, Result};
use crate::format::checksum;
use crate::format::quarantine::QuarantineEntry;
use crate::kv::{Family, Kv, KvBatch, Walk};
use parking_lot::Mutex;

/// How many entries there are, and how many there may be.
pub(crate) struct Quarantine {
    rows: Mutex<u64>,
    rows_max: u64,
}

impl Quarantine {
    /// Counts what is stored, without reading it: a damaged entry must not keep a store shut.
    pub(crate) fn open(kv: &Kv, rows_max: u64) -> Result<Self> {
        let mut rows = 0;
        let mut cursor = kv.cursor(Family::Quarantine, Walk::Range, None);
        cursor.seek(&[])?;
        while cursor.item().is_some() {
            rows += 1;
            cursor.next()?;
        }
        Ok(Quarantine {
            rows: Mutex::new(rows),
            rows_max,
        })
    }

    /// Adds bad rows to a batch and lets `commit` write it. An entry that is there already is not
    /// added again. When they do not all fit, nothing is written.
    pub(super) fn commit_with<'k>(
        &self,
        kv: &Kv,
        bad: &[Bad],
        mut batch: KvBatch<'k>,
        commit: impl FnOnce(KvBatch<'k>) -> Result<()>,
    ) -> Result<()> {
        if bad.is_empty() {
            return commit(batch);
        }
        // Held over the commit, so that two batches cannot both take the last place.
        let mut rows = self.rows.lock();
        let mut new = std::collections::HashSet::new();
        for Bad { entry, .. } in bad {
            let identity = entry.identity();
            if !new.contains(&identity) && kv.get(Family::Quarantine, &identity, None)?.is_none() {
                batch.put(Family::Quarantine, &identity, |out| entry.encode(out));
                new.insert(identity);
            }
        }
        let wanted = *rows + new.len() as u64;
        if wanted > self.rows_max {
            return Err(Error::new(
                ErrorKind::QuarantineFull,
                format!(
                    "the quarantine holds {} of at most {} rows and {} more would not fit, so the \
                     batch was refused and nothing was written; replay or drop entries, or open the \
                     store with a larger bound",
                    *rows,
                    self.rows_max,
                    new.len()
                ),
            ));
        }
        commit(batch)?;
        *rows = wanted;
        Ok(())
    }
}

impl Quarantine {
    /// How many entries there are, and how many there may be.
    pub(crate) fn fill(&self) -> (u64, u64) {
        (*self.rows.lock(), self.rows_max)
    }
}

/// All entries, in the order of their identities.
pub(crate) fn entries(kv: &Kv) -> Result<Vec<QuarantineEntry>> {
    let mut cursor = kv.cursor(Family::Quarantine, Walk::Range, None);
    cursor.seek(&[])?;
    let mut entries = Vec::new();
    while let Some((key, stored)) = cursor.item() {
        entries.push(QuarantineEntry::decode(checksum::open(
            "a quarantine entry",
            key,
            stored,
        )?)?);
        cursor.next()?;
    }
    Ok(entries)
}
