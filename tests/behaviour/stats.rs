//! What an operator is told of a store: counters that are cheap, and counts that are exact.

use crate::weather::{World, at, delete, patch, put, weather};
use asof::*;
use std::path::Path;

fn census(store: &Store) -> ViewCensus {
    store.census(&mut |_| {}).unwrap().remove(0)
}

#[test]
fn a_census_counts_retained_versions_and_no_others() {
    // Who is hurt: whoever pays for rows that nobody can read, and believes them to be history.
    let world = World::with(weather().history(Retention::Window(Span::hours(2))));
    for hour in 1..=4 {
        world.write(put("EWR", at(hour), hour as f64));
    }
    world.write(patch("JFK", at(11), 1.0));
    world.write(put("LGA", at(11), 1.0));
    world.write(delete("LGA", at(11)));
    world.write(put("LGA", at(11), 1.0));
    let before = census(&world.store);
    assert_eq!((before.entities, before.versions), (3, 7));
    assert_eq!(before.versions_reclaimable, 0);
    // The floor moves to nine o'clock: of Newark's rows the newest is left.
    world.store.sync().unwrap();
    let counted = census(&world.store);
    assert_eq!((counted.entities, counted.versions), (3, 4));
    assert_eq!(counted.versions_reclaimable, 3);
    assert_eq!(
        counted.versions_per_entity,
        Spread {
            p50: 1,
            p90: 2,
            p99: 2,
            max: 2
        }
    );
    assert_eq!(counted.newest_event_time, Some(at(11)));
    let digest = world.store.digest(&world.view()).unwrap();
    assert_eq!(u128::from(counted.versions), u128::from(digest.count));
    assert_eq!(counted.history_bytes, before.history_bytes);
    assert!(counted.latest_bytes > 0);
    let of_view = &world.store.stats().unwrap().views[0];
    assert_eq!(of_view.floor, Some(at(9)));
    assert_eq!(of_view.newest_event_time, Some(at(11)));
}

#[test]
fn stats_follow_the_rows_from_the_log_into_files() {
    let world = World::with(weather());
    let family = |name: &str| {
        let stats = world.store.stats().unwrap();
        stats
            .families
            .into_iter()
            .find(|family| family.name == name)
            .unwrap()
    };
    let fresh = family("history").memtable_bytes;
    for n in 0..500 {
        world.write(put(&format!("o{n}"), at(1), 1.0));
    }
    let (written, latest) = (family("history"), family("latest"));
    assert_eq!((written.files, written.file_bytes), (0, 0));
    assert_eq!((written.keys_estimated, latest.keys_estimated), (500, 500));
    assert!(written.memtable_bytes > fresh, "{written:?}");
    assert!(world.store.stats().unwrap().log_bytes > 500 * 52);
    world.store.compact().unwrap();
    let compacted = family("history");
    assert_eq!(compacted.files, 1);
    let on_disk = sst_bytes(&world.path());
    let all: u64 = ["default", "history", "latest", "quarantine"]
        .map(|name| family(name).file_bytes)
        .iter()
        .sum();
    assert_eq!(all, on_disk);
    let stats = world.store.stats().unwrap();
    assert_eq!(stats.cache.capacity_bytes, 1 << 20);
    assert!(!stats.pressure.is_write_stopped);
    assert_eq!(stats.poisoned, None);
}

fn sst_bytes(store: &Path) -> u64 {
    let entries = std::fs::read_dir(store.join("db")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let tables = paths.filter(|path| path.extension().is_some_and(|ext| ext == "sst"));
    tables.map(|path| path.metadata().unwrap().len()).sum()
}

#[test]
fn stats_name_what_stops_writes() {
    let world = World::with(weather());
    let mut batch = WriteBatch::new();
    batch.push_bad(JsonEvent::parse(b"nonsense").unwrap_err(), "nonsense", None);
    world
        .store
        .write(batch, WriteOptions::buffered().quarantine())
        .unwrap();
    let stats = world.store.stats().unwrap();
    assert_eq!(
        (stats.quarantine_rows, stats.quarantine_rows_max),
        (1, 100_000)
    );
    let other = world.store.clone();
    world.store.close().unwrap();
    let poisoned = other.stats().unwrap().poisoned.unwrap();
    assert!(poisoned.contains("closed"), "{poisoned}");
}

#[test]
fn verify_names_every_damaged_file_and_no_other() {
    // Who is hurt: whoever restores a whole store where one file would do, or one file of two.
    let mut world = World::with(weather());
    // Closing writes out what is in memory: two files of each family.
    for half in ["a", "b"] {
        for n in 0..150 {
            world.write(put(&format!("{half}{n}"), at(1), n as f64));
        }
        world = world.reopen();
    }
    let clean = world.store.verify(&mut |_| {}).unwrap();
    let tables = |report: &VerifyReport| -> Vec<FileVerdict> {
        let files = report.files.iter().filter(|file| file.family.is_some());
        files.cloned().collect()
    };
    assert!(clean.files.iter().all(|file| file.damage.is_none()));
    assert_eq!(clean.families.len(), 4);
    assert!(clean.families.iter().all(|family| family.read_to_the_end));
    let rows: Vec<_> = tables(&clean)
        .iter()
        .filter(|file| file.family != Some("default"))
        .map(|file| (file.family, file.rows))
        .collect();
    assert_eq!(
        rows,
        ["history", "history", "latest", "latest"].map(|family| (Some(family), Some(150)))
    );
    let (path, options) = (world.path(), world.options());
    let World {
        store, directory, ..
    } = world;
    store.close().unwrap();
    // One of the two files of each family. RocksDB may write one anew, under another name, once nobody
    // reads the state that `verify` has read: names hold while nobody has the store open.
    let there = Store::examine_tables(&path).unwrap();
    let paths: Vec<_> = there.into_iter().map(|table| table.file).collect();
    let at = paths.len() - 4;
    let broken = [&paths[at + 1], &paths[at + 2]];
    for name in broken {
        let mut bytes = std::fs::read(path.join(name)).unwrap();
        bytes[30] ^= 1;
        std::fs::write(path.join(name), bytes).unwrap();
    }
    let report = options.open(&path).unwrap().verify(&mut |_| {}).unwrap();
    let damaged = report.files.iter().filter(|file| file.damage.is_some());
    let damaged: Vec<_> = damaged.map(|file| &file.path).collect();
    assert_eq!(damaged, broken);
    assert_eq!(report.finding_count, 2, "{:?}", report.findings);
    for (finding, name) in report.findings.iter().zip(damaged) {
        assert!(finding.contains(name.as_str()), "{finding}");
    }
    let history = &report.families[1];
    assert!(!history.read_to_the_end && history.unchecked > 0);
    drop(directory);
}

#[test]
fn conflicts_among_thousands_of_versions_of_one_instant_are_counted_exactly() {
    // Who is hurt: whoever waits for the square of what one careless producer wrote.
    let world = World::with(weather());
    let view = world.view();
    let newark = world.entity("EWR");
    let rows = 3_000;
    let mut batch = WriteBatch::new();
    for n in 0..rows {
        let row = batch.put(&view, &newark, at(1));
        row.set_value("temp", n as f64).finish().unwrap();
        let row = batch.patch(&view, &newark, at(1));
        row.set_value("temp", n as f64).finish().unwrap();
    }
    world.store.write(batch, WriteOptions::buffered()).unwrap();
    let report = world.store.verify(&mut |_| {}).unwrap();
    // Every pair, less each Put with the Patch that says the same.
    let versions = 2 * rows;
    assert_eq!(report.conflicts, versions * (versions - 1) / 2 - rows);
}
