//! `dump`, `digest`, `verify`: a store is the set of its versions, and nothing else of how it came
//! to be.

use crate::world::{WEATHER, World};
use std::fmt::Write;

/// Rows of two views, one in another namespace, with every type, three ops, nulls, late rows, a
/// conflict, and a row of the future.
fn lines() -> Vec<String> {
    let mut lines = Vec::new();
    let mut push = |view: &str, entity: String, et: i64, rest: &str| {
        lines.push(format!(
            "{{{view},\"entity\":{entity},\"event_time\":{et}{rest}}}"
        ));
    };
    let all = "\"namespace\":\"prod\",\"view\":\"all_types\"";
    for n in 0..300_i64 {
        let origin = format!("{{\"origin\":\"o{}\"}}", n * 7 % 41);
        let et = 1_357_000_000_000_000 + n * 1_000_003 % 97;
        let rest = match n % 5 {
            0 => ",\"op\":\"patch\",\"features\":{\"wind_gust\":null}".to_owned(),
            1 => format!(",\"recorded_at\":{},\"op\":\"delete\"", et + n % 3),
            _ => format!(
                ",\"recorded_at\":{},\"features\":{{\"temp\":{n}.5}}",
                et + n % 3
            ),
        };
        push("\"view\":\"weather\"", origin, et, &rest);
        let key = format!("{{\"id\":{},\"at\":{et}}}", n % 17 - 8);
        let features = format!(
            "\"b\":{},\"i\":{},\"l\":{},\"f\":0.1,\"d\":{},\"s\":\"é\\\"\\u0000{n}\",\"raw\":\"AP8=\",\"t\":\"2013-01-01T06:00:00.5Z\",\"v\":[1,\"NaN\",-0.0],\"li\":[9223372036854775807],\"lf\":[1e300,\"-Infinity\"],\"ls\":[\"\",\"x\"]",
            n % 2 == 0,
            -n,
            i64::MIN + n,
            if n % 3 == 0 { "\"NaN\"" } else { "-0.0" }
        );
        push(
            all,
            key,
            et,
            &format!(",\"op\":\"patch\",\"features\":{{{features}}}"),
        );
    }
    // A conflict: one stamp, two answers. Both are kept.
    push(
        "\"view\":\"weather\"",
        "{\"origin\":\"o1\"}".into(),
        5,
        ",\"features\":{\"temp\":1}",
    );
    push(
        "\"view\":\"weather\"",
        "{\"origin\":\"o1\"}".into(),
        5,
        ",\"features\":{\"temp\":2}",
    );
    lines
}

fn world() -> World {
    let world = World::weather();
    world.file(
        "all.toml",
        "view = \"all_types\"\nnamespace = \"prod\"\n[entity]\nid = \"i32\"\nat = \"timestamp\"\n[features]\n\
         b = \"bool\"\ni = \"i32\"\nl = \"i64\"\nf = \"f32\"\nd = { type = \"f64\", was = \"a_double\" }\ns = \"string\"\nraw = \"bytes\"\nt = \"timestamp\"\n\
         v = \"vector<f32,3>\"\nli = \"list<i64>\"\nlf = \"list<f64>\"\nls = \"list<string>\"\n",
    );
    world.run(&["view", "apply", "all.toml"]).ok();
    world
}

#[track_caller]
fn ingest(world: &World, text: &str) {
    let ended = world.pipe(&["ingest", "-", "--reject", "batch"], text.as_bytes());
    ended.ok();
}

#[test]
fn a_dump_ingested_into_an_empty_store_gives_that_dump_back() {
    let world = world();
    ingest(&world, &lines().join("\n"));
    let dump = world.run(&["dump"]).ok();
    assert_eq!(
        dump.lines().count(),
        2 + 602,
        "two definitions, every version"
    );
    // One view is there, the other comes with the dump; and the namespace that is said is not that
    // of the lines of a dump.
    let copy = World::weather();
    let ended = copy.pipe(
        &["ingest", "-", "--namespace", "prod", "--reject", "batch"],
        dump.as_bytes(),
    );
    assert_eq!(ended.stderr, "");
    assert_eq!(copy.run(&["dump"]).ok(), dump);
    assert_eq!(copy.run(&["digest"]).ok(), world.run(&["digest"]).ok());
    ingest(&copy, &dump);
    assert_eq!(
        copy.run(&["dump"]).ok(),
        dump,
        "a second time changes nothing"
    );
    let weather: String = world.run(&["dump", "weather"]).ok();
    assert!(weather.lines().all(|line| dump.contains(line)));
    assert_eq!(weather.lines().count(), 1 + 302);
}

#[test]
fn order_repetition_and_batches_leave_no_trace() {
    let world = world();
    let lines = lines();
    ingest(&world, &lines.join("\n"));
    let other = World::weather();
    other
        .pipe(
            &["ingest", "-"],
            world
                .run(&["dump"])
                .ok()
                .lines()
                .take(2)
                .collect::<Vec<_>>()
                .join("\n")
                .as_bytes(),
        )
        .ok();
    // 367 is prime to the number of lines: every line once, far from where it was; then some again.
    let mut shuffled = String::new();
    for n in 0..lines.len() + 100 {
        let _ = writeln!(shuffled, "{}", lines[n * 367 % lines.len()]);
    }
    other
        .pipe(
            &["ingest", "-", "--batch", "7", "--durability", "synced"],
            shuffled.as_bytes(),
        )
        .ok();
    assert_eq!(other.run(&["dump"]).ok(), world.run(&["dump"]).ok());
    assert_eq!(other.run(&["digest"]).ok(), world.run(&["digest"]).ok());
    let scan = ["scan", "weather"];
    assert_eq!(other.run(&scan).ok(), world.run(&scan).ok());
    // Files differ from store to store; what was found in them does not.
    let sum = |world: &World| {
        let lines = world.run(&["verify", "--output", "ndjson"]).ok();
        lines.lines().last().map(str::to_owned)
    };
    assert_eq!(sum(&other), sum(&world));
}

#[test]
fn an_unordered_dump_has_the_same_lines() {
    let world = world();
    ingest(&world, &lines().join("\n"));
    let sorted = |text: String| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let ordered = world.run(&["dump"]).ok();
    let unordered = world.run(&["dump", "--unordered"]).ok();
    assert!(unordered.starts_with("{\"definition\":"));
    assert_eq!(sorted(unordered), sorted(ordered));
}

#[test]
fn a_digest_as_of_a_time_is_that_of_the_versions_up_to_it() {
    let world = World::weather();
    let line = |et: u32| {
        format!(
            "{{\"view\":\"weather\",\"entity\":{{\"origin\":\"a\"}},\"event_time\":{et},\"features\":{{\"temp\":{et}}}}}\n"
        )
    };
    ingest(&world, &[line(1), line(2)].concat());
    let two = world.run(&["digest"]).ok();
    assert!(two.ends_with(" 2 weather\n"), "{two}");
    ingest(&world, &line(3));
    let three = world.run(&["digest", "weather"]).ok();
    assert_ne!(three, two);
    assert_eq!(world.run(&["digest", "--as-of", "2"]).ok(), two);
    assert_eq!(world.run(&["digest", "--as-of", "3"]).ok(), three);
    assert_eq!(
        world.run(&["digest", "--as-of", "0"]).ok(),
        format!("{} 0 weather\n", "0".repeat(32))
    );
    let hex = &three[..32];
    assert_eq!(
        world.run(&["digest", "weather", "--output", "json"]).ok(),
        format!("{{\"view\":\"weather\",\"digest\":\"{hex}\",\"count\":3}}\n")
    );
}

#[test]
fn schema_versions_travel_in_a_dump() {
    let world = World::weather();
    let wider = WEATHER.replace(
        "\n[time]",
        "dewp = { type = \"f64\", nullable = true }\n\n[time]",
    );
    world.file("weather.toml", wider);
    world.run(&["view", "apply", "weather.toml"]).ok();
    ingest(
        &world,
        r#"{"view":"weather","entity":{"origin":"a"},"event_time":1,"features":{"temp":1,"dewp":2}}"#,
    );
    let dump = world.run(&["dump"]).ok();
    assert!(dump.contains("\"schema_version\":2"), "{dump}");
    let copy = World::empty();
    copy.file("other.toml", WEATHER.replace("\"weather\"", "\"other\""));
    copy.run(&["view", "apply", "other.toml"]).ok();
    copy.pipe(&["ingest", "-"], dump.as_bytes()).ok();
    assert_eq!(copy.run(&["dump", "weather"]).ok(), dump);
    World::weather()
        .pipe(&["ingest", "-"], dump.as_bytes())
        .noted("view \"weather\" is there with another definition");
}

#[test]
fn verify_finds_a_store_as_it_was_written() {
    let world = world();
    ingest(&world, &lines().join("\n"));
    // 41 origins, and 300 pairs of n modulo 17 and n modulo 97.
    let found = world.run(&["verify", "--output", "json"]).ok();
    let sum = "{\"versions\":602,\"entities\":341,\"conflicts\":1,\"quarantined\":0,\"unchecked\":0,\
               \"finding_count\":0,\"findings\":[],\"files\":[{\"path\":\"db/";
    assert!(found.starts_with(sum), "{found}");
    assert!(!found.contains("\"whole\":false"), "{found}");
}

#[test]
fn a_store_that_has_forgotten_travels_as_what_it_still_knows() {
    let world = World::empty();
    let hour = 3_600_000_000_i64;
    world.file(
        "v.toml",
        WEATHER.replace("ttl = \"3h\"", "ttl = \"30m\"\nhistory = \"1h\""),
    );
    world.run(&["view", "apply", "v.toml"]).ok();
    let mut text = String::new();
    for n in 0..400_i64 {
        let (origin, et) = (n * 11 % 23, n * 7_919 % 14_400 * 1_000_000);
        let rest = match n % 4 {
            0 => "\"op\":\"delete\"".to_owned(),
            1 => format!("\"op\":\"patch\",\"features\":{{\"wind_gust\":{n}}}"),
            _ => format!(
                "\"recorded_at\":{},\"features\":{{\"temp\":{n}}}",
                et + n % 3 * hour / 4
            ),
        };
        let _ = writeln!(
            text,
            "{{\"view\":\"weather\",\"entity\":{{\"origin\":\"{origin}\"}},\"event_time\":{et},{rest}}}"
        );
    }
    ingest(&world, &text);
    let dump = world.run(&["dump"]).ok();
    let kept = dump.lines().count() - 1;
    assert!(
        dump.lines().next().unwrap().contains("\"floor\":1"),
        "{dump}"
    );
    assert!(
        (50..300).contains(&kept),
        "{kept} of 400 versions are retained"
    );
    let copy = World::empty();
    copy.file("v.toml", world.read("v.toml"));
    copy.run(&["view", "apply", "v.toml"]).ok();
    copy.pipe(&["ingest", "-", "--batch", "3"], dump.as_bytes())
        .ok();
    assert_eq!(copy.run(&["dump"]).ok(), dump);
    // History begins with the base rows at the floor, and says that they are.
    let lines = world
        .run(&["history", "weather", "7", "--output", "ndjson"])
        .ok();
    let marks: Vec<bool> = lines
        .lines()
        .map(|line| line.ends_with(",\"base\":true}"))
        .collect();
    assert!(
        marks[0] && marks.is_sorted_by_key(|base| !base) && !marks[marks.len() - 1],
        "{lines}"
    );
    let again = copy.pipe(&["ingest", "-", "--reject", "batch"], lines.as_bytes());
    again.ok();
    assert_eq!(copy.run(&["dump"]).ok(), dump);
}

#[test]
fn floors_and_fences_travel_in_a_dump_and_hold() {
    let definition = "{\"definition\":{\"namespace\":\"default\",\"view\":\"windowed\",\"schema_version\":1,\
        \"entity\":[{\"name\":\"id\",\"type\":\"i64\"}],\"features\":[{\"name\":\"x\",\"type\":\"i64\",\"since\":1}],\
        \"time\":{\"ttl\":null,\"on_expiry\":\"expire\",\"history\":\"10us\",\"max_skew\":\"10m\"}},\
        \"floor\":595,\"horizon\":null,\"fences\":[{\"entity\":{\"id\":1},\"recorded_at\":600,\"floor\":500}]}\n";
    let row = |id: i64, et: i64| {
        format!(
            "{{\"view\":\"windowed\",\"entity\":{{\"id\":{id}}},\"event_time\":{et},\"recorded_at\":{et},\"op\":\"put\",\"features\":{{\"x\":1}}}}\n"
        )
    };
    let world = World::weather();
    let dump = format!("{definition}{}", row(1, 601));
    world.pipe(&["ingest", "-"], dump.as_bytes()).ok();
    assert_eq!(world.run(&["dump", "windowed"]).ok(), dump);
    let again = world.pipe(
        &["ingest", "-"],
        format!("{}{}", row(1, 600), row(2, 600)).as_bytes(),
    );
    let receipt = again.ok();
    assert!(
        receipt.contains("fenced      1") && receipt.contains("applied     1"),
        "{receipt}"
    );
    let beyond = ["get", "windowed", "2", "--as-of", "594"];
    world.run(&beyond).failed(5, "keeps exact history from");
}

#[test]
fn the_quarantine_tells_what_was_set_aside_and_why() {
    let world = World::weather();
    let bad = "{\"view\":\"weather\",\"entity\":{\"origin\":\"EWR\"},\"event_time\":0,\"features\":{\"tmp\":1}}";
    world.pipe(&["ingest", "-"], bad.as_bytes()).ok();
    world.pipe(&["ingest", "-"], bad.as_bytes()).ok();
    let listed = world
        .run(&["quarantine", "list", "--output", "ndjson"])
        .ok();
    assert_eq!(listed.lines().count(), 1, "a replay adds nothing: {listed}");
    assert!(listed.contains("did you mean \\\"temp\\\"?"), "{listed}");
    assert!(world.run(&["quarantine", "list"]).ok().contains("EWR"));
}
