//! What the stripes promise two batches at once.

use crate::cache::Sought;
use crate::database::{A, B, Scene, prefix};
use crate::format::key::Prefix;
use crate::runner::check;
use crate::write::Stripes;
use loom::cell::UnsafeCell;
use loom::thread;
use std::sync::Arc;

/// An entity on a stripe of its own.
fn entity(stripe: u8) -> Prefix {
    let mut prefix = [0; 20];
    prefix[12] = stripe;
    prefix
}

/// Who is hurt: whoever wrote the row that another batch did not see.
pub(super) fn batches_that_share_a_stripe_never_overlap() {
    check(|| {
        let shared = Arc::new((Stripes::new(), UnsafeCell::new(0)));
        let write = |own: u8| {
            let shared = shared.clone();
            move || {
                let _held = shared.0.lock([entity(own), entity(5)].iter());
                // The checker panics where two threads are in here without an order.
                shared.1.with_mut(|_row| {});
            }
        };
        let other = thread::spawn(write(3));
        write(7)();
        other.join().expect("a batch ends");
    });
}

/// Who is hurt: every writer, for ever.
pub(super) fn stripes_in_any_order_never_deadlock() {
    check(|| {
        let stripes = Arc::new(Stripes::new());
        let threads = [[1, 2, 1], [2, 1, 1]].map(|order| {
            let stripes = stripes.clone();
            thread::spawn(move || {
                let entities = order.map(entity);
                assert_eq!(stripes.lock(entities.iter()).len(), 2);
            })
        });
        for thread in threads {
            thread.join().expect("a batch ends");
        }
    });
}

/// A row is read, from memory if it is there, joined, and written back, as in `Writer::submit`.
pub(super) fn a_batch_joins_what_the_last_one_left() {
    check(|| {
        let shared = Arc::new((Stripes::new(), Scene::warm(1)));
        let write = || {
            let shared = shared.clone();
            move || {
                let (stripes, scene) = &*shared;
                let both = [prefix(A), prefix(B)];
                let _held = stripes.lock(both.iter());
                if let (Sought::Hit(_), version) = scene.look(A) {
                    let stored = scene.database.snapshot().of(A);
                    assert_eq!(version, stored, "joined with a row that is not the latest");
                }
                scene.write(&[A]);
            }
        };
        let other = thread::spawn(write());
        write()();
        other.join().expect("a batch ends");
        shared.1.check_at_the_end();
        assert_eq!(shared.1.database.snapshot().of(A), 3, "a row was lost");
    });
}
