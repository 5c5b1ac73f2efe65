//! One key and a hundred, beside Redis over loopback.

use crate::Outcome;
use crate::latency::{Latency, measure, measure_batches, percentile};
use crate::ours::{self, AMPLE, Reader, users};
use crate::peers::redis::Redis;
use crate::plan::Plan;
use crate::report::{Bound, Report};
use crate::rows::{self, Key, READ};
use asof::{Question, Read};

const TABLE: &str = "beside Redis over loopback, ns";
const ONE: &str = "asof, latest, from key bytes";
const REDIS_ONE: &str = "Redis, GET";
const MANY: &str = "asof, 100 entities, from key bytes";
const REDIS_MANY: &str = "Redis, MGET of 100";
const BATCH: usize = 100;

pub fn run(plan: &Plan, report: &mut Report) -> Outcome {
    let Some(mut redis) = Redis::start(&plan.dir)? else {
        report.note("redis-server is not installed: nothing was measured.");
        return Ok(());
    };
    redis.load(&rows::ascending(plan.entities, 0))?;
    let store = ours::open(&plan.dir.join("store"), AMPLE)?;
    let view = users(&store)?;
    ours::ingest(&store, &view, plan.entities, 0..1, plan.batch)?;
    store.compact()?;
    ours::warm(&store, &view, plan.entities, 0)?;
    let feature = view.feature::<f64>(&format!("f{READ}"))?;
    for run in 0..plan.runs {
        let asked = rows::uniform(plan.entities, plan.reads, 42 + run as u64);
        let keys: Vec<Key> = asked.iter().map(|n| rows::key(*n)).collect();
        for key in &keys[..100] {
            let mut reader = Reader::new(&store, &view)?;
            assert_eq!(redis.get(key)?, reader.by_key(key, Question::latest()));
        }
        let mut reader = Reader::new(&store, &view)?;
        measure(plan.reads, |at| {
            reader.by_key(&keys[at], Question::latest())
        })
        .note(report, TABLE, ONE);
        // A request takes a hundred times as long as a read of ours.
        let few = (plan.reads / 10).max(160);
        measure(few, |at| redis.get(&keys[at]).expect("answers")).note(report, TABLE, REDIS_ONE);
        let part = |at: usize| &keys[at * BATCH..(at + 1) * BATCH];
        let (mut entities, mut found) = (ours::entities(&view, &asked[..BATCH])?, Vec::new());
        let batches = measure_batches(plan.reads / BATCH, |at| {
            for (entity, key) in entities.iter_mut().zip(part(at)) {
                let column = i64::from_be_bytes(*key);
                view.entity_into([column], entity).expect("is a key");
            }
            store
                .get_many_into(&view, &entities, Question::latest(), &mut found)
                .expect("reads");
            let value = |row: &asof::Row| row.see(&feature).expect("is well").value;
            found
                .iter()
                .map(|row| value(row).expect("is present"))
                .sum()
        });
        batch_of(&batches).note(report, TABLE, MANY);
        let batches = measure_batches((few / BATCH).max(1), |at| {
            redis.get_many(part(at)).expect("answers")
        });
        batch_of(&batches).note(report, TABLE, REDIS_MANY);
    }
    for (wanted, one, other, least) in [
        (
            "one key at least 80 x slower than ours",
            REDIS_ONE,
            ONE,
            80.0,
        ),
        (
            "MGET of 100 at least 6 x slower than ours",
            REDIS_MANY,
            MANY,
            6.0,
        ),
    ] {
        let reached = report.ratios(TABLE, "p50", one, other);
        report.target(
            "Redis over loopback",
            wanted,
            Bound::AtLeast(least),
            reached,
        );
    }
    Ok(store.close()?)
}

/// Every batch was timed alone.
fn batch_of(found: &hdrhistogram::Histogram<u64>) -> Latency {
    let p50 = percentile(found, 50.0);
    Latency {
        p50,
        alone_p50: p50,
        p99: percentile(found, 99.0),
        p999: percentile(found, 99.9),
    }
}
