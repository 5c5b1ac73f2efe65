//! Latest rows in memory: nobody may tell, but by the clock.

use crate::weather::{World, at, put, weather};
use asof::*;

#[test]
fn an_entity_is_made_in_place_of_another() {
    let world = World::with(weather());
    let view = world.view();
    let mut entity = view.entity(["EWR"]).unwrap();
    view.entity_into(["LaGuardia"], &mut entity).unwrap();
    assert_eq!(entity, view.entity(["LaGuardia"]).unwrap());
    // One that is none leaves it as it was.
    let error = view.entity_into([7i64], &mut entity).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ContractViolation);
    let error = view.entity_into(["a", "b"], &mut entity).unwrap_err();
    assert!(error.to_string().contains("2 were given"), "{error}");
    let none: [&str; 0] = [];
    let error = view.entity_into(none, &mut entity).unwrap_err();
    assert!(error.to_string().contains("0 were given"), "{error}");
    assert_eq!(entity, view.entity(["LaGuardia"]).unwrap());
    view.entity_into(["EWR"], &mut entity).unwrap();
    assert_eq!(entity, view.entity(["EWR"]).unwrap());
}

#[test]
fn a_read_fills_the_row_cache_and_a_write_keeps_it_current() {
    let world = World::with(weather());
    world.write(put("EWR", at(1), 1.0));
    let World {
        clock,
        store,
        directory,
    } = world;
    store.close().unwrap();
    let options = StoreOptions::new().clock(clock);
    let store = options.open(directory.path().join("store")).unwrap();
    let rows = |store: &Store| store.stats().unwrap().row_cache;
    assert_eq!((rows(&store).rows, rows(&store).fills), (0, 0));
    let view = store.view("weather").unwrap();
    let temp = view.feature::<f64>("temp").unwrap();
    let read = |name: &str| {
        let entity = view.entity([name]).unwrap();
        let row = store.get(&view, &entity, Question::latest()).unwrap();
        row.get(&temp).unwrap()
    };
    for _ in 0..3 {
        assert_eq!((read("EWR"), read("nowhere")), (Some(1.0), None));
    }
    assert_eq!((rows(&store).rows, rows(&store).fills), (2, 2));
    for (name, value) in [("EWR", 2.0), ("nowhere", 3.0)] {
        let mut batch = WriteBatch::new();
        let entity = view.entity([name]).unwrap();
        let row = batch.put(&view, &entity, at(2)).set(&temp, value);
        row.finish().unwrap();
        store.write(batch, WriteOptions::buffered()).unwrap();
        assert_eq!(read(name), Some(value));
    }
    let counts = rows(&store);
    assert_eq!((counts.rows, counts.fills, counts.evictions), (2, 2, 0));
    assert!(counts.used_bytes < counts.capacity_bytes);
}

#[test]
fn a_put_behind_one_that_has_come_due_does_not_become_the_latest() {
    // Who is hurt: whoever wrote ahead, and finds the older fact in its place. Found by the permutations
    // of the store, seed 385: of two facts that waited the stored row had counted the first only.
    for latest_in_memory in [0, 1 << 20] {
        let world = World::empty();
        let path = world.directory.path().join("other");
        let options = world.options().row_cache_bytes(latest_in_memory);
        let store = options.create_if_missing(true).open(path).unwrap();
        store.apply(weather().build().unwrap()).unwrap();
        let view = store.view("weather").unwrap();
        let (newark, temp) = (
            view.entity(["EWR"]).unwrap(),
            view.feature::<f64>("temp").unwrap(),
        );
        let after = |micros: i64| at(12).saturating_add(Span::micros(micros));
        let write = |micros: i64| {
            let mut batch = WriteBatch::new();
            let row = batch.put(&view, &newark, after(micros));
            row.set(&temp, micros as f64).finish().unwrap();
            store.write(batch, WriteOptions::buffered()).unwrap()
        };
        write(0);
        write(1);
        write(5);
        world.clock.set(after(7));
        assert_eq!(write(4).late, 1);
        let row = store.get(&view, &newark, Question::latest()).unwrap();
        assert_eq!(row.get(&temp).unwrap(), Some(5.0), "{latest_in_memory}");
    }
}
