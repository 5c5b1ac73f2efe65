//! The paths that a caller has, on a store that fits into memory.
//!
//! `cargo bench --profile release --bench paths`. For figures beside other stores, at size and under
//! load, see `crates/asof-bench`.

use asof::{
    Entity, FeatureSet, Question, Read, Receipt, Result, Row, SetRow, Store, StoreOptions,
    Timestamp, Type, View, ViewDefinition, WriteBatch, WriteOptions,
};
use criterion::measurement::WallTime;
use criterion::{
    BatchSize, BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main,
};
use std::hint::black_box;

const ENTITIES: usize = 10_000;
const FEATURES: usize = 12;
/// Versions of each entity; the deep view has few entities, with many.
const VERSIONS: i64 = 10;
const DEEP_ENTITIES: usize = 10;
const DEEP_VERSIONS: i64 = 10_000;

fn time(version: i64) -> Timestamp {
    Timestamp::from_secs(1_700_000_000 + version * 60)
}

fn view(store: &Store, name: &str, features: usize) -> Result<View> {
    let mut view = ViewDefinition::builder(name).key("id", Type::I64);
    for n in 0..features {
        view = view.feature(format!("f{n}"), Type::F64);
    }
    store.apply(view.build()?)?;
    store.view(name)
}

fn entities(view: &View, n: usize) -> Result<Vec<Entity>> {
    (0..n as i64).map(|id| view.entity([id])).collect()
}

/// One batch: a whole row for each of these entities, or the first feature of one.
fn batch(view: &View, entities: &[Entity], version: i64, whole: bool) -> Result<WriteBatch> {
    let mut batch = WriteBatch::new();
    for entity in entities {
        let mut row = match whole {
            true => batch.put(view, entity, time(version)),
            false => batch.patch(view, entity, time(version)),
        };
        let features = view.contract().features();
        for feature in features.iter().take(if whole { FEATURES } else { 1 }) {
            row = row.set_value(feature.name(), version as f64);
        }
        row.finish()?;
    }
    Ok(batch)
}

fn fill(store: &Store, view: &View, entities: &[Entity], versions: i64) -> Result<()> {
    for version in 0..versions {
        for chunk in entities.chunks(1_000) {
            store.write(batch(view, chunk, version, true)?, WriteOptions::buffered())?;
        }
    }
    Ok(())
}

/// A store of one view, its entities, and `versions` of each.
struct Filled {
    store: Store,
    view: View,
    entities: Vec<Entity>,
}

fn filled(options: StoreOptions, n: usize, versions: i64) -> Result<Filled> {
    let store = options.temp()?;
    let view = view(&store, "user", FEATURES)?;
    let entities = entities(&view, n)?;
    fill(&store, &view, &entities, versions)?;
    store.compact()?;
    Ok(Filled {
        store,
        view,
        entities,
    })
}

impl Filled {
    /// One question of many entities, in an order that no cache of blocks expects.
    fn ask(
        &self,
        group: &mut BenchmarkGroup<'_, WallTime>,
        name: &str,
        question: impl Fn(usize) -> Question,
    ) {
        let feature = self.view.feature::<f64>("f7").expect("a feature");
        let (mut row, mut at) = (Row::new(), 0);
        group.bench_function(name, |b| {
            b.iter(|| {
                at += 7_919;
                let entity = &self.entities[at % self.entities.len()];
                self.store
                    .get_into(&self.view, entity, question(at), &mut row)
                    .expect("reads");
                row.get(&feature).expect("is well").expect("is present")
            });
        });
    }
}

fn reads(c: &mut Criterion) {
    let mut group = c.benchmark_group("read");
    let hot = filled(StoreOptions::new(), ENTITIES, VERSIONS).expect("a store");
    hot.ask(&mut group, "latest_hot", |_| Question::latest());
    hot.ask(&mut group, "known_at", |_| {
        Question::as_of(time(3)).known_at(time(3))
    });
    // Neither rows nor blocks are kept: from the page cache, through the checks of every block.
    let nothing_kept = StoreOptions::new().row_cache_bytes(0).block_cache_bytes(0);
    let cold = filled(nothing_kept, ENTITIES, 1).expect("a store");
    cold.ask(&mut group, "latest_cold", |_| Question::latest());
    let blocks_kept = StoreOptions::new().row_cache_bytes(0);
    let bare = filled(blocks_kept, ENTITIES, 1).expect("a store");
    bare.ask(&mut group, "latest_row_cache_off", |_| Question::latest());
    let resident = StoreOptions::new().row_cache_bytes(0).resident(["user"]);
    let resident = filled(resident, ENTITIES, 1).expect("a store");
    resident.ask(&mut group, "latest_resident", |_| Question::latest());
    assert!(resident.store.stats().expect("stats").resident.is_complete);
    let past = |at: usize, versions: i64| Question::as_of(time(at as i64 / 7 % versions));
    bare.ask(&mut group, "as_of_1_version", |at| past(at, 1));
    hot.ask(&mut group, "as_of_10_versions", |at| past(at, VERSIONS));
    let deep = filled(StoreOptions::new(), DEEP_ENTITIES, DEEP_VERSIONS).expect("a store");
    deep.ask(&mut group, "as_of_10000_versions", |at| {
        past(at, DEEP_VERSIONS)
    });
}

fn batches(c: &mut Criterion) {
    let mut group = c.benchmark_group("read_many");
    let Filled {
        store,
        view,
        entities,
    } = filled(StoreOptions::new(), ENTITIES, 1).expect("a store");
    for size in [1, 10, 100, 1_000] {
        group.throughput(Throughput::Elements(size as u64));
        let (mut rows, mut at) = (Vec::new(), 0);
        group.bench_function(size.to_string(), |b| {
            b.iter(|| {
                at = (at + size) % (entities.len() - size);
                let asked = &entities[at..at + size];
                store
                    .get_many_into(&view, asked, Question::latest(), &mut rows)
                    .expect("reads");
            });
        });
    }
}

/// One entity of eight views, eight features each.
fn set(c: &mut Criterion) {
    let store = Store::temp().expect("a store");
    let views = (0..8).map(|n| view(&store, &format!("view{n}"), 8));
    let views: Vec<View> = views.collect::<Result<_>>().expect("views");
    let asked: Vec<Vec<Entity>> = views
        .iter()
        .map(|view| entities(view, 1_000))
        .collect::<Result<_>>()
        .expect("entities");
    for (view, entities) in views.iter().zip(&asked) {
        fill(&store, view, entities, 1).expect("writes");
    }
    let one = |n: usize| -> Vec<Entity> { asked.iter().map(|of| of[n].clone()).collect() };
    let sets: Vec<Vec<Entity>> = (0..1_000).map(one).collect();
    let feature = views[7].feature::<f64>("f7").expect("a feature");
    let set = FeatureSet::new(views);
    let (mut row, mut at) = (SetRow::default(), 0);
    c.bench_function("read_set/8_views", |b| {
        b.iter(|| {
            at += 7_919;
            store
                .get_set_into(&set, &sets[at % sets.len()], Question::latest(), &mut row)
                .expect("reads");
            row.see(7, &feature)
                .expect("is well")
                .value
                .expect("is present")
        });
    });
}

fn writes(c: &mut Criterion) {
    let Filled {
        store,
        view,
        entities,
    } = filled(StoreOptions::new(), ENTITIES, 1).expect("a store");
    // The row that is repeated and the rows that come late must stand below the newest.
    let top = 1_000_000;
    let all = batch(&view, &entities, top, true).expect("a batch");
    store.write(all, WriteOptions::buffered()).expect("writes");
    let (mut newest, mut oldest) = (top, top);
    let mut next = || {
        newest += 1;
        newest
    };
    let mut earlier = || {
        oldest -= 1;
        oldest
    };
    let mut group = c.benchmark_group("write");
    for size in [1, 1_000] {
        // What is repeated must still be the newest.
        let (changing, repeated) = (&entities[..size], &entities[ENTITIES - size..]);
        group.throughput(Throughput::Elements(size as u64));
        let mut case = |name: &str, (entities, whole), version: Versions<'_>, what: Judge| {
            group.bench_function(format!("{name}_{size}"), |b| {
                b.iter_batched(
                    || batch(&view, entities, version(), whole).expect("a batch"),
                    |batch| {
                        let written = store.write(batch, WriteOptions::buffered());
                        let receipt = written.expect("writes");
                        assert_eq!(what(&receipt), size as u64, "{name}: {receipt:?}");
                    },
                    BatchSize::PerIteration,
                );
            });
        };
        case("put", (changing, true), &mut next, |r| r.latest);
        case("duplicate", (repeated, true), &mut || top, |r| r.duplicate);
        case("patch", (changing, false), &mut next, |r| r.latest);
        case("late_put", (changing, true), &mut earlier, |r| r.late);
    }
}

/// The version that is written next.
type Versions<'a> = &'a mut dyn FnMut() -> i64;

/// How many rows a receipt counts as what they were meant to be.
type Judge = fn(&Receipt) -> u64;

/// Each caller writes one row and waits until it is durable; figures are for all of them.
fn synced(c: &mut Criterion) {
    let Filled {
        store,
        view,
        entities,
    } = filled(StoreOptions::new(), 1_000, 1).expect("a store");
    let mut group = c.benchmark_group("synced");
    group.sample_size(10);
    let mut version = 1;
    for callers in [1, 2, 4, 8, 16] {
        group.throughput(Throughput::Elements(callers as u64));
        group.bench_function(format!("{callers}_callers"), |b| {
            b.iter_custom(|rounds| {
                let from = version;
                version += rounds as i64;
                together(callers, |caller| {
                    for version in from..from + rounds as i64 {
                        let row = batch(&view, &entities[caller..=caller], version, true);
                        let written = store.write(row.expect("a row"), WriteOptions::synced());
                        black_box(written.expect("writes"));
                    }
                })
            });
        });
    }
}

/// How long it takes until the last of them is through.
#[allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn together(callers: usize, call: impl Fn(usize) + Sync) -> std::time::Duration {
    let start = std::time::Instant::now();
    std::thread::scope(|scope| {
        for caller in 0..callers {
            let call = &call;
            scope.spawn(move || call(caller));
        }
    });
    start.elapsed()
}

criterion_group!(benches, reads, batches, set, writes, synced);
criterion_main!(benches);
