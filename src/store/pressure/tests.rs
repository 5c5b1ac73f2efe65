//! Two ways in which writes outrun the disk, both brought about at will: merges that are switched off
//! until there is no room left, and a RocksDB that stops every writer while we see no pressure yet.

use super::*;
use crate::catalog::View;
use crate::error::{Error, ErrorKind};
use crate::kv::Family;
use crate::query::Question;
use crate::read::Read;
use crate::schema::ViewDefinition;
use crate::store::StoreOptions;
use crate::time::Timestamp;
use crate::value::Type;
use crate::write::{Receipt, WriteBatch, WriteOptions};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::{Scope, ScopedJoinHandle};

/// Whoever has not come back by then is held up.
const LONG: Duration = Duration::from_secs(15);

fn store() -> (Store, View) {
    let store = StoreOptions::new().temp().unwrap();
    let view = ViewDefinition::builder("v")
        .key("id", Type::I64)
        .feature("n", Type::I64)
        .feature("pad", Type::String);
    store.apply(view.build().unwrap()).unwrap();
    let view = store.view("v").unwrap();
    (store, view)
}

fn second(n: i64) -> Timestamp {
    Timestamp::from_secs(n)
}

/// Row `n` of entity 1, of event time `n`.
fn row(view: &View, n: i64, pad: usize) -> WriteBatch {
    let mut batch = WriteBatch::new();
    let one = view.entity([1i64]).unwrap();
    let row = batch.put(view, &one, second(n)).set_value("n", n);
    row.set_value("pad", "x".repeat(pad)).finish().unwrap();
    batch
}

fn n_of(store: &Store, view: &View, question: Question) -> i64 {
    let one = view.entity([1i64]).unwrap();
    let row = store.get(view, &one, question).unwrap();
    let n = row.get(&view.feature::<i64>("n").unwrap()).unwrap();
    n.expect("the row is there")
}

fn file_at_level_0(store: &Store, view: &View, n: i64) {
    let receipt = store.write(row(view, n, 0), WriteOptions::buffered());
    assert_eq!(receipt.unwrap().applied, 1);
    store.kv().flush().unwrap();
}

fn is_backpressure(written: Result<Receipt>) -> Error {
    let error = written.unwrap_err();
    let kind = error.kind();
    assert!(
        matches!(kind, ErrorKind::Backpressure { retry_after } if !retry_after.is_zero()),
        "{error:?}"
    );
    error
}

/// Runs something beside, and tells when it is over.
fn beside<'s, T: Send + 's>(
    scope: &'s Scope<'s, '_>,
    run: impl FnOnce() -> T + Send + 's,
) -> (ScopedJoinHandle<'s, ()>, Receiver<T>) {
    let (done, told) = channel();
    // Nobody may be listening any more.
    let running = scope.spawn(move || drop(done.send(run())));
    (running, told)
}

#[test]
fn at_the_limit_writers_are_held_readers_are_not_and_then_the_gate_opens() {
    // Who is hurt: a service that reads while somebody loads, if reads wait with the load; and the
    // load, if nobody tells it that there is room again.
    let (store, view) = store();
    let merges = |off: &str| {
        let options = [("disable_auto_compactions", off)];
        store.kv().set_options(Family::History, &options);
    };
    merges("true");
    for n in 0..20 {
        file_at_level_0(&store, &view, n);
    }
    let pressure = store.pressure().unwrap();
    assert_eq!(pressure.nearness.to_bits(), 1f64.to_bits(), "{pressure}");
    assert_eq!(pressure.limit, PressureLimit::FilesAtLevel0);
    assert!(pressure.why.contains("history has 20 of 20 files"));

    let (large, small) = (|n| row(&view, n, 300 << 10), |n| row(&view, n, 0));
    let at_once = WriteOptions::buffered().non_blocking();
    is_backpressure(store.write(large(20), at_once));
    is_backpressure(store.write(small(20), at_once));
    std::thread::scope(|scope| {
        let (_reader, read) = beside(scope, || {
            let past = Question::as_of(second(7));
            let latest = n_of(&store, &view, Question::latest());
            (latest, n_of(&store, &view, past))
        });
        assert_eq!(read.recv_timeout(LONG), Ok((19, 7)), "a read is held up");
        let (_writer, written) = beside(scope, || {
            store.write(large(20), WriteOptions::buffered()).unwrap()
        });
        let early = written.recv_timeout(Duration::from_millis(100));
        assert_eq!(early.unwrap_err(), RecvTimeoutError::Timeout);
        merges("false");
        let receipt = written.recv_timeout(LONG).expect("there was room again");
        assert_eq!((receipt.applied, receipt.duplicate), (1, 0));
    });
    assert_eq!(store.write(small(21), at_once).unwrap().applied, 1);
    assert_eq!(n_of(&store, &view, Question::latest()), 21);
}

#[test]
fn a_batch_that_rocksdb_refuses_is_nowhere() {
    // Who is hurt: whoever reads a row that was refused, loses it with the memory it was in, and has a
    // log that is not read again because its position has moved.
    let (store, view) = store();
    file_at_level_0(&store, &view, 1);
    let stop_at = |files: &str| {
        let options = [("level0_stop_writes_trigger", files)];
        store.kv().set_options(Family::History, &options);
    };
    let batch = || {
        let mut batch = row(&view, 2, 0);
        batch.push_bad(Error::invalid("it is bad"), "nonsense", None);
        batch.from_log("log", "0", 0..5);
        batch
    };
    let at_once = WriteOptions::buffered().non_blocking().quarantine();
    stop_at("1");
    let calm = store.pressure().unwrap().nearness;
    assert!(calm < 0.75, "the gate lets it through");
    std::thread::scope(|scope| {
        let (_writer, written) = beside(scope, || store.write(batch(), at_once));
        let written = written.recv_timeout(LONG);
        stop_at("36");
        let error = is_backpressure(written.expect("it waits though it was told not to"));
        let text = error.to_string();
        assert!(text.contains("Nothing of the batch was written"), "{text}");
    });
    // The first read may find the row in memory; the second one does not look there.
    assert_eq!(n_of(&store, &view, Question::latest()), 1);
    assert_eq!(n_of(&store, &view, Question::as_of(second(9))), 1);
    store.sync().unwrap();
    assert_eq!(store.position("log", "0"), 0);
    assert_eq!(store.stats().unwrap().quarantine_rows, 0);
    assert!(store.verify(&mut |_| {}).unwrap().is_clean());

    let receipt = store.write(batch(), at_once).unwrap();
    let counts = (receipt.applied, receipt.duplicate, receipt.quarantined);
    assert_eq!(counts, (1, 0, 1));
    assert_eq!(n_of(&store, &view, Question::latest()), 2);
    store.sync().unwrap();
    assert_eq!(store.position("log", "0"), 5);
}
