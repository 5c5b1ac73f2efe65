//! A store after a fork: an error in the child, and no harm to the parent.

use crate::weather::{World, at, put, weather};
use asof::*;

/// Seconds after which a child that hangs is ended by a signal, which fails its test.
const PATIENCE: u32 = 20;

/// Runs `work` in a fork of this process. True when it returned true there; false when it returned
/// false, panicked, or was ended.
#[expect(unsafe_code, reason = "a fork is a call of the system")]
fn forked(work: impl FnOnce() -> bool) -> bool {
    // SAFETY: the child runs `work` and ends by `_exit`: it never returns into the test harness,
    // whose threads it does not have. glibc makes its allocator usable in the child.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "fork failed");
    if child == 0 {
        // SAFETY: an alarm that nobody handles ends this process, which is what it is for.
        unsafe { libc::alarm(PATIENCE) };
        let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        // SAFETY: ends the child at once, without destructors of what belongs to the parent.
        unsafe { libc::_exit(i32::from(!matches!(ran, Ok(true)))) };
    }
    let mut status = 0;
    // SAFETY: waits for the child made above; `status` outlives the call.
    let waited = unsafe { libc::waitpid(child, &mut status, 0) };
    assert_eq!(waited, child);
    libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0
}

fn is_forked<T>(result: Result<T>) -> bool {
    result.is_err_and(|error| error.kind() == ErrorKind::Forked && !error.is_retryable())
}

#[test]
fn a_store_in_a_forked_child_refuses_instead_of_hanging() {
    // Who is hurt: a pre-forking server that opened its store too early, and stands still.
    let world = World::with(weather());
    world.write(put("EWR", at(6), 1.0));
    let (view, newark) = (world.view(), world.entity("EWR"));
    let mut batch = WriteBatch::new();
    batch.put(&view, &newark, at(7)).finish().unwrap();
    let mut later = WriteBatch::new();
    later.put(&view, &newark, at(8)).finish().unwrap();
    let ticket = world.store.submit(later, WriteOptions::synced()).unwrap();
    ticket.wait().unwrap();
    let mut last = WriteBatch::new();
    last.put(&view, &newark, at(9)).finish().unwrap();
    let ticket = world.store.submit(last, WriteOptions::synced()).unwrap();
    let store = &world.store;
    assert!(forked(|| {
        is_forked(store.submit(batch, WriteOptions::buffered()))
            && is_forked(store.write(WriteBatch::new(), WriteOptions::synced()))
            && is_forked(store.sync())
            && is_forked(store.apply(weather().build().unwrap()))
            && is_forked(store.restore_bounds(&view, None, &[]))
            && is_forked(store.erase(&view, &newark, EraseOptions::new()))
            && is_forked(store.check_erase(&view, &newark, EraseOptions::new()))
            && is_forked(store.compact())
            && ticket.try_wait().is_some_and(is_forked)
            && is_forked(ticket.wait())
            && is_forked(store.clone().close())
    }));
    // The parent has not noticed anything.
    world.write(put("EWR", at(10), 2.0));
    assert_eq!(world.temp("EWR"), Some(2.0));
    world.store.sync().unwrap();
    assert_eq!(world.reopen().temp("EWR"), Some(2.0));
}

#[test]
fn a_child_that_drops_its_copy_leaves_the_parents_store_alone() {
    // Who is hurt: a test suite whose forked helper ends, and takes the temporary store with it.
    let store = Store::temp().unwrap();
    store.apply(weather().build().unwrap()).unwrap();
    let path = store.path().to_owned();
    let mut held = Some(store);
    assert!(forked(|| {
        drop(held.take());
        path.join("db").exists()
    }));
    let store = held.expect("the parent's copy is its own");
    assert!(store.path().join("asof.store").exists());
    let view = store.view("weather").unwrap();
    let mut batch = WriteBatch::new();
    let newark = view.entity(["EWR"]).unwrap();
    batch.put(&view, &newark, at(6)).finish().unwrap();
    store.write(batch, WriteOptions::synced()).unwrap();
    // Still locked by the parent, though the child has gone.
    let error = Store::open(store.path()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
    store.close().unwrap();
}

#[test]
fn a_store_that_was_closed_is_free_though_a_child_was_forked_while_it_was_open() {
    // Who is hurt: a process that closes its store and opens it again while another thread of it starts
    // a program: for a moment that child has a copy of the lock.
    let world = World::with(weather());
    // SAFETY: the child calls nothing but `pause`, and is ended below; an alarm ends it in any case.
    #[expect(unsafe_code, reason = "a fork is a call of the system")]
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "fork failed");
    if child == 0 {
        // SAFETY: as above.
        #[expect(unsafe_code, reason = "a fork is a call of the system")]
        unsafe {
            libc::alarm(PATIENCE);
            libc::pause();
            libc::_exit(0);
        }
    }
    let reopened = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| world.reopen()));
    // SAFETY: the child made above is ended and waited for.
    #[expect(unsafe_code, reason = "a fork is a call of the system")]
    unsafe {
        libc::kill(child, libc::SIGKILL);
        libc::waitpid(child, std::ptr::null_mut(), 0);
    }
    assert!(reopened.is_ok(), "the store is still locked");
}
