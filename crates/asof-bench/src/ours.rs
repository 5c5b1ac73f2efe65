//! Our side, through the public API: entity compared, ttl applied, status read.

use crate::Outcome;
use crate::rows::{self, FEATURES, Key, READ, id, time, value};
use asof::{
    Entity, Question, Read, Row, Store, StoreOptions, Timestamp, TypedFeature, View,
    ViewDefinition, WriteBatch, WriteOptions,
};
use std::ops::Range;
use std::path::Path;

/// What a store may keep in memory.
#[derive(Clone, Copy)]
pub struct Memory {
    /// Of latest rows; zero for none.
    pub rows: u64,
    pub blocks: usize,
    /// One bound for all of it, in the place of the other two.
    pub budget: Option<u64>,
}

/// Everything fits.
pub const AMPLE: Memory = Memory {
    rows: 1 << 30,
    blocks: 6 << 30,
    budget: None,
};
pub const NO_ROWS: Memory = Memory { rows: 0, ..AMPLE };

/// What a row takes of the row cache, nearly: its value, and what leads to it.
pub const CACHED_ROW_BYTES: u64 = 256;

pub fn open(path: &Path, memory: Memory) -> Outcome<Store> {
    let options = StoreOptions::new().create_if_missing(true);
    let options = match memory.budget {
        Some(bytes) => options.memory_budget(bytes as usize),
        None => options
            .row_cache_bytes(memory.rows)
            .block_cache_bytes(memory.blocks),
    };
    Ok(options.open(path)?)
}

/// Makes a view of so many `f64`, by the id of an entity.
pub fn view(store: &Store, name: &str, features: u32) -> Outcome<View> {
    let mut view = ViewDefinition::builder(name).key("id", asof::Type::I64);
    for n in 0..features {
        view = view.feature(format!("f{n}"), asof::Type::F64);
    }
    store.apply(view.ttl(asof::Span::days(3_650)).build()?)?;
    Ok(store.view(name)?)
}

/// What fills batches with whole rows.
pub struct Writer {
    view: View,
    features: Vec<TypedFeature<f64>>,
    entity: Entity,
}

impl Writer {
    pub fn new(view: &View) -> Outcome<Writer> {
        let all = view.contract().features().iter();
        Ok(Writer {
            view: view.clone(),
            features: all
                .map(|f| view.feature(f.name()))
                .collect::<asof::Result<_>>()?,
            entity: view.entity([0i64])?,
        })
    }

    /// Adds the row that the n-th entity has in a version, true from `et` on.
    pub fn put(&mut self, into: &mut WriteBatch, n: u64, version: u64, et: Timestamp) -> Outcome {
        self.view.entity_into([id(n)], &mut self.entity)?;
        let mut row = into.put(&self.view, &self.entity, et);
        for (at, feature) in self.features.iter().enumerate() {
            row = row.set(feature, value(n, version, at));
        }
        Ok(row.finish()?)
    }
}

/// In order of time, each version for all entities; buffered, one caller.
pub fn ingest(
    store: &Store,
    view: &View,
    entities: u64,
    versions: Range<u64>,
    size: usize,
) -> Outcome {
    let mut writer = Writer::new(view)?;
    for version in versions {
        for from in (0..entities).step_by(size) {
            let mut batch = WriteBatch::new();
            for n in from..(from + size as u64).min(entities) {
                writer.put(&mut batch, n, version, time(version))?;
            }
            store.write(batch, WriteOptions::buffered())?;
        }
    }
    Ok(())
}

/// One reader: a row that is filled again and again, an entity that is made again and again.
pub struct Reader<'s> {
    store: &'s Store,
    view: View,
    feature: TypedFeature<f64>,
    entity: Entity,
    row: Row,
}

impl<'s> Reader<'s> {
    pub fn new(store: &'s Store, view: &View) -> Outcome<Reader<'s>> {
        Ok(Reader {
            store,
            view: view.clone(),
            feature: view.feature(&format!("f{READ}"))?,
            entity: view.entity([0i64])?,
            row: Row::new(),
        })
    }

    /// From key bytes: the entity is made, and hashed, within the clock.
    pub fn by_key(&mut self, key: &Key, question: Question) -> f64 {
        let column = i64::from_be_bytes(*key);
        self.view
            .entity_into([column], &mut self.entity)
            .expect("is a key");
        self.store
            .get_into(&self.view, &self.entity, question, &mut self.row)
            .expect("reads");
        self.seen()
    }

    /// With an entity at hand.
    pub fn by_entity(&mut self, entity: &Entity, question: Question) -> f64 {
        self.store
            .get_into(&self.view, entity, question, &mut self.row)
            .expect("reads");
        self.seen()
    }

    fn seen(&self) -> f64 {
        let seen = self.row.see(&self.feature).expect("is well");
        seen.value.expect("is present")
    }
}

/// The entities that are asked for, made beforehand.
pub fn entities(view: &View, picks: &[u64]) -> Outcome<Vec<Entity>> {
    let made = picks.iter().map(|n| view.entity([id(*n)]));
    Ok(made.collect::<asof::Result<_>>()?)
}

/// Reads the latest row of each once, and sees that it is of this version: what fits is in memory then.
pub fn warm(store: &Store, view: &View, entities: u64, version: u64) -> Outcome {
    let mut reader = Reader::new(store, view)?;
    for n in 0..entities {
        let found = reader.by_key(&rows::key(n), Question::latest());
        assert_eq!(found, value(n, version, READ), "entity {n}");
    }
    Ok(())
}

/// Reads one block in the past of every few versions of each.
pub fn warm_past(store: &Store, view: &View, entities: u64, versions: u64) -> Outcome {
    let mut reader = Reader::new(store, view)?;
    for n in 0..entities {
        for version in (0..versions).step_by(10) {
            let found = reader.by_key(&rows::key(n), Question::as_of(time(version)));
            assert_eq!(found, value(n, version, READ), "entity {n}");
        }
    }
    Ok(())
}

/// Another store of the same files: tables are never changed, so a second name for them will do.
pub fn twin(from: &Path, to: &Path) -> Outcome {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            twin(&entry.path(), &target)?;
        } else if target.extension().is_some_and(|kind| kind == "sst") {
            std::fs::hard_link(entry.path(), target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// A store that is filled, compacted and closed.
pub fn build(dir: &Path, fill: impl FnOnce(&Store) -> Outcome) -> Outcome {
    let store = open(dir, AMPLE)?;
    fill(&store)?;
    store.compact()?;
    Ok(store.close()?)
}

/// The view that most reads ask.
pub fn users(store: &Store) -> Outcome<View> {
    view(store, "user", FEATURES)
}
