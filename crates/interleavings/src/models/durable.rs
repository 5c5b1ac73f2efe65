//! What a ticket promises, and that nobody waits for one in vain.

use crate::error::{Error, ErrorKind, Result};
use crate::runner::check;
use crate::sync::time_passes;
use crate::write::{Syncer, Ticket, ticket};
use loom::future::block_on;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;
use std::sync::Arc;

/// A log of numbered batches, how far it is on the disk, and who syncs it.
struct Scene {
    syncer: Arc<Syncer>,
    written: AtomicU64,
    durable: AtomicU64,
    syncs: AtomicU64,
    rests: AtomicU64,
    /// How a sync ends.
    outcome: fn() -> Result<()>,
}

impl Scene {
    fn new(outcome: fn() -> Result<()>) -> Arc<Scene> {
        Arc::new(Scene {
            syncer: Arc::default(),
            written: AtomicU64::new(0),
            durable: AtomicU64::new(0),
            syncs: AtomicU64::new(0),
            rests: AtomicU64::new(0),
            outcome,
        })
    }

    /// A sync makes durable what was in the log as it began.
    fn sync(&self) -> Result<()> {
        let covers = self.written.load(Ordering::Acquire);
        self.syncs.fetch_add(1, Ordering::Relaxed);
        (self.outcome)()?;
        self.durable.store(covers, Ordering::Release);
        Ok(())
    }

    fn start(self: &Arc<Self>) -> thread::JoinHandle<()> {
        let scene = self.clone();
        thread::spawn(move || {
            let rest = || {
                scene.rests.fetch_add(1, Ordering::Relaxed);
            };
            scene.syncer.run(|| scene.sync(), rest, || {});
        })
    }

    /// Writes a batch into the log, and then numbers it. The place in the log, and the ticket.
    fn submit(&self) -> (u64, Ticket) {
        let place = self.written.fetch_add(1, Ordering::AcqRel) + 1;
        (place, ticket(&self.syncer, self.syncer.committed()))
    }

    fn check_durable(&self, place: u64) {
        let durable = self.durable.load(Ordering::Relaxed);
        assert!(durable >= place, "told before it was durable");
    }

    fn end(&self, syncer: thread::JoinHandle<()>) {
        self.syncer.stop();
        syncer.join().expect("a syncer ends");
    }
}

fn well() -> Result<()> {
    Ok(())
}

fn broken() -> Result<()> {
    Err(Error::new(ErrorKind::Io, "the disk is gone"))
}

/// One thread waits, as by `Ticket::wait`, another looks now and then, as by `Ticket::try_wait`.
pub(super) fn a_ticket_is_ready_only_after_a_sync_that_covers_it() {
    check(|| {
        let scene = Scene::new(well);
        let syncer = scene.start();
        let of_another = scene.clone();
        let another = thread::spawn(move || {
            let (place, ticket) = of_another.submit();
            if let Some(told) = ticket.try_wait() {
                told.expect("no sync fails");
                of_another.check_durable(place);
            }
        });
        let (place, ticket) = scene.submit();
        ticket.wait().expect("no sync fails");
        scene.check_durable(place);
        another.join().expect("a writer ends");
        scene.end(syncer);
    });
}

pub(super) fn an_awaited_ticket_is_ready_only_after_a_sync_that_covers_it() {
    check(|| {
        let scene = Scene::new(well);
        let syncer = scene.start();
        let of_another = scene.clone();
        let another = thread::spawn(move || {
            let (place, ticket) = of_another.submit();
            block_on(ticket).expect("no sync fails");
            of_another.check_durable(place);
        });
        let (place, ticket) = scene.submit();
        block_on(ticket).expect("no sync fails");
        scene.check_durable(place);
        another.join().expect("a writer ends");
        scene.end(syncer);
    });
}

/// The store is closed while one waits and another awaits. The checker finds who sleeps for ever.
pub(super) fn no_waiter_sleeps_for_ever() {
    check(|| {
        let scene = Scene::new(well);
        let syncer = scene.start();
        let of_one = scene.clone();
        let one = thread::spawn(move || {
            let (place, ticket) = of_one.submit();
            check_closed_or_durable(&of_one, place, ticket.wait().map(drop));
        });
        let of_other = scene.clone();
        let other = thread::spawn(move || {
            let (place, ticket) = of_other.submit();
            check_closed_or_durable(&of_other, place, block_on(ticket).map(drop));
        });
        scene.end(syncer);
        one.join().expect("a waiter ends");
        other.join().expect("a waiter ends");
    });
}

fn check_closed_or_durable(scene: &Scene, place: u64, told: Result<()>) {
    match told {
        Ok(()) => scene.check_durable(place),
        Err(error) => assert_eq!(error.kind(), ErrorKind::Closed),
    }
}

pub(super) fn a_failed_sync_reaches_every_waiter_it_covers() {
    check(|| {
        let scene = Scene::new(broken);
        let syncer = scene.start();
        let of_another = scene.clone();
        let another = thread::spawn(move || {
            let (_, ticket) = of_another.submit();
            let error = block_on(ticket).expect_err("nothing is durable");
            assert_eq!(error.kind(), ErrorKind::Io);
        });
        let (_, ticket) = scene.submit();
        let error = ticket.wait().expect_err("nothing is durable");
        assert_eq!(error.kind(), ErrorKind::Io);
        another.join().expect("a waiter ends");
        let again = scene.submit().1.wait();
        assert_eq!(again.expect_err("nor later").kind(), ErrorKind::Io);
        scene.end(syncer);
        let syncs = scene.syncs.load(Ordering::Relaxed);
        assert_eq!(syncs, 1, "a sync that failed was tried again");
    });
}

/// Another thread meets a fault, as when the positions of logs cannot be written.
pub(super) fn a_failure_from_elsewhere_reaches_every_waiter() {
    check(|| {
        let scene = Scene::new(well);
        let syncer = scene.start();
        let of_another = scene.clone();
        let another = thread::spawn(move || {
            let (place, ticket) = of_another.submit();
            match block_on(ticket) {
                Ok(_) => of_another.check_durable(place),
                Err(error) => assert_eq!(error.kind(), ErrorKind::Io),
            }
        });
        let fault = Error::new(ErrorKind::Io, "the disk is gone");
        scene.syncer.fail(&fault);
        // Nothing becomes durable by a sync that began later.
        let (place, ticket) = scene.submit();
        match ticket.wait() {
            Ok(_) => scene.check_durable(place),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Io),
        }
        another.join().expect("a waiter ends");
        scene.end(syncer);
    });
}

/// The same of a lull, before anything was synced.
pub(super) fn a_lull_misses_nobody_who_wants_a_sync() {
    check(|| {
        let scene = Scene::new(well);
        let syncer = scene.start();
        time_passes();
        let (place, ticket) = scene.submit();
        ticket.wait().expect("no sync fails");
        scene.check_durable(place);
        scene.end(syncer);
    });
}

/// The syncer lets go of its lock for a rest, and somebody may want a sync meanwhile.
pub(super) fn a_rest_misses_nobody_who_wants_a_sync() {
    check(|| {
        let scene = Scene::new(well);
        let syncer = scene.start();
        scene.submit().1.wait().expect("no sync fails");
        time_passes();
        let (place, ticket) = scene.submit();
        ticket.wait().expect("no sync fails");
        scene.check_durable(place);
        scene.end(syncer);
        assert!(
            scene.rests.load(Ordering::Relaxed) <= 1,
            "one pause, one rest"
        );
    });
}
