//! Wherever a name is taken, a wrong one is refused where it enters and the nearest one is offered.

use crate::weather::{World, at, weather};
use asof::*;

asof::features! {
    struct Misspelt {
        tmp: f64,
    }
}

fn event(change: impl FnOnce(&mut Event)) -> Event {
    let mut event = Event {
        namespace: "default".into(),
        view: "weather".into(),
        entity: vec![("origin".into(), "EWR".into())],
        event_time: at(6),
        recorded_at: None,
        op: Op::Put,
        schema_version: None,
        features: vec![("temp".into(), 1.0.into())],
    };
    change(&mut event);
    event
}

#[test]
fn a_misspelt_name_is_answered_with_the_one_that_was_meant() {
    // Who is hurt: whoever mistypes a name, and would search for the view that is missing.
    let world = World::with(weather());
    let (store, view) = (&world.store, world.view());
    let row = store
        .get(&view, &world.entity("EWR"), Question::latest())
        .unwrap();
    let filled = {
        world.write(crate::weather::put("EWR", at(6), 1.0));
        let question = Question::latest();
        store.get(&view, &world.entity("EWR"), question).unwrap()
    };
    let set_value = || {
        let mut batch = WriteBatch::new();
        let entity = world.entity("EWR");
        let row = batch.put(&view, &entity, at(6));
        row.set_value("tmp", 1.0).finish()
    };
    let push = |event: Event| {
        let mut batch = WriteBatch::new();
        batch.push(event, "", None);
        store.write(batch, WriteOptions::buffered()).map(drop)
    };
    let resolve = |line: &str| JsonEvent::parse(line.as_bytes())?.resolve(view.contract());
    let toml = |text: &str| ViewDefinition::from_toml(text).map(drop);
    let cases: [(&str, Result<()>, &str); 15] = [
        ("Store::view", store.view("wether").map(drop), "weather"),
        (
            "Store::view_in",
            store.view_in("defualt", "weathr").map(drop),
            "default",
        ),
        (
            "View::feature",
            view.feature::<f64>("tmp").map(drop),
            "temp",
        ),
        (
            "View::features",
            view.features::<Misspelt>().map(drop),
            "temp",
        ),
        (
            "Contract::feature",
            view.contract().feature("gist").map(drop),
            "gust",
        ),
        ("Row::by_name", row.by_name("tmp").map(drop), "temp"),
        (
            "Row::by_name, filled",
            filled.by_name("tmp").map(drop),
            "temp",
        ),
        ("RowWriter::set_value", set_value(), "temp"),
        (
            "Event.view",
            push(event(|e| e.view = "wether".into())),
            "weather",
        ),
        (
            "Event.features",
            push(event(|e| e.features[0].0 = "tmp".into())),
            "temp",
        ),
        (
            "Event.entity",
            push(event(|e| e.entity[0].0 = "orign".into())),
            "origin",
        ),
        (
            "JsonEvent, field",
            resolve(r#"{"vew":"weather","entity":{"origin":"EWR"},"event_time":0}"#).map(drop),
            "view",
        ),
        (
            "JsonEvent, feature",
            resolve(r#"{"entity":{"origin":"EWR"},"event_time":0,"features":{"tmp":1}}"#).map(drop),
            "temp",
        ),
        ("Type", "strng".parse::<Type>().map(drop), "string"),
        (
            "TOML key",
            toml("view = \"v\"\n[entitty]\nk = \"i64\""),
            "entity",
        ),
    ];
    for (entry, outcome, meant) in cases {
        let error = outcome.expect_err(entry).to_string();
        assert!(
            error.contains(&format!("did you mean {meant:?}?")),
            "{entry} says {error:?}"
        );
    }
}

#[test]
fn a_view_is_looked_for_where_it_may_be() {
    let world = World::empty();
    let text = world.store.view("weather").unwrap_err().to_string();
    assert!(text.contains("no views yet"), "{text}");
    let sky = ViewDefinition::builder("sky").namespace("acme");
    let sky = sky.key("k", Type::I64).feature("f", Type::F64);
    world.store.apply(sky.build().unwrap()).unwrap();
    let text = world.store.view("sky").unwrap_err().to_string();
    assert!(text.contains("namespace \"acme\" has one"), "{text}");
    let error = world.store.view_in("acne", "weather").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(
        error.to_string().contains("did you mean \"acme\"?"),
        "{error}"
    );
}

#[test]
fn a_feature_of_another_type_is_answered_with_the_type_to_ask_for() {
    let world = World::with(weather());
    let error = world.view().feature::<str>("temp").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert!(
        error
            .to_string()
            .contains("has the type f64; resolve it as f64, not as str"),
        "{error}"
    );
}
