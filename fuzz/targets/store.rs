//! The write-ordering invariant on the whole store: whatever is permuted, repeated, split, replayed,
//! synced, compacted, reopened or killed, digest and answers are those of the model.

#![no_main]

#[path = "../../tests/killed/mod.rs"]
mod killed;
#[path = "../../tests/model/mod.rs"]
mod model;
#[path = "../../tests/store_model/world.rs"]
mod world;

use asof::{FeatureDefinition, MaxSkew, OnExpiry, Op, Retention, Span, Type, ViewDefinition};
use std::collections::BTreeMap;
use world::{Fact, NAMES, Step, run};

const STEPS_MAX: usize = 24;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut bytes = data.iter().copied();
    let mut next = || bytes.next();
    let Some(definition) = definition(&mut next) else {
        return;
    };
    let seed = u64::from(next().unwrap_or(0));
    let mut steps = Vec::new();
    while steps.len() < STEPS_MAX
        && let Some(step) = step(&mut next)
    {
        steps.push(step);
    }
    run(&definition, &steps, seed).expect("no step fails");
});

/// The byte that comes next; none at the end of the input.
type Next<'a> = dyn FnMut() -> Option<u8> + 'a;

fn definition(next: &mut Next<'_>) -> Option<ViewDefinition> {
    let mut view = ViewDefinition::builder("v")
        .key("k", Type::I64)
        .max_skew(MaxSkew::Forever);
    for name in NAMES {
        view = view.define(FeatureDefinition::new(name, Type::I64).nullable());
    }
    let (ttl, window) = (next()?, next()?);
    if ttl & 1 == 1 {
        view = view.ttl(Span::micros(i64::from(ttl >> 2) % 30));
        if ttl & 2 == 2 {
            view = view.on_expiry(OnExpiry::Stale);
        }
    }
    if window & 1 == 1 {
        let window = Span::micros(i64::from(window >> 1) % 30);
        view = view.history(Retention::Window(window));
    }
    view.build().ok()
}

fn step(next: &mut Next<'_>) -> Option<Step> {
    let kind = next()?;
    Some(match kind % 16 {
        0..8 => Step::Write(facts(kind >> 4, next)?),
        8..10 => Step::Split(facts(kind >> 4, next)?),
        10 => Step::Replay(usize::from(kind >> 4)),
        11 => Step::Sync,
        12 => Step::Compact,
        13 => Step::Reopen,
        14 => Step::Kill,
        _ => Step::Wait(1 + i64::from(kind >> 4)),
    })
}

fn facts(more: u8, next: &mut Next<'_>) -> Option<Vec<Fact>> {
    (0..=more % 6).map(|_| fact(next)).collect()
}

fn fact(next: &mut Next<'_>) -> Option<Fact> {
    let (what, et, said) = (next()?, next()?, next()?);
    let op = [Op::Put, Op::Patch, Op::Put, Op::Delete, Op::Patch][usize::from(what >> 2) % 5];
    let rec = match what >> 6 {
        0 | 1 => None,
        _ => Some(985 + i64::from(next()? % 30)),
    };
    let mut features = BTreeMap::new();
    for at in 0..NAMES.len() {
        let value = said >> (at * 2) & 3;
        if op != Op::Delete && value > 0 {
            features.insert(at, (value > 1).then(|| i64::from(value)));
        }
    }
    if op == Op::Patch && features.is_empty() {
        features.insert(0, Some(0));
    }
    let et = match et {
        0..=63 => 990 + i64::from(et % 20),
        far => 900 + i64::from(far),
    };
    Some(Fact {
        entity: i64::from(what & 3) % 3,
        et,
        rec,
        op,
        features,
    })
}
