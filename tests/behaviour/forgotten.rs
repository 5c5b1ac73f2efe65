//! What an erase leaves beside the rows: nothing in the quarantine, nothing in the files, and a
//! record that does not say whom.

use crate::weather::*;
use asof::*;
use std::path::Path;

/// What no compression makes shorter and no other test writes.
const SECRET_KEY: &str = "k7Qz9xLw3VbT5nRj1HdY8mPc";
const SECRET_VALUE: &str = "v2Xs6JfZ0uGq4WkEo9CtNaBr";

/// How often a text stands in the files of a directory.
fn count_in_files(directory: &Path, text: &str) -> usize {
    let mut found = 0;
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found += count_in_files(&path, text);
        } else {
            // What the database has just put away holds nothing.
            let bytes = std::fs::read(&path).unwrap_or_default();
            let windows = bytes.windows(text.len());
            found += windows.filter(|window| *window == text.as_bytes()).count();
        }
    }
    found
}

fn event(origin: &str, hour: i64, note: &str) -> String {
    format!(
        "{{\"view\":\"weather\",\"entity\":{{\"origin\":\"{origin}\"}},\"event_time\":{},\
         \"features\":{{\"note\":{note}}}}}",
        at(hour).micros()
    )
}

fn noted() -> World {
    World::with(weather().define(FeatureDefinition::new("note", Type::String).nullable()))
}

/// Writes lines as an ingest does: bad ones are set aside.
fn ingest(world: &World, lines: &[String]) -> Receipt {
    let mut batch = WriteBatch::new();
    for line in lines {
        let event = JsonEvent::parse(line.as_bytes())
            .and_then(|event| event.resolve(world.view().contract()));
        match event {
            Ok(event) => batch.push(event, line.as_str(), None),
            Err(error) => batch.push_bad(error, line.as_str(), None),
        }
    }
    let options = WriteOptions::buffered().quarantine();
    world.store.write(batch, options).unwrap()
}

fn erase(world: &World, origin: &str, options: EraseOptions) -> Erased {
    let erased = world
        .store
        .erase(&world.view(), &world.entity(origin), options);
    erased.unwrap()
}

#[test]
fn a_reclaimed_erase_leaves_no_byte_of_a_feature_in_any_file() {
    // Who is hurt: a person whose data is read off the disk after they were told that it is gone.
    // What was written is looked for in the log alone, then in files of the lowest level too.
    for settled in [false, true] {
        let world = noted();
        let secret = format!("\"{SECRET_VALUE}\"");
        let bad = format!("[\"{SECRET_VALUE}\"]");
        let lines = [
            event(SECRET_KEY, 6, &secret),
            event(SECRET_KEY, 7, &secret),
            event(SECRET_KEY, 8, &bad),
            event("JFK", 6, "\"kept\""),
        ];
        assert_eq!(ingest(&world, &lines).quarantined, 1);
        world.store.sync().unwrap();
        if settled {
            world.store.compact().unwrap();
            assert!(
                count_in_files(&world.path(), SECRET_VALUE) > 0,
                "no compaction erases"
            );
            // And once more above it.
            ingest(&world, &[event(SECRET_KEY, 9, &secret)]);
        }
        let found = [SECRET_KEY, SECRET_VALUE].map(|text| count_in_files(&world.path(), text));
        assert!(
            found[0] > 2 && found[1] > 2,
            "the search finds {found:?} before"
        );
        let erased = erase(&world, SECRET_KEY, EraseOptions::new().reclaim(true));
        assert!(erased.reclaimed);
        assert_eq!(erased.quarantined, 1);
        assert_eq!(count_in_files(&world.path(), SECRET_VALUE), 0, "{settled}");
        // The fence keeps the key columns: it has to know them in the next store too.
        assert_eq!(count_in_files(&world.path(), SECRET_KEY), 1, "{settled}");
        let world = world.reopen();
        assert_eq!(count_in_files(&world.path(), SECRET_VALUE), 0, "{settled}");
        assert_eq!(world.store.digest(&world.view()).unwrap().count, 1);
    }
}

#[test]
fn a_later_compaction_reclaims_an_erase_that_did_not() {
    // Who is hurt: who erases by the hundred, and reclaims once.
    let world = noted();
    let secret = format!("\"{SECRET_VALUE}\"");
    ingest(
        &world,
        &[event(SECRET_KEY, 6, &secret), event("JFK", 6, "\"kept\"")],
    );
    let snapshot = world.store.snapshot();
    erase(&world, SECRET_KEY, EraseOptions::new());
    // The snapshot carries the bytes down to the last level, beneath what says that they are gone.
    world.store.compact().unwrap();
    assert!(count_in_files(&world.path(), SECRET_VALUE) > 0);
    drop(snapshot);
    world.store.compact().unwrap();
    assert_eq!(count_in_files(&world.path(), SECRET_VALUE), 0);
}

#[test]
fn what_was_set_aside_about_an_entity_goes_with_it_and_stays_out() {
    // Who is hurt: a person whose data lies on in the quarantine because it was wrong.
    let world = noted();
    let wrong = |origin: &str, hour| event(origin, hour, "[1]");
    let later = wrong("EWR", 11).replace("\"features\"", "\"op\":\"put\",\"features\"");
    let lines = [
        wrong("EWR", 6),
        wrong("EWR", 7),
        later.clone(),
        wrong("JFK", 6),
        "EWR, and nothing that can be read".to_string(),
    ];
    assert_eq!(ingest(&world, &lines).quarantined, 5);
    let erased = erase(&world, "EWR", EraseOptions::new().recorded_at(at(10)));
    assert_eq!(
        (erased.was_known, erased.versions, erased.quarantined),
        (false, 0, 2)
    );
    let left = |world: &World| {
        let entries = world.store.quarantine();
        let mut raw: Vec<_> = entries
            .map(|entry| String::from_utf8(entry.unwrap().raw).unwrap())
            .collect();
        raw.sort();
        raw
    };
    let mut expected = lines[2..].to_vec();
    expected.sort();
    assert_eq!(left(&world), expected);
    // A replay does not bring them back, neither set aside nor as a reason to refuse.
    let receipt = ingest(&world, &lines);
    assert_eq!(
        (receipt.rows, receipt.fenced, receipt.quarantined),
        (5, 2, 3)
    );
    assert_eq!(left(&world), expected);
    let world = world.reopen();
    let receipt = ingest(&world, &lines);
    assert_eq!((receipt.fenced, receipt.quarantined), (2, 3));
    assert_eq!(left(&world), expected);
}

#[test]
fn the_places_of_erased_rows_in_the_quarantine_are_free_again() {
    // Who is hurt: whose pipeline stands still before a quarantine that is full of nobody.
    let world = noted();
    let store = world.options().quarantine_rows_max(2).temp().unwrap();
    store.apply(world.view().contract().definition()).unwrap();
    let view = store.view("weather").unwrap();
    let set_aside = |origin: &str, hour| {
        let mut batch = WriteBatch::new();
        let line = event(origin, hour, "[1]");
        let error = Timestamp::parse("no time").unwrap_err();
        batch.push_bad(error, line.as_str(), None);
        store.write(batch, WriteOptions::buffered().quarantine())
    };
    set_aside("EWR", 6).unwrap();
    set_aside("EWR", 7).unwrap();
    let full = set_aside("JFK", 6).unwrap_err();
    assert_eq!(full.kind(), ErrorKind::QuarantineFull);
    let newark = view.entity(["EWR"]).unwrap();
    let erased = store.erase(&view, &newark, EraseOptions::new()).unwrap();
    assert_eq!(erased.quarantined, 2);
    set_aside("JFK", 6).unwrap();
    set_aside("JFK", 7).unwrap();
    assert!(
        set_aside("JFK", 8).is_err(),
        "and no more places than before"
    );
}

#[test]
fn every_erase_is_on_record_and_none_says_of_whom() {
    // Who is hurt: who has to prove that they erased; and who was erased, if the proof names them.
    let world = noted();
    ingest(&world, &[event(SECRET_KEY, 6, "\"x\"")]);
    erase(&world, SECRET_KEY, EraseOptions::new());
    world.clock.set(at(13));
    erase(&world, "LGA", EraseOptions::new().recorded_at(at(2)));
    let world = world.reopen();
    let erasures = world.store.erasures().unwrap();
    let told: Vec<_> = erasures
        .iter()
        .map(|e| (e.number, e.at, e.recorded_at, e.versions, e.is_done))
        .collect();
    assert_eq!(
        told,
        [(1, at(12), at(12), 1, true), (2, at(13), at(2), 0, true)]
    );
    assert!(!format!("{erasures:?}").contains(SECRET_KEY));
    assert_eq!(erasures[0].entity_hash.len(), 32);
    assert_ne!(erasures[0].entity_hash, erasures[1].entity_hash);
    assert_eq!(
        (&*erasures[0].namespace, &*erasures[0].view),
        ("default", "weather")
    );
}
