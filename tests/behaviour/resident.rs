//! Resident views: all their latest rows are in memory, and nobody may tell but by the clock.

use crate::weather::{World, at, delete, patch, put, temp, weather};
use asof::*;
use std::path::Path;

/// The same as `weather`, under another name.
fn other(name: &str) -> ViewDefinition {
    ViewDefinition::builder(name)
        .key("origin", Type::String)
        .define(FeatureDefinition::new("temp", Type::F64).nullable())
        .define(FeatureDefinition::new("note", Type::String).nullable())
        .build()
        .unwrap()
}

/// Closes the store and opens it otherwise.
fn reopened(world: World, choose: impl Fn(StoreOptions) -> StoreOptions) -> World {
    let (options, path) = (choose(world.options()), world.path());
    let World {
        clock,
        store,
        directory,
    } = world;
    store.close().unwrap();
    World {
        store: options.open(path).unwrap(),
        clock,
        directory,
    }
}

/// Why a store cannot be opened like that; it is closed.
fn refused(world: World, choose: impl Fn(StoreOptions) -> StoreOptions) -> Error {
    let (options, path) = (choose(world.options()), world.path());
    let World {
        store, directory, ..
    } = world;
    store.close().unwrap();
    let error = options.open(path).unwrap_err();
    drop(directory);
    error
}

/// A closed store of two views with the same rows, `weather` and `beside`, opened again.
fn two_views(rows: usize, choose: impl Fn(StoreOptions) -> StoreOptions) -> World {
    let world = World::with(weather());
    world.store.apply(other("beside")).unwrap();
    for name in ["weather", "beside"] {
        let view = world.store.view(name).unwrap();
        let mut batch = WriteBatch::new();
        for n in 0..rows {
            let entity = view.entity([n.to_string()]).unwrap();
            let row = batch.put(&view, &entity, at(1));
            row.set_value("temp", n as f64).finish().unwrap();
        }
        world.store.write(batch, WriteOptions::buffered()).unwrap();
    }
    reopened(world, choose)
}

/// The first of both is resident.
fn half_resident(rows: usize) -> World {
    two_views(rows, |options| options.resident(["weather"]))
}

/// From here on nothing can be read from the tables of the database.
fn spoil_tables(store: &Path) {
    let mut spoiled = 0;
    for file in std::fs::read_dir(store.join("db")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "sst") {
            let length = std::fs::metadata(&path).unwrap().len();
            let file = std::fs::OpenOptions::new().write(true).open(&path);
            std::io::Write::write_all(&mut file.unwrap(), &vec![0xAA; length as usize]).unwrap();
            spoiled += 1;
        }
    }
    assert!(spoiled > 0);
}

fn resident(store: &Store) -> ResidentStats {
    store.stats().unwrap().resident
}

fn latest(store: &Store, view: &View, name: &str) -> Result<Verdict> {
    let row = store.get(view, &view.entity([name])?, Question::latest())?;
    Ok(row.verdict())
}

/// Writes a row of `notes` whose value is about so long.
fn write_note(store: &Store, name: &str, hour: i64, length: usize) {
    let view = store.view("notes").unwrap();
    let mut batch = WriteBatch::new();
    let row = batch.put(&view, &view.entity([name]).unwrap(), at(hour));
    let row = row.set_value("temp", length as f64);
    row.set_value("note", "x".repeat(length)).finish().unwrap();
    store.write(batch, WriteOptions::buffered()).unwrap();
}

fn note_length(store: &Store, name: &str) -> Option<f64> {
    let view = store.view("notes").unwrap();
    let entity = view.entity([name]).unwrap();
    temp(store, &view, &entity, Question::latest())
}

#[test]
fn a_resident_view_answers_without_the_database() {
    // Who is hurt: whoever was promised memory, and waits for a disk in the worst moment.
    let world = half_resident(1_000);
    let counts = resident(&world.store);
    assert_eq!((counts.rows, counts.evicted, counts.fills), (1_000, 0, 0));
    assert!(counts.is_complete);
    let (view, beside) = (world.view(), world.store.view("beside").unwrap());
    spoil_tables(&world.path());
    let error = latest(&world.store, &beside, "7").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "the other: {error}");
    for n in 0..1_000 {
        assert_eq!(world.temp(&n.to_string()), Some(n as f64));
    }
    // Nor for an entity that has no row. The database has filters in memory, which spare nearly all.
    let is_never = |view: &View, n: u32| {
        let found = latest(&world.store, view, &format!("nowhere {n}"));
        found.is_ok_and(|verdict| verdict == Verdict::Never)
    };
    assert!(
        !(0..3_000).all(|n| is_never(&beside, n)),
        "one in a hundred"
    );
    assert!((0..3_000).all(|n| is_never(&view, n)));
    // Nor for many.
    let many = (990..1_010).map(|n: i32| view.entity([n.to_string()]).unwrap());
    let many: Vec<Entity> = many.collect();
    let rows = world.store.get_many(&view, &many, Question::latest());
    let rows = rows.unwrap();
    let found = rows.iter().filter(|row| row.verdict() == Verdict::Found);
    assert_eq!(found.count(), 10);
    assert_eq!(resident(&world.store).fills, 0);
}

#[test]
fn every_view_that_is_named_is_resident() {
    let world = two_views(50, |options| options.resident(["beside", "weather"]));
    assert_eq!(resident(&world.store).rows, 100);
    spoil_tables(&world.path());
    let beside = world.store.view("beside").unwrap();
    let seven = beside.entity(["7"]).unwrap();
    assert_eq!(
        temp(&world.store, &beside, &seven, Question::latest()),
        Some(7.0)
    );
    assert_eq!(world.temp("7"), Some(7.0));
}

#[test]
fn a_resident_view_answers_from_memory_after_writes() {
    let world = half_resident(100);
    let view = world.view();
    spoil_tables(&world.path());
    // A row that is changed, one that grows, one that is new, one that is taken back.
    for row in [
        put("7", at(2), 70.0),
        patch("8", at(3), 80.0),
        put("new", at(2), 1.0),
        delete("9", at(2)),
    ] {
        world.write(row);
    }
    assert_eq!((world.temp("7"), world.temp("8")), (Some(70.0), Some(8.0)));
    assert_eq!((world.temp("new"), world.temp("9")), (Some(1.0), None));
    let nowhere = latest(&world.store, &view, "nowhere");
    assert_eq!(nowhere.unwrap(), Verdict::Never);
    let counts = resident(&world.store);
    assert_eq!((counts.rows, counts.evicted, counts.fills), (101, 0, 0));
    assert!(counts.is_complete && counts.used_bytes < counts.capacity_bytes);
}

#[test]
fn a_resident_view_is_resident_again_after_a_reopen() {
    let world = half_resident(10);
    world.write(put("new", at(2), 5.0));
    world.write(delete("3", at(2)));
    let world = reopened(world, |options| options.resident(["weather"]));
    assert_eq!(resident(&world.store).rows, 11);
    spoil_tables(&world.path());
    assert_eq!((world.temp("new"), world.temp("3")), (Some(5.0), None));
    // Without the option it is a view like any other.
    let world = reopened(half_resident(10), |options| options);
    let stats = world.store.stats().unwrap();
    assert_eq!((stats.resident.rows, stats.resident.capacity_bytes), (0, 0));
    assert!(stats.views.iter().all(|view| !view.is_resident));
    assert_eq!((world.temp("7"), stats.row_cache.rows), (Some(7.0), 0));
}

#[test]
fn no_other_view_takes_the_room_of_a_resident_one() {
    let world = two_views(2_000, |options| {
        options.resident(["weather"]).row_cache_bytes(1)
    });
    let beside = world.store.view("beside").unwrap();
    for n in 0..2_000 {
        let entity = beside.entity([n.to_string()]).unwrap();
        let read = temp(&world.store, &beside, &entity, Question::latest());
        assert_eq!(read, Some(n as f64));
    }
    let scan = world.store.scan(&world.view(), Question::latest());
    assert_eq!(scan.unwrap().count(), 2_000);
    let stats = world.store.stats().unwrap();
    assert!(stats.row_cache.evictions > 0, "{stats:?}");
    assert_eq!((stats.resident.rows, stats.resident.evicted), (2_000, 0));
}

#[test]
fn a_row_that_does_not_fit_is_read_from_the_database() {
    // Who is hurt: whoever outgrows the memory, and is told that the newest do not exist.
    let world = reopened(World::empty(), |options| {
        options.resident(["notes"]).resident_bytes(64 << 10)
    });
    world.store.apply(other("notes")).unwrap();
    (0..20).for_each(|n| write_note(&world.store, &n.to_string(), 1, 1_000));
    let counts = resident(&world.store);
    let all = (counts.rows, counts.evicted, counts.is_complete);
    assert_eq!(all, (20, 0, true));
    (20..100).for_each(|n| write_note(&world.store, &n.to_string(), 1, 1_000));
    // And those that are there outgrow their room.
    (0..20).for_each(|n| write_note(&world.store, &n.to_string(), 3, 3_000));
    let counts = resident(&world.store);
    assert!(counts.evicted > 0 && !counts.is_complete, "{counts:?}");
    assert!(counts.rows >= 15, "{counts:?}");
    assert!(counts.used_bytes <= counts.capacity_bytes, "{counts:?}");
    for _ in 0..2 {
        for n in 0..100 {
            let length = if n < 20 { 3_000.0 } else { 1_000.0 };
            assert_eq!(note_length(&world.store, &n.to_string()), Some(length));
        }
        assert_eq!(note_length(&world.store, "nowhere"), None);
    }
    let after = resident(&world.store);
    assert_eq!(after.evicted, counts.evicted, "a read drives nothing out");
}

#[test]
fn a_row_that_is_too_large_for_any_room_is_read_from_the_database() {
    let world = reopened(World::empty(), |options| options.resident(["notes"]));
    world.store.apply(other("notes")).unwrap();
    write_note(&world.store, "EWR", 1, 10);
    write_note(&world.store, "EWR", 2, 100_000);
    assert_eq!(note_length(&world.store, "EWR"), Some(100_000.0));
    let left_out = |world: &World| {
        let counts = resident(&world.store);
        (counts.rows, counts.evicted, counts.is_complete)
    };
    // That somebody else has none is no row.
    assert_eq!(note_length(&world.store, "nowhere"), None);
    assert_eq!(left_out(&world), (0, 1, false));
    // It keeps nobody from opening the store, and is counted anew.
    let world = reopened(world, |options| options.resident(["notes"]));
    assert_eq!(note_length(&world.store, "EWR"), Some(100_000.0));
    assert_eq!(left_out(&world), (0, 1, false));
}

#[test]
fn a_resident_row_is_current_after_a_late_put_an_erase_and_a_fact_that_comes_due() {
    for is_resident in [false, true] {
        let named = if is_resident { &["weather"][..] } else { &[] };
        let world = two_views(4, |options| options.resident(named));
        let view = world.view();
        // A late Put hides nothing.
        world.write(put("0", at(5), 5.0));
        world.write(put("0", at(3), 3.0));
        assert_eq!(world.temp("0"), Some(5.0));
        // From the future: unseen until it is due.
        world.write(put("1", at(12).saturating_add(Span::minutes(5)), 9.0));
        assert_eq!(world.temp("1"), Some(1.0));
        world.clock.advance(Span::minutes(6));
        assert_eq!(world.temp("1"), Some(9.0));
        // Erased whole, in part, and where nothing was.
        let erase = |name: &str, options| {
            let entity = view.entity([name]).unwrap();
            world.store.erase(&view, &entity, options).unwrap().versions
        };
        assert_eq!(erase("2", EraseOptions::new()), 1);
        let erased = latest(&world.store, &view, "2");
        assert_eq!(erased.unwrap(), Verdict::Never);
        world.write(put("3", at(4), 44.0).recorded(world.store.now()));
        assert_eq!(erase("3", EraseOptions::new().recorded_at(at(12))), 1);
        assert_eq!(world.temp("3"), Some(44.0));
        assert_eq!(erase("nowhere", EraseOptions::new()), 0);
        let counts = resident(&world.store);
        let expected = if is_resident {
            (3, 0, true)
        } else {
            (0, 0, false)
        };
        assert_eq!((counts.rows, counts.evicted, counts.is_complete), expected);
        assert!(world.store.verify(&mut |_| {}).unwrap().is_clean());
    }
}

#[test]
fn a_row_that_was_read_into_in_vain_holds_nothing() {
    // Who is hurt: whoever uses one row again and again, and takes what has been replaced for the answer.
    let world = World::with(weather());
    world.write(put("EWR", at(1), 1.0));
    world.write(put("EWR", at(12).saturating_add(Span::minutes(5)), 2.0));
    let world = reopened(world, |options| options.resident(["weather"]));
    let (view, entity, mut row) = (world.view(), world.entity("EWR"), Row::new());
    let question = Question::latest();
    let found = world.store.get_into(&view, &entity, question, &mut row);
    assert_eq!(found.unwrap(), Verdict::Found);
    spoil_tables(&world.path());
    world.clock.advance(Span::minutes(6));
    // What is in memory knows that it does not answer any more.
    let failed = world.store.get_into(&view, &entity, question, &mut row);
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::Corrupt);
    let error = row.by_name("temp").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
}

#[test]
fn a_set_of_resident_and_other_views_is_answered_from_both_memories() {
    let world = half_resident(10);
    let views = [world.view(), world.store.view("beside").unwrap()];
    let set = FeatureSet::new(views.clone());
    let entities = views.each_ref().map(|view| view.entity(["7"]).unwrap());
    for round in 0..3 {
        let mut batch = WriteBatch::new();
        for (view, entity) in views.iter().zip(&entities) {
            let row = batch.put(view, entity, at(2 + round));
            row.set_value("temp", round as f64).finish().unwrap();
        }
        world.store.write(batch, WriteOptions::buffered()).unwrap();
        let row = world.store.get_set(&set, &entities, Question::latest());
        let row = row.unwrap();
        for (at, view) in views.iter().enumerate() {
            let feature = view.feature::<f64>("temp").unwrap();
            assert_eq!(row.see(at, &feature).unwrap().value, Some(round as f64));
        }
    }
    let stats = world.store.stats().unwrap();
    assert_eq!((stats.resident.rows, stats.row_cache.rows), (10, 1));
}

#[test]
fn a_name_that_no_view_has_opens_nothing_and_offers_the_nearest() {
    let world = half_resident(1);
    let (options, path) = (world.options(), world.path());
    let World {
        store,
        directory: _directory,
        ..
    } = world;
    store.close().unwrap();
    let error = |views: &[&str]| options.clone().resident(views).open(&path).unwrap_err();
    let unknown = error(&["weathr"]);
    assert_eq!(unknown.kind(), ErrorKind::NotFound);
    let text = unknown.to_string();
    assert!(
        text.contains("\"weathr\"; did you mean \"weather\""),
        "{text}"
    );
    let twice = error(&["weather", "default.weather"]);
    assert_eq!(twice.kind(), ErrorKind::InvalidArgument);
    assert!(twice.to_string().contains("twice"), "{twice}");
    assert_eq!(error(&["no name"]).kind(), ErrorKind::InvalidArgument);
    // Nothing is left behind that would keep the next from opening it.
    options.resident(["default.weather"]).open(&path).unwrap();
}

#[test]
fn a_view_that_is_applied_later_is_resident_where_there_was_none() {
    let named = ["weather", "tenant.rider"];
    let world = reopened(World::empty(), |options| options.resident(named));
    world.store.apply(weather().build().unwrap()).unwrap();
    world.store.apply(other("beside")).unwrap();
    world.write(put("EWR", at(1), 1.0));
    let views = world.store.stats().unwrap().views;
    let views = views.iter().map(|view| (&view.name[..], view.is_resident));
    let views: Vec<_> = views.collect();
    assert_eq!(views, [("beside", false), ("weather", true)]);
    assert_eq!(resident(&world.store).rows, 1);
}

#[test]
fn rows_that_do_not_fit_at_open_are_an_error_with_both_numbers() {
    let rows = || two_views(2_000, |options| options);
    let with = |bytes: u64| {
        move |options: StoreOptions| options.resident(["weather"]).resident_bytes(bytes)
    };
    let error = refused(rows(), with(64 << 10));
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    let text = error.to_string();
    assert!(text.contains("may take 65536;"), "{text}");
    let needed = text.split("about ").nth(1).unwrap();
    let needed: u64 = needed.split(' ').next().unwrap().parse().unwrap();
    assert!((2_000 * 64..2_000 * 256).contains(&needed), "{needed}");
    let world = reopened(rows(), with(needed * 3 / 2));
    let counts = resident(&world.store);
    assert_eq!((counts.rows, counts.evicted), (2_000, 0));
    assert!(counts.capacity_bytes <= needed * 3 / 2, "{counts:?}");
    let text = refused(rows(), with(1_000)).to_string();
    assert!(
        text.contains("1000 bytes") && text.contains("65536"),
        "{text}"
    );
}

#[test]
fn resident_rows_are_part_of_a_budget() {
    let budget = || StoreOptions::new().memory_budget(64 << 20);
    assert_eq!(budget().shares().unwrap().resident, 0);
    let shares = budget().resident(["weather"]).shares().unwrap();
    assert_eq!((shares.resident, shares.total()), (16 << 20, 64 << 20));
    let set = budget().resident(["weather"]).resident_bytes(5 << 20);
    let shares = set.shares().unwrap();
    assert_eq!((shares.resident, shares.total()), (5 << 20, 64 << 20));
    let set = budget().resident(["weather"]).resident_bytes(60 << 20);
    let error = set.temp().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    let text = error.to_string();
    let both = ["67108864", "resident views 62914560"];
    assert!(both.iter().all(|part| text.contains(part)), "{text}");
    // Without a budget it is what was set, and nothing where no view is named.
    let shares = StoreOptions::new().resident_bytes(5 << 20).shares();
    assert_eq!(shares.unwrap().resident, 0);
}
