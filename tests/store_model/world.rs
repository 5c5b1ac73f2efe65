//! A store, and how each step happens to it.

#![allow(
    unreachable_pub,
    reason = "this file is a module of a test and of a fuzz target"
)]

use crate::case::{Fact, NAMES, NOW, Step};
use crate::choices::Choices;
use asof::{
    Entity, EraseOptions, ErrorKind, FeatureDefinition, ManualClock, Op, Read, Result, Retention,
    Span, Store, StoreOptions, Timestamp, Type, Value, View, ViewDefinition, WriteBatch,
    WriteOptions,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A view beside those that are compared: it fills memtables, and stands in feature sets.
pub const BESIDE: &str = "beside";
/// More than a memtable of 64 KiB takes.
const FILLING: usize = 40 << 10;

pub fn t(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

/// An erased entity, and the recorded-at bound and the floor of its fence.
pub type Bounds = (Vec<Value>, Timestamp, Option<Timestamp>);

/// A store under test and what is needed to open it again.
pub struct World {
    path: PathBuf,
    pub clock: Arc<ManualClock>,
    store: Option<Store>,
    options: Choices<'static>,
    /// Views that may be resident.
    views: Vec<String>,
    padding: usize,
    filled: i64,
}

impl World {
    pub fn new(path: &Path, seed: u64, padding: usize) -> Result<World> {
        let mut world = World {
            path: path.to_path_buf(),
            clock: Arc::new(ManualClock::at(t(NOW))),
            store: None,
            options: Choices::of_seed(seed),
            views: ["first", "second", BESIDE].map(String::from).to_vec(),
            padding,
            filled: 0,
        };
        world.open()?;
        let beside = ViewDefinition::builder(BESIDE)
            .key("k", Type::I64)
            .define(FeatureDefinition::new("filling", Type::String))
            .history(Retention::Window(Span::ZERO));
        world.store().apply(beside.build()?)?;
        Ok(world)
    }

    pub fn store(&self) -> &Store {
        self.store.as_ref().expect("it is open between two steps")
    }

    /// Opens it, with options that nobody may notice.
    fn open(&mut self) -> Result<()> {
        let options = StoreOptions::new()
            .clock(self.clock.clone())
            .memtable_bytes(self.options.one_of(&[64 << 10, 64 << 10, 1 << 20]))
            .block_cache_bytes(self.options.one_of(&[0, 16 << 10, 1 << 20]))
            .exact_receipts(self.options.one_in(4))
            .reserve_bytes(self.options.one_of(&[0, 0, 0, 4 << 10]))
            .resident(&self.views[..self.options.below(4).min(self.views.len())])
            .create_if_missing(true);
        // With little memory at first, so that rows are left out; with enough where they do not fit.
        let tight = options.clone().resident_bytes(64 << 10).open(&self.path);
        self.store = Some(match tight {
            Err(error) if error.kind() == ErrorKind::InvalidArgument => options.open(&self.path)?,
            opened => opened?,
        });
        Ok(())
    }

    /// Leaves the store, and notes which views it has.
    fn leave(&mut self) -> Store {
        let store = self.store.take().expect("it is open between two steps");
        self.views = store
            .views()
            .iter()
            .map(|view| view.name().into())
            .collect();
        store
    }

    pub fn view(&self, name: &str) -> Result<View> {
        self.store().view(name)
    }

    pub fn entity(&self, view: &str, id: i64) -> Result<Entity> {
        self.view(view)?.entity([id])
    }

    pub fn write(&self, view: &str, facts: &[Fact]) -> Result<()> {
        let view = self.view(view)?;
        let mut batch = WriteBatch::new();
        for fact in facts {
            let entity = view.entity([fact.entity])?;
            let mut row = match fact.op {
                Op::Put => batch.put(&view, &entity, t(fact.et)),
                Op::Patch => batch.patch(&view, &entity, t(fact.et)),
                Op::Delete => batch.delete(&view, &entity, t(fact.et)),
            };
            if let Some(rec) = fact.rec {
                row = row.recorded_at(t(rec));
            }
            for (at, value) in &fact.features {
                row = row.set_value(NAMES[*at], value_of(*at, *value, self.padding));
            }
            row.finish()?;
        }
        let receipt = self.store().write(batch, WriteOptions::buffered())?;
        let sum = receipt.applied + receipt.duplicate + receipt.too_late + receipt.fenced;
        assert_eq!(
            (receipt.rows, receipt.rows),
            (sum, facts.len() as u64),
            "{receipt}"
        );
        Ok(())
    }

    /// The fences, as one view takes them over from another.
    pub fn fences(&self, view: &str) -> Result<Vec<Bounds>> {
        let fences = self.store().fences(&self.view(view)?)?.into_iter();
        Ok(fences
            .map(|(entity, recorded, floor)| (entity.to_values(), recorded, floor))
            .collect())
    }

    /// Lets a step happen to a view; `before` is every fact that was written to it so far.
    pub fn take(&mut self, view: &str, step: &Step, before: &[Fact]) -> Result<()> {
        match step {
            Step::Write(facts) => self.write(view, facts)?,
            Step::Split(facts) => facts.chunks(1).try_for_each(|one| self.write(view, one))?,
            Step::Replay(from) => self.write(view, before.get(*from..).unwrap_or(before))?,
            Step::Sync => self.store().sync()?,
            Step::Flush => self.fill()?,
            Step::Compact => self.store().compact()?,
            Step::Reopen => {
                // The last handle has to go before the lock does.
                self.leave().close()?;
                self.open()?;
            }
            Step::Kill => self.kill()?,
            Step::Wait(micros) => self.clock.advance(Span::micros(*micros)),
            Step::Erase(id, recorded) => {
                let mut options = EraseOptions::new();
                options.recorded_at = recorded.map(t);
                let entity = self.entity(view, *id)?;
                let erased = self.store().erase(&self.view(view)?, &entity, options)?;
                let due = recorded.map_or(self.store().now(), t);
                assert!(erased.recorded_at >= due, "{erased:?}");
            }
        }
        Ok(())
    }

    fn fill(&mut self) -> Result<()> {
        let view = self.view(BESIDE)?;
        let entity = view.entity([0i64])?;
        for _ in 0..3 {
            self.filled += 1;
            let mut batch = WriteBatch::new();
            batch
                .put(&view, &entity, t(self.filled))
                .set_value("filling", "x".repeat(FILLING))
                .finish()?;
            self.store().write(batch, WriteOptions::buffered())?;
        }
        Ok(())
    }

    fn kill(&mut self) -> Result<()> {
        let copy = self.path.with_extension("killed");
        crate::killed::copy(&self.path, &copy).expect("the files can be copied");
        // What the old process still does at its end happens to files that are gone.
        drop(self.leave());
        std::fs::remove_dir_all(&self.path).expect("the old files can be removed");
        std::fs::rename(&copy, &self.path).expect("the copy can be moved");
        self.open()
    }
}

/// The value of a feature for one of the few numbers that a fact gives it.
pub fn value_of(feature: usize, number: Option<i64>, padding: usize) -> Value {
    match (feature, number) {
        (_, None) => Value::Null,
        (2, Some(number)) => Value::String(format!("{number}{}", "-".repeat(padding))),
        (_, Some(number)) => Value::I64(number),
    }
}
