//! Named places where a test may let the process die, and one that a measurement may leave out.
//!
//! A promise about crashes is a promise about every step of a protocol. The steps are named here, and
//! the crash tests end the process at each of them, on the very code that ships: an unarmed point
//! costs one relaxed load beside an fsync or a commit, and none stands on a read.
//!
//! ```text
//! write      judge ── join ── [before_commit] commit [after_commit] ── number
//! sync       floors ── [before_fsync] fsync [after_fsync] ── floors in force
//! position   fsync ── [before_write] write [after_write] ── in force
//! by hand    fsync ── due positions ── [before_move] write [after_move] fsync [after_sync] ── in force
//! erase      [before_fence] fence and record [after_fence] fsync [after_fence_fsync] ── [in_force]
//!            [before_removal] removal [after_removal] fsync [after_removal_fsync]
//!            [before_reclaim] reclaim [after_reclaim]
//! ```

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Every point, in the order of the protocols they stand in. The crash tests go through this list and
/// fail when one of them is never reached.
pub const NAMES: &[&str] = &[
    // Writing a batch.
    "write.before_commit",
    "write.after_commit",
    // Making it durable.
    "sync.before_fsync",
    "sync.after_fsync",
    // Moving positions: behind a sync, or by hand.
    "position.before_write",
    "position.after_write",
    "position.before_move",
    "position.after_move",
    "position.after_sync",
    // Erasing an entity; those from `erase.before_removal` to `erase.after_removal_fsync` also stand
    // in an open that carries out what a crash cut short.
    "erase.before_fence",
    "erase.after_fence",
    "erase.after_fence_fsync",
    "erase.in_force",
    "erase.before_removal",
    "erase.after_removal",
    "erase.after_removal_fsync",
    "erase.before_reclaim",
    "erase.after_reclaim",
];

/// The place in [`NAMES`] of the armed point, plus one; zero while none is.
static ARMED: AtomicUsize = AtomicUsize::new(0);
/// How many visits the armed point still lets pass.
static SPARED: AtomicUsize = AtomicUsize::new(0);

/// Ends the process, without destructors, at visit number `visit` (from zero) of the named point.
///
/// # Panics
/// For a name that no point has: the test that arms it would test nothing.
pub fn arm(name: &str, visit: usize) {
    let place = NAMES.iter().position(|known| *known == name);
    let place = place.unwrap_or_else(|| panic!("no fail point is called {name:?}"));
    SPARED.store(visit, Ordering::SeqCst);
    ARMED.store(place + 1, Ordering::SeqCst);
}

/// Whether a sync leaves the watermark as it is.
static UNMARKED: AtomicBool = AtomicBool::new(false);

/// Lets every sync of this process leave the watermark as it is, or keep it again. What the watermark
/// costs is measured so, with and without in one run. A store that is cut off meanwhile may lose synced
/// rows without a word.
pub fn leave_out_watermark(left_out: bool) {
    UNMARKED.store(left_out, Ordering::Relaxed);
}

/// Whether the watermark is left out: one relaxed load beside an fsync.
pub(crate) fn leaves_out_watermark() -> bool {
    UNMARKED.load(Ordering::Relaxed)
}

/// Marks a point. Compiled away to a load where nothing is armed.
pub(crate) fn pass(name: &'static str) {
    #[cfg(test)]
    watched::told(name);
    let armed = ARMED.load(Ordering::Relaxed);
    if armed != 0 {
        visit(name, armed);
    }
}

#[cold]
fn visit(name: &'static str, armed: usize) {
    debug_assert!(NAMES.contains(&name), "{name} is not in the list");
    if NAMES[armed - 1] == name
        && SPARED
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1))
            .is_err()
    {
        // No destructor runs and nothing is flushed: to the disk it is a kill.
        std::process::abort();
    }
}

/// Lets a unit test look at what is true whenever its own thread passes a point.
#[cfg(test)]
pub(crate) mod watched {
    use std::cell::RefCell;
    use std::rc::Rc;

    type Watcher = Rc<dyn Fn(&'static str)>;

    thread_local! {
        static WATCHER: RefCell<Option<Watcher>> = RefCell::default();
    }

    /// Calls the watcher with each point that this thread passes while something runs.
    pub(crate) fn by<T>(watcher: impl Fn(&'static str) + 'static, run: impl FnOnce() -> T) -> T {
        WATCHER.set(Some(Rc::new(watcher)));
        let done = run();
        WATCHER.set(None);
        done
    }

    pub(super) fn told(name: &'static str) {
        let watcher = WATCHER.with_borrow(Option::clone);
        watcher.inspect(|watcher| watcher(name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_points_share_a_name() {
        let mut names = NAMES.to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), NAMES.len());
    }

    #[test]
    fn an_unarmed_point_lets_everybody_pass() {
        pass("write.before_commit");
        assert_eq!(ARMED.load(Ordering::SeqCst), 0);
    }

    #[test]
    #[should_panic(expected = "no fail point is called")]
    fn a_point_that_does_not_exist_cannot_be_armed() {
        arm("nowhere", 0);
    }
}
