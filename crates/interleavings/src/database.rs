//! Two entities and the database that holds them, as far as the cache can tell it from RocksDB.

use crate::cache::{RowCache, Sought, Stamp};
use crate::format::key::Prefix;
use crate::sync::Ordering;
use loom::sync::atomic::AtomicU64;

/// An entity by its number in the database.
pub(crate) type Entity = usize;

pub(crate) const A: Entity = 0;
pub(crate) const B: Entity = 1;

/// The newest versions of both entities, in one word, so that a commit is seen whole or not at all.
/// RocksDB publishes a commit by a release and a reader looks for it by an acquire; so does this.
pub(crate) struct Database(AtomicU64);

/// What is committed of both entities at one moment.
#[derive(Clone, Copy)]
pub(crate) struct State(u64);

impl State {
    pub(crate) fn of(self, entity: Entity) -> u64 {
        self.0 >> (16 * entity) & 0xFFFF
    }
}

impl Database {
    pub(crate) fn new() -> Database {
        Database(AtomicU64::new(0))
    }

    /// The next version of each of these entities.
    pub(crate) fn commit(&self, entities: &[Entity]) {
        let more = entities.iter().map(|entity| 1 << (16 * entity)).sum();
        self.0.fetch_add(more, Ordering::AcqRel);
    }

    /// An entity has this version and no other; for what is erased.
    pub(crate) fn clear(&self, entity: Entity) {
        self.0
            .fetch_and(!(0xFFFF << (16 * entity)), Ordering::AcqRel);
    }

    pub(crate) fn snapshot(&self) -> State {
        State(self.0.load(Ordering::Acquire))
    }
}

/// Rows of this size have no room beside their buckets.
const TOO_LARGE: usize = 10_000;

/// Where the entities of a model stand: in a cache of one bucket, or each in a bucket of its own.
pub(crate) struct Scene {
    pub(crate) cache: RowCache,
    pub(crate) database: Database,
}

impl Scene {
    /// A cache so small that it holds no more than the rows of a model.
    pub(crate) fn of_buckets(buckets: u64) -> Scene {
        Scene {
            cache: RowCache::of(640 * buckets, false, TOO_LARGE).expect("memory of a model"),
            database: Database::new(),
        }
    }

    /// The same with room for a small row beside each bucket.
    pub(crate) fn of_homes(buckets: u64) -> Scene {
        Scene {
            cache: RowCache::of(640 * buckets, false, 3 * 8).expect("memory of a model"),
            database: Database::new(),
        }
    }

    /// A cache that gives no row up, and knows that there is none yet.
    pub(crate) fn resident(buckets: u64) -> Scene {
        let scene = Scene {
            cache: RowCache::of(640 * buckets, true, TOO_LARGE).expect("memory of a model"),
            database: Database::new(),
        };
        scene.cache.loaded();
        scene
    }

    /// One as in [`of_buckets`](Self::of_buckets), with the first version of both entities in the database
    /// and in the cache.
    pub(crate) fn warm(buckets: u64) -> Scene {
        let scene = Scene::of_buckets(buckets);
        scene.write(&[A, B]);
        scene
    }

    /// Writes the next version of each of these entities, as `Writer::commit` does; by a thread that
    /// is the only one to write them, or that holds their stripes.
    pub(crate) fn write(&self, entities: &[Entity]) {
        let now = self.database.snapshot();
        let mut news = self.cache.news();
        for entity in entities {
            news.put(&prefix(*entity), &row(now.of(*entity) + 1));
        }
        let marked = news.mark();
        self.database.commit(entities);
        marked.publish();
    }

    /// Removes an entity, as an erase does.
    pub(crate) fn erase(&self, entity: Entity) {
        let mut news = self.cache.news();
        news.forget(&prefix(entity));
        let marked = news.mark();
        self.database.clear(entity);
        marked.publish();
    }

    /// What a reader is told of an entity, as by `Lookup::read`.
    pub(crate) fn read(&self, entity: Entity) -> u64 {
        let (sought, version) = self.look(entity);
        match sought {
            Sought::Hit(_) => version,
            Sought::Miss(stamp) => {
                let version = self.database.snapshot().of(entity);
                self.fill(entity, stamp, version);
                version
            }
            Sought::Busy => self.database.snapshot().of(entity),
        }
    }

    /// What a reader is told of both, as by `read_many`.
    pub(crate) fn read_both(&self) -> [u64; 2] {
        let both = [A, B];
        let seen = both.map(|entity| self.look(entity));
        let is_current = |entity: Entity| match seen[entity].0 {
            Sought::Hit(stamp) => self.cache.is_still(&prefix(entity), stamp),
            Sought::Miss(_) | Sought::Busy => false,
        };
        if both.into_iter().all(is_current) {
            return seen.map(|(_, version)| version);
        }
        let state = self.database.snapshot();
        both.map(|entity| {
            if is_current(entity) {
                return seen[entity].1;
            }
            if let Sought::Miss(stamp) = seen[entity].0 {
                self.fill(entity, stamp, state.of(entity));
            }
            state.of(entity)
        })
    }

    /// What the cache holds of an entity.
    pub(crate) fn look(&self, entity: Entity) -> (Sought, u64) {
        let mut bytes = b"before".to_vec();
        let sought = self.cache.read(&prefix(entity), &mut bytes);
        let version = match sought {
            Sought::Hit(_) => version_of(&bytes[6..]),
            Sought::Miss(_) | Sought::Busy => 0,
        };
        (sought, version)
    }

    pub(crate) fn fill(&self, entity: Entity, noted: Stamp, version: u64) {
        self.cache.fill(&prefix(entity), noted, &row(version));
    }

    /// Looks once more when all is over: what the cache holds is what the database holds.
    pub(crate) fn check_at_the_end(&self) {
        let state = self.database.snapshot();
        for entity in [A, B] {
            if let (Sought::Hit(_), version) = self.look(entity) {
                assert_eq!(version, state.of(entity), "the cache holds another version");
            }
        }
    }
}

/// An entity with an even number stands in the first half of the buckets, an odd one in the second.
pub(crate) fn prefix(entity: Entity) -> Prefix {
    let mut prefix = [0; 20];
    prefix[11] = (entity as u8 & 1) << 7;
    prefix[12] = 1 + entity as u8;
    prefix
}

/// The row of a version: none of the zeroth, and else one word more for a version that is even.
pub(crate) fn row(version: u64) -> Vec<u8> {
    version.to_le_bytes().repeat(words_of(version))
}

fn words_of(version: u64) -> usize {
    match version {
        0 => 0,
        version => 2 + usize::from(version.is_multiple_of(2)),
    }
}

/// The version of a row that is whole.
fn version_of(row: &[u8]) -> u64 {
    let version = row
        .first_chunk()
        .map_or(0, |word| u64::from_le_bytes(*word));
    assert_eq!(row, self::row(version), "a torn row");
    version
}
