//! A feature that was resolved in one store is none of another store's, nor of the same store opened anew:
//! its number means another feature there.

use crate::weather::{RowOf, World, at, patch, put, weather};
use asof::*;

asof::features! {
    #[derive(Debug, Clone, PartialEq)]
    struct Weather {
        temp: f64,
        gust: Option<f64>,
    }
}

const SAID: Weather = Weather {
    temp: 1.0,
    gust: Some(2.0),
};

/// The view of [`weather`], its features in the other order: numbers and types fit, what they mean does not.
fn turned_weather() -> ViewBuilder {
    ViewDefinition::builder("weather")
        .key("origin", Type::String)
        .define(FeatureDefinition::new("gust", Type::F64).nullable())
        .define(FeatureDefinition::new("temp", Type::F64).nullable())
}

/// Two stores that say the same of Newark.
fn two() -> [World; 2] {
    let worlds = [World::with(weather()), World::with(turned_weather())];
    for world in &worlds {
        world.write(said());
    }
    worlds
}

fn said() -> RowOf<'static> {
    RowOf {
        gust: SAID.gust,
        ..put("EWR", at(6), SAID.temp)
    }
}

/// Everything that names features of one view of one store.
struct Handles {
    view: View,
    temp: TypedFeature<f64>,
    fields: TypedFeatures<Weather>,
}

impl Handles {
    fn of(view: View) -> Handles {
        Handles {
            temp: view.feature("temp").unwrap(),
            fields: view.features().unwrap(),
            view,
        }
    }

    fn feature(&self) -> &Feature {
        self.view.contract().feature("temp").unwrap()
    }

    /// What a row says by these, one answer for each way to ask it.
    fn read(&self, row: &Row) -> [Result<Option<f64>>; 4] {
        let answer = row.answer(self.feature());
        let answer = answer.map(|answer| match answer.value {
            Some(ValueRef::F64(value)) => Some(value),
            _ => None,
        });
        [
            row.get(&self.temp),
            row.see(&self.temp).map(|seen| seen.value),
            answer,
            row.read(&self.fields).map(|all| Some(all.temp)),
        ]
    }

    /// Every way to name a feature in a row of this view, which may be another than theirs.
    fn write(&self, batch: &mut WriteBatch, view: &View) -> Vec<Result<()>> {
        type Say = fn(&Handles, RowWriter<'_>) -> Result<()>;
        let ways: [Say; 4] = [
            |of, row| row.set(&of.temp, 7.0).finish(),
            |of, row| row.set_null(&of.temp).finish(),
            |of, row| row.set_all(&of.fields, &SAID).finish(),
            // What comes after does not hide it.
            |of, row| row.set(&of.temp, 7.0).recorded_at(at(12)).finish(),
        ];
        let newark = view.entity(["EWR"]).unwrap();
        let mut told = Vec::new();
        for (way, hour) in ways.iter().zip(7..) {
            told.push(way(self, batch.put(view, &newark, at(hour))));
            told.push(way(self, batch.patch(view, &newark, at(hour))));
        }
        told
    }
}

#[track_caller]
fn is_refused<T: std::fmt::Debug>(result: Result<T>) {
    let error = result.expect_err("it is a handle of another store");
    assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
    assert!(error.to_string().contains("another store"), "{error}");
}

#[track_caller]
fn all_refused<T: std::fmt::Debug>(results: impl IntoIterator<Item = Result<T>>) {
    results.into_iter().for_each(is_refused);
}

/// Newark by every read that gives rows.
fn rows(world: &World) -> Vec<Row> {
    let (store, view, newark) = (&world.store, world.view(), world.entity("EWR"));
    let (latest, asked) = (Question::latest(), std::slice::from_ref(&newark));
    let mut rows = vec![
        store.get(&view, &newark, latest).unwrap(),
        store.get(&view, &newark, latest).unwrap(), // from memory, if there is any
        store.get(&view, &newark, Question::as_of(at(7))).unwrap(),
        store.snapshot().get(&view, &newark, latest).unwrap(),
    ];
    rows.extend(store.get_many(&view, asked, latest).unwrap());
    let scan = store.scan(&view, latest).unwrap();
    rows.extend(scan.map(|found| found.unwrap().1));
    assert_eq!(rows.len(), 6);
    rows
}

#[test]
fn a_row_is_read_by_the_features_of_its_own_store_alone() {
    // Who is hurt: whoever keeps two stores open and asks the row of one by the handle of the other. It
    // got the gust for the temperature.
    let worlds = two();
    let handles = worlds.each_ref().map(|world| Handles::of(world.view()));
    for (world, [own, foreign]) in [
        (&worlds[0], [&handles[0], &handles[1]]),
        (&worlds[1], [&handles[1], &handles[0]]),
    ] {
        for row in rows(world) {
            for told in own.read(&row) {
                assert_eq!(told.unwrap(), Some(SAID.temp));
            }
            assert_eq!(row.read(&own.fields).unwrap(), SAID);
            all_refused(foreign.read(&row));
        }
        let latest = Question::latest();
        let nobody = world.entity("JFK");
        let nothing = world.store.get(&own.view, &nobody, latest).unwrap();
        assert_eq!(nothing.get(&own.temp).unwrap(), None);
        // "Absent" would be an answer too.
        all_refused(foreign.read(&nothing));
    }
}

#[test]
fn a_feature_set_is_read_by_the_features_of_its_own_store_alone() {
    // Who is hurt: whoever serves a model from two stores.
    let [world, other] = two();
    let (own, foreign) = (Handles::of(world.view()), Handles::of(other.view()));
    let set = FeatureSet::new([own.view.clone()]);
    let (newark, latest) = ([world.entity("EWR")], Question::latest());
    let row = world.store.get_set(&set, &newark, latest).unwrap();
    assert_eq!(row.see(0, &own.temp).unwrap().value, Some(SAID.temp));
    is_refused(row.see(0, &foreign.temp));
    all_refused(foreign.read(&row.rows()[0]));
}

#[test]
fn a_resident_row_is_read_by_the_features_of_its_own_store_alone() {
    // Who is hurt: whoever serves from memory.
    let open = |view: ViewBuilder| {
        let store = StoreOptions::new().resident(["weather"]).temp().unwrap();
        store.apply(view.build().unwrap()).unwrap();
        let mut batch = WriteBatch::new();
        said().add(&mut batch, &store.view("weather").unwrap());
        store.write(batch, WriteOptions::buffered()).unwrap();
        store
    };
    let (store, other) = (open(weather()), open(turned_weather()));
    let [own, foreign] = [&store, &other].map(|of| Handles::of(of.view("weather").unwrap()));
    let newark = own.view.entity(["EWR"]).unwrap();
    let row = store.get(&own.view, &newark, Question::latest()).unwrap();
    assert_eq!(store.stats().unwrap().resident.rows, 1);
    assert_eq!(row.read(&own.fields).unwrap(), SAID);
    all_refused(foreign.read(&row));
}

#[test]
fn a_row_that_is_filled_again_belongs_to_the_store_that_filled_it() {
    // Who is hurt: whoever reads two stores into one row.
    let [world, other] = two();
    let (ours, theirs) = (Handles::of(world.view()), Handles::of(other.view()));
    let mut row = Row::new();
    for (world, [own, foreign]) in [
        (&world, [&ours, &theirs]),
        (&other, [&theirs, &ours]),
        (&world, [&ours, &theirs]),
    ] {
        let (newark, latest) = (world.entity("EWR"), Question::latest());
        let store = &world.store;
        store
            .get_into(&own.view, &newark, latest, &mut row)
            .unwrap();
        assert_eq!(row.read(&own.fields).unwrap(), SAID);
        all_refused(foreign.read(&row));
    }
}

#[test]
fn a_row_is_written_by_the_features_of_its_own_store_alone() {
    // Who is hurt: whoever keeps two stores open and writes a row of one by the handle of the other. The
    // temperature was stored as the gust, for good.
    let [world, other] = two();
    let (own, foreign) = (Handles::of(world.view()), Handles::of(other.view()));
    let mut batch = WriteBatch::new();
    all_refused(foreign.write(&mut batch, &own.view));
    assert!(
        batch.is_empty(),
        "a row that is refused is not in its batch"
    );
    patch("EWR", at(9), 9.0).add(&mut batch, &own.view);
    all_refused(foreign.write(&mut batch, &own.view));
    let written = |batch| {
        let options = WriteOptions::buffered();
        world.store.write(batch, options).unwrap().applied
    };
    assert_eq!(written(batch), 1, "what was in the batch stays in it");
    let (newark, latest) = (world.entity("EWR"), Question::latest());
    let row = world.store.get(&own.view, &newark, latest).unwrap();
    let gust = Some(9.0);
    assert_eq!(row.read(&own.fields).unwrap(), Weather { gust, ..SAID });
    // Their own are taken.
    let mut batch = WriteBatch::new();
    let told = own.write(&mut batch, &own.view);
    let named = told.len();
    told.into_iter().for_each(|told| told.unwrap());
    assert_eq!((named, written(batch)), (8, 8));
}

#[test]
fn a_struct_that_says_nothing_is_refused_by_another_store_too() {
    // Who is hurt: whoever finds out at the first row that has a value.
    asof::features! {
        struct Gust { gust: Option<f64> }
    }
    let [own, other] = two().map(|world| world.view());
    let (ours, theirs) = (own.features::<Gust>(), other.features::<Gust>());
    let (newark, mut batch) = (own.entity(["EWR"]).unwrap(), WriteBatch::new());
    let mut put = |fields: &TypedFeatures<Gust>| {
        let row = batch.put(&own, &newark, at(7));
        row.set_all(fields, &Gust { gust: None }).finish()
    };
    put(&ours.unwrap()).unwrap();
    is_refused(put(&theirs.unwrap()));
    assert_eq!(batch.len(), 1);
}

#[test]
fn a_handle_does_not_outlive_the_opening_of_its_store() {
    // Who is hurt: whoever closes a store, opens one from elsewhere, and goes on with the handles.
    let [world, _other] = two();
    let old = Handles::of(world.view());
    let world = world.reopen();
    let (new, newark, latest) = (
        Handles::of(world.view()),
        world.entity("EWR"),
        Question::latest(),
    );
    is_refused(world.store.scan(&old.view, latest).map(drop)); // as views are
    let row = world.store.get(&new.view, &newark, latest).unwrap();
    assert_eq!(row.read(&new.fields).unwrap(), SAID);
    all_refused(old.read(&row));
    let mut batch = WriteBatch::new();
    all_refused(old.write(&mut batch, &new.view));
    assert!(batch.is_empty());
}

#[test]
fn handles_outlive_a_new_version_of_their_view() {
    // Who is hurt: whoever adds a feature to a store that is being served.
    let [world, _other] = two();
    let old = Handles::of(world.view());
    let rain = FeatureDefinition::new("rain", Type::F64).nullable();
    let wider = weather().define(rain).build().unwrap();
    world.store.apply(wider).unwrap();
    let new = Handles::of(world.view());
    assert_eq!(new.view.contract().version(), 2);
    let (newark, latest) = (world.entity("EWR"), Question::latest());
    for asked in [&old, &new] {
        let row = world.store.get(&asked.view, &newark, latest).unwrap();
        for handles in [&old, &new] {
            for told in handles.read(&row) {
                assert_eq!(told.unwrap(), Some(SAID.temp));
            }
            let mut batch = WriteBatch::new();
            let told = handles.write(&mut batch, &asked.view);
            told.into_iter().for_each(|told| told.unwrap());
        }
    }
}

#[test]
fn contracts_are_equal_whichever_stores_keep_them() {
    // Who is hurt: whoever compares what two stores promise before moving rows.
    let (world, other) = (World::with(weather()), World::with(weather()));
    assert_eq!(world.view().contract(), other.view().contract());
    let [temp, same] = [&world, &other].map(|world| world.view());
    assert_eq!(
        temp.contract().feature("temp").unwrap(),
        same.contract().feature("temp").unwrap()
    );
    let turned = World::with(turned_weather());
    assert_ne!(world.view().contract(), turned.view().contract());
}
