//! Latest rows of many entities at once.

use super::{Picks, World};
use crate::Outcome;
use crate::latency::{measure_batches, percentile};
use crate::plan::Plan;
use crate::report::{Bound, Report};
use crate::rows::{Key, READ};
use asof::{Entity, Question, Read, Row, Store, TypedFeature, View};

const TABLE: &str = "latest in batches, p50, ns a key";
const OURS: &str = "asof, from key bytes";
const LMDB: &str = "LMDB, get by get";
const SIZES: [(usize, &str); 5] = [
    (1, "1"),
    (10, "10"),
    (100, "100"),
    (256, "256"),
    (1_000, "1,000"),
];

/// One reader of batches: rows and entities that are filled again and again.
struct Many<'s> {
    store: &'s Store,
    view: View,
    feature: TypedFeature<f64>,
    entities: Vec<Entity>,
    rows: Vec<Row>,
}

impl<'s> Many<'s> {
    fn new(store: &'s Store) -> Outcome<Many<'s>> {
        let view = store.view("user")?;
        Ok(Many {
            store,
            feature: view.feature(&format!("f{READ}"))?,
            view,
            entities: Vec::new(),
            rows: Vec::new(),
        })
    }

    fn by_keys(&mut self, keys: &[Key]) -> f64 {
        if self.entities.len() != keys.len() {
            let any = self.view.entity([0i64]).expect("is a key");
            self.entities.resize(keys.len(), any);
        }
        for (entity, key) in self.entities.iter_mut().zip(keys) {
            let column = i64::from_be_bytes(*key);
            self.view.entity_into([column], entity).expect("is a key");
        }
        let entities = std::mem::take(&mut self.entities);
        let sum = self.by_entities(&entities);
        self.entities = entities;
        sum
    }

    fn by_entities(&mut self, entities: &[Entity]) -> f64 {
        self.store
            .get_many_into(&self.view, entities, Question::latest(), &mut self.rows)
            .expect("reads");
        let value = |row: &Row| row.see(&self.feature).expect("is well").value;
        self.rows
            .iter()
            .map(|row| value(row).expect("is present"))
            .sum()
    }
}

pub(super) fn measure(plan: &Plan, world: &World, picks: &Picks, report: &mut Report) -> Outcome {
    let mut ours = Many::new(&world.cached)?;
    let mut bare = Many::new(&world.bare)?;
    let (raw, peers, mut room) = (world.raw.batch(), &world.peers, Vec::new());
    for (size, column) in SIZES {
        let size_of_one = size.min(plan.reads);
        let n = plan.reads / size_of_one;
        let part = |at: usize| at * size_of_one..(at + 1) * size_of_one;
        let keys = |at: usize| &picks.keys[part(at)];
        let mut side = |name, read: &mut dyn FnMut(usize) -> f64| {
            let found = measure_batches(n, read);
            report.add(
                TABLE,
                name,
                column,
                percentile(&found, 50.0) / size_of_one as f64,
            );
        };
        side(OURS, &mut |at| ours.by_keys(keys(at)));
        side(LMDB, &mut |at| {
            keys(at).iter().map(|key| peers.lmdb.get(key)).sum()
        });
        side("asof, entities at hand", &mut |at| {
            ours.by_entities(&picks.cached[part(at)])
        });
        side("quick_cache, get by get", &mut |at| {
            keys(at).iter().map(|key| peers.quick_cache.get(key)).sum()
        });
        side(
            "bare index over an arena, all at once (control)",
            &mut |at| peers.arena.batch(keys(at), &mut room),
        );
        side("asof, row cache off, entities at hand", &mut |at| {
            bare.by_entities(&picks.bare[part(at)])
        });
        side("RocksDB, batched_multi_get_cf", &mut |at| {
            raw(&picks.prefixes[part(at)])
        });
    }
    Ok(())
}

pub(super) fn judge(report: &mut Report) {
    for (wanted, one) in [
        ("at most 0.25 x LMDB get per key", OURS),
        (
            "entities at hand: at most 0.25 x LMDB get per key",
            "asof, entities at hand",
        ),
    ] {
        let reached = report.ratios(TABLE, "256", one, LMDB);
        report.target(
            "latest, in cache, 256 entities per batch",
            wanted,
            Bound::AtMost(0.25),
            reached,
        );
    }
}
