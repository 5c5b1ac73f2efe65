//! A log that delivers at least once, out of order, is taken in; then again from an older offset, as
//! after a crash, in other batches and in another order. The store is the same store.
//!
//! `cargo run --release --example replay_a_log`

use asof::{
    ErrorKind, Event, JsonEvent, Origin, Read, Receipt, Result, Store, Type, ViewDefinition,
    WriteBatch, WriteOptions,
};

const RECORDS: usize = 2_000;

fn store() -> Result<Store> {
    let store = Store::temp()?;
    store.apply(
        ViewDefinition::builder("sensor")
            .key("id", Type::I64)
            .feature("level", Type::I64)
            .build()?,
    )?;
    Ok(store)
}

/// The log, as it would come from a topic: 50 sensors; every seventh record is late by an hour, every
/// eleventh a repetition of the one before, and one cannot be read.
fn log() -> Vec<String> {
    let mut records: Vec<String> = Vec::with_capacity(RECORDS);
    for offset in 0..RECORDS {
        let record = match offset {
            1_234 => r#"{"view":"sensor","entity":{"id":1},"event_time":"yesterday"}"#.into(),
            _ if offset % 11 == 10 => records[offset - 1].clone(),
            _ => {
                let late = if offset % 7 == 0 { 3_600 } else { 0 };
                let time = (1_700_000_000 + offset as i64 * 10 - late) * 1_000_000;
                format!(
                    r#"{{"view":"sensor","entity":{{"id":{}}},"event_time":{time},"features":{{"level":{offset}}}}}"#,
                    offset % 50
                )
            }
        };
        records.push(record);
    }
    records
}

/// Reads one record by the contract of the view that it names. Any other contract would refuse it.
fn read(store: &Store, line: &[u8]) -> Result<Event> {
    let event = JsonEvent::parse(line)?;
    let namespace = event.namespace().unwrap_or("default");
    let view = store.view_in(namespace, event.view()?)?;
    event.resolve(view.contract())
}

/// Takes records in, in batches of this size. The store is told which they are, so that it knows where to go
/// on; the quarantine is too, so that a bad record is one entry however often it comes.
fn take_in(store: &Store, log: &[String], of: &[usize], size: usize) -> Result<Receipt> {
    let mut total = Receipt::default();
    for offsets in of.chunks(size) {
        let mut batch = WriteBatch::new();
        for &offset in offsets {
            let line = log[offset].as_bytes();
            let origin = Some(Origin {
                source: "sensors".into(),
                partition: "0".into(),
                offset: offset as u64,
            });
            match read(store, line) {
                Ok(event) => batch.push(event, line, origin),
                Err(error) => batch.push_bad(error, line, origin),
            }
            batch.from_log("sensors", "0", offset as u64..offset as u64 + 1);
        }
        total += store.write(batch, WriteOptions::buffered().quarantine())?;
    }
    store.sync()?; // what was taken in survives a power cut, and the position moves past it
    Ok(total)
}

fn main() -> Result<()> {
    let log = log();
    let (store, reference) = (store()?, store()?);
    let (view, other) = (store.view("sensor")?, reference.view("sensor")?);
    let all: Vec<usize> = (0..RECORDS).collect();

    // Once, in order, by two processes: the first died at 1,300, and the store says where to go on.
    println!("first:  {}", take_in(&store, &log, &all[..1_300], 100)?);
    let next = store.position("sensors", "0") as usize;
    assert_eq!(next, 1_300);
    println!("second: {}", take_in(&store, &log, &all[next..], 100)?);
    assert_eq!(store.position("sensors", "0"), RECORDS as u64);

    // The log gives everything from 700 on once more.
    let digest = store.digest(&view)?;
    println!("replay: {}", take_in(&store, &log, &all[700..], 333)?);
    assert_eq!(store.digest(&view)?, digest);
    assert_eq!(
        store.quarantine().count(),
        1,
        "a bad record is one entry however often it comes"
    );

    // And a store that saw everything backwards, in batches of 17, and every third record once more.
    let mut shuffled: Vec<usize> = all.iter().rev().copied().collect();
    shuffled.extend((0..RECORDS).step_by(3));
    println!("other:  {}", take_in(&reference, &log, &shuffled, 17)?);
    assert_eq!(reference.digest(&other)?, digest);
    println!("one digest: {digest}");

    // By default the same bad record refuses its batch: the caller chooses.
    let mut batch = WriteBatch::new();
    let error = JsonEvent::parse(log[1_234].as_bytes()).unwrap_err();
    batch.push_bad(error, log[1_234].as_bytes(), None);
    let refused = store.write(batch, WriteOptions::default()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Rejected);
    println!("{refused}");
    Ok(())
}
