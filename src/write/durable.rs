//! How a write becomes durable: many callers, one fsync.
//!
//! ```text
//! caller A   commit ── number 7 ──────────── waits until done >= 7 ──────▶
//! caller B        commit ── number 8 ─────── waits until done >= 8 ──────▶
//! syncer                       reads 8 ── sync the log ── done = 8 ── wakes A and B
//! ```
//!
//! A batch gets its number after it is in the log, and the syncer reads the highest number before it
//! syncs: whatever is numbered up to there is covered. A caller may wait, poll, or await.

use super::owner::Owner;
use super::receipt::{Receipt, SetAside};
use crate::error::{Error, ErrorKind, Result};
use crate::sync::{Condvar, Mutex, MutexGuard};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// After a pause in vain so many syncs begin at once.
const SYNCS_UNPAUSED: u32 = 31;

/// So long after the last sync the syncer rests.
const REST: Duration = Duration::from_secs(1);

/// Who has committed what, and how far it is durable.
#[derive(Default)]
pub(crate) struct Syncer {
    owner: Owner,
    state: Mutex<State>,
    wanted_more: Condvar,
    done_more: Condvar,
}

#[derive(Default)]
struct State {
    /// The number of the newest committed batch.
    committed: u64,
    /// Somebody waits for batches up to here.
    wanted: u64,
    /// How many callers have asked for a batch of theirs to be made durable.
    asked: u64,
    /// Batches up to here are durable.
    done: u64,
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
        self.done_more.notify_all();
        wakers.into_iter().for_each(|(_, waker)| waker.wake());
    }

    /// Asks for batches up to `number` to be made durable, without waiting.
    fn ask(&self, number: u64) {
        let mut state = self.state.lock();
        state.asked += 1;
        self.want(&mut state, number);
    }

    fn want(&self, state: &mut State, number: u64) {
        if state.wanted < number {
            state.wanted = number;
            self.wanted_more.notify_one();
        }
    }

    /// Makes what is wanted durable, again and again, until stopped. Runs on a thread of its own;
    /// `sync` makes everything in the log durable. `rest` is called once after a second in which
    /// nothing was wanted, when something was synced before.
    ///
    /// Whoever a sync lets go mostly writes again at once. Of sixteen such callers eight would wait for each sync
    /// while the other eight wait for the next. So the syncer pauses until as many have asked as took part
    /// before, or until `pause` says that it has been long enough.
    pub(crate) fn run(
        &self,
        sync: impl Fn() -> Result<()>,
        rest: impl Fn(),
        pause: impl Fn() -> bool,
    ) {
        let mut restless = false;
        let mut crowd = Crowd::default();
        loop {
            {
                let mut state = self.state.lock();
                while state.wanted <= state.done && !state.stopping {
                    if !restless {
                        self.wanted_more.wait(&mut state);
                    } else if self.wanted_more.wait_for(&mut state, REST).timed_out() {
                        restless = false;
                        MutexGuard::unlocked(&mut state, &rest);
                    }
                }
                if state.wanted <= state.done || state.failed.is_some() {
                    state.stopping = true;
                    let wakers = std::mem::take(&mut state.wakers);
                    // A waker may ask at once how things stand.
                    drop(state);
                    self.done_more.notify_all();
                    wakers.into_iter().for_each(|(_, waker)| waker.wake());
                    return;
                }
            }
            crowd.gather(|| self.state.lock().asked, &pause);
            let (covers, asked) = {
                let state = self.state.lock();
                if state.failed.is_some() {
                    continue;
                }
                (state.committed, state.asked)
            };
            let synced = sync();
            restless = true;
            let mut state = self.state.lock();
            crowd.was_synced(asked, state.asked);
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
            self.done_more.notify_all();
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
        let mut state = self.state.lock();
        self.want(&mut state, number);
        loop {
            if let Some(outcome) = state.outcome(number) {
                return outcome;
            }
            self.done_more.wait(&mut state);
        }
    }
}

/// Who takes part in syncs.
#[derive(Default)]
struct Crowd {
    /// How many had asked before those that are waited for.
    before: u64,
    /// So many took part in the last sync, or came meanwhile.
    expected: u64,
    /// After one has waited in vain: so many syncs are not waited for.
    patience: u32,
}

impl Crowd {
    /// Pauses until as many have asked as are expected.
    fn gather(&mut self, asked: impl Fn() -> u64, pause: impl Fn() -> bool) {
        if self.patience > 0 {
            self.patience -= 1;
            return;
        }
        while asked() - self.before < self.expected {
            if !pause() {
                self.patience = SYNCS_UNPAUSED;
                return;
            }
        }
    }

    /// A sync that began when so many had asked has ended, when so many had.
    fn was_synced(&mut self, at_the_start: u64, at_the_end: u64) {
        self.expected = at_the_end - self.before;
        self.before = at_the_start;
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
            syncer.ask(*number);
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
                syncer.run(sync, || {}, || false);
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
    fn callers_that_come_back_share_the_next_sync_too() {
        // Who is hurt: whoever has sixteen callers, and pays for the syncs of eight.
        let syncer = Arc::new(Syncer::default());
        let submit = |syncer: &Arc<Syncer>| {
            let number = syncer.committed();
            let pending = Some((syncer.clone(), number));
            Ticket::new(Receipt::default(), Vec::new(), pending)
        };
        let (syncs, pauses, tickets) =
            (AtomicU64::new(0), AtomicU64::new(0), Mutex::new(Vec::new()));
        let first = submit(&syncer);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let sync = || {
                    // A second caller comes while the first is being synced.
                    if syncs.fetch_add(1, Ordering::SeqCst) == 0 {
                        tickets.lock().push(submit(&syncer));
                    }
                    Ok(())
                };
                let pause = || {
                    // The first comes back.
                    if pauses.fetch_add(1, Ordering::SeqCst) == 0 {
                        tickets.lock().push(submit(&syncer));
                    }
                    true
                };
                syncer.run(sync, || {}, pause);
            });
            first.wait().unwrap();
            let others = loop {
                let mut tickets = tickets.lock();
                if tickets.len() == 2 {
                    break std::mem::take(&mut *tickets);
                }
            };
            others.into_iter().for_each(|ticket| {
                ticket.wait().unwrap();
            });
            syncer.stop();
        });
        let counts = (syncs.load(Ordering::SeqCst), pauses.load(Ordering::SeqCst));
        assert_eq!(counts, (2, 1));
    }

    #[test]
    fn nobody_is_waited_for_who_does_not_come() {
        // Who is hurt: whoever writes alone, and waits for callers of yesterday.
        let mut crowd = Crowd::default();
        let paused = |crowd: &mut Crowd, asked: u64| {
            let pauses = std::cell::Cell::new(0);
            crowd.gather(
                || asked,
                || {
                    pauses.set(pauses.get() + 1);
                    false
                },
            );
            pauses.get()
        };
        // Two took part, and one comes.
        crowd.was_synced(1, 2);
        assert_eq!(paused(&mut crowd, 2), 1);
        crowd.was_synced(2, 2);
        for asked in 3..30 {
            assert_eq!(paused(&mut crowd, asked), 0, "{asked}");
            crowd.was_synced(asked, asked);
        }
        // One caller alone is never waited for.
        for asked in 30..100 {
            assert_eq!(paused(&mut crowd, asked), 0, "{asked}");
            crowd.was_synced(asked, asked);
        }
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
                syncer.run(|| Ok(()), rest, || false);
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
                syncer.run(sync, || {}, || false);
            });
            assert_eq!(ticket.wait().unwrap_err().kind(), ErrorKind::Io);
            let later = syncer.committed();
            assert_eq!(syncer.wait(later).unwrap_err().kind(), ErrorKind::Io);
            syncer.stop();
        });
        assert_eq!(syncs.load(Ordering::SeqCst), 1);
    }
}
