//! Opens, wires, closes.

mod background;
mod bounds;
mod budget;
mod directory;
mod erase;
mod examine;
mod files;
mod heap;
mod inspect;
mod loss;
mod newer;
mod open;
mod options;
mod pressure;
mod quarantine;
mod reserve;
mod resident;
mod snapshot;
mod sources;
mod stats;
mod tables;
mod watermark;

pub use budget::Shares;
pub use erase::{EraseOptions, Erased, Erasure};
pub use examine::Examination;
pub use files::{FamilyVerdict, FileVerdict};
pub use inspect::{Progress, VerifyReport};
pub use loss::Loss;
pub use options::StoreOptions;
pub use pressure::{Pressure, PressureLimit};
pub use quarantine::QuarantineFilter;
#[cfg(feature = "text")]
pub use quarantine::{ReplayReport, StillBad};
pub use snapshot::Snapshot;
pub use stats::{
    CacheStats, CensusProgress, FamilyStats, PressureStats, ResidentStats, RowCacheStats, Spread,
    Stats, ViewCensus, ViewStats,
};

use crate::catalog::{Catalog, Entity, View};
use crate::error::{Error, ErrorKind, Result};
use crate::failpoint;
use crate::format::catalog::{NEXT_VIEW_KEY, encode_contract, encode_floor, floor_key, view_key};
use crate::id::{DEFAULT_NAMESPACE, ViewId};
use crate::kv::{Family, Kv};
use crate::read::{Freshness, Lookup, Read, sealed};
use crate::schema::{Change, Contract, ViewDefinition};
use crate::time::{Clock, Timestamp};
use crate::trace;
use crate::write::{Poison, Receipt, Syncer, Ticket, WriteBatch, WriteOptions, Writer};
use parking_lot::Mutex;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An open store: one directory, owned by one process.
///
/// Cheap to clone, and every clone is the same store; share it between threads. Reads go through
/// [`Read`], for the store as it is now or for a [`Snapshot`] of it.
///
/// Open a store after a fork, never across one: the child has none of its threads. A write or a
/// close there fails as [`Forked`](ErrorKind::Forked) instead of waiting for ever, and dropping the
/// copy leaves the parent's store alone; reads are not looked after, and must not be made.
///
/// ```
/// # use asof::*;
/// # fn main() -> Result<()> {
/// # let directory = tempfile::tempdir().expect("a directory");
/// # let path = directory.path().join("features");
/// let store = StoreOptions::new().create_if_missing(true).open(&path)?;
/// let definition = ViewDefinition::builder("weather")
///     .key("origin", Type::String)
///     .feature("temp", Type::F64)
///     .build()?;
/// assert_eq!(store.check(&definition)?, Change::Created); // what `apply` would do
/// store.apply(definition)?;
/// let names: Vec<String> = store.views().iter().map(|view| view.name().into()).collect();
/// assert_eq!(names, ["weather"]);
///
/// // One owner at a time; whoever comes second is told who that is.
/// assert_eq!(Store::open(&path).unwrap_err().kind(), ErrorKind::Locked);
///
/// // Close it to hear of what a drop could not say. What was acknowledged is there again.
/// store.close()?;
/// let store = Store::open(&path)?;
/// let mut batch = WriteBatch::new();
/// let weather = store.view("weather")?;
/// let newark = weather.entity(["EWR"])?;
/// batch.put(&weather, &newark, store.now()).set_value("temp", 39.02).finish()?;
/// store.write(batch, WriteOptions::buffered())?;
/// store.sync()?; // makes all buffered writes durable at once
/// assert!(store.verify(&mut |_| {})?.is_clean());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Store(Arc<Engine>);

// Who waits for whom. Every path takes the locks that it needs from left to right, and none leads
// back, so nobody waits in a circle:
//
//              administration   floors   positions   stripes   quarantine   newest
//   apply            ●
//   restore_bounds   ●────────────●────────────────────●
//   erase            ●─────────────────────────────────●───────────●
//   check_erase                                        ●
//   submit                                             ●───────────●───────────●
//   drop_quarantined                                               ●
//   syncing thread                ●──────────●
//   declare, rewind, skip                    ●
//
// administration  here       one change of the catalog at a time
// floors          Catalog    from reading a floor to putting the next in force, over an fsync
// positions       Sources    the same for positions (`moving`), over an fsync
// stripes         Writer     a latest row from reading to commit; ascending, each once
// quarantine      Writer     its totals, from looking for an entry to the commit
// newest          Writer     the newest event time of windowed views, until the commit
//
// What stands right of these is held for a moment and nobody waits under it: the chains of sources
// before what is shown of them, contracts, fences, floors in force, the state of the syncer, the
// poison; and the keeper of the watermark, over an fsync of its own. Callers wait for the syncing
// thread holding nothing. Wakers are woken outside the syncer's lock, but after a fault under those of
// the call that met it, so a waker may ask its ticket and must not write. A reader takes none of the
// named ones.
struct Engine {
    path: PathBuf,
    found: Examination,
    reserve: Arc<reserve::Reserve>,
    clock: Arc<dyn Clock>,
    writer: Writer,
    /// Serialises changes of the catalog: their order matters.
    administration: Mutex<NextView>,
    syncer: Mutex<Option<std::thread::JoinHandle<()>>>,
    /// Where there is a budget to keep to.
    heap: Mutex<Option<heap::Heap>>,
    // After everything that uses it.
    _lock: directory::Lock,
    _temp: Option<tempfile::TempDir>,
}

struct NextView(u32);

const PANICKED: &str = "the thread that syncs panicked, as it does when the store's Clock panics; what \
                        was not synced may not survive a power cut. Open the store again and write \
                        again, which is always safe";

impl Store {
    /// Opens the store in a directory. [`StoreOptions::create_if_missing`] makes one where there is none.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) where there is none; [`Locked`](ErrorKind::Locked) names the
    /// owner; [`UnsupportedFormat`](ErrorKind::UnsupportedFormat) for a store of a newer format, of which no
    /// byte is changed, and for one in which a newer version has left a row that opening has to read, once the
    /// log was read back; [`Corrupt`](ErrorKind::Corrupt) for a damaged one.
    pub fn open(path: impl AsRef<Path>) -> Result<Store> {
        StoreOptions::new().open(path)
    }

    /// A store of one's own that is gone when its last clone is dropped. For tests.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn temp() -> Result<Store> {
        StoreOptions::new().temp()
    }

    /// The directory it lives in.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    fn kv(&self) -> &Kv {
        &self.0.writer.kv
    }

    fn catalog(&self) -> &Catalog {
        &self.0.writer.catalog
    }

    /// Makes a view be as defined: creates it, or adds the nullable features it does not have yet.
    /// The change is durable when this returns.
    ///
    /// # Errors
    /// [`Incompatible`](ErrorKind::Incompatible) names every difference that stored rows could not
    /// follow.
    pub fn apply(&self, definition: ViewDefinition) -> Result<Change> {
        let _doing = trace::apply(&definition.namespace, &definition.name);
        let writer = &self.0.writer;
        writer.check_alive()?;
        let mut next = self.0.administration.lock();
        // Again: whoever held the lock may have met a fault.
        writer.check_alive()?;
        let known = self.catalog().find(&definition.namespace, &definition.name);
        let (contract, change) = match &known {
            Some(state) => state.contract().redefine(&definition)?,
            None => (Contract::first(ViewId(next.0), definition), Change::Created),
        };
        if change == Change::Unchanged {
            return Ok(change);
        }
        let mut batch = self.kv().batch();
        batch.put(Family::Catalog, &view_key(contract.id()), |out| {
            encode_contract(&contract, out)
        });
        let following = next.0 + u32::from(known.is_none());
        batch.put(Family::Catalog, &NEXT_VIEW_KEY, |out| {
            out.extend(following.to_le_bytes())
        });
        let written = batch.commit().and_then(|()| self.kv().sync());
        written.inspect_err(|error| writer.fail(error))?;
        next.0 = following;
        trace::applied(contract.namespace(), contract.name(), contract.version());
        match known {
            Some(state) => state.replace(contract),
            None => drop(self.catalog().insert(contract)),
        }
        Ok(change)
    }

    /// What [`apply`](Self::apply) would do. Changes nothing.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    pub fn check(&self, definition: &ViewDefinition) -> Result<Change> {
        match self.catalog().find(&definition.namespace, &definition.name) {
            Some(state) => state
                .contract()
                .redefine(definition)
                .map(|(_, change)| change),
            None => Ok(Change::Created),
        }
    }

    /// All views, in the order of namespace and name.
    pub fn views(&self) -> Vec<View> {
        self.catalog().all().into_iter().map(View::of).collect()
    }

    /// A view of the default namespace.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) offers the nearest name.
    pub fn view(&self, name: &str) -> Result<View> {
        self.view_in(DEFAULT_NAMESPACE, name)
    }

    /// A view of a namespace.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) offers the nearest name.
    pub fn view_in(&self, namespace: &str, name: &str) -> Result<View> {
        self.catalog().get(namespace, name).map(View::of)
    }

    /// Writes a batch and waits until it is as durable as the options ask. Once this returns, every
    /// later read in the process sees the batch, whole.
    ///
    /// # Errors
    /// [`Rejected`](ErrorKind::Rejected) for a batch with bad rows, unless they are to be set aside;
    /// [`QuarantineFull`](ErrorKind::QuarantineFull);
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) for a batch with rows of another store's views;
    /// [`Backpressure`](ErrorKind::Backpressure) where writes outrun what is written to disk and the
    /// options say not to wait. After which of them nothing was written stands at
    /// [`ErrorKind`](ErrorKind#was-it-written); writing again is always safe. Of
    /// [`StorageFull`](ErrorKind::StorageFull) more stands at [`StoreOptions::reserve_bytes`].
    pub fn write(&self, batch: WriteBatch, options: WriteOptions) -> Result<Receipt> {
        self.submit(batch, options)?
            .wait()
            .inspect_err(|error| self.0.writer.poison(error))
    }

    /// Writes a batch without waiting for its fsync. It is visible when this returns; the ticket
    /// tells when it is durable.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn submit(&self, batch: WriteBatch, options: WriteOptions) -> Result<Ticket> {
        let _doing = trace::write(batch.len());
        self.0.reserve.check()?;
        self.0.writer.submit(batch, options, self.0.clock.now())
    }

    /// Makes everything written so far durable, and moves the floors of views that keep a window.
    ///
    /// # Errors
    /// [`Io`](ErrorKind::Io); the store then takes no more writes until it is opened again.
    pub fn sync(&self) -> Result<()> {
        self.0.writer.check_alive()?;
        let number = self.0.writer.syncer.committed();
        self.0
            .writer
            .syncer
            .wait(number)
            .inspect_err(|error| self.0.writer.poison(error))
    }

    /// One state of the store, one `now` and one floor per view, for as long as it is kept.
    pub fn snapshot(&self) -> Snapshot<'_> {
        Snapshot::of(self)
    }

    /// Compacts the store completely. It changes no answer; it blocks until it is done. What was
    /// erased is then gone from the files, unless a snapshot or an iterator is still alive.
    ///
    /// # Errors
    /// [`Io`](ErrorKind::Io).
    pub fn compact(&self) -> Result<()> {
        self.0.writer.owner.check()?;
        self.kv().flush()?;
        self.kv().compact();
        self.kv().unlink()
    }

    /// Makes everything durable, writes out what is in memory and stops. Other clones of the store
    /// take no writes from then on.
    ///
    /// # Errors
    /// What went wrong on the way, which a drop would not say. All that was acknowledged as synced is
    /// durable all the same.
    pub fn close(self) -> Result<()> {
        self.0.close()
    }
}

impl Engine {
    fn close(&self) -> Result<()> {
        self.writer.owner.check()?;
        let Some(syncer) = self.syncer.lock().take() else {
            return Ok(());
        };
        if syncer.thread().id() == std::thread::current().id() {
            // The last handle was dropped by a waker, on the thread that would be waited for.
            self.writer.syncer.stop();
            return Ok(());
        }
        // A store that was only read is left as it is: its floors do not move with the clock.
        let synced = match self.writer.syncer.newest() {
            0 => Ok(()),
            number => self.writer.syncer.wait(number),
        };
        self.writer.syncer.stop();
        syncer
            .join()
            .map_err(|_| Error::new(ErrorKind::Io, PANICKED))?;
        let closed = || {
            (
                ErrorKind::Closed,
                "the store was closed by this or another of its handles; open it again".to_string(),
            )
        };
        self.writer.poison.set_to(closed);
        drop(self.heap.lock().take());
        trace::closed(&self.path);
        synced?;
        self.writer.kv.flush()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if !self.writer.owner.is_here() {
            // The copy that a fork made. To close it would wait for threads that were not copied, and
            // to tidy up would remove the parent's directory under its feet.
            std::mem::forget(self.writer.kv.clone());
            std::mem::forget(self.syncer.get_mut().take());
            if let Some(heap) = self.heap.get_mut().take() {
                heap.forget();
            }
            std::mem::forget(self._temp.take());
            return;
        }
        // Errors are what close() is for; here only the thread must end.
        let _unsaid: Result<()> = self.close();
        self.writer.kv.stop();
    }
}

/// Makes everything in the log durable, after moving the floors that are due; then they are in force.
/// Positions move after it: they never lead what they speak of.
fn sync(kv: &Kv, catalog: &Catalog, now: Timestamp) -> Result<()> {
    let _doing = trace::sync();
    // From reading a floor to putting the next in force nobody else may: it would move back.
    let _floors = catalog.floors.lock();
    let mut positions = sources::Advance::begin(&catalog.sources);
    let mut batch = kv.batch();
    let mut due = Vec::new();
    for view in catalog.all() {
        if let Some(floor) = view.floor_due(now) {
            let horizon = view.contract().horizon(Some(floor));
            batch.put(Family::Catalog, &floor_key(view.id), |out| {
                encode_floor(floor, horizon, out)
            });
            due.push((view, floor));
        }
    }
    if !batch.is_empty() {
        batch.commit()?;
    }
    failpoint::pass("sync.before_fsync");
    kv.sync()?;
    failpoint::pass("sync.after_fsync");
    for (view, floor) in due {
        view.raise_floor(floor);
        let contract = view.contract();
        trace::floor_moved(contract.namespace(), contract.name(), floor.micros());
    }
    positions.finish(kv)
}

impl sealed::Source for Store {
    #[inline]
    fn lookup(&self) -> Lookup<'_> {
        Lookup {
            kv: self.kv(),
            caches: Some(&self.0.writer.caches),
            at: None,
            floors: None,
            now: self.0.clock.now(),
            freshness: Freshness::InForce(&self.catalog().sources),
            opened: self.catalog().opened,
        }
    }

    #[inline]
    fn expect(&self, entity: &Entity) {
        if let Some(cache) = self.0.writer.caches.of(entity.view().is_resident) {
            cache.expect(entity.prefix());
        }
    }
}

impl Read for Store {}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({})", self.0.path.display())
    }
}

/// What the syncing thread needs.
struct Syncing {
    syncer: Arc<Syncer>,
    kv: Arc<Kv>,
    catalog: Arc<Catalog>,
    clock: Arc<dyn Clock>,
    poison: Poison,
}

impl Syncing {
    fn start(self) -> Result<std::thread::JoinHandle<()>> {
        background::spawn("asof-sync", move || {
            let ran = std::panic::catch_unwind(AssertUnwindSafe(|| {
                let doing = || {
                    let synced = sync(&self.kv, &self.catalog, self.clock.now());
                    synced.inspect_err(|error| self.poison.set(error))
                };
                let settle = || {
                    if let Err(error) = self.kv.settle() {
                        self.poison.set(&error);
                    }
                };
                self.syncer.run(doing, settle, || self.kv.drop_idle());
            }));
            if ran.is_err() {
                // A clock of the host's may panic; whoever waits must hear of it.
                let error = Error::new(ErrorKind::Io, PANICKED);
                self.poison.set(&error);
                self.syncer.fail(&error);
            }
        })
    }
}

#[cfg(test)]
mod tests;
