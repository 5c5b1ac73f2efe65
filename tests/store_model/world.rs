//! A store, what may happen to it, and the questions that must then be answered as the model does.

#![allow(
    unreachable_pub,
    reason = "this file is a module of a test and of a fuzz target"
)]

use crate::model::{Answer, FeatureAnswer, Fence, Model, Version};
use asof::{
    Entity, EraseOptions, ExplainedVersion, Explanation, HistoryRange, ManualClock, Op, Question,
    Read, Result, Row, Span, Store, StoreOptions, Timestamp, Value, Verdict, View, ViewDefinition,
    WriteBatch, WriteOptions,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub const NAMES: [&str; 3] = ["a", "b", "c"];
/// Where the clock starts; event times lie around it.
const NOW: i64 = 1_000;

/// One row as it will be written.
#[derive(Debug, Clone)]
pub struct Fact {
    pub entity: i64,
    pub et: i64,
    pub rec: Option<i64>,
    pub op: Op,
    pub features: BTreeMap<usize, Option<i64>>,
}

/// One thing that happens to a store.
#[derive(Debug, Clone)]
pub enum Step {
    /// One batch.
    Write(Vec<Fact>),
    /// A batch per fact.
    Split(Vec<Fact>),
    /// All facts since this one again, as one batch.
    Replay(usize),
    Sync,
    /// Writes out what is in memory, then compacts.
    Compact,
    Reopen,
    /// What a killed process leaves: the files as they are, opened in another place.
    Kill,
    Wait(i64),
    /// Everything of an entity, or what was recorded up to then.
    Erase(i64, Option<i64>),
}

fn t(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

fn entity_of(fact: &Fact) -> Vec<Value> {
    vec![Value::I64(fact.entity)]
}

/// An erased entity, and the recorded-at bound and the floor of its fence.
type Bounds = (Vec<Value>, Timestamp, Option<Timestamp>);

/// A store under test and what is needed to open it again.
struct World {
    path: PathBuf,
    clock: Arc<ManualClock>,
    store: Store,
}

impl World {
    fn new(path: &Path, definition: &ViewDefinition) -> Result<World> {
        let clock = Arc::new(ManualClock::at(t(NOW)));
        let store = World::open(path, &clock)?;
        store.apply(definition.clone())?;
        Ok(World {
            path: path.to_path_buf(),
            clock,
            store,
        })
    }

    fn open(path: &Path, clock: &Arc<ManualClock>) -> Result<Store> {
        let options = StoreOptions::new()
            .clock(clock.clone())
            .memtable_bytes(64 << 10);
        options
            .block_cache_bytes(1 << 20)
            .create_if_missing(true)
            .open(path)
    }

    fn view(&self) -> Result<View> {
        self.store.view("v")
    }

    fn entity(&self, id: i64) -> Result<Entity> {
        self.view()?.entity([id])
    }

    fn write(&self, facts: &[Fact]) -> Result<()> {
        let view = self.view()?;
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
                row = row.set_value(NAMES[*at], *value);
            }
            row.finish()?;
        }
        let receipt = self.store.write(batch, WriteOptions::buffered())?;
        let sum = receipt.applied + receipt.duplicate + receipt.too_late + receipt.fenced;
        assert_eq!(
            (receipt.rows, receipt.rows),
            (sum, facts.len() as u64),
            "{receipt}"
        );
        Ok(())
    }

    /// The fences, as one store takes them over from another.
    fn fences(&self) -> Result<Vec<Bounds>> {
        let fences = self.store.fences(&self.view()?).into_iter();
        Ok(fences
            .map(|(entity, recorded, floor)| (entity.to_values(), recorded, floor))
            .collect())
    }

    /// Lets a step happen; `before` is every fact that was written so far.
    fn take(&mut self, step: &Step, before: &[Fact]) -> Result<()> {
        match step {
            Step::Write(facts) => self.write(facts)?,
            Step::Split(facts) => facts.chunks(1).try_for_each(|one| self.write(one))?,
            Step::Replay(from) => self.write(before.get(*from..).unwrap_or(before))?,
            Step::Sync => self.store.sync()?,
            Step::Compact => self.store.compact()?,
            Step::Reopen => {
                self.store.clone().close()?;
                // The last handle has to go before the lock does.
                self.store = Store::temp()?;
                self.store = World::open(&self.path, &self.clock)?;
            }
            Step::Kill => {
                let copy = self.path.with_extension("killed");
                crate::killed::copy(&self.path, &copy).expect("the files can be copied");
                // What the old process still does at its end happens to files that are gone.
                self.store = Store::temp()?;
                std::fs::remove_dir_all(&self.path).expect("the old files can be removed");
                std::fs::rename(&copy, &self.path).expect("the copy can be moved");
                self.store = World::open(&self.path, &self.clock)?;
            }
            Step::Wait(micros) => self.clock.advance(Span::micros(*micros)),
            Step::Erase(id, recorded) => {
                let mut options = EraseOptions::new();
                options.recorded_at = recorded.map(t);
                let erased = self
                    .store
                    .erase(&self.view()?, &self.entity(*id)?, options)?;
                let due = recorded.map_or(self.store.now(), t);
                assert!(erased.recorded_at >= due, "{erased:?}");
            }
        }
        Ok(())
    }
}

fn tell(model: &mut Model, facts: &[Fact]) {
    for fact in facts {
        let features = fact
            .features
            .iter()
            .map(|(at, value)| (NAMES[*at], Value::from(*value)));
        let version = Version::new(t(fact.et), fact.rec.map(t), fact.op, features);
        model.insert(&entity_of(fact), version);
    }
}

fn answer_of(row: &Row) -> Result<Answer> {
    let mut features = BTreeMap::new();
    for (feature, answer) in row.iter() {
        let answer = answer?;
        let value = answer.value.map(|value| value.to_value());
        let (status, event_time) = (answer.status, answer.event_time);
        features.insert(
            feature.name().to_string(),
            FeatureAnswer {
                status,
                value,
                event_time,
            },
        );
    }
    Ok(Answer {
        verdict: row.verdict(),
        features,
    })
}

/// Asks one question along every path.
fn ask(world: &World, model: &Model, at: Option<i64>, known_at: Option<i64>) -> Result<()> {
    let view = world.view()?;
    let mut question = at.map_or(Question::latest(), |at| Question::as_of(t(at)));
    if let Some(k) = known_at {
        question = question.known_at(t(k));
    }
    let as_of = at.map_or(world.store.now(), t);
    let entities = (0..4)
        .map(|id| world.entity(id))
        .collect::<Result<Vec<_>>>()?;
    // `latest` asks about no time in particular, and is never beyond history.
    let asked = [at, known_at];
    let beyond = model
        .floor
        .is_some_and(|x| asked.into_iter().flatten().any(|at| t(at) < x));
    let many = world.store.get_many(&view, &entities, question);
    if beyond {
        let error = many.expect_err("the floor forbids it");
        let floor = model.floor.expect("there is a floor").micros();
        assert_eq!(error.kind(), asof::ErrorKind::BeyondHistory { floor });
        return Ok(());
    }
    let many = many?;
    let mut scanned: BTreeMap<i64, Answer> = BTreeMap::new();
    for item in world.store.scan(&view, question)? {
        let (entity, row) = item?;
        let [Value::I64(id)] = entity.to_values()[..] else {
            unreachable!("the key is an i64")
        };
        assert!(
            scanned.insert(id, answer_of(&row)?).is_none(),
            "scanned twice"
        );
    }
    for (id, (entity, row)) in entities.iter().zip(&many).enumerate() {
        let expected = model.as_of(&[Value::I64(id as i64)], as_of, known_at.map(t));
        let place = format!("entity {id} at {at:?} known at {known_at:?}");
        assert_eq!(answer_of(row)?, expected, "many: {place}");
        assert_eq!(
            answer_of(&world.store.get(&view, entity, question)?)?,
            expected,
            "one: {place}"
        );
        let snapshot = world.store.snapshot();
        assert_eq!(
            answer_of(&snapshot.get(&view, entity, question)?)?,
            expected,
            "snap: {place}"
        );
        explains(&world.store.explain(&view, entity, question)?, &expected);
        let scanned = scanned.get(&(id as i64));
        match expected.verdict {
            Verdict::Never => assert_eq!(scanned, None, "scan: {place}"),
            _ => assert_eq!(scanned, Some(&expected), "scan: {place}"),
        }
    }
    Ok(())
}

/// The reasons given have to be those of the answer.
fn explains(why: &Explanation, answer: &Answer) {
    for feature in &why.features {
        let expected = &answer.features[&feature.name];
        assert_eq!(feature.status, expected.status, "{why:?}");
        let by = feature.by.map(|by| &why.versions[by]);
        if let Some(event_time) = expected.event_time {
            assert_eq!(by.map(|by| by.event_time), Some(event_time), "{why:?}");
        }
        let decides = |version: &&ExplainedVersion| version.decides.contains(&feature.name);
        assert!(why.versions.iter().filter(decides).count() <= 1, "{why:?}");
    }
}

fn check(world: &World, model: &Model) -> Result<()> {
    let view = world.view()?;
    assert_eq!(world.store.floor(&view), model.floor);
    for at in (985..1_030).step_by(3).chain([880, 950, 1_101]) {
        ask(world, model, Some(at), None)?;
        ask(world, model, Some(at), Some(at - 7))?;
    }
    ask(world, model, None, None)?;
    for id in 0..3 {
        let entity = world.entity(id)?;
        let columns = [Value::I64(id)];
        for reverse in [false, true] {
            let range = HistoryRange {
                reverse,
                ..HistoryRange::default()
            };
            let found = world.store.history(&view, &entity, range)?;
            let found = found.map(|v| v.map(|v| (v.event_time(), v.recorded_at(), v.op())));
            let found = found.collect::<Result<Vec<_>>>()?;
            let expected = model
                .history(&columns, None)
                .into_iter()
                .map(|v| (v.et, v.rec, v.op));
            let mut expected: Vec<_> = expected.collect();
            if reverse {
                expected.reverse();
            }
            assert_eq!(found, expected, "history of {id}, reverse {reverse}");
        }
    }
    let report = world.store.verify(&mut |_| {})?;
    assert!(report.is_clean(), "{:?}", report.findings);
    Ok(())
}

/// Lets the steps happen, asking as it goes, and then tells a second store the same facts in another
/// order: both have to say what the model says, and their digests have to be equal.
pub fn run(definition: &ViewDefinition, steps: &[Step], seed: u64) -> Result<()> {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("one");
    let mut world = World::new(&path, definition)?;
    let mut model = Model::new(definition.clone());
    let mut facts = Vec::new();
    for step in steps {
        world.take(step, &facts)?;
        if let Step::Write(written) | Step::Split(written) = step {
            tell(&mut model, written);
            facts.extend(written.iter().cloned());
        }
        for (entity, recorded, floor) in world.fences()? {
            model.erase(&entity, Fence { recorded, floor });
        }
        let floor = world.store.floor(&world.view()?);
        assert!(floor >= model.floor, "the floor went back at {step:?}");
        model.floor = floor;
        model.horizon = model.horizon_at(model.floor);
        ask(&world, &model, None, None)?;
    }
    world.store.sync()?;
    model.move_floor(world.store.now());
    check(&world, &model)?;

    // The same facts in another order, in other batches, every other one twice.
    let path = directory.path().join("two");
    let other = World::new(&path, definition)?;
    other.clock.set(world.store.now());
    // What is fenced is not accepted there, so nothing else would bring the floor up.
    other
        .store
        .restore_bounds(&other.view()?, model.floor, &world.fences()?)?;
    let again: Vec<Fact> = facts.iter().step_by(2).cloned().collect();
    facts.extend(again);
    let mut random = seed | 1;
    for at in (1..facts.len()).rev() {
        random = random
            .wrapping_mul(0x5851_f42d_4c95_7f2d)
            .wrapping_add(0x1405_7b7e_f767_814f);
        facts.swap(at, (random >> 33) as usize % (at + 1));
    }
    for chunk in facts.chunks(1 + seed as usize % 4) {
        other.write(chunk)?;
    }
    other.store.sync()?;
    check(&other, &model)?;
    assert_eq!(
        world.store.digest(&world.view()?)?,
        other.store.digest(&other.view()?)?
    );
    Ok(())
}
