//! Gives back to the system what the allocator keeps of freed memory, so that a budget is a bound of the
//! process and not only of what the store asks for.
//!
//! glibc has an arena for each thread and keeps in it what is freed there. Blocks and memtables are made by
//! whoever reads or writes and dropped by somebody else, so a thread that once filled a cache may hold
//! memory of its size for ever, and the next one takes it anew. Other allocators give memory back on
//! their own; under them, and on other systems, nothing is done here.
//!
//! Each store under a budget has a thread that looks. The allocator is one, so what they find is one too: the
//! pause after memory was given back is for all of them.

use super::background;
use crate::error::Result;
use crate::sync::{Condvar, Mutex, MutexGuard};
use crate::trace;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often the process is looked at.
const EVERY: Duration = Duration::from_secs(1);
/// While memory is given back, whoever needs some may wait; that is to be one part in so many of the time.
const REST: u32 = 50;
/// What the process must have grown by since memory was last given back: a part of the budgets.
const GROWTH: usize = 16;
/// Where hardly anything was given back, the process is left alone for twice as long as last, up to this.
const PAUSE_MAX: Duration = Duration::from_secs(300);

/// The budgets of all stores that are open in the process: they share an allocator.
static BUDGETS: AtomicUsize = AtomicUsize::new(0);
/// Whoever of their threads has this looks for all, and what it finds binds all; the others try again later.
static LOOKING: Mutex<Outlook> = Mutex::new(Outlook {
    least: 0,
    pause: EVERY,
    not_before: None,
});

/// What was found of the process.
#[derive(Clone, Copy)]
struct Outlook {
    /// The least that it has taken since memory was last given back.
    least: usize,
    /// For how long it was then to be left alone. Only a time that was of use makes this shorter.
    pause: Duration,
    /// Until when that is; none where no memory was given back yet.
    not_before: Option<Instant>,
}

/// The thread that looks, for as long as it lives.
pub(super) struct Heap {
    budget: usize,
    stop: Arc<Stop>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Stop {
    is_asked: Mutex<bool>,
    changed: Condvar,
}

impl Heap {
    /// None where there is nothing to be done.
    pub(super) fn keep(budget: usize) -> Result<Option<Heap>> {
        if !CAN_GIVE_BACK {
            return Ok(None);
        }
        let stop = Arc::new(Stop::default());
        let told = stop.clone();
        let thread = background::spawn("asof-heap", move || look(&told))?;
        BUDGETS.fetch_add(budget, Ordering::Relaxed);
        Ok(Some(Heap {
            budget,
            stop,
            thread: Some(thread),
        }))
    }

    /// In the copy that a fork made there is no thread to wait for.
    pub(super) fn forget(self) {
        BUDGETS.fetch_sub(self.budget, Ordering::Relaxed);
        std::mem::forget(self);
    }
}

impl Drop for Heap {
    fn drop(&mut self) {
        *self.stop.is_asked.lock() = true;
        self.stop.changed.notify_one();
        if let Some(thread) = self.thread.take()
            // A subscriber to what is traced may drop the last handle of a store.
            && thread.thread().id() != std::thread::current().id()
        {
            let _ = thread.join();
        }
        BUDGETS.fetch_sub(self.budget, Ordering::Relaxed);
    }
}

fn look(stop: &Stop) {
    let mut is_asked = stop.is_asked.lock();
    while !*is_asked {
        if !stop.changed.wait_for(&mut is_asked, EVERY).timed_out() {
            continue;
        }
        MutexGuard::unlocked(&mut is_asked, || {
            if let Some(mut outlook) = LOOKING.try_lock() {
                *outlook = tidy(*outlook);
            }
        });
    }
}

fn tidy(outlook: Outlook) -> Outlook {
    let budgets = BUDGETS.load(Ordering::Relaxed);
    let (taken, began) = (taken_bytes(), now());
    if !outlook.is_due(began, taken, budgets) {
        return outlook.seen(taken);
    }
    give_back();
    let took = began.elapsed();
    let left = taken_bytes();
    trace::memory_given_back(taken, left, took);
    outlook.given_back(taken, left, began + took, took, budgets)
}

impl Outlook {
    /// Nearly all of the budgets, since more comes while nobody looks; and grown since, because what was left
    /// then is not the allocator's.
    fn is_due(&self, now: Instant, taken: usize, budgets: usize) -> bool {
        self.not_before.is_none_or(|time| now >= time)
            && taken > budgets / 8 * 7
            && taken.saturating_sub(self.least) >= budgets / GROWTH
    }

    /// Nothing was due.
    fn seen(self, taken: usize) -> Outlook {
        Outlook {
            least: self.least.min(taken),
            ..self
        }
    }

    /// A process that is large for other reasons is not asked for its memory again and again.
    fn given_back(
        self,
        had: usize,
        has: usize,
        ended: Instant,
        took: Duration,
        budgets: usize,
    ) -> Outlook {
        let rest = EVERY.max(took * REST);
        let pause = match had.saturating_sub(has) < budgets / GROWTH {
            true => rest.max((self.pause * 2).min(PAUSE_MAX)),
            false => rest,
        };
        Outlook {
            least: has,
            pause,
            not_before: Some(ended + pause),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "when the allocator is asked, and how long it takes, decides no answer"
)]
fn now() -> Instant {
    Instant::now()
}

/// What the process has of its own in memory, in bytes: neither of files nor shared. Zero where the system
/// does not say.
fn taken_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let anonymous = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    let kib = anonymous.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<usize>().ok());
    kib.unwrap_or(0) << 10
}

const CAN_GIVE_BACK: bool = cfg!(all(target_os = "linux", target_env = "gnu"));

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "the allocator has no safe form")]
fn give_back() {
    // SAFETY: glibc takes its own locks, and touches only memory that nobody has.
    unsafe { libc::malloc_trim(0) };
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn give_back() {}

#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod tests {
    use super::*;
    use crate::StoreOptions;

    /// They measure the process, one at a time.
    static ALONE: Mutex<()> = Mutex::new(());

    /// Frees that many bytes, in pieces between some that are held, so that the allocator keeps them.
    fn freed(bytes: usize) -> Vec<Vec<u8>> {
        let mut pieces: Vec<Vec<u8>> = (0..bytes >> 16).map(|_| vec![1; 1 << 16]).collect();
        let mut at = 0;
        pieces.retain(|_| {
            at += 1;
            at % 32 == 0
        });
        pieces
    }

    #[test]
    fn what_the_allocator_keeps_is_given_back() {
        let _alone = ALONE.lock();
        let before = taken_bytes();
        assert!(before > 0);
        let _held = freed(256 << 20);
        let kept = taken_bytes();
        assert!(kept > before + (200 << 20), "{before} {kept}");
        give_back();
        let left = taken_bytes();
        assert!(left < before + (100 << 20), "{before} {kept} {left}");
    }

    #[test]
    fn a_process_over_the_budget_of_its_stores_is_brought_back_once_the_pause_is_over() {
        let _alone = ALONE.lock();
        let left_alone_until = |not_before| LOOKING.lock().not_before = not_before;
        left_alone_until(Some(now() + Duration::from_secs(3600)));
        // Whoever of their threads gave memory back, the pause after it is for both.
        let open = || StoreOptions::new().memory_budget(32 << 20).temp().unwrap();
        let stores = [open(), open()];
        let _held = freed(512 << 20);
        let kept = taken_bytes();
        let is_back = || taken_bytes() + (300 << 20) < kept;
        std::thread::sleep(EVERY * 5 / 2);
        assert!(!is_back(), "{kept} then {}", taken_bytes());
        let began = now();
        left_alone_until(None);
        for _ in 0..100 {
            if is_back() {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        assert!(is_back(), "{kept} then {}", taken_bytes());
        assert!(LOOKING.lock().not_before >= Some(began + EVERY));
        for store in stores {
            store.close().unwrap();
        }
    }

    fn outlook(least: usize) -> Outlook {
        Outlook {
            least,
            pause: EVERY,
            not_before: None,
        }
    }

    #[test]
    fn a_process_that_is_large_for_other_reasons_is_left_alone() {
        let is_due = |taken, least| outlook(least).is_due(now(), taken, 160);
        assert!(!is_due(140, 0), "well within the budgets");
        assert!(is_due(141, 0));
        assert!(!is_due(1_000, 991), "hardly grown since");
        assert!(is_due(1_000, 990));
        assert!(!is_due(1_000, 2_000), "it shrank by itself");
    }

    #[test]
    fn a_look_that_finds_nothing_due_shortens_no_pause() {
        let until = now() + PAUSE_MAX;
        let paused = Outlook {
            pause: PAUSE_MAX,
            not_before: Some(until),
            ..outlook(900)
        };
        let seen = paused.seen(500);
        assert_eq!(seen.least, 500);
        assert_eq!((seen.pause, seen.not_before), (PAUSE_MAX, Some(until)));
        let just_before = until - Duration::from_nanos(1);
        assert!(!seen.is_due(just_before, 1_000, 160));
        assert!(seen.is_due(until, 1_000, 160));
    }

    #[test]
    fn a_process_that_gives_nothing_back_is_asked_ever_less_often() {
        let after = |last: u64, took: u64, given: usize| {
            let (last, took) = (Duration::from_secs(last), Duration::from_millis(took));
            let paused = Outlook {
                pause: last,
                ..outlook(0)
            };
            let ended = now();
            let after = paused.given_back(1_000, 1_000 - given, ended, took, 160);
            assert_eq!(after.least, 1_000 - given);
            assert_eq!(after.not_before, Some(ended + after.pause));
            after.pause.as_secs()
        };
        assert_eq!(after(1, 1, 10), 1);
        assert_eq!(after(1, 100, 10), 5, "a fiftieth of the time");
        assert_eq!(after(1, 1, 9), 2);
        assert_eq!(after(256, 1, 0), 300);
        assert_eq!(after(300, 1, 10), 1, "it is of use again");
    }
}
