//! `view apply`, `view list`, `view show`.

use crate::world::{WEATHER, World};

#[test]
fn a_view_file_makes_a_store_and_comes_back_as_it_was() {
    let world = World::empty();
    world.file("weather.toml", WEATHER);
    assert_eq!(
        world.run(&["view", "apply", "weather.toml"]).ok(),
        "weather: created\n"
    );
    assert_eq!(
        world.run(&["view", "apply", "weather.toml"]).ok(),
        "weather: unchanged\n"
    );
    assert_eq!(
        world.run(&["view", "show", "weather", "--toml"]).ok(),
        WEATHER
    );
    assert_eq!(
        world
            .run(&["view", "show", "weather", "--output", "json"])
            .ok(),
        concat!(
            r#"{"definition":{"namespace":"default","view":"weather","schema_version":1,"entity":[{"name":"origin","type":"string"}],"#,
            r#""features":[{"name":"temp","type":"f64","since":1},{"name":"wind_gust","type":"f64","nullable":true,"finite":true,"since":1}],"#,
            r#""time":{"ttl":"3h","on_expiry":"expire","history":"forever","max_skew":"10m"}},"floor":null,"horizon":null,"fences":[]}"#,
            "\n"
        )
    );
    assert_eq!(
        world.run(&["view", "show", "weather"]).ok(),
        "weather, schema version 1, entity (origin string)\n\
         ttl 3h, on_expiry expire, history forever, max_skew 10m, floor none yet\n\
         \n\
         feature    type  nullable  finite  was  since\n\
         temp       f64                          1\n\
         wind_gust  f64   yes       yes          1\n"
    );
}

#[test]
fn check_says_what_would_happen_and_changes_nothing() {
    let world = World::empty();
    world.file("weather.toml", WEATHER);
    let check = ["view", "apply", "--check", "weather.toml"];
    assert_eq!(world.run(&check).ok(), "weather: would be created\n");
    assert!(!world.store().exists());
    world.run(&["view", "apply", "weather.toml"]).ok();
    let wider = WEATHER.replace(
        "\n[time]",
        "dewp = { type = \"f64\", nullable = true }\n\n[time]",
    );
    world.file("weather.toml", wider);
    for _ in 0..2 {
        assert_eq!(
            world.run(&check).ok(),
            "weather: would be added dewp in schema version 2\n"
        );
    }
    assert_eq!(
        world
            .run(&["view", "apply", "weather.toml", "--output", "ndjson"])
            .ok(),
        "{\"namespace\":\"default\",\"view\":\"weather\",\"change\":\"added\",\"features\":[\"dewp\"]}\n"
    );
    assert_eq!(world.run(&check).ok(), "weather: would be unchanged\n");
}

#[test]
fn one_bad_file_leaves_all_views_as_they_were() {
    let world = World::weather();
    world.file("other.toml", WEATHER.replace("\"weather\"", "\"other\""));
    world.file("bad.toml", "view = \"bad\"\n");
    world
        .run(&["view", "apply", "other.toml", "bad.toml"])
        .failed(1, "bad.toml: view \"bad\": there is no [entity]");
    world.file(
        "weather.toml",
        WEATHER.replace("temp = \"f64\"", "temp = \"f32\""),
    );
    world
        .run(&["view", "apply", "other.toml", "weather.toml"])
        .failed(5, "weather.toml: view \"weather\" cannot take this definition: feature \"temp\" is f64, not f32");
    let list = world.run(&["view", "list"]).ok();
    assert_eq!(
        list,
        "namespace  view     entity         features  schema_version\n\
         default    weather  origin string  2         1\n"
    );
    world
        .run(&["view", "apply", "missing.toml"])
        .failed(1, "missing.toml");
}

#[test]
fn views_are_listed_by_namespace_and_name() {
    let world = World::weather();
    world.file("prod.toml", format!("namespace = \"prod\"\n{WEATHER}"));
    world.file("air.toml", WEATHER.replace("\"weather\"", "\"air\""));
    world.run(&["view", "apply", "prod.toml", "air.toml"]).ok();
    assert_eq!(
        world.run(&["--output", "ndjson", "view", "list"]).ok(),
        "{\"namespace\":\"default\",\"view\":\"air\",\"entity\":[\"origin\"],\"features\":2,\"schema_version\":1}\n\
         {\"namespace\":\"default\",\"view\":\"weather\",\"entity\":[\"origin\"],\"features\":2,\"schema_version\":1}\n\
         {\"namespace\":\"prod\",\"view\":\"weather\",\"entity\":[\"origin\"],\"features\":2,\"schema_version\":1}\n"
    );
    let prod = world
        .run(&["view", "list", "--namespace", "prod", "--output", "json"])
        .ok();
    assert_eq!(
        prod,
        "[\n{\"namespace\":\"prod\",\"view\":\"weather\",\"entity\":[\"origin\"],\"features\":2,\"schema_version\":1}\n]\n"
    );
}
