//! With the cargo feature `tracing`, a store says what it does; reads never do.

use asof::*;
use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event as Told, Metadata, Subscriber};

/// Every span and event of target `asof`, a line each. The whole process has one.
static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());
/// Tests take turns, so that what is told is told by them.
static TURN: Mutex<()> = Mutex::new(());

struct Collector;

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        match field.name() {
            "message" => self.0.push_str(&format!("{value:?}")),
            name => write!(self.0, " {name}={value:?}").unwrap(),
        }
    }
}

impl Subscriber for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "asof"
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut line = Line(format!("span {}", span.metadata().name()));
        span.record(&mut line);
        LINES.lock().unwrap().push(line.0);
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Told<'_>) {
        let mut line = Line(format!("{} ", event.metadata().level()));
        event.record(&mut line);
        LINES.lock().unwrap().push(line.0);
    }

    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

fn listen() -> MutexGuard<'static, ()> {
    let turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    // The second test finds the first one's.
    let _already = tracing::subscriber::set_global_default(Collector);
    take();
    turn
}

fn take() -> Vec<String> {
    std::mem::take(&mut LINES.lock().unwrap())
}

fn position(lines: &[String], part: &str) -> usize {
    let found = lines.iter().position(|line| line.contains(part));
    found.unwrap_or_else(|| panic!("{part:?} is not in {lines:#?}"))
}

fn weather() -> ViewDefinition {
    ViewDefinition::builder("weather")
        .key("origin", Type::String)
        .feature("temp", Type::F64)
        .history(Retention::Window(Span::hours(1)))
        .build()
        .unwrap()
}

#[test]
fn what_a_store_does_is_told_in_order_and_reads_are_silent() {
    let _turn = listen();
    let clock = Arc::new(ManualClock::at(Timestamp::from_secs(36_000)));
    let store = StoreOptions::new().clock(clock).temp().unwrap();
    store.apply(weather()).unwrap();
    let view = store.view("weather").unwrap();
    let newark = view.entity(["EWR"]).unwrap();
    let mut batch = WriteBatch::new();
    let ten = Timestamp::from_secs(36_000);
    batch
        .put(&view, &newark, ten)
        .set_value("temp", 39.02)
        .finish()
        .unwrap();
    let bad = JsonEvent::parse(b"not json").unwrap_err();
    batch.push_bad(bad, "not json", None);
    store
        .write(batch, WriteOptions::synced().quarantine())
        .unwrap();
    let lines = take();
    let order = [
        "span open path=\"",
        "INFO opened path=\"",
        "span apply namespace=\"default\" view=\"weather\"",
        "INFO applied namespace=\"default\" view=\"weather\" version=1",
        "span write rows=2",
        "WARN set aside rows=1 first=\"the event is not",
        "DEBUG wrote rows=2 applied=1 duplicate=0 too_late=0 fenced=0 quarantined=1",
        "span sync",
        "INFO floor moved namespace=\"default\" view=\"weather\" floor=32400000000",
    ];
    let places = order.map(|part| position(&lines, part));
    assert!(places.is_sorted(), "{places:?} of {lines:#?}");

    let mut batch = WriteBatch::new();
    let bad = JsonEvent::parse(b"nor this").unwrap_err();
    batch.push_bad(bad, "nor this", None);
    store.write(batch, WriteOptions::default()).unwrap_err();
    position(&take(), "WARN refused rows=1");

    for question in [Question::latest(), Question::as_of(ten).known_at(ten)] {
        store.get(&view, &newark, question).unwrap();
        store
            .get_many(&view, std::slice::from_ref(&newark), question)
            .unwrap();
        store.explain(&view, &newark, question).unwrap();
        assert_eq!(store.scan(&view, question).unwrap().count(), 1);
    }
    store.digest(&view).unwrap();
    store
        .snapshot()
        .get(&view, &newark, Question::latest())
        .unwrap();
    assert_eq!(take(), [""; 0]);
    store.close().unwrap();
    position(&take(), "INFO closed path=\"");
}

#[test]
fn a_resident_row_without_room_is_told_once() {
    let _turn = listen();
    let options = StoreOptions::new().resident(["weather"]);
    let store = options.resident_bytes(64 << 10).temp().unwrap();
    store.apply(weather()).unwrap();
    let view = store.view("weather").unwrap();
    for round in 0..2 {
        let mut batch = WriteBatch::new();
        for n in 0..2_000 {
            let entity = view.entity([n.to_string()]).unwrap();
            let row = batch.put(&view, &entity, Timestamp::from_secs(round));
            row.set_value("temp", 1.5).finish().unwrap();
        }
        store.write(batch, WriteOptions::buffered()).unwrap();
    }
    let lines = take();
    let told = lines.iter().filter(|line| line.contains("not resident"));
    let told: Vec<_> = told.collect();
    assert_eq!(told.len(), 1, "{lines:#?}");
    assert!(told[0].starts_with("WARN not resident rows="), "{told:?}");
}

/// A clock that is slow to answer, as a disk would be.
struct SlowClock;

impl Clock for SlowClock {
    fn now(&self) -> Timestamp {
        std::thread::sleep(Duration::from_millis(150));
        Timestamp::from_secs(36_000)
    }
}

#[test]
fn a_write_that_takes_long_is_told() {
    let _turn = listen();
    let store = StoreOptions::new().clock(SlowClock).temp().unwrap();
    take();
    store
        .write(WriteBatch::new(), WriteOptions::buffered())
        .unwrap();
    let lines = take();
    let slow = &lines[position(&lines, "WARN slow")];
    assert!(
        slow.contains("operation=\"write\"") && slow.contains("expected_ms=100"),
        "{slow}"
    );
}

/// A clock that panics where the store syncs.
struct PanickingClock;

impl Clock for PanickingClock {
    fn now(&self) -> Timestamp {
        let thread = std::thread::current();
        assert_ne!(
            thread.name(),
            Some("asof-sync"),
            "a clock that panics, on purpose"
        );
        Timestamp::from_secs(36_000)
    }
}

#[test]
fn the_reason_for_which_a_handle_takes_no_more_writes_is_told_once() {
    let _turn = listen();
    let store = StoreOptions::new().clock(PanickingClock).temp().unwrap();
    store.sync().unwrap_err();
    store.sync().unwrap_err();
    let lines = take();
    assert!(lines[position(&lines, "ERROR poisoned")].contains("panicked"));
    let told = lines.iter().filter(|line| line.contains("poisoned"));
    assert_eq!(told.count(), 1, "{lines:#?}");
}
