//! What the pre-flight and the watermark cost. Figures are for release builds.

use asof::{
    Result, Store, StoreOptions, Timestamp, Type, ViewDefinition, WriteBatch, WriteOptions,
};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

const LOG_BYTES: u64 = 60 << 20;
/// How many writes a stretch of them has, and how many of those only lead into it.
const SYNCS: usize = 220;
const SKIPPED: usize = 20;
const PAIRS: usize = 41;

/// Prints how long an open after a kill takes, how much of it is the pre-flight, and how long a synced
/// write takes with the watermark and without.
pub(crate) fn run() -> ExitCode {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("store");
    let options = || StoreOptions::new().memtable_bytes(256 << 20);
    define(&path).expect("a view is defined");
    let store = options().open(&path).expect("it opens");
    let mut n = 0;
    while log_bytes(&path) < LOG_BYTES {
        batch(&store, n, 1_000, WriteOptions::buffered());
        n += 1;
    }
    store.sync().expect("it syncs");
    let killed = directory.path().join("killed");
    crate::killed::copy(&path, &killed).expect("a copy");
    drop(store);
    let bytes = log_bytes(&killed);
    let (read, found) = timed(|| Store::examine(&killed).expect("it can be examined"));
    assert!(found.damage().is_none(), "{:?}", found.damage());
    let (opened, store) = timed(|| options().open(&killed).expect("it opens"));
    println!(
        "open after a kill, {:.1} MiB of log: {opened:.1?}, pre-flight {read:.1?} ({:.0} %)",
        bytes as f64 / (1 << 20) as f64,
        100.0 * read.as_secs_f64() / opened.as_secs_f64()
    );
    let mut rows = 0;
    let mut pairs: Vec<_> = (0..PAIRS).map(|n| pair(&store, n, &mut rows)).collect();
    let ratio = |(with, without): &(Duration, Duration)| with.as_secs_f64() / without.as_secs_f64();
    pairs.sort_by(|a, b| ratio(a).total_cmp(&ratio(b)));
    let (with, without) = pairs[PAIRS / 2];
    let told = |pair| format!("{:+.1} %", 100.0 * (ratio(pair) - 1.0));
    println!(
        "synced write of one row: p50 {with:.1?} with the watermark, {without:.1?} without: {}, the median of \
         {PAIRS} pairs (the middle half lies between {} and {})",
        told(&pairs[PAIRS / 2]),
        told(&pairs[PAIRS / 4]),
        told(&pairs[PAIRS * 3 / 4])
    );
    ExitCode::SUCCESS
}

/// The median of a synced write with the watermark and without, one stretch of writes after the other.
/// In stretches, because a watermark is written behind the fsync of its write: what it costs the file
/// system is paid by the next.
fn pair(store: &Store, n: usize, rows: &mut u64) -> (Duration, Duration) {
    let mut stretch = |left_out: bool| {
        asof::failpoint::leave_out_watermark(left_out);
        let synced = |_| {
            // Every row is a new one: a duplicate is not written.
            *rows += 1;
            timed(|| batch(store, *rows, 1, WriteOptions::synced())).0
        };
        let mut times: Vec<Duration> = (0..SYNCS).map(synced).skip(SKIPPED).collect();
        asof::failpoint::leave_out_watermark(false);
        times.sort();
        times[times.len() / 2]
    };
    // Who goes first changes from pair to pair.
    match n.is_multiple_of(2) {
        true => (stretch(false), stretch(true)),
        false => {
            let without = stretch(true);
            (stretch(false), without)
        }
    }
}

fn define(path: &Path) -> Result<()> {
    let store = StoreOptions::new().create_if_missing(true).open(path)?;
    let view = ViewDefinition::builder("view").key("id", Type::I64);
    store.apply(view.feature("pad", Type::String).build()?)?;
    store.close()
}

fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let started = Instant::now();
    let done = work();
    (started.elapsed(), done)
}

fn batch(store: &Store, n: u64, rows: u64, options: WriteOptions) {
    let view = store.view("view").expect("a view");
    let mut batch = WriteBatch::new();
    for row in 0..rows {
        let entity = view.entity([(n * rows + row) as i64]).expect("an entity");
        let row = batch.put(
            &view,
            &entity,
            Timestamp::from_secs(1_700_000_000 + n as i64),
        );
        row.set_value("pad", "x".repeat(100))
            .finish()
            .expect("a row");
    }
    store.write(batch, options).expect("it is written");
}

fn logs(store: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(store.join("db")).expect("a database");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .filter(|path| path.extension().is_some_and(|e| e == "log"))
        .collect()
}

fn log_bytes(store: &Path) -> u64 {
    let length = |path: std::path::PathBuf| std::fs::metadata(path).map_or(0, |m| m.len());
    logs(store).into_iter().map(length).sum()
}
