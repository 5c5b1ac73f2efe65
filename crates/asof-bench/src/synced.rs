//! Durable writes of one row, from 1 to 16 callers who share an fsync.

use crate::Outcome;
use crate::latency::{histogram, note, percentile};
use crate::ours::{self, AMPLE, Writer, users};
use crate::plan::Plan;
use crate::report::{Bound, Report};
use crate::rows::time;
use asof::{Store, View, WriteBatch, WriteOptions};
use hdrhistogram::Histogram;
use std::time::{Duration, Instant};

const TABLE: &str = "synced, one row a write";
const WRITES: &str = "writes/s";
const CALLERS: [(u64, &str); 5] = [
    (1, "1 caller"),
    (2, "2 callers"),
    (4, "4 callers"),
    (8, "8 callers"),
    (16, "16 callers"),
];

pub fn run(plan: &Plan, report: &mut Report) -> Outcome {
    let dir = plan.dir.join("synced");
    let store = ours::open(&dir, AMPLE)?;
    let view = users(&store)?;
    ours::ingest(&store, &view, plan.entities, 0..1, plan.batch)?;
    let mut version = 1;
    for run in 0..plan.runs {
        eprintln!("run {} of {}", run + 1, plan.runs);
        for (callers, name) in CALLERS {
            let seconds = if plan.quick { 0.2 } else { plan.seconds as f64 };
            let lasting = Duration::from_secs_f64(seconds);
            let (writes, waits, took) = call(plan, (&store, &view), callers, version, lasting)?;
            version += 1;
            report.add(TABLE, name, WRITES, writes as f64 / took.as_secs_f64());
            report.add(TABLE, name, "p50, ms", percentile(&waits, 50.0) / 1e6);
            report.add(TABLE, name, "p99, ms", percentile(&waits, 99.0) / 1e6);
        }
    }
    let reached = report.ratios(TABLE, WRITES, "16 callers", "1 caller");
    let wanted = "16 callers at least 8 x one caller";
    report.target("ingest, synced", wanted, Bound::AtLeast(8.0), reached);
    Ok(store.close()?)
}

/// Each caller writes as soon as its last write is durable, to entities of its own.
fn call(
    plan: &Plan,
    (store, view): (&Store, &View),
    callers: u64,
    version: u64,
    lasting: Duration,
) -> Outcome<(u64, Histogram<u64>, Duration)> {
    let start = Instant::now();
    let one = |caller: u64| {
        let mut writer = Writer::new(view).expect("a writer");
        let mut waits = histogram();
        let mut n = caller;
        while start.elapsed() < lasting {
            let mut batch = WriteBatch::new();
            writer
                .put(&mut batch, n % plan.entities, version, time(version))
                .expect("is well");
            let asked = Instant::now();
            store.write(batch, WriteOptions::synced()).expect("writes");
            note(&mut waits, asked.elapsed().as_nanos() as f64);
            n += callers;
        }
        waits
    };
    let mut all = histogram();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..callers)
            .map(|caller| scope.spawn(move || one(caller)))
            .collect();
        for thread in threads {
            all.add(thread.join().expect("writes"))
                .expect("same bounds");
        }
    });
    Ok((all.len(), all, start.elapsed()))
}
