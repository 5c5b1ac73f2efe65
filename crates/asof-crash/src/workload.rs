//! What is written: batches that are a function of the workload and their number.
//!
//! Every version of a batch is its own (no other batch has it), so that the digest of any set of
//! batches is the sum of theirs. Entities and instants collide all the same.

use crate::random::Random;
use asof::{
    Durability, EraseOptions, ErrorKind, Loss, Question, Read, Result, Retention, SetDigest, Span,
    Store, StoreOptions, Timestamp, Type, ValueRef, Verdict, ViewDefinition, WriteBatch,
    WriteOptions,
};
use std::path::Path;
use std::sync::OnceLock;

/// Five ways of using a store. Each takes its batches from a log, one record a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Workload {
    /// Every batch is synced.
    Synced,
    /// Batches are buffered; every eighth is followed by a sync.
    Buffered,
    /// Both, with tiny memtables, so that tables are written and compacted all the time.
    Churning,
    /// Some batches are synced; in the middle an entity is erased; beside it a view forgets.
    Erasing,
    /// Little memory, and a writer that does not wait: batches are refused, and tried again. What the row
    /// cache answers is held against the history.
    Pressed,
}

/// What is erased in the middle: an entity of the first view, as it was recorded before this batch.
const ERASED: i64 = 3;
pub(crate) const ERASED_BEFORE: u64 = 40;
/// The view whose floor moves, by a minute with every batch.
const FORGETS: &str = "forgets";
/// An entity that every batch of the pressed workload writes to, each later in time than the one before.
const HEAD: i64 = MARKERS - 1;
/// The log that batches come from.
const LOG: (&str, &str) = ("log", "0");

pub(crate) const VIEWS: [&str; 2] = ["left", "right"];
/// Where the entity stands by which a batch is recognised.
const MARKERS: i64 = 1_000_000;
const BASE_SECONDS: i64 = 1_700_000_000;
const HEAD_SECONDS: i64 = BASE_SECONDS + 20_000;

impl Workload {
    pub(crate) const ALL: [Workload; 5] = [
        Workload::Synced,
        Workload::Buffered,
        Workload::Churning,
        Workload::Erasing,
        Workload::Pressed,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Workload::Synced => "synced",
            Workload::Buffered => "buffered",
            Workload::Churning => "churning",
            Workload::Erasing => "erasing",
            Workload::Pressed => "pressed",
        }
    }

    pub(crate) fn named(name: &str) -> std::result::Result<Self, String> {
        let found = Workload::ALL.into_iter().find(|w| w.name() == name);
        found.ok_or_else(|| format!("no workload is called {name:?}"))
    }

    /// How many batches there are.
    pub(crate) fn batches(self) -> u64 {
        match self {
            Workload::Synced => 60,
            Workload::Buffered => 120,
            Workload::Churning => 120,
            Workload::Erasing => 80,
            Workload::Pressed => 40,
        }
    }

    fn rows(self) -> u64 {
        match self {
            Workload::Churning => 24,
            Workload::Pressed => 12,
            _ => 6,
        }
    }

    /// How many batches are made before the first of them is written: whoever makes one after the other
    /// is slower than the disk, and never refused.
    pub(crate) fn burst(self) -> u64 {
        match self {
            Workload::Pressed => 10,
            _ => 1,
        }
    }

    /// Up to how long the text of a row is.
    fn pad(self) -> u64 {
        match self {
            Workload::Pressed => 8_000,
            _ => 160,
        }
    }

    pub(crate) fn durability(self, n: u64) -> Durability {
        match self {
            Workload::Synced => Durability::Synced,
            Workload::Buffered => Durability::Buffered,
            _ if n.is_multiple_of(5) => Durability::Synced,
            _ => Durability::Buffered,
        }
    }

    /// Whether everything is synced after batch `n`.
    pub(crate) fn syncs_after(self, n: u64) -> bool {
        self == Workload::Buffered && n % 8 == 7
    }

    /// Whether the store is compacted after batch `n`.
    pub(crate) fn compacts_after(self, n: u64) -> bool {
        self == Workload::Churning && n % 40 == 39
    }

    pub(crate) fn open(self, path: &Path) -> Result<Store> {
        self.open_without(path, Loss::Nothing)
    }

    /// Opens it without what cannot be read of its logs, if that is no more than this.
    pub(crate) fn open_without(self, path: &Path, loss: Loss) -> Result<Store> {
        let options = StoreOptions::new().create_if_missing(true);
        // A small reserve: what is recorded here is copied thousands of times.
        let options = options.block_cache_bytes(4 << 20).reserve_bytes(16 << 10);
        let options = options.accept_loss(loss);
        match self {
            Workload::Churning => options.memtable_bytes(64 << 10).open(path),
            Workload::Pressed => options
                .memory_budget(32 << 20)
                .memtable_bytes(64 << 10)
                .row_cache_bytes(64 << 10)
                .open(path),
            _ => options.memtable_bytes(1 << 20).open(path),
        }
    }

    pub(crate) fn define(self, store: &Store) -> Result<()> {
        for name in VIEWS {
            let view = ViewDefinition::builder(name)
                .key("id", Type::I64)
                .feature("batch", Type::I64)
                .feature("pad", Type::String);
            let view = match self {
                // What has expired shows no value, and this one reads what is latest.
                Workload::Pressed => view,
                _ => view.ttl(Span::days(1)),
            };
            store.apply(view.build()?)?;
        }
        if self == Workload::Erasing {
            let view = ViewDefinition::builder(FORGETS)
                .key("id", Type::I64)
                .feature("batch", Type::I64)
                .history(Retention::Window(Span::minutes(10)));
            store.apply(view.build()?)?;
        }
        Ok(())
    }

    /// How many views it has.
    pub(crate) fn views(self) -> usize {
        VIEWS.len() + usize::from(self == Workload::Erasing)
    }

    /// Batch `n`, which is record `n` of the log.
    pub(crate) fn batch(self, store: &Store, n: u64) -> Result<WriteBatch> {
        let mut batch = self.rows_of(store, n, false)?;
        batch.from_log(LOG.0, LOG.1, n..n + 1);
        if self == Workload::Erasing {
            let view = store.view(FORGETS)?;
            let at = Timestamp::from_secs(BASE_SECONDS + 60 * n as i64);
            let row = batch.put(&view, &view.entity([1i64])?, at);
            row.set_value("batch", n as i64).finish()?;
        }
        Ok(batch)
    }

    /// Up to which batch the log was taken in.
    pub(crate) fn position(self, store: &Store) -> u64 {
        store.position(LOG.0, LOG.1)
    }

    /// Erases what is to be erased in the middle.
    pub(crate) fn erase(self, store: &Store) -> Result<()> {
        let view = store.view(VIEWS[0])?;
        let until = EraseOptions::new().recorded_at(recorded(ERASED_BEFORE - 1));
        let entity = view.entity([ERASED])?;
        store.erase(&view, &entity, until).map(drop)
    }

    /// Whether the erase is in force.
    pub(crate) fn is_erased(self, store: &Store) -> Result<bool> {
        Ok(!store.fences(&store.view(VIEWS[0])?)?.is_empty())
    }

    /// The floor of the view that forgets, in microseconds, as a refusal tells it. None where nothing
    /// is refused yet.
    pub(crate) fn floor(self, store: &Store) -> Result<Option<i64>> {
        if self != Workload::Erasing {
            return Ok(None);
        }
        let view = store.view(FORGETS)?;
        let long_ago = Question::as_of(Timestamp::from_secs(0));
        match store.get(&view, &view.entity([1i64])?, long_ago) {
            Ok(_) => Ok(None),
            Err(error) => match error.kind() {
                ErrorKind::BeyondHistory { floor } => Ok(Some(floor)),
                _ => Err(error),
            },
        }
    }

    fn rows_of(self, store: &Store, n: u64, without_erased: bool) -> Result<WriteBatch> {
        let mut random = Random::new(n << 8 | self as u64);
        let mut batch = WriteBatch::new();
        for name in VIEWS {
            let view = store.view(name)?;
            let marker = view.entity([MARKERS + n as i64])?;
            let at = Timestamp::from_secs(BASE_SECONDS);
            batch
                .put(&view, &marker, at)
                .set_value("batch", n as i64)
                .finish()?;
            if self == Workload::Pressed {
                let at = Timestamp::from_secs(HEAD_SECONDS + n as i64);
                let head = batch.put(&view, &view.entity([HEAD])?, at);
                head.set_value("batch", n as i64).finish()?;
            }
            for _ in 0..self.rows() {
                let id = random.below(12) as i64;
                let skipped = without_erased && name == VIEWS[0] && id == ERASED;
                let mut aside = WriteBatch::new();
                let batch = if skipped { &mut aside } else { &mut batch };
                let entity = view.entity([id])?;
                // Instants collide; what is recorded when is the batch's own.
                let et = Timestamp::from_secs(BASE_SECONDS + 60 * random.below(40) as i64);
                let rec = recorded(n);
                let row = match random.below(10) {
                    0 => {
                        batch.delete(&view, &entity, et).recorded_at(rec).finish()?;
                        continue;
                    }
                    1..4 => batch.patch(&view, &entity, et),
                    _ => batch.put(&view, &entity, et),
                };
                let pad: String = (0..random.below(self.pad()))
                    .map(|_| char::from(b'a' + random.below(26) as u8))
                    .collect();
                row.recorded_at(rec)
                    .set_value("batch", random.below(1 << 40) as i64)
                    .set_value("pad", pad)
                    .finish()?;
            }
        }
        Ok(batch)
    }

    pub(crate) fn options(self, n: u64) -> WriteOptions {
        match self.durability(n) {
            Durability::Synced => WriteOptions::synced(),
            Durability::Buffered => WriteOptions::buffered(),
        }
    }

    /// The last batch that is there, as the latest row of the head says, which the row cache may answer.
    /// None where the workload has no head, or none is there yet.
    ///
    /// # Errors
    /// What a read says. Where two ways of reading the head, or the two views, disagree, the words why.
    pub(crate) fn head(self, store: &Store) -> Result<std::result::Result<Option<u64>, String>> {
        if self != Workload::Pressed {
            return Ok(Ok(None));
        }
        // The latest row twice: the first read may fill the cache that answers the second.
        let past = Question::as_of(Timestamp::from_secs(HEAD_SECONDS + 10_000));
        let questions = [Question::latest(), Question::latest(), past];
        let mut told = Vec::new();
        for name in VIEWS {
            let view = store.view(name)?;
            for question in questions {
                let row = store.get(&view, &view.entity([HEAD])?, question)?;
                let batch = row.by_name("batch")?.value;
                let batch = batch.map(|batch| match batch {
                    ValueRef::I64(batch) => batch as u64,
                    other => unreachable!("a batch is a number, not {other:?}"),
                });
                told.push(batch);
            }
        }
        Ok(match told.iter().all(|batch| *batch == told[0]) {
            true => Ok(told[0]),
            false => Err(format!("the head is told in different ways: {told:?}")),
        })
    }

    /// Whether batch `n` is there: in each view.
    pub(crate) fn shows(self, store: &Store, n: u64) -> Result<[bool; 2]> {
        let mut shows = [false; 2];
        for (shows, name) in shows.iter_mut().zip(VIEWS) {
            let view = store.view(name)?;
            let entity = view.entity([MARKERS + n as i64])?;
            let question = Question::as_of(Timestamp::from_secs(BASE_SECONDS));
            *shows = store.get(&view, &entity, question)?.verdict() == Verdict::Found;
        }
        Ok(shows)
    }

    /// What each batch adds to the digest of each view; and the same without what is erased of it.
    pub(crate) fn digests(self, erased: bool) -> &'static [[SetDigest; 2]] {
        static KNOWN: [OnceLock<Vec<[SetDigest; 2]>>; 2 * Workload::ALL.len()] =
            [const { OnceLock::new() }; 2 * Workload::ALL.len()];
        KNOWN[2 * self as usize + usize::from(erased)].get_or_init(|| {
            let add = || -> Result<Vec<[SetDigest; 2]>> {
                let store = Store::temp()?;
                self.define(&store)?;
                let mut before = [SetDigest::default(); 2];
                let mut added = Vec::new();
                for n in 0..self.batches() {
                    let batch = self.rows_of(&store, n, erased && n < ERASED_BEFORE)?;
                    store.write(batch, WriteOptions::buffered())?;
                    let after = digests(&store)?;
                    added.push([0, 1].map(|view: usize| SetDigest {
                        hash: after[view].hash.wrapping_sub(before[view].hash),
                        count: after[view].count - before[view].count,
                    }));
                    before = after;
                }
                Ok(added)
            };
            add().expect("a store that nobody disturbs works")
        })
    }
}

/// When the rows of a batch were recorded.
fn recorded(n: u64) -> Timestamp {
    Timestamp::from_secs(BASE_SECONDS + 10_000 + n as i64)
}

pub(crate) fn digests(store: &Store) -> Result<[SetDigest; 2]> {
    let of = |name| store.digest(&store.view(name)?);
    Ok([of(VIEWS[0])?, of(VIEWS[1])?])
}
