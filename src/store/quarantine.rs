//! What an operator does with rows that were set aside: look, try again, drop.

use super::Store;
use crate::error::{Error, ErrorKind, Result};
use crate::format::{QuarantineEntry, QuarantineId};
use crate::id::DEFAULT_NAMESPACE;
use crate::write::{QuarantineEntries, find_quarantined};

/// Which entries of a quarantine are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QuarantineFilter {
    /// All of them.
    All,
    /// Those that name a view, or were read for it, whether there is such a view or not.
    View {
        /// The tenant.
        namespace: String,
        /// The view.
        view: String,
    },
    /// Those of a tenant, and for the default one those that name none.
    Namespace(String),
    /// These, each of which must be there.
    Ids(Vec<QuarantineId>),
}

impl QuarantineFilter {
    /// Those that are about a view of the default namespace.
    pub fn view(name: impl Into<String>) -> Self {
        QuarantineFilter::View {
            namespace: DEFAULT_NAMESPACE.into(),
            view: name.into(),
        }
    }

    /// Whether an entry is meant.
    pub fn matches(&self, entry: &QuarantineEntry) -> bool {
        let of = entry.namespace.as_deref().unwrap_or(DEFAULT_NAMESPACE);
        match self {
            QuarantineFilter::All => true,
            QuarantineFilter::Namespace(namespace) => of == namespace,
            QuarantineFilter::View { namespace, view } => {
                entry.view.as_deref() == Some(view) && of == namespace
            }
            QuarantineFilter::Ids(ids) => ids.contains(&entry.id),
        }
    }
}

impl Store {
    /// The rows that were set aside, one after the other, in the order of their ids. The walk sees
    /// one state, whatever is written meanwhile, and never holds more than one entry.
    ///
    /// An item is [`Corrupt`](ErrorKind::Corrupt) for an entry that is damaged, and the walk goes on
    /// behind it; [`drop_quarantined`](Self::drop_quarantined) takes damaged ones away too.
    pub fn quarantine(&self) -> QuarantineEntries<'_> {
        QuarantineEntries::of(self.kv(), None)
    }

    /// One row that was set aside.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) when there is none of this id;
    /// [`Corrupt`](ErrorKind::Corrupt) when it is damaged.
    pub fn quarantined(&self, id: &QuarantineId) -> Result<QuarantineEntry> {
        find_quarantined(self.kv(), id)?.ok_or_else(|| gone(id))
    }

    /// Takes entries away for good and says how many of them were there. Durable when this returns.
    ///
    /// # Errors
    /// After any error the outcome is unknown: open the store again and look.
    pub fn drop_quarantined(&self, ids: impl IntoIterator<Item = QuarantineId>) -> Result<u64> {
        let writer = &self.0.writer;
        writer.check_alive()?;
        let held = writer.quarantine.hold();
        let ids = held.present(self.kv(), ids)?;
        if ids.is_empty() {
            return Ok(0);
        }
        let dropped = ids.len() as u64;
        let mut batch = self.kv().batch();
        let ids: Vec<_> = ids.into_iter().collect();
        let change = held.stage_removal(self.kv(), &ids, &mut batch)?;
        let written = batch.commit().and_then(|()| self.kv().sync());
        written.inspect_err(|error| writer.fail(error))?;
        held.committed(change);
        Ok(dropped)
    }
}

fn gone(id: &QuarantineId) -> Error {
    Error::new(
        ErrorKind::NotFound,
        format!(
            "the quarantine has no entry {id}; it was never set aside, or has been replayed or \
             dropped since; `asof quarantine list` gives the ids that are there"
        ),
    )
}

#[cfg(feature = "text")]
mod replay {
    use super::{QuarantineFilter, gone};
    use crate::error::{Error, ErrorKind, Result};
    use crate::format::{QuarantineEntry, QuarantineId};
    use crate::store::Store;
    use crate::write::{OnBadRow, Receipt, WriteBatch, WriteOptions, find_quarantined};

    /// How many rows, and how many bytes of them, are replayed at once.
    const BATCH_ROWS_MAX: usize = 1_000;
    const BATCH_BYTES_MAX: usize = 8 << 20;
    /// How many rows that are still bad are told one by one.
    const TOLD_ROWS_MAX: usize = 100;

    /// What became of rows that were tried again.
    #[derive(Debug, Clone, Default, PartialEq, Eq)]
    pub struct ReplayReport {
        /// The counts. `quarantined` are bad again and stay where they are.
        pub receipt: Receipt,
        /// The first of those that stay, at most a hundred of them.
        pub still_bad: Vec<StillBad>,
        /// Entries that are damaged and could not be tried; they stay too.
        pub damaged: Vec<QuarantineId>,
    }

    /// A row that was tried again and is bad again.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct StillBad {
        /// Its entry.
        pub id: QuarantineId,
        /// What is wrong with it now.
        pub reason: String,
    }

    impl Store {
        /// Tries rows that were set aside again, by the views as they are now, a thousand at a time.
        /// Each batch writes its rows and takes their entries away at once; what is bad again stays,
        /// whatever the options say of bad rows. Entries that come in meanwhile are not tried.
        ///
        /// # Errors
        /// [`NotFound`](ErrorKind::NotFound) for an id that is not there, before anything is tried;
        /// else as [`write`](Self::write). What was replayed before an error stays replayed.
        pub fn replay_quarantine(
            &self,
            filter: &QuarantineFilter,
            options: WriteOptions,
        ) -> Result<ReplayReport> {
            let mut replay = Replay {
                store: self,
                options: WriteOptions {
                    on_bad_row: OnBadRow::Quarantine,
                    ..options
                },
                report: ReplayReport::default(),
                entries: Vec::new(),
                bytes: 0,
            };
            if let QuarantineFilter::Ids(ids) = filter {
                for id in ids {
                    replay.check(id)?;
                }
                for id in ids {
                    // One that is gone by now was replayed or dropped by somebody else.
                    let found = find_quarantined(self.kv(), id).transpose();
                    found.map_or(Ok(()), |entry| replay.take(*id, entry))?;
                }
                return replay.finish();
            }
            let mut entries = self.quarantine();
            while let Some((id, _, entry)) = entries.next_entry() {
                if entry.as_ref().map_or(true, |entry| filter.matches(entry)) {
                    replay.take(id, entry)?;
                }
            }
            entries.ended()?;
            replay.finish()
        }
    }

    struct Replay<'s> {
        store: &'s Store,
        options: WriteOptions,
        report: ReplayReport,
        entries: Vec<QuarantineEntry>,
        bytes: usize,
    }

    impl Replay<'_> {
        fn check(&self, id: &QuarantineId) -> Result<()> {
            match find_quarantined(self.store.kv(), id) {
                Ok(None) => Err(gone(id)),
                Ok(Some(_)) => Ok(()),
                Err(error) => survive(error),
            }
        }

        fn take(&mut self, id: QuarantineId, entry: Result<QuarantineEntry>) -> Result<()> {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    survive(error)?;
                    self.report.damaged.push(id);
                    return Ok(());
                }
            };
            self.bytes += entry.raw.len();
            self.entries.push(entry);
            if self.entries.len() >= BATCH_ROWS_MAX || self.bytes >= BATCH_BYTES_MAX {
                self.flush()?;
            }
            Ok(())
        }

        fn flush(&mut self) -> Result<()> {
            let entries = std::mem::take(&mut self.entries);
            self.bytes = 0;
            let ids: Vec<QuarantineId> = entries.iter().map(|entry| entry.id).collect();
            let mut batch = WriteBatch::new();
            entries.into_iter().for_each(|entry| batch.replay(entry));
            let receipt = self.store.write(batch, self.options)?;
            self.report.receipt += receipt;
            if receipt.quarantined == 0 {
                return Ok(());
            }
            for id in ids {
                if self.report.still_bad.len() == TOLD_ROWS_MAX {
                    break;
                }
                if let Some(entry) = find_quarantined(self.store.kv(), &id)? {
                    let reason = entry.reason;
                    self.report.still_bad.push(StillBad { id, reason });
                }
            }
            Ok(())
        }

        fn finish(mut self) -> Result<ReplayReport> {
            self.flush()?;
            Ok(self.report)
        }
    }

    fn survive(error: Error) -> Result<()> {
        match error.kind() {
            ErrorKind::Corrupt => Ok(()),
            _ => Err(error),
        }
    }
}

#[cfg(feature = "text")]
pub use replay::{ReplayReport, StillBad};

#[cfg(all(test, feature = "text"))]
mod tests;
