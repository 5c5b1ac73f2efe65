//! `join`: what a model could have known, row by row, computed by hand.

use crate::world::World;

/// Weather of EWR at 06:00 and 08:00 (the latter learned at 10:00), and an airport view.
fn world() -> World {
    let world = World::weather();
    world.file("airport.toml", "view = \"airport\"\n[entity]\ncode = \"string\"\nterminal = \"i32\"\n[features]\nname = \"string\"\ngates = { type = \"list<i64>\", nullable = true }\n");
    world.run(&["view", "apply", "airport.toml"]).ok();
    let lines = r#"{"view":"weather","entity":{"origin":"EWR"},"event_time":"2013-01-01T06:00:00Z","features":{"temp":39.02,"wind_gust":null}}
{"view":"weather","entity":{"origin":"EWR"},"event_time":"2013-01-01T08:00:00Z","recorded_at":"2013-01-01T10:00:00Z","features":{"temp":41.0,"wind_gust":12.5}}
{"view":"airport","entity":{"code":"EWR","terminal":1},"event_time":0,"features":{"name":"Newark, \"Liberty\"","gates":[1,2]}}
"#;
    world
        .pipe(&["ingest", "-", "--reject", "batch"], lines.as_bytes())
        .ok();
    world
}

const JOIN: [&str; 7] = [
    "join",
    "--spine",
    "spine.csv",
    "--time",
    "at",
    "--view",
    "weather",
];

#[test]
fn every_row_is_answered_as_of_its_own_time() {
    let world = world();
    world.file(
        "spine.csv",
        "flight,origin,at\n\
         before,EWR,2013-01-01T05:59:59.999999Z\n\
         \"at, exactly\",EWR,2013-01-01T06:00:00Z\n\
         between,EWR,1357023600000000\n\
         newer,EWR,2013-01-01T08:00:00Z\n\
         ttl,EWR,2013-01-01T11:00:00Z\n\
         past ttl,EWR,2013-01-01T11:00:00.000001Z\n\
         nobody,,2013-01-01T08:00:00Z\n\
         never,JFK,2013-01-01T08:00:00Z\n",
    );
    assert_eq!(
        world
            .run(&[&JOIN[..], &["--status", "--event-times"]].concat())
            .ok(),
        "flight,origin,at,weather__temp,weather__temp__status,weather__temp__event_time,weather__wind_gust,weather__wind_gust__status,weather__wind_gust__event_time\n\
         before,EWR,2013-01-01T05:59:59.999999Z,,absent,,,absent,\n\
         \"at, exactly\",EWR,2013-01-01T06:00:00Z,39.02,present,2013-01-01T06:00:00Z,,null,2013-01-01T06:00:00Z\n\
         between,EWR,1357023600000000,39.02,present,2013-01-01T06:00:00Z,,null,2013-01-01T06:00:00Z\n\
         newer,EWR,2013-01-01T08:00:00Z,41.0,present,2013-01-01T08:00:00Z,12.5,present,2013-01-01T08:00:00Z\n\
         ttl,EWR,2013-01-01T11:00:00Z,41.0,present,2013-01-01T08:00:00Z,12.5,present,2013-01-01T08:00:00Z\n\
         past ttl,EWR,2013-01-01T11:00:00.000001Z,,expired,2013-01-01T08:00:00Z,,expired,2013-01-01T08:00:00Z\n\
         nobody,,2013-01-01T08:00:00Z,,absent,,,absent,\n\
         never,JFK,2013-01-01T08:00:00Z,,absent,,,absent,\n"
    );
}

#[test]
fn only_what_had_been_recorded_is_joined() {
    let world = world();
    world.file("spine.csv", "origin,at,k\nEWR,2013-01-01T08:30:00Z,2013-01-01T09:59:59Z\nEWR,2013-01-01T08:30:00Z,2013-01-01T10:00:00Z\n");
    let args = [
        "join",
        "--spine",
        "spine.csv",
        "--time",
        "at",
        "--known-at",
        "k",
        "--view",
        "weather:temp",
    ];
    assert_eq!(
        world.run(&args).ok(),
        "origin,at,k,weather__temp\n\
         EWR,2013-01-01T08:30:00Z,2013-01-01T09:59:59Z,39.02\n\
         EWR,2013-01-01T08:30:00Z,2013-01-01T10:00:00Z,41.0\n"
    );
}

#[test]
fn two_views_and_two_aliases_of_one_are_joined_by_their_own_columns() {
    let world = world();
    world.file(
        "spine.csv",
        "from,to,terminal,at\nEWR,JFK,1,2013-01-01T06:00:00Z\nJFK,EWR,,2013-01-01T06:00:00Z\n",
    );
    let args = [
        "join",
        "--spine",
        "spine.csv",
        "--time",
        "at",
        "-o",
        "out.csv",
        "--view",
        "a=weather:temp",
        "--view",
        "b=weather:temp",
        "--view",
        "airport:gates,name",
        "--key",
        "origin=from",
        "--key",
        "b.origin=to",
        "--key",
        "code=from",
    ];
    assert_eq!(world.run(&args).ok(), "");
    assert_eq!(
        world.read("out.csv"),
        "from,to,terminal,at,a__temp,b__temp,airport__gates,airport__name\n\
         EWR,JFK,1,2013-01-01T06:00:00Z,39.02,,\"[1,2]\",\"Newark, \"\"Liberty\"\"\"\n\
         JFK,EWR,,2013-01-01T06:00:00Z,,39.02,,\n"
    );
}

#[test]
fn a_time_that_is_none_names_the_row_and_leaves_no_file() {
    let world = world();
    world.file(
        "spine.csv",
        "origin,at\nEWR,2013-01-01T06:00:00Z\n\"E\nW\",0\nEWR,noon\n",
    );
    let before = world.names();
    let args = [&JOIN[..], &["-o", "out.csv"]].concat();
    world
        .run(&args)
        .failed(1, "spine.csv:5: column \"at\": time \"noon\"");
    assert_eq!(world.names(), before);
    world.file("out.csv", "kept");
    world.run(&args).failed(1, "spine.csv:5");
    assert_eq!(world.read("out.csv"), "kept");
    world.file("spine.csv", "origin,at\nEWR,\n");
    world.run(&args).failed(1, "spine.csv:2: column \"at\"");
    world.file("spine.csv", "origin,at\nEWR,0,1\n");
    world
        .run(&args)
        .failed(1, "spine.csv: the record has 3 cells, the header has 2");
}

#[test]
fn a_time_beyond_history_names_the_row_and_the_floor() {
    let world = World::empty();
    world.file("v.toml", "view = \"weather\"\n[entity]\norigin = \"string\"\n[features]\ntemp = \"f64\"\n[time]\nhistory = \"1h\"\n");
    world.run(&["view", "apply", "v.toml"]).ok();
    let line = |hour: u32| {
        format!(
            "{{\"view\":\"weather\",\"entity\":{{\"origin\":\"EWR\"}},\"event_time\":\"2013-01-01T{hour:02}:00:00Z\",\"features\":{{\"temp\":{hour}}}}}\n"
        )
    };
    world
        .pipe(&["ingest", "-"], [line(6), line(12)].concat().as_bytes())
        .ok();
    world.file("spine.csv", "origin,at\nEWR,2013-01-01T11:00:00Z\n");
    assert_eq!(
        world.run(&JOIN).ok(),
        "origin,at,weather__temp\nEWR,2013-01-01T11:00:00Z,6.0\n"
    );
    world.file(
        "spine.csv",
        "origin,at\nEWR,2013-01-01T11:00:00Z\nEWR,2013-01-01T10:59:59.999999Z\n",
    );
    world
        .run(&[&JOIN[..], &["-o", "out.csv"]].concat())
        .failed(5, "spine.csv:3")
        .noted("2013-01-01T11:00:00Z");
    assert!(!world.names().contains(&"out.csv".to_owned()));
    world
        .run(&["get", "weather", "EWR", "--as-of", "2013-01-01T10:00:00Z"])
        .failed(5, "2013-01-01T11:00:00Z");
}

#[test]
fn columns_that_are_not_there_are_usage() {
    let world = world();
    world.file("spine.csv", "from,at,weather__temp\nEWR,0,1\n");
    world.run(&JOIN).failed(
        2,
        "spine.csv has no column \"origin\", which is a key column of view \"weather\"",
    );
    let with = |key: &str| {
        [&JOIN[..], &["--key", key]]
            .concat()
            .iter()
            .map(|s| s.to_string())
            .collect::<Vec<_>>()
    };
    for (key, why) in [
        (
            "origin=dest",
            "--key dest: spine.csv has no such column; it has from, at, weather__temp",
        ),
        ("origin=from", "the column \"weather__temp\" twice"),
        (
            "x.origin=from",
            "--key x.origin=from: no joined view has this key column",
        ),
        ("origin", "write it as [ALIAS.]ENTITYCOL=COL"),
    ] {
        let args = with(key);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        world.run(&args).failed(2, why);
    }
    world
        .run(&[
            "join",
            "--spine",
            "spine.csv",
            "--time",
            "when",
            "--view",
            "w=weather",
            "--key",
            "origin=from",
        ])
        .failed(2, "--time when: spine.csv has no such column");
    world
        .run(&[
            "join",
            "--spine",
            "spine.csv",
            "--time",
            "at",
            "--view",
            "w=weather:tmp",
            "--key",
            "origin=from",
        ])
        .failed(3, "did you mean \"temp\"?");
    world
        .run(&[
            "join", "--spine", "gone.csv", "--time", "at", "--view", "weather",
        ])
        .failed(1, "gone.csv");
}
