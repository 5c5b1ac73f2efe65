//! Resident memory under one budget: loading, then reads and writes of every kind at once.

use crate::Outcome;
use crate::machine::resident_bytes;
use crate::ours::{self, AMPLE, Memory, Reader, Writer, users};
use crate::plan::Plan;
use crate::random::{Random, Zipf};
use crate::report::{Bound, Report};
use crate::rows::{self, time};
use asof::{Question, Read, Store, Timestamp, View, WriteBatch, WriteOptions};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const TABLE: &str = "resident memory, MiB";
/// Rows that are written in a second meanwhile, so that the store stays about as large as it is.
const WRITES: u64 = 10_000;

pub fn run(plan: &Plan, report: &mut Report) -> Outcome {
    for run in 0..plan.runs {
        once(plan, report, &plan.dir.join(format!("memory-{run}")))?;
    }
    let budget = plan.budget_mib as f64;
    let over = |figures: Vec<f64>| figures.into_iter().map(|mib| mib / budget).collect();
    let most = over(report.figures(TABLE, "all of it", "most"));
    let path = format!("resident memory, budget of {budget} MiB, mixed load");
    report.target(
        &path,
        "at most 1.25 x the budget",
        Bound::AtMost(1.25),
        most,
    );
    let third = report.figures(TABLE, "third quarter", "mean");
    let last = report.figures(TABLE, "last quarter", "mean");
    let grew = last
        .iter()
        .zip(third)
        .map(|(last, third)| last / third)
        .collect();
    let wanted = "flat over the second half (last quarter at most 1.02 x the third)";
    report.target(&path, wanted, Bound::AtMost(1.02), grew);
    Ok(())
}

fn once(plan: &Plan, report: &mut Report, dir: &std::path::Path) -> Outcome {
    report.add(
        TABLE,
        "before the store is opened",
        "most",
        mib(resident_bytes()),
    );
    let memory = Memory {
        budget: Some(plan.budget_mib << 20),
        ..AMPLE
    };
    let store = ours::open(dir, memory)?;
    let view = users(&store)?;
    let (stop, read, wrote) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let (loading, running) = std::thread::scope(|scope| {
        let sampler = scope.spawn(|| sample(&stop));
        ours::ingest(&store, &view, plan.rows, 0..1, plan.batch)?;
        stop.store(true, Ordering::Relaxed);
        let loading = sampler.join().expect("samples");
        stop.store(false, Ordering::Relaxed);
        let sampler = scope.spawn(|| sample(&stop));
        let writer = scope.spawn(|| {
            let done = write(plan, (&store, &view), &stop, &wrote);
            done.map_err(|error| error.to_string())
        });
        let reader = scope.spawn(|| {
            let done = ask(plan, (&store, &view), &stop, &read);
            done.map_err(|error| error.to_string())
        });
        std::thread::sleep(Duration::from_secs(plan.seconds));
        stop.store(true, Ordering::Relaxed);
        writer.join().expect("writes")?;
        reader.join().expect("reads")?;
        Outcome::Ok((loading, sampler.join().expect("samples")))
    })?;
    told(report, "while loading", &loading);
    let quarters = [
        "first quarter",
        "second quarter",
        "third quarter",
        "last quarter",
    ];
    for (at, name) in quarters.into_iter().enumerate() {
        let border = |quarter: usize| running.len() * quarter / 4;
        told(report, name, &running[border(at)..border(at + 1)]);
    }
    let all: Vec<u64> = loading.into_iter().chain(running).collect();
    told(report, "all of it", &all);
    let per_second = |count: &AtomicU64| count.load(Ordering::Relaxed) / plan.seconds;
    report.note(format!(
        "{} rows, then {} s of {} latest rows read and {} written a second: most of the reads zipf, \
         some uniform, in the past, or in batches; one row in five written is late.",
        plan.rows,
        plan.seconds,
        per_second(&read),
        per_second(&wrote)
    ));
    store.close()?;
    Ok(std::fs::remove_dir_all(dir)?)
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn told(report: &mut Report, name: &str, samples: &[u64]) {
    let mean = samples.iter().sum::<u64>() as f64 / samples.len() as f64;
    let most = samples.iter().copied().max().unwrap_or(0);
    report.add(TABLE, name, "most", mib(most));
    report.add(TABLE, name, "mean", mean / f64::from(1 << 20));
}

/// Ten times a second, and once at least.
fn sample(stop: &AtomicBool) -> Vec<u64> {
    let mut samples = vec![resident_bytes()];
    while !stop.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(100));
        samples.push(resident_bytes());
    }
    samples
}

/// At a steady pace, entities in no order.
fn write(
    plan: &Plan,
    (store, view): (&Store, &View),
    stop: &AtomicBool,
    wrote: &AtomicU64,
) -> Outcome {
    let (mut writer, mut random) = (Writer::new(view)?, Random(1));
    let size = (plan.batch as u64).min(WRITES);
    let start = Instant::now();
    for version in 1.. {
        let mut batch = WriteBatch::new();
        for _ in 0..size {
            let n = random.below(plan.rows);
            let is_late = random.below(5) == 0;
            let back = if is_late {
                1 + random.below(1 << 40) as i64
            } else {
                0
            };
            // Batches are a tenth of a second apart, versions a minute: seconds will do here.
            let et = time(0).micros() + version * 1_000_000 - back;
            writer.put(&mut batch, n, version as u64, Timestamp::from_micros(et))?;
        }
        store.write(batch, WriteOptions::buffered())?;
        let done = wrote.fetch_add(size, Ordering::Relaxed) + size;
        if stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        let due = Duration::from_secs_f64(done as f64 / WRITES as f64);
        std::thread::sleep(due.saturating_sub(start.elapsed()));
    }
    Ok(())
}

/// As fast as one thread can.
fn ask(
    plan: &Plan,
    (store, view): (&Store, &View),
    stop: &AtomicBool,
    read: &AtomicU64,
) -> Outcome {
    let (mut reader, mut random) = (Reader::new(store, view)?, Random(2));
    let zipf = Zipf::new(plan.rows);
    let mut rows = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        for _ in 0..100 {
            let often = rows::key(zipf.pick(&mut random));
            std::hint::black_box(reader.by_key(&often, Question::latest()));
        }
        for _ in 0..20 {
            let any = rows::key(random.below(plan.rows));
            std::hint::black_box(reader.by_key(&any, Question::latest()));
            std::hint::black_box(reader.by_key(&any, Question::as_of(time(0))));
        }
        let many: Vec<u64> = (0..100).map(|_| random.below(plan.rows)).collect();
        let entities = ours::entities(view, &many)?;
        store.get_many_into(view, &entities, Question::latest(), &mut rows)?;
        read.fetch_add(240, Ordering::Relaxed);
    }
    Ok(())
}
