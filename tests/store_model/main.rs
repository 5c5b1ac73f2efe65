//! The real store against the model, over random histories.
//!
//! Each case draws a view (ttl, window, what expiry does), a few versions that collide on purpose, an
//! order, batches, repetitions, and moments at which the store is synced, compacted, opened again or
//! killed and the clock moves. Then every read path has to say what the model says, and a second
//! store that took the same events in another order has to have the same digest.

#![cfg(feature = "store")]

#[path = "../killed/mod.rs"]
mod killed;
#[path = "../model/mod.rs"]
mod model;
mod world;

use asof::{FeatureDefinition, MaxSkew, OnExpiry, Op, Retention, Span, Type, ViewDefinition};
use proptest::prelude::*;
use std::collections::BTreeMap;
use world::{Fact, NAMES, Step, run};

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
        2 => prop::collection::vec(fact(), 1..6).prop_map(Step::Split),
        1 => (0usize..20).prop_map(Step::Replay),
        1 => Just(Step::Sync),
        1 => Just(Step::Compact),
        1 => Just(Step::Reopen),
        1 => Just(Step::Kill),
        2 => (1i64..20).prop_map(Step::Wait),
        1 => (0i64..3, prop::option::of(980i64..1_020))
            .prop_map(|(id, recorded)| Step::Erase(id, recorded)),
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
