//! What a store does about its log before it is opened.

use crate::weather::{World, at, put, weather};
use asof::*;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The store as a process that is killed this moment would leave it.
fn killed(world: &World) -> TempDir {
    let copy = TempDir::new().unwrap();
    for (path, bytes) in crate::opening::files(&world.path()) {
        let path = copy.path().join(path.strip_prefix(world.path()).unwrap());
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    copy
}

fn log(store: &Path) -> PathBuf {
    let files = crate::opening::files(&store.join("db"));
    let logs = files.into_keys();
    logs.filter(|path| path.extension().is_some_and(|e| e == "log"))
        .max()
        .unwrap()
}

fn versions(world: &World, path: &Path) -> Result<u64> {
    let store = world.options().open(path)?;
    let view = store.view("weather")?;
    let snapshot = store.snapshot();
    let count = snapshot.versions(&view)?.count();
    Ok(count as u64)
}

#[test]
fn a_log_that_ends_anywhere_in_unsynced_rows_opens_and_anywhere_before_is_refused() {
    // Who is hurt: one step this way, whoever was killed; one step that way, whoever was told "safe".
    let world = World::with(weather());
    world.write(put("EWR", at(1), 1.0));
    world.write(put("EWR", at(2), 2.0));
    world.store.sync().unwrap();
    let synced = std::fs::metadata(log(&world.path())).unwrap().len() as usize;
    world.write(put("EWR", at(3), 3.0));
    world.write(put("EWR", at(4), 4.0));
    let killed = killed(&world);
    let whole = std::fs::read(log(killed.path())).unwrap();
    assert!(whole.len() > synced + 100);
    let name = log(killed.path());
    let files = crate::opening::files(killed.path());
    for cut in (0..whole.len())
        .step_by(3)
        .chain([synced - 1, synced, synced + 1])
    {
        for (path, bytes) in &files {
            std::fs::write(path, bytes).unwrap();
        }
        std::fs::write(&name, &whole[..cut]).unwrap();
        let opened = versions(&world, killed.path());
        if cut < synced {
            let error = opened.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "cut {cut}: {error}");
        } else {
            let count = opened.unwrap_or_else(|error| panic!("cut {cut}: {error}"));
            assert!((2..=3).contains(&count), "cut {cut}: {count} versions");
        }
        // Opening has made a manifest and a log of its own.
        std::fs::remove_dir_all(killed.path().join("db")).unwrap();
        std::fs::create_dir(killed.path().join("db")).unwrap();
    }
}

#[test]
fn damage_names_the_file_and_the_place_and_changes_no_byte() {
    // Who is hurt: whoever must decide at night what to restore.
    let world = World::with(weather());
    for hour in 1..6 {
        world.write(put("EWR", at(hour), 1.0));
    }
    let killed = killed(&world);
    let log = log(killed.path());
    let mut bytes = std::fs::read(&log).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&log, bytes).unwrap();
    let before = crate::opening::files(killed.path());
    let error = world.options().open(killed.path()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    let source = std::error::Error::source(&error).unwrap();
    let damage = source.downcast_ref::<Finding>().unwrap();
    assert_eq!(damage.health, Health::Damaged);
    assert!(damage.file.ends_with(".log"), "{damage}");
    assert!(damage.offset.unwrap() <= middle as u64, "{damage}");
    assert!(error.to_string().contains("asof doctor"), "{error}");
    let mut after = crate::opening::files(killed.path());
    // Who tried to open it is written into the lock.
    after.insert(
        killed.path().join("lock"),
        before[&killed.path().join("lock")].clone(),
    );
    assert_eq!(after, before);

    let found = Store::examine(killed.path()).unwrap();
    let loss = found.loss();
    assert!(loss.records() > 0 && found.is_acceptable());
    let less = world.options().accept_loss(Loss::UpTo(loss.records() - 1));
    let error = less.open(killed.path()).unwrap_err();
    assert!(error.to_string().contains("are accepted"), "{error}");
    let store = world
        .options()
        .accept_loss(Loss::UpTo(loss.records()))
        .open(killed.path())
        .unwrap();
    let view = store.view("weather").unwrap();
    let left = store.versions(&view).unwrap().count();
    assert!((1..5).contains(&left), "{left} of 5 versions are left");
    assert!(store.verify(&mut |_| {}).unwrap().is_clean());
    drop((view, store));
    assert!(world.options().open(killed.path()).is_ok());
}

#[test]
fn a_store_that_lost_its_watermark_is_refused() {
    // Who is hurt: whoever copies a store and forgets one small file, and then loses the end of a log.
    let world = World::with(weather());
    world.write(put("EWR", at(1), 1.0));
    let killed = killed(&world);
    std::fs::remove_file(killed.path().join("watermark")).unwrap();
    let error = world.options().open(killed.path()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("watermark"), "{error}");
}
