//! Taking rows in: buffered, one caller, beside RocksDB alone.

use crate::Outcome;
use crate::machine::cpu_seconds;
use crate::ours::{self, AMPLE, CACHED_ROW_BYTES, Memory, Writer, users};
use crate::plan::Plan;
use crate::random::Random;
use crate::raw::{Puts, Raw};
use crate::report::{Bound, Report};
use crate::rows::time;
use asof::{Span, Store, Timestamp, WriteBatch, WriteOptions};
use std::path::Path;
use std::time::Instant;

const TABLE: &str = "ingest, buffered, one caller";
const ROWS: &str = "krows/s";
const SETTLED: &str = "krows/s, settled";
const CPU: &str = "CPU s a million rows, settled";
const CACHED: &str = "asof, in order, latest rows cached";
const TENTH: &str = "asof, in order, a tenth cached";
const LATE: &str = "asof, 20 % late, 5 % duplicates, cached";
const BLIND: &str = "RocksDB, blind WriteBatch";
const READING: &str = "RocksDB, get, then WriteBatch";

pub fn run(plan: &Plan, report: &mut Report) -> Outcome {
    let source = plan.dir.join("source");
    ours::build(&source, |store| {
        ours::ingest(
            store,
            &users(store)?,
            plan.entities,
            0..plan.versions,
            plan.batch,
        )
    })?;
    let like = source.join("db");
    let rows = Raw::open(&like, &like, AMPLE.blocks)?.rows(plan.versions as usize)?;
    let tenth = Memory {
        rows: plan.entities / 10 * CACHED_ROW_BYTES,
        ..AMPLE
    };
    for run in 0..plan.runs {
        eprintln!("run {} of {}", run + 1, plan.runs);
        one(plan, report, CACHED, AMPLE, in_order)?;
        alone(plan, report, (BLIND, &like, &rows), Raw::write)?;
        one(plan, report, TENTH, tenth, in_order)?;
        alone(
            plan,
            report,
            (READING, &like, &rows),
            Raw::write_having_read,
        )?;
        one(plan, report, LATE, AMPLE, |plan, store| {
            late(plan, store, run as u64)
        })?;
    }
    judge(report);
    report.note(format!(
        "{} entities whose first version is there before the clock starts, {} more of each, batches \
         of {}. Settled: written out and merged completely. Ours encodes and checks its rows within \
         the clock; RocksDB is given the bytes.",
        plan.entities,
        plan.versions - 1,
        plan.batch
    ));
    Ok(())
}

/// Ours, in a store of its own.
fn one(
    plan: &Plan,
    report: &mut Report,
    name: &str,
    memory: Memory,
    fill: impl Fn(&Plan, &Store) -> Outcome,
) -> Outcome {
    let dir = plan.dir.join("one");
    let store = ours::open(&dir, memory)?;
    let view = users(&store)?;
    ours::ingest(&store, &view, plan.entities, 0..1, plan.batch)?;
    store.compact()?;
    let write = || fill(plan, &store).and_then(|()| Ok(store.sync()?));
    clocked(plan, report, name, write, || Ok(store.compact()?))?;
    store.close()?;
    Ok(std::fs::remove_dir_all(dir)?)
}

/// RocksDB, in a directory of its own.
fn alone(
    plan: &Plan,
    report: &mut Report,
    (name, like, rows): (&str, &Path, &[Vec<Puts>]),
    write: impl Fn(&Raw, &[Puts], usize) -> Outcome,
) -> Outcome {
    let dir = plan.dir.join("alone");
    let raw = Raw::open(like, &dir, AMPLE.blocks)?;
    raw.write(&rows[0], plan.batch)?;
    raw.settle()?;
    let all = || {
        for version in &rows[1..] {
            write(&raw, version, plan.batch)?;
        }
        raw.sync()
    };
    clocked(plan, report, name, all, || raw.settle())?;
    drop(raw);
    Ok(std::fs::remove_dir_all(dir)?)
}

fn clocked(
    plan: &Plan,
    report: &mut Report,
    name: &str,
    write: impl FnOnce() -> Outcome,
    settle: impl FnOnce() -> Outcome,
) -> Outcome {
    let rows = (plan.entities * (plan.versions - 1)) as f64;
    let (start, cpu) = (Instant::now(), cpu_seconds());
    write()?;
    report.add(
        TABLE,
        name,
        ROWS,
        rows / 1e3 / start.elapsed().as_secs_f64(),
    );
    settle()?;
    report.add(
        TABLE,
        name,
        SETTLED,
        rows / 1e3 / start.elapsed().as_secs_f64(),
    );
    report.add(TABLE, name, CPU, (cpu_seconds() - cpu) / (rows / 1e6));
    Ok(())
}

fn in_order(plan: &Plan, store: &Store) -> Outcome {
    let view = store.view("user")?;
    ours::ingest(store, &view, plan.entities, 1..plan.versions, plan.batch)
}

/// Of a hundred rows twenty are older than the entity's newest, and five are that again.
fn late(plan: &Plan, store: &Store, run: u64) -> Outcome {
    let (mut writer, mut random) = (Writer::new(&store.view("user")?)?, Random(run + 1));
    // Which version each entity has by now.
    let mut newest = vec![0u64; plan.entities as usize];
    let (mut is_late, mut is_again) = (0, 0);
    for _ in 1..plan.versions {
        for from in (0..plan.entities).step_by(plan.batch) {
            let mut batch = WriteBatch::new();
            for n in from..(from + plan.batch as u64).min(plan.entities) {
                let has = &mut newest[n as usize];
                match random.below(100) {
                    0..20 => {
                        let before = Span::micros(1 + random.below(30_000_000) as i64);
                        writer.put(&mut batch, n, *has, earlier(time(*has), before))?;
                        is_late += 1;
                    }
                    20..25 => {
                        writer.put(&mut batch, n, *has, time(*has))?;
                        is_again += 1;
                    }
                    _ => {
                        *has += 1;
                        writer.put(&mut batch, n, *has, time(*has))?;
                    }
                }
            }
            let receipt = store.write(batch, WriteOptions::buffered())?;
            is_late -= receipt.late as i64;
            is_again -= receipt.duplicate as i64;
        }
    }
    assert_eq!((is_late, is_again), (0, 0), "receipts count what was drawn");
    Ok(())
}

fn earlier(t: Timestamp, by: Span) -> Timestamp {
    Timestamp::from_micros(t.micros() - by.as_micros())
}

fn judge(report: &mut Report) {
    for (path, wanted, one, other, least) in [
        (
            "ingest, in order, latest rows cached",
            "at least 0.7 x raw blind WriteBatch, at return and settled",
            CACHED,
            BLIND,
            0.7,
        ),
        (
            "ingest, in order, a tenth cached",
            "at least 0.85 x raw get plus WriteBatch, at return and settled",
            TENTH,
            READING,
            0.85,
        ),
    ] {
        let at_return = report.ratios(TABLE, ROWS, one, other);
        let settled = report.ratios(TABLE, SETTLED, one, other);
        let worse = at_return
            .iter()
            .zip(&settled)
            .map(|(a, b)| a.min(*b))
            .collect();
        report.target(path, wanted, Bound::AtLeast(least), worse);
    }
}
