//! `explain` and `get` tell one story: whoever is said to have decided a feature is the version
//! whose word the answer is.

use asof::*;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::sync::Arc;

const NAMES: [&str; 3] = ["a", "b", "c"];
/// No ttl; a ttl under which values expire, or grow stale; a ttl and a window.
const VIEWS: [&str; 4] = ["plain", "expiring", "staling", "windowed"];
/// When, in the span of time that is a case's own, the present is.
const NOW: i64 = 40;
/// Each case has a span of its own, so that a floor that one has moved says nothing of the next.
const SPAN: i64 = 100;

fn t(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

#[derive(Debug, Clone)]
struct Fact {
    et: i64,
    rec: Option<i64>,
    op: Op,
    features: Vec<(usize, Option<i64>)>,
}

#[derive(Debug, Clone)]
struct Case {
    view: usize,
    facts: Vec<Fact>,
    as_of: Option<i64>,
    known_at: Option<i64>,
}

fn fact() -> impl Strategy<Value = Fact> {
    let op = prop_oneof![2 => Just(Op::Put), 4 => Just(Op::Patch), 1 => Just(Op::Delete)];
    let value = prop_oneof![1 => Just(None), 4 => (0i64..3).prop_map(Some)];
    let features = prop::collection::btree_map(0usize..3, value, 1..3);
    let rec = prop::option::of(22i64..52);
    (24i64..50, rec, op, features).prop_map(|(et, rec, op, features)| Fact {
        et,
        rec,
        op,
        features: if op == Op::Delete {
            Vec::new()
        } else {
            features.into_iter().collect()
        },
    })
}

fn case() -> impl Strategy<Value = Case> {
    let facts = prop::collection::vec(fact(), 0..9);
    let as_of = prop::option::of(22i64..52);
    let known_at = prop::option::of(22i64..52);
    (0..VIEWS.len(), facts, as_of, known_at).prop_map(|(view, facts, as_of, known_at)| Case {
        view,
        facts,
        as_of,
        known_at,
    })
}

fn store(clock: &Arc<ManualClock>) -> Store {
    let store = StoreOptions::new().clock(clock.clone()).temp().unwrap();
    for name in VIEWS {
        let mut view = ViewDefinition::builder(name)
            .key("k", Type::I64)
            .max_skew(MaxSkew::Forever);
        for feature in NAMES {
            view = view.define(FeatureDefinition::new(feature, Type::I64).nullable());
        }
        view = match name {
            "plain" => view,
            "staling" => view.ttl(Span::micros(6)).on_expiry(OnExpiry::Stale),
            "expiring" => view.ttl(Span::micros(6)),
            _ => view
                .ttl(Span::micros(4))
                .history(Retention::Window(Span::micros(8))),
        };
        store.apply(view.build().unwrap()).unwrap();
    }
    store
}

/// Writes the facts; under a window the floor follows them.
fn write(store: &Store, view: &View, entity: &Entity, begin: i64, facts: &[Fact]) {
    let mut batch = WriteBatch::new();
    for fact in facts {
        let et = t(begin + fact.et);
        let mut row = match fact.op {
            Op::Put => batch.put(view, entity, et),
            Op::Patch => batch.patch(view, entity, et),
            Op::Delete => batch.delete(view, entity, et),
        };
        if let Some(rec) = fact.rec {
            row = row.recorded_at(t(begin + rec));
        }
        for (at, value) in &fact.features {
            row = row.set_value(NAMES[*at], value.map_or(Value::Null, Value::I64));
        }
        row.finish().unwrap();
    }
    store.write(batch, WriteOptions::buffered()).unwrap();
    store.sync().unwrap();
}

type Identity = (Timestamp, Timestamp, Op, ContentDigest);

fn identity(version: &Version) -> Identity {
    let digest = version.digest().unwrap();
    (
        version.event_time(),
        version.recorded_at(),
        version.op(),
        digest,
    )
}

/// The value of a feature in a version: none where it does not mention it.
fn said(version: &Version, name: &str) -> Option<Option<Value>> {
    version.features().find_map(|item| {
        let (feature, value) = item.unwrap();
        (feature.name() == name).then(|| value.map(|value| value.to_value()))
    })
}

/// Holds an explanation against the answer, and against the fold done by hand over `history`.
fn check(store: &Store, case: &Case, entity: i64, seen: &mut BTreeSet<&'static str>) -> Checked {
    let view = store.view(VIEWS[case.view]).unwrap();
    let begin = entity * SPAN;
    let entity = view.entity([entity]).unwrap();
    write(store, &view, &entity, begin, &case.facts);
    let as_of = case.as_of.map(|at| t(begin + at));
    let known_at = case.known_at.map(|k| t(begin + k));
    let mut question = as_of.map_or(Question::latest(), Question::as_of);
    if let Some(k) = known_at {
        question = question.known_at(k);
    }
    let explained = store.explain(&view, &entity, question);
    let row = match store.get(&view, &entity, question) {
        Ok(row) => row,
        Err(error) => {
            let other = explained.expect_err("explained what cannot be asked");
            prop_assert_eq!(error.kind(), other.kind());
            return Ok(());
        }
    };
    let explained = explained.unwrap();
    let all = HistoryRange {
        reverse: true,
        ..HistoryRange::default()
    };
    let history: Vec<Version> = store
        .history(&view, &entity, all)
        .unwrap()
        .collect::<Result<_>>()
        .unwrap();
    let counts = |version: &&Version| {
        version.event_time() <= as_of.unwrap_or(t(begin + NOW))
            && known_at.is_none_or(|k| version.recorded_at() <= k)
    };
    for feature in &explained.features {
        seen.insert(feature.because.name());
        let decider = history
            .iter()
            .filter(counts)
            .find(|version| version.op() != Op::Patch || said(version, &feature.name).is_some());
        let told = feature.by.map(|by| &explained.versions[by]);
        prop_assert_eq!(
            told.map(|v| (v.event_time, v.recorded_at, v.op, v.digest)),
            decider.map(identity),
            "{} of {:?}",
            &feature.name,
            &explained
        );
        let answer = row.by_name(&feature.name).unwrap();
        prop_assert_eq!(feature.status, answer.status);
        let word = decider.and_then(|version| said(version, &feature.name));
        if let Some(value) = answer.value {
            prop_assert_eq!(word.flatten(), Some(value.to_value()));
        } else if answer.status == Status::Null {
            prop_assert_eq!(word, Some(None));
        } else if answer.status == Status::Absent {
            prop_assert_eq!(word, None);
        }
        if answer.event_time.is_some() {
            prop_assert_eq!(answer.event_time, decider.map(Version::event_time));
        }
        if let Some(told) = told {
            prop_assert!(told.decides.contains(&feature.name), "{:?}", &explained);
        }
    }
    check_versions(&explained, seen)
}

type Checked = std::result::Result<(), TestCaseError>;

/// Every version has a rule that fits it.
fn check_versions(explained: &Explanation, seen: &mut BTreeSet<&'static str>) -> Checked {
    for (at, version) in explained.versions.iter().enumerate() {
        seen.insert(version.rule.name());
        let decides = matches!(version.rule, Rule::Decides | Rule::Expired { .. });
        prop_assert_eq!(decides, !version.decides.is_empty(), "{:?}", explained);
        for outvoted in &version.outvoted {
            seen.insert(outvoted.rule.name());
            prop_assert!(outvoted.by < at);
            let winner = &explained.versions[outvoted.by];
            prop_assert!(winner.decides.contains(&outvoted.feature));
        }
        let Some(by) = version.by else { continue };
        prop_assert!(by < at, "a version loses to a newer one");
        let winner = &explained.versions[by];
        match version.rule {
            Rule::HiddenByPut => prop_assert_eq!(winner.op, Op::Put),
            Rule::HiddenByDelete => prop_assert_eq!(winner.op, Op::Delete),
            Rule::RecordedAt => prop_assert!(winner.recorded_at > version.recorded_at),
            Rule::Op => prop_assert_eq!(winner.recorded_at, version.recorded_at),
            Rule::Digest => prop_assert_eq!(winner.op, version.op),
            _ => prop_assert!(winner.event_time > version.event_time),
        }
    }
    Ok(())
}

#[test]
fn whoever_is_said_to_decide_is_whose_word_the_answer_is() {
    // Who is hurt: whoever debugs a wrong prediction by an explanation of another read.
    let config = Config {
        cases: 1_500,
        failure_persistence: None,
        ..Config::default()
    };
    let mut runner =
        TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]));
    let clock = Arc::new(ManualClock::at(t(NOW)));
    let store = store(&clock);
    let entities = Cell::new(0);
    let seen = RefCell::new(BTreeSet::new());
    let ran = runner.run(&case(), |case| {
        entities.set(entities.get() + 1);
        clock.advance(Span::micros(SPAN));
        check(&store, &case, entities.get(), &mut seen.borrow_mut())
    });
    ran.unwrap_or_else(|failure| panic!("{failure}"));
    let every = [
        "before_horizon",
        "decided",
        "decides",
        "deleted",
        "digest",
        "expired",
        "hidden_by_delete",
        "hidden_by_put",
        "in_the_future",
        "left_out_by_put",
        "never_spoken",
        "newer_speaker",
        "not_known_yet",
        "not_retained",
        "only_before_horizon",
        "only_in_the_future",
        "only_not_known_yet",
        "op",
        "recorded_at",
    ];
    assert_eq!(
        seen.into_inner().into_iter().collect::<Vec<_>>(),
        every,
        "a rule that the generator never meets, or one that is new"
    );
}
