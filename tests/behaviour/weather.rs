//! A store with a view to write to, and few words to do it.

use asof::*;
use std::sync::Arc;
use tempfile::TempDir;

/// A directory with an open store in it; noon of the first of January 2013.
pub(crate) struct World {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: Store,
    pub(crate) directory: TempDir,
}

/// An hour of that day.
pub(crate) fn at(hour: i64) -> Timestamp {
    Timestamp::parse("2013-01-01T00:00:00Z")
        .unwrap()
        .saturating_add(Span::micros(hour * 3_600_000_000))
}

/// `temp` and `gust`, both of which take null, of an `origin`.
pub(crate) fn weather() -> ViewBuilder {
    ViewDefinition::builder("weather")
        .key("origin", Type::String)
        .define(FeatureDefinition::new("temp", Type::F64).nullable())
        .define(FeatureDefinition::new("gust", Type::F64).nullable())
}

impl World {
    /// A store with this view.
    pub(crate) fn with(view: ViewBuilder) -> World {
        let world = World::empty();
        world.store.apply(view.build().unwrap()).unwrap();
        world
    }

    pub(crate) fn empty() -> World {
        let clock = Arc::new(ManualClock::at(at(12)));
        let directory = TempDir::new().unwrap();
        let store = options(&clock)
            .create_if_missing(true)
            .open(directory.path().join("store"))
            .unwrap();
        World {
            clock,
            store,
            directory,
        }
    }

    pub(crate) fn path(&self) -> std::path::PathBuf {
        self.directory.path().join("store")
    }

    pub(crate) fn options(&self) -> StoreOptions {
        options(&self.clock)
    }

    pub(crate) fn view(&self) -> View {
        self.store.view("weather").unwrap()
    }

    pub(crate) fn entity(&self, origin: &str) -> Entity {
        self.view().entity([origin]).unwrap()
    }

    /// Writes one row: an op, an entity, an event time, a recorded-at and features.
    pub(crate) fn write(&self, row: RowOf<'_>) -> Receipt {
        let mut batch = WriteBatch::new();
        row.add(&mut batch, &self.view());
        self.store.write(batch, WriteOptions::buffered()).unwrap()
    }

    /// The latest `temp` of an entity.
    pub(crate) fn temp(&self, origin: &str) -> Option<f64> {
        temp(
            &self.store,
            &self.view(),
            &self.entity(origin),
            Question::latest(),
        )
    }

    /// Closes the store and opens it again.
    pub(crate) fn reopen(self) -> World {
        let World {
            clock,
            store,
            directory,
        } = self;
        store.close().unwrap();
        let store = options(&clock)
            .open(directory.path().join("store"))
            .unwrap();
        World {
            clock,
            store,
            directory,
        }
    }
}

fn options(clock: &Arc<ManualClock>) -> StoreOptions {
    StoreOptions::new()
        .clock(clock.clone())
        .block_cache_bytes(1 << 20)
        .memtable_bytes(1 << 20)
}

pub(crate) fn temp(
    reader: &impl Read,
    view: &View,
    entity: &Entity,
    question: Question,
) -> Option<f64> {
    let row = reader.get(view, entity, question).unwrap();
    match row.by_name("temp").unwrap().value {
        Some(ValueRef::F64(value)) => Some(value),
        _ => None,
    }
}

/// One row in the making.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowOf<'a> {
    pub(crate) op: Op,
    pub(crate) origin: &'a str,
    pub(crate) et: Timestamp,
    pub(crate) rec: Option<Timestamp>,
    pub(crate) temp: Option<f64>,
    pub(crate) gust: Option<f64>,
}

pub(crate) fn put(origin: &str, et: Timestamp, temp: f64) -> RowOf<'_> {
    RowOf {
        op: Op::Put,
        origin,
        et,
        rec: None,
        temp: Some(temp),
        gust: None,
    }
}

impl RowOf<'_> {
    pub(crate) fn recorded(self, rec: Timestamp) -> Self {
        RowOf {
            rec: Some(rec),
            ..self
        }
    }

    pub(crate) fn add(self, batch: &mut WriteBatch, view: &View) {
        let entity = view.entity([self.origin]).unwrap();
        let mut row = match self.op {
            Op::Put => batch.put(view, &entity, self.et),
            Op::Patch => batch.patch(view, &entity, self.et),
            Op::Delete => batch.delete(view, &entity, self.et),
        };
        if let Some(rec) = self.rec {
            row = row.recorded_at(rec);
        }
        for (name, value) in [("temp", self.temp), ("gust", self.gust)] {
            if let Some(value) = value {
                row = row.set_value(name, value);
            }
        }
        row.finish().unwrap();
    }
}

/// A row that speaks about `gust` alone.
pub(crate) fn patch(origin: &str, et: Timestamp, gust: f64) -> RowOf<'_> {
    RowOf {
        op: Op::Patch,
        origin,
        et,
        rec: None,
        temp: None,
        gust: Some(gust),
    }
}

pub(crate) fn delete(origin: &str, et: Timestamp) -> RowOf<'_> {
    RowOf {
        op: Op::Delete,
        origin,
        et,
        rec: None,
        temp: None,
        gust: None,
    }
}
