//! How many commits have started and how many are finished: who looks at the database while all are finished has
//! seen all of them, for as long as no other starts.

use crate::sync::{AtomicU64, Ordering};

/// Counted by those who commit.
#[derive(Default)]
pub(crate) struct Commits {
    started: AtomicU64,
    finished: AtomicU64,
}

/// What a look at the database has seen.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    /// So many commits, all there were; or some of those that were under way.
    all: Option<u64>,
}

impl Commits {
    /// Commits, counted.
    pub(crate) fn during<T>(&self, commit: impl FnOnce() -> T) -> T {
        self.started.fetch_add(1, Ordering::SeqCst);
        let done = commit();
        self.finished.fetch_add(1, Ordering::SeqCst);
        done
    }

    /// Looks, and says what was seen.
    pub(crate) fn look<T>(&self, look: impl FnOnce() -> T) -> (Seen, T) {
        let seen = self.to_see();
        (seen, look())
    }

    /// What a look sees that begins after this.
    pub(crate) fn to_see(&self) -> Seen {
        let finished = self.finished.load(Ordering::SeqCst);
        let started = self.started.load(Ordering::SeqCst);
        Seen {
            all: (started == finished).then_some(finished),
        }
    }

    /// Whether a look has seen all that anybody can have seen by now.
    pub(crate) fn are_seen(&self, seen: Seen) -> bool {
        seen.all == Some(self.started.load(Ordering::SeqCst))
    }
}
