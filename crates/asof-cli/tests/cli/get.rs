//! `get`, `history`, `scan`: answers for entities.

use crate::world::World;

const LINES: &str = r#"{"view":"weather","entity":{"origin":"EWR"},"event_time":"2013-01-01T06:00:00Z","features":{"temp":39.02,"wind_gust":null}}
{"view":"weather","entity":{"origin":"EWR"},"event_time":"2013-01-01T08:00:00Z","recorded_at":"2013-01-01T10:00:00Z","op":"patch","features":{"wind_gust":12.5}}
{"view":"weather","entity":{"origin":"JFK"},"event_time":"2013-01-01T06:00:00Z","features":{"temp":41}}
{"view":"weather","entity":{"origin":"JFK"},"event_time":"2013-01-01T07:00:00Z","op":"delete"}
{"view":"weather","entity":{"origin":"LGA"},"event_time":"2013-01-02T00:05:00Z","features":{"temp":-0.0}}
"#;

fn world() -> World {
    let world = World::weather();
    let receipt = world
        .pipe(&["ingest", "-", "--output", "json"], LINES.as_bytes())
        .ok();
    assert!(
        receipt.starts_with("{\"rows\":5,\"applied\":5,\"duplicate\":0,"),
        "{receipt}"
    );
    world
}

#[track_caller]
fn ndjson(world: &World, args: &[&str]) -> String {
    world.run(&[args, &["--output", "ndjson"]].concat()).ok()
}

#[test]
fn the_answer_is_what_the_manual_shows() {
    let world = world();
    assert_eq!(
        ndjson(
            &world,
            &[
                "get",
                "weather",
                "origin=EWR",
                "--as-of",
                "2013-01-01T09:00:00Z"
            ]
        ),
        concat!(
            r#"{"view":"weather","entity":{"origin":"EWR"},"as_of":"2013-01-01T09:00:00Z","verdict":"found","features":{"#,
            r#""temp":{"status":"present","value":39.02,"event_time":"2013-01-01T06:00:00Z"},"#,
            r#""wind_gust":{"status":"present","value":12.5,"event_time":"2013-01-01T08:00:00Z"}}}"#,
            "\n"
        )
    );
    assert_eq!(
        world
            .run(&["get", "weather", "EWR", "--as-of", "2013-01-01T09:00:00Z"])
            .ok(),
        "weather origin=EWR as of 2013-01-01T09:00:00Z: found\n\
         feature    status   value  event_time\n\
         temp       present  39.02  2013-01-01T06:00:00Z\n\
         wind_gust  present  12.5   2013-01-01T08:00:00Z\n"
    );
}

#[test]
fn a_value_as_old_as_its_ttl_is_alive_and_an_older_one_is_not() {
    let world = world();
    let temp = |as_of: &str| {
        let args = [
            "get",
            "weather",
            "EWR",
            "--features",
            "temp",
            "--as-of",
            as_of,
        ];
        let answer = ndjson(&world, &args);
        answer[answer.find("\"features\"").unwrap()..]
            .trim_end()
            .to_owned()
    };
    let before = world.run(&[
        "get",
        "weather",
        "EWR",
        "--as-of",
        "2013-01-01T05:59:59.999999Z",
    ]);
    assert_eq!(before.code, 3, "{before:?}");
    assert_eq!(
        temp("2013-01-01T09:00:00Z"),
        r#""features":{"temp":{"status":"present","value":39.02,"event_time":"2013-01-01T06:00:00Z"}}}"#
    );
    assert_eq!(
        temp("2013-01-01T09:00:00.000001Z"),
        r#""features":{"temp":{"status":"expired","event_time":"2013-01-01T06:00:00Z"}}}"#
    );
}

#[test]
fn only_what_was_known_then_is_answered() {
    let world = world();
    let answer = |known_at: &str| {
        let at = [
            "--as-of",
            "2013-01-01T09:00:00Z",
            "--features",
            "wind_gust",
            "--known-at",
            known_at,
        ];
        ndjson(&world, &[&["get", "weather", "EWR"][..], &at].concat())
    };
    let before = answer("2013-01-01T09:59:59Z");
    assert!(
        before.contains(r#"{"status":"null","value":null,"event_time":"2013-01-01T06:00:00Z"}"#),
        "{before}"
    );
    let then = answer("2013-01-01T10:00:00Z");
    assert!(
        then.contains(r#"{"status":"present","value":12.5,"event_time""#),
        "{then}"
    );
}

#[test]
fn an_entity_never_seen_is_answered_with_exit_code_3() {
    let world = world();
    let ended = world.run(&["get", "weather", "BOS", "--output", "json"]);
    assert_eq!(ended.code, 3);
    assert_eq!(
        ended.stdout,
        "{\"view\":\"weather\",\"entity\":{\"origin\":\"BOS\"},\"as_of\":\"2013-01-02T00:00:00Z\",\"verdict\":\"never\",\
         \"features\":{\"temp\":{\"status\":\"absent\"},\"wind_gust\":{\"status\":\"absent\"}}}\n"
    );
    assert_eq!(ended.stderr, "");
    let ended = world.run(&["history", "weather", "BOS", "--output", "json"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (3, "[]\n"));
    // Deleted, and not yet begun, are not the same.
    let deleted = ndjson(
        &world,
        &["get", "weather", "JFK", "--as-of", "2013-01-01T08:00:00Z"],
    );
    assert!(deleted.contains("\"verdict\":\"deleted\""), "{deleted}");
    let future = world.run(&["get", "weather", "LGA"]);
    assert_eq!(future.code, 3, "{future:?}");
    assert_eq!(
        ndjson(&world, &["history", "weather", "LGA", "--to", "0"]),
        ""
    );
}

#[test]
fn an_answer_explains_itself() {
    let world = world();
    let args = [
        "get",
        "weather",
        "EWR",
        "--explain",
        "--as-of",
        "2013-01-01T09:00:00Z",
    ];
    let answer = ndjson(&world, &args);
    let versions = &answer[answer.find(",\"versions\":[").unwrap()..];
    assert_eq!(versions.matches("\"digest\":\"").count(), 2, "{versions}");
    assert!(
        versions.starts_with(
            r#","versions":[{"event_time":"2013-01-01T08:00:00Z","recorded_at":"2013-01-01T10:00:00Z","op":"patch","digest":""#
        ),
        "{versions}"
    );
    assert!(
        world
            .run(&args)
            .ok()
            .contains("event_time            recorded_at           op     digest")
    );
}

#[test]
fn many_entities_are_answered_in_their_order() {
    let world = world();
    let entities = |file: &str| {
        let ended = world.run(&["get", "weather", "--keys", file, "--output", "ndjson"]);
        let entity = |line: &str| {
            line[line.find("{\"origin\"").unwrap()..line.find(",\"as_of\"").unwrap()].to_owned()
        };
        (
            ended.code,
            ended.stdout.lines().map(entity).collect::<Vec<_>>(),
        )
    };
    world.file("keys.txt", "JFK\norigin=EWR\n\n{\"origin\":\"a\\tb\"}\n");
    let expected = [
        "{\"origin\":\"JFK\"}",
        "{\"origin\":\"EWR\"}",
        "{\"origin\":\"a\\tb\"}",
    ];
    assert_eq!(
        entities("keys.txt"),
        (3, expected.map(str::to_owned).to_vec())
    );
    world.file("keys.csv", "note,origin\nx,EWR\ny,JFK\n");
    let expected = ["{\"origin\":\"EWR\"}", "{\"origin\":\"JFK\"}"];
    assert_eq!(
        entities("keys.csv"),
        (0, expected.map(str::to_owned).to_vec())
    );
    world.file("bad.txt", "EWR\ndest=JFK\n");
    world.run(&["get", "weather", "--keys", "bad.txt"]).failed(
        2,
        "bad.txt:2: view \"weather\": there is no key column \"dest\"",
    );
}

#[test]
fn history_is_what_was_written_oldest_first() {
    let world = world();
    let first = r#"{"view":"weather","entity":{"origin":"EWR"},"event_time":"2013-01-01T06:00:00Z","recorded_at":"2013-01-01T06:00:00Z","op":"put","features":{"temp":39.02,"wind_gust":null}}"#;
    let second = r#"{"view":"weather","entity":{"origin":"EWR"},"event_time":"2013-01-01T08:00:00Z","recorded_at":"2013-01-01T10:00:00Z","op":"patch","features":{"wind_gust":12.5}}"#;
    let history = |args: &[&str]| ndjson(&world, &[&["history", "weather", "EWR"], args].concat());
    assert_eq!(history(&[]), format!("{first}\n{second}\n"));
    assert_eq!(history(&["--reverse"]), format!("{second}\n{first}\n"));
    assert_eq!(history(&["--limit", "1"]), format!("{first}\n"));
    assert_eq!(
        history(&["--reverse", "--limit", "1"]),
        format!("{second}\n")
    );
    assert_eq!(
        history(&[
            "--from",
            "2013-01-01T06:00:00Z",
            "--to",
            "2013-01-01T07:59:59.999999Z"
        ]),
        format!("{first}\n")
    );
    assert_eq!(
        history(&["--from", "2013-01-01T06:00:00.000001Z"]),
        format!("{second}\n")
    );
    assert_eq!(
        history(&["--known-at", "2013-01-01T09:59:59.999999Z"]),
        format!("{first}\n")
    );
    assert_eq!(
        world.run(&["history", "weather", "EWR"]).ok(),
        "event_time            recorded_at           op     temp   wind_gust\n\
         2013-01-01T06:00:00Z  2013-01-01T06:00:00Z  put    39.02  null\n\
         2013-01-01T08:00:00Z  2013-01-01T10:00:00Z  patch         12.5\n"
    );
}

#[test]
fn a_scan_is_every_answer_by_entity() {
    let world = world();
    let args = ["scan", "weather", "--as-of", "2013-01-01T09:00:00Z"];
    assert_eq!(
        world.run(&args).ok(),
        "origin  verdict  temp     wind_gust\n\
         EWR     found    39.02    12.5\n\
         JFK     deleted  deleted  deleted\n"
    );
    let scanned = ndjson(&world, &args);
    let got: String = ["EWR", "JFK"]
        .iter()
        .map(|origin| {
            ndjson(
                &world,
                &["get", "weather", origin, "--as-of", "2013-01-01T09:00:00Z"],
            )
        })
        .collect();
    assert_eq!(scanned, got);
}
