//! Views that change, and handles that stay.

use crate::weather::{World, at, put, weather};
use asof::*;

fn with_dewp() -> ViewBuilder {
    weather().define(FeatureDefinition::new("dewp", Type::I32).nullable())
}

#[test]
fn a_view_takes_a_nullable_feature_and_old_handles_go_on() {
    // Who is hurt: a service that runs while somebody else deploys a new view file.
    let world = World::with(weather());
    world.write(put("EWR", at(6), 1.0));
    let (old, old_temp) = (world.view(), world.view().feature::<f64>("temp").unwrap());
    let newark = old.entity(["EWR"]).unwrap();
    assert_eq!(
        world.store.check(&with_dewp().build().unwrap()).unwrap(),
        Change::Added {
            version: 2,
            features: vec!["dewp".into()]
        }
    );
    assert!(
        world.view().feature::<i32>("dewp").is_err(),
        "a check changes nothing"
    );
    world.store.apply(with_dewp().build().unwrap()).unwrap();
    assert_eq!(
        world.store.apply(with_dewp().build().unwrap()).unwrap(),
        Change::Unchanged
    );
    let new = world.view();
    let dewp = new.feature::<i32>("dewp").unwrap();
    assert_eq!((old.contract().version(), new.contract().version()), (1, 2));

    // The new handle reads old rows, and the old one writes.
    let row = world.store.get(&new, &newark, Question::latest()).unwrap();
    assert_eq!(row.see(&dewp).unwrap().status, Status::Absent);
    assert_eq!(row.get(&old_temp).unwrap(), Some(1.0));
    let mut batch = WriteBatch::new();
    batch
        .put(&old, &newark, at(7))
        .set(&old_temp, 2.0)
        .finish()
        .unwrap();
    batch
        .patch(&new, &newark, at(8))
        .set(&dewp, 7)
        .finish()
        .unwrap();
    let error = batch
        .patch(&old, &newark, at(9))
        .set(&dewp, 8)
        .finish()
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("ask the store for the view again"),
        "{error}"
    );
    assert_eq!(
        world
            .store
            .write(batch, WriteOptions::default())
            .unwrap()
            .applied,
        2
    );

    // The old handle reads new rows and sees what it knows.
    let row = world.store.get(&old, &newark, Question::latest()).unwrap();
    assert_eq!(
        (row.get(&old_temp).unwrap(), row.iter().count()),
        (Some(2.0), 2)
    );
    // What it does not know it does not call absent: the row has it.
    let error = row.see(&dewp).unwrap_err().to_string();
    assert!(
        error.contains("ask the store for the view again"),
        "{error}"
    );
    let world = world.reopen();
    let view = world.view();
    let row = world
        .store
        .get(&view, &world.entity("EWR"), Question::latest())
        .unwrap();
    let names: Vec<&str> = row.iter().map(|(feature, _)| feature.name()).collect();
    assert_eq!(names, ["temp", "gust", "dewp"]);
    assert_eq!(
        row.get(&view.feature::<i32>("dewp").unwrap()).unwrap(),
        Some(7)
    );
    let history = world
        .store
        .history(&view, &world.entity("EWR"), HistoryRange::default())
        .unwrap();
    let versions: Vec<u32> = history
        .map(|version| version.unwrap().schema_version())
        .collect();
    assert_eq!(versions, [1, 1, 2]);
}

#[test]
fn a_definition_that_old_rows_cannot_follow_is_refused_and_changes_nothing() {
    // Who is hurt: whoever deploys a view file with a feature too few.
    let world = World::with(weather().ttl(Span::hours(3)));
    let hours = |n| weather().ttl(Span::hours(n));
    for (next, why) in [
        (hours(2), "ttl is 3h, not 2h"),
        (hours(3).feature("n", Type::I64), "\"n\" is not nullable"),
        (hours(3).key("terminal", Type::I32), "the entity key is"),
        (
            ViewDefinition::builder("weather")
                .key("origin", Type::String)
                .feature("temp", Type::F64)
                .ttl(Span::hours(3)),
            "gust",
        ),
    ] {
        let next = next.build().unwrap();
        for error in [
            world.store.apply(next.clone()).unwrap_err(),
            world.store.check(&next).unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Incompatible, "{error}");
            assert!(error.to_string().contains(why), "{why:?} is not in {error}");
        }
    }
    let world = world.reopen();
    assert_eq!(
        world.view().contract().definition(),
        hours(3).build().unwrap()
    );
    assert_eq!(world.view().contract().version(), 1);
}

#[test]
fn what_belongs_to_another_view_or_store_is_refused() {
    // Who is hurt: whoever mixes up two handles and would be told that an entity never was.
    let (world, other) = (World::with(weather()), World::with(weather()));
    let sky = ViewDefinition::builder("sky")
        .key("origin", Type::String)
        .feature("temp", Type::F64);
    world.store.apply(sky.build().unwrap()).unwrap();
    let (view, sky) = (world.view(), world.store.view("sky").unwrap());
    let set = FeatureSet::new([view.clone()]);
    let near = sky.entity(["EWR"]).unwrap();
    for (foreign, is_far) in [(other.entity("EWR"), true), (near, false)] {
        let latest = Question::latest();
        let range = HistoryRange::default();
        let store = &world.store;
        for refused in [
            store.get(&view, &foreign, latest).err(),
            store
                .get_many(&view, std::slice::from_ref(&foreign), latest)
                .err(),
            store
                .get_set(&set, std::slice::from_ref(&foreign), latest)
                .err(),
            store.history(&view, &foreign, range).err(),
            store.explain(&view, &foreign, latest).err(),
            WriteBatch::new().put(&view, &foreign, at(6)).finish().err(),
        ] {
            let error = refused.expect("it is refused");
            assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
            let text = error.to_string();
            let told = ["by view \"sky\", ", "by view \"weather\" of another store"];
            assert!(text.contains(told[usize::from(is_far)]), "{text}");
            assert!(text.contains("used with view \"weather\""), "{text}");
        }
    }
    assert!(
        world.store.get_set(&set, &[], Question::latest()).is_err(),
        "one entity for each view"
    );
    let foreign = sky.feature::<f64>("temp").unwrap();
    let row = world
        .store
        .get(&view, &world.entity("EWR"), Question::latest())
        .unwrap();
    drop(row);
    world.write(put("EWR", at(6), 1.0));
    let row = world
        .store
        .get(&view, &world.entity("EWR"), Question::latest())
        .unwrap();
    let error = row.see(&foreign).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    let numbers = [sky.contract().id(), view.contract().id()].map(|id| id.to_string());
    let told = format!("feature 1 of view {} belongs to another view", numbers[0]);
    assert!(error.to_string().contains(&told), "{error}");
    let told = format!("which is view {}", numbers[1]);
    assert!(error.to_string().contains(&told), "{error}");
    let mut batch = WriteBatch::new();
    let refused = batch
        .put(&view, &world.entity("EWR"), at(7))
        .set(&foreign, 1.0)
        .finish();
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidArgument);
    assert!(
        batch.is_empty(),
        "a row that is refused is not in its batch"
    );
}

#[test]
fn what_is_at_the_wrong_place_of_a_feature_set_is_named_by_its_place() {
    // Who is hurt: whoever reads ten views for a model and gave two entities in the wrong order.
    let world = World::with(weather());
    let sky = ViewDefinition::builder("sky")
        .key("origin", Type::String)
        .feature("temp", Type::F64);
    world.store.apply(sky.build().unwrap()).unwrap();
    let (weather, sky) = (world.view(), world.store.view("sky").unwrap());
    let set = FeatureSet::new([weather.clone(), sky.clone()]);
    let (of_weather, of_sky) = (world.entity("EWR"), sky.entity(["EWR"]).unwrap());
    let ask = |entities: &[Entity]| world.store.get_set(&set, entities, Question::latest());
    let twice = ask(&[of_weather.clone(), of_weather.clone()]);
    let text = twice.unwrap_err().to_string();
    assert!(text.starts_with("place 1 of the feature set"), "{text}");
    let short = ask(std::slice::from_ref(&of_weather)).unwrap_err();
    let told = "has 2 views and was given 1 entity;";
    assert!(short.to_string().contains(told), "{short}");
    let row = ask(&[of_weather, of_sky]).unwrap();
    let temp = weather.feature::<f64>("temp").unwrap();
    assert_eq!(row.see(0, &temp).unwrap().status, Status::Absent);
    let text = row.see(1, &temp).unwrap_err().to_string();
    assert!(text.starts_with("place 1 of the feature set"), "{text}");
}

#[test]
fn a_view_of_another_store_is_refused_on_write_and_read() {
    // Who is hurt: whoever opens two stores and writes the rows of one into the other.
    let (world, other) = (World::with(weather()), World::with(weather()));
    let (foreign, newark) = (other.view(), other.entity("EWR"));
    let mut batch = WriteBatch::new();
    put("EWR", at(6), 1.0).add(&mut batch, &foreign);
    let (store, latest) = (&world.store, Question::latest());
    let set = FeatureSet::new([foreign.clone()]);
    let range = HistoryRange::default();
    let asked = std::slice::from_ref(&newark);
    let snapshot = store.snapshot();
    for refused in [
        store.write(batch, WriteOptions::default()).err(),
        store.get(&foreign, &newark, latest).err(),
        store.get(&foreign, &newark, Question::as_of(at(7))).err(),
        store.get_many(&foreign, asked, latest).err(),
        store.get_many(&foreign, &[], latest).err(),
        store.get_set(&set, asked, latest).err(),
        store.scan(&foreign, latest).err(),
        store.history(&foreign, &newark, range).err(),
        store.versions(&foreign).err(),
        store.digest(&foreign).err(),
        store.explain(&foreign, &newark, latest).err(),
        store.floor(&foreign).err(),
        store.horizon(&foreign).err(),
        store.complete_through(&foreign).err(),
        store.fences(&foreign).err(),
        snapshot.get(&foreign, &newark, latest).err(),
        snapshot.floor(&foreign).err(),
        snapshot.horizon(&foreign).err(),
        snapshot.complete_through(&foreign).err(),
        store.restore_bounds(&foreign, None, &[]).err(),
        store.erase(&foreign, &newark, EraseOptions::new()).err(),
        store
            .check_erase(&foreign, &newark, EraseOptions::new())
            .err(),
    ] {
        let error = refused.expect("it is refused");
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
        assert!(error.to_string().contains("another store"), "{error}");
    }
    assert!(store.verify(&mut |_| {}).unwrap().is_clean());
    let receipt = world.write(put("EWR", at(6), 1.0));
    assert_eq!(receipt.applied, 1, "it takes its own rows still");
}

#[test]
fn a_row_that_breaks_its_contract_is_named_by_handles_too() {
    let world = World::with(weather());
    let mut batch = WriteBatch::new();
    let (view, newark) = (world.view(), world.entity("EWR"));
    for (error, words) in [
        (
            batch
                .put(&view, &newark, at(6))
                .set_value("temp", "warm")
                .finish(),
            ["temp", "expects f64 or null", "found string"],
        ),
        (
            batch.patch(&view, &newark, at(6)).finish(),
            ["weather", "EWR", "patch"],
        ),
        (
            batch
                .delete(&view, &newark, at(6))
                .set_value("temp", 1.0)
                .finish(),
            ["weather", "EWR", "delete"],
        ),
        (
            batch
                .put(&view, &newark, at(6))
                .set_value("tmp", 1.0)
                .finish(),
            ["weather", "tmp", "\"temp\""],
        ),
        (
            batch
                .put(&view, &newark, at(6))
                .set_value("temp", 1.0)
                .set_value("temp", 1.0)
                .finish(),
            ["weather", "temp", "twice"],
        ),
    ] {
        let error = error.unwrap_err();
        for word in words {
            assert!(
                error.to_string().contains(word),
                "{word:?} is not in {error}"
            );
        }
    }
    assert!(batch.is_empty());
}

#[test]
fn a_row_is_as_large_as_it_may_be_and_no_larger() {
    // Who is hurt: whoever stores embeddings, and whoever reads a row that fills the memory.
    let world = World::empty();
    let view = ViewDefinition::builder("raw")
        .key("id", Type::I64)
        .feature("bytes", Type::Bytes);
    world.store.apply(view.build().unwrap()).unwrap();
    let view = world.store.view("raw").unwrap();
    let entity = view.entity([1i64]).unwrap();
    let write = |bytes: usize| {
        let mut batch = WriteBatch::new();
        batch
            .put(&view, &entity, at(6))
            .set_value("bytes", vec![7u8; bytes])
            .finish()?;
        world.store.write(batch, WriteOptions::buffered())
    };
    let error = write(1 << 20).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ContractViolation);
    assert!(error.to_string().contains("1048576"), "{error}");
    assert_eq!(write((1 << 20) - 200).unwrap().applied, 1);
    let row = world.store.get(&view, &entity, Question::latest()).unwrap();
    assert_eq!(
        row.get(&view.feature::<[u8]>("bytes").unwrap())
            .unwrap()
            .unwrap()
            .len(),
        (1 << 20) - 200
    );
}
