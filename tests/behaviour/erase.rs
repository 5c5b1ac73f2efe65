//! An entity that is erased is gone, from every way to ask, and stays gone through whatever is
//! written again.

use crate::weather::*;
use asof::*;
use std::sync::atomic::{AtomicBool, Ordering};

/// What the store holds of a view, as the lines of a dump.
fn dump(store: &Store, view: &View) -> Vec<String> {
    let mut lines = Vec::new();
    for item in store.versions(view).unwrap() {
        let (entity, version) = item.unwrap();
        let mut line = String::new();
        let event = EventLine {
            contract: view.contract(),
            entity: &entity.to_values(),
            event_time: version.event_time(),
            recorded_at: version.recorded_at(),
            op: version.op(),
            base: false,
        };
        event.write_dump(&mut line, version.features().map(Result::unwrap));
        lines.push(line);
    }
    lines.sort();
    lines
}

/// A log about two entities: every op, late and repeated rows, a correction.
fn log() -> Vec<RowOf<'static>> {
    let of = |origin| {
        [
            put(origin, at(6), 1.0),
            patch(origin, at(7), 2.0),
            put(origin, at(5), 3.0),
            delete(origin, at(8)),
            put(origin, at(9), 4.0),
            put(origin, at(9), 5.0).recorded(at(10)),
            patch(origin, at(11), 6.0),
        ]
    };
    [of("EWR"), of("JFK")].concat()
}

fn write_all<'a>(world: &World, rows: impl IntoIterator<Item = &'a RowOf<'a>>) {
    for row in rows {
        world.write(*row);
    }
}

fn erase(world: &World, origin: &str, options: EraseOptions) -> Erased {
    let erased = world
        .store
        .erase(&world.view(), &world.entity(origin), options);
    erased.unwrap()
}

#[track_caller]
fn assert_gone(world: &World, origin: &str) {
    let (store, view, entity) = (&world.store, world.view(), world.entity(origin));
    let questions = [
        Question::latest(),
        Question::as_of(at(7)),
        Question::as_of(at(100)),
        Question::latest().known_at(at(9)),
    ];
    for question in questions {
        let row = store.get(&view, &entity, question).unwrap();
        assert_eq!(row.verdict(), Verdict::Never, "{question:?}");
        let entities = [world.entity("JFK"), entity.clone()];
        let rows = store.get_many(&view, &entities, question).unwrap();
        assert_eq!(rows[1].verdict(), Verdict::Never, "{question:?}");
        let set = FeatureSet::new([view.clone(), view.clone()]);
        let row = store.get_set(&set, &entities, question).unwrap();
        assert_eq!(row.rows()[1].verdict(), Verdict::Never, "{question:?}");
        let mut scan = store.scan(&view, question).unwrap();
        assert!(scan.all(|item| item.unwrap().0 != entity), "{question:?}");
    }
    let history = store.history(&view, &entity, HistoryRange::default());
    assert_eq!(history.unwrap().count(), 0);
    let line = format!("\"origin\":\"{origin}\"");
    assert!(!dump(store, &view).iter().any(|l| l.contains(&line)));
    assert!(store.verify(&mut |_| {}).unwrap().is_clean());
}

/// A store to which nothing was ever said about `EWR`.
fn without_newark() -> World {
    let world = World::with(weather());
    let rows = log();
    write_all(&world, rows.iter().filter(|row| row.origin != "EWR"));
    world
}

#[test]
fn an_erased_entity_is_gone_from_every_answer_and_its_neighbours_are_not() {
    // Who is hurt: a person whose data still comes back by one of the ways to ask.
    let world = World::with(weather());
    write_all(&world, &log());
    let reference = without_newark();
    let erased = erase(&world, "EWR", EraseOptions::new());
    assert!(erased.was_known && !erased.reclaimed);
    assert_eq!((erased.versions, erased.quarantined), (7, 0));
    assert_eq!((erased.recorded_at, erased.floor), (at(12), None));
    assert_gone(&world, "EWR");
    let (store, view) = (&world.store, world.view());
    assert_eq!(
        dump(store, &view),
        dump(&reference.store, &reference.view())
    );
    let digest = store.digest(&view).unwrap();
    assert_eq!(digest, reference.store.digest(&reference.view()).unwrap());
    assert_eq!(digest.count, 7);
    let report = store.verify(&mut |_| {}).unwrap();
    assert_eq!((report.versions, report.entities), (7, 1));
    let world = world.reopen();
    assert_gone(&world, "EWR");
    assert_eq!(world.temp("JFK"), reference.temp("JFK"));
}

#[test]
fn an_erased_entity_stays_gone_through_replay_in_any_order() {
    // Who is hurt: a person who was erased and comes back with the next backfill.
    let mut rows = log();
    for turn in 0..6 {
        rows.rotate_left(3 * turn % 14);
        if turn % 2 == 1 {
            rows.reverse();
        }
        let world = World::with(weather());
        // Some is there before, all of it comes after, and again behind a reopen.
        write_all(&world, &rows[..2 * turn]);
        erase(&world, "EWR", EraseOptions::new());
        write_all(&world, &rows);
        assert_gone(&world, "EWR");
        let world = world.reopen();
        write_all(&world, rows.iter().rev());
        assert_gone(&world, "EWR");
        world.store.compact().unwrap();
        let reference = without_newark();
        assert_eq!(
            dump(&world.store, &world.view()),
            dump(&reference.store, &reference.view())
        );
    }
}

#[test]
fn what_is_recorded_after_an_erase_counts() {
    // Who is hurt: who comes back as a customer after having been forgotten.
    let world = World::with(weather());
    write_all(&world, &log());
    erase(&world, "EWR", EraseOptions::new());
    let behind = world.write(put("EWR", at(11), 7.0).recorded(at(12)));
    assert_eq!((behind.fenced, behind.applied), (1, 0));
    let beyond = at(12).saturating_add(Span::micros(1));
    let receipt = world.write(put("EWR", at(11), 8.0).recorded(beyond));
    assert_eq!((receipt.fenced, receipt.applied), (0, 1));
    assert_eq!(world.temp("EWR"), Some(8.0));
    // A replay of everything changes nothing of that.
    write_all(&world, &log());
    let world = world.reopen();
    assert_eq!(world.temp("EWR"), Some(8.0));
    let range = HistoryRange::default();
    let history = world
        .store
        .history(&world.view(), &world.entity("EWR"), range);
    assert_eq!(history.unwrap().count(), 1);
}

#[test]
fn what_was_recorded_later_than_asked_survives_and_is_folded_anew() {
    // Who is hurt: who takes back a consent of last year, and keeps that of this year.
    let world = World::with(weather());
    write_all(&world, &log());
    let erased = erase(&world, "EWR", EraseOptions::new().recorded_at(at(9)));
    // Left: the correction recorded at ten, and the patch of eleven.
    assert_eq!((erased.versions, erased.recorded_at), (5, at(9)));
    let reference = World::with(weather());
    let survives = |row: &&RowOf<'_>| row.origin == "JFK" || row.rec.unwrap_or(row.et) > at(9);
    write_all(&reference, log().iter().filter(survives));
    for world in [world.reopen(), reference] {
        assert_eq!(world.temp("EWR"), Some(5.0));
        let early = Question::as_of(at(8));
        let row = world.store.get(&world.view(), &world.entity("EWR"), early);
        assert_eq!(row.unwrap().verdict(), Verdict::Never);
        assert_eq!(dump(&world.store, &world.view()).len(), 9);
        assert!(world.store.verify(&mut |_| {}).unwrap().is_clean());
    }
}

#[test]
fn a_future_row_that_survives_comes_due() {
    // Who is hurt: who asks after the time of a forecast that the erase left standing.
    let world = World::with(weather().max_skew(MaxSkew::Forever));
    world.write(put("EWR", at(6), 1.0));
    world.write(put("EWR", at(14), 2.0).recorded(at(10)));
    world.write(put("EWR", at(15), 3.0).recorded(at(7)));
    erase(&world, "EWR", EraseOptions::new().recorded_at(at(8)));
    assert_eq!(world.temp("EWR"), None, "nothing is due yet");
    assert!(world.store.verify(&mut |_| {}).unwrap().is_clean());
    world.clock.set(at(16));
    assert_eq!(
        world.temp("EWR"),
        Some(2.0),
        "and what is due was not erased"
    );
}

#[test]
fn the_default_bound_reaches_what_was_recorded_ahead_of_the_clock() {
    // Who is hurt: whose producer's clock goes ahead of the store's.
    let world = World::with(weather());
    let ahead = at(12).saturating_add(Span::minutes(9));
    world.write(put("EWR", at(6), 1.0).recorded(ahead));
    let erased = erase(&world, "EWR", EraseOptions::new());
    assert_eq!((erased.recorded_at, erased.versions), (ahead, 1));
    assert_gone(&world, "EWR");
}

#[test]
fn an_erase_reaches_everything_at_or_before_the_floor() {
    // Who is hurt: whose base row survives because it was recorded late.
    let view = weather().history(Retention::Window(Span::hours(2)));
    let world = World::with(view.max_skew(MaxSkew::Forever));
    world.write(put("EWR", at(9), 1.0).recorded(at(20)));
    world.write(put("EWR", at(11), 2.0).recorded(at(21)));
    world.write(put("JFK", at(12), 3.0));
    world.store.sync().unwrap();
    assert_eq!(world.store.floor(&world.view()).unwrap(), Some(at(10)));
    let erased = erase(&world, "EWR", EraseOptions::new().recorded_at(at(8)));
    assert_eq!((erased.floor, erased.versions), (Some(at(10)), 1));
    assert_eq!(world.temp("EWR"), Some(2.0));
    let world = world.reopen();
    assert_eq!(
        world.write(put("EWR", at(9), 1.0).recorded(at(20))).fenced,
        1
    );
    assert_eq!(
        world.write(put("EWR", at(10), 1.0).recorded(at(22))).fenced,
        1
    );
    let fences = world.store.fences(&world.view()).unwrap();
    assert_eq!((fences[0].1, fences[0].2), (at(8), Some(at(10))));
}

#[test]
fn who_was_never_seen_is_fenced_all_the_same() {
    // Who is hurt: a person whose rows were still on their way when they asked to be forgotten.
    let world = World::with(weather());
    let erased = erase(&world, "EWR", EraseOptions::new());
    assert!(!erased.was_known);
    assert_eq!(erased.versions, 0);
    write_all(&world, &log());
    assert_gone(&world, "EWR");
    assert_eq!(world.temp("JFK"), Some(5.0));
}

#[test]
fn a_second_erase_joins_the_first_by_maximum() {
    // Who is hurt: whom a second, smaller request would bring back.
    let world = World::with(weather());
    write_all(&world, &log());
    erase(&world, "EWR", EraseOptions::new());
    let again = erase(&world, "EWR", EraseOptions::new().recorded_at(at(3)));
    assert_eq!((again.versions, again.was_known), (0, false));
    let world = world.reopen();
    write_all(&world, &log());
    assert_gone(&world, "EWR");
    assert_eq!(world.store.fences(&world.view()).unwrap()[0].1, at(12));
    let numbers: Vec<_> = world
        .store
        .erasures()
        .unwrap()
        .iter()
        .map(|e| e.number)
        .collect();
    assert_eq!(numbers, [1, 2]);
}

#[test]
fn a_fence_loaded_with_a_dump_holds_under_another_hash_key() {
    // Who is hurt: who is erased here and comes back where the dump is loaded.
    let world = World::with(weather());
    write_all(&world, &log());
    erase(&world, "EWR", EraseOptions::new());
    let copy = World::with(weather());
    let fences = world.store.fences(&world.view()).unwrap().into_iter();
    let fences: Vec<_> = fences.map(|(e, r, x)| (e.to_values(), r, x)).collect();
    copy.store
        .restore_bounds(&copy.view(), None, &fences)
        .unwrap();
    write_all(&copy, log().iter().rev());
    assert_gone(&copy, "EWR");
    assert_eq!(
        dump(&copy.store, &copy.view()),
        dump(&world.store, &world.view())
    );
}

#[test]
fn a_fence_that_is_loaded_twice_at_once_keeps_its_larger_bounds() {
    // Who is hurt: who was erased for good until the store is opened again.
    let world = World::with(weather());
    let newark = || vec![Value::from("EWR")];
    let fences = [
        (newark(), at(10), None),
        (newark(), at(7), Some(at(3))),
        (newark(), at(8), Some(at(2))),
    ];
    let view = world.view();
    world.store.restore_bounds(&view, None, &fences).unwrap();
    let held = |world: &World| {
        let fences = world.store.fences(&world.view()).unwrap();
        assert_eq!(fences.len(), 1);
        (fences[0].1, fences[0].2)
    };
    assert_eq!(held(&world), (at(10), Some(at(3))));
    let world = world.reopen();
    assert_eq!(held(&world), (at(10), Some(at(3))));
}

#[test]
fn a_fence_is_not_loaded_over_rows_that_were_set_aside() {
    // Who is hurt: who was erased where the dump was made, and whose row waits here to be read by
    // whoever lists the quarantine.
    let world = World::with(weather());
    let bad = |origin: &str| {
        format!(
            "{{\"view\":\"weather\",\"entity\":{{\"origin\":\"{origin}\"}},\"event_time\":{},\"features\":{{\"rain\":1}}}}",
            at(6).micros()
        )
    };
    let mut batch = WriteBatch::new();
    for origin in ["EWR", "JFK"] {
        batch.push_bad(
            Timestamp::parse("no").unwrap_err(),
            bad(origin).into_bytes(),
            None,
        );
    }
    let options = WriteOptions::buffered().quarantine();
    assert_eq!(world.store.write(batch, options).unwrap().quarantined, 2);
    let (store, view) = (&world.store, world.view());
    let fence = [(vec![Value::from("EWR")], at(10), None)];
    let error = store.restore_bounds(&view, None, &fence).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Incompatible);
    assert!(error.to_string().contains("set aside"), "{error}");
    assert!(store.fences(&view).unwrap().is_empty());
    // An earlier fence reaches nothing of it; an erase clears the way.
    let earlier = [(vec![Value::from("EWR")], at(5), None)];
    store.restore_bounds(&view, None, &earlier).unwrap();
    let erased = erase(&world, "EWR", EraseOptions::new());
    assert_eq!(erased.quarantined, 1);
    store.restore_bounds(&view, None, &fence).unwrap();
    assert_eq!(store.quarantine().count(), 1);
}

#[test]
fn a_snapshot_taken_before_answers_as_before() {
    // Who is hurt: whoever builds a training set while somebody is erased: half of it would change.
    let world = World::with(weather());
    write_all(&world, &log());
    let snapshot = world.store.snapshot();
    let (view, entity) = (world.view(), world.entity("EWR"));
    let erased = erase(&world, "EWR", EraseOptions::new().reclaim(true));
    assert!(!erased.reclaimed, "the snapshot holds the bytes");
    assert_eq!(
        temp(&snapshot, &view, &entity, Question::latest()),
        Some(5.0)
    );
    let history = snapshot.history(&view, &entity, HistoryRange::default());
    assert_eq!(history.unwrap().count(), 7);
    drop(snapshot);
    assert_gone(&world, "EWR");
    assert!(erase(&world, "EWR", EraseOptions::new().reclaim(true)).reclaimed);
}

#[test]
fn asking_what_an_erase_would_do_changes_nothing() {
    let world = World::with(weather());
    write_all(&world, &log());
    let before = dump(&world.store, &world.view());
    let (view, entity) = (world.view(), world.entity("EWR"));
    let options = EraseOptions::new().recorded_at(at(9));
    let would = world.store.check_erase(&view, &entity, options).unwrap();
    assert_eq!(would.versions, 5);
    assert_eq!(dump(&world.store, &view), before);
    assert!(world.store.fences(&view).unwrap().is_empty());
    assert!(world.store.erasures().unwrap().is_empty());
    assert_eq!(world.store.erase(&view, &entity, options).unwrap(), would);
}

#[test]
fn an_entity_of_many_versions_goes_at_once() {
    // Who is hurt: whose history is longer than what fits a batch of deletes.
    let world = World::with(weather().max_skew(MaxSkew::Forever));
    let second = |n: i64| at(0).saturating_add(Span::micros(n * 1_000_000));
    for origin in ["EWR", "JFK", "LGA"] {
        let mut batch = WriteBatch::new();
        for n in 0..3_000 {
            let rec = if n == 1_500 { at(30) } else { second(n) };
            put(origin, second(n), n as f64)
                .recorded(rec)
                .add(&mut batch, &world.view());
        }
        world.store.write(batch, WriteOptions::buffered()).unwrap();
    }
    // One survivor in the middle parts two long runs.
    let erased = erase(&world, "JFK", EraseOptions::new().recorded_at(at(12)));
    assert_eq!(erased.versions, 2_999);
    assert_eq!(world.temp("JFK"), Some(1_500.0));
    assert_eq!(erase(&world, "JFK", EraseOptions::new()).versions, 1);
    assert_gone(&world, "JFK");
    let world = world.reopen();
    assert_gone(&world, "JFK");
    assert_eq!(world.store.digest(&world.view()).unwrap().count, 6_000);
    assert_eq!(world.temp("EWR"), Some(2_999.0));
    assert_eq!(world.temp("LGA"), Some(2_999.0));
}

#[test]
fn readers_see_all_of_an_entity_or_nothing_and_writers_go_on() {
    // Who is hurt: a model that is served half of somebody.
    let world = World::with(weather());
    let (store, view) = (&world.store, world.view());
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = || {
            let entity = world.entity("EWR");
            let mut seen = [0u64; 2];
            while !done.load(Ordering::SeqCst) {
                let range = HistoryRange::default();
                let count = store.history(&view, &entity, range).unwrap().count();
                assert!(count == 0 || count == 7, "{count} of seven versions");
                seen[usize::from(count > 0)] += 1;
                let row = store.get(&view, &entity, Question::as_of(at(20))).unwrap();
                let gust = row.by_name("gust").unwrap().value.is_some();
                let temp = row.by_name("temp").unwrap().value.is_some();
                assert_eq!(gust, temp, "a row in part");
            }
            seen
        };
        let readers = [scope.spawn(reader), scope.spawn(reader)];
        let writer = scope.spawn(|| {
            let mut n = 0i32;
            while !done.load(Ordering::SeqCst) {
                n += 1;
                let et = at(6).saturating_add(Span::micros(i64::from(n)));
                world.write(put("JFK", et, f64::from(n)));
            }
            n
        });
        for round in 0..40 {
            let mut batch = WriteBatch::new();
            let bound = at(12).saturating_add(Span::micros(round));
            for row in &log()[..7] {
                row.recorded(bound).add(&mut batch, &view);
            }
            let receipt = store.write(batch, WriteOptions::buffered()).unwrap();
            assert_eq!(receipt.applied, 7);
            let options = EraseOptions::new()
                .recorded_at(bound)
                .reclaim(round % 10 == 0);
            let erased = erase(&world, "EWR", options);
            assert_eq!(erased.versions, 7);
        }
        done.store(true, Ordering::SeqCst);
        for reader in readers {
            let seen = reader.join().unwrap();
            assert!(seen[0] > 0, "nobody looked after an erase: {seen:?}");
        }
        let written = writer.join().unwrap();
        let range = HistoryRange::default();
        let stored = store.history(&view, &world.entity("JFK"), range).unwrap();
        assert_eq!(stored.count(), written as usize);
    });
    assert_gone(&world, "EWR");
}
