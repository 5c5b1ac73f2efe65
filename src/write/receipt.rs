//! What a caller chooses of a write, and what it learns.

use crate::error::counted;
use crate::format::quarantine::QuarantineId;
use crate::time::Timestamp;
use std::fmt;
use std::ops::AddAssign;

/// What an acknowledged write survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Durability {
    /// A power cut, given a disk that honours flushes. Callers that write at the same time share one
    /// fsync.
    #[default]
    Synced,
    /// A killed process. After a power cut each batch is there whole or not at all.
    Buffered,
}

/// What becomes of a batch with rows that break a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum OnBadRow {
    /// The batch is refused as a whole.
    #[default]
    Refuse,
    /// Bad rows are set aside in the quarantine, in the same atomic batch.
    Quarantine,
}

/// What becomes of a batch that comes faster than rows are written to disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum OnPressure {
    /// It is slowed down, the more the nearer the limit is, and waits at the limit.
    #[default]
    Wait,
    /// It goes through below the limit; at the limit it is refused at once, as
    /// [`Backpressure`](crate::ErrorKind::Backpressure), and nothing of it is written.
    Refuse,
}

/// What a caller chooses of a write. By default: synced, and bad rows refuse the batch.
///
/// ```
/// use asof::WriteOptions;
/// let careless = WriteOptions::buffered().quarantine();
/// assert_ne!(careless, WriteOptions::default());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[must_use]
pub struct WriteOptions {
    /// What the write survives once it is acknowledged.
    pub durability: Durability,
    /// What becomes of bad rows.
    pub on_bad_row: OnBadRow,
    /// When the log took these rows in. Times that lie too far ahead are judged against it, so that
    /// a replay tomorrow decides the same. Now, where it is not given.
    pub log_append_time: Option<Timestamp>,
    /// What becomes of the batch where writes outrun what is written to disk.
    pub on_pressure: OnPressure,
}

impl WriteOptions {
    /// Synced.
    pub fn synced() -> Self {
        WriteOptions::default()
    }

    /// Buffered.
    pub fn buffered() -> Self {
        WriteOptions {
            durability: Durability::Buffered,
            ..WriteOptions::default()
        }
    }

    /// The same, with bad rows set aside.
    pub fn quarantine(mut self) -> Self {
        self.on_bad_row = OnBadRow::Quarantine;
        self
    }

    /// The same, without waiting where writes outrun what is written to disk: the batch is refused. A
    /// write consumes its batch, refused or not, so keep what it is made of and make it anew:
    ///
    /// ```
    /// # use asof::*;
    /// # fn main() -> Result<()> {
    /// # let store = Store::temp()?;
    /// let batch = || WriteBatch::new(); // and in it the rows, which are kept elsewhere
    /// let receipt = loop {
    ///     match store.write(batch(), WriteOptions::buffered().non_blocking()) {
    ///         Err(error) => match error.kind() {
    ///             ErrorKind::Backpressure { retry_after } => std::thread::sleep(retry_after),
    ///             _ => return Err(error),
    ///         },
    ///         Ok(receipt) => break receipt,
    ///     }
    /// };
    /// assert_eq!(receipt.rows, 0);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// To see your own code refused in a test, open the store with
    /// `memory_budget(32 << 20).memtable_bytes(1 << 20)` and write rows of 900 KB: it takes seconds.
    pub fn non_blocking(mut self) -> Self {
        self.on_pressure = OnPressure::Refuse;
        self
    }

    /// The same, for rows that the log took in at `t`.
    pub fn appended_at(mut self, t: Timestamp) -> Self {
        self.log_append_time = Some(t);
        self
    }
}

/// A row of a batch that was set aside, as [`Ticket::set_aside`](crate::Ticket::set_aside) tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SetAside {
    /// Its place in the batch, from zero.
    pub row: usize,
    /// Its entry in the quarantine.
    pub id: QuarantineId,
    /// What is wrong with it.
    pub reason: String,
}

impl SetAside {
    /// How many rows of one batch are told; the quarantine has them all.
    pub const TOLD_MAX: usize = 16;
}

/// What became of the rows of a write.
///
/// `rows = applied + duplicate + too_late + fenced + quarantined`. Duplicates are those that can be
/// told from the latest row or the same batch, unless the store pays for exact receipts.
///
/// ```
/// # use asof::*;
/// # fn main() -> Result<()> {
/// # let store = Store::temp()?;
/// # store.apply(ViewDefinition::builder("weather").key("origin", Type::String).feature("temp", Type::F64).define(FeatureDefinition::new("gust", Type::F64).nullable()).build()?)?;
/// # let weather = store.view("weather")?;
/// # let (temp, gust) = (weather.feature::<f64>("temp")?, weather.feature::<f64>("gust")?);
/// # let newark = weather.entity(["EWR"])?;
/// # let at = |hour: i64| Timestamp::from_secs(3600 * hour);
/// let mut batch = WriteBatch::new();
/// for hour in [7, 6, 6] {
///     batch.put(&weather, &newark, at(hour)).set(&temp, 39.02).finish()?;
/// }
/// let far = store.now().saturating_add(Span::days(1));
/// batch.put(&weather, &newark, far).set(&temp, 1.0).finish()?;
/// let receipt = store.write(batch, WriteOptions::buffered().quarantine())?;
/// assert_eq!((receipt.rows, receipt.applied, receipt.duplicate), (4, 2, 1));
/// assert_eq!((receipt.late, receipt.quarantined), (1, 1));
/// // The bad row is kept with its reason.
/// let kept = store.quarantine().next().expect("one was set aside")?;
/// assert!(kept.reason.contains("max_skew"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Receipt {
    /// All rows.
    pub rows: u64,
    /// Rows that are now in the set, as far as could be told for the first time.
    pub applied: u64,
    /// Rows that were there already.
    pub duplicate: u64,
    /// Rows that the view's floor no longer retains.
    pub too_late: u64,
    /// Rows that an erase has put out of reach.
    pub fenced: u64,
    /// Bad rows that were set aside.
    pub quarantined: u64,
    /// Of the applied: rows that changed what `latest` shows.
    pub latest: u64,
    /// Of the applied: rows older than the newest of their entity. One that says what no newer row
    /// says counts as `latest` too.
    pub late: u64,
    /// Of the applied: rows that contradict another row of the same instant.
    pub conflict: u64,
}

impl Receipt {
    /// The disjoint counts: all rows, then what became of them.
    pub(super) fn outcomes(&self) -> [u64; 6] {
        let Receipt {
            rows,
            applied,
            duplicate,
            too_late,
            fenced,
            quarantined,
            ..
        } = *self;
        [rows, applied, duplicate, too_late, fenced, quarantined]
    }
}

impl AddAssign for Receipt {
    fn add_assign(&mut self, other: Receipt) {
        self.rows += other.rows;
        self.applied += other.applied;
        self.duplicate += other.duplicate;
        self.too_late += other.too_late;
        self.fenced += other.fenced;
        self.quarantined += other.quarantined;
        self.latest += other.latest;
        self.late += other.late;
        self.conflict += other.conflict;
    }
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} applied ({} latest, {} late, {} conflict), {} duplicate, {} too late, \
             {} fenced, {} quarantined",
            counted(self.rows, "row", "rows"),
            self.applied,
            self.latest,
            self.late,
            self.conflict,
            self.duplicate,
            self.too_late,
            self.fenced,
            self.quarantined
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_row_is_not_many() {
        let of = |rows| Receipt {
            rows,
            ..Receipt::default()
        };
        assert!(of(1).to_string().starts_with("1 row: "));
        assert!(of(0).to_string().starts_with("0 rows: "));
    }
}
