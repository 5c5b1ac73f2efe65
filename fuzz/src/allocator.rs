//! An allocator that knows how much is held, and the most that was held since it was asked.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

#[global_allocator]
pub(crate) static COUNTING: Counting = Counting {
    held: AtomicUsize::new(0),
    most: AtomicUsize::new(0),
};

/// Targets that ask it run on one thread, and so nothing here needs an order.
pub(crate) struct Counting {
    held: AtomicUsize,
    most: AtomicUsize,
}

impl Counting {
    /// Starts to watch for the most; says what is held now.
    pub(crate) fn begin(&self) -> usize {
        let held = self.held.load(Relaxed);
        self.most.store(held, Relaxed);
        held
    }

    /// How much more than `before` was held at once.
    pub(crate) fn most_since(&self, before: usize) -> usize {
        self.most.load(Relaxed).saturating_sub(before)
    }

    fn add(&self, bytes: usize) {
        let held = self.held.fetch_add(bytes, Relaxed).wrapping_add(bytes);
        self.most.fetch_max(held, Relaxed);
    }
}

// SAFETY: every call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.add(layout.size());
        // SAFETY: the caller keeps the contract of `alloc`, which is that of `System`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        self.held.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the pointer came from `System` above.
        unsafe { System.dealloc(pointer, layout) }
    }
}
