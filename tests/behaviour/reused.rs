//! Reads of the past use their iterators again, and nobody can tell.

use crate::weather::{World, at, put, weather};
use asof::*;

fn temp_as_of(world: &World, hour: i64) -> Option<f64> {
    temp_of(world, "EWR", hour)
}

fn temp_of(world: &World, origin: &str, hour: i64) -> Option<f64> {
    let (view, entity) = (world.view(), world.entity(origin));
    let question = Question::as_of(at(hour));
    let row = world.store.get(&view, &entity, question).unwrap();
    row.get(&view.feature::<f64>("temp").unwrap()).unwrap()
}

#[test]
fn a_read_of_the_past_sees_what_was_written_before_it_began() {
    // Who is hurt: whoever writes a late row, looks, and is shown the state of an earlier look.
    let world = World::with(weather());
    world.clock.set(at(100));
    let (view, newark) = (world.view(), world.entity("EWR"));
    world.write(put("EWR", at(1), 1.0));
    for hour in 2..40 {
        assert_eq!(temp_as_of(&world, hour), Some((hour - 1) as f64));
        let before = world.store.snapshot();
        world.write(put("EWR", at(hour), hour as f64));
        assert_eq!(temp_as_of(&world, hour), Some(hour as f64));
        // The memtable that the iterator was made with goes, and then the files do.
        if hour % 4 == 0 {
            world.store.compact().unwrap();
        }
        assert_eq!(temp_as_of(&world, hour), Some(hour as f64));
        let then = before.get(&view, &newark, Question::as_of(at(hour)));
        let temp = view.feature::<f64>("temp").unwrap();
        assert_eq!(then.unwrap().get(&temp).unwrap(), Some((hour - 1) as f64));
    }
}

/// The tables of the database that hold these bytes.
fn tables_with(world: &World, bytes: &str) -> Vec<std::path::PathBuf> {
    let files = std::fs::read_dir(world.path().join("db")).unwrap();
    let tables = files.map(|file| file.unwrap().path());
    tables
        .filter(|path| {
            let is_table = path.extension().is_some_and(|end| end == "sst");
            let holds = |held: Vec<u8>| {
                let mut parts = held.windows(bytes.len());
                parts.any(|part| part == bytes.as_bytes())
            };
            is_table && holds(std::fs::read(path).unwrap())
        })
        .collect()
}

#[test]
fn an_idle_iterator_shows_nothing_and_holds_nothing_of_who_was_erased() {
    // Who is hurt: whoever asked to be erased, and is still in a file that a reader left open.
    const WHO: &str = "kq7Zx0Vw3Tj9";
    for reclaim in [false, true] {
        let world = World::with(weather());
        world.clock.set(at(100));
        world.write(put(WHO, at(1), 1.0));
        world.write(put("JFK", at(1), 1.0));
        world.store.compact().unwrap();
        let held = tables_with(&world, WHO);
        assert!(!held.is_empty(), "it is looked for as it is stored");
        assert_eq!(temp_of(&world, WHO, 2), Some(1.0));
        let options = EraseOptions::new().reclaim(reclaim);
        let erased = world
            .store
            .erase(&world.view(), &world.entity(WHO), options)
            .unwrap();
        assert_eq!(erased.reclaimed, reclaim);
        assert_eq!(held.iter().any(|table| table.exists()), !reclaim);
        assert_eq!(temp_of(&world, WHO, 2), None);
    }
}

#[test]
fn a_walk_that_is_open_keeps_an_erase_from_saying_that_the_bytes_are_gone() {
    // Who is hurt: whoever is told that the bytes left the disk, while an export reads them.
    let world = World::with(weather());
    world.clock.set(at(100));
    world.write(put("EWR", at(1), 1.0));
    world.store.compact().unwrap();
    let (view, newark) = (world.view(), world.entity("EWR"));
    let mut walk = world.store.versions(&view).unwrap();
    let options = EraseOptions::new().reclaim(true);
    let erased = world.store.erase(&view, &newark, options).unwrap();
    assert!(!erased.reclaimed, "the walk still reads them");
    assert!(walk.next().is_some());
    drop(walk);
    let erased = world.store.erase(&view, &newark, options).unwrap();
    assert!(erased.reclaimed);
}

#[test]
fn threads_that_share_a_place_answer_for_themselves() {
    // Who is hurt: a server with more threads than there are iterators.
    let world = World::with(weather());
    world.clock.set(at(100));
    for hour in 1..20 {
        world.write(put("EWR", at(hour), hour as f64));
    }
    std::thread::scope(|scope| {
        for _ in 0..40 {
            scope.spawn(|| {
                for turn in 0..200 {
                    let hour = 1 + turn % 19;
                    assert_eq!(temp_as_of(&world, hour), Some(hour as f64));
                }
            });
        }
    });
    // All of those threads are gone; what they left is closed with the store.
    world.store.close().unwrap();
}
