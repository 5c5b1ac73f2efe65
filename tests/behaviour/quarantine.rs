//! What is set aside is bounded, can be tried again, and is in one place at a time.

use crate::weather::{World, at, weather};
use asof::*;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};

/// A line about an origin, whose `temp` is this JSON.
fn line(origin: &str, hour: i64, temp: &str) -> String {
    format!(
        "{{\"view\":\"weather\",\"entity\":{{\"origin\":\"{origin}\"}},\"event_time\":{},\"features\":{{\"temp\":{temp}}}}}",
        at(hour).micros()
    )
}

/// A line that names a feature which comes later.
fn early(origin: &str, hour: i64) -> String {
    line(origin, hour, "1,\"rain\":2")
}

fn with_rain() -> ViewBuilder {
    weather().define(FeatureDefinition::new("rain", Type::F64).nullable())
}

/// Lines as a producer would push them: what cannot be read is pushed as bad.
fn push(store: &Store, batch: &mut WriteBatch, line: &str, origin: Option<Origin>) {
    let read = JsonEvent::parse(line.as_bytes()).and_then(|event| {
        let view = store.view(event.view()?)?;
        event.resolve(view.contract())
    });
    match read {
        Ok(event) => batch.push(event, line, origin),
        Err(error) => batch.push_bad(error, line, origin),
    }
}

fn write(store: &Store, lines: &[String]) -> Result<Receipt> {
    let mut batch = WriteBatch::new();
    lines
        .iter()
        .for_each(|line| push(store, &mut batch, line, None));
    store.write(batch, WriteOptions::buffered().quarantine())
}

fn entries(store: &Store) -> Vec<QuarantineEntry> {
    store.quarantine().map(Result::unwrap).collect()
}

fn replay(store: &Store) -> ReplayReport {
    store
        .replay_quarantine(&QuarantineFilter::All, WriteOptions::buffered())
        .unwrap()
}

fn versions(store: &Store) -> u64 {
    store.digest(&store.view("weather").unwrap()).unwrap().count
}

fn is_clean(store: &Store) {
    let report = store.verify(&mut |_| {}).unwrap();
    assert!(report.is_clean(), "{report:?}");
}

#[test]
fn a_fixed_contract_takes_in_what_was_set_aside() {
    // Who is hurt: whoever deployed the producer before the contract.
    let world = World::with(weather());
    let lines = [early("EWR", 6), early("JFK", 7), line("LGA", 8, "\"hot\"")];
    assert_eq!(write(&world.store, &lines).unwrap().quarantined, 3);
    let before = replay(&world.store);
    assert_eq!((before.receipt.rows, before.receipt.quarantined), (3, 3));
    assert_eq!(entries(&world.store).len(), 3, "bad again is not twice");
    world.store.apply(with_rain().build().unwrap()).unwrap();
    let report = replay(&world.store);
    let Receipt {
        rows,
        applied,
        quarantined,
        ..
    } = report.receipt;
    assert_eq!((rows, applied, quarantined), (3, 2, 1));
    let left = entries(&world.store);
    assert_eq!(left.len(), 1);
    assert_eq!(report.still_bad[0].id, left[0].id);
    assert!(report.still_bad[0].reason.contains("found string \"hot\""));
    assert!(
        left[0].reason.starts_with("view \"weather\" v2"),
        "{}",
        left[0].reason
    );
    assert_eq!(versions(&world.store), 2);
    is_clean(&world.store);
}

#[test]
fn any_outcome_but_bad_takes_the_entry_away() {
    // Who is hurt: whoever replays after the row came in on another way.
    let world = World::with(weather());
    write(&world.store, &[early("EWR", 6)]).unwrap();
    world.store.apply(with_rain().build().unwrap()).unwrap();
    assert_eq!(
        write(&world.store, &[early("EWR", 6)]).unwrap().applied,
        1,
        "it is good by now"
    );
    assert_eq!(entries(&world.store).len(), 1);
    let report = replay(&world.store);
    assert_eq!((report.receipt.rows, report.receipt.duplicate), (1, 1));
    assert_eq!(entries(&world.store).len(), 0);
    is_clean(&world.store);
}

#[test]
fn a_row_of_handles_that_came_too_early_is_replayed_when_its_time_has_come() {
    let world = World::with(weather());
    let mut batch = WriteBatch::new();
    let view = world.view();
    let row = batch.put(&view, &world.entity("EWR"), at(14));
    row.set_value("temp", 3.5).finish().unwrap();
    let options = WriteOptions::buffered().quarantine();
    assert_eq!(world.store.write(batch, options).unwrap().quarantined, 1);
    let entry = &entries(&world.store)[0];
    assert_eq!(entry.view.as_deref(), Some("weather"));
    assert_eq!(
        entry.entity.as_deref(),
        Some(world.entity("EWR").bytes()),
        "the entity is known"
    );
    assert_eq!(replay(&world.store).receipt.quarantined, 1);
    world.clock.set(at(14));
    assert_eq!(replay(&world.store).receipt.applied, 1);
    assert_eq!(world.temp("EWR"), Some(3.5));
}

#[test]
fn a_mended_row_goes_in_and_takes_its_entry_along() {
    // Who is hurt: a program that mends rows, and dies between writing one and dropping the other.
    let world = World::with(weather());
    write(&world.store, &[line("EWR", 6, "\"39\"")]).unwrap();
    let entry = entries(&world.store).remove(0);
    let view = world.view();
    let mended = |temp: &str| {
        let line = line("EWR", 6, temp);
        let event = JsonEvent::parse(line.as_bytes()).unwrap();
        event.resolve(view.contract()).unwrap()
    };
    let mut batch = WriteBatch::new();
    let mut late = mended("39");
    late.event_time = at(20);
    batch.replay_as(entry.clone(), late);
    let options = WriteOptions::buffered().quarantine();
    assert_eq!(world.store.write(batch, options).unwrap().quarantined, 1);
    let still = entries(&world.store).remove(0);
    assert_eq!(still.raw, entry.raw, "it keeps what came in");
    assert!(still.reason.contains("ahead"), "{}", still.reason);
    let mut batch = WriteBatch::new();
    batch.replay_as(still, mended("39"));
    assert_eq!(world.store.write(batch, options).unwrap().applied, 1);
    assert_eq!(entries(&world.store), []);
    assert_eq!(world.temp("EWR"), Some(39.0));
}

#[test]
fn a_row_for_another_view_is_replayed_into_the_view_that_it_names() {
    // Who is hurt: whoever mends a row that named the wrong view, in a batch of rows for the right one.
    let world = World::with(weather());
    let sky = ViewDefinition::builder("sky").key("origin", Type::String);
    let sky = sky.define(FeatureDefinition::new("temp", Type::F64).nullable());
    world.store.apply(sky.build().unwrap()).unwrap();
    let of = |view: &str, line: String| line.replace("\"weather\"", &format!("\"{view}\""));
    let early = of("sky", early("EWR", 6));
    let hot = line("EWR", 7, "\"hot\"");
    assert_eq!(write(&world.store, &[early, hot]).unwrap().quarantined, 2);
    let sky = world.store.view("sky").unwrap();
    let mut batch = WriteBatch::new();
    for (entry, hour) in entries(&world.store).into_iter().zip(6..) {
        let mended = of("sky", line("EWR", hour, "1"));
        let event = JsonEvent::parse(mended.as_bytes()).unwrap();
        batch.replay_as(entry, event.resolve(sky.contract()).unwrap());
    }
    let receipt = world.store.write(batch, WriteOptions::buffered()).unwrap();
    assert_eq!((receipt.rows, receipt.applied), (2, 2));
    assert_eq!(world.store.digest(&sky).unwrap().count, 2);
    assert_eq!(
        (entries(&world.store).len(), versions(&world.store)),
        (0, 0)
    );
}

#[test]
fn an_entry_of_another_store_is_left_out_told_by_the_receipt_and_stays_where_it_is() {
    // Who is hurt: whoever replays into a second store, and takes what was left out for written.
    let (world, other) = (World::with(weather()), World::with(weather()));
    write(&other.store, &[early("EWR", 6)]).unwrap();
    let kept = entries(&other.store);
    let mut batch = WriteBatch::new();
    batch.replay(kept[0].clone());
    let given = batch.len() as u64;
    let options = WriteOptions::buffered().quarantine();
    let receipt = world.store.write(batch, options).unwrap();
    assert_eq!((given, receipt.rows), (1, 0));
    assert_eq!(entries(&other.store), kept);
}

#[test]
fn a_batch_that_is_refused_takes_no_entry_away() {
    let world = World::with(weather());
    write(&world.store, &[early("EWR", 6), line("JFK", 6, "\"x\"")]).unwrap();
    world.store.apply(with_rain().build().unwrap()).unwrap();
    let mut batch = WriteBatch::new();
    entries(&world.store)
        .into_iter()
        .for_each(|entry| batch.replay(entry));
    let error = world
        .store
        .write(batch, WriteOptions::buffered())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected);
    assert_eq!(
        (entries(&world.store).len(), versions(&world.store)),
        (2, 0)
    );
}

#[test]
fn one_batch_may_say_of_one_row_that_it_is_good_and_that_it_is_bad() {
    // Who is hurt: a pipeline whose replay and whose ingest share a batch. The row stays set aside.
    let world = World::with(weather());
    write(&world.store, &[early("EWR", 6)]).unwrap();
    let entry = entries(&world.store).remove(0);
    world.store.apply(with_rain().build().unwrap()).unwrap();
    let mut batch = WriteBatch::new();
    batch.replay(entry.clone());
    batch.replay(entry.clone());
    let error = JsonEvent::parse(b"nonsense").unwrap_err();
    batch.push_bad(error, entry.raw.clone(), None);
    let options = WriteOptions::buffered().quarantine();
    let receipt = world.store.write(batch, options).unwrap();
    assert_eq!(
        (receipt.rows, receipt.applied, receipt.quarantined),
        (2, 1, 1)
    );
    assert_eq!(entries(&world.store).len(), 1);
    is_clean(&world.store);
}

#[test]
fn a_full_quarantine_refuses_until_there_is_room() {
    // Who is hurt: whoever relies on a bound, in rows or in bytes, and whoever wants to go on.
    let bad = |n: usize| line(&format!("origin {n}"), 6, "\"x\"");
    for by_bytes in [false, true] {
        let world = World::with(weather());
        write(&world.store, &[bad(0), bad(1)]).unwrap();
        let path = world.path();
        let options = if by_bytes {
            // What two entries take, and a little more.
            world.options().quarantine_bytes_max(700)
        } else {
            world.options().quarantine_rows_max(2)
        };
        let World {
            store, directory, ..
        } = world;
        store.close().unwrap();
        let store = options.open(&path).unwrap();
        let error = write(&store, &[bad(2), line("EWR", 6, "1")]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::QuarantineFull);
        let text = error.to_string();
        let bound = if by_bytes {
            "700 bytes"
        } else {
            "at most 2 rows"
        };
        for part in ["holds 2", bound, "nothing was written", "quarantine drop"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert_eq!((entries(&store).len(), versions(&store)), (2, 0));
        // What is there already is no new row, and a good batch asks for no room.
        assert_eq!(write(&store, &[bad(0), bad(1)]).unwrap().quarantined, 2);
        write(&store, &[line("JFK", 6, "1")]).unwrap();
        assert_eq!(
            replay(&store).receipt.quarantined,
            2,
            "bad again needs no room"
        );
        let first = entries(&store)[0].id;
        assert_eq!(store.drop_quarantined([first, first]).unwrap(), 1);
        assert_eq!(store.drop_quarantined([first]).unwrap(), 0);
        assert_eq!(
            store.quarantined(&first).unwrap_err().kind(),
            ErrorKind::NotFound
        );
        let receipt = write(&store, &[bad(2), line("EWR", 6, "1")]).unwrap();
        assert_eq!((receipt.applied, receipt.quarantined), (1, 1));
        is_clean(&store);
        drop((store, directory));
    }
}

#[test]
fn the_size_of_the_quarantine_survives_the_store() {
    let world = World::with(weather());
    let lines: Vec<String> = (0..10)
        .map(|n| line(&format!("origin {n}"), 6, "\"x\""))
        .collect();
    write(&world.store, &lines).unwrap();
    world
        .store
        .drop_quarantined(entries(&world.store).iter().take(4).map(|entry| entry.id))
        .unwrap();
    let path = world.path();
    let options = world.options();
    let World {
        store, directory, ..
    } = world;
    store.close().unwrap();
    let full = options.clone().quarantine_rows_max(6).open(&path).unwrap();
    let refused = write(&full, &[line("EWR", 6, "\"y\"")]).unwrap_err();
    assert!(
        refused.to_string().contains("holds 6 of at most 6 rows"),
        "{refused}"
    );
    is_clean(&full);
    full.close().unwrap();
    let roomy = options.quarantine_rows_max(7).open(&path).unwrap();
    write(&roomy, &[line("EWR", 6, "\"y\"")]).unwrap();
    is_clean(&roomy);
    drop((roomy, directory));
}

#[test]
fn two_places_in_a_log_are_two_rows_and_one_place_is_one() {
    let world = World::with(weather());
    let place = |offset| {
        Some(Origin {
            source: "log".into(),
            partition: "0".into(),
            offset,
        })
    };
    for _ in 0..2 {
        let mut batch = WriteBatch::new();
        for offset in [0, 1, 1] {
            push(&world.store, &mut batch, "nonsense", place(offset));
        }
        push(&world.store, &mut batch, "nonsense", None);
        let options = WriteOptions::buffered().quarantine();
        assert_eq!(world.store.write(batch, options).unwrap().quarantined, 4);
    }
    let mut offsets: Vec<_> = entries(&world.store)
        .into_iter()
        .map(|entry| entry.origin.map(|origin| origin.offset))
        .collect();
    offsets.sort();
    assert_eq!(offsets, [None, Some(0), Some(1)]);
}

#[test]
fn what_is_too_long_to_keep_is_cut_and_says_so() {
    let world = World::with(weather());
    let long = |end: &str| format!("{}{end}", "x".repeat(9 << 20));
    write(&world.store, &[long("a"), long("b"), long("a")]).unwrap();
    let kept = entries(&world.store);
    assert_eq!(kept.len(), 2);
    for entry in &kept {
        assert_eq!((entry.raw.len(), entry.raw_bytes), (8 << 20, (9 << 20) + 1));
    }
    let report = replay(&world.store);
    assert_eq!(report.receipt.quarantined, 2);
    assert!(
        report.still_bad[0]
            .reason
            .contains("only the first 8388608"),
        "{}",
        report.still_bad[0].reason
    );
    is_clean(&world.store);
}

#[test]
fn what_was_cut_counts_as_what_is_kept_when_it_is_tried_again() {
    // Who is hurt: an operator whose replay is refused for good, because of bytes that nobody has.
    let world = World::with(weather());
    let long = "x".repeat(60 << 20);
    write(&world.store, &[long]).unwrap();
    let short = |n: u8| format!("{n}{}", "y".repeat(2 << 20));
    write(&world.store, &[short(1), short(2), short(3)]).unwrap();
    assert_eq!(replay(&world.store).receipt.quarantined, 4);
    let mut batch = WriteBatch::new();
    entries(&world.store)
        .into_iter()
        .for_each(|entry| batch.replay(entry));
    let options = WriteOptions::buffered().quarantine();
    assert_eq!(world.store.write(batch, options).unwrap().quarantined, 4);
    is_clean(&world.store);
}

#[test]
fn an_entry_that_was_changed_is_not_tried() {
    // Who is hurt: whoever mends the bytes of an entry in place, and finds it damaged afterwards.
    let world = World::with(weather());
    write(&world.store, &[early("EWR", 6)]).unwrap();
    let kept = entries(&world.store);
    let mut changed = kept[0].clone();
    changed.raw.extend(b" ");
    for options in [
        WriteOptions::buffered(),
        WriteOptions::buffered().quarantine(),
    ] {
        let mut batch = WriteBatch::new();
        batch.replay(changed.clone());
        let error = world.store.write(batch, options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(error.to_string().contains("replay_as"), "{error}");
    }
    assert_eq!(entries(&world.store), kept);
    is_clean(&world.store);
}

#[test]
fn an_entry_that_an_erase_has_taken_is_no_row_when_it_is_tried() {
    // Who is hurt: who adds up receipts. Good by now or bad again, such an entry is gone.
    let world = World::with(weather());
    write(&world.store, &[early("EWR", 6), early("JFK", 6)]).unwrap();
    let held = entries(&world.store);
    let (view, newark) = (world.view(), world.entity("EWR"));
    let erased = world.store.erase(&view, &newark, EraseOptions::new());
    assert_eq!(erased.unwrap().quarantined, 1);
    let again = || {
        let mut batch = WriteBatch::new();
        held.iter().for_each(|entry| batch.replay(entry.clone()));
        let options = WriteOptions::buffered().quarantine();
        world.store.write(batch, options).unwrap()
    };
    let bad = again();
    assert_eq!((bad.rows, bad.fenced, bad.quarantined), (1, 0, 1));
    let mut refused = WriteBatch::new();
    refused.replay(held[0].clone());
    refused.replay(held[1].clone());
    assert_eq!(refused.bytes(), held[0].raw.len() + held[1].raw.len());
    let error = world.store.write(refused, WriteOptions::buffered());
    let error = error.unwrap_err().to_string();
    assert!(error.contains(" of 2 is bad"), "{error}");
    world.store.apply(with_rain().build().unwrap()).unwrap();
    let good = again();
    assert_eq!((good.rows, good.fenced, good.applied), (1, 0, 1));
}

#[test]
fn replays_drops_and_ingest_at_once_lose_nothing_and_count_nothing_twice() {
    // Who is hurt: an operator who replays while rows come in and a colleague drops. A row that is
    // good by now is either written, once, or dropped, once.
    let world = World::with(weather());
    let store = &world.store;
    let rows = 600usize;
    let lines: Vec<String> = (0..rows)
        .map(|n| early(&format!("origin {n}"), 6))
        .collect();
    write(store, &lines).unwrap();
    store.apply(with_rain().build().unwrap()).unwrap();
    let (written, dropped, fresh) = (AtomicU64::new(0), AtomicU64::new(0), 400usize);
    // Everybody takes one step, from both ends, before anybody takes a second one.
    let begun = Barrier::new(4);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut ids: Vec<_> = store.quarantine().map(|entry| entry.unwrap()).collect();
                let mut is_first = true;
                while !ids.is_empty() {
                    let rest = ids.split_off(ids.len().min(7));
                    let mut batch = WriteBatch::new();
                    ids.into_iter().for_each(|entry| batch.replay(entry));
                    let options = WriteOptions::buffered().quarantine();
                    let receipt = store.write(batch, options);
                    if std::mem::take(&mut is_first) {
                        begun.wait();
                    }
                    let receipt = receipt.unwrap();
                    assert_eq!(receipt.duplicate, 0, "an entry was written twice");
                    written.fetch_add(receipt.applied, Ordering::SeqCst);
                    ids = rest;
                }
            });
        }
        scope.spawn(|| {
            let ids: Vec<_> = entries(store).iter().map(|entry| entry.id).collect();
            for (step, ids) in ids.chunks(5).rev().enumerate() {
                let count = store.drop_quarantined(ids.iter().copied());
                if step == 0 {
                    begun.wait();
                }
                dropped.fetch_add(count.unwrap(), Ordering::SeqCst);
            }
        });
        scope.spawn(|| {
            for n in 0..fresh {
                let bad = line(&format!("fresh {n}"), 6, "\"x\"");
                write(store, &[bad, line(&format!("good {n}"), 6, "1")]).unwrap();
            }
        });
    });
    let left = entries(store).len();
    let (written, dropped) = (written.into_inner(), dropped.into_inner());
    // The dropper may also have taken fresh rows that were there when it looked.
    assert_eq!(versions(store), written + fresh as u64);
    assert_eq!(
        written + dropped + left as u64,
        (rows + fresh) as u64,
        "{written} written, {dropped} dropped, {left} left"
    );
    assert!(written > 0 && dropped > 0, "{written} {dropped}: no test");
    is_clean(store);
}

/// Where the child of the next test finds its store, and the point at which it dies.
const STORE: &str = "ASOF_TEST_STORE";
const POINT: &str = "ASOF_TEST_POINT";

/// What the child does: it replays until it dies.
fn die_at(point: &str, path: &str) {
    let clock = ManualClock::at(at(12));
    let store = StoreOptions::new().clock(clock).open(path).unwrap();
    failpoint::arm(point, 0);
    replay(&store);
}

#[test]
#[allow(
    clippy::disallowed_methods,
    reason = "it starts itself as a child, which learns its task from its parent"
)]
fn a_row_and_its_entry_change_places_in_one_step() {
    // Who is hurt: whoever replays on a machine that dies. The row is in the quarantine or in the
    // view, never in both and never in neither.
    if let (Ok(path), Ok(point)) = (std::env::var(STORE), std::env::var(POINT)) {
        return die_at(&point, &path);
    }
    for (point, replayed) in [("write.before_commit", 0), ("write.after_commit", 2)] {
        let world = World::with(weather());
        write(&world.store, &[early("EWR", 6), early("JFK", 6)]).unwrap();
        world.store.apply(with_rain().build().unwrap()).unwrap();
        let (path, options) = (world.path(), world.options());
        let World {
            store, directory, ..
        } = world;
        store.close().unwrap();
        let child = std::process::Command::new(std::env::current_exe().unwrap())
            .arg("--exact")
            .arg("quarantine::a_row_and_its_entry_change_places_in_one_step")
            .envs([(STORE, path.to_str().unwrap()), (POINT, point)])
            .output()
            .unwrap();
        assert_eq!(child.status.code(), None, "it was to die: {child:?}");
        let store = options.open(&path).unwrap();
        assert_eq!(
            (versions(&store), entries(&store).len() as u64),
            (replayed, 2 - replayed),
            "{point}"
        );
        is_clean(&store);
        let again = replay(&store).receipt;
        assert_eq!((again.applied, versions(&store)), (2 - replayed, 2));
        assert_eq!(entries(&store).len(), 0);
        drop((store, directory));
    }
}
