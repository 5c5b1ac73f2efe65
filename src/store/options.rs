//! What a caller chooses when it opens a store.

use super::budget::Memory;
use super::resident::Resident;
use super::{Loss, Store};
use crate::error::Result;
use crate::format::quarantine::Totals;
use crate::kv::KvOptions;
use crate::limits::{QUARANTINE_BYTES_DEFAULT, QUARANTINE_ROWS_DEFAULT};
use crate::time::{Clock, SystemClock};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// What a caller chooses when it opens a store.
///
/// ```
/// # use asof::*;
/// # fn main() -> Result<()> {
/// let clock = std::sync::Arc::new(ManualClock::at(Timestamp::from_secs(0)));
/// let store = StoreOptions::new().clock(clock.clone()).temp()?;
/// clock.advance(Span::hours(1));
/// assert_eq!(store.now(), Timestamp::from_secs(3600));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct StoreOptions {
    pub(super) create: bool,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) quarantine_max: Totals,
    pub(super) exact_receipts: bool,
    pub(super) loss: Loss,
    pub(super) reserve_bytes: u64,
    pub(super) memory: Memory,
    pub(super) resident: Resident,
}

impl Default for StoreOptions {
    fn default() -> Self {
        StoreOptions {
            create: false,
            clock: Arc::new(SystemClock),
            quarantine_max: Totals {
                rows: QUARANTINE_ROWS_DEFAULT,
                bytes: QUARANTINE_BYTES_DEFAULT,
            },
            exact_receipts: false,
            loss: Loss::Nothing,
            reserve_bytes: 4 << 20,
            memory: Memory::default(),
            resident: Resident::default(),
        }
    }
}

impl StoreOptions {
    /// An existing store, the machine's clock, a quarantine of 100,000 rows and 256 MiB, a block
    /// cache of 256 MiB, a row cache of 64 MiB, 4 MiB held back for the day when the disk is full.
    pub fn new() -> Self {
        StoreOptions::default()
    }

    /// Creates the store where there is none.
    pub fn create_if_missing(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// What time it is.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// How many rows the quarantine may hold before it is full.
    pub fn quarantine_rows_max(mut self, rows: u64) -> Self {
        self.quarantine_max.rows = rows;
        self
    }

    /// How many bytes the quarantine may hold before it is full: rows as they came in, reasons and
    /// all, and their keys.
    pub fn quarantine_bytes_max(mut self, bytes: u64) -> Self {
        self.quarantine_max.bytes = bytes;
        self
    }

    /// Tells every duplicate from an applied row, at the price of a read per row.
    pub fn exact_receipts(mut self, exact: bool) -> Self {
        self.exact_receipts = exact;
        self
    }

    /// Opens a damaged store without what cannot be read of its logs, if that is no more than this.
    /// What is cut off is put aside in `lost.N` beside the database. [`Store::examine`] says before how
    /// much it would be; damage elsewhere than in logs and watermark is still refused.
    pub fn accept_loss(mut self, loss: Loss) -> Self {
        self.loss = loss;
        self
    }

    /// What the database is opened with.
    pub(super) fn of_database(&self) -> Result<KvOptions> {
        let shares = self.shares()?;
        Ok(KvOptions {
            block_cache_bytes: shares.block_cache,
            memtable_bytes: self.memory.memtable(&shares),
            memtables_bytes: shares.memtables,
            logs_may_be_cut: false,
            tag: [0; 8],
            merges: true,
        })
    }

    /// Opens the store in a directory.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open(self, path: impl AsRef<Path>) -> Result<Store> {
        Store::open_with(self, path.as_ref(), None)
    }

    /// Opens a new store that is gone when its last clone is dropped.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn temp(self) -> Result<Store> {
        let directory = tempfile::Builder::new()
            .prefix("asof-")
            .tempdir()
            .map_err(|e| super::directory::io("making a temporary directory", Path::new("."), e))?;
        let path = directory.path().join("store");
        // Nobody erases from what is gone in a moment.
        let options = self.create_if_missing(true).reserve_bytes(0);
        Store::open_with(options, &path, Some(directory))
    }
}

impl fmt::Debug for StoreOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreOptions")
            .field("create", &self.create)
            .field("quarantine_max", &self.quarantine_max)
            .field("exact_receipts", &self.exact_receipts)
            .field("loss", &self.loss)
            .field("reserve_bytes", &self.reserve_bytes)
            .field("memory", &self.memory)
            .field("resident", &self.resident)
            .finish_non_exhaustive()
    }
}
