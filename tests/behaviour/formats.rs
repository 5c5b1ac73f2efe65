//! Stores that were written once are read for ever: a store of format 1 lies in `tests/formats`, with
//! every answer that it gave when it was written.
//!
//! To write it anew, after a change of an unreleased format:
//! `ASOF_FREEZE=1 cargo test --test behaviour formats::a_store`, the same for `-p asof-cli --test cli frozen`, then `tests/formats/frozen.sh --accept` and a
//! line in `tests/formats/CHANGES`.

use crate::legitimate::copy;
use crate::opening::files;
use crate::small_store::{self, answers};
use asof::*;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn frozen() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats/store-v1")
}

fn options() -> StoreOptions {
    StoreOptions::new()
        .clock(ManualClock::at(small_store::noon()))
        .block_cache_bytes(1 << 20)
        .memtable_bytes(1 << 20)
}

/// Every answer, one after another.
fn told(store: &Store) -> String {
    let mut text = String::new();
    for (question, answer) in answers(store) {
        let answer = answer.unwrap_or_else(|kind| panic!("{question}: {kind:?}"));
        text += &format!("# {question}\n{answer}\n");
    }
    text
}

/// Lets go of the store's files that RocksDB writes for people only, and of who owned it.
fn freeze(store: &Path) {
    let _ = std::fs::remove_dir_all(frozen());
    for (path, bytes) in files(store) {
        let name = path.strip_prefix(store).unwrap().to_owned();
        let spare = ["LOG", "LOCK", "lock"]
            .iter()
            .any(|spare| name.ends_with(spare));
        if spare || name.to_string_lossy().contains("LOG.old") {
            continue;
        }
        let path = frozen().join("store").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

#[test]
#[allow(
    clippy::disallowed_methods,
    reason = "whoever freezes a format says so"
)]
fn a_store_of_format_1_opens_and_gives_the_answers_it_gave() {
    // Who is hurt: whoever updates asof and is answered otherwise than yesterday, or not at all.
    if std::env::var_os("ASOF_FREEZE").is_some() {
        let directory = TempDir::new().unwrap();
        let live = directory.path().join("store");
        let store = options().create_if_missing(true).open(&live).unwrap();
        small_store::fill(&store, 0, || {}).unwrap();
        freeze(copy(&live).path());
        std::fs::write(frozen().join("answers.txt"), told(&store)).unwrap();
    }
    // As a process that was killed left it: tables, and rows that are in the log only.
    let store = copy(&frozen().join("store"));
    let found = Store::examine(store.path()).unwrap();
    assert!(found.damage().is_none(), "{:?}", found.damage());
    let right = std::fs::read_to_string(frozen().join("answers.txt")).unwrap();
    let open = || options().open(store.path()).unwrap();
    // Once from the log, once from what opening has made of it, once after everything was rewritten.
    for rewrite in [false, false, true] {
        let store = open();
        if rewrite {
            store.compact().unwrap();
        }
        similar(&told(&store), &right);
        let report = store.verify(&mut |_| {}).unwrap();
        assert!(report.is_clean(), "{:?}", report.findings);
        store.close().unwrap();
    }
    // Writing it all again changes nothing: old rows and new ones are the same rows.
    let store = open();
    let view = store.view("weather").unwrap();
    let before = store.digest(&view).unwrap();
    let dump: Vec<_> = store.versions(&view).unwrap().map(Result::unwrap).collect();
    let mut batch = WriteBatch::new();
    for (entity, version) in &dump {
        let mut row = match version.op() {
            Op::Put => batch.put(&view, entity, version.event_time()),
            Op::Patch => batch.patch(&view, entity, version.event_time()),
            Op::Delete => batch.delete(&view, entity, version.event_time()),
        };
        row = row.recorded_at(version.recorded_at());
        for feature in version.features() {
            let (feature, value) = feature.unwrap();
            row = match value {
                Some(ValueRef::F64(value)) => row.set_value(feature.name(), value),
                None => row.set_value(feature.name(), Value::Null),
                other => panic!("{other:?}"),
            };
        }
        row.finish().unwrap();
    }
    let receipt = store.write(batch, WriteOptions::synced()).unwrap();
    assert_eq!(receipt.rows, dump.len() as u64);
    assert_eq!(store.digest(&view).unwrap(), before);
}

/// Compares line by line, so that what differs is seen.
#[track_caller]
fn similar(told: &str, right: &str) {
    for (n, (told, right)) in told.lines().zip(right.lines()).enumerate() {
        assert_eq!(told, right, "line {} of answers.txt", n + 1);
    }
    assert_eq!(told.lines().count(), right.lines().count());
}

/// A copy of the frozen store, with one kind of format turned into a newer one.
fn newer(change: impl Fn(&mut Vec<u8>)) -> TempDir {
    let store = copy(&frozen().join("store"));
    let marker = store.path().join("asof.store");
    let mut bytes = std::fs::read(&marker).unwrap();
    change(&mut bytes);
    std::fs::write(marker, bytes).unwrap();
    store
}

#[test]
fn a_newer_store_is_refused_before_any_file_is_made_or_changed() {
    // Who is hurt: whoever starts yesterday's build on today's store, and tomorrow today's again.
    for reads in [2u32, 7, u32::MAX] {
        let store = newer(|marker| {
            marker[16..20].copy_from_slice(&reads.to_le_bytes());
            marker[20..24].copy_from_slice(&reads.to_le_bytes());
            let end = marker.len() - 4;
            let sum = crc32fast::hash(&marker[..end]).to_le_bytes();
            marker[end..].copy_from_slice(&sum);
        });
        let before = files(store.path());
        for create in [false, true] {
            let error = options()
                .create_if_missing(create)
                .open(store.path())
                .unwrap_err();
            assert_eq!(error.kind(), ErrorKind::UnsupportedFormat, "{error}");
        }
        let error = Store::examine(store.path()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnsupportedFormat, "{error}");
        assert_eq!(files(store.path()), before, "not even a lock is made");
    }
}
