//! What the pre-flight and the watermark cost. Figures are for release builds.

use asof::{
    Result, Store, StoreOptions, Timestamp, Type, ViewDefinition, WriteBatch, WriteOptions,
};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

const LOG_BYTES: u64 = 60 << 20;
const SYNCS: usize = 2_000;

/// Prints how long an open after a kill takes, how much of it is the pre-flight, and how long a synced
/// write takes beside a bare append and fsync of as many bytes on the same file system.
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
    let mut times: Vec<Duration> = (0..SYNCS)
        .map(|n| timed(|| batch(&store, n as u64, 1, WriteOptions::synced())).0)
        .collect();
    times.sort();
    let (synced, slot) = (times[SYNCS / 2], slot_write(directory.path()));
    println!(
        "synced write of one row: p50 {synced:.1?}; of it the watermark {slot:.1?}, so {:.3} times what \
         it would take without",
        synced.as_secs_f64() / (synced.as_secs_f64() - slot.as_secs_f64())
    );
    ExitCode::SUCCESS
}

/// What the watermark adds to a sync: two calls to the file system, and a look at the log's length.
fn slot_write(directory: &Path) -> Duration {
    use std::io::{Seek, SeekFrom, Write};
    let path = directory.join("slots");
    let mut file = std::fs::File::create(&path).expect("a file");
    let mut times: Vec<Duration> = (0..SYNCS as u64)
        .map(|n| {
            timed(|| {
                std::fs::metadata(&path).expect("it is there");
                file.seek(SeekFrom::Start(n % 2 * 4096)).expect("a place");
                file.write_all(&[0; 76]).expect("a slot");
            })
            .0
        })
        .collect();
    times.sort();
    times[SYNCS / 2]
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
