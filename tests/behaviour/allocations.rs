//! A warm read allocates nothing of ours.
//!
//! RocksDB is C++ and allocates by itself; what is counted is what Rust asks for on this thread.

use crate::weather::{World, at, patch, put, weather};
use asof::*;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

fn count() {
    // A thread that is ending has no counter any more, and nobody reads it.
    let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
}

#[expect(
    unsafe_code,
    reason = "an allocator is unsafe by its trait; this one only counts"
)]
// SAFETY: every call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract of `alloc`, which is that of `System`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer came from `System` above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the pointer came from `System` above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn allocations(run: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.get();
    run();
    ALLOCATIONS.get() - before
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(1u8)))), 1);
    assert_eq!(allocations(|| ()), 0);
}

#[test]
fn a_warm_read_allocates_nothing() {
    // Who is hurt: a service whose slowest reads wait for the allocator.
    let world = World::with(weather());
    for hour in 1..6 {
        world.write(put("EWR", at(hour), hour as f64));
        world.write(patch("JFK", at(hour), hour as f64));
    }
    world.store.compact().unwrap();
    let view = world.view();
    let (temp, gust) = (
        view.feature::<f64>("temp").unwrap(),
        view.feature::<f64>("gust").unwrap(),
    );
    let (newark, kennedy) = (world.entity("EWR"), world.entity("JFK"));
    let missing = world.entity("nobody");
    let snapshot = world.store.snapshot();
    let questions = [
        ("latest", Question::latest()),
        ("as of", Question::as_of(at(3))),
        ("known at", Question::as_of(at(5)).known_at(at(2))),
    ];
    for (name, question) in questions {
        let mut row = Row::new();
        let mut read = |times: u32| {
            for _ in 0..times {
                for reader in [&world.store as &dyn Reads, &snapshot] {
                    reader.read(&view, &newark, question, &mut row);
                    assert!(row.get(&temp).unwrap().is_some());
                    reader.read(&view, &kennedy, question, &mut row);
                    assert!(row.see(&gust).unwrap().event_time.is_some());
                    reader.read(&view, &missing, question, &mut row);
                    assert_eq!(row.verdict(), Verdict::Never);
                }
            }
        };
        read(2);
        assert_eq!(
            allocations(|| read(1_000)),
            0,
            "allocations in 6,000 reads of {name}"
        );
    }
}

asof::features! {
    struct Scalars {
        temp: f64,
        gust: Option<f64>,
    }
}

#[test]
fn a_row_of_scalars_is_read_into_its_struct_without_allocating() {
    let world = World::with(weather());
    world.write(put("EWR", at(1), 1.0));
    let (view, newark) = (world.view(), world.entity("EWR"));
    let fields = view.features::<Scalars>().unwrap();
    let mut row = Row::new();
    let mut read = |times: u32| {
        for _ in 0..times {
            world
                .store
                .get_into(&view, &newark, Question::latest(), &mut row)
                .unwrap();
            let Scalars { temp, gust } = row.read(&fields).unwrap();
            assert_eq!((temp, gust), (1.0, None));
        }
    };
    read(2);
    assert_eq!(allocations(|| read(1_000)), 0);
}

/// A store or a snapshot of it.
trait Reads {
    fn read(&self, view: &View, entity: &Entity, question: Question, row: &mut Row);
}

impl<R: Read> Reads for R {
    fn read(&self, view: &View, entity: &Entity, question: Question, row: &mut Row) {
        self.get_into(view, entity, question, row).unwrap();
    }
}
