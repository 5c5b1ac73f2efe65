//! What `src/sync.rs` of the engine is, made of the model checker's parts.
//!
//! The engine calls its locks as `parking_lot` has them, so here loom's are dressed alike. Time is
//! what a model makes of it: see [`time_passes`].

use loom::sync as checked;
use std::io;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};

/// Words that many threads read and write at once.
pub(crate) struct Words(Box<[Word]>);

impl Words {
    pub(crate) fn zeroed(words: usize) -> io::Result<Words> {
        Ok(Words((0..words).map(|_| Word::default()).collect()))
    }

    /// No order of threads hangs on it.
    pub(crate) fn prefetch(&self, _word: usize, _lines: usize) {}
}

impl Deref for Words {
    type Target = [Word];

    fn deref(&self) -> &[Word] {
        &self.0
    }
}

/// An atomic that the checker follows.
///
/// Loom orders the stores to a word only where one happens before the other, so that it lets a store
/// come before a compare-and-swap that has not seen it, and after it as well. No machine does that: a
/// compare-and-swap follows directly upon what it has read. A store that is a swap has its one place.
#[derive(Default)]
pub(crate) struct Word(AtomicU64);

impl Word {
    pub(crate) fn load(&self, ordering: Ordering) -> u64 {
        self.0.load(ordering)
    }

    pub(crate) fn store(&self, value: u64, ordering: Ordering) {
        self.0.swap(value, ordering);
    }

    pub(crate) fn fetch_add(&self, value: u64, ordering: Ordering) -> u64 {
        self.0.fetch_add(value, ordering)
    }

    pub(crate) fn compare_exchange(
        &self,
        current: u64,
        new: u64,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u64, u64> {
        self.0.compare_exchange(current, new, success, failure)
    }
}

#[derive(Default)]
pub(crate) struct Mutex<T>(checked::Mutex<T>);

/// None only while its thread waits, or does something unlocked.
pub(crate) struct MutexGuard<'a, T> {
    of: &'a checked::Mutex<T>,
    held: Option<checked::MutexGuard<'a, T>>,
}

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Mutex(checked::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard {
            of: &self.0,
            held: Some(locked(&self.0)),
        }
    }

    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        let held = self.0.try_lock().ok()?;
        Some(MutexGuard {
            of: &self.0,
            held: Some(held),
        })
    }
}

fn locked<T>(mutex: &checked::Mutex<T>) -> checked::MutexGuard<'_, T> {
    mutex.lock().expect("loom poisons nothing")
}

impl<T> MutexGuard<'_, T> {
    pub(crate) fn unlocked<U>(guard: &mut Self, act: impl FnOnce() -> U) -> U {
        guard.held = None;
        let told = act();
        guard.held = Some(locked(guard.of));
        told
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.held.as_ref().expect("a guard in use is held")
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.held.as_mut().expect("a guard in use is held")
    }
}

loom::lazy_static! {
    static ref TIME_IS_OVER: AtomicBool = AtomicBool::new(false);
}

/// The next wait with a limit reaches it.
pub(crate) fn time_passes() {
    TIME_IS_OVER.store(true, Ordering::Release);
}

#[derive(Default)]
pub(crate) struct Condvar(checked::Condvar);

pub(crate) struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    pub(crate) fn timed_out(&self) -> bool {
        self.0
    }
}

impl Condvar {
    pub(crate) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        let held = guard.held.take().expect("a guard in use is held");
        let held = self.0.wait(held).expect("loom poisons nothing");
        guard.held = Some(held);
    }

    /// Whoever waits in vain has let go of the lock all the same: anything may be under it afterwards.
    pub(crate) fn wait_for<T>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        _limit: Duration,
    ) -> WaitTimeoutResult {
        let is_over = TIME_IS_OVER.swap(false, Ordering::AcqRel);
        if is_over {
            MutexGuard::unlocked(guard, || {});
        } else {
            self.wait(guard);
        }
        WaitTimeoutResult(is_over)
    }

    pub(crate) fn notify_one(&self) {
        self.0.notify_one();
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }
}
