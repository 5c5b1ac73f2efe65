//! A feature set: one entity of eight views, eight features each, all of them read.

use super::{Picks, World};
use crate::Outcome;
use crate::latency::measure as time_reads;
use crate::ours::{self, Reader};
use crate::plan::Plan;
use crate::report::{Bound, Report};
use crate::rows::{self, Key, id};
use asof::{Entity, FeatureSet, Question, Read, SetRow, Store, TypedFeature, View};

const TABLE: &str = "feature set, 8 views, 64 features, in cache, ns";
const OURS: &str = "asof, all 64, from key bytes";
const AT_HAND: &str = "asof, all 64, entities at hand";
const ONE: &str = "asof, one latest read, from key bytes";
const VIEWS: u64 = 8;

/// As many rows in all as the users have.
fn entities(plan: &Plan) -> u64 {
    plan.entities.div_ceil(VIEWS)
}

fn name(view: u64) -> String {
    format!("set{view}")
}

pub(super) fn fill(plan: &Plan, store: &Store) -> Outcome {
    for view in 0..VIEWS {
        let view = ours::view(store, &name(view), 8)?;
        ours::ingest(store, &view, entities(plan), 0..1, plan.batch)?;
    }
    Ok(())
}

/// The views, their features, and a row that is filled again and again.
struct Set<'s> {
    store: &'s Store,
    set: FeatureSet,
    features: Vec<Vec<TypedFeature<f64>>>,
    entities: Vec<Entity>,
    row: SetRow,
}

impl<'s> Set<'s> {
    fn new(store: &'s Store) -> Outcome<Set<'s>> {
        let views = (0..VIEWS).map(|view| store.view(&name(view)));
        let views: Vec<View> = views.collect::<asof::Result<_>>()?;
        let features = |view: &View| {
            let all = view.contract().features().iter();
            all.map(|feature| view.feature(feature.name())).collect()
        };
        Ok(Set {
            store,
            features: views.iter().map(features).collect::<asof::Result<_>>()?,
            entities: made(&views, 0)?,
            set: FeatureSet::new(views),
            row: SetRow::default(),
        })
    }

    fn by_key(&mut self, key: &Key) -> f64 {
        let column = i64::from_be_bytes(*key);
        for (view, entity) in self.set.views().iter().zip(&mut self.entities) {
            view.entity_into([column], entity).expect("is a key");
        }
        let entities = std::mem::take(&mut self.entities);
        let sum = self.by_entities(&entities);
        self.entities = entities;
        sum
    }

    fn by_entities(&mut self, entities: &[Entity]) -> f64 {
        self.store
            .get_set_into(&self.set, entities, Question::latest(), &mut self.row)
            .expect("reads");
        let mut sum = 0.0;
        for (row, features) in self.row.rows().iter().zip(&self.features) {
            for feature in features {
                let seen = row.see(feature).expect("is well");
                sum += seen.value.expect("is present");
            }
        }
        sum
    }
}

fn made(views: &[View], n: u64) -> asof::Result<Vec<Entity>> {
    views.iter().map(|view| view.entity([id(n)])).collect()
}

pub(super) fn measure(
    plan: &Plan,
    world: &World,
    picks: &Picks,
    report: &mut Report,
    seed: u64,
) -> Outcome {
    let mut set = Set::new(&world.cached)?;
    // Sets are large: a tenth of the reads, and every row is in the cache before.
    let n = (plan.reads / 10).max(160);
    for entity in 0..entities(plan) {
        set.by_key(&rows::key(entity));
    }
    let asked = rows::uniform(entities(plan), n, seed);
    let keys: Vec<Key> = asked.iter().map(|n| rows::key(*n)).collect();
    let views = set.set.views().to_vec();
    let at_hand = asked.iter().map(|n| made(&views, *n));
    let at_hand: Vec<Vec<Entity>> = at_hand.collect::<asof::Result<_>>()?;
    let mut one = Reader::new(&world.cached, &world.cached.view("user")?)?;
    let mut side = |name, n, read: &mut dyn FnMut(usize) -> f64| {
        time_reads(n, read).note(report, TABLE, name);
    };
    side(ONE, plan.reads, &mut |at| {
        one.by_key(&picks.keys[at], Question::latest())
    });
    side(OURS, n, &mut |at| set.by_key(&keys[at]));
    side(AT_HAND, n, &mut |at| set.by_entities(&at_hand[at]));
    Ok(())
}

pub(super) fn judge(report: &mut Report) {
    let reached = report.ratios(TABLE, "p50", OURS, ONE);
    let path = "feature set: one entity, 8 views, 64 features, in cache";
    report.target(
        path,
        "at most 5 x one latest read",
        Bound::AtMost(5.0),
        reached,
    );
}
