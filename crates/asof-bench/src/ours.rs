//! Our side, through the public API.

use crate::report::Report;
use crate::{Plan, Random};
use asof::{
    Entity, Question, Read, Result, Row, Store, StoreOptions, Timestamp, Type, TypedFeature, View,
    ViewDefinition, WriteBatch, WriteOptions,
};
use std::path::Path;
use std::time::Instant;

const FEATURES: u32 = 12;
const HOUR: i64 = 3_600_000_000;

fn open(path: &Path) -> Result<Store> {
    StoreOptions::new()
        .create_if_missing(true)
        .block_cache_bytes(4 << 30)
        .open(path)
}

fn definition() -> Result<ViewDefinition> {
    let mut view = ViewDefinition::builder("user").key("id", Type::I64);
    for n in 0..FEATURES {
        view = view.feature(format!("f{n}"), Type::F64);
    }
    view.ttl(asof::Span::days(3_650)).build()
}

/// The event time of a version. Eight hours apart, all in the past.
pub fn time(version: u64) -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000 + version as i64 * 8 * HOUR)
}

fn features(view: &View) -> Result<Vec<TypedFeature<f64>>> {
    (0..FEATURES)
        .map(|n| view.feature(&format!("f{n}")))
        .collect()
}

/// In order of time, each version for all entities: buffered, one caller.
pub fn ingest(plan: Plan, path: &Path, report: &mut Report) -> Result<()> {
    let store = open(path)?;
    store.apply(definition()?)?;
    let view = store.view("user")?;
    let features = features(&view)?;
    let start = Instant::now();
    for version in 0..plan.versions {
        let mut id = 0;
        while id < plan.entities {
            let mut batch = WriteBatch::new();
            let end = (id + plan.batch as u64).min(plan.entities);
            for id in id..end {
                let entity = view.entity([id as i64])?;
                let mut row = batch.put(&view, &entity, time(version));
                for (n, feature) in features.iter().enumerate() {
                    row = row.set(feature, (id * 31 + version * 7 + n as u64) as f64 * 0.37);
                }
                row.finish()?;
            }
            let receipt = store.write(batch, WriteOptions::buffered())?;
            assert_eq!(receipt.applied, end - id, "every row is new");
            id = end;
        }
    }
    store.sync()?;
    let took = start.elapsed();
    store.compact()?;
    report.rate(
        "asof ingest, buffered",
        plan.entities * plan.versions,
        took,
        start.elapsed(),
    );
    store.close()
}

pub fn read(plan: Plan, path: &Path, report: &mut Report) -> Result<()> {
    let store = open(path)?;
    let view = store.view("user")?;
    let feature = features(&view)?[7];
    let mut random = Random(42);
    let ids: Vec<i64> = (0..plan.reads)
        .map(|_| random.below(plan.entities) as i64)
        .collect();
    let entities: Vec<Entity> = ids
        .iter()
        .map(|id| view.entity([*id]))
        .collect::<Result<_>>()?;
    let versions: Vec<u64> = ids.iter().map(|_| random.below(plan.versions)).collect();
    let mut row = Row::new();
    warm(&store, &view)?;
    report.reads("asof latest", plan.reads, |at| {
        store
            .get_into(&view, &entities[at], Question::latest(), &mut row)
            .expect("reads");
        row.get(&feature).expect("is well").expect("is present")
    });
    report.reads("asof latest, from key columns", plan.reads, |at| {
        let entity = view.entity([ids[at]]).expect("is a key");
        store
            .get_into(&view, &entity, Question::latest(), &mut row)
            .expect("reads");
        row.get(&feature).expect("is well").expect("is present")
    });
    let then = |at: usize| Question::as_of(time(versions[at]));
    report.reads("asof as_of", plan.reads, |at| {
        store
            .get_into(&view, &entities[at], then(at), &mut row)
            .expect("reads");
        row.get(&feature).expect("is well").expect("is present")
    });
    let snapshot = store.snapshot();
    report.reads("asof as_of, snapshot", plan.reads, |at| {
        snapshot
            .get_into(&view, &entities[at], then(at), &mut row)
            .expect("reads");
        row.get(&feature).expect("is well").expect("is present")
    });
    drop(snapshot);
    store.close()
}

/// Brings every block into the cache.
fn warm(store: &Store, view: &View) -> Result<()> {
    for entity in (0..i64::MAX).map_while(|id| {
        let entity = view.entity([id]).ok()?;
        let known = store.get(view, &entity, Question::latest()).ok()?;
        (known.verdict() == asof::Verdict::Found).then_some(entity)
    }) {
        store.get(view, &entity, Question::as_of(time(0)))?;
    }
    Ok(())
}
