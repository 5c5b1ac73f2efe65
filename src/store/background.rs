//! Where threads are started: the one place. And how long one of them may wait for others.

use crate::error::{Error, ErrorKind, Result};
use std::cell::Cell;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

/// No sync is put off for longer.
const PAUSE_MAX: Duration = Duration::from_micros(500);

/// How long syncs take, and so how long the next may be put off for callers that come back: half of that.
#[derive(Default)]
pub(super) struct Pace {
    of_last: Cell<Duration>,
    paused_since: Cell<Option<Instant>>,
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long something took decides when something is done, and not what"
)]
impl Pace {
    /// Runs a sync, and looks at how long it takes.
    pub(super) fn of_a_sync<T>(&self, sync: impl FnOnce() -> T) -> T {
        self.paused_since.set(None);
        let began = Instant::now();
        let synced = sync();
        self.of_last.set(began.elapsed());
        synced
    }

    /// Lets other threads run for a moment. Says whether there may be another moment before the next sync.
    pub(super) fn may_pause(&self) -> bool {
        let since = self.paused_since.get().unwrap_or_else(Instant::now);
        self.paused_since.set(Some(since));
        std::thread::yield_now();
        since.elapsed() < PAUSE_MAX.min(self.of_last.get() / 2)
    }
}

/// Starts a named thread.
#[expect(clippy::disallowed_methods, reason = "this is the seam")]
pub(super) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    Builder::new().name(name.into()).spawn(work).map_err(|e| {
        Error::new(
            ErrorKind::Io,
            format!(
                "the operating system starts no thread ({name}); raise its limits and open again"
            ),
        )
        .caused_by(e)
    })
}
