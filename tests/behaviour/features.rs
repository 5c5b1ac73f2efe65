//! A plain struct as the features of a view: no name is looked up twice, no kind of nothing is lost.

use crate::weather::{World, at};
use asof::*;

asof::features! {
    /// Every kind of field.
    #[derive(Debug, Clone, PartialEq)]
    struct Weather {
        temp: f64,
        wind_gust: Option<f64>,
        /// Told with its status.
        r#type: Seen<String>,
    }
}

asof::features! {
    #[derive(Debug, Clone, PartialEq)]
    struct Everything {
        flag: bool,
        small: i32,
        large: i64,
        single: f32,
        double: f64,
        text: String,
        blob: Vec<u8>,
        moment: Timestamp,
        vector: [f32; 3],
        integers: Vec<i64>,
        doubles: Vec<f64>,
        texts: Vec<String>,
    }
}

fn world() -> World {
    let view = ViewDefinition::builder("weather")
        .key("origin", Type::String)
        .define(FeatureDefinition::new("temp", Type::F64).nullable())
        .define(FeatureDefinition::new("wind_gust", Type::F64).nullable())
        .define(FeatureDefinition::new("type", Type::String).nullable())
        .ttl(Span::hours(3));
    World::with(view)
}

fn seen(value: Option<&str>, status: Status, event_time: Option<Timestamp>) -> Seen<String> {
    Seen {
        status,
        value: value.map(String::from),
        event_time,
    }
}

#[test]
fn a_struct_that_does_not_fit_its_view_is_refused_with_every_reason_at_once() {
    // Who is hurt: whoever renames a feature and finds out name by name, or at the first null.
    let world = World::with(
        ViewDefinition::builder("weather")
            .key("origin", Type::String)
            .feature("tmp", Type::F64)
            .feature("wind_gust", Type::I64)
            .feature("type", Type::String),
    );
    let error = world.view().features::<Weather>().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let text = error.to_string();
    for part in [
        "struct Weather does not fit view \"weather\" v1",
        "no feature \"temp\"; did you mean \"tmp\"?",
        "feature \"wind_gust\" is a i64, which no f64 holds",
    ] {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
    assert!(!text.contains("\"type\""), "{text}");
}

#[test]
fn a_wrong_dimension_is_refused_when_names_are_resolved() {
    asof::features! {
        #[derive(Debug)]
        struct Short { vector: [f32; 2] }
    }
    let world = World::with(
        ViewDefinition::builder("weather")
            .key("origin", Type::String)
            .features::<Everything>(),
    );
    let error = world.view().features::<Short>().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert!(error.to_string().contains("vector<f32,3>"), "{error}");
}

#[test]
fn every_type_survives_its_struct() {
    let world = World::with(
        ViewDefinition::builder("weather")
            .key("origin", Type::String)
            .features::<Everything>(),
    );
    let (view, newark) = (world.view(), world.entity("EWR"));
    let fields = view.features::<Everything>().unwrap();
    let all = Everything {
        flag: true,
        small: -7,
        large: i64::MIN,
        single: 0.5,
        double: 39.02,
        text: "naïve".into(),
        blob: vec![0, 255],
        moment: at(3),
        vector: [1.0, -0.0, 3.5],
        integers: vec![3, 1],
        doubles: vec![],
        texts: vec!["a".into(), String::new()],
    };
    let mut batch = WriteBatch::new();
    let row = batch.put(&view, &newark, at(6));
    row.set_all(&fields, &all).finish().unwrap();
    world.store.write(batch, WriteOptions::buffered()).unwrap();
    let row = world.store.get(&view, &newark, Question::latest()).unwrap();
    assert_eq!(row.read(&fields).unwrap(), all);
    let types: Vec<Type> = view.contract().features().iter().map(Feature::ty).collect();
    assert_eq!(types[8], Type::Vector(3));
}

#[test]
fn no_kind_of_nothing_is_taken_for_another() {
    // Who is hurt: a model that is fed a default because a value was null, late or gone.
    let world = world();
    let (view, newark) = (world.view(), world.entity("EWR"));
    let fields = view.features::<Weather>().unwrap();
    let read = || {
        let row = world.store.get(&view, &newark, Question::latest());
        row.unwrap().read(&fields)
    };
    let no_value = |word: &str| {
        let error = read().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoValue, "{error}");
        let text = error.to_string();
        assert!(
            text.contains(&format!("\"temp\" of view \"weather\" is {word}")),
            "{text}"
        );
    };
    no_value("absent");

    // A put of a struct leaves out what is none, and a null that was seen is written as a null.
    let mut batch = WriteBatch::new();
    let all = Weather {
        temp: 39.02,
        wind_gust: None,
        r#type: seen(None, Status::Null, None),
    };
    batch
        .put(&view, &newark, at(10))
        .set_all(&fields, &all)
        .finish()
        .unwrap();
    world.store.write(batch, WriteOptions::buffered()).unwrap();
    let mut expected = Weather {
        r#type: seen(None, Status::Null, Some(at(10))),
        ..all.clone()
    };
    assert_eq!(read().unwrap(), expected);
    let gust = view.feature::<f64>("wind_gust").unwrap();
    let row = world.store.get(&view, &newark, Question::latest()).unwrap();
    assert_eq!(row.see(&gust).unwrap().status, Status::Absent);

    // A patch names what is some: the null stays, and so does what another patch said.
    let mut batch = WriteBatch::new();
    let some = Weather {
        temp: 41.0,
        wind_gust: Some(9.5),
        r#type: seen(None, Status::Absent, None),
    };
    batch
        .patch(&view, &newark, at(11))
        .set_all(&fields, &some)
        .finish()
        .unwrap();
    world.store.write(batch, WriteOptions::buffered()).unwrap();
    expected.temp = 41.0;
    expected.wind_gust = Some(9.5);
    assert_eq!(read().unwrap(), expected);

    // Null, expired and deleted: an error each for a plain field.
    let mut batch = WriteBatch::new();
    batch
        .patch(&view, &newark, at(12))
        .set_value("temp", Value::Null)
        .set_value("type", "METAR")
        .finish()
        .unwrap();
    world.store.write(batch, WriteOptions::buffered()).unwrap();
    no_value("null");
    world.clock.advance(Span::hours(4));
    no_value("expired");
    let mut batch = WriteBatch::new();
    batch.delete(&view, &newark, at(13)).finish().unwrap();
    world.store.write(batch, WriteOptions::buffered()).unwrap();
    no_value("deleted");

    asof::features! {
        struct Told { r#type: Seen<String>, wind_gust: Option<f64> }
    }
    let told = view.features::<Told>().unwrap();
    let row = world.store.get(&view, &newark, Question::latest()).unwrap();
    let Told { r#type, wind_gust } = row.read(&told).unwrap();
    assert_eq!(r#type, seen(None, Status::Deleted, Some(at(13))));
    assert_eq!(wind_gust, None);
    let row = world
        .store
        .get(&view, &newark, Question::as_of(at(12)))
        .unwrap();
    let Told { r#type, .. } = row.read(&told).unwrap();
    assert_eq!(r#type, seen(Some("METAR"), Status::Present, Some(at(12))));
}

#[test]
fn a_row_of_an_older_handle_says_nothing_of_a_younger_feature() {
    // Who is hurt: a service that renewed one of its handles, and takes what is stored for absent.
    let world = World::with(crate::weather::weather());
    let old = world.view();
    let rain = FeatureDefinition::new("rain", Type::F64).nullable();
    let grown = crate::weather::weather().define(rain).build().unwrap();
    world.store.apply(grown).unwrap();
    let (new, newark) = (world.view(), world.entity("EWR"));
    let rain = new.feature::<f64>("rain").unwrap();
    let mut batch = WriteBatch::new();
    let row = batch.put(&new, &newark, at(6)).set(&rain, 2.0);
    row.finish().unwrap();
    let options = WriteOptions::buffered();
    world.store.write(batch, options).unwrap();
    let ask = |view: &View| world.store.get(view, &newark, Question::latest()).unwrap();
    let named = new.contract().feature("rain").unwrap();
    let (known, unknown) = (ask(&new), ask(&old));
    assert_eq!(known.get(&rain).unwrap(), Some(2.0));
    let told = known.answer(named).unwrap();
    assert!(matches!(told.value, Some(ValueRef::F64(2.0))), "{told:?}");
    let refused = [
        unknown.get(&rain).map(drop),
        unknown.see(&rain).map(drop),
        unknown.answer(named).map(drop),
    ];
    for told in refused {
        let error = told.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(error.to_string().contains("view again"), "{error}");
    }
}

#[test]
fn a_struct_keeps_to_its_own_view() {
    let world = world();
    let other = ViewDefinition::builder("sky").key("origin", Type::String);
    let other = other.features::<Weather>().build().unwrap();
    assert!(other.features()[1].is_nullable() && !other.features()[0].is_nullable());
    world.store.apply(other).unwrap();
    let sky = world.store.view("sky").unwrap();
    let fields = sky.features::<Weather>().unwrap();
    let newark = world.entity("EWR");
    let row = world.store.get(&world.view(), &newark, Question::latest());
    let never = row.unwrap();
    world.write(crate::weather::put("EWR", at(6), 1.0));
    let found = world.store.get(&world.view(), &newark, Question::latest());
    // Whether anything is known makes no difference: a mistake is told before there is data.
    for row in [never, found.unwrap()] {
        let error = row.read(&fields).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
    }
    assert_eq!(
        Row::new().read(&fields).unwrap_err().kind(),
        ErrorKind::InvalidArgument
    );
    let mut batch = WriteBatch::new();
    let weather = Weather {
        temp: 1.0,
        wind_gust: None,
        r#type: seen(None, Status::Absent, None),
    };
    let row = batch.put(&world.view(), &newark, at(6));
    let error = row.set_all(&fields, &weather).finish().unwrap_err();
    assert!(error.to_string().contains("another view"), "{error}");
    assert!(batch.is_empty());
}

#[test]
fn a_vector_without_a_dimension_defines_no_feature() {
    asof::features! {
        struct Loose { vector: Vec<f32> }
    }
    let view = ViewDefinition::builder("v").key("k", Type::I64);
    let error = view.features::<Loose>().build().unwrap_err();
    assert!(error.to_string().contains("1 to 65536"), "{error}");
}
