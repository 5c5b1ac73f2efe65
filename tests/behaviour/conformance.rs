//! The law's traces, through every way to write the rows and every way to read the answers.
//!
//! A trace is played as it stands; again with everything compacted before each question; again with
//! the store closed and reopened before each question. And before each question all rows so far go
//! into two more stores: in reversed order, and each twice in batches of one.

use crate::trace::{
    Ask, Batch, Erase, Expected, Outcome, Step, Trace, every_trace, names_on_disk, value_text,
};
use asof::*;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

macro_rules! tests {
    ($($name:ident;)*) => {
        const TESTS: &[&str] = &[$(stringify!($name)),*];
        $(
            #[test]
            fn $name() {
                run(stringify!($name));
            }
        )*
    };
}

every_trace!(tests);

#[test]
fn every_trace_has_a_test_and_every_test_a_trace() {
    // Who is hurt: whoever believes that a clause is guarded by a file that nobody plays.
    let mut tests: Vec<String> = TESTS.iter().map(|name| (*name).to_string()).collect();
    tests.sort();
    assert_eq!(tests, names_on_disk(root()));
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn run(name: &str) {
    let trace = Trace::read(root(), name);
    for before_asking in [Before::Nothing, Before::Compact, Before::Reopen] {
        play(&trace, before_asking);
    }
}

/// What happens to the store between the writing and the asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    Nothing,
    Compact,
    Reopen,
}

fn play(trace: &Trace, before_asking: Before) {
    let mut world = World::new(trace);
    let mut said: Vec<Said<'_>> = Vec::new();
    let mut views: Vec<&str> = Vec::new();
    let mut asks: Vec<&Ask> = Vec::new();
    for (at, step) in trace.steps.iter().enumerate() {
        match step {
            Step::View(toml) => {
                world.define(toml);
                views.push(toml);
            }
            Step::Now(now) => world.clock.set(time(now)),
            Step::Batch(batch) => said.extend(world.write(batch)),
            Step::Floor(view, floor) => {
                let view = world.store().view(view).unwrap();
                assert_eq!(
                    world.store().floor(&view).unwrap(),
                    Some(time(floor)),
                    "{}",
                    world.name
                );
            }
            Step::Quarantine(rows) => {
                assert_eq!(
                    world.store().quarantine().count() as u64,
                    *rows,
                    "{}",
                    world.name
                );
            }
            Step::Ask(ask) => asks.push(ask),
            Step::Erase(erase) => world.erase(erase),
        }
        let is_last = !matches!(trace.steps.get(at + 1), Some(Step::Ask(_)));
        if is_last && !asks.is_empty() {
            match before_asking {
                Before::Nothing => replay(trace, &world, &views, &said, &asks),
                Before::Compact => world.store().compact().unwrap(),
                Before::Reopen => world.reopen(),
            }
            let how = format!("{}, {before_asking:?} before", world.name);
            asks.drain(..).for_each(|ask| check(&world, ask, &how));
        }
    }
    assert!(asks.is_empty());
    let report = world.store().verify(&mut |_| {}).unwrap();
    assert!(report.is_clean(), "{}: {report:?}", world.name);
}

/// A row that was not refused, and what it was judged against.
#[derive(Debug, Clone, Copy)]
struct Said<'t> {
    row: &'t str,
    appended_at: Timestamp,
}

/// Says the same to two other stores, in other words; they must answer the same.
fn replay(trace: &Trace, world: &World, views: &[&str], said: &[Said<'_>], asks: &[&Ask]) {
    let reversed: Vec<Vec<Said<'_>>> = vec![said.iter().rev().copied().collect()];
    let twice = said.iter().chain(said).map(|said| vec![*said]).collect();
    let one_by_one_reversed = said.iter().rev().map(|said| vec![*said]).collect();
    let ways = [
        ("reversed", reversed),
        ("twice", twice),
        ("reversed, one by one", one_by_one_reversed),
    ];
    for (way, batches) in ways {
        let mut other = World::new(trace);
        other.clock.set(world.clock.now());
        views.iter().for_each(|toml| other.define(toml));
        other.fence_as(world);
        for batch in batches {
            other.repeat(&batch);
        }
        let how = format!("{} {way}", trace.name);
        asks.iter().for_each(|ask| check(&other, ask, &how));
        for view in world.store().views() {
            let there = other
                .store()
                .view_in(view.namespace(), view.name())
                .unwrap();
            let digests = (
                world.store().digest(&view).unwrap(),
                other.store().digest(&there).unwrap(),
            );
            assert_eq!(
                digests.0, digests.1,
                "{how}: the retained sets of {view:?} differ"
            );
        }
        let report = other.store().verify(&mut |_| {}).unwrap();
        assert!(report.is_clean(), "{how}: {report:?}");
    }
}

struct World {
    name: String,
    clock: Arc<ManualClock>,
    options: StoreOptions,
    store: Option<Store>,
    directory: TempDir,
}

impl World {
    fn new(trace: &Trace) -> World {
        let clock = Arc::new(ManualClock::default());
        let mut options = StoreOptions::new()
            .create_if_missing(true)
            .clock(clock.clone())
            .block_cache_bytes(1 << 20)
            .memtable_bytes(1 << 20);
        if let Some(rows) = trace.quarantine_rows_max {
            options = options.quarantine_rows_max(rows);
        }
        let directory = TempDir::new().unwrap();
        let store = Some(
            options
                .clone()
                .open(directory.path().join("store"))
                .unwrap(),
        );
        World {
            name: trace.name.clone(),
            clock,
            options,
            store,
            directory,
        }
    }

    fn store(&self) -> &Store {
        self.store.as_ref().expect("it is open between two steps")
    }

    fn reopen(&mut self) {
        self.store.take().unwrap().close().unwrap();
        let path = self.directory.path().join("store");
        self.store = Some(
            self.options
                .clone()
                .create_if_missing(false)
                .open(path)
                .unwrap(),
        );
    }

    /// Applies a view file, and writes a row of an entity that no trace speaks about.
    fn define(&mut self, toml: &str) {
        let definition = ViewDefinition::from_toml(toml).unwrap();
        let (namespace, name) = (
            definition.namespace().to_string(),
            definition.name().to_string(),
        );
        self.store().apply(definition).unwrap();
        let view = self.store().view_in(&namespace, &name).unwrap();
        let mut batch = WriteBatch::new();
        let longest_ago = Timestamp::from_secs(0);
        batch
            .put(&view, &stranger(&view, "neighbour"), longest_ago)
            .finish()
            .unwrap();
        self.store().write(batch, WriteOptions::buffered()).unwrap();
    }

    fn batch(&self, rows: &[&str], origin: Option<&(String, String, u64)>) -> WriteBatch {
        let mut batch = WriteBatch::new();
        for (row, number) in rows.iter().zip(0..) {
            let origin = origin.map(|(source, partition, offset)| Origin {
                source: source.clone(),
                partition: partition.clone(),
                offset: offset + number,
            });
            let event = JsonEvent::parse(row.as_bytes()).and_then(|event| {
                let namespace = event.namespace().unwrap_or(DEFAULT_NAMESPACE);
                event.resolve(self.store().view_in(namespace, event.view()?)?.contract())
            });
            match event {
                Ok(event) => batch.push(event, *row, origin),
                Err(error) => batch.push_bad(error, *row, origin),
            }
        }
        batch
    }

    /// Writes a batch and checks what becomes of it. Gives the rows that were not refused.
    fn write<'t>(&mut self, batch: &'t Batch) -> Vec<Said<'t>> {
        let rows: Vec<&str> = batch.rows.iter().map(String::as_str).collect();
        let appended_at = batch.appended_at.as_deref().map(time);
        let options = WriteOptions {
            on_bad_row: if batch.sets_aside {
                OnBadRow::Quarantine
            } else {
                OnBadRow::Refuse
            },
            log_append_time: appended_at,
            ..WriteOptions::default()
        };
        let written = self
            .store()
            .write(self.batch(&rows, batch.origin.as_ref()), options);
        match (&batch.outcome, written) {
            (Outcome::Receipt(counts), Ok(receipt)) => {
                check_receipt(counts, &receipt, &format!("{}: {rows:?}", self.name));
                let appended_at = appended_at.unwrap_or(self.clock.now());
                rows.into_iter()
                    .map(|row| Said { row, appended_at })
                    .collect()
            }
            (Outcome::Refused(why, says), Err(error)) => {
                let kind = match why.as_str() {
                    "rejected" => ErrorKind::Rejected,
                    "quarantine_full" => ErrorKind::QuarantineFull,
                    other => panic!("{}: nothing is refused as {other:?}", self.name),
                };
                assert_eq!(error.kind(), kind, "{}: {rows:?}: {error}", self.name);
                for word in says {
                    let text = error.to_string();
                    assert!(
                        text.contains(word),
                        "{}: {word:?} is not in {text:?}",
                        self.name
                    );
                }
                Vec::new()
            }
            (outcome, written) => {
                panic!(
                    "{}: {rows:?} should become {outcome:?}, and became {written:?}",
                    self.name
                )
            }
        }
    }

    fn erase(&self, erase: &Erase) {
        let namespace = erase.namespace.as_deref().unwrap_or(DEFAULT_NAMESPACE);
        let view = self.store().view_in(namespace, &erase.view).unwrap();
        let columns = view.contract().read_entity_json(&erase.entity).unwrap();
        let entity = view.entity(columns).unwrap();
        let options = EraseOptions {
            recorded_at: erase.recorded_at.as_deref().map(time),
            reclaim: false,
        };
        let would = self.store().check_erase(&view, &entity, options).unwrap();
        let erased = self.store().erase(&view, &entity, options).unwrap();
        assert_eq!(would, erased, "{}: {erase:?}", self.name);
        for (expected, found) in [
            (erase.versions, erased.versions),
            (erase.quarantined, erased.quarantined),
        ] {
            let expected = expected.unwrap_or(found);
            assert_eq!(expected, found, "{}: {erase:?}: {erased:?}", self.name);
        }
    }

    /// Puts up the fences of another store, as a dump of it would.
    fn fence_as(&self, other: &World) {
        for view in other.store().views() {
            let fences = other.store().fences(&view).unwrap().into_iter();
            let fences: Vec<_> = fences.map(|(e, r, x)| (e.to_values(), r, x)).collect();
            let here = self.store().view_in(view.namespace(), view.name()).unwrap();
            self.store().restore_bounds(&here, None, &fences).unwrap();
        }
    }

    /// Writes rows that were written elsewhere already.
    fn repeat(&mut self, rows: &[Said<'_>]) {
        // Rows of one batch have one log-append time.
        for group in rows.chunk_by(|a, b| a.appended_at == b.appended_at) {
            let options = WriteOptions::synced()
                .quarantine()
                .appended_at(group[0].appended_at);
            let rows: Vec<&str> = group.iter().map(|said| said.row).collect();
            self.store()
                .write(self.batch(&rows, None), options)
                .unwrap();
        }
    }
}

fn check_receipt(expected: &[(String, u64)], receipt: &Receipt, place: &str) {
    let Receipt {
        rows,
        applied,
        duplicate,
        too_late,
        fenced,
        quarantined,
        ..
    } = *receipt;
    assert_eq!(
        rows,
        applied + duplicate + too_late + fenced + quarantined,
        "{place}: {receipt}"
    );
    let counts = [
        ("rows", rows),
        ("applied", applied),
        ("duplicate", duplicate),
        ("too_late", too_late),
        ("fenced", fenced),
        ("quarantined", quarantined),
        ("latest", receipt.latest),
        ("late", receipt.late),
        ("conflict", receipt.conflict),
    ];
    for (name, count) in &counts[6..] {
        assert!(
            *count <= applied,
            "{place}: {name} is no part of applied in {receipt}"
        );
    }
    for (name, count) in expected {
        let found = counts
            .iter()
            .find(|(known, _)| known == name)
            .expect("a receipt has such a count");
        assert_eq!(found.1, *count, "{place}: {name} of {receipt}");
    }
}

/// Asks in every way there is. Each must give the same.
fn check(world: &World, ask: &Ask, how: &str) {
    let store = world.store();
    let view = store
        .view_in(
            ask.namespace.as_deref().unwrap_or(DEFAULT_NAMESPACE),
            &ask.view,
        )
        .unwrap();
    let entity = view
        .entity(view.contract().read_entity_json(&ask.entity).unwrap())
        .unwrap();
    let as_of = ask.as_of.as_deref().map(time);
    let mut question = as_of.map_or(Question::latest(), Question::as_of);
    if let Some(k) = &ask.known_at {
        question = question.known_at(time(k));
    }
    let asked = Asked {
        view: &view,
        entity: &entity,
        question,
        as_of,
        expect: ask.expect.as_ref(),
    };
    asked.ask(store, &format!("{how}: {ask:?} of the store"));
    asked.ask(&store.snapshot(), &format!("{how}: {ask:?} of a snapshot"));
}

struct Asked<'a> {
    view: &'a View,
    entity: &'a Entity,
    question: Question,
    as_of: Option<Timestamp>,
    expect: Option<&'a Expected>,
}

impl Asked<'_> {
    fn ask<R: Read>(&self, reader: &R, how: &str) {
        let Asked {
            view,
            entity,
            question,
            ..
        } = *self;
        let (neighbour, missing) = (stranger(view, "neighbour"), stranger(view, "missing"));
        self.judge(
            reader,
            reader.get(view, entity, question).as_ref(),
            &format!("{how} by get"),
        );
        let mut row = Row::new();
        for dirt in [&neighbour, entity, &missing] {
            reader
                .get_into(view, dirt, Question::latest(), &mut row)
                .unwrap();
            let verdict = reader.get_into(view, entity, question, &mut row);
            let given = verdict.map(|verdict| {
                assert_eq!(verdict, row.verdict(), "{how}");
                &row
            });
            self.judge(
                reader,
                given.as_ref().copied(),
                &format!("{how} by get_into"),
            );
        }
        for order in [
            [&neighbour, entity, &missing],
            [&missing, entity, &neighbour],
        ] {
            let rows = reader.get_many(view, &order.map(Entity::clone), question);
            self.judge(
                reader,
                rows.as_ref().map(|rows| &rows[1]),
                &format!("{how} by get_many"),
            );
            if let Ok(rows) = rows {
                assert_eq!(rows.len(), 3, "{how}");
                let of_missing = &rows[if *order[0] == missing { 0 } else { 2 }];
                assert_eq!(of_missing.verdict(), Verdict::Never, "{how}");
            }
        }
        let set = FeatureSet::new([view.clone(), view.clone()]);
        let rows = reader.get_set(&set, &[neighbour, entity.clone()], question);
        self.judge(
            reader,
            rows.as_ref().map(|row| &row.rows()[1]),
            &format!("{how} by get_set"),
        );
        self.scan(reader, &format!("{how} by scan"));
    }

    fn scan<R: Read>(&self, reader: &R, how: &str) {
        let scan = match reader.scan(self.view, self.question) {
            Ok(scan) => scan,
            Err(error) => return self.judge(reader, Err(&error), how),
        };
        let rows: Vec<(Entity, Row)> = scan.map(Result::unwrap).collect();
        let found: Vec<&Row> = rows
            .iter()
            .filter(|(entity, _)| entity == self.entity)
            .map(|(_, row)| row)
            .collect();
        let expect = self
            .expect
            .unwrap_or_else(|| panic!("{how}: {} rows, not refused", rows.len()));
        if expect.verdict == "never" {
            assert!(
                found.is_empty(),
                "{how}: an entity that never was is in the scan"
            );
        } else {
            assert_eq!(found.len(), 1, "{how}");
            self.judge(reader, Ok(found[0]), how);
        }
    }

    fn judge<R: Read>(&self, reader: &R, given: Result<&Row, &Error>, how: &str) {
        match (self.expect, given) {
            (Some(expect), Ok(row)) => {
                assert_eq!(*expect, in_words(row, expect), "{how}");
                assert_eq!(row.as_of(), self.as_of.unwrap_or(reader.now()), "{how}");
            }
            (None, Err(error)) => {
                let floor = reader
                    .floor(self.view)
                    .unwrap()
                    .expect("a view without a floor refuses nothing");
                let kind = ErrorKind::BeyondHistory {
                    floor: floor.micros(),
                };
                assert_eq!(error.kind(), kind, "{how}: {error}");
            }
            (expect, given) => panic!("{how}: expected {expect:?}, found {given:?}"),
        }
    }
}

/// What a row says of the features that are expected.
fn in_words(row: &Row, expect: &Expected) -> Expected {
    let mut words = Expected {
        verdict: row.verdict().name().into(),
        features: std::collections::BTreeMap::new(),
    };
    for name in expect.features.keys() {
        let answer = row.by_name(name).unwrap();
        let value = answer.value.map(|value| {
            let mut text = String::new();
            value.write_json(&mut text, TimeText::Rfc3339);
            value_text(&text)
        });
        let event_time = answer.event_time.map(|t| t.to_string());
        words.features.insert(
            name.clone(),
            (answer.status.name().into(), value, event_time),
        );
    }
    words
}

/// An entity that no trace names.
fn stranger(view: &View, name: &str) -> Entity {
    let values = view.contract().key().iter().map(|column| match column.ty {
        Type::String => Value::from(name),
        Type::Bytes => Value::Bytes(name.as_bytes().to_vec()),
        Type::Bool => Value::Bool(true),
        Type::I32 => Value::I32(-(name.len() as i32)),
        Type::I64 => Value::I64(-(name.len() as i64)),
        Type::Timestamp => Value::Timestamp(Timestamp::from_secs(name.len() as i64)),
        other => panic!("{other} is no type of a key"),
    });
    view.entity(values).unwrap()
}

fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}
