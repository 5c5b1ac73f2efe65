//! Dying while a log is taken in: a position never leads the rows.
//!
//! The child takes in a log of three partitions, out of order, synced and buffered, and moves two of
//! them by hand. Wherever it dies:
//!
//! 1. Is every record below a position there, and all that a claim speaks of? Was no position written
//!    before the fsync that makes it true? (A kill loses nothing that a power cut would, so the second
//!    question stands for it.)
//! 2. Does reading on from the positions lead to the digest of an ingest that nobody disturbed?
//! 3. Does a reopen change nothing?

use crate::protocol::Protocol;
use asof::{
    Question, Read, Result, SetDigest, Store, StoreOptions, Timestamp, Type, Verdict,
    ViewDefinition, WriteBatch, WriteOptions,
};
use std::ops::Range;
use std::path::{Path, PathBuf};

pub(crate) const PROTOCOL: Protocol = Protocol {
    name: "positions",
    points: &[
        ("write.before_commit", &[0, 9, 20]),
        ("write.after_commit", &[0, 9, 20]),
        ("sync.before_fsync", &[0, 4, 9]),
        ("sync.after_fsync", &[0, 4, 9]),
        ("position.before_write", &[0, 4, 9]),
        ("position.after_write", &[0, 4, 9]),
        // A rewind, a skip, and each once more.
        ("position.before_move", &[0, 1, 2, 3]),
        ("position.after_move", &[0, 1, 2, 3]),
        ("position.after_sync", &[0, 1, 2, 3]),
    ],
    run,
    check,
};

const LOG: &str = "clicks";
const CHUNK: u64 = 5;

/// The partitions, and the records that the log has of each. The last one has lost its beginning.
const PARTITIONS: [(&str, Range<u64>); 3] = [("0", 0..60), ("1", 0..40), ("late", 1_000..1_020)];

fn open(path: &Path) -> Result<Store> {
    StoreOptions::new()
        .create_if_missing(true)
        .memtable_bytes(256 << 10)
        .open(path)
}

fn define(store: &Store) -> Result<()> {
    let view = ViewDefinition::builder("clicks")
        .key("id", Type::I64)
        .feature("offset", Type::I64)
        .source(LOG);
    store.apply(view.build()?).map(drop)
}

fn time(offset: u64) -> Timestamp {
    Timestamp::from_secs(1_700_000_000 + offset as i64)
}

/// One entity per record, by which it is found again.
fn id(place: usize, offset: u64) -> i64 {
    (place as i64 + 1) * 1_000_000 + offset as i64
}

/// A stretch of a partition as a batch. Its records are in the order of time, so that it is complete
/// through the last of them.
fn batch(store: &Store, place: usize, offsets: Range<u64>) -> Result<WriteBatch> {
    let view = store.view("clicks")?;
    let mut batch = WriteBatch::new();
    for offset in offsets.clone() {
        let entity = view.entity([id(place, offset)])?;
        let row = batch.put(&view, &entity, time(offset));
        row.set_value("offset", offset as i64).finish()?;
    }
    let (partition, _) = &PARTITIONS[place];
    batch
        .from_log(LOG, *partition, offsets.clone())
        .complete_through(time(offsets.end - 1));
    Ok(batch)
}

fn take(store: &Store, place: usize, from: u64, options: WriteOptions) -> Result<()> {
    note(store);
    store
        .write(batch(store, place, from..from + CHUNK)?, options)
        .map(drop)
}

/// Notes beside the store which positions are in force before the next step.
fn note(store: &Store) {
    let noted = std::fs::write(noted_at(store.path()), in_force(store));
    noted.expect("the directory is there");
}

fn noted_at(store: &Path) -> PathBuf {
    store.with_file_name("in_force")
}

fn in_force(store: &Store) -> String {
    let sources = store.sources();
    let partitions = sources.iter().flat_map(|source| &source.partitions);
    let positions = partitions
        .filter(|partition| partition.position > 0)
        .map(|partition| format!("{} {}\n", partition.name, partition.position));
    positions.collect()
}

/// At these points nothing has been written of the positions that are due.
const UNWRITTEN: [&str; 5] = [
    "write.before_commit",
    "write.after_commit",
    "sync.before_fsync",
    "sync.after_fsync",
    "position.before_write",
];

fn run(path: &Path) -> Result<()> {
    let store = open(path)?;
    define(&store)?;
    // Each pair of chunks comes the wrong way round, and the first of a pair is buffered.
    let backwards = |place: usize, offsets: Range<u64>| {
        for pair in offsets.step_by(2 * CHUNK as usize) {
            take(&store, place, pair + CHUNK, WriteOptions::buffered())?;
            take(&store, place, pair, WriteOptions::synced())?;
        }
        Ok::<_, asof::Error>(())
    };
    backwards(0, 0..30)?;
    note(&store);
    store.rewind(LOG, "0", 10)?;
    backwards(1, 0..40)?;
    backwards(2, 1_000..1_010)?;
    note(&store);
    store.skip(LOG, "late", 1_000)?;
    backwards(0, 10..40)?;
    take(&store, 0, 40, WriteOptions::buffered())?;
    note(&store);
    store.rewind(LOG, "0", 20)?;
    backwards(0, 20..60)?;
    take(&store, 2, 1_015, WriteOptions::buffered())?;
    note(&store);
    store.skip(LOG, "late", 1_010)?;
    note(&store);
    store.close()
}

/// Reads every partition on from its position.
fn resume(store: &Store, options: WriteOptions) -> Result<()> {
    for (place, (partition, records)) in PARTITIONS.iter().enumerate() {
        if store.position(LOG, partition) < records.start {
            store.skip(LOG, partition, records.start)?;
        }
        let mut from = store.position(LOG, partition);
        while from < records.end {
            let until = records.end.min(from + CHUNK);
            let batch = batch(store, place, from..until)?;
            store.write(batch, options)?;
            from = until;
        }
    }
    Ok(())
}

fn check(path: &Path, point: &str) -> Result<(), String> {
    let failed = |e: asof::Error| e.to_string();
    let store = open(path).map_err(failed)?;
    define(&store).map_err(failed)?;
    rows_are_there(&store)?;
    let noted = std::fs::read_to_string(noted_at(path)).map_err(|e| e.to_string())?;
    let found = in_force(&store);
    if UNWRITTEN.contains(&point) && found != noted {
        return Err(format!(
            "positions {noted:?} were in force, and {found:?} are found"
        ));
    }
    resume(&store, WriteOptions::synced()).map_err(failed)?;
    let (digest, clean) = (
        |store: &Store| store.digest(&store.view("clicks")?),
        clean(),
    );
    if digest(&store).map_err(failed)? != clean {
        return Err("reading on from the positions leads to another digest".into());
    }
    for (partition, records) in &PARTITIONS {
        let position = store.position(LOG, partition);
        if position != records.end {
            return Err(format!("partition {partition} ends at {position}"));
        }
    }
    let before = store.sources();
    store.close().map_err(failed)?;
    let store = open(path).map_err(failed)?;
    let now = (store.sources(), digest(&store).map_err(failed)?);
    if now != (before, clean) {
        return Err(format!("a reopen changed what is there to {now:?}"));
    }
    Ok(())
}

/// Below every position, and through every claim, every record is there.
fn rows_are_there(store: &Store) -> Result<(), String> {
    let failed = |e: asof::Error| e.to_string();
    let view = store.view("clicks").map_err(failed)?;
    let sources = store.sources();
    let status = sources.iter().flat_map(|source| &source.partitions);
    for partition in status {
        let place = PARTITIONS
            .iter()
            .position(|(name, _)| *name == partition.name);
        let place = place.ok_or_else(|| format!("{partition:?} was never written"))?;
        for offset in PARTITIONS[place].1.clone() {
            let entity = view.entity([id(place, offset)]).map_err(failed)?;
            let row = store.get(&view, &entity, Question::latest());
            let is_there = row.map_err(failed)?.verdict() == Verdict::Found;
            let is_claimed = offset < partition.position
                || partition
                    .complete_through
                    .is_some_and(|through| time(offset) <= through);
            if is_claimed && !is_there {
                return Err(format!("record {offset} is not there, and {partition:?}"));
            }
        }
    }
    Ok(())
}

/// The digest of an ingest that nobody disturbed.
fn clean() -> SetDigest {
    let ingest = || {
        let store = Store::temp()?;
        define(&store)?;
        resume(&store, WriteOptions::buffered())?;
        store.digest(&store.view("clicks")?)
    };
    ingest().expect("a clean ingest works")
}
