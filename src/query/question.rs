//! Questions.

use crate::time::Timestamp;

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
}

impl Question {
    /// As of now. Never "the largest event time": a fact of the future is invisible until its time
    /// has come.
    pub fn latest() -> Self {
        Question::default()
    }

    /// As of `t`: what was true then, facts of `t` itself included. A time after now is allowed and
    /// shows what has been accepted so far.
    pub fn as_of(t: Timestamp) -> Self {
        Question {
            as_of: Some(t),
            known_at: None,
        }
    }

    /// Only what was recorded by `k`, `k` itself included.
    pub fn known_at(mut self, k: Timestamp) -> Self {
        self.known_at = Some(k);
        self
    }
}

/// Which versions of an entity to list. By default all of them, oldest first.
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
