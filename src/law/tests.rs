//! The law and the model of `tests/model` give one answer to every question.
//!
//! Versions collide on purpose: few times, few values, so that ties of event time, of recorded-at,
//! of op and of all but the digest are common, and both ends of time are among them. That the
//! generator is not blind is a test of its own.

use super::fold::Added;
use super::*;
use crate::error::ErrorKind;
use crate::format::catalog::Fence;
use crate::format::digest;
use crate::format::key::Stamp;
use crate::format::row::{Body, BodyBuilder, HistoryRow, LatestRow, begin_history};
use crate::format::value::encode;
use crate::id::ViewId;
use crate::op::Op;
use crate::query::Row;
use crate::schema::{Contract, FeatureDefinition, MaxSkew, OnExpiry, ViewBuilder, ViewDefinition};
use crate::time::{Span, Timestamp};
use crate::value::{Type, Value};
use model::{FeatureAnswer, Model, Version};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

const ENTITY: &[u8] = b"an entity as bytes";
const NAMES: [&str; 4] = ["zeta", "beta", "alpha", "gamma"];

fn entity() -> Vec<Value> {
    vec![Value::I64(1)]
}

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

/// Ids descend where birth names ascend, and one feature has been renamed since.
fn view() -> ViewBuilder {
    ViewDefinition::builder("v")
        .key("k", Type::I64)
        .define(FeatureDefinition::new("zeta", Type::I64).nullable())
        .define(
            FeatureDefinition::new("renamed", Type::F64)
                .nullable()
                .was("beta"),
        )
        .define(FeatureDefinition::new("alpha", Type::String).nullable())
        .define(FeatureDefinition::new("gamma", Type::ListI64).nullable())
}

fn with_ttl(ttl: Option<(Span, OnExpiry)>) -> ViewDefinition {
    let built = match ttl {
        None => view().build(),
        Some((ttl, on_expiry)) => view().ttl(ttl).on_expiry(on_expiry).build(),
    };
    built.expect("the definition is well-formed")
}

/// One of two values; none of them the default of anything.
fn value(feature: usize, which: bool) -> Value {
    match (feature, which) {
        (0, _) => Value::I64(7 + i64::from(which)),
        (1, false) => Value::F64(f64::NAN),
        (1, true) => Value::F64(-0.0),
        (2, false) => Value::String(String::new()),
        (2, true) => Value::String("seven".into()),
        (_, false) => Value::ListI64(Vec::new()),
        (_, true) => Value::ListI64(vec![7, 7]),
    }
}

fn some_time() -> impl Strategy<Value = Timestamp> {
    let micros = prop_oneof![
        24 => -2i64..7,
        1 => Just(i64::MIN),
        1 => Just(i64::MIN + 1),
        1 => Just(i64::MAX),
        1 => Just(i64::MAX - 1),
    ];
    micros.prop_map(at)
}

fn some_version() -> impl Strategy<Value = Version> {
    let op = prop_oneof![4 => Just(Op::Put), 5 => Just(Op::Patch), 2 => Just(Op::Delete)];
    let rec = prop_oneof![Just(None), some_time().prop_map(Some)];
    let one = any::<bool>().prop_map(|which| Some(Some(which)));
    let slot = prop_oneof![3 => Just(None), 1 => Just(Some(None)), 3 => one];
    let slots = prop::array::uniform4(slot);
    (some_time(), rec, op, slots, 0..4usize).prop_map(|(et, rec, op, mut slots, named)| {
        match op {
            Op::Delete => slots = [None; 4],
            Op::Patch if slots == [None; 4] => slots[named] = Some(Some(true)),
            Op::Patch | Op::Put => {}
        }
        let said = slots.iter().enumerate().filter_map(|(feature, slot)| {
            let slot = (*slot)?;
            Some((
                NAMES[feature],
                slot.map_or(Value::Null, |which| value(feature, which)),
            ))
        });
        Version::new(et, rec, op, said)
    })
}

/// One to twenty-four versions in some order, some of them twice.
fn some_versions() -> impl Strategy<Value = Vec<Version>> {
    let versions = prop::collection::vec(some_version(), 1..=24);
    let repeated = prop::collection::vec(any::<prop::sample::Index>(), 0..4);
    let all = (versions, repeated).prop_map(|(mut versions, repeated)| {
        let again: Vec<Version> = repeated
            .iter()
            .map(|at| at.get(&versions).clone())
            .collect();
        versions.extend(again);
        versions
    });
    all.prop_shuffle()
}

fn some_definition() -> impl Strategy<Value = ViewDefinition> {
    let ttl = prop_oneof![Just(0), 1i64..4, Just(i64::MAX)].prop_map(Span::micros);
    let on_expiry = prop_oneof![2 => Just(OnExpiry::Expire), 1 => Just(OnExpiry::Stale)];
    let some = (ttl, on_expiry).prop_map(Some);
    prop_oneof![1 => Just(None), 3 => some].prop_map(with_ttl)
}

/// A version as the law sees it: a stamp, and the bytes of a row.
#[derive(Debug, Clone)]
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
        begin_history(version.op, contract.version(), ENTITY, &mut row);
        body.write(&mut row);
        let read = HistoryRow::parse(&row).expect("it was just written");
        let digest = digest::content(contract, &read.body).expect("the view has every feature");
        assert_eq!(
            digest.0, version.digest,
            "the model has another digest of {version:?}"
        );
        let stamp = Stamp::new(version.et, version.rec, version.op, digest);
        Stored {
            stamp,
            op: version.op,
            row,
        }
    }

    fn all<'a>(contract: &Contract, versions: impl IntoIterator<Item = &'a Version>) -> Vec<Self> {
        versions
            .into_iter()
            .map(|version| Stored::new(contract, version))
            .collect()
    }

    fn history(&self) -> HistoryRow<'_> {
        HistoryRow::parse(&self.row).expect("it was just written")
    }

    fn body(&self) -> Body<'_> {
        self.history().body
    }

    fn is_asked(&self, t: Timestamp, known_at: Option<Timestamp>) -> bool {
        self.stamp.et <= t && known_at.is_none_or(|k| self.stamp.rec <= k)
    }
}

fn add(fold: &mut Fold, version: &Stored) -> Added {
    fold.add(version.stamp, version.op, &version.body())
        .expect("the body is whole")
}

fn written(fold: &mut Fold) -> Vec<u8> {
    let mut row = Vec::new();
    fold.write(1, ENTITY, &mut row);
    row
}

/// A latest row that folds these in the order given.
fn folded<'a>(fold: &mut Fold, versions: impl IntoIterator<Item = &'a Stored>) -> Vec<u8> {
    fold.clear();
    for version in versions {
        add(fold, version);
    }
    written(fold)
}

/// What a latest row answers, in the words of the model.
fn told(
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
        let value = told.value.map(|value| value.to_value());
        let told = FeatureAnswer {
            status: told.status,
            value,
            event_time: told.event_time,
        };
        (feature.definition().birth_name().to_string(), told)
    });
    model::Answer {
        features: features.collect(),
        verdict,
    }
}

fn model_of<'a>(view: &ViewDefinition, versions: impl IntoIterator<Item = &'a Version>) -> Model {
    let mut model = Model::new(view.clone());
    for version in versions {
        model.insert(&entity(), version.clone());
    }
    model
}

/// Every time around which an answer can change, one before and one after.
fn turning_points(view: &ViewDefinition, versions: &[Version]) -> BTreeSet<Timestamp> {
    let mut found = BTreeSet::from([Timestamp::MIN, Timestamp::MAX]);
    for version in versions {
        let et = i128::from(version.et.micros());
        let outlived = view.time().ttl.map(|ttl| et + i128::from(ttl.as_micros()));
        for turn in [Some(et), outlived].into_iter().flatten() {
            found.extend((-1..=1).filter_map(|d| Some(at(i64::try_from(turn + d).ok()?))));
        }
    }
    found
}

/// No filter, every recorded-at, and one before it.
fn known_ats(versions: &[Version]) -> BTreeSet<Option<Timestamp>> {
    let recs = versions.iter().map(|version| version.rec);
    let around = recs.flat_map(|rec| [rec, rec.saturating_sub(Span::micros(1))]);
    around.map(Some).chain([None]).collect()
}

/// How often each answer was given.
#[derive(Debug, Default)]
struct Tally(BTreeMap<&'static str, u32>, u32);

impl Tally {
    fn count(&mut self, name: &'static str) {
        *self.0.entry(name).or_default() += 1;
        self.1 += 1;
    }

    #[track_caller]
    fn assert_each_share(&self, names: &[&'static str], least: f64) {
        for name in names {
            let share = f64::from(self.0.get(name).copied().unwrap_or(0)) / f64::from(self.1);
            assert!(
                share >= least,
                "{name} is {share:.4} of all answers, not {least}: {:?}",
                self.0
            );
        }
    }
}

fn fold_is_the_model(
    view: &ViewDefinition,
    versions: &[Version],
    mut heard: impl FnMut(&model::Answer),
) -> Result<(), TestCaseError> {
    let contract = Contract::first(ViewId(1), view.clone());
    let (model, stored) = (model_of(view, versions), Stored::all(&contract, versions));
    let mut newest_first: Vec<&Stored> = stored.iter().collect();
    newest_first.sort_by_key(|version| std::cmp::Reverse(version.stamp));
    let mut fold = Fold::default();
    for t in turning_points(view, versions) {
        for known_at in known_ats(versions) {
            let asked = stored
                .iter()
                .filter(|version| version.is_asked(t, known_at));
            let row = folded(&mut fold, asked);
            let expected = model.as_of(&entity(), t, known_at);
            prop_assert_eq!(
                told(&contract, None, &row, t),
                expected.clone(),
                "{:?} {:?}",
                t,
                known_at
            );
            prop_assert!(LatestRow::parse(&row)?.answers(t));
            heard(&expected);

            fold.clear();
            let walk = newest_first
                .iter()
                .filter(|version| version.is_asked(t, known_at));
            for version in walk {
                if add(&mut fold, version).older == ControlFlow::Break(()) {
                    break;
                }
            }
            prop_assert_eq!(
                written(&mut fold),
                row,
                "a walk that stops: {:?} {:?}",
                t,
                known_at
            );
        }
    }
    Ok(())
}

proptest! {
    // Each case is some hundred questions.
    #![proptest_config(Config::with_cases(500))]

    /// Hurt if it breaks: whoever reads, in the past or now. A fold in any order, with repeats, and
    /// a walk from the newest that stops as soon as it may, both tell what the model tells.
    #[test]
    fn a_fold_in_any_order_and_a_walk_that_stops_are_the_model(
        view in some_definition(),
        versions in some_versions(),
    ) {
        fold_is_the_model(&view, &versions, |_| {})?;
    }
}

fn fixed_seed(cases: u32) -> TestRunner {
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

/// Hurt if it breaks: all the other tests here. A generator that never asks about a deleted feature
/// proves nothing about Deletes.
#[test]
fn every_answer_is_asked_for_often_enough() {
    let tallies = RefCell::new((Tally::default(), Tally::default()));
    let cases = (some_definition(), some_versions());
    let run = fixed_seed(200).run(&cases, |(view, versions)| {
        fold_is_the_model(&view, &versions, |answer| {
            let (features, rows) = &mut *tallies.borrow_mut();
            rows.count(answer.verdict.name());
            answer
                .features
                .values()
                .for_each(|told| features.count(told.status.name()));
        })
    });
    run.expect("the fold is the model");
    let (features, rows) = tallies.into_inner();
    features.assert_each_share(
        &["present", "null", "expired", "deleted", "absent", "stale"],
        0.02,
    );
    rows.assert_each_share(&["found", "never", "deleted", "expired"], 0.02);
}

/// Hurt if it breaks: the same. Ties are where orders of arrival would show.
#[test]
fn ties_are_common() {
    let ties = RefCell::new(Tally::default());
    let run = fixed_seed(500).run(&some_versions(), |versions| {
        for (i, a) in versions.iter().enumerate() {
            for b in &versions[..i] {
                ties.borrow_mut().count(match () {
                    _ if a == b => "repeated",
                    _ if (a.et, a.rec, a.op) == (b.et, b.rec, b.op) => "all but digest",
                    _ if (a.et, a.rec) == (b.et, b.rec) => "all but op",
                    _ if a.et == b.et => "event time",
                    _ => "none",
                });
            }
        }
        Ok(())
    });
    run.expect("nothing is asserted in it");
    let ties = ties.into_inner();
    ties.assert_each_share(&["repeated", "all but digest", "all but op"], 0.005);
    ties.assert_each_share(&["event time"], 0.05);
}

proptest! {
    #![proptest_config(Config::with_cases(2_000))]

    /// Hurt if it breaks: a read that stops too early, and a receipt that says `late` or
    /// `duplicate` wrongly.
    #[test]
    fn adding_says_what_it_did(versions in some_versions()) {
        let view = with_ttl(None);
        let contract = Contract::first(ViewId(1), view);
        let stored = Stored::all(&contract, &versions);
        let mut fold = Fold::default();
        let mut whole: Option<Stamp> = None;
        for version in &stored {
            let before = written(&mut fold);
            let knew = fold.knows(&version.stamp);
            let added = add(&mut fold, version);
            prop_assert_eq!(added.shows, !knew && fold.knows(&version.stamp));
            if version.op != Op::Patch {
                whole = whole.max(Some(version.stamp));
            }
            let over = whole.is_some_and(|whole| version.stamp <= whole);
            prop_assert_eq!(added.older.is_break(), over);

            // What does not show changes no answer; what is older than a break changes nothing.
            let after = written(&mut fold);
            if !added.shows {
                let answers = |row: &[u8]| {
                    let row = LatestRow::parse(row).expect("it was just written");
                    let stamps: Vec<Stamp> = row.stamps().collect();
                    (stamps, row.body().bytes().to_vec())
                };
                prop_assert_eq!(answers(&before), answers(&after));
            }
            if added.older.is_break() {
                for older in stored.iter().filter(|older| older.stamp < version.stamp) {
                    add(&mut fold, older);
                }
                prop_assert_eq!(written(&mut fold), after);
            }
        }
    }

    /// Hurt if it breaks: a writer that asks the latest row whether it has seen a version before.
    #[test]
    fn a_fold_survives_its_row(versions in some_versions(), due in prop::option::of(some_time())) {
        let contract = Contract::first(ViewId(1), with_ttl(None));
        let stored = Stored::all(&contract, &versions);
        let mut fold = Fold::default();
        for version in &stored {
            add(&mut fold, version);
        }
        due.into_iter().for_each(|et| fold.postpone(et));
        let row = written(&mut fold);
        let parsed = LatestRow::parse(&row)?;
        let mut again = Fold::default();
        again.load(&parsed)?;
        prop_assert_eq!(again.newest_et(), stored.iter().map(|version| version.stamp.et).max());
        prop_assert_eq!(again.next_due(), due);
        for version in &stored {
            prop_assert_eq!(again.knows(&version.stamp), fold.knows(&version.stamp));
        }
        let whole = stored.iter().filter(|version| version.op != Op::Patch);
        prop_assert_eq!(again.floor(), whole.map(|version| version.stamp).max());
        let spoken = contract.features().iter().map(|feature| feature.id());
        let spoken = spoken.filter_map(|id| Some((id, fold.find(id)?.0)));
        prop_assert_eq!(again.speakers().collect::<Vec<_>>(), spoken.collect::<Vec<_>>());
        for feature in contract.features() {
            prop_assert_eq!(again.find(feature.id()), fold.find(feature.id()));
            let since = again.find(feature.id()).map(|(stamp, slot)| (stamp.et, slot));
            prop_assert_eq!(since, parsed.find(feature.id())?);
        }
        prop_assert_eq!(written(&mut again), row);
    }

    /// Hurt if it breaks: whoever compares latest rows, as `verify` does. Most entities are one Put,
    /// and the short way to their row gives the same bytes as the long one.
    #[test]
    fn one_put_gives_the_same_row_both_ways(
        put in some_version().prop_filter("a put", |version| version.op == Op::Put),
        due in prop::option::of(some_time()),
        wide: bool,
    ) {
        let contract = Contract::first(ViewId(1), with_ttl(None));
        let long = [("alpha", Value::String("x".repeat(70_000)))];
        let put = if wide { Version::new(put.et, None, Op::Put, long) } else { put };
        let stored = Stored::new(&contract, &put);
        let mut fold = Fold::default();
        add(&mut fold, &stored);
        due.into_iter().for_each(|et| fold.postpone(et));
        let mut short = Vec::new();
        write_put(stored.stamp, &stored.history(), due, &mut short);
        prop_assert_eq!(short, written(&mut fold));
    }
}

/// What a writer does, without the store: the versions of one entity and its latest row.
#[derive(Default)]
struct Writer {
    history: Vec<Stored>,
    latest: Option<Vec<u8>>,
    fold: Fold,
}

impl Writer {
    fn write(&mut self, version: Stored, now: Timestamp) {
        self.history.push(version.clone());
        self.fold.clear();
        if let Some(row) = &self.latest {
            self.fold
                .load(&LatestRow::parse(row).expect("we wrote it"))
                .expect("it is whole");
        }
        let due = self.fold.newest_et().map_or(now, |newest| newest.max(now));
        if self.fold.next_due().is_some_and(|next| next <= due) {
            self.refold(due);
        } else if version.stamp.et <= due {
            add(&mut self.fold, &version);
        } else {
            self.fold.postpone(version.stamp.et);
        }
        self.latest = Some(written(&mut self.fold));
    }

    /// What a read does that finds a latest row which does not answer now, and writes it back.
    fn repair(&mut self, now: Timestamp) {
        self.refold(now);
        self.latest = Some(written(&mut self.fold));
    }

    fn refold(&mut self, due: Timestamp) {
        self.fold.clear();
        for version in &self.history {
            if version.stamp.et <= due {
                add(&mut self.fold, version);
            } else {
                self.fold.postpone(version.stamp.et);
            }
        }
    }
}

proptest! {
    #![proptest_config(Config::with_cases(2_000))]

    /// Hurt if it breaks: every online read. A latest row that is kept version by version, in any
    /// order, under a clock that goes forth and back, tells what the model tells wherever it claims
    /// to; and right after a write it claims to, unless the clock has fallen behind its rows.
    #[test]
    fn a_latest_row_that_is_kept_is_the_model(
        view in some_definition(),
        versions in some_versions(),
        nows in prop::collection::vec((some_time(), prop::bool::weighted(0.2)), 28),
    ) {
        let contract = Contract::first(ViewId(1), view.clone());
        let mut writer = Writer::default();
        let mut model = Model::new(view.clone());
        let turns = turning_points(&view, &versions);
        for (version, (now, repaired)) in versions.iter().zip(nows) {
            model.insert(&entity(), version.clone());
            writer.write(Stored::new(&contract, version), now);
            if repaired {
                writer.repair(now);
            }
            let bytes = writer.latest.as_ref().expect("it was just written");
            let row = LatestRow::parse(bytes)?;
            let is_behind = row.newest_et().is_some_and(|newest| now < newest);
            prop_assert_eq!(row.answers(now), !is_behind);
            prop_assert!(!(repaired && is_behind));
            for t in turns.iter().chain([&now]).filter(|t| row.answers(**t)) {
                prop_assert_eq!(told(&contract, None, bytes, *t), model.latest(&entity(), *t));
            }
        }
    }
}

/// What a walk over these, newest first, calls retained.
fn walked<'a>(
    floor: Option<Timestamp>,
    horizon: Option<Timestamp>,
    versions: impl IntoIterator<Item = &'a Stored>,
) -> BTreeSet<Stamp> {
    let mut newest_first: Vec<&Stored> = versions.into_iter().collect();
    newest_first.sort_by_key(|version| std::cmp::Reverse(version.stamp));
    newest_first.dedup_by_key(|version| version.stamp);
    let mut retained = Retained::new(floor, horizon);
    newest_first.retain(|v| {
        retained
            .admit(&v.stamp, v.op, &v.body())
            .expect("the body is whole")
    });
    newest_first.iter().map(|version| version.stamp).collect()
}

proptest! {
    #![proptest_config(Config::with_cases(2_000))]

    /// Hurt if it breaks: whoever trusts that a compaction loses nothing. The walker keeps what the
    /// law keeps, also when any part of what is hidden is gone already.
    #[test]
    fn the_walker_keeps_what_the_law_keeps(
        view in some_definition(),
        versions in some_versions(),
        floor in prop::option::weighted(0.95, some_time()),
        gone in prop::collection::vec(any::<prop::sample::Index>(), 24),
    ) {
        let contract = Contract::first(ViewId(1), view.clone());
        let model = model_of(&view, &versions);
        let horizon = model.horizon_at(floor);
        let kept = model.retained(&entity(), floor, horizon);
        let kept: BTreeSet<Stamp> =
            Stored::all(&contract, kept).iter().map(|version| version.stamp).collect();
        let mut left = Stored::all(&contract, &versions);
        prop_assert_eq!(walked(floor, horizon, &left), kept.clone());
        for at in gone {
            let hidden: Vec<usize> =
                (0..left.len()).filter(|at| !kept.contains(&left[*at].stamp)).collect();
            if hidden.is_empty() {
                break;
            }
            left.remove(hidden[at.index(hidden.len())]);
            prop_assert_eq!(walked(floor, horizon, &left), kept.clone());
        }
    }

    /// Hurt if it breaks: a producer who sends a late row twice and gets two outcomes. What is too
    /// late once is too late for ever, and it changes no answer.
    #[test]
    fn what_is_too_late_stays_too_late(
        versions in some_versions(),
        late in some_version(),
        floor in some_time(),
        later in some_time(),
    ) {
        let mut model = model_of(&with_ttl(None), &versions);
        model.floor = Some(floor);
        let contract = Contract::first(ViewId(1), with_ttl(None));
        let with_it = Stored::all(&contract, versions.iter().chain([&late]));
        let kept = walked(Some(floor), None, &with_it);
        let is_too_late = model.is_too_late(&entity(), &late);
        prop_assert_eq!(!kept.contains(&Stored::new(&contract, &late).stamp), is_too_late);
        if is_too_late {
            prop_assert_eq!(kept, walked(Some(floor), None, &Stored::all(&contract, &versions)));
            model.floor = Some(floor.max(later));
            prop_assert!(model.is_too_late(&entity(), &late));
        }
    }
}

proptest! {
    // Each case is some thousand questions.
    #![proptest_config(Config::with_cases(400))]

    /// Hurt if it breaks: whoever asks after a compaction. From what is retained alone every
    /// question at or after the floor has the answer it had, and so it has at every later floor.
    #[test]
    fn what_is_retained_answers_every_question_that_may_be_asked(
        view in some_definition(),
        versions in some_versions(),
        floor in some_time(),
        later in some_time(),
    ) {
        let contract = Contract::first(ViewId(1), view.clone());
        let mut model = model_of(&view, &versions);
        let stored = Stored::all(&contract, &versions);
        let mut left = stored.clone();
        let mut fold = Fold::default();
        for floor in [floor, floor.max(later)] {
            model.floor = Some(floor);
            model.horizon = model.horizon_at(Some(floor));
            let horizon = contract.horizon(Some(floor));
            prop_assert_eq!(horizon, model.horizon);
            let kept = walked(Some(floor), horizon, &left);
            prop_assert_eq!(&kept, &walked(Some(floor), horizon, &stored));
            left.retain(|version| kept.contains(&version.stamp));
            let turns = turning_points(&view, &versions).into_iter().chain([floor]);
            for t in turns {
                for known_at in known_ats(&versions).into_iter().chain([Some(floor)]) {
                    if model.is_beyond_history(t, known_at) {
                        continue;
                    }
                    let expected = model.as_of(&entity(), t, known_at);
                    for set in [&left, &stored] {
                        let row = folded(&mut fold, set.iter().filter(|v| v.is_asked(t, known_at)));
                        let told = told(&contract, horizon, &row, t);
                        prop_assert_eq!(told, expected.clone(), "{:?} {:?}", t, known_at);
                    }
                }
            }
        }
    }
}

/// Hurt if it breaks: a compaction that meets two entities in a row.
#[test]
fn a_walker_that_starts_over_has_forgotten_the_entity_before() {
    let contract = Contract::first(ViewId(1), with_ttl(None));
    for first in [
        Version::new(at(1), None, Op::Put, []),
        Version::new(at(1), None, Op::Patch, [("zeta", Value::I64(7))]),
    ] {
        let newer = Stored::new(&contract, &first);
        let older = Stored {
            stamp: Stamp {
                et: at(0),
                rec: at(0),
                ..newer.stamp
            },
            ..newer.clone()
        };
        let mut retained = Retained::new(Some(at(5)), None);
        let mut admit = |version: &Stored, restart: bool| {
            if restart {
                retained.restart();
            }
            retained
                .admit(&version.stamp, version.op, &version.body())
                .expect("the body is whole")
        };
        assert!(admit(&newer, false));
        assert!(!admit(&older, false));
        assert!(admit(&older, true));
    }
}

/// Hurt if it breaks: whoever reads history without `from`: its first rows are marked.
#[test]
fn base_rows_are_those_at_or_before_the_floor() {
    let stamp = |et| {
        Stored::new(
            &Contract::first(ViewId(1), with_ttl(None)),
            &Version::new(et, None, Op::Put, []),
        )
        .stamp
    };
    for (floor, et, is_base) in [
        (Some(at(5)), at(4), true),
        (Some(at(5)), at(5), true),
        (Some(at(5)), at(6), false),
        (None, Timestamp::MIN, false),
    ] {
        assert_eq!(
            Retained::new(floor, None).is_base(&stamp(et)),
            is_base,
            "{floor:?} {et:?}"
        );
    }
}

/// Hurt if it breaks: the person whose data was erased, or the one whose data came after.
#[test]
fn a_fence_stops_what_was_known_or_old_when_it_was_drawn() {
    let fence = |recorded, floor: Option<i64>| Fence {
        recorded: at(recorded),
        floor: floor.map(at),
        entity: ENTITY.to_vec(),
    };
    for (fence, et, rec, is_stopped) in [
        (fence(10, None), 100, 9, true),
        (fence(10, None), 100, 10, true),
        (fence(10, None), 100, 11, false),
        (fence(10, None), i64::MIN, 11, false),
        (fence(10, Some(5)), 4, 11, true),
        (fence(10, Some(5)), 5, i64::MAX, true),
        (fence(10, Some(5)), 6, 11, false),
        (fence(10, Some(5)), 6, 10, true),
        (fence(i64::MIN, None), i64::MIN, i64::MIN, true),
        (fence(i64::MIN, None), i64::MIN, i64::MIN + 1, false),
        (fence(i64::MAX, None), i64::MAX, i64::MAX, true),
    ] {
        let stamp = Stamp {
            et: at(et),
            rec: at(rec),
            last: 0,
        };
        assert_eq!(
            is_fenced(&fence, &stamp),
            is_stopped,
            "{fence:?} {et} {rec}"
        );
    }
}

/// Hurt if it breaks: a producer with a good clock, or all who read after one with a bad one.
#[test]
fn times_too_far_ahead_are_refused_and_the_edge_is_not() {
    const SKEW: i64 = 10;
    let (min, max) = (i64::MIN, i64::MAX);
    let within = view()
        .max_skew(MaxSkew::Within(Span::micros(SKEW)))
        .build()
        .expect("well-formed");
    let within = Contract::first(ViewId(1), within);
    let forever = view()
        .max_skew(MaxSkew::Forever)
        .build()
        .expect("well-formed");
    let forever = Contract::first(ViewId(1), forever);
    for (et, rec, appended, refused) in [
        (100, Some(100), 100, None),
        (0, Some(110), 100, None),
        (0, Some(111), 100, Some("recorded_at")),
        (110, Some(100), 100, None),
        (111, Some(100), 100, Some("event_time")),
        (120, Some(110), 100, None),
        (121, Some(110), 100, Some("event_time")),
        (50, Some(0), 100, Some("event_time")),
        (110, None, 100, None),
        (111, None, 100, Some("event_time")),
        (min, None, max, None),
        (min, Some(min), max, None),
        (max, None, min, Some("event_time")),
        (min, Some(max), min, Some("recorded_at")),
        (max, Some(min), min, Some("event_time")),
        (max, Some(max), max, None),
        (max, None, max - SKEW, None),
        (max, None, max - SKEW - 1, Some("event_time")),
        (min + SKEW, None, min, None),
        (min + SKEW + 1, None, min, Some("event_time")),
    ] {
        let case = format!("{et} {rec:?} {appended}");
        let (et, rec, appended) = (at(et), rec.map(at), at(appended));
        assert!(check_times(&forever, et, rec, appended).is_ok(), "{case}");
        match (check_times(&within, et, rec, appended), refused) {
            (Ok(()), None) => {}
            (Err(error), Some(which)) => {
                assert_eq!(error.kind(), ErrorKind::TooFarAhead, "{case}");
                assert!(error.to_string().starts_with(which), "{case}: {error}");
            }
            (found, _) => panic!("{case}: {found:?}"),
        }
    }
}

proptest! {
    #![proptest_config(Config::with_cases(2_000))]

    /// Hurt if it breaks: whoever counts conflicts to judge a producer.
    #[test]
    fn what_contradicts_is_a_conflict_of_the_model(
        a in some_version(),
        b in some_version(),
        parts in prop::array::uniform4(prop::bool::weighted(0.8)),
    ) {
        // Most of what b says it has from a, else they would never agree.
        let mut said = b.features.clone();
        for (name, is_shared) in NAMES.iter().zip(parts) {
            if is_shared && b.op != Op::Delete && let Some(value) = a.features.get(*name) {
                said.insert(name.to_string(), value.clone());
            }
        }
        let said = said.iter().map(|(name, value)| (name.as_str(), value.clone()));
        let b = Version::new(a.et, Some(a.rec), b.op, said);
        let view = with_ttl(None);
        let contract = Contract::first(ViewId(1), view.clone());
        let (one, other) = (Stored::new(&contract, &a), Stored::new(&contract, &b));
        let found = contradict((one.op, &one.body()), (other.op, &other.body()))?;
        prop_assert_eq!(found, contradict((other.op, &other.body()), (one.op, &one.body()))?);
        let conflicts = model_of(&view, [&a, &b]).conflicts().len();
        prop_assert_eq!(conflicts, usize::from(found));
    }
}

/// Hurt if it breaks: whoever counts conflicts to judge a producer.
#[test]
fn two_answers_at_one_instant_are_a_conflict() {
    let one = || Value::I64(1);
    let say = |op, features: &[(&'static str, Value)]| {
        Version::new(at(1), None, op, features.iter().cloned())
    };
    let a = say(Op::Put, &[("zeta", one())]);
    for (b, are_in_conflict) in [
        (a.clone(), false),
        (say(Op::Put, &[("zeta", Value::I64(2))]), true),
        (say(Op::Put, &[("zeta", Value::Null)]), true),
        (say(Op::Put, &[]), true),
        (say(Op::Patch, &[("zeta", one())]), false),
        (say(Op::Patch, &[("alpha", "x".into())]), true),
        (say(Op::Delete, &[]), true),
        (
            Version {
                et: at(2),
                ..say(Op::Put, &[])
            },
            false,
        ),
        (
            Version {
                rec: at(2),
                ..say(Op::Put, &[])
            },
            false,
        ),
    ] {
        let model = model_of(&with_ttl(None), [&a, &b]);
        assert_eq!(
            model.conflicts().len(),
            usize::from(are_in_conflict),
            "{b:?}"
        );
        assert_eq!(model.versions(&entity()).len(), if a == b { 1 } else { 2 });
    }
}
