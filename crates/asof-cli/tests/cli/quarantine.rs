//! `quarantine`: rows that were set aside are listed, tried again, and given up.

use crate::world::{WEATHER, World};

fn line(origin: &str, hour: u32, features: &str) -> String {
    format!(
        "{{\"view\":\"weather\",\"entity\":{{\"origin\":\"{origin}\"}},\"event_time\":\"2013-01-01T{hour:02}:00:00Z\",\"features\":{{{features}}}}}\n"
    )
}

fn list(world: &World, more: &[&str]) -> Vec<serde_json::Value> {
    let args = [&["quarantine", "list", "--output", "ndjson"], more].concat();
    let listed = world.run(&args).ok();
    listed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn ids(world: &World, more: &[&str]) -> Vec<String> {
    let id = |entry: &serde_json::Value| entry["id"].as_str().unwrap().to_owned();
    list(world, more).iter().map(id).collect()
}

fn versions(world: &World) -> usize {
    let dump = world.run(&["dump", "weather"]).ok();
    dump.lines().count() - 1
}

/// The same view with a feature more.
fn add_rain(world: &World) {
    let view = WEATHER.replace(
        "[time]",
        "rain = { type = \"f64\", nullable = true }\n\n[time]",
    );
    world.file("weather.toml", view);
    world.run(&["view", "apply", "weather.toml"]).ok();
}

const REPLAY: [&str; 5] = ["quarantine", "replay", "--all", "--output", "json"];

#[test]
fn a_fixed_contract_takes_in_what_was_set_aside() {
    // Who is hurt: whoever deployed the producer before the contract.
    let world = World::weather();
    world.file(
        "a.jsonl",
        [
            line("EWR", 6, "\"temp\":1,\"rain\":2"),
            line("JFK", 6, "\"temp\":\"warm\""),
        ]
        .concat(),
    );
    world.file(
        "a.csv",
        "origin,at,temp,rain\nLGA,2013-01-01T07:00:00Z,,\"3\"\nLGA,2013-01-01T08:00:00Z,x,4\n",
    );
    world.run(&["ingest", "a.jsonl"]).ok();
    let csv = ["ingest", "a.csv", "--view", "weather", "--event-time", "at"];
    world.run(&csv).ok();
    assert_eq!(list(&world, &[]).len(), 4);
    let before = world.run(&REPLAY).ok();
    assert!(
        before.contains("\"rows\":4,\"applied\":0") && before.contains("\"quarantined\":4"),
        "{before}"
    );
    assert_eq!(list(&world, &[]).len(), 4);
    add_rain(&world);
    let after = world.run(&REPLAY).ok();
    let report: serde_json::Value = serde_json::from_str(&after).unwrap();
    assert_eq!(
        (&report["applied"], &report["quarantined"]),
        (&1.into(), &3.into())
    );
    let still = report["still_bad"].as_array().unwrap();
    assert_eq!(still.len(), 3);
    for bad in still {
        assert!(ids(&world, &[]).contains(&bad["id"].as_str().unwrap().to_owned()));
        assert!(bad["reason"].as_str().unwrap().contains("temp"), "{bad}");
    }
    assert_eq!(versions(&world), 1);
    world.run(&["verify"]).ok();
    let table = world
        .run(&["quarantine", "replay", "--view", "weather"])
        .ok();
    assert!(
        table.starts_with("rows        3\napplied     0\n") && table.contains("still bad"),
        "{table}"
    );
}

#[test]
fn a_record_is_replayed_with_its_header_and_its_options() {
    // Who is hurt: whoever ingested a table whose columns nobody remembers.
    let world = World::empty();
    world.file("v.toml", "view = \"weather\"\n[entity]\norigin = \"string\"\n[features]\nsky = { type = \"string\", nullable = true }\n[time]\nmax_skew = \"10m\"\n");
    world.run(&["view", "apply", "v.toml"]).ok();
    world.file(
        "a.csv",
        "what,sky,at,learned,origin,rain\nput,\"a \"\"b\"\",\nc\",2013-01-03T00:00:00Z,NA,EWR,1\ndelete,NA,2013-01-03T01:00:00Z,2013-01-03T02:00:00Z,EWR,NA\n",
    );
    let args = [
        "ingest",
        "a.csv",
        "--view",
        "weather",
        "--event-time",
        "at",
        "--op",
        "what",
        "--recorded-at",
        "learned",
        "--null",
        "NA",
    ];
    world.run(&args).ok();
    let entries = list(&world, &[]);
    assert_eq!(entries.len(), 2, "a day too early: {entries:?}");
    assert!(
        entries
            .iter()
            .any(|entry| entry["raw"] == "put,\"a \"\"b\"\",\nc\",2013-01-03T00:00:00Z,NA,EWR,1")
    );
    assert_eq!(entries[0]["header"][4], "origin");
    world.file(
        "v.toml",
        world.read("v.toml").replace(
            "[time]",
            "rain = { type = \"i32\", nullable = true }\n[time]",
        ),
    );
    world.run(&["view", "apply", "v.toml"]).ok();
    let replay = [&["--now", "2013-01-04T00:00:00Z"], &REPLAY[..]].concat();
    let store = world.store().to_str().unwrap().to_owned();
    world
        .bare(&[&["--store", &store], &replay[..]].concat())
        .ok();
    assert_eq!(list(&world, &[]).len(), 0);
    let dump = world.run(&["dump", "weather"]).ok();
    let lines: Vec<&str> = dump.lines().skip(1).collect();
    assert_eq!(
        lines,
        [
            r#"{"view":"weather","entity":{"origin":"EWR"},"event_time":1357171200000000,"recorded_at":1357171200000000,"op":"put","features":{"rain":1,"sky":"a \"b\",\nc"}}"#,
            r#"{"view":"weather","entity":{"origin":"EWR"},"event_time":1357174800000000,"recorded_at":1357178400000000,"op":"delete","features":{}}"#,
        ]
    );
}

#[test]
fn a_line_is_replayed_for_the_tenant_and_view_it_was_read_for() {
    let world = World::weather();
    world.file(
        "prod.toml",
        format!("namespace = \"prod\"\n{}", world.read("weather.toml")),
    );
    world.run(&["view", "apply", "prod.toml"]).ok();
    let nameless = line("EWR", 6, "\"rain\":1").replace("\"view\":\"weather\",", "");
    let ingest = ["ingest", "-", "--view", "weather", "--namespace", "prod"];
    world.pipe(&ingest, nameless.as_bytes()).ok();
    assert_eq!(list(&world, &["--view", "weather"]).len(), 0);
    let of_prod = ["--view", "weather", "--namespace", "prod"];
    assert_eq!(list(&world, &of_prod).len(), 1);
    assert_eq!(list(&world, &["--namespace", "prod"]).len(), 1);
    let rain = "rain = { type = \"i32\", nullable = true }\n[time]";
    world.file("prod.toml", world.read("prod.toml").replace("[time]", rain));
    world.run(&["view", "apply", "prod.toml"]).ok();
    world
        .run(&[&["quarantine", "replay"], &of_prod[..]].concat())
        .ok();
    assert_eq!((list(&world, &[]).len(), versions(&world)), (0, 0));
    let dump = world.run(&["dump", "weather", "--namespace", "prod"]).ok();
    assert_eq!(dump.lines().count(), 2, "{dump}");
}

#[test]
fn a_row_without_a_source_has_no_origin_and_the_list_says_why() {
    // Who is hurt: whoever was told `a.jsonl:2` once, and finds an empty column the next day.
    let world = World::weather();
    let bad = line("EWR", 6, "\"tmp\":1");
    world.file("a.jsonl", &bad);
    world.file("b.jsonl", [line("EWR", 5, "\"temp\":1"), bad].concat());
    world.run(&["ingest", "a.jsonl"]).ok();
    world.run(&["ingest", "b.jsonl"]).ok();
    // One row in two files, at two lines, is one entry.
    let listed = world.run(&["quarantine", "list"]);
    let why = "note: 1 entry has no origin: a row that was ingested without --source";
    assert_eq!(listed.noted(why).ok().matches("tmp").count(), 2);
    let ended = world.run(&["quarantine", "list", "--output", "json"]);
    assert_eq!(ended.stderr, "");
    world.run(&["quarantine", "drop", "--all", "--yes"]).ok();
    world.run(&["ingest", "b.jsonl", "--source", "log"]).ok();
    let listed = world.run(&["quarantine", "list"]);
    assert_eq!(listed.stderr, "");
    assert!(listed.stdout.contains("log/0:1"), "{listed:?}");
}

#[test]
fn nothing_is_given_up_before_yes_is_said() {
    let world = World::weather();
    let bad: String = (0..3).map(|n| line("EWR", n, "\"tmp\":1")).collect();
    let other = line("EWR", 6, "\"temp\":1").replace("weather", "wether");
    world.pipe(&["ingest", "-"], (bad + &other).as_bytes()).ok();
    let drop = ["quarantine", "drop", "--view", "wether"];
    let asked = world
        .run(&drop)
        .failed(2, "would drop 1 entry of the quarantine");
    assert!(asked.stdout.contains("wether"), "{}", asked.stdout);
    assert_eq!(list(&world, &[]).len(), 4);
    world
        .run(&[&drop[..], &["--yes"]].concat())
        .noted("dropped 1 entry of the quarantine")
        .ok();
    let left = ids(&world, &[]);
    assert_eq!(left.len(), 3);
    let ended = world.run(&["quarantine", "drop", &left[0], &left[1], "--yes"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(ids(&world, &[]), left[2..]);
    world
        .run(&["quarantine", "replay", &left[2], &left[0]])
        .failed(3, "`asof quarantine list` gives the ids");
    world
        .run(&["quarantine", "drop", &left[0], "--yes"])
        .failed(3, &left[0]);
    assert_eq!(ids(&world, &[]), left[2..]);
    world.run(&["quarantine", "drop", "--all", "--yes"]).ok();
    world.run(&["quarantine", "drop", "--all"]).ok();
    assert_eq!(
        world.run(&["quarantine", "list", "--output", "json"]).ok(),
        "[]\n"
    );
    for args in [&["quarantine", "drop"][..], &["quarantine", "replay"]] {
        world.run(args).failed(2, "--all");
    }
    world
        .run(&["quarantine", "replay", "1234"])
        .failed(2, "names no entry of a quarantine");
}

#[test]
fn a_row_is_mended_by_hand() {
    // What an operator does: list, edit, ingest, drop.
    let world = World::weather();
    let bad = line("EWR", 6, "\"temp\":\"39.02\"");
    world.pipe(&["ingest", "-"], bad.as_bytes()).ok();
    let entry = &list(&world, &[])[0];
    assert_eq!(entry["raw"].as_str().unwrap(), bad.trim_end());
    let mended = bad.replace("\"39.02\"", "39.02");
    world.pipe(&["ingest", "-"], mended.as_bytes()).ok();
    let id = entry["id"].as_str().unwrap();
    world.run(&["quarantine", "drop", id, "--yes"]).ok();
    assert_eq!((list(&world, &[]).len(), versions(&world)), (0, 1));
}

#[test]
fn a_list_is_as_long_as_it_is_asked_to_be() {
    let world = World::weather();
    let bad: String = (0..5).map(|n| line("EWR", n, "\"tmp\":1")).collect();
    world.pipe(&["ingest", "-"], bad.as_bytes()).ok();
    for (limit, rows) in [("0", 0), ("2", 2), ("5", 5), ("9", 5)] {
        let listed = list(&world, &["--limit", limit]);
        assert_eq!(listed.len(), rows, "{limit}");
        let table = world.run(&["quarantine", "list", "--limit", limit]).ok();
        // A header; then per entry its line, its reason, and what there is of it.
        assert_eq!(table.lines().count(), 3 * rows + 1, "{limit}");
    }
}

/// Lines that no reader takes for an event, one of each kind, and no two alike.
fn poison() -> Vec<Vec<u8>> {
    let good = || line("JFK", 6, "\"temp\":1").trim_end().as_bytes().to_vec();
    let with = |from: &str, to: &[u8]| {
        let line = good();
        let at = line
            .windows(from.len())
            .position(|part| part == from.as_bytes());
        let at = at.unwrap();
        [&line[..at], to, &line[at + from.len()..]].concat()
    };
    vec![
        b"{\"view\":".to_vec(),
        b"[1,2]".to_vec(),
        b"\"".to_vec(),
        vec![0; 8],
        with("JFK", b"J\0K"),
        with("JFK", b"J\xffK"),
        with("JFK", b"J\xfeK"),
        with("weather", b"wether"),
        with("\"temp\":1", b"\"temp\":\"1\""),
        with("\"temp\":1", b"\"temp\":null"),
        with("\"temp\":1", b"\"temp\":1e999"),
        with("\"temp\":1", b"\"temp\":1,\"temp\":2"),
        with("2013", b"9999"),
        with("\"features\"", b"\"op\":\"upsert\",\"features\""),
        with("JFK", &vec![b'x'; 2 << 20]),
        vec![b'x'; 2 << 20],
        vec![b'['; 100_000],
    ]
}

#[test]
fn no_line_stops_a_pipeline_and_none_vanishes() {
    // Who is hurt: whoever reads a log in which one producer of many has gone mad.
    let world = World::weather();
    let mut file = Vec::new();
    let poison = poison();
    for (n, bad) in poison.iter().enumerate() {
        file.extend(line(&format!("origin {n}"), 6, "\"temp\":1").as_bytes());
        file.extend(bad);
        file.push(b'\n');
    }
    world.file("a.jsonl", &file);
    for round in 0..2 {
        let receipt = world
            .run(&["ingest", "a.jsonl", "--batch", "3", "--output", "json"])
            .ok();
        let receipt: serde_json::Value = serde_json::from_str(&receipt).unwrap();
        let n = poison.len();
        let applied = if round == 0 { "applied" } else { "duplicate" };
        assert_eq!(receipt["rows"], 2 * n, "{receipt}");
        assert_eq!(
            (&receipt[applied], &receipt["quarantined"]),
            (&n.into(), &n.into())
        );
        let entries = list(&world, &[]);
        assert_eq!((entries.len(), versions(&world)), (n, n), "round {round}");
        for bad in &poison {
            let is_text = std::str::from_utf8(bad).is_ok();
            let found = entries.iter().filter(|entry| {
                entry["raw"].as_str().unwrap() == String::from_utf8_lossy(bad)
                    && entry.get("raw_base64").is_none() == is_text
            });
            let expected = if is_text { 1 } else { 2 };
            assert_eq!(
                found.count(),
                expected,
                "{:?}",
                String::from_utf8_lossy(&bad[..bad.len().min(90)])
            );
        }
    }
    let replayed = world.run(&REPLAY).ok();
    assert!(
        replayed.contains(&format!("\"quarantined\":{}", poison.len())),
        "{replayed}"
    );
    world.run(&["verify"]).ok();
}

#[test]
fn no_record_stops_a_pipeline_and_none_vanishes() {
    // Who is hurt: whoever takes in tables that somebody edited by hand.
    let poison: [&[u8]; 9] = [
        b"JFK,2013-01-01T06:00:00Z",
        b"JFK,2013-01-01T06:00:00Z,1,2",
        b"JFK,yesterday,1",
        b"JFK,2013-01-01T06:00:00Z,warm",
        b"\xff,2013-01-01T06:00:00Z,1",
        b"\xfe,2013-01-01T06:00:00Z,1",
        b"\"JFK,2013-01-01T06:00:00Z,1",
        b"LGA,\"2013-01-01T06:00:00Z,1",
        b"\0",
    ];
    let world = World::weather();
    let mut file = b"origin,at,temp\n".to_vec();
    for (n, bad) in poison.iter().enumerate() {
        let origin = if n % 2 == 0 {
            "\"quoted, \"\"origin\"\"\""
        } else {
            "origin"
        };
        file.extend(format!("{origin},2013-01-01T06:{n:02}:00Z,1\n").as_bytes());
        file.extend(*bad);
        file.push(b'\n');
    }
    file.extend(b"\"EWR\",2013-01-01T07:00:00Z,\"1");
    world.file("a.csv", &file);
    let n = poison.len();
    for round in 0..2 {
        let args = [
            "ingest",
            "a.csv",
            "--view",
            "weather",
            "--event-time",
            "at",
            "--output",
            "json",
        ];
        let receipt = world.run(&args).ok();
        let receipt: serde_json::Value = serde_json::from_str(&receipt).unwrap();
        assert_eq!(
            (&receipt["rows"], &receipt["quarantined"]),
            (&(2 * n + 1).into(), &(n + 1).into())
        );
        let entries = list(&world, &["--view", "weather"]);
        assert_eq!(
            (entries.len(), versions(&world)),
            (n + 1, n),
            "round {round}"
        );
        let raw = |entry: &serde_json::Value| entry["raw"].as_str().unwrap().to_owned();
        let mut raws: Vec<String> = entries.iter().map(raw).collect();
        raws.sort();
        let mut expected: Vec<String> = poison
            .iter()
            .map(|bad| String::from_utf8_lossy(bad).into())
            .collect();
        expected.push("\"EWR\",2013-01-01T07:00:00Z,\"1".into());
        expected.sort();
        assert_eq!(raws, expected);
    }
    world.run(&["verify"]).ok();
}
