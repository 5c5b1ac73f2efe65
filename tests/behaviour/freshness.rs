//! Positions and freshness: how far a log has been taken in, and what may be said of it.

use crate::weather::{RowOf, World, at, put, weather};
use asof::*;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const LOG: &str = "weather-log";

fn fed() -> World {
    World::with(weather().source(LOG))
}

/// A batch that is a stretch of the log, with a row for each hour of a range.
fn batch(world: &World, offsets: Range<u64>) -> WriteBatch {
    let mut batch = WriteBatch::new();
    for offset in offsets.clone() {
        let hour = (offset % 12) as i64;
        put("EWR", at(hour), offset as f64).add(&mut batch, &world.view());
    }
    batch.from_log(LOG, "0", offsets);
    batch
}

fn take(world: &World, offsets: Range<u64>) {
    let batch = batch(world, offsets);
    world.store.write(batch, WriteOptions::synced()).unwrap();
}

/// Takes in an empty stretch that carries a claim.
fn claim(world: &World, partition: &str, offset: u64, through: Timestamp) {
    let mut batch = WriteBatch::new();
    let stretch = batch.from_log(LOG, partition, offset..offset);
    stretch.complete_through(through);
    world.store.write(batch, WriteOptions::synced()).unwrap();
}

fn position(world: &World) -> u64 {
    world.store.position(LOG, "0")
}

fn through(world: &World) -> Option<Timestamp> {
    world.store.complete_through(&world.view()).unwrap()
}

/// What a line that is no event says.
fn unreadable() -> Error {
    Timestamp::parse("yesterday").unwrap_err()
}

fn micro() -> Span {
    Span::micros(1)
}

#[test]
fn a_position_is_where_to_go_on_reading() {
    // Who is hurt: a consumer that begins again after a crash, too far ahead or for ever from zero.
    let world = fed();
    assert_eq!(position(&world), 0);
    take(&world, 0..3);
    assert_eq!(position(&world), 3);
    take(&world, 3..7);
    assert_eq!(position(&world), 7);
    assert_eq!(world.store.position(LOG, "1"), 0);
    assert_eq!(world.store.position("other", "0"), 0);
}

#[test]
fn a_gap_holds_the_position_until_it_is_closed() {
    // Who is hurt: a consumer with several workers, one of which is slow and then dies.
    let world = fed();
    take(&world, 3..6);
    take(&world, 9..12);
    assert_eq!(position(&world), 0);
    take(&world, 0..3);
    assert_eq!(position(&world), 6);
    take(&world, 6..9);
    assert_eq!(position(&world), 12);
}

#[test]
fn stretches_may_overlap_and_repeat() {
    // Who is hurt: a consumer whose batches are cut differently after a restart.
    let world = fed();
    take(&world, 0..5);
    take(&world, 3..8);
    take(&world, 0..2);
    assert_eq!(position(&world), 8);
    take(&world, 10..14);
    take(&world, 12..16);
    take(&world, 7..11);
    assert_eq!(position(&world), 16);
}

#[test]
fn a_batch_of_duplicates_moves_its_position() {
    // Who is hurt: a replay that would stand still for ever on rows that are there.
    let world = fed();
    let mut rows = WriteBatch::new();
    put("EWR", at(0), 0.0).add(&mut rows, &world.view());
    world.store.write(rows, WriteOptions::synced()).unwrap();
    let receipt = world
        .store
        .write(batch(&world, 0..1), WriteOptions::synced())
        .unwrap();
    assert_eq!((receipt.rows, receipt.duplicate), (1, 1));
    assert_eq!(position(&world), 1);
}

#[test]
fn a_position_moves_whatever_becomes_of_the_rows() {
    // Who is hurt: a consumer that reads the same records for ever, because none of them is news.
    let hour = Span::micros(3_600_000_000);
    let world = World::with(weather().source(LOG).history(Retention::Window(hour)));
    let (store, view) = (&world.store, world.view());
    let mut next = 0;
    let mut took = |rows: &[RowOf<'_>], bad: usize, options: WriteOptions| {
        let mut batch = WriteBatch::new();
        rows.iter().for_each(|row| row.add(&mut batch, &view));
        for n in 0..bad {
            let (open, close) = ("{\"view\":\"weather\",\"entity\":{\"origin\":", "}");
            let line = format!(
                "{open}\"EWR\"{close},\"event_time\":{n},\"features\":{{\"rain\":1{close}{close}"
            );
            batch.push_bad(unreadable(), line, None);
        }
        batch.from_log(LOG, "0", next..next + 1);
        next += 1;
        let receipt = store.write(batch, options).unwrap();
        assert_eq!(position(&world), next);
        receipt
    };
    let synced = WriteOptions::synced;
    assert_eq!(took(&[put("EWR", at(11), 1.0)], 0, synced()).applied, 1);
    assert_eq!(took(&[put("EWR", at(11), 1.0)], 0, synced()).duplicate, 1);
    took(&[put("EWR", at(10), 1.0)], 0, synced());
    assert_eq!(took(&[put("EWR", at(9), 1.0)], 0, synced()).too_late, 1);
    assert_eq!(took(&[], 2, synced().quarantine()).quarantined, 2);
    let erased = store.erase(&view, &world.entity("EWR"), EraseOptions::new());
    assert_eq!(erased.unwrap().quarantined, 2);
    // Behind a fence a bad row is no reason to refuse a batch.
    assert_eq!(took(&[put("EWR", at(11), 1.0)], 2, synced()).fenced, 3);
    assert_eq!(took(&[], 0, synced()).rows, 0);
}

#[test]
fn a_refused_batch_moves_nothing() {
    // Who is hurt: everybody who reads rows that were refused and never tried again.
    let world = fed();
    let mut bad = batch(&world, 0..3);
    bad.from_log("other", "0", 0..9).complete_through(at(5));
    bad.push_bad(unreadable(), "{", None);
    let error = world.store.write(bad, WriteOptions::synced()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected);
    world.store.sync().unwrap();
    assert_eq!(position(&world), 0);
    assert_eq!(world.store.sources(), []);
    // Set aside, the bad row is taken in: it is kept.
    let mut aside = batch(&world, 0..3);
    aside.push_bad(unreadable(), "{", None);
    let options = WriteOptions::synced().quarantine();
    assert_eq!(world.store.write(aside, options).unwrap().quarantined, 1);
    assert_eq!(position(&world), 3);
}

#[test]
fn a_batch_that_names_no_possible_stretch_is_refused() {
    let world = fed();
    for (source, partition, offsets, why) in [
        ("", "0", 0..1, "source \"\""),
        (LOG, "a/b", 0..1, "partition \"a/b\""),
        (
            LOG,
            "0",
            Range { start: 2, end: 1 },
            "begins before it ends",
        ),
    ] {
        let mut batch = batch(&world, 0..1);
        batch.from_log(source, partition, offsets);
        let error = world
            .store
            .write(batch, WriteOptions::synced())
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(error.to_string().contains(why), "{error}");
    }
    assert_eq!(world.temp("EWR"), None, "nothing was written");
    assert_eq!(world.store.sources(), []);
}

#[test]
fn a_buffered_batch_moves_its_position_with_the_next_sync() {
    // Who is hurt: a consumer that commits its offset to a broker and then loses power.
    let world = fed();
    let buffered = |offsets: Range<u64>| {
        let batch = batch(&world, offsets);
        world.store.write(batch, WriteOptions::buffered()).unwrap();
    };
    buffered(0..3);
    assert_eq!(position(&world), 0, "nothing is durable yet");
    world.store.sync().unwrap();
    assert_eq!(position(&world), 3);
    buffered(3..5);
    // Another caller's sync is as good.
    let mut other = WriteBatch::new();
    put("JFK", at(1), 1.0).add(&mut other, &world.view());
    world.store.write(other, WriteOptions::synced()).unwrap();
    assert_eq!(position(&world), 5);
    buffered(5..6);
    let world = world.reopen();
    assert_eq!(position(&world), 6, "closing syncs");
}

#[test]
fn a_reopen_keeps_positions_and_claims_and_forgets_what_was_ahead() {
    let world = World::with(weather().source(LOG));
    take(&world, 0..4);
    claim(&world, "0", 4, at(3));
    take(&world, 6..9);
    world.store.declare_source(LOG, ["0"]).unwrap();
    let before = world.store.sources();
    let world = world.reopen();
    assert_eq!(world.store.sources(), before);
    assert_eq!((position(&world), through(&world)), (4, Some(at(3))));
    take(&world, 4..6);
    assert_eq!(
        position(&world),
        6,
        "the stretch above the gap is read again"
    );
    let world = world.reopen();
    assert_eq!(position(&world), 6);
}

#[test]
fn a_rewind_reads_again_and_loses_no_row() {
    // Who is hurt: whoever repairs a producer and wants its log to be read again.
    let mut world = fed();
    take(&world, 0..6);
    claim(&world, "0", 6, at(6));
    take(&world, 8..9);
    let digest = world.store.digest(&world.view()).unwrap();
    for _ in 0..2 {
        world.store.rewind(LOG, "0", 2).unwrap();
        assert_eq!(position(&world), 2);
        assert_eq!(through(&world), None, "what it said came with record 5");
        world = world.reopen();
        assert_eq!(position(&world), 2, "and durably");
        assert_eq!(world.store.digest(&world.view()).unwrap(), digest);
        take(&world, 2..6);
        assert_eq!(
            position(&world),
            6,
            "what waited above the gap is forgotten"
        );
        claim(&world, "0", 6, at(7));
        assert_eq!(through(&world), Some(at(7)));
    }
    for (offset, source, kind) in [
        (7, LOG, ErrorKind::InvalidArgument),
        (0, "weather-lag", ErrorKind::NotFound),
    ] {
        let error = world.store.rewind(source, "0", offset).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
    }
    world.store.rewind(LOG, "0", 6).unwrap();
    assert_eq!((position(&world), through(&world)), (6, Some(at(7))));
}

#[test]
fn a_rewind_counts_from_what_is_written_and_not_from_what_is_durable() {
    let world = fed();
    let batch = batch(&world, 0..6);
    world.store.write(batch, WriteOptions::buffered()).unwrap();
    world.store.rewind(LOG, "0", 4).unwrap();
    world.store.sync().unwrap();
    assert_eq!(position(&world), 4, "no sync undoes a rewind");
}

#[test]
fn a_skip_goes_over_a_gap_and_on_through_what_is_there() {
    // Who is hurt: a log that lost its beginning, and would be waited for until the end of days.
    let world = fed();
    take(&world, 100..110);
    claim(&world, "0", 110, at(3));
    assert_eq!((position(&world), through(&world)), (0, None));
    world.store.skip(LOG, "0", 100).unwrap();
    assert_eq!((position(&world), through(&world)), (110, Some(at(3))));
    let world = world.reopen();
    assert_eq!((position(&world), through(&world)), (110, Some(at(3))));
    let error = world.store.skip(LOG, "0", 109).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
    world.store.skip("later", "7", 1_000).unwrap();
    assert_eq!(world.store.position("later", "7"), 1_000);
}

#[test]
fn too_many_gaps_refuse_a_batch_and_name_the_first() {
    // Who is hurt: the memory of a process whose consumer left one record out.
    let world = fed();
    let mut ahead = WriteBatch::new();
    for n in 1..=4_096u64 {
        ahead.from_log(LOG, "0", n * 2..n * 2 + 1);
    }
    world.store.write(ahead, WriteOptions::buffered()).unwrap();
    let over = batch(&world, 10_000..10_001);
    let error = world
        .store
        .write(over, WriteOptions::buffered())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected);
    assert!(error.to_string().contains("offset 0"), "{error}");
    assert_eq!(world.temp("EWR"), None, "nothing was written");
    take(&world, 0..2);
    assert_eq!(position(&world), 3, "what closes the gap is welcome");
}

#[test]
fn one_batch_leaves_no_more_gaps_than_many_do() {
    // Who is hurt: the same process, when its consumer writes all it has at once.
    let world = fed();
    let gaps = |n: u64| {
        let mut ahead = WriteBatch::new();
        for n in 1..=n {
            ahead.from_log(LOG, "0", n * 2..n * 2 + 1);
        }
        world.store.write(ahead, WriteOptions::buffered())
    };
    let error = gaps(4_097).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected);
    assert!(error.to_string().contains("offset 0"), "{error}");
    gaps(4_096).unwrap();
    // The same again needs no room, and what closes gaps makes some for what comes after it.
    gaps(4_096).unwrap();
    let mut closing = WriteBatch::new();
    closing.from_log(LOG, "0", 0..5_000);
    closing.from_log(LOG, "0", 10_000..10_001);
    world.store.write(closing, WriteOptions::synced()).unwrap();
    assert_eq!(position(&world), 5_001, "and on through what is there");
}

#[test]
fn many_writers_of_one_partition_leave_no_hole() {
    // Who is hurt: the record that two threads each took for the other's.
    let world = fed();
    let next = std::sync::atomic::AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let start = next.fetch_add(3, Ordering::SeqCst);
                    if start >= 120 {
                        break;
                    }
                    take(&world, start..start + 3);
                    let seen = position(&world);
                    assert!(seen <= next.load(Ordering::SeqCst), "{seen}");
                }
            });
        }
    });
    assert_eq!(position(&world), 120);
}

#[test]
fn a_view_is_as_fresh_as_its_least_complete_partition() {
    // Who is hurt: a model that is served from the half of the partitions that still arrives.
    let world = World::with(weather().source(LOG).source("other"));
    world.store.declare_source(LOG, ["0", "1"]).unwrap();
    claim(&world, "0", 0, at(9));
    assert_eq!(through(&world), None, "partition 1 has never reported");
    claim(&world, "1", 0, at(7));
    assert_eq!(through(&world), None, "the other source has never reported");
    let mut batch = WriteBatch::new();
    batch.from_log("other", "0", 0..0).complete_through(at(8));
    world.store.write(batch, WriteOptions::synced()).unwrap();
    assert_eq!(through(&world), Some(at(7)));
    // By first use: a third partition is waited for from its first row on.
    claim(&world, "2", 0, at(1));
    assert_eq!(through(&world), Some(at(1)));
    world.store.declare_source(LOG, ["0", "1"]).unwrap();
    assert_eq!(through(&world), Some(at(7)), "retired");
    claim(&world, "2", 0, at(2));
    let world = world.reopen();
    assert_eq!(through(&world), Some(at(7)), "and stays so");
}

#[test]
fn a_claim_takes_effect_with_the_position_it_came_with() {
    // Who is hurt: a reader that is told that nothing happened, while the rows are in another batch.
    let world = fed();
    let mut second = batch(&world, 3..6);
    second.from_log(LOG, "0", 3..6).complete_through(at(5));
    world.store.write(second, WriteOptions::synced()).unwrap();
    assert_eq!(through(&world), None);
    take(&world, 0..3);
    assert_eq!(through(&world), Some(at(5)));
}

/// Every way to ask one question of a view.
fn ask(reader: &impl Read, view: &View, question: Question) -> Vec<Result<()>> {
    let entity = view.entity(["EWR"]).unwrap();
    let set = FeatureSet::new([view.clone()]);
    let entities = std::slice::from_ref(&entity);
    vec![
        reader.get(view, &entity, question).map(drop),
        reader.get_many(view, entities, question).map(drop),
        reader.get_set(&set, entities, question).map(drop),
        reader.scan(view, question).map(drop),
        reader.explain(view, &entity, question).map(drop),
    ]
}

#[track_caller]
fn refused(reader: &impl Read, view: &View, question: Question, through: Option<Timestamp>) {
    for answer in ask(reader, view, question) {
        let complete_through = through.map(Timestamp::micros);
        assert_eq!(
            answer.unwrap_err().kind(),
            ErrorKind::NotFresh { complete_through }
        );
    }
}

#[track_caller]
fn answered(reader: &impl Read, view: &View, question: Question) {
    ask(reader, view, question)
        .into_iter()
        .for_each(|answer| answer.unwrap());
}

#[test]
fn a_lag_of_exactly_what_is_allowed_is_fresh_and_a_microsecond_more_is_not() {
    // Who is hurt: a decision that is taken on rows older than was agreed.
    let world = fed();
    let view = world.view();
    let hour = Span::hours(1);
    refused(
        &world.store,
        &view,
        Question::latest().require_fresh(hour),
        None,
    );
    answered(&world.store, &view, Question::latest());
    // It is noon.
    claim(&world, "0", 0, at(11).saturating_sub(micro()));
    let through = Some(at(11).saturating_sub(micro()));
    refused(
        &world.store,
        &view,
        Question::latest().require_fresh(hour),
        through,
    );
    refused(
        &world.store.snapshot(),
        &view,
        Question::latest().require_fresh(hour),
        through,
    );
    claim(&world, "0", 0, at(11));
    answered(&world.store, &view, Question::latest().require_fresh(hour));
    answered(
        &world.store.snapshot(),
        &view,
        Question::latest().require_fresh(hour),
    );
    // A question about the past needs no more than the past; one about the future, no more than now.
    let past = |t: Timestamp| Question::as_of(t).require_fresh(Span::ZERO);
    answered(&world.store, &view, past(at(11)));
    refused(
        &world.store,
        &view,
        past(at(11).saturating_add(micro())),
        Some(at(11)),
    );
    answered(
        &world.store,
        &view,
        Question::as_of(at(20)).require_fresh(hour),
    );
    world.clock.advance(micro());
    refused(
        &world.store,
        &view,
        Question::as_of(at(20)).require_fresh(hour),
        Some(at(11)),
    );
}

#[test]
fn a_view_that_names_no_source_is_never_fresh() {
    // Who is hurt: whoever demands freshness of a view that nobody can vouch for.
    let world = World::with(weather());
    claim(&world, "0", 0, at(12));
    let demand = Question::latest().require_fresh(Span::days(1));
    refused(&world.store, &world.view(), demand, None);
    for answer in ask(&world.store, &world.view(), demand) {
        // To ask again would be no way out.
        let text = answer.unwrap_err().to_string();
        assert!(text.contains("Apply it with `sources = [..]`"), "{text}");
        assert!(!text.contains("again later"), "{text}");
    }
    let named = weather().source(LOG).build().unwrap();
    let change = world.store.apply(named).unwrap();
    assert!(matches!(change, Change::Sourced { .. }), "{change:?}");
    let world = world.reopen();
    answered(&world.store, &world.view(), demand);
    world.store.apply(weather().build().unwrap()).unwrap();
    refused(&world.store, &world.view(), demand, None);
}

#[test]
fn a_snapshot_claims_no_more_than_it_sees() {
    // Who is hurt: a training set that is said to be complete and lacks its last rows.
    let world = fed();
    take(&world, 0..3);
    claim(&world, "0", 3, at(2));
    let snapshot = world.store.snapshot();
    claim(&world, "0", 3, at(9));
    assert_eq!(
        snapshot.complete_through(&world.view()).unwrap(),
        Some(at(2))
    );
    assert_eq!(through(&world), Some(at(9)));
}

/// Event time of record `n` of a log that says after each that it is complete through it.
fn told(n: u64) -> Timestamp {
    at(1).saturating_add(Span::micros(n as i64))
}

/// Takes such a log in, record by record, while somebody looks.
fn while_it_is_told(world: &World, records: u64, look: impl FnOnce(&AtomicBool)) {
    let (view, done) = (world.view(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..records {
                let mut batch = WriteBatch::new();
                put("EWR", told(n), n as f64).add(&mut batch, &view);
                batch.from_log(LOG, "0", n..n + 1).complete_through(told(n));
                world.store.write(batch, WriteOptions::synced()).unwrap();
            }
            done.store(true, Ordering::SeqCst);
        });
        look(&done);
    });
}

#[test]
fn an_explanation_that_demands_freshness_sees_what_was_claimed() {
    // Who is hurt: whoever asks why an answer is old, and is told of a row that is older still.
    let world = fed();
    let (view, entity) = (world.view(), world.entity("EWR"));
    while_it_is_told(&world, 600, |done| {
        let mut next = 0;
        while next < 600 && !done.load(Ordering::SeqCst) {
            let demand = Question::as_of(told(next)).require_fresh(Span::micros(0));
            let Ok(why) = world.store.explain(&view, &entity, demand) else {
                continue;
            };
            let newest = why.versions.iter().find(|v| v.rule == Rule::Decides);
            assert_eq!(newest.map(|v| v.event_time), Some(told(next)));
            next += 1;
        }
        assert!(
            next > 0,
            "nothing was claimed while it was looked at: no test"
        );
    });
}

#[test]
fn a_snapshot_taken_while_others_write_claims_no_more_than_it_sees() {
    // The same, for a snapshot that is taken just when a claim comes into force.
    let world = fed();
    let (view, entity) = (world.view(), world.entity("EWR"));
    while_it_is_told(&world, 1_500, |done| {
        let mut newest = 0;
        while !done.load(Ordering::SeqCst) {
            let snapshot = world.store.snapshot();
            let Some(through) = snapshot.complete_through(&view).unwrap() else {
                continue;
            };
            let row = snapshot.get(&view, &entity, Question::latest()).unwrap();
            let seen = row.by_name("temp").unwrap().event_time.unwrap();
            assert!(seen >= through, "it claims {through} and sees {seen}");
            newest = newest.max(through.micros_since(told(0)));
        }
        assert!(
            newest > 0,
            "nothing was claimed while it was looked at: no test"
        );
    });
}

/// A clock that breaks on the syncing thread once it is told to.
struct Breaking(ManualClock, Arc<AtomicBool>);

impl Clock for Breaking {
    fn now(&self) -> Timestamp {
        let syncing = std::thread::current().name() == Some("asof-sync");
        assert!(
            !(syncing && self.1.load(Ordering::SeqCst)),
            "the clock broke"
        );
        self.0.now()
    }
}

#[test]
fn a_failed_sync_moves_nothing() {
    // Who is hurt: a consumer that goes on from where its rows may not have come.
    let directory = tempfile::TempDir::new().unwrap();
    let path = directory.path().join("store");
    let broken = Arc::new(AtomicBool::new(false));
    let store = StoreOptions::new()
        .clock(Breaking(ManualClock::at(at(12)), broken.clone()))
        .create_if_missing(true)
        .open(&path)
        .unwrap();
    store.apply(weather().source(LOG).build().unwrap()).unwrap();
    let view = store.view("weather").unwrap();
    let batch = |offset: u64| {
        let mut batch = WriteBatch::new();
        put("EWR", at(1), offset as f64).add(&mut batch, &view);
        let stretch = batch.from_log(LOG, "0", offset..offset + 1);
        stretch.complete_through(at(offset as i64));
        batch
    };
    store.write(batch(0), WriteOptions::synced()).unwrap();
    broken.store(true, Ordering::SeqCst);
    store.write(batch(1), WriteOptions::synced()).unwrap_err();
    assert_eq!(store.position(LOG, "0"), 1);
    assert_eq!(store.complete_through(&view).unwrap(), Some(at(0)));
    for error in [
        store.write(batch(2), WriteOptions::buffered()).unwrap_err(),
        store.rewind(LOG, "0", 0).unwrap_err(),
        store.skip(LOG, "0", 9).unwrap_err(),
        store.declare_source(LOG, ["0"]).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Poisoned, "{error}");
    }
    assert_eq!(store.position(LOG, "0"), 1);
    drop((view, store));
    let store = Store::open(&path).unwrap();
    assert_eq!(store.position(LOG, "0"), 1);
}
