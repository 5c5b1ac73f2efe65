//! The law, as fast code and as the naive model, gives one answer.

use super::choices::Choices;
use crate::format::digest;
use crate::format::key::Stamp;
use crate::format::row::{Body, BodyBuilder, HistoryRow, LatestRow, begin_history};
use crate::format::value::encode;
use crate::id::ViewId;
use crate::law::model::{self, FeatureAnswer, Model, Version};
use crate::law::{Fold, Retained, answer, verdict};
use crate::op::Op;
use crate::schema::{Contract, FeatureDefinition, OnExpiry, ViewDefinition};
use crate::time::{Span, Timestamp};
use crate::value::{Type, Value};
use std::collections::BTreeSet;
use std::ops::ControlFlow;

const ENTITY: &[u8] = b"e";
const NAMES: [&str; 3] = ["c", "a", "b"];
const VERSIONS_MAX: usize = 10;

/// A fold in two orders, with repeats, by way of a stored latest row or not, and a walk that stops
/// early say what the model says, at every time at which an answer can change; and wherever the
/// floor moves, the retained set is the model's.
pub fn fold(data: &[u8]) {
    let mut choices = Choices(data);
    let view = definition(&mut choices);
    let contract = Contract::first(ViewId(1), view.clone());
    let order = choices.array::<4>();
    let mut versions = Vec::new();
    while !choices.0.is_empty() && versions.len() < VERSIONS_MAX {
        versions.push(version(&mut choices));
    }
    let mut model = Model::new(view.clone());
    for version in &versions {
        model.insert(&[Value::I64(1)], version.clone());
    }
    let stored: Vec<Stored> = versions.iter().map(|v| Stored::new(&contract, v)).collect();
    let other = shuffled_with_repeats(&stored, order);
    let times = turning_points(&view, &versions);
    for t in times.iter().copied() {
        for known_at in [
            None,
            Some(Timestamp::from_micros(0)),
            versions.first().map(|v| v.rec),
        ] {
            answers_are_the_models(&contract, &model, &stored, &other, t, known_at);
        }
    }
    // The floor moves forward over every time, and the horizon with it.
    for floor in times {
        let horizon = contract.horizon(Some(floor));
        assert_eq!(horizon, model.horizon_at(Some(floor)));
        retained_is_the_models(&model, &other, floor, horizon);
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
    let (et, op, said) = (choices.time(), choices.op(), choices.byte());
    let rec = choices.flag().then(|| choices.time());
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

fn shuffled_with_repeats(stored: &[Stored], order: [u8; 4]) -> Vec<Stored> {
    let mut other: Vec<Stored> = stored.to_vec();
    other.extend(stored.iter().step_by(2).cloned());
    let mut random = u64::from(u32::from_le_bytes(order)) | 1;
    for at in (1..other.len()).rev() {
        random = random
            .wrapping_mul(0x5851_f42d_4c95_7f2d)
            .wrapping_add(0x1405_7b7e_f767_814f);
        other.swap(at, (random >> 33) as usize % (at + 1));
    }
    other
}

/// Every time around which an answer can change, one before and one after.
fn turning_points(view: &ViewDefinition, versions: &[Version]) -> BTreeSet<Timestamp> {
    let mut found = BTreeSet::new();
    for version in versions {
        let et = i128::from(version.et.micros());
        let outlived = view.time().ttl.map(|ttl| et + i128::from(ttl.as_micros()));
        for turn in [Some(et), outlived].into_iter().flatten() {
            let near = (-1..=1).filter_map(|d| i64::try_from(turn + d).ok());
            found.extend(near.map(Timestamp::from_micros));
        }
    }
    found
}

fn written(fold: &mut Fold) -> Vec<u8> {
    let mut row = Vec::new();
    fold.write(1, ENTITY, &mut row);
    row
}

fn answers_are_the_models(
    contract: &Contract,
    model: &Model,
    stored: &[Stored],
    other: &[Stored],
    t: Timestamp,
    known_at: Option<Timestamp>,
) {
    let is_asked =
        |v: &&Stored| v.stamp.et <= t && known_at.is_none_or(|known_at| v.stamp.rec <= known_at);
    let mut fold = Fold::default();
    for version in stored.iter().filter(is_asked) {
        let _any_order = version.add_to(&mut fold);
    }
    let row = written(&mut fold);

    // One after the other, each by way of what would be stored.
    let mut stepwise = Fold::default();
    for version in other.iter().filter(is_asked) {
        let latest = written(&mut stepwise);
        let latest = LatestRow::parse(&latest).expect("it was just written");
        stepwise.load(&latest).expect("it is whole");
        let _any_order = version.add_to(&mut stepwise);
    }
    assert_eq!(
        written(&mut stepwise),
        row,
        "two orders at {t:?}, {known_at:?}"
    );

    let mut newest_first: Vec<&Stored> = other.iter().filter(is_asked).collect();
    newest_first.sort_by_key(|version| std::cmp::Reverse(version.stamp));
    let mut walk = Fold::default();
    let stopped = newest_first.iter().find(|v| v.add_to(&mut walk).is_break());
    assert_eq!(
        written(&mut walk),
        row,
        "a walk that stops at {:?}",
        stopped.map(|v| v.stamp)
    );

    assert_eq!(
        told(contract, &row, t),
        model.as_of(&[Value::I64(1)], t, known_at)
    );
}

/// What a latest row answers, in the words of the model.
fn told(contract: &Contract, row: &[u8], t: Timestamp) -> model::Answer {
    let row = LatestRow::parse(row).expect("it was just written");
    let features = contract.features().iter().map(|feature| {
        let told = answer(contract, None, &row, feature, t).expect("the row is whole");
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
    model::Answer {
        features,
        verdict: verdict(contract, None, &row, t),
    }
}

fn retained_is_the_models(
    model: &Model,
    stored: &[Stored],
    floor: Timestamp,
    horizon: Option<Timestamp>,
) {
    let mut newest_first: Vec<&Stored> = stored.iter().collect();
    newest_first.sort_by_key(|version| std::cmp::Reverse(version.stamp));
    newest_first.dedup_by_key(|version| version.stamp);
    let mut walk = Retained::new(Some(floor), horizon);
    let kept = newest_first.iter().filter(|version| {
        let admitted = walk.admit(&version.stamp, version.op, &version.body());
        admitted.expect("the body is whole")
    });
    let mut kept: Vec<_> = kept.map(|v| (v.stamp.et, v.stamp.rec, v.op)).collect();
    kept.reverse();
    let expected = model.retained(&[Value::I64(1)], Some(floor), horizon);
    let expected: Vec<_> = expected.iter().map(|v| (v.et, v.rec, v.op)).collect();
    assert_eq!(kept, expected, "the floor at {floor:?}");
}
