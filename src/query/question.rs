//! Questions.

use crate::time::{Span, Timestamp};

/// As of when, and as far as was known when.
///
/// ```
/// use asof::{Question, Timestamp};
/// let then = Timestamp::parse("2013-01-01T07:00:00Z")?;
/// let _now = Question::latest();
/// let _past = Question::as_of(then);
/// let _honest = Question::as_of(then).known_at(then); // what a model could have known
/// # Ok::<(), asof::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[must_use]
pub struct Question {
    pub(crate) as_of: Option<Timestamp>,
    pub(crate) known_at: Option<Timestamp>,
    /// The largest lag of the sources that is put up with.
    pub(crate) max_lag: Option<Span>,
}

impl Question {
    /// As of now. Never "the largest event time": a fact of the future is invisible until its time
    /// has come.
    #[inline]
    pub fn latest() -> Self {
        Question::default()
    }

    /// As of `t`: what was true then, facts of `t` itself included. A time after now is allowed and
    /// shows what has been accepted so far.
    #[inline]
    pub fn as_of(t: Timestamp) -> Self {
        Question {
            as_of: Some(t),
            known_at: None,
            max_lag: None,
        }
    }

    /// Only what was recorded by `k`, `k` itself included.
    pub fn known_at(mut self, k: Timestamp) -> Self {
        self.known_at = Some(k);
        self
    }

    /// Only if the view's sources are known to be complete through the question's time, or now where
    /// that is earlier, but for `max_lag`. A lag of exactly `max_lag` is fresh.
    ///
    /// Otherwise, also where a source has never reported or the view names none, the read is refused
    /// with [`NotFresh`](crate::ErrorKind::NotFresh) and how far they are complete.
    pub fn require_fresh(mut self, max_lag: Span) -> Self {
        self.max_lag = Some(max_lag);
        self
    }
}

/// Which versions of an entity to list. By default all of them, oldest first.
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
/// # let mut batch = WriteBatch::new();
/// # batch.put(&weather, &newark, at(6)).set(&temp, 39.02).finish()?;
/// # batch.patch(&weather, &newark, at(7)).set(&gust, 24.2).finish()?;
/// # store.write(batch, WriteOptions::buffered())?;
///
/// let newest = HistoryRange { reverse: true, limit: Some(1), ..HistoryRange::default() };
/// let version = store.history(&weather, &newark, newest)?.next().expect("two were written")?;
/// assert_eq!((version.op(), version.event_time()), (Op::Patch, at(7)));
/// assert_eq!(version.features().count(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HistoryRange {
    /// Event times from here on, inclusive. Without it the list begins with the base rows at the
    /// view's floor.
    pub from: Option<Timestamp>,
    /// Event times up to here, inclusive.
    pub to: Option<Timestamp>,
    /// Only what was recorded by then, inclusive.
    pub known_at: Option<Timestamp>,
    /// Newest first.
    pub reverse: bool,
    /// At most so many.
    pub limit: Option<u64>,
}
