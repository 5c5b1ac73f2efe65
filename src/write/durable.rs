//! How a write becomes durable: many callers, one fsync.
//!
//! ```text
//! caller A   commit ── number 7 ──────────── waits until done >= 7 ──────▶
//! caller B        commit ── number 8 ─────── waits until done >= 8 ──────▶
//! syncer                       reads 8 ── sync the log ── done = 8 ── wakes A and B
//! ```
//!
//! A batch gets its number after it is in the log, and the syncer reads the highest number before it
//! syncs: whatever is numbered up to there is covered. A caller may wait, poll, or await. Who waits for the sync
//! after the one under way is not woken by that.

use super::owner::Owner;
use super::receipt::{Receipt, SetAside};
use crate::error::{Error, ErrorKind, Result};
use crate::sync::{Condvar, Mutex, MutexGuard};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// So long after the last sync the syncer rests.
const REST: Duration = Duration::from_secs(1);

/// While nothing is synced, a lull comes as often as this.
const LULL: Duration = Duration::from_secs(if cfg!(test) { 5 } else { 60 });

/// Who has committed what, and how far it is durable.
#[derive(Default)]
pub(crate) struct Syncer {
    owner: Owner,
    state: Mutex<State>,
    wanted_more: Condvar,
    /// For those who wait for a sync, by its number: it and the next are all that anybody waits for.
    done_more: [Condvar; 2],
}

#[derive(Default)]
struct State {
    /// The number of the newest committed batch.
    committed: u64,
    /// Somebody waits for batches up to here.
    wanted: u64,
    /// Batches up to here are durable.
    done: u64,
    /// How many syncs have begun.
    begun: u64,
    /// The last of them makes batches up to here durable.
    covers: u64,
    wakers: Vec<(u64, Waker)>,
    /// The first failure; nothing becomes durable after it.
    failed: Option<(ErrorKind, String)>,
    stopping: bool,
}

impl Syncer {
    /// Numbers a batch that has just been committed.
    pub(crate) fn committed(&self) -> u64 {
        let mut state = self.state.lock();
        state.committed += 1;
        state.committed
    }

    /// The number of the newest committed batch; zero before the first.
    pub(crate) fn newest(&self) -> u64 {
        self.state.lock().committed
    }

    /// Makes nothing durable any more: a sync has failed, and must not be tried again.
    pub(crate) fn fail(&self, error: &Error) {
        let mut state = self.state.lock();
        state
            .failed
            .get_or_insert((error.kind(), error.to_string()));
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        self.wanted_more.notify_all();
        self.wake_all();
        wakers.into_iter().for_each(|(_, waker)| waker.wake());
    }

    /// Those who wait here, not the wakers.
    fn wake_all(&self) {
        for waiting in &self.done_more {
            waiting.notify_all();
        }
    }

    /// Whom a sync concerns.
    fn done_by(&self, sync: u64) -> &Condvar {
        &self.done_more[(sync % 2) as usize]
    }

    fn wake(&self, sync: u64) {
        self.done_by(sync).notify_all();
    }

    /// Asks for batches up to `number` to be made durable, without waiting.
    pub(crate) fn want(&self, number: u64) {
        let mut state = self.state.lock();
        if state.wanted < number {
            state.wanted = number;
            self.wanted_more.notify_one();
        }
    }

    /// Makes what is wanted durable, again and again, until stopped. Runs on a thread of its own;
    /// `sync` makes everything in the log durable. `rest` is called once after a second in which
    /// nothing was wanted, when something was synced before; `lull` after every further minute.
    pub(crate) fn run(&self, sync: impl Fn() -> Result<()>, rest: impl Fn(), lull: impl Fn()) {
        let mut restless = false;
        loop {
            let (sync_number, covers) = {
                let mut state = self.state.lock();
                while state.wanted <= state.done && !state.stopping {
                    let pause = if restless { REST } else { LULL };
                    if !self.wanted_more.wait_for(&mut state, pause).timed_out() {
                        continue;
                    }
                    if std::mem::take(&mut restless) {
                        MutexGuard::unlocked(&mut state, &rest);
                    } else {
                        MutexGuard::unlocked(&mut state, &lull);
                    }
                }
                if state.wanted <= state.done || state.failed.is_some() {
                    state.stopping = true;
                    let wakers = std::mem::take(&mut state.wakers);
                    // A waker may ask at once how things stand.
                    drop(state);
                    self.wake_all();
                    wakers.into_iter().for_each(|(_, waker)| waker.wake());
                    return;
                }
                state.begun += 1;
                state.covers = state.committed;
                (state.begun, state.covers)
            };
            let synced = sync();
            restless = true;
            let mut state = self.state.lock();
            match synced {
                Ok(()) => state.done = covers,
                // An fsync that failed is never tried again: the next one may succeed without the
                // pages that the first one lost.
                Err(error) => {
                    state
                        .failed
                        .get_or_insert((error.kind(), error.to_string()));
                }
            }
            let done = state.done;
            let failed = state.failed.is_some();
            let (ready, waiting) = std::mem::take(&mut state.wakers)
                .into_iter()
                .partition(|(number, _)| failed || *number <= done);
            state.wakers = waiting;
            drop(state);
            match failed {
                true => self.wake_all(),
                false => self.wake(sync_number),
            }
            let ready: Vec<(u64, Waker)> = ready;
            ready.into_iter().for_each(|(_, waker)| waker.wake());
        }
    }

    /// Lets [`run`](Self::run) come to its end, after what is wanted.
    pub(crate) fn stop(&self) {
        self.state.lock().stopping = true;
        self.wanted_more.notify_all();
    }

    /// Waits until batches up to `number` are durable.
    pub(crate) fn wait(&self, number: u64) -> Result<()> {
        self.owner.check()?;
        self.want(number);
        let mut state = self.state.lock();
        loop {
            if let Some(outcome) = state.outcome(number) {
                return outcome;
            }
            let sync = state.begun + u64::from(number > state.covers);
            self.done_by(sync).wait(&mut state);
        }
    }
}

impl State {
    /// What is known of a batch's durability; none while it is under way.
    fn outcome(&self, number: u64) -> Option<Result<()>> {
        if self.done >= number {
            return Some(Ok(()));
        }
        if let Some((kind, text)) = &self.failed {
            return Some(Err(Error::new(
                *kind,
                format!(
                    "the write is visible but may not be durable: {text}. Reopen the store and write \
                     again, which is always safe"
                ),
            )));
        }
        self.stopping.then(|| {
            Err(Error::new(
                ErrorKind::Closed,
                "the store was closed before the write was durable: it may not survive a power cut. \
                 Open the store and write again, which is always safe",
            ))
        })
    }
}

/// A write that has been submitted: visible already, durable once the ticket says so.
///
/// Waiting, polling and awaiting all tell the same. The ticket is a [`Future`], so that an async host
/// need not block a thread per fsync; it needs no runtime. Dropping it takes nothing back.
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
/// batch.put(&weather, &newark, at(6)).set(&temp, 39.02).finish()?;
/// let ticket = store.submit(batch, WriteOptions::synced())?;
/// // Visible at once; durable when the ticket says so.
/// assert_eq!(store.get(&weather, &newark, Question::latest())?.get(&temp)?, Some(39.02));
/// if let Some(receipt) = ticket.try_wait() {
///     println!("durable already: {}", receipt?);
/// }
/// assert_eq!(ticket.wait()?.applied, 1); // or, in an async fn: ticket.await?
/// # Ok(())
/// # }
/// ```
#[must_use = "a submitted write is acknowledged by its ticket"]
pub struct Ticket {
    receipt: Receipt,
    set_aside: Vec<SetAside>,
    /// None for a buffered write, which asks for nothing more.
    pending: Option<(Arc<Syncer>, u64)>,
}

impl Ticket {
    pub(super) fn new(
        receipt: Receipt,
        set_aside: Vec<SetAside>,
        pending: Option<(Arc<Syncer>, u64)>,
    ) -> Self {
        if let Some((syncer, number)) = &pending {
            syncer.want(*number);
        }
        Ticket {
            receipt,
            set_aside,
            pending,
        }
    }

    /// The first rows that were set aside, at most [`SetAside::TOLD_MAX`], in the order of the batch:
    /// for whoever filled it and knows where each row came from.
    ///
    /// ```
    /// # use asof::*;
    /// # fn main() -> Result<()> {
    /// # let store = Store::temp()?;
    /// # store.apply(ViewDefinition::builder("weather").key("origin", Type::String).feature("temp", Type::F64).build()?)?;
    /// # let weather = store.view("weather")?;
    /// # let newark = weather.entity(["EWR"])?;
    /// let mut batch = WriteBatch::new();
    /// batch.put(&weather, &newark, Timestamp::from_secs(0)).set_value("temp", 39.02).finish()?;
    /// let far = store.now().saturating_add(Span::days(1));
    /// batch.put(&weather, &newark, far).set_value("temp", 41.0).finish()?;
    /// let ticket = store.submit(batch, WriteOptions::synced().quarantine())?;
    /// let told = &ticket.set_aside()[0];
    /// assert_eq!(told.row, 1);
    /// assert!(told.reason.contains("max_skew"));
    /// assert_eq!(store.quarantined(&told.id)?.reason, told.reason);
    /// assert_eq!(ticket.wait()?.quarantined, 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_aside(&self) -> &[SetAside] {
        &self.set_aside
    }

    /// Blocks until the write is as durable as was asked.
    ///
    /// # Errors
    /// The outcome is unknown: reopen the store and write again, which is always safe.
    pub fn wait(self) -> Result<Receipt> {
        match &self.pending {
            Some((syncer, number)) => syncer.wait(*number).map(|()| self.receipt),
            None => Ok(self.receipt),
        }
    }

    /// The receipt if the write is as durable as was asked by now; none while it is under way.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    pub fn try_wait(&self) -> Option<Result<Receipt>> {
        match &self.pending {
            Some((syncer, number)) => {
                if let Err(error) = syncer.owner.check() {
                    return Some(Err(error));
                }
                let outcome = syncer.state.lock().outcome(*number);
                outcome.map(|outcome| outcome.map(|()| self.receipt))
            }
            None => Some(Ok(self.receipt)),
        }
    }
}

impl Future for Ticket {
    type Output = Result<Receipt>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some((syncer, number)) = &self.pending else {
            return Poll::Ready(Ok(self.receipt));
        };
        if let Err(error) = syncer.owner.check() {
            return Poll::Ready(Err(error));
        }
        let mut state = syncer.state.lock();
        if let Some(outcome) = state.outcome(*number) {
            return Poll::Ready(outcome.map(|()| self.receipt));
        }
        // Polled again and again, a ticket still leaves one waker.
        let known = |(n, waker): &(u64, Waker)| n == number && waker.will_wake(context.waker());
        if !state.wakers.iter().any(known) {
            state.wakers.push((*number, context.waker().clone()));
        }
        Poll::Pending
    }
}

impl std::fmt::Debug for Ticket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let number = self.pending.as_ref().map(|(_, number)| number);
        f.debug_struct("Ticket")
            .field("receipt", &self.receipt)
            .field("batch", &number)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn callers_share_a_sync_and_none_is_told_before_it() {
        let syncer = Arc::new(Syncer::default());
        let syncs = AtomicU64::new(0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let sync = || {
                    syncs.fetch_add(1, Ordering::SeqCst);
                    std::thread::sleep(Duration::from_millis(5));
                    Ok(())
                };
                syncer.run(sync, || {}, || {});
            });
            let writers: Vec<_> = (0..16)
                .map(|_| {
                    scope.spawn(|| {
                        for _ in 0..10 {
                            let number = syncer.committed();
                            syncer.wait(number).unwrap();
                            assert!(syncer.state.lock().done >= number);
                        }
                    })
                })
                .collect();
            writers
                .into_iter()
                .for_each(|writer| writer.join().unwrap());
            syncer.stop();
        });
        let syncs = syncs.load(Ordering::SeqCst);
        assert!((10..80).contains(&syncs), "160 writes took {syncs} syncs");
    }

    #[test]
    fn a_pause_after_a_sync_is_a_rest_and_one_is_enough() {
        // Who is hurt: whoever loses power in a quiet hour, with the newest watermark in memory only.
        let syncer = Arc::new(Syncer::default());
        let rests = AtomicU64::new(0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let rest = || {
                    rests.fetch_add(1, Ordering::SeqCst);
                };
                syncer.run(|| Ok(()), rest, || {});
            });
            std::thread::sleep(REST + REST / 2);
            assert_eq!(rests.load(Ordering::SeqCst), 0, "nothing was synced");
            for n in 1..3 {
                syncer.wait(syncer.committed()).unwrap();
                std::thread::sleep(REST * 5 / 2);
                assert_eq!(rests.load(Ordering::SeqCst), n);
            }
            syncer.stop();
        });
    }

    #[test]
    fn a_failed_sync_fails_everybody_after_it_and_is_not_tried_again() {
        let syncer = Arc::new(Syncer::default());
        let syncs = AtomicU64::new(0);
        std::thread::scope(|scope| {
            let number = syncer.committed();
            let ticket = Ticket::new(
                Receipt::default(),
                Vec::new(),
                Some((syncer.clone(), number)),
            );
            scope.spawn(|| {
                let sync = || {
                    syncs.fetch_add(1, Ordering::SeqCst);
                    Err(Error::new(ErrorKind::Io, "no"))
                };
                syncer.run(sync, || {}, || {});
            });
            assert_eq!(ticket.wait().unwrap_err().kind(), ErrorKind::Io);
            let later = syncer.committed();
            assert_eq!(syncer.wait(later).unwrap_err().kind(), ErrorKind::Io);
            syncer.stop();
        });
        assert_eq!(syncs.load(Ordering::SeqCst), 1);
    }
}
