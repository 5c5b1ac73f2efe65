//! The store of format 1 that lies in `tests/formats`, seen through the command line.

use crate::world::World;
use std::path::{Path, PathBuf};

fn frozen() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/formats/store-v1")
}

fn world() -> World {
    let world = World::empty();
    crate::killed::copy(&frozen().join("store"), world.store()).unwrap();
    world
}

#[test]
#[allow(
    clippy::disallowed_methods,
    reason = "whoever freezes a format says so"
)]
fn the_dump_of_a_store_of_format_1_is_the_one_it_was() {
    // Who is hurt: whoever takes a dump with today's build and compares it with yesterday's.
    let world = world();
    let dump = world.run(&["dump"]).ok() + &world.run(&["digest"]).ok();
    let file = frozen().join("dump.ndjson");
    if std::env::var_os("ASOF_FREEZE").is_some() {
        std::fs::write(&file, &dump).unwrap();
    }
    assert_eq!(dump, std::fs::read_to_string(file).unwrap());
    // The dump says all that the store holds, so that another store takes it in and says it again.
    let versions = world.run(&["dump"]).ok();
    let other = World::weather();
    std::fs::remove_dir_all(other.store()).unwrap();
    drop(
        asof::StoreOptions::new()
            .create_if_missing(true)
            .open(other.store())
            .unwrap(),
    );
    other
        .pipe(&["ingest", "-", "--reject", "batch"], versions.as_bytes())
        .ok();
    assert_eq!(other.run(&["dump"]).ok(), versions);
    world.run(&["verify"]).ok();
}

#[test]
fn doctor_names_a_damaged_table_of_a_store_that_does_not_open() {
    // Who is hurt: whoever is told to run `verify`, which cannot open the store either.
    let world = world();
    world.run(&["doctor"]).ok();
    for entry in std::fs::read_dir(world.store().join("db")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "sst") {
            continue;
        }
        let whole = std::fs::read(&path).unwrap();
        let mut hurt = whole.clone();
        hurt[5] ^= 1;
        std::fs::write(&path, hurt).unwrap();
        let name = format!("db/{}", path.file_name().unwrap().to_str().unwrap());
        let said = world.run(&["doctor"]).failed(4, &name);
        said.noted("Put back this file");
        std::fs::write(&path, whole).unwrap();
    }
    world.run(&["doctor"]).ok();
}
