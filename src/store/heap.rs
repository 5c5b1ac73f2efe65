//! Gives back to the system what the allocator keeps of freed memory, so that a budget is a bound of the
//! process and not only of what the store asks for.
//!
//! glibc has an arena for each thread and keeps in it what is freed there. Blocks and memtables are made by
//! whoever reads or writes and dropped by somebody else, so a thread that once filled a cache may hold
//! memory of its size for ever, and the next one takes it anew. Other allocators give memory back on
//! their own; under them, and on other systems, nothing is done here.

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
/// Where hardly anything was given back, the next look is twice as far off as the last, up to this.
const PAUSE_MAX: Duration = Duration::from_secs(300);

/// The budgets of all stores that are open in the process: they share an allocator.
static BUDGETS: AtomicUsize = AtomicUsize::new(0);
/// Whoever of their threads has this looks for all; the others try again after a pause of their own.
static LOOKING: Mutex<Outlook> = Mutex::new(Outlook {
    least: 0,
    pause: EVERY,
});

/// What was found of the process.
#[derive(Clone, Copy)]
struct Outlook {
    /// The least that it has taken since memory was last given back.
    least: usize,
    /// When to look again.
    pause: Duration,
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
    let mut pause = EVERY;
    let mut is_asked = stop.is_asked.lock();
    while !*is_asked {
        if !stop.changed.wait_for(&mut is_asked, pause).timed_out() {
            continue;
        }
        MutexGuard::unlocked(&mut is_asked, || {
            if let Some(mut outlook) = LOOKING.try_lock() {
                *outlook = tidy(*outlook);
                pause = outlook.pause;
            }
        });
    }
}

fn tidy(outlook: Outlook) -> Outlook {
    let budgets = BUDGETS.load(Ordering::Relaxed);
    let taken = taken_bytes();
    if !is_due(taken, outlook.least, budgets) {
        return Outlook {
            least: outlook.least.min(taken),
            pause: EVERY,
        };
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "how long the allocator takes decides no answer"
    )]
    let began = Instant::now();
    give_back();
    let took = began.elapsed();
    let left = taken_bytes();
    trace::memory_given_back(taken, left, took);
    Outlook {
        least: left,
        pause: pause_after(outlook.pause, took, taken.saturating_sub(left), budgets),
    }
}

/// Nearly all of the budgets, since more comes while nobody looks; and grown since, because what was left
/// then is not the allocator's.
fn is_due(taken: usize, least: usize, budgets: usize) -> bool {
    taken > budgets / 8 * 7 && taken.saturating_sub(least) >= budgets / GROWTH
}

/// A process that is large for other reasons is not asked for its memory again and again.
fn pause_after(last: Duration, took: Duration, given: usize, budgets: usize) -> Duration {
    let rest = EVERY.max(took * REST);
    match given < budgets / GROWTH {
        true => rest.max((last * 2).min(PAUSE_MAX)),
        false => rest,
    }
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
    fn a_process_over_the_budget_of_its_stores_is_brought_back() {
        let _alone = ALONE.lock();
        let store = StoreOptions::new().memory_budget(32 << 20).temp().unwrap();
        let _held = freed(512 << 20);
        let kept = taken_bytes();
        let is_back = || taken_bytes() + (300 << 20) < kept;
        for _ in 0..100 {
            if is_back() {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        assert!(is_back(), "{kept} then {}", taken_bytes());
        store.close().unwrap();
    }

    #[test]
    fn a_process_that_is_large_for_other_reasons_is_left_alone() {
        assert!(!is_due(140, 0, 160), "well within the budgets");
        assert!(is_due(141, 0, 160));
        assert!(!is_due(1_000, 991, 160), "hardly grown since");
        assert!(is_due(1_000, 990, 160));
        assert!(!is_due(1_000, 2_000, 160), "it shrank by itself");
    }

    #[test]
    fn a_process_that_gives_nothing_back_is_asked_ever_less_often() {
        let after = |last: u64, took: u64, given| {
            let (last, took) = (Duration::from_secs(last), Duration::from_millis(took));
            pause_after(last, took, given, 160).as_secs()
        };
        assert_eq!(after(1, 1, 10), 1);
        assert_eq!(after(1, 100, 10), 5, "a fiftieth of the time");
        assert_eq!(after(1, 1, 9), 2);
        assert_eq!(after(256, 1, 0), 300);
        assert_eq!(after(300, 1, 10), 1, "it is of use again");
    }
}
