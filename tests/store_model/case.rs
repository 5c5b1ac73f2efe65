//! A case: a view, what happens to a store, and how the same facts come a second time.
//!
//! Facts collide on purpose: three entities, few instants, three values, so that ties of event time, of
//! recorded-at, of op and of the whole content are common, and both ends of time are among them.

#![allow(
    unreachable_pub,
    reason = "this file is a module of a test and of a fuzz target"
)]

use crate::choices::Choices;
use asof::{FeatureDefinition, MaxSkew, OnExpiry, Op, Retention, Span, Type, ViewDefinition};
use std::collections::BTreeMap;

pub const NAMES: [&str; 3] = ["a", "b", "c"];
/// Entities that are written to; one more is only asked about.
pub const ENTITIES: i64 = 3;
/// Where the clock starts; event times lie around it.
pub const NOW: i64 = 1_000;
const STEPS_MAX: usize = 16;

/// One row as it will be written: to each feature that it names a number, or null.
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
    /// Fills the memtables, so that RocksDB writes tables while the next steps happen.
    Flush,
    /// Writes out what is in memory, then compacts.
    Compact,
    /// Closes, and opens with other options.
    Reopen,
    /// What a killed process leaves: the files as they are, opened in another place.
    Kill,
    Wait(i64),
    /// Everything of an entity, or what was recorded up to then.
    Erase(i64, Option<i64>),
}

/// What a view promises about time, and how wide its rows are.
#[derive(Debug, Clone)]
pub struct Terms {
    pub ttl: Option<i64>,
    pub stale: bool,
    pub window: Option<i64>,
    /// So many characters are put behind the text of the last feature: of two kilobytes, few rows fit
    /// into a block, and few into a memtable.
    pub padding: usize,
}

impl Terms {
    pub fn view(&self, name: &str) -> ViewDefinition {
        let mut view = ViewDefinition::builder(name)
            .key("k", Type::I64)
            .max_skew(MaxSkew::Forever);
        for (name, ty) in NAMES.into_iter().zip([Type::I64, Type::I64, Type::String]) {
            view = view.define(FeatureDefinition::new(name, ty).nullable());
        }
        if let Some(ttl) = self.ttl {
            view = view.ttl(Span::micros(ttl));
            if self.stale {
                view = view.on_expiry(OnExpiry::Stale);
            }
        }
        if let Some(window) = self.window {
            view = view.history(Retention::Window(Span::micros(window)));
        }
        view.build().expect("it is well-formed")
    }
}

#[derive(Debug, Clone)]
pub struct Case {
    pub terms: Terms,
    pub steps: Vec<Step>,
    /// Of all that is chosen once the facts are known: options, the second order, questions.
    pub seed: u64,
    /// The second order goes to a store of its own, and not to a second view of the first.
    pub apart: bool,
}

impl Case {
    pub fn draw(choices: &mut Choices<'_>) -> Case {
        let seed = u64::from_le_bytes(std::array::from_fn(|_| choices.byte()));
        let terms = Terms {
            ttl: (!choices.one_in(3)).then(|| choices.below(30) as i64),
            stale: choices.one_in(3),
            window: (choices.below(5) < 3).then(|| choices.below(30) as i64),
            padding: choices.one_of(&[0, 0, 0, 2_000]),
        };
        let apart = choices.one_in(4);
        let mut steps = Vec::new();
        for _ in 0..1 + choices.below(STEPS_MAX) {
            if choices.are_used_up() {
                break;
            }
            steps.push(step(choices));
        }
        Case {
            terms,
            steps,
            seed,
            apart,
        }
    }
}

fn step(choices: &mut Choices<'_>) -> Step {
    match choices.below(32) {
        0..14 => Step::Write(facts(choices)),
        14..18 => Step::Split(facts(choices)),
        18..20 => Step::Replay(choices.below(20)),
        20..24 => Step::Wait(1 + choices.below(20) as i64),
        24..26 => Step::Sync,
        26 => Step::Flush,
        27 => Step::Compact,
        28 => Step::Reopen,
        29 => Step::Kill,
        _ => {
            let recorded = (!choices.one_in(3)).then(|| 980 + choices.below(40) as i64);
            Step::Erase(choices.below(3) as i64, recorded)
        }
    }
}

fn facts(choices: &mut Choices<'_>) -> Vec<Fact> {
    (0..1 + choices.below(6)).map(|_| fact(choices)).collect()
}

fn fact(choices: &mut Choices<'_>) -> Fact {
    let entity = choices.below(ENTITIES as usize) as i64;
    let et = time(choices);
    let rec = (choices.below(5) < 2).then(|| match time(choices) {
        // An erase of everything fences what was recorded last, and so for ever: seldom.
        i64::MAX => 1_015,
        rec => rec,
    });
    let op = choices.one_of(&[
        Op::Put,
        Op::Patch,
        Op::Put,
        Op::Patch,
        Op::Put,
        Op::Patch,
        Op::Delete,
    ]);
    let mut features = BTreeMap::new();
    for at in 0..NAMES.len() {
        let said = choices.below(8);
        if op != Op::Delete && said > 2 {
            features.insert(at, (said > 3).then_some(said as i64 % 3));
        }
    }
    if op == Op::Patch && features.is_empty() {
        features.insert(choices.below(3), Some(0));
    }
    Fact {
        entity,
        et,
        rec,
        op,
        features,
    }
}

fn time(choices: &mut Choices<'_>) -> i64 {
    match choices.below(64) {
        62 => i64::MIN,
        63 => i64::MAX,
        0..50 => 990 + choices.below(20) as i64,
        _ => 900 + choices.below(200) as i64,
    }
}
