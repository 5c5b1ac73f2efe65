//! The paths that a caller has, on a store that fits into memory.
//!
//! `cargo bench --profile release --bench paths`. For figures beside raw RocksDB, at size, see
//! `crates/asof-bench`.

use asof::{
    Entity, Question, Read, Result, Row, Store, Timestamp, Type, View, ViewDefinition, WriteBatch,
    WriteOptions,
};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

const ENTITIES: i64 = 10_000;
const VERSIONS: i64 = 8;

fn time(version: i64) -> Timestamp {
    Timestamp::from_secs(1_700_000_000 + version * 3_600)
}

/// One batch: a row for each of these entities.
fn batch(view: &View, entities: &[Entity], version: i64) -> Result<WriteBatch> {
    let mut batch = WriteBatch::new();
    for (n, entity) in entities.iter().enumerate() {
        let mut row = batch.put(view, entity, time(version));
        for feature in view.contract().features() {
            row = row.set_value(feature.name(), n as f64 + version as f64);
        }
        row.finish()?;
    }
    Ok(batch)
}

fn filled() -> Result<(Store, View, Vec<Entity>)> {
    let store = Store::temp()?;
    let mut view = ViewDefinition::builder("user").key("id", Type::I64);
    for n in 0..12 {
        view = view.feature(format!("f{n}"), Type::F64);
    }
    store.apply(view.build()?)?;
    let view = store.view("user")?;
    let entities = (0..ENTITIES)
        .map(|id| view.entity([id]))
        .collect::<Result<Vec<_>>>()?;
    for version in 0..VERSIONS {
        for chunk in entities.chunks(1_000) {
            store.write(batch(&view, chunk, version)?, WriteOptions::buffered())?;
        }
    }
    store.compact()?;
    Ok((store, view, entities))
}

fn reads(c: &mut Criterion) {
    let (store, view, entities) = filled().expect("a store");
    let feature = view.feature::<f64>("f7").expect("a feature");
    let mut row = Row::new();
    let mut at = 0;
    let mut next = || {
        at = (at + 7_919) % entities.len();
        &entities[at]
    };
    let mut group = c.benchmark_group("read");
    let mut one = |name: &str, question: Question| {
        group.bench_function(name, |b| {
            b.iter(|| {
                store
                    .get_into(&view, next(), question, &mut row)
                    .expect("reads");
                row.get(&feature).expect("is well")
            });
        });
    };
    one("latest", Question::latest());
    one("as_of", Question::as_of(time(3)));
    one("known_at", Question::as_of(time(3)).known_at(time(3)));
    for size in [10, 100, 1_000] {
        group.throughput(Throughput::Elements(size));
        let mut rows = Vec::new();
        group.bench_function(format!("many_{size}"), |b| {
            b.iter(|| {
                let asked = &entities[..size as usize];
                store
                    .get_many_into(&view, asked, Question::latest(), &mut rows)
                    .expect("reads");
            });
        });
    }
}

fn writes(c: &mut Criterion) {
    let (store, view, entities) = filled().expect("a store");
    let mut group = c.benchmark_group("write");
    group.throughput(Throughput::Elements(1_000));
    let mut newest = VERSIONS;
    let mut case = |name: &str, version: &mut dyn FnMut() -> i64| {
        group.bench_function(name, |b| {
            b.iter_batched(
                || batch(&view, &entities[..1_000], version()).expect("a batch"),
                |batch| {
                    store
                        .write(batch, WriteOptions::buffered())
                        .expect("writes")
                },
                BatchSize::PerIteration,
            );
        });
    };
    case("in_order_1000", &mut || {
        newest += 1;
        newest
    });
    case("repeated_1000", &mut || 0);
    let mut oldest = -1;
    case("late_1000", &mut || {
        oldest -= 1;
        oldest
    });
}

criterion_group!(benches, reads, writes);
criterion_main!(benches);
