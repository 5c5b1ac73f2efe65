//! The law, as fast code and as the naive model, gives one answer.

use super::choices::Choices;
use crate::format::catalog::Fence;
use crate::format::key::Stamp;
use crate::format::row::{Body, BodyBuilder, HistoryRow, LatestRow, begin_history};
use crate::format::value::encode;
use crate::format::{SetDigest, digest};
use crate::id::ViewId;
use crate::law::model::{self, FeatureAnswer, Model, Version};
use crate::law::{Fold, Retained, Verdict, is_fenced};
use crate::op::Op;
use crate::query::Row;
use crate::schema::{Contract, FeatureDefinition, OnExpiry, ViewDefinition};
use crate::time::{Span, Timestamp};
use crate::value::{Type, Value};
use std::ops::ControlFlow;
use std::sync::Arc;

const ENTITY: &[u8] = b"e";
const NAMES: [&str; 3] = ["c", "a", "b"];
const VERSIONS_MAX: usize = 12;
/// As many of each kind are asked.
const QUESTIONS: usize = 9;

/// What was asked of a case: where something is, a microsecond beside it, and where nothing is.
#[derive(Debug, Default, Clone, Copy)]
pub struct Asked {
    /// Questions that found a row.
    pub hits: u64,
    /// Questions a microsecond beside a version, the end of its life or the floor, or on the edge.
    pub near: u64,
    /// Questions that found none, or were refused.
    pub misses: u64,
}

/// A fold in two orders, with repeats and in batches, by way of a stored latest row or not, and a walk
/// that stops early say what the model says; and however the floor has moved, whatever a compaction
/// has dropped on the way and whenever an erase came, the retained set and its digest are the model's.
pub fn fold(data: &[u8]) {
    let _asked = permuted(data);
}

/// The same, and says what was asked, so that whoever draws the bytes can tell that it was not blind.
pub fn permuted(data: &[u8]) -> Asked {
    let mut choices = Choices(data);
    let view = definition(&mut choices);
    let contract = Contract::first(ViewId(1), view.clone());
    let mut random = Random(u64::from_le_bytes(choices.array()));
    let acts = Acts::draw(&mut choices);
    let mut versions = Vec::new();
    while !choices.0.is_empty() && versions.len() < VERSIONS_MAX {
        versions.push(version(&mut choices));
    }
    let mut model = Model::new(view.clone());
    for version in &versions {
        model.insert(&[Value::I64(1)], version.clone());
    }
    if let Some(fence) = &acts.fence {
        let (recorded, floor) = (fence.recorded, fence.floor);
        model.erase(&[Value::I64(1)], model::Fence { recorded, floor });
    }
    model.floor = acts.floor;
    model.horizon = model.horizon_at(acts.floor);
    assert_eq!(contract.horizon(acts.floor), model.horizon);

    let mut first: Vec<Stored> = versions.iter().map(|v| Stored::new(&contract, v)).collect();
    let batches = batches(&first, &mut random);
    first.retain(|version| {
        acts.fence
            .as_ref()
            .is_none_or(|f| !is_fenced(f, &version.stamp))
    });
    let second = arrived(batches, &acts, &contract, &mut random);
    let told = retained(&first, acts.floor, model.horizon);
    let again = retained(&second.concat(), acts.floor, model.horizon);
    let expected = model.history(&[Value::I64(1)], None);
    let expected = Stored::all(&contract, expected);
    assert_eq!(
        set_digest(&contract, &told),
        set_digest(&contract, &expected),
        "{acts:?}"
    );
    assert_eq!(
        set_digest(&contract, &again),
        set_digest(&contract, &expected),
        "again: {acts:?}"
    );

    let mut asked = Asked::default();
    for nth in 0..QUESTIONS {
        let (t, known_at) = question(&mut random, nth, &view, &model, &versions);
        let is_refused = model.is_beyond_history(t, known_at);
        let verdict = (!is_refused)
            .then(|| answers_are_the_models(&contract, &model, &told, &second, t, known_at));
        match (nth % 3, verdict) {
            (1, _) => asked.near += 1,
            (_, Some(Verdict::Found)) => asked.hits += 1,
            _ => asked.misses += 1,
        }
    }
    asked
}

/// What happens to the second order on its way: a floor, an erase at that floor, a later floor.
#[derive(Debug)]
struct Acts {
    early: Option<Timestamp>,
    fence: Option<Fence>,
    floor: Option<Timestamp>,
}

impl Acts {
    fn draw(choices: &mut Choices<'_>) -> Acts {
        let early = choices.flag().then(|| instant(choices));
        let fence = (choices.below(4) == 3).then(|| Fence {
            recorded: instant(choices),
            floor: early,
            entity: ENTITY.to_vec(),
        });
        let floor = choices.flag().then(|| instant(choices)).max(early);
        Acts {
            early,
            fence,
            floor,
        }
    }
}

/// SplitMix64, for what is chosen once the versions are known.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed >> 33) as usize % n
    }
}

/// Few instants, so that they are often the same; and both ends of time.
fn instant(choices: &mut Choices<'_>) -> Timestamp {
    Timestamp::from_micros(match choices.byte() {
        0 => i64::MIN,
        1 => i64::MAX,
        2 => i64::MIN + 1,
        3 => i64::MAX - 1,
        byte => i64::from(byte % 14),
    })
}

/// The versions in another order, some of them again, in batches.
fn batches(stored: &[Stored], random: &mut Random) -> Vec<Vec<Stored>> {
    let mut other: Vec<Stored> = stored.to_vec();
    let again = stored.iter().filter(|_| random.below(2) == 1);
    other.extend(again.cloned());
    for at in (1..other.len()).rev() {
        other.swap(at, random.below(at + 1));
    }
    let size = 1 + random.below(4);
    other.chunks(size).map(<[Stored]>::to_vec).collect()
}

/// What is left of each batch in a store that has a floor from some batch on, is erased from after
/// another, and drops what is hidden whenever it likes.
fn arrived(
    batches: Vec<Vec<Stored>>,
    acts: &Acts,
    contract: &Contract,
    random: &mut Random,
) -> Vec<Vec<Stored>> {
    let floor_at = random.below(batches.len() + 1);
    let fence_at = floor_at + random.below(batches.len() + 1 - floor_at);
    let horizon = contract.horizon(acts.early);
    let mut kept: Vec<Vec<Stored>> = Vec::new();
    for (at, mut batch) in batches.into_iter().enumerate() {
        let floor = acts.early.filter(|_| at >= floor_at);
        if let Some(fence) = &acts.fence {
            for stored in kept.iter_mut().filter(|_| at == fence_at) {
                stored.retain(|version| !is_fenced(fence, &version.stamp));
            }
            batch.retain(|version| at < fence_at || !is_fenced(fence, &version.stamp));
        }
        kept.push(batch);
        if floor.is_some() && random.below(2) == 1 {
            let left = retained(&kept.concat(), floor, horizon);
            let stays = |v: &Stored| left.iter().any(|left| left.stamp == v.stamp);
            let spared = random.below(3);
            for stored in &mut kept {
                stored.retain(|version| stays(version) || spared == 2);
            }
        }
    }
    if let Some(fence) = &acts.fence {
        for stored in &mut kept {
            stored.retain(|version| !is_fenced(fence, &version.stamp));
        }
    }
    kept
}

fn newest_first(stored: &[Stored]) -> Vec<&Stored> {
    let mut all: Vec<&Stored> = stored.iter().collect();
    all.sort_by_key(|version| std::cmp::Reverse(version.stamp));
    all.dedup_by_key(|version| version.stamp);
    all
}

/// What a walk over these calls retained.
fn retained(
    stored: &[Stored],
    floor: Option<Timestamp>,
    horizon: Option<Timestamp>,
) -> Vec<Stored> {
    let mut walk = Retained::new(floor, horizon);
    let kept = newest_first(stored).into_iter().filter(|version| {
        let admitted = walk.admit(&version.stamp, version.op, &version.body());
        admitted.expect("the body is whole")
    });
    kept.cloned().collect()
}

fn set_digest(contract: &Contract, stored: &[Stored]) -> SetDigest {
    let mut digest = SetDigest::default();
    for version in stored {
        let content = digest::content(contract, &version.body()).expect("it was read before");
        digest.add(contract, ENTITY, &version.stamp, version.op, content);
    }
    digest
}

/// A time and a known-at, of each kind in turn: at a version, a microsecond beside something, nowhere.
fn question(
    random: &mut Random,
    nth: usize,
    view: &ViewDefinition,
    model: &Model,
    versions: &[Version],
) -> (Timestamp, Option<Timestamp>) {
    let ttl = view.time().ttl.map(Span::as_micros);
    let Some(version) = versions.get(random.below(versions.len().max(1))) else {
        return (Timestamp::from_micros(random.below(14) as i64), None);
    };
    let beside = |t: Timestamp, by: i64| Timestamp::from_micros(t.micros().saturating_add(by));
    let floor = |t: Timestamp| t.max(model.floor.unwrap_or(t));
    match (nth % 3, random.below(6), ttl) {
        (0, 0, _) => (floor(version.et), Some(floor(version.rec.max(version.et)))),
        (0, other, _) => (floor(beside(version.et, other as i64 / 4)), None),
        (1, 0, Some(ttl)) => (beside(version.et, ttl), None),
        (1, 1, Some(ttl)) => (beside(beside(version.et, ttl), 1), None),
        (1, 2, _) => {
            let by = random.below(3) as i64 - 1;
            (beside(model.floor.unwrap_or(version.et), by), None)
        }
        (1, 3, _) => (floor(version.et), Some(beside(version.rec, -1))),
        (1, 4, _) => (beside(version.et, 1), None),
        (1, ..) => (beside(version.et, -1), None),
        (_, 0..3, Some(ttl)) => {
            let newest = versions.iter().map(|version| version.et).max();
            (beside(beside(newest.unwrap_or(version.et), ttl), 9), None)
        }
        _ => {
            let oldest = versions.iter().map(|version| version.et).min();
            let before = beside(oldest.unwrap_or(version.et), -2 - random.below(9) as i64);
            // Where nothing could be known yet, or where something is known to be gone.
            let deleted = versions
                .iter()
                .filter(|version| version.op == Op::Delete)
                .max();
            (deleted.map_or(before, |deleted| deleted.et), None)
        }
    }
}

fn definition(choices: &mut Choices<'_>) -> ViewDefinition {
    let mut view = ViewDefinition::builder("v").key("k", Type::I64);
    for name in NAMES {
        view = view.define(FeatureDefinition::new(name, Type::F64).nullable());
    }
    let ttl = choices.below(8);
    if ttl > 0 {
        view = view.ttl(Span::micros(ttl as i64 - 1));
    }
    if choices.flag() {
        view = view.on_expiry(OnExpiry::Stale);
    }
    // Stale without a ttl is refused; what is left is a view without either.
    let plain = ViewDefinition::builder("v").key("k", Type::I64);
    let plain = NAMES.iter().fold(plain, |view, name| {
        view.define(FeatureDefinition::new(*name, Type::F64).nullable())
    });
    view.build()
        .or_else(|_| plain.build())
        .expect("it is well-formed")
}

fn version(choices: &mut Choices<'_>) -> Version {
    let (et, op, said) = (instant(choices), choices.op(), choices.byte());
    let rec = choices.flag().then(|| instant(choices));
    let mut named = if op == Op::Delete {
        0
    } else {
        usize::from(said & 7)
    };
    if op == Op::Patch {
        named = named.max(1);
    }
    let values = [
        Value::Null,
        Value::F64(f64::NAN),
        Value::F64(-0.0),
        Value::F64(0.0),
    ];
    let features = (0..3).filter(|at| named & 1 << at != 0);
    let value = |at: usize| values[usize::from(said >> (2 + at * 2) & 3)].clone();
    Version::new(et, rec, op, features.map(|at| (NAMES[at], value(at))))
}

/// A version as the law sees it: a stamp, and the bytes of a row.
#[derive(Clone)]
struct Stored {
    stamp: Stamp,
    op: Op,
    row: Vec<u8>,
}

impl Stored {
    fn new(contract: &Contract, version: &Version) -> Self {
        let mut body = BodyBuilder::default();
        for (name, value) in &version.features {
            let id = contract.find(name).expect("the view has it").id();
            match value {
                Value::Null => body.null(id),
                value => body.value(id, |out| encode(value, out)),
            }
        }
        let mut row = Vec::new();
        begin_history(version.op, 1, ENTITY, &mut row);
        body.write(&mut row);
        let read = HistoryRow::parse(&row).expect("it was just written");
        let digest = digest::content(contract, &read.body).expect("the view has every feature");
        assert_eq!(digest.0, version.digest, "{version:?}");
        let stamp = Stamp::new(version.et, version.rec, version.op, digest);
        let op = version.op;
        Stored { stamp, op, row }
    }

    fn all(contract: &Contract, versions: Vec<&Version>) -> Vec<Self> {
        versions
            .into_iter()
            .map(|v| Stored::new(contract, v))
            .collect()
    }

    fn body(&self) -> Body<'_> {
        HistoryRow::parse(&self.row)
            .expect("it was just written")
            .body
    }

    fn add_to(&self, fold: &mut Fold) -> ControlFlow<()> {
        let added = fold.add(self.stamp, self.op, &self.body());
        added.expect("the body is whole").older
    }
}

fn written(fold: &mut Fold) -> Vec<u8> {
    let mut row = Vec::new();
    fold.write(1, ENTITY, &mut row);
    row
}

/// Along every path the answer is the model's. Returns its verdict.
fn answers_are_the_models(
    contract: &Contract,
    model: &Model,
    told: &[Stored],
    batches: &[Vec<Stored>],
    t: Timestamp,
    known_at: Option<Timestamp>,
) -> Verdict {
    let is_asked =
        |v: &&Stored| v.stamp.et <= t && known_at.is_none_or(|known_at| v.stamp.rec <= known_at);
    let mut fold = Fold::default();
    for version in told.iter().filter(is_asked) {
        let _any_order = version.add_to(&mut fold);
    }
    let row = written(&mut fold);

    // Batch after batch, each by way of what would be stored.
    let mut stepwise = Fold::default();
    for batch in batches {
        let latest = written(&mut stepwise);
        let latest = LatestRow::parse(&latest).expect("it was just written");
        stepwise.load(&latest).expect("it is whole");
        for version in batch.iter().filter(is_asked) {
            let _any_order = version.add_to(&mut stepwise);
        }
    }
    let place = || format!("{t:?}, {known_at:?}");
    let all = batches.concat();
    let mut walk = Fold::default();
    let mut newest_first = newest_first(&all).into_iter().filter(is_asked);
    let stopped = newest_first.find(|v| v.add_to(&mut walk).is_break());
    let stopped = stopped.map(|v| v.stamp);
    let by_walk = written(&mut walk);
    assert_eq!(
        written(&mut stepwise),
        by_walk,
        "a walk that stops at {stopped:?}, {}",
        place()
    );

    // What is hidden or outside the view may still be there; then rows differ, and answers do not.
    let expected = model.as_of(&[Value::I64(1)], t, known_at);
    for row in [row, by_walk] {
        let told = answered(contract, model.horizon, &row, t);
        assert_eq!(told, expected, "{}", place());
    }
    expected.verdict
}

/// What a latest row answers, in the words of the model.
fn answered(
    contract: &Contract,
    horizon: Option<Timestamp>,
    row: &[u8],
    t: Timestamp,
) -> model::Answer {
    let mut answer = Row::new();
    let (bytes, _) = answer.begin(&Arc::new(contract.clone()), t, horizon);
    bytes.extend_from_slice(row);
    let verdict = answer.finish().expect("it was just written");
    let features = answer.iter().map(|(feature, told)| {
        let told = told.expect("the row is whole");
        let (status, event_time) = (told.status, told.event_time);
        let value = told.value.map(|value| value.to_value());
        let told = FeatureAnswer {
            status,
            value,
            event_time,
        };
        (feature.name().to_owned(), told)
    });
    let features = features.collect();
    model::Answer { features, verdict }
}
