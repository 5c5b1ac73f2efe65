//! What is written: batches that are a function of the workload and their number.
//!
//! Every version of a batch is its own (no other batch has it), so that the digest of any set of
//! batches is the sum of theirs. Entities and instants collide all the same.

use crate::random::Random;
use asof::{
    Durability, Read, Result, SetDigest, Span, Store, StoreOptions, Timestamp, Type,
    ViewDefinition, WriteBatch, WriteOptions,
};
use std::path::Path;
use std::sync::OnceLock;

/// Three ways of using a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Workload {
    /// Every batch is synced.
    Synced,
    /// Batches are buffered; every eighth is followed by a sync.
    Buffered,
    /// Both, with tiny memtables, so that tables are written and compacted all the time.
    Churning,
}

pub(crate) const VIEWS: [&str; 2] = ["left", "right"];
/// Where the entity stands by which a batch is recognised.
const MARKERS: i64 = 1_000_000;
const BASE_SECONDS: i64 = 1_700_000_000;

impl Workload {
    pub(crate) const ALL: [Workload; 3] =
        [Workload::Synced, Workload::Buffered, Workload::Churning];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Workload::Synced => "synced",
            Workload::Buffered => "buffered",
            Workload::Churning => "churning",
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
        }
    }

    fn rows(self) -> u64 {
        match self {
            Workload::Churning => 24,
            _ => 6,
        }
    }

    pub(crate) fn durability(self, n: u64) -> Durability {
        match self {
            Workload::Synced => Durability::Synced,
            Workload::Buffered => Durability::Buffered,
            Workload::Churning if n.is_multiple_of(5) => Durability::Synced,
            Workload::Churning => Durability::Buffered,
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
        let options = StoreOptions::new().create_if_missing(true);
        let options = options.block_cache_bytes(4 << 20);
        match self {
            Workload::Churning => options.memtable_bytes(64 << 10).open(path),
            _ => options.memtable_bytes(1 << 20).open(path),
        }
    }

    pub(crate) fn define(self, store: &Store) -> Result<()> {
        for name in VIEWS {
            let view = ViewDefinition::builder(name)
                .key("id", Type::I64)
                .feature("batch", Type::I64)
                .feature("pad", Type::String)
                .ttl(Span::days(1));
            store.apply(view.build()?)?;
        }
        Ok(())
    }

    pub(crate) fn batch(self, store: &Store, n: u64) -> Result<WriteBatch> {
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
            for _ in 0..self.rows() {
                let entity = view.entity([random.below(12) as i64])?;
                // Instants collide; what is recorded when is the batch's own.
                let et = Timestamp::from_secs(BASE_SECONDS + 60 * random.below(40) as i64);
                let rec = Timestamp::from_secs(BASE_SECONDS + 10_000 + n as i64);
                let row = match random.below(10) {
                    0 => {
                        batch.delete(&view, &entity, et).recorded_at(rec).finish()?;
                        continue;
                    }
                    1..4 => batch.patch(&view, &entity, et),
                    _ => batch.put(&view, &entity, et),
                };
                let pad: String = (0..random.below(160))
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

    /// Whether batch `n` is there: in each view.
    pub(crate) fn shows(self, store: &Store, n: u64) -> Result<[bool; 2]> {
        use asof::{Question, Verdict};
        let mut shows = [false; 2];
        for (shows, name) in shows.iter_mut().zip(VIEWS) {
            let view = store.view(name)?;
            let entity = view.entity([MARKERS + n as i64])?;
            let question = Question::as_of(Timestamp::from_secs(BASE_SECONDS));
            *shows = store.get(&view, &entity, question)?.verdict() == Verdict::Found;
        }
        Ok(shows)
    }

    /// What each batch adds to the digest of each view.
    pub(crate) fn digests(self) -> &'static [[SetDigest; 2]] {
        static KNOWN: [OnceLock<Vec<[SetDigest; 2]>>; 3] = [const { OnceLock::new() }; 3];
        KNOWN[self as usize].get_or_init(|| {
            let add = || -> Result<Vec<[SetDigest; 2]>> {
                let store = Store::temp()?;
                self.define(&store)?;
                let mut before = [SetDigest::default(); 2];
                let mut added = Vec::new();
                for n in 0..self.batches() {
                    store.write(self.batch(&store, n)?, WriteOptions::buffered())?;
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

pub(crate) fn digests(store: &Store) -> Result<[SetDigest; 2]> {
    let of = |name| store.digest(&store.view(name)?);
    Ok([of(VIEWS[0])?, of(VIEWS[1])?])
}
