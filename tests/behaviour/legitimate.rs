//! States that no fault of the disk has made: a store must open in each of them, with every row that
//! was acknowledged.

use crate::opening::files;
use crate::weather::{World, at, put, weather};
use asof::*;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Copies all that is in a directory now, as a process that is killed this moment leaves it.
pub(crate) fn copy(from: &Path) -> TempDir {
    let copy = TempDir::new().unwrap();
    crate::killed::copy(from, copy.path()).unwrap();
    copy
}

/// Writes into the watermark that another run of the machine has written it.
fn after_restart(store: &Path, boot: [u8; 16]) {
    let name = store.join("watermark");
    let mut file = std::fs::read(&name).unwrap();
    for slot in [0, 4096] {
        let slot = &mut file[slot..slot + 92];
        slot[56..72].copy_from_slice(&boot);
        let sum = crc32fast::hash(&slot[..88]).to_le_bytes();
        slot[88..].copy_from_slice(&sum);
    }
    std::fs::write(name, file).unwrap();
}

fn logs(store: &Path) -> Vec<PathBuf> {
    let mut logs: Vec<PathBuf> = files(&store.join("db")).into_keys().collect();
    logs.retain(|path| path.extension().is_some_and(|e| e == "log"));
    logs.sort();
    logs
}

#[track_caller]
fn opens_with(world: &World, path: &Path, versions: u64) {
    let found = Store::examine(path).unwrap();
    assert!(found.damage().is_none(), "{:?}", found.damage());
    let store = world.options().open(path).unwrap();
    let view = store.view("weather").unwrap();
    assert_eq!(store.digest(&view).unwrap().count, versions);
    assert!(store.verify(&mut |_| {}).unwrap().is_clean());
}

#[test]
fn a_copy_on_another_machine_opens() {
    // Who is hurt: whoever moves a store, whose watermark tells of another machine's run, or of none
    // where /proc is not to be seen.
    let world = World::with(weather());
    world.write(put("EWR", at(1), 1.0));
    world.store.sync().unwrap();
    world.write(put("EWR", at(2), 2.0));
    let killed = copy(&world.path());
    let (path, options) = (world.path(), world.options());
    world.store.close().unwrap();
    for boot in [[0; 16], [7; 16]] {
        for (state, opened) in [(killed.path(), 2), (&path, 2)] {
            let moved = copy(state);
            after_restart(moved.path(), boot);
            let store = options.clone().open(moved.path()).unwrap();
            let view = store.view("weather").unwrap();
            assert_eq!(store.digest(&view).unwrap().count, opened);
        }
    }
}

#[test]
fn a_power_cut_may_tear_the_end_and_leave_an_old_watermark() {
    // Who is hurt: whoever loses power; the watermark is not synced with each write.
    let world = World::with(weather());
    world.write(put("EWR", at(1), 1.0));
    world.store.sync().unwrap();
    let old = std::fs::read(world.path().join("watermark")).unwrap();
    world.write(put("EWR", at(2), 2.0));
    world.store.sync().unwrap();
    let synced = std::fs::metadata(&logs(&world.path())[0]).unwrap().len() as usize;
    world.write(put("EWR", at(3), 3.0));
    world.write(put("EWR", at(4), 4.0));
    let killed = copy(&world.path());
    std::fs::write(killed.path().join("watermark"), old).unwrap();
    after_restart(killed.path(), [7; 16]);
    let whole = std::fs::read(&logs(killed.path())[0]).unwrap();
    // What was not synced is cut off, zero, or nonsense; and a hole in it with a whole record behind.
    let mut states = vec![(whole[..synced].to_vec(), 2), (whole.clone(), 4)];
    for byte in [0, 0xa5] {
        let mut tail = whole.clone();
        tail[synced + 20..].fill(byte);
        states.push((tail, 2));
        let mut hole = whole.clone();
        hole[synced + 20..synced + 60].fill(byte);
        states.push((hole, 2));
    }
    for (log, versions) in states {
        let state = copy(killed.path());
        std::fs::write(&logs(state.path())[0], log).unwrap();
        opens_with(&world, state.path(), versions);
    }
}

#[test]
fn several_logs_that_are_alive_are_one_log() {
    // Who is hurt: whoever is killed between two memtables; the rows stand in two logs, and one that is
    // taken away, or stands there twice, must be missed.
    let world = World::with(weather());
    world.write(put("EWR", at(11), 1.0));
    let late = |n: i64| at(0).saturating_add(Span::micros(n));
    let rows = 12_000;
    for part in 0..12 {
        let mut batch = WriteBatch::new();
        for n in 0..rows / 12 {
            put("EWR", late(part * rows / 12 + n), 1.0).add(&mut batch, &world.view());
        }
        world.store.write(batch, WriteOptions::synced()).unwrap();
    }
    let killed = copy(&world.path());
    let alive = logs(killed.path());
    assert!(alive.len() >= 2, "{alive:?}");
    opens_with(&world, copy(killed.path()).path(), 1 + rows as u64);
    for log in &alive {
        let state = copy(killed.path());
        let log = state.path().join(log.strip_prefix(killed.path()).unwrap());
        let whole = std::fs::read(&log).unwrap();
        std::fs::write(state.path().join("db/999999.log"), &whole).unwrap();
        refused(&world, state.path());
        std::fs::remove_file(state.path().join("db/999999.log")).unwrap();
        std::fs::remove_file(&log).unwrap();
        refused(&world, state.path());
        std::fs::write(&log, whole).unwrap();
        opens_with(&world, state.path(), 1 + rows as u64);
    }
}

#[track_caller]
fn refused(world: &World, path: &Path) {
    let error = world.options().open(path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert!(error.to_string().contains("nothing was changed"), "{error}");
}

#[test]
fn every_step_of_making_a_store_may_be_the_last() {
    // Who is hurt: whoever is killed in the first second; nobody was told of that store.
    let world = World::empty();
    let made = copy(&world.path());
    let marker = std::fs::read(made.path().join("asof.store")).unwrap();
    let steps: [(&str, &[&str]); 6] = [
        ("nothing but the directory", &["lock", "watermark", "db"]),
        ("the lock", &["watermark", "db"]),
        ("no database", &["watermark", "db"]),
        ("half a database", &["watermark", "db/CURRENT"]),
        ("no watermark", &["watermark"]),
        ("all but the name of the marker", &[]),
    ];
    for (n, (step, missing)) in steps.into_iter().enumerate() {
        let state = copy(made.path());
        std::fs::remove_file(state.path().join("asof.store")).unwrap();
        if n >= 2 {
            std::fs::write(state.path().join("asof.store.unfinished"), &marker).unwrap();
        }
        for name in missing {
            let name = state.path().join(name);
            match name.is_dir() {
                true => std::fs::remove_dir_all(name).unwrap(),
                false => std::fs::remove_file(name).unwrap(),
            }
        }
        let error = Store::open(state.path()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{step}: {error}");
        let create = || world.options().create_if_missing(true);
        let store = create().open(state.path()).unwrap();
        store.apply(weather().build().unwrap()).unwrap();
        store.close().unwrap();
        let store = create().open(state.path()).unwrap();
        assert_eq!(store.views().len(), 1, "{step}");
    }
}

#[test]
fn opens_in_a_row_change_nothing_and_a_lock_may_be_lost() {
    // Who is hurt: whoever runs `asof get` in a loop, or cleans up files that look idle.
    let world = World::with(weather());
    world.write(put("EWR", at(1), 1.0));
    let (path, options) = (world.path(), world.options());
    let directory = world.directory;
    drop(world.store);
    for _ in 0..3 {
        let store = options.clone().open(&path).unwrap();
        let view = store.view("weather").unwrap();
        assert_eq!(store.digest(&view).unwrap().count, 1);
        drop(view);
        store.close().unwrap();
        std::fs::remove_file(path.join("lock")).unwrap();
        // A killed process that wrote nothing leaves an empty log and a new manifest.
        let store = options.clone().open(&path).unwrap();
        let killed = copy(&path);
        drop(store);
        options.clone().open(killed.path()).unwrap();
    }
    drop(directory);
}

#[test]
fn a_watermark_older_than_a_flush_or_a_manifest_is_no_damage() {
    // Who is hurt: whoever loses power after RocksDB began a manifest or let go of a log.
    let world = World::with(weather());
    world.write(put("EWR", at(1), 1.0));
    world.store.sync().unwrap();
    let old = std::fs::read(world.path().join("watermark")).unwrap();
    world.write(put("EWR", at(2), 2.0));
    world.store.compact().unwrap();
    let flushed = copy(&world.path());
    let (path, options) = (world.path(), world.options());
    let World {
        store, directory, ..
    } = world;
    drop(store);
    let store = options.clone().open(&path).unwrap();
    let reopened = copy(&path);
    drop((store, directory));
    for state in [flushed, reopened] {
        for boot in [None, Some([7; 16])] {
            let state = copy(state.path());
            std::fs::write(state.path().join("watermark"), &old).unwrap();
            if let Some(boot) = boot {
                after_restart(state.path(), boot);
            }
            let store = options.clone().open(state.path()).unwrap();
            let view = store.view("weather").unwrap();
            assert_eq!(store.digest(&view).unwrap().count, 2);
        }
    }
}

#[test]
fn a_log_and_a_watermark_of_another_store_are_refused() {
    // Who is hurt: whoever puts back one file from the copy of the wrong store, whose rows would be
    // replayed over these.
    let [mine, other] = [1.0, 2.0].map(|temp| {
        let world = World::with(weather());
        world.write(put("EWR", at(1), temp));
        world.store.sync().unwrap();
        world
    });
    for file in ["watermark", "log"] {
        let state = copy(&mine.path());
        let name = match file {
            "log" => logs(state.path())[0]
                .strip_prefix(state.path())
                .unwrap()
                .into(),
            name => PathBuf::from(name),
        };
        std::fs::copy(other.path().join(&name), state.path().join(&name)).unwrap();
        let error = mine.options().open(state.path()).unwrap_err();
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.contains("another store"), "{file}: {source}");
        refused(&mine, state.path());
    }
}

#[test]
fn a_damaged_table_is_named_without_opening_the_store() {
    // Who is hurt: whoever cannot open the store to verify it, because the catalog's own table is hurt.
    let world = World::with(weather());
    world.write(put("EWR", at(1), 1.0));
    world.store.compact().unwrap();
    let (path, directory) = (world.path(), world.directory);
    world.store.close().unwrap();
    let tables: Vec<PathBuf> = files(&path.join("db"))
        .into_keys()
        .filter(|path| path.extension().is_some_and(|e| e == "sst"))
        .collect();
    assert!(tables.len() >= 3);
    for table in tables {
        let name = table.strip_prefix(&path).unwrap().to_str().unwrap();
        let whole = std::fs::read(&table).unwrap();
        for at in [3, whole.len() - 20] {
            let mut hurt = whole.clone();
            hurt[at] ^= 1;
            std::fs::write(&table, hurt).unwrap();
            let before = files(&path.join("db"));
            let found = Store::examine_tables(&path).unwrap();
            assert_eq!(files(&path.join("db")), before);
            let damaged: Vec<&str> = found
                .iter()
                .filter(|finding| finding.health == Health::Damaged)
                .map(|finding| finding.file.as_str())
                .collect();
            assert_eq!(damaged, [name], "byte {at}: {found:?}");
        }
        std::fs::write(&table, whole).unwrap();
    }
    drop(directory);
}
