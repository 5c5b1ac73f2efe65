//! Stores of which one record was written by a newer version, and the marker does not say so.
//!
//! Who is hurt in all of them: whoever starts yesterday's build on today's store, is told that it is
//! damaged, and restores last week's copy.

use crate::error::{ErrorKind, Result};
use crate::format::catalog::{erasure_key, view_key};
use crate::format::checksum;
use crate::format::marker::Marker;
use crate::format::quarantine::TOTALS_KEY;
use crate::id::{Hex, ViewId};
use crate::kv::{Family, Kv, Walk};
use crate::store::{directory, watermark};
use crate::{
    EraseOptions, HistoryRange, Loss, Question, Read, SetDigest, Store, StoreOptions, Timestamp,
    Type, ViewDefinition, WriteBatch, WriteOptions,
};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const VIEWS: [&str; 2] = ["left", "right"];
/// What every refusal says besides what and where.
const NEXT: [&str; 2] = [
    "a newer version of asof wrote it",
    "Open the store with that version",
];

fn write(store: &Store, view: &str, id: i64, at: i64) -> Result<()> {
    let view = store.view(view)?;
    let mut batch = WriteBatch::new();
    let row = batch.put(&view, &view.entity([id])?, Timestamp::from_secs(at));
    row.set_value("n", at).finish()?;
    batch.from_log("log", "0", at as u64..at as u64 + 1);
    store.write(batch, WriteOptions::synced()).map(drop)
}

/// A closed store with a record of every kind in it.
fn closed() -> TempDir {
    let home = TempDir::new().unwrap();
    let options = StoreOptions::new().create_if_missing(true);
    let store = options.open(home.path().join("store")).unwrap();
    for name in VIEWS {
        let view = ViewDefinition::builder(name)
            .key("id", Type::I64)
            .feature("n", Type::I64);
        store.apply(view.build().unwrap()).unwrap();
    }
    for at in 0..6 {
        write(&store, VIEWS[at as usize % 2], at / 2, at).unwrap();
    }
    let view = store.view("left").unwrap();
    let gone = view.entity([0i64]).unwrap();
    store.erase(&view, &gone, EraseOptions::new()).unwrap();
    set_aside(&store).unwrap();
    store.close().unwrap();
    home
}

fn set_aside(store: &Store) -> Result<()> {
    let mut bad = WriteBatch::new();
    for line in ["nonsense", "more nonsense"] {
        bad.push_bad(crate::Error::invalid("it is none"), line, None);
    }
    let quarantine = WriteOptions::synced().quarantine();
    store.write(bad, quarantine).map(drop)
}

/// Every file but that of whoever asks to own the store.
fn files(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false if path.ends_with("lock") => {}
            false => drop(found.insert(path.clone(), fs::read(&path).unwrap())),
        }
    }
    found
}

fn database(store: &Path) -> Kv {
    let marker = fs::read(store.join("asof.store")).unwrap();
    let mut options = StoreOptions::new().of_database().unwrap();
    options.tag = Marker::decode(&marker).unwrap().tag();
    Kv::open(&directory::db(store), false, &options).unwrap()
}

/// Writes a row as a newer version would have: whole.
fn put(kv: &Kv, family: Family, key: &[u8], value: &[u8]) {
    let mut batch = kv.batch();
    batch.put(family, key, |out| out.extend(value));
    batch.commit().unwrap();
    kv.sync().unwrap();
}

/// Changes the value of one row, without its checksum, which is made anew.
fn change(kv: &Kv, family: Family, key: &[u8], change: impl FnOnce(&mut [u8])) {
    let stored = kv.get(family, key, None).unwrap().expect("it is there");
    let mut value = checksum::open("it", key, &stored).unwrap().to_vec();
    change(&mut value);
    put(kv, family, key, &value);
}

fn of_format_2(value: &mut [u8]) {
    assert_eq!(value[0], 1);
    value[0] = 2;
}

/// Opens a store that must not be opened, more than once.
fn refused_at_open(store: &Path, how: &str, says: &[&str]) {
    let lossy = StoreOptions::new().accept_loss(Loss::Unreadable);
    for _ in 0..2 {
        let asked = [
            Store::open(store).map(drop),
            lossy.clone().open(store).map(drop),
            Store::examine_tables(store).map(drop),
        ];
        for refusal in asked {
            let error = refusal.expect_err(how);
            assert_eq!(error.kind(), ErrorKind::UnsupportedFormat, "{how}: {error}");
            let text = error.to_string();
            for word in says.iter().chain(&NEXT) {
                assert!(text.contains(word), "{how}: {word:?} is not in: {text}");
            }
        }
    }
}

/// The rows of catalog and quarantine.
fn rows(kv: &Kv) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut found = BTreeMap::new();
    for family in [Family::Catalog, Family::Quarantine] {
        let mut cursor = kv.cursor(family, Walk::Range, None);
        cursor.seek(&[]).unwrap();
        while let Some((key, stored)) = cursor.item() {
            found.insert(key.to_vec(), stored.to_vec());
            cursor.next().unwrap();
        }
    }
    found
}

/// Asks a store that must not be opened in every way, and holds its files against what they were.
fn refused(store: &Path, how: &str, says: &[&str]) {
    let before = files(store);
    let lossy = StoreOptions::new().accept_loss(Loss::Unreadable);
    let asked = [
        Store::open(store).map(drop),
        lossy.open(store).map(drop),
        Store::examine(store).map(drop),
    ];
    for refusal in asked {
        let error = refusal.expect_err(how);
        assert_eq!(error.kind(), ErrorKind::UnsupportedFormat, "{how}: {error}");
        let text = error.to_string();
        for word in says.iter().chain(&NEXT).chain(&["nothing was changed"]) {
            assert!(text.contains(word), "{how}: {word:?} is not in: {text}");
        }
    }
    assert!(files(store) == before, "{how}: a byte was changed");
}

#[test]
fn a_newer_row_of_catalog_or_quarantine_is_refused_and_kept() {
    type Craft = fn(&Kv);
    let cases: [(&str, Craft, &[&str]); 5] = [
        (
            "a contract",
            |kv| change(kv, Family::Catalog, &view_key(ViewId(1)), of_format_2),
            &[
                "under key 1000000001",
                "a contract in the catalog is of format 2",
                "reads format 1",
            ],
        ),
        (
            "the record of an erase",
            |kv| change(kv, Family::Catalog, &erasure_key(1), of_format_2),
            &[
                "under key 400000000000000001",
                "the record of an erase is of format 2",
            ],
        ),
        (
            "a kind of row",
            |kv| put(kv, Family::Catalog, &[0x31, 7], b"what nobody knows yet"),
            &["under key 3107", "its kind is 0x31"],
        ),
        (
            "the size of the quarantine",
            |kv| change(kv, Family::Quarantine, &TOTALS_KEY, of_format_2),
            &["the size of the quarantine is of format 2"],
        ),
        (
            "a kind of entry",
            |kv| put(kv, Family::Quarantine, &[4; 17], b"what nobody knows yet"),
            &["the quarantine has a row under key 0404"],
        ),
    ];
    for (what, craft, says) in cases {
        for in_tables in [false, true] {
            let home = closed();
            let store = home.path().join("store");
            let kv = database(&store);
            craft(&kv);
            if in_tables {
                kv.flush().unwrap();
            }
            let before = rows(&kv);
            drop(kv);
            refused_at_open(&store, &format!("{what}, in tables: {in_tables}"), says);
            assert!(
                rows(&database(&store)) == before,
                "{what}: a row was changed"
            );
        }
    }
}

#[test]
fn a_newer_watermark_is_refused_before_any_byte_is_changed() {
    for slot in [0, 4096] {
        let home = closed();
        let store = home.path().join("store");
        let name = store.join(watermark::NAME);
        let mut file = fs::read(&name).unwrap();
        let mut sealed = file[slot..slot + 88].to_vec();
        sealed[7] = 2;
        checksum::seal(b"", &mut sealed, 0);
        file[slot..slot + 92].copy_from_slice(&sealed);
        fs::write(&name, file).unwrap();
        refused(
            &store,
            &format!("slot at {slot}"),
            &["the watermark is of format 2"],
        );
    }
}

#[test]
fn a_log_with_a_newer_note_is_refused_before_any_byte_is_changed() {
    let home = closed();
    let store = home.path().join("store");
    let kv = database(&store);
    let sequence = kv.sequence();
    drop(kv);
    // The next batch, as a newer version notes it.
    let mut batch = (sequence + 1).to_le_bytes().to_vec();
    batch.extend(1u32.to_le_bytes());
    batch.extend([3, 2, b'E', 0]);
    batch.extend([1, 1, b'k', 1, b'v']);
    let log = newest_log(&store);
    fs::write(&log, crate::preflight::framed(&[&batch])).unwrap();
    let file = log.file_name().unwrap().to_string_lossy().into_owned();
    let says = [
        file.as_str(),
        &format!("at sequence {}", sequence + 1),
        "a note of kind 0x45",
    ];
    refused(&store, "a note", &says);
}

fn newest_log(store: &Path) -> PathBuf {
    let logs = files(&directory::db(store)).into_keys();
    logs.filter(|path| path.extension().is_some_and(|e| e == "log"))
        .max()
        .unwrap()
}

/// The first row of a family that belongs to the view on the left, or of the quarantine.
fn first_row(kv: &Kv, family: Family) -> (Vec<u8>, Vec<u8>) {
    let mut cursor = kv.cursor(family, Walk::Range, None);
    cursor.seek(&[]).unwrap();
    let (key, stored) = cursor.item().expect("it has rows");
    (key.to_vec(), stored.to_vec())
}

/// A store of which the first row of a family was changed, the key of that, and the bytes under it.
fn with_newer(family: Family, how: impl FnOnce(&mut [u8])) -> (TempDir, Vec<u8>, Vec<u8>) {
    let home = closed();
    let kv = database(&home.path().join("store"));
    let (key, _) = first_row(&kv, family);
    change(&kv, family, &key, how);
    kv.flush().unwrap();
    let (_, stored) = first_row(&kv, family);
    drop(kv);
    (home, key, stored)
}

/// Checks that a read says what it has met, and where.
fn told<T>(read: Result<T>, what: &str) {
    let error = read.map(drop).expect_err(what);
    assert_eq!(
        error.kind(),
        ErrorKind::UnsupportedFormat,
        "{what}: {error}"
    );
    for word in NEXT {
        assert!(
            error.to_string().contains(word),
            "{what}: {word:?} is not in {error}"
        );
    }
}

/// The same, of a row that has this key.
fn told_of<T>(key: &[u8], read: Result<T>, what: &str) {
    let read = read.inspect_err(|error| {
        let key = Hex(key).to_string();
        assert!(error.to_string().contains(&key), "{what}: {error}");
    });
    told(read, what);
}

fn digest(store: &Store, view: &str) -> Result<SetDigest> {
    store.digest(&store.view(view)?)
}

/// What stays as it was beside a row that cannot be read, and that the row stays.
fn the_rest_goes_on(store: Store, home: &TempDir, family: Family, key: &[u8], stored: &[u8]) {
    let before = digest(&store, "right").unwrap();
    write(&store, "right", 9, 10).unwrap();
    assert_eq!(digest(&store, "right").unwrap().count, before.count + 1);
    let report = store.verify(&mut |_| {}).unwrap();
    assert!(!report.is_clean());
    let said = report
        .findings
        .iter()
        .any(|finding| finding.contains(NEXT[0]));
    assert!(said, "{:?}", report.findings);
    store.compact().unwrap();
    store.close().unwrap();
    let kv = database(&home.path().join("store"));
    assert_eq!(kv.get(family, key, None).unwrap().as_deref(), Some(stored));
}

#[test]
fn a_newer_version_of_a_row_is_told_by_every_read_that_meets_it() {
    let (home, key, stored) = with_newer(Family::History, of_format_2);
    let store = Store::open(home.path().join("store")).unwrap();
    let view = store.view("left").unwrap();
    let entities = [1i64, 2].map(|id| view.entity([id]).unwrap());
    let long_ago = Question::as_of(Timestamp::from_secs(100));
    let met = |read: &dyn Fn(&crate::Entity) -> Result<()>| {
        let failed: Vec<_> = entities.iter().map(read).filter_map(Result::err).collect();
        assert_eq!(failed.len(), 1, "one of two entities has such a row");
        let error = failed.into_iter().next().unwrap();
        assert!(
            error.to_string().contains(&Hex(&key).to_string()),
            "{error}"
        );
        told::<()>(Err(error), "a read of an entity");
    };
    met(&|entity| store.get(&view, entity, long_ago).map(drop));
    met(&|entity| store.explain(&view, entity, long_ago).map(drop));
    met(&|entity| {
        let history = store.history(&view, entity, HistoryRange::default())?;
        history.collect::<Result<Vec<_>>>().map(drop)
    });
    told(store.digest(&view), "a digest");
    told(store.census(&mut |_| {}), "a census");
    let versions = store.versions(&view).unwrap();
    told(versions.collect::<Result<Vec<_>>>(), "a dump");
    let rows = store.scan(&view, long_ago).unwrap();
    told(rows.collect::<Result<Vec<_>>>(), "a scan of the past");
    drop(view);
    the_rest_goes_on(store, &home, Family::History, &key, &stored);
}

#[test]
fn a_newer_latest_row_is_told_and_never_written_over() {
    let (home, key, stored) = with_newer(Family::Latest, of_format_2);
    let store = Store::open(home.path().join("store")).unwrap();
    let view = store.view("left").unwrap();
    let mut failed = 0;
    for id in [1i64, 2] {
        let entity = view.entity([id]).unwrap();
        let read = || store.get(&view, &entity, Question::latest());
        // The second finds it in memory.
        let (read, again) = (read(), read());
        let written = write(&store, "left", id, 20 + id);
        assert_eq!(read.is_err(), written.is_err(), "{id}");
        if read.is_err() {
            failed += 1;
            told_of(&key, read, "a read of the latest row");
            told_of(&key, again, "a read of the latest row in memory");
            told_of(&key, written, "a write that would join it");
        }
    }
    assert_eq!(failed, 1, "one of two entities has such a row");
    let rows = store.scan(&view, Question::latest()).unwrap();
    told(rows.collect::<Result<Vec<_>>>(), "a scan");
    drop(view);
    the_rest_goes_on(store, &home, Family::Latest, &key, &stored);
}

#[test]
fn a_newer_entry_of_the_quarantine_is_told_and_its_neighbours_are_shown() {
    // The form is the last that an entry says: two flags follow it, both unset.
    let of_another_form = |value: &mut [u8]| {
        let form = value.len() - 3;
        assert_eq!(value[form..], [1, 0, 0]);
        value[form] = 4;
    };
    let cases: [fn(&mut [u8]); 2] = [of_format_2, of_another_form];
    for how in cases {
        let (home, key, stored) = with_newer(Family::Quarantine, how);
        let store = Store::open(home.path().join("store")).unwrap();
        let (whole, newer): (Vec<_>, Vec<_>) = store.quarantine().partition(Result::is_ok);
        assert_eq!((whole.len(), newer.len()), (1, 1));
        newer.into_iter().for_each(|entry| told(entry, "an entry"));
        // The same row comes again: a damaged entry is written over, this one is not.
        told(set_aside(&store), "a batch with the same bad row");
        // Of whom it speaks nobody can tell: an erase would leave it behind without a word.
        let view = store.view("left").unwrap();
        let entity = view.entity([1i64]).unwrap();
        told(store.erase(&view, &entity, EraseOptions::new()), "an erase");
        drop(view);
        the_rest_goes_on(store, &home, Family::Quarantine, &key, &stored);
    }
}
