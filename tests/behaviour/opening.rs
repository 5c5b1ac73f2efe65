//! What a directory must be to be opened, and what opening leaves alone.

use crate::weather::{World, at, put, weather};
use asof::*;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Every file below a directory and what is in it. Where a store is open, RocksDB may unlink one while we
/// look.
pub(crate) fn files(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            match std::fs::read(&path) {
                Ok(content) => drop(found.insert(path, content)),
                Err(error) => assert_eq!(
                    error.kind(),
                    std::io::ErrorKind::NotFound,
                    "{}",
                    path.display()
                ),
            }
        }
    }
    found
}

/// A directory with a store in it that nobody has open.
fn closed() -> TempDir {
    let world = World::with(weather());
    world.write(put("EWR", at(6), 1.0));
    let World {
        store, directory, ..
    } = world;
    store.close().unwrap();
    directory
}

fn refused(path: &Path, create: bool, kind: ErrorKind, says: &[&str]) {
    let error = StoreOptions::new()
        .create_if_missing(create)
        .open(path)
        .unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    for word in says {
        assert!(
            error.to_string().contains(word),
            "{word:?} is not in {error}"
        );
    }
}

#[test]
fn a_store_without_a_cache_of_blocks_answers_as_any_other() {
    // Who is hurt: whoever turns the cache off, and whose process RocksDB ended for it.
    let world = World::with(weather());
    let without = StoreOptions::new().block_cache_bytes(0).temp().unwrap();
    without.apply(weather().build().unwrap()).unwrap();
    let digests = [&world.store, &without].map(|store| {
        let view = store.view("weather").unwrap();
        let mut batch = WriteBatch::new();
        put("EWR", at(6), 1.0).add(&mut batch, &view);
        store.write(batch, WriteOptions::synced()).unwrap();
        store.compact().unwrap();
        store.digest(&view).unwrap()
    });
    assert_eq!(digests[0], digests[1]);
    assert_eq!(digests[0].count, 1);
}

#[test]
fn who_comes_second_learns_who_was_first() {
    // Who is hurt: whoever is woken at night by a store that does not open.
    let world = World::with(weather());
    let pid = format!("pid {} on host ", std::process::id());
    // The machine's time, not the store's: a clock that stands still would name no start.
    let since = "since 20".to_string();
    for create in [false, true] {
        refused(
            &world.path(),
            create,
            ErrorKind::Locked,
            &[&pid, &since, "store"],
        );
    }
    assert_eq!(
        world.write(put("EWR", at(6), 1.0)).applied,
        1,
        "the first goes on"
    );
    let world = world.reopen();
    assert_eq!(world.temp("EWR"), Some(1.0));
}

#[test]
fn what_is_no_store_is_not_opened_and_not_changed() {
    let directory = TempDir::new().unwrap();
    refused(
        &directory.path().join("none"),
        false,
        ErrorKind::NotFound,
        &["no store"],
    );
    assert!(!directory.path().join("none").exists());
    refused(directory.path(), false, ErrorKind::NotFound, &["no store"]);
    std::fs::write(directory.path().join("notes.txt"), "mine").unwrap();
    refused(directory.path(), false, ErrorKind::NotFound, &["no store"]);
    assert_eq!(files(directory.path()).len(), 1);
    refused(
        &directory.path().join("notes.txt"),
        false,
        ErrorKind::InvalidArgument,
        &["not a directory"],
    );
    refused(
        &directory.path().join("notes.txt"),
        true,
        ErrorKind::InvalidArgument,
        &["not a directory"],
    );
}

#[test]
fn a_store_of_a_newer_format_is_refused_and_no_byte_of_it_changed() {
    // Who is hurt: whoever starts yesterday's build on today's store.
    let directory = closed();
    let path = directory.path().join("store");
    let marker = path.join("asof.store");
    let written = std::fs::read(&marker).unwrap();
    for longer in [false, true] {
        let mut newer = written.clone();
        newer[16..20].copy_from_slice(&7u32.to_le_bytes());
        newer[20..24].copy_from_slice(&6u32.to_le_bytes());
        if longer {
            newer.extend([0; 100]);
        }
        std::fs::write(&marker, newer).unwrap();
        let before = files(&path);
        for create in [false, true] {
            refused(
                &path,
                create,
                ErrorKind::UnsupportedFormat,
                &["format 7", "format 6", "reads 1 to 1"],
            );
        }
        assert_eq!(files(&path), before);
    }
    std::fs::write(&marker, written).unwrap();
    assert_eq!(Store::open(&path).unwrap().views().len(), 1);
}

#[test]
fn a_damaged_marker_is_never_believed() {
    // Who is hurt: whoever would be told that all rows are gone, because they were looked up under
    // another hash.
    let directory = closed();
    let path = directory.path().join("store");
    let marker = path.join("asof.store");
    let written = std::fs::read(&marker).unwrap();
    let before = files(&path);
    let damaged = (0..written.len()).flat_map(|at| [0x01, 0x80].map(|bit| (at, bit)));
    for (at, bit) in damaged {
        let mut flipped = written.clone();
        flipped[at] ^= bit;
        std::fs::write(&marker, flipped).unwrap();
        let error = StoreOptions::new()
            .create_if_missing(true)
            .open(&path)
            .unwrap_err();
        let said = [ErrorKind::Corrupt, ErrorKind::UnsupportedFormat].contains(&error.kind());
        assert!(said, "byte {at}: {error:?}");
    }
    for cut in 0..written.len() {
        std::fs::write(&marker, &written[..cut]).unwrap();
        refused(&path, true, ErrorKind::Corrupt, &["marker", "backup"]);
    }
    std::fs::write(&marker, &written).unwrap();
    assert_eq!(files(&path), before);
}

#[test]
fn a_database_without_its_marker_is_not_made_anew() {
    // Who is hurt: whoever lost one small file and would lose all rows.
    let directory = closed();
    let path = directory.path().join("store");
    std::fs::remove_file(path.join("asof.store")).unwrap();
    let before = files(&path);
    for create in [false, true] {
        refused(&path, create, ErrorKind::Corrupt, &["marker", "backup"]);
    }
    assert_eq!(files(&path), before);
}

#[test]
fn the_database_of_another_store_is_refused() {
    // Who is hurt: whoever restores half a backup.
    let (mine, other) = (closed(), closed());
    let path = mine.path().join("store");
    std::fs::remove_dir_all(path.join("db")).unwrap();
    std::fs::rename(other.path().join("store/db"), path.join("db")).unwrap();
    refused(&path, false, ErrorKind::Corrupt, &["different stores"]);
}

#[test]
fn a_store_whose_making_was_never_finished_is_made_anew() {
    // Who is hurt: whoever is killed in the first second and never gets the store open again.
    for content in [&b""[..], b"half a marker"] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store");
        let create = StoreOptions::new().create_if_missing(true);
        create.clone().open(&path).unwrap().close().unwrap();
        std::fs::rename(path.join("asof.store"), path.join("asof.store.unfinished")).unwrap();
        refused(&path, false, ErrorKind::NotFound, &["no store"]);
        std::fs::write(path.join("asof.store.unfinished"), content).unwrap();
        let store = create.open(&path).unwrap();
        assert!(store.views().is_empty());
        store.apply(weather().build().unwrap()).unwrap();
        store.close().unwrap();
        assert_eq!(Store::open(&path).unwrap().views().len(), 1);
        assert!(!path.join("asof.store.unfinished").exists());
    }
}

#[test]
fn a_store_with_rows_is_not_made_anew_where_the_disk_forgot_the_name_of_its_marker() {
    // Who is hurt: whoever had a year of rows in it.
    let directory = closed();
    let path = directory.path().join("store");
    let (marker, unfinished) = (path.join("asof.store"), path.join("asof.store.unfinished"));
    std::fs::rename(&marker, &unfinished).unwrap();
    let create = StoreOptions::new().create_if_missing(true);
    let error = create.open(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert!(
        error.to_string().contains("asof.store.unfinished"),
        "{error}"
    );
    // As the error says.
    std::fs::rename(unfinished, marker).unwrap();
    assert_eq!(Store::open(&path).unwrap().views().len(), 1);
}

#[test]
fn a_floor_never_goes_back() {
    // Who is hurt: whoever is answered from a past that is no longer whole, because a clock was set back.
    let hour = Retention::Window(Span::hours(1));
    let mut world = World::with(weather().history(hour).max_skew(MaxSkew::Forever));
    world.write(put("EWR", at(18), 1.0));
    world.write(put("EWR", at(8), 2.0));
    world.store.sync().unwrap();
    assert_eq!(world.store.floor(&world.view()).unwrap(), Some(at(11)));
    for clock in [at(5), at(11)] {
        world.clock.set(clock);
        world = world.reopen();
        world.write(put("JFK", at(18), 1.0));
        world.store.sync().unwrap();
        assert_eq!(world.store.floor(&world.view()).unwrap(), Some(at(11)));
        let early = Question::as_of(at(11).saturating_sub(Span::micros(1)));
        let error = world
            .store
            .get(&world.view(), &world.entity("EWR"), early)
            .unwrap_err();
        assert_eq!(
            error.kind(),
            ErrorKind::BeyondHistory {
                floor: at(11).micros()
            }
        );
        assert_eq!(world.write(put("EWR", at(7), 3.0)).too_late, 1);
    }
    world.clock.set(at(13));
    world.store.sync().unwrap();
    assert_eq!(world.store.floor(&world.view()).unwrap(), Some(at(12)));
}

#[test]
fn a_snapshot_keeps_the_floor_it_was_taken_at() {
    // Who is hurt: a long training set that is refused halfway.
    let hour = Retention::Window(Span::hours(1));
    let world = World::with(weather().history(hour));
    world.write(put("EWR", at(6), 1.0));
    world.write(put("EWR", at(7), 2.0));
    world.store.sync().unwrap();
    let snapshot = world.store.snapshot();
    world.write(put("EWR", at(11), 3.0));
    world.store.sync().unwrap();
    let (view, entity) = (world.view(), world.entity("EWR"));
    assert_eq!(
        (
            snapshot.floor(&view).unwrap(),
            world.store.floor(&view).unwrap()
        ),
        (Some(at(6)), Some(at(10)))
    );
    let question = Question::as_of(at(6));
    assert_eq!(
        crate::weather::temp(&snapshot, &view, &entity, question),
        Some(1.0)
    );
    assert!(world.store.get(&view, &entity, question).is_err());
    assert_eq!(snapshot.versions(&view).unwrap().count(), 2);
    assert_eq!(
        world.store.versions(&view).unwrap().count(),
        2,
        "6:00 went, 11:00 came"
    );
}

#[test]
fn a_store_that_is_only_read_keeps_its_floor_whatever_the_clock_says() {
    // Who is hurt: whoever looks at a store of forecasts from a machine whose clock is wrong.
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let open = |now: &str| {
        let clock = ManualClock::at(Timestamp::parse(now).unwrap());
        StoreOptions::new()
            .create_if_missing(true)
            .clock(clock)
            .open(&path)
            .unwrap()
    };
    let store = open("2013-01-01T00:00:00Z");
    let view = ViewDefinition::builder("v")
        .key("k", Type::I64)
        .feature("x", Type::I64);
    let view = view.history(asof::Retention::Window(Span::hours(1)));
    store
        .apply(view.max_skew(asof::MaxSkew::Forever).build().unwrap())
        .unwrap();
    let view = store.view("v").unwrap();
    let entity = view.entity([1i64]).unwrap();
    let mut batch = WriteBatch::new();
    let future = Timestamp::parse("2100-01-01T00:00:00Z").unwrap();
    batch
        .put(&view, &entity, future)
        .set_value("x", 1i64)
        .finish()
        .unwrap();
    store.write(batch, WriteOptions::default()).unwrap();
    let floor = store.floor(&view).unwrap();
    assert!(floor.is_some());
    drop((view, entity));
    store.close().unwrap();

    let store = open("2101-01-01T00:00:00Z");
    let view = store.view("v").unwrap();
    store.snapshot().digest(&view).unwrap();
    drop(view);
    store.close().unwrap();

    let store = open("2013-01-01T00:00:00Z");
    assert_eq!(store.floor(&store.view("v").unwrap()).unwrap(), floor);
}

#[test]
fn a_fence_is_not_put_up_behind_rows_that_are_stored() {
    // Who is hurt: whoever was erased and is found again, because the dump came after the rows.
    let world = World::with(weather());
    world.write(put("EWR", at(6), 1.0));
    let view = world.store.view("weather").unwrap();
    let fence = |hour| [(vec![Value::from("EWR")], at(hour), None)];
    let error = world
        .store
        .restore_bounds(&view, None, &fence(6))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Incompatible, "{error}");
    assert!(world.store.fences(&view).unwrap().is_empty());
    world.store.restore_bounds(&view, None, &fence(5)).unwrap();
    assert_eq!(world.store.fences(&view).unwrap().len(), 1);
}
