//! The real store against the model, over random histories.
//!
//! Each case draws a view (ttl, window, what expiry does), a few versions that collide on purpose, an
//! order, batches, repetitions, and moments at which the store is synced, compacted or opened again
//! and the clock moves. Then every read path has to say what the model says, and a second store that
//! took the same events in another order has to have the same digest.

#![cfg(feature = "store")]

#[path = "../model/mod.rs"]
mod model;

use asof::{
    Entity, FeatureDefinition, HistoryRange, ManualClock, MaxSkew, OnExpiry, Op, Question, Read,
    Result, Retention, Row, Span, Store, StoreOptions, Timestamp, Type, Value, Verdict, View,
    ViewDefinition, WriteBatch, WriteOptions,
};
use model::{Answer, FeatureAnswer, Model, Version};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

const NAMES: [&str; 3] = ["a", "b", "c"];
/// Where the clock starts; event times lie around it.
const NOW: i64 = 1_000;

#[derive(Debug, Clone)]
struct Fact {
    entity: i64,
    et: i64,
    rec: Option<i64>,
    op: Op,
    features: BTreeMap<usize, Option<i64>>,
}

#[derive(Debug, Clone)]
enum Step {
    Write(Vec<Fact>),
    Sync,
    Compact,
    Reopen,
    Wait(i64),
}

fn fact() -> impl Strategy<Value = Fact> {
    let et = prop_oneof![5 => 990i64..1_010, 1 => 900i64..1_100];
    let rec = prop_oneof![3 => Just(None), 2 => (985i64..1_015).prop_map(Some)];
    let op = prop_oneof![3 => Just(Op::Put), 3 => Just(Op::Patch), 1 => Just(Op::Delete)];
    let value = prop_oneof![1 => Just(None), 4 => (0i64..3).prop_map(Some)];
    let features = prop::collection::btree_map(0usize..3, value, 1..4);
    (0i64..3, et, rec, op, features).prop_map(|(entity, et, rec, op, features)| {
        let features = if op == Op::Delete {
            BTreeMap::new()
        } else {
            features
        };
        Fact {
            entity,
            et,
            rec,
            op,
            features,
        }
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => prop::collection::vec(fact(), 1..6).prop_map(Step::Write),
        1 => Just(Step::Sync),
        1 => Just(Step::Compact),
        1 => Just(Step::Reopen),
        2 => (1i64..20).prop_map(Step::Wait),
    ]
}

fn definition() -> impl Strategy<Value = ViewDefinition> {
    let ttl = prop_oneof![Just(None), (0i64..30).prop_map(Some)];
    let window = prop_oneof![2 => Just(None), 3 => (0i64..30).prop_map(Some)];
    (ttl, window, any::<bool>()).prop_map(|(ttl, window, stale)| {
        let mut view = ViewDefinition::builder("v")
            .key("k", Type::I64)
            .max_skew(MaxSkew::Forever);
        for name in NAMES {
            view = view.define(FeatureDefinition::new(name, Type::I64).nullable());
        }
        if let Some(ttl) = ttl {
            view = view.ttl(Span::micros(ttl));
            if stale {
                view = view.on_expiry(OnExpiry::Stale);
            }
        }
        if let Some(window) = window {
            view = view.history(Retention::Window(Span::micros(window)));
        }
        view.build().expect("is well-formed")
    })
}

fn t(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

fn entity_of(fact: &Fact) -> Vec<Value> {
    vec![Value::I64(fact.entity)]
}

/// A store under test and what is needed to open it again.
struct World<'p> {
    path: &'p Path,
    clock: Arc<ManualClock>,
    store: Store,
}

impl World<'_> {
    fn new<'p>(path: &'p Path, definition: &ViewDefinition) -> Result<World<'p>> {
        let clock = Arc::new(ManualClock::at(t(NOW)));
        let store = World::open(path, &clock)?;
        store.apply(definition.clone())?;
        Ok(World { path, clock, store })
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
        let sum = receipt.applied + receipt.duplicate + receipt.too_late;
        assert_eq!(
            (receipt.rows, receipt.rows),
            (sum, facts.len() as u64),
            "{receipt}"
        );
        Ok(())
    }

    fn take(&mut self, step: &Step) -> Result<()> {
        match step {
            Step::Write(facts) => self.write(facts)?,
            Step::Sync => self.store.sync()?,
            Step::Compact => self.store.compact()?,
            Step::Reopen => {
                self.store.clone().close()?;
                // The last handle has to go before the lock does.
                self.store = Store::temp()?;
                self.store = World::open(self.path, &self.clock)?;
            }
            Step::Wait(micros) => self.clock.advance(Span::micros(*micros)),
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
fn ask(world: &World<'_>, model: &Model, at: Option<i64>, known_at: Option<i64>) -> Result<()> {
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
        let scanned = scanned.get(&(id as i64));
        match expected.verdict {
            Verdict::Never => assert_eq!(scanned, None, "scan: {place}"),
            _ => assert_eq!(scanned, Some(&expected), "scan: {place}"),
        }
    }
    Ok(())
}

fn check(world: &World<'_>, model: &Model) -> Result<()> {
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

fn run(definition: &ViewDefinition, steps: &[Step], seed: u64) -> Result<()> {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("one");
    let mut world = World::new(&path, definition)?;
    let mut model = Model::new(definition.clone());
    let mut facts = Vec::new();
    for step in steps {
        world.take(step)?;
        if let Step::Write(written) = step {
            tell(&mut model, written);
            facts.extend(written.iter().cloned());
        }
        model.floor = world.store.floor(&world.view()?);
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_store_says_what_the_model_says(
        definition in definition(),
        steps in prop::collection::vec(step(), 1..14),
        seed: u64,
    ) {
        run(&definition, &steps, seed).unwrap();
    }
}
