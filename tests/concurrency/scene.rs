//! What all threads of a round share: the store, its views, its clock, and the order of all calls.

use crate::lattice::{STEP, State, WRITERS};
use asof::{
    Entity, ErrorKind, FeatureSet, ManualClock, MaxSkew, Result, Retention, Row, Span, Store,
    StoreOptions, Timestamp, Type, TypedFeature, View, ViewDefinition,
};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, RwLock, RwLockReadGuard};

/// Entities that everybody is after; a batch of a writer holds all of one half.
pub(crate) const HOT: usize = 8;
/// Entities that are asked for now and then, so that rows are driven out of a small cache.
pub(crate) const COLD: usize = 600;

/// Where the clock starts. Counts are event times long before it, in seconds.
pub(crate) const START: Timestamp = Timestamp::from_secs(1_000_000);
/// When rows of writers and of the clock were recorded; an erase reaches only what the keeper wrote.
pub(crate) const RECORDED: Timestamp = Timestamp::from_secs(500_000);
/// How far the clock may go back from the furthest it has been.
pub(crate) const BACK_MICROS: i64 = 4_000;

/// The views: `counts` keeps everything, `pairs` has the same counts and a window that moves with the
/// clock, `marks` is the keeper's.
pub(crate) const COUNTS: usize = 0;
pub(crate) const PAIRS: usize = 1;
pub(crate) const MARKS: usize = 2;

/// An open store and what was resolved in it: made anew whenever the store is opened again.
pub(crate) struct Session {
    pub(crate) store: Store,
    pub(crate) views: Vec<View>,
    /// Of each view, the hot ones first.
    pub(crate) entities: Vec<Vec<Entity>>,
    /// Of `counts` and of `pairs`: the counters of the writers, then the step of the clock.
    pub(crate) counters: [Vec<TypedFeature<i64>>; 2],
    /// The keeper's number: in `counts` beside the counters, and twice in `marks`.
    pub(crate) kept: [TypedFeature<i64>; 3],
    pub(crate) set: FeatureSet,
}

pub(crate) struct Scene {
    path: PathBuf,
    seed: u64,
    pub(crate) clock: Arc<ManualClock>,
    session: RwLock<Option<Session>>,
    /// One tick per call and per return: an order that every thread agrees on.
    ticks: AtomicU64,
    pub(crate) writers_left: AtomicUsize,
}

fn definitions() -> Result<[ViewDefinition; 3]> {
    let counts = |name: &str| {
        let mut view = ViewDefinition::builder(name).key("id", Type::I64);
        for writer in 0..WRITERS {
            view = view.feature(format!("w{writer}"), Type::I64);
        }
        // What comes due as the clock moves lies ahead on purpose.
        view.feature("step", Type::I64).max_skew(MaxSkew::Forever)
    };
    let window = Retention::Window(Span::micros(BACK_MICROS + 1_000));
    let marks = ViewDefinition::builder("marks").key("id", Type::I64);
    Ok([
        counts("counts").feature("kept", Type::I64).build()?,
        counts("pairs").history(window).build()?,
        marks
            .feature("kept", Type::I64)
            .feature("again", Type::I64)
            .build()?,
    ])
}

impl Scene {
    pub(crate) fn new(path: &Path, seed: u64) -> Result<Scene> {
        let scene = Scene {
            path: path.to_path_buf(),
            seed,
            clock: Arc::new(ManualClock::at(START)),
            session: RwLock::new(None),
            ticks: AtomicU64::new(1),
            writers_left: AtomicUsize::new(WRITERS),
        };
        scene.reopen()?;
        Ok(scene)
    }

    /// What differs from round to round: how often tables are written, how many rows the cache holds,
    /// from none to all, and which views are resident.
    fn options(&self) -> StoreOptions {
        let cache = [64 << 20, 64 << 10, 0, 128 << 10][self.seed as usize % 4];
        let memtable = [64 << 10, 1 << 20][self.seed as usize / 4 % 2];
        let resident = [&[][..], &["counts", "marks"], &["counts", "pairs", "marks"]];
        StoreOptions::new()
            .create_if_missing(true)
            .clock(self.clock.clone())
            .memtable_bytes(memtable)
            .row_cache_bytes(cache)
            .resident(resident[self.seed as usize % 3])
    }

    /// With little memory for resident views, so that rows are left out; with enough where those that are
    /// there do not fit.
    fn open(&self) -> Result<Store> {
        match self.options().resident_bytes(64 << 10).open(&self.path) {
            Err(error) if error.kind() == ErrorKind::InvalidArgument => {
                self.options().open(&self.path)
            }
            opened => opened,
        }
    }

    /// Closes the store if it is open, waiting for whoever is at it, and opens it.
    pub(crate) fn reopen(&self) -> Result<()> {
        let mut session = self.session.write().expect("no thread panicked");
        if let Some(open) = session.take() {
            open.store.close()?;
        }
        let store = self.open()?;
        for definition in definitions()? {
            store.apply(definition)?;
        }
        let views = ["counts", "pairs", "marks"].map(|name| store.view(name));
        let views = views.into_iter().collect::<Result<Vec<View>>>()?;
        // Entities of this round alone: what was written in another does not stand in them.
        let id = |n: usize| [(self.seed << 16 | n as u64) as i64];
        let of = |view: &View| (0..HOT + COLD).map(|n| view.entity(id(n))).collect();
        let counters = |view: &View| {
            let names = (0..WRITERS).map(|writer| format!("w{writer}"));
            names
                .chain(["step".into()])
                .map(|name| view.feature::<i64>(&name))
                .collect::<Result<Vec<_>>>()
        };
        *session = Some(Session {
            entities: views.iter().map(of).collect::<Result<_>>()?,
            counters: [counters(&views[COUNTS])?, counters(&views[PAIRS])?],
            kept: [
                views[COUNTS].feature("kept")?,
                views[MARKS].feature("kept")?,
                views[MARKS].feature("again")?,
            ],
            set: FeatureSet::new(views.clone()),
            views,
            store,
        });
        Ok(())
    }

    /// Ends the round.
    pub(crate) fn close(&self) -> Result<()> {
        let open = self.session.write().expect("no thread panicked").take();
        open.map_or(Ok(()), |open| open.store.close())
    }

    /// The store, for one act or a few: as long as it is held, nobody closes it.
    pub(crate) fn session(&self) -> Held<'_> {
        Held(self.session.read().expect("no thread panicked"))
    }

    pub(crate) fn tick(&self) -> u64 {
        self.ticks.fetch_add(1, Ordering::SeqCst)
    }

    pub(crate) fn is_over(&self) -> bool {
        self.writers_left.load(Ordering::SeqCst) == 0
    }
}

/// A hold of the session.
pub(crate) struct Held<'s>(RwLockReadGuard<'s, Option<Session>>);

impl std::ops::Deref for Held<'_> {
    type Target = Session;

    fn deref(&self) -> &Session {
        self.0.as_ref().expect("it is open while the round lasts")
    }
}

impl Session {
    /// What a row of `counts` or `pairs` shows.
    pub(crate) fn state(&self, view: usize, row: &Row) -> Result<State> {
        let mut state = State::default();
        for (state, counter) in state.iter_mut().zip(&self.counters[view]) {
            *state = row.get(counter)?.unwrap_or(0) as u32;
        }
        Ok(state)
    }

    /// The keeper's number in a row of `counts` or `marks`; zero where there is none.
    pub(crate) fn kept(&self, view: usize, row: &Row) -> Result<u32> {
        if view == COUNTS {
            return Ok(row.get(&self.kept[0])?.unwrap_or(0) as u32);
        }
        let (kept, again) = (row.get(&self.kept[1])?, row.get(&self.kept[2])?);
        assert_eq!(kept, again, "a row of `marks` is torn");
        Ok(kept.unwrap_or(0) as u32)
    }
}

/// The hot entities that a writer writes, and that are read together.
pub(crate) fn half(of: usize) -> std::ops::Range<usize> {
    let half = HOT / 2;
    half * (of % 2)..half * (of % 2 + 1)
}

/// The same state without the step of the clock.
pub(crate) fn without_step(mut state: State) -> State {
    state[STEP] = 0;
    state
}

/// A xorshift: the same seed, the same acts.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64, salt: u64) -> Random {
        Random((seed << 8 | salt).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % n
    }
}
