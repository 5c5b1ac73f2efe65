//! What `doctor` says of a store that does not open, and what it does when it is told to.

use crate::world::World;
use std::path::PathBuf;

/// A store whose rows are in the log only, as a killed process leaves it.
fn killed(rows: usize) -> World {
    let world = World::weather();
    let held = asof::Store::open(world.store()).unwrap();
    let view = held.view("weather").unwrap();
    for n in 0..rows {
        let entity = view.entity([format!("origin {n}")]).unwrap();
        let mut batch = asof::WriteBatch::new();
        let at = asof::Timestamp::parse("2013-01-01T06:00:00Z").unwrap();
        let row = batch.put(&view, &entity, at).set_value("temp", n as f64);
        row.finish().unwrap();
        held.write(batch, asof::WriteOptions::synced()).unwrap();
    }
    let copy = world.path("copy");
    crate::killed::copy(world.store(), &copy).unwrap();
    drop((view, held));
    std::fs::remove_dir_all(world.store()).unwrap();
    std::fs::rename(copy, world.store()).unwrap();
    world
}

fn log(world: &World) -> PathBuf {
    let entries = std::fs::read_dir(world.store().join("db")).unwrap();
    let mut logs: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "log"))
        .collect();
    logs.sort();
    logs.pop().unwrap()
}

fn flip(path: &std::path::Path, at: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn a_healthy_store_is_called_healthy_file_by_file() {
    let world = World::weather();
    let said = world.run(&["doctor"]).ok();
    for file in [
        "asof.store",
        "lock",
        "db/CURRENT",
        "db/MANIFEST-",
        "watermark",
    ] {
        assert!(said.contains(file), "{file} is not in {said}");
    }
    assert!(
        !said.contains("damaged") && !said.contains("would drop"),
        "{said}"
    );
    let json = world.run(&["--output", "json", "doctor"]).ok();
    assert!(json.starts_with("{\"healthy\":true,"), "{json}");
    killed(3).run(&["doctor"]).ok();
}

#[test]
fn damage_in_a_synced_log_is_refused_explained_and_accepted_only_when_told() {
    // Who is hurt: whoever gets an empty answer for a row that was acknowledged, and is not told.
    let world = killed(5);
    let log = log(&world);
    let middle = std::fs::metadata(&log).unwrap().len() as usize / 2;
    flip(&log, middle);
    let name = log.file_name().unwrap().to_str().unwrap();
    let ended = world.run(&["scan", "weather"]).failed(4, "asof doctor");
    assert!(ended.stderr.contains(name), "{ended:?}");
    let before = std::fs::read(&log).unwrap();
    let explained = world.run(&["doctor"]).failed(4, name);
    assert!(
        explained.stderr.contains("--accept-loss --yes"),
        "{explained:?}"
    );
    let asked = world.run(&["doctor", "--accept-loss"]);
    let asked = asked
        .failed(2, "would give up")
        .noted("nothing was changed; say --yes");
    for ended in [explained, asked] {
        assert!(ended.stdout.contains("damaged"), "{ended:?}");
        assert_eq!(std::fs::read(&log).unwrap(), before, "nothing was changed");
    }
    world
        .run(&["doctor", "--accept-loss", "--yes"])
        .noted("the store opens again");
    let aside = world.store().join("lost.1").join(name);
    assert_eq!(std::fs::read(aside).unwrap(), before);
    world.run(&["doctor"]).ok();
    let left = world.run(&["--output", "ndjson", "scan", "weather"]).ok();
    let left = left.lines().count();
    assert!((1..5).contains(&left), "{left} rows are left");
    world.run(&["verify"]).ok();
}

#[test]
fn the_torn_end_of_a_log_is_told_and_no_failure() {
    // Who is hurt: whoever loses a write that was under way and is not told that it was dropped.
    let world = killed(2);
    let log = log(&world);
    let torn = [std::fs::read(&log).unwrap(), b"torn".to_vec()].concat();
    std::fs::write(&log, torn).unwrap();
    let said = world.run(&["doctor"]).ok();
    assert!(
        said.contains("torn") && said.contains("would drop 4 bytes"),
        "{said}"
    );
    let ended = world.run(&["--output", "ndjson", "scan", "weather"]);
    let ended = ended.noted("what was synced is all there");
    assert_eq!(ended.ok().lines().count(), 2);
    let again = world.run(&["scan", "weather"]);
    assert_eq!(again.stderr, "", "it is told once");
}

#[test]
fn damage_that_no_loss_of_log_would_mend_is_only_explained() {
    let world = killed(2);
    std::fs::remove_file(world.store().join("db/CURRENT")).unwrap();
    world.run(&["doctor"]).failed(4, "db/CURRENT is damaged");
    world
        .run(&["doctor", "--accept-loss", "--yes"])
        .failed(4, "Restore a copy");
}

#[test]
fn a_lost_watermark_is_damage_that_can_be_accepted() {
    let world = killed(2);
    std::fs::remove_file(world.store().join("watermark")).unwrap();
    world.run(&["scan", "weather"]).failed(4, "watermark");
    world.run(&["doctor", "--accept-loss", "--yes"]).ok();
    let rows = world.run(&["--output", "ndjson", "scan", "weather"]).ok();
    assert_eq!(rows.lines().count(), 2, "no row was lost with it");
}

#[test]
fn a_store_that_cannot_be_examined_says_why() {
    World::empty().run(&["doctor"]).failed(3, "no store");
    let world = World::weather();
    let held = asof::Store::open(world.store()).unwrap();
    world.run(&["doctor"]).failed(6, "pid");
    drop(held);
    let marker = world.store().join("asof.store");
    let mut bytes = std::fs::read(&marker).unwrap();
    bytes[20] = 9;
    std::fs::write(&marker, bytes).unwrap();
    world.run(&["doctor"]).failed(5, "newer");
}
