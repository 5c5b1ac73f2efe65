//! Which stretch of a log a batch is.

use super::batch::WriteBatch;
use crate::catalog::{Stretch, Taken};
use crate::error::{Error, Result};
use crate::id::check_source;
use crate::time::Timestamp;
use std::ops::Range;

/// A stretch of a log that was added to a batch; see [`WriteBatch::from_log`].
#[derive(Debug)]
pub struct LogStretch<'b>(&'b mut Taken);

impl LogStretch<'_> {
    /// The source says that it is complete through `t`, for this partition: all that was true by then
    /// stands below the end of this stretch. It takes effect with that position, not before.
    pub fn complete_through(self, t: Timestamp) {
        self.0.stretch.complete = Some(t);
    }
}

impl WriteBatch {
    /// Says that the batch holds the records `offsets` of a partition of a log, the end exclusive.
    ///
    /// Once the batch is durable, the position of that partition moves to the end of the unbroken
    /// chain of such stretches: [`Store::position`](crate::Store::position) is the offset to go on
    /// reading from, and everything below it is stored. Stretches may come in any order, overlap and
    /// repeat. Offsets that a log leaves out belong to the stretch around them. An empty stretch
    /// carries a claim alone: "there is nothing new" is news.
    ///
    /// A batch may hold stretches of several partitions. One that is refused moves none of them.
    ///
    /// ```
    /// # use asof::*;
    /// # fn main() -> Result<()> {
    /// # let store = Store::temp()?;
    /// # store.apply(ViewDefinition::builder("weather").key("origin", Type::String).feature("temp", Type::F64).build()?)?;
    /// # let (weather, six) = (store.view("weather")?, Timestamp::parse("2013-01-01T06:00:00Z")?);
    /// # let newark = weather.entity(["EWR"])?;
    /// let from = store.position("weather-log", "0");
    /// let mut batch = WriteBatch::new();
    /// batch.put(&weather, &newark, six).set_value("temp", 39.02).finish()?;
    /// batch.from_log("weather-log", "0", from..from + 1).complete_through(six);
    /// store.write(batch, WriteOptions::synced())?;
    /// assert_eq!(store.position("weather-log", "0"), from + 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// A name that cannot be one, or a range that ends before it begins, refuses the batch where it is
    /// written.
    pub fn from_log(
        &mut self,
        source: impl Into<String>,
        partition: impl Into<String>,
        offsets: Range<u64>,
    ) -> LogStretch<'_> {
        self.taken.push(Taken {
            source: source.into(),
            partition: partition.into(),
            stretch: Stretch {
                start: offsets.start,
                end: offsets.end,
                complete: None,
            },
        });
        LogStretch(self.taken.last_mut().expect("it was just added"))
    }
}

/// Refuses what cannot be a stretch of a log.
pub(super) fn check(taken: &[Taken]) -> Result<()> {
    for Taken {
        source,
        partition,
        stretch,
    } in taken
    {
        check_source("source", source)?;
        check_source("partition", partition)?;
        if stretch.end < stretch.start {
            return Err(Error::invalid(format!(
                "the batch is said to hold the records {} to {} of source {source:?}; a stretch \
                 begins before it ends",
                stretch.start, stretch.end
            )));
        }
    }
    Ok(())
}
