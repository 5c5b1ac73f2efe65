//! What an acknowledged write is told, and what a closed store says.

use crate::weather::{World, at, put, temp, weather};
use asof::*;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

fn batch(world: &World, hour: i64) -> WriteBatch {
    let mut batch = WriteBatch::new();
    put("EWR", at(hour), hour as f64).add(&mut batch, &world.view());
    batch
}

#[test]
fn a_ticket_tells_by_waiting() {
    let world = World::with(weather());
    let ticket = world
        .store
        .submit(batch(&world, 6), WriteOptions::synced())
        .unwrap();
    assert_eq!(world.temp("EWR"), Some(6.0), "a submitted write is visible");
    assert_eq!(ticket.wait().unwrap().applied, 1);
}

#[test]
fn a_ticket_tells_by_trying() {
    let world = World::with(weather());
    let ticket = world
        .store
        .submit(batch(&world, 6), WriteOptions::synced())
        .unwrap();
    let receipt = (0..10_000)
        .find_map(|_| {
            std::thread::sleep(Duration::from_millis(1));
            ticket.try_wait()
        })
        .expect("a sync takes less than ten seconds");
    assert_eq!(receipt.unwrap().applied, 1);
    // A buffered write asks for nothing more.
    let ticket = world
        .store
        .submit(batch(&world, 7), WriteOptions::buffered())
        .unwrap();
    assert_eq!(ticket.try_wait().unwrap().unwrap().applied, 1);
}

/// Stands still where the syncing thread asks it, while the test holds the lock.
struct SyncsWhenLetTo(Mutex<()>);

impl Clock for SyncsWhenLetTo {
    fn now(&self) -> Timestamp {
        if std::thread::current().name() == Some("asof-sync") {
            drop(self.0.lock());
        }
        at(12)
    }
}

fn syncs_when_let_to() -> (Arc<SyncsWhenLetTo>, World) {
    let clock = Arc::new(SyncsWhenLetTo(Mutex::new(())));
    let directory = tempfile::tempdir().unwrap();
    let options = StoreOptions::new().create_if_missing(true);
    let store = options.clock(clock.clone()).open(directory.path()).unwrap();
    store.apply(weather().build().unwrap()).unwrap();
    let world = World {
        clock: Arc::new(ManualClock::at(at(12))),
        store,
        directory,
    };
    (clock, world)
}

#[test]
fn nobody_is_told_that_a_write_is_durable_while_its_sync_is_under_way() {
    // Who is hurt: whoever was told so, and loses power a moment later.
    let (clock, world) = syncs_when_let_to();
    let not_yet = clock.0.lock().unwrap();
    std::thread::scope(|scope| {
        let (tell, told) = channel();
        let world = &world;
        scope.spawn(move || {
            let written = world.store.write(batch(world, 6), WriteOptions::synced());
            tell.send(written).unwrap();
        });
        let early = told.recv_timeout(Duration::from_millis(300));
        drop(not_yet);
        early.expect_err("it is told while the syncing thread stands still");
        assert_eq!(told.recv().unwrap().unwrap().applied, 1);
    });
}

struct Bell(Mutex<Sender<()>>);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.lock().unwrap().send(()).unwrap();
    }
}

#[test]
fn a_ticket_is_a_future_that_wakes_its_task() {
    // Who is hurt: an async host, which would block a thread per fsync or sleep for ever.
    let (clock, world) = syncs_when_let_to();
    let (ring, rung) = channel();
    let waker = Waker::from(Arc::new(Bell(Mutex::new(ring))));
    for n in 0..50 {
        let mut not_yet = Some(clock.0.lock().unwrap());
        let mut ticket = std::pin::pin!(
            world
                .store
                .submit(batch(&world, 6 + n % 5), WriteOptions::synced())
                .unwrap()
        );
        loop {
            match ticket.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(receipt) => {
                    assert!(not_yet.is_none(), "it is not synced yet");
                    break assert_eq!(receipt.unwrap().rows, 1);
                }
                Poll::Pending => {
                    not_yet.take();
                    rung.recv_timeout(Duration::from_secs(10))
                        .expect("the task is woken");
                }
            }
        }
    }
}

#[test]
fn a_closed_store_takes_no_writes_and_says_so() {
    // Who is hurt: a thread that goes on writing to a store another has closed.
    let world = World::with(weather());
    let other = world.store.clone();
    let pending = world
        .store
        .submit(batch(&world, 6), WriteOptions::synced())
        .unwrap();
    world.store.clone().close().unwrap();
    assert_eq!(
        pending.wait().unwrap().applied,
        1,
        "what was submitted before is durable"
    );
    for error in [
        other
            .write(batch(&world, 7), WriteOptions::synced())
            .unwrap_err(),
        other
            .submit(batch(&world, 7), WriteOptions::buffered())
            .unwrap_err(),
        other.apply(weather().build().unwrap()).unwrap_err(),
        other.sync().unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Closed, "{error}");
    }
    other.close().unwrap();
    assert_eq!(world.temp("EWR"), Some(6.0), "it can still be read");
}

#[test]
fn a_close_amid_writes_is_no_fault() {
    // Who is hurt: whoever is paged for an I/O fault, because a service was shut down.
    for _ in 0..12 {
        let world = World::with(weather());
        let is_closed = |error: &Error| assert_eq!(error.kind(), ErrorKind::Closed, "{error}");
        let started = std::sync::Barrier::new(4);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let write = || world.store.write(batch(&world, 6), WriteOptions::synced());
                    write().unwrap();
                    started.wait();
                    is_closed(&std::iter::repeat_with(write).find_map(Result::err).unwrap());
                });
            }
            started.wait();
            world.store.clone().close().unwrap();
        });
        is_closed(&world.store.sync().unwrap_err());
    }
}

#[test]
fn rows_survive_a_close_and_a_drop() {
    // Who is hurt: everybody.
    let mut world = World::with(weather());
    for (hour, options) in [(6, WriteOptions::synced()), (7, WriteOptions::buffered())] {
        world.store.write(batch(&world, hour), options).unwrap();
        let digest = world.store.digest(&world.view()).unwrap();
        world = world.reopen();
        assert_eq!(world.temp("EWR"), Some(hour as f64));
        assert_eq!(world.store.digest(&world.view()).unwrap(), digest);
    }
    world
        .store
        .write(batch(&world, 8), WriteOptions::buffered())
        .unwrap();
    let (clock, path) = (world.clock.clone(), world.path());
    let World {
        store, directory, ..
    } = world;
    drop(store);
    let store = StoreOptions::new().clock(clock).open(path).unwrap();
    let view = store.view("weather").unwrap();
    assert_eq!(
        temp(
            &store,
            &view,
            &view.entity(["EWR"]).unwrap(),
            Question::latest()
        ),
        Some(8.0)
    );
    drop((store, directory));
}

#[test]
fn rows_behind_a_fence_are_counted_and_kept_out() {
    // Who is hurt: a person who was erased and comes back with a replay of the log.
    let world = World::with(weather());
    let fence = (vec![Value::from("EWR")], at(8), None);
    world
        .store
        .restore_bounds(&world.view(), None, &[fence])
        .unwrap();
    let fenced = world.write(put("EWR", at(6), 1.0).recorded(at(8)));
    assert_eq!((fenced.rows, fenced.fenced, fenced.applied), (1, 1, 0));
    assert_eq!(world.temp("EWR"), None);
    let world = world.reopen();
    // Fences join by maximum: an earlier one changes nothing.
    let earlier = (vec![Value::from("EWR")], at(5), None);
    world
        .store
        .restore_bounds(&world.view(), None, &[earlier])
        .unwrap();
    assert_eq!(
        world.write(put("EWR", at(6), 1.0).recorded(at(8))).fenced,
        1
    );
    assert_eq!(
        world.write(put("JFK", at(6), 1.0).recorded(at(8))).applied,
        1
    );
    let after = at(8).saturating_add(Span::micros(1));
    assert_eq!(
        world.write(put("EWR", at(6), 2.0).recorded(after)).applied,
        1
    );
    assert_eq!(world.temp("EWR"), Some(2.0));
    assert_eq!(world.store.fences(&world.view()).unwrap().len(), 1);
}

/// Fails where the syncing thread asks it, once told to: the nearest thing to a disk that is gone.
struct FailsWhileSyncing(AtomicBool);

impl Clock for FailsWhileSyncing {
    fn now(&self) -> Timestamp {
        let is_syncing = std::thread::current().name() == Some("asof-sync");
        assert!(!(is_syncing && self.0.load(Ordering::SeqCst)), "no sync");
        at(12)
    }
}

#[test]
fn after_a_failed_sync_nothing_is_taken_until_the_store_is_reopened() {
    // Who is hurt: whoever believes a success that stands on pages which the failed fsync lost.
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(FailsWhileSyncing(AtomicBool::new(false)));
    let open = || {
        let options = StoreOptions::new().create_if_missing(true);
        options.clock(clock.clone()).open(directory.path())
    };
    let store = open().unwrap();
    store.apply(weather().build().unwrap()).unwrap();
    let write = |store: &Store, hour: i64, options: WriteOptions| {
        let mut batch = WriteBatch::new();
        let row = put("EWR", at(hour), hour as f64);
        row.add(&mut batch, &store.view("weather").unwrap());
        store.write(batch, options)
    };
    assert_eq!(write(&store, 6, WriteOptions::synced()).unwrap().applied, 1);

    clock.0.store(true, Ordering::SeqCst);
    write(&store, 7, WriteOptions::synced()).expect_err("it was not synced");
    clock.0.store(false, Ordering::SeqCst);
    for options in [WriteOptions::synced(), WriteOptions::buffered()] {
        let error = write(&store, 8, options).expect_err("the store is poisoned");
        assert_eq!(error.kind(), ErrorKind::Poisoned, "{error}");
    }
    drop(store);
    let store = open().unwrap();
    let again = write(&store, 7, WriteOptions::synced()).unwrap();
    assert_eq!(again.applied + again.duplicate, 1);
    assert_eq!(write(&store, 8, WriteOptions::synced()).unwrap().applied, 1);
}
