//! Iterators over the versions of one entity, kept and used again.
//!
//! To make an iterator costs RocksDB more than the seek it is made for. One that is refreshed sees
//! all that was committed before the refresh, and costs a fraction while the set of files and
//! memtables is the one it was made with. While nothing is committed it need not even be refreshed.
//!
//! An idle iterator keeps alive the files and memtables it was made with. They are let go of after
//! some megabytes of commits, in every lull of the syncs, before files are unlinked, and when the
//! database is compacted or closed.
//! Nobody waits for one: a reader who finds its place taken makes an iterator of its own.

#![expect(
    unsafe_code,
    reason = "an iterator that stands beside the database it reads borrows from its neighbour, and \
              the crate has no safe call that waits until what one held is unlinked"
)]

use super::checksum::take_text;
use super::commits::{Commits, Seen};
use super::{Cursor, Family, Kv, Walk};
use crate::error::{Error, ErrorKind, Result};
use librocksdb_sys as ffi;
use parking_lot::Mutex;
use rocksdb::AsRawPtr;
use std::ffi::c_char;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// So many threads read at once without getting in each other's way.
const PLACES: usize = 16;

/// After so many bytes of commits idle iterators are dropped: far fewer than fill a memtable.
const COMMITTED_BYTES_MAX: u64 = 4 << 20;

/// After so many reads an iterator is refreshed though nothing was committed, so that it lets go of
/// files that were merged meanwhile. A lull lets go of the others: it does not meet one that is in use.
const UNREFRESHED_MAX: u32 = 1_000;

/// Alone on its cache lines: threads write to it on every read.
#[derive(Default)]
#[repr(align(128))]
struct Place(Mutex<Option<Kept>>);

struct Kept {
    cursor: Cursor<'static>,
    seen: Seen,
    /// Since it last looked.
    reads: u32,
}

impl Kept {
    /// Has it see everything that is committed by now.
    fn look_again(&mut self, commits: &Commits) -> Result<()> {
        self.reads += 1;
        if commits.are_seen(self.seen) && self.reads < UNREFRESHED_MAX {
            return Ok(());
        }
        self.reads = 0;
        let refreshed;
        (self.seen, refreshed) = commits.look(|| self.cursor.refresh());
        refreshed
    }
}

/// The iterators of one database. It stands before the database in [`Kv`], and so is dropped first.
pub(super) struct Idle {
    places: [Place; PLACES],
    committed: AtomicU64,
    /// An iterator over a database that is only looked at cannot be refreshed.
    keeps: bool,
}

impl Idle {
    pub(super) fn new(keeps: bool) -> Idle {
        Idle {
            places: Default::default(),
            committed: AtomicU64::new(0),
            keeps,
        }
    }

    /// Lets go of all of them, and waits for those that are in use: it must not stand where a reader
    /// or a writer would wait with it.
    pub(super) fn release(&self) {
        for place in &self.places {
            let idle = place.0.lock().take();
            drop(idle);
        }
    }

    /// Counts what is committed, and lets go from time to time of what nobody is using. Whoever is
    /// using one refreshes it at the next read.
    pub(super) fn committed(&self, bytes: usize) {
        let bytes = bytes as u64;
        let before = self.committed.fetch_add(bytes, Ordering::Relaxed);
        if before / COMMITTED_BYTES_MAX == before.wrapping_add(bytes) / COMMITTED_BYTES_MAX {
            return;
        }
        self.drop_unused();
    }

    fn drop_unused(&self) {
        for place in &self.places {
            let idle = place.0.try_lock().and_then(|mut place| place.take());
            drop(idle);
        }
    }
}

/// The place of this thread. Threads share places when there are more of them than places.
fn place_of_thread() -> usize {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static MINE: usize = THREADS.fetch_add(1, Ordering::Relaxed) % PLACES;
    }
    // A thread that is ending has no number any more.
    MINE.try_with(|mine| *mine).unwrap_or(0)
}

impl Kv {
    /// Runs a walk over versions as they are now. The walk takes a cursor of any lifetime, and so can
    /// neither keep it nor put another in its place.
    pub(super) fn walk_now<T>(&self, walk: impl FnOnce(&mut Cursor<'_>) -> Result<T>) -> Result<T> {
        let place = self.idle.places.get(place_of_thread());
        let place = place.filter(|_| self.idle.keeps);
        let Some(mut place) = place.and_then(|place| place.0.try_lock()) else {
            return walk(&mut self.versions_of_entity());
        };
        let commits = &self.durable.commits;
        let looked = place.as_mut().map(|kept| kept.look_again(commits));
        let walked = looked.transpose().and_then(|_| {
            let kept = place.get_or_insert_with(|| {
                let (seen, cursor) = commits.look(|| self.versions_of_entity());
                // SAFETY: only the lifetime changes. `Idle` stands before the database in `Kv` and
                // never leaves it, so that every cursor in it is dropped while the database lives;
                // the database is on the heap, where moving `Kv` leaves it.
                let cursor = unsafe { std::mem::transmute::<Cursor<'_>, Cursor<'static>>(cursor) };
                Kept {
                    cursor,
                    seen,
                    reads: 0,
                }
            });
            walk(&mut kept.cursor)
        });
        if walked.is_err() {
            // Whatever state it is in, nobody inherits it.
            *place = None;
        }
        walked
    }

    /// Lets go of what nobody is using, and of the files that were merged since it was made. It costs no
    /// reader more than another iterator.
    pub(crate) fn drop_idle(&self) {
        self.idle.drop_unused();
    }

    /// Lets go of every iterator that is kept, and waits until the files that only they held are
    /// unlinked: RocksDB leaves that to a thread of its own.
    pub(super) fn let_go(&self, micros_max: u64) -> Result<()> {
        self.idle.release();
        let mut message: *mut c_char = std::ptr::null_mut();
        // SAFETY: the database is open for the whole call, the options are made and destroyed here,
        // and `message` is null or a C string that becomes ours to free.
        let text = unsafe {
            let options = ffi::rocksdb_wait_for_compact_options_create();
            ffi::rocksdb_wait_for_compact_options_set_abort_on_pause(options, 1);
            ffi::rocksdb_wait_for_compact_options_set_timeout(options, micros_max);
            ffi::rocksdb_wait_for_compact_options_set_wait_for_purge(options, 1);
            ffi::rocksdb_wait_for_compact(self.db.as_raw_ptr(), options, &raw mut message);
            ffi::rocksdb_wait_for_compact_options_destroy(options);
            take_text(message)
        };
        match text {
            None => Ok(()),
            Some(text) => Err(Error::new(
                ErrorKind::Io,
                format!(
                    "waiting for obsolete files to be removed failed ({text}); reopen the store; \
                     writing again is always safe"
                ),
            )),
        }
    }

    fn versions_of_entity(&self) -> Cursor<'_> {
        self.cursor(Family::History, Walk::Entity, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kv::KvOptions;

    const ENTITY: &[u8] = &[7; 20];

    fn database(dir: &std::path::Path) -> Kv {
        let options = KvOptions {
            block_cache_bytes: 1 << 20,
            memtable_bytes: 1 << 20,
            memtables_bytes: 6 << 20,
            logs_may_be_cut: false,
            tag: Default::default(),
            merges: true,
        };
        Kv::open(dir, true, &options).unwrap()
    }

    fn write(kv: &Kv, last: u8) {
        let mut batch = rocksdb::WriteBatch::default();
        let key = [ENTITY, &[last]].concat();
        batch.put_cf(kv.family(Family::History), key, b"a version");
        kv.db.write(batch).unwrap();
    }

    fn versions(kv: &Kv) -> usize {
        kv.walk_now(|cursor| {
            let mut found = 0;
            cursor.seek(ENTITY)?;
            while cursor.item_in(ENTITY).is_some() {
                found += 1;
                cursor.next()?;
            }
            Ok(found)
        })
        .unwrap()
    }

    #[test]
    fn what_was_under_way_when_an_iterator_looked_is_seen_once_it_is_there() {
        // Who is hurt: whoever reads an event as the latest, and does not find it in the past.
        let dir = tempfile::tempdir().unwrap();
        let kv = database(dir.path());
        let commits = &kv.durable.commits;
        assert_eq!(versions(&kv), 0);
        commits.during(|| {
            assert_eq!(versions(&kv), 0, "it has not been written yet");
            write(&kv, 1);
            assert_eq!(versions(&kv), 1, "it is there, and not finished yet");
            commits.during(|| {
                assert_eq!(versions(&kv), 1, "the other has not been written yet");
                write(&kv, 2);
            });
            assert_eq!(versions(&kv), 2);
        });
        assert_eq!(versions(&kv), 2);
    }

    #[test]
    fn an_iterator_is_refreshed_from_time_to_time_though_nothing_is_committed() {
        // Who is hurt: a store that is only read, whose disk keeps the files that were merged.
        let dir = tempfile::tempdir().unwrap();
        let kv = database(dir.path());
        assert_eq!(versions(&kv), 0);
        write(&kv, 1);
        assert_eq!(
            versions(&kv),
            0,
            "nothing was counted, so nothing is refreshed"
        );
        let reads = (1..2 * UNREFRESHED_MAX).take_while(|_| versions(&kv) == 0);
        assert_eq!(reads.count(), UNREFRESHED_MAX as usize - 2);
    }

    #[test]
    fn files_that_were_merged_leave_the_disk_once_idle_iterators_are_dropped() {
        // Who is hurt: a store that is hardly read, whose disk keeps the files that were merged.
        let dir = tempfile::tempdir().unwrap();
        let kv = database(dir.path());
        write(&kv, 1);
        kv.flush().unwrap();
        let files = std::fs::read_dir(dir.path()).unwrap();
        let files = files.map(|file| file.unwrap().path());
        let mut tables = files.filter(|path| path.extension().is_some_and(|end| end == "sst"));
        let table = tables.next().unwrap();
        assert_eq!(versions(&kv), 1);
        kv.merge(Family::History, None, None);
        assert!(table.exists(), "nothing is held: no test");
        kv.drop_idle();
        // RocksDB unlinks it on a thread of its own.
        let is_there = |_: &i32| {
            std::thread::sleep(std::time::Duration::from_millis(20));
            table.exists()
        };
        assert!((0..500).take_while(is_there).count() < 500, "it is there");
    }
}
