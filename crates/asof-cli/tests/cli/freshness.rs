//! `--source`, `source`, `freshness` and `--require-fresh`: a log is taken in once, and what is known
//! of its completeness can be asked for and demanded.

use crate::world::{WEATHER, World};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;

fn line(origin: &str, hour: u32, temp: &str) -> String {
    format!(
        "{{\"view\":\"weather\",\"entity\":{{\"origin\":\"{origin}\"}},\"event_time\":\"2013-01-01T{hour:02}:00:00Z\",\"features\":{{\"temp\":{temp}}}}}\n"
    )
}

fn lines(hours: std::ops::Range<u32>) -> String {
    hours.map(|hour| line("EWR", hour, "1")).collect()
}

/// A store whose view names a source.
fn fed() -> World {
    let world = World::empty();
    let view = WEATHER.replacen('\n', "\nsources = [\"weather-log\"]\n", 1);
    world.file("weather.toml", view);
    world.run(&["view", "apply", "weather.toml"]).ok();
    world
}

fn sources(world: &World) -> String {
    world.run(&["source", "list", "--output", "ndjson"]).ok()
}

#[track_caller]
fn stands_at(world: &World, position: u64) {
    let said = sources(world);
    let position = format!("\"partition\":\"0\",\"position\":{position},");
    assert!(said.contains(&position), "{position} is not in {said}");
}

fn rows(receipt: &str) -> &str {
    let rows = receipt.lines().next().unwrap();
    rows.trim_start_matches("rows").trim()
}

#[test]
fn a_log_is_taken_up_where_it_was_left() {
    // Who is hurt: a nightly job that reads a growing file.
    let world = fed();
    let ingest = ["ingest", "log.jsonl", "--source", "weather-log"];
    world.file("log.jsonl", lines(0..3));
    assert_eq!(rows(&world.run(&ingest).ok()), "3");
    stands_at(&world, 3);
    world.file("log.jsonl", lines(0..5));
    let again = world
        .run(&ingest)
        .noted("3 records of source weather-log/0 were taken in before and are skipped");
    assert_eq!(rows(&again.ok()), "2");
    stands_at(&world, 5);
    // Blank lines are no records.
    world.file("log.jsonl", lines(0..5) + "\n\n" + &lines(5..6));
    assert_eq!(rows(&world.run(&ingest).ok()), "1");
    stands_at(&world, 6);
    // A file that is shorter than the log was is another log.
    world.file("log.jsonl", lines(0..2));
    world.run(&ingest).noted("Is it the same log?").ok();
    let claim = ["--complete-through", "2013-01-01T06:00:00Z"];
    let refused = world.run(&[&ingest[..], &claim].concat());
    refused.failed(5, "Is it the same log?");
    stands_at(&world, 6);
}

#[test]
fn files_under_one_source_are_one_log() {
    // Who is hurt: a log that is rotated by the hour, in any packing.
    let world = fed();
    world.file("a.jsonl", lines(0..2));
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(lines(2..5).as_bytes()).unwrap();
    world.file("b.jsonl.gz", gzip.finish().unwrap());
    let ingest = [
        "ingest",
        "a.jsonl",
        "b.jsonl.gz",
        "-",
        "--source",
        "weather-log/7",
    ];
    let ended = world.pipe(&ingest, lines(5..6).as_bytes());
    assert_eq!(rows(&ended.ok()), "6");
    assert!(sources(&world).contains("\"partition\":\"7\",\"position\":6,"));
    let ended = world.pipe(&ingest, lines(5..9).as_bytes());
    assert_eq!(rows(&ended.ok()), "3");
    assert!(sources(&world).contains("\"partition\":\"7\",\"position\":9,"));
}

#[test]
fn records_of_csv_files_are_counted_without_their_headers() {
    let world = fed();
    let csv = |hours: std::ops::Range<u32>| {
        let rows = hours.map(|hour| format!("EWR,2013-01-01T{hour:02}:00:00Z,1\n"));
        "origin,at,temp\n".to_owned() + &rows.collect::<String>()
    };
    world.file("a.csv", csv(0..2));
    world.file("b.csv", csv(2..4));
    let ingest = [
        "ingest",
        "a.csv",
        "b.csv",
        "--view",
        "weather",
        "--event-time",
        "at",
        "--source",
        "weather-log",
        "--batch",
        "3",
    ];
    assert_eq!(rows(&world.run(&ingest).ok()), "4");
    stands_at(&world, 4);
    world.file("b.csv", csv(2..5));
    assert_eq!(rows(&world.run(&ingest).ok()), "1");
    stands_at(&world, 5);
}

#[test]
fn a_bad_row_is_set_aside_with_its_place_in_the_log_and_a_refused_batch_stays_ahead() {
    let world = fed();
    world.file("log.jsonl", lines(0..2) + "{\n" + &lines(2..3));
    let ingest = [
        "ingest",
        "log.jsonl",
        "--source",
        "weather-log",
        "--batch",
        "2",
    ];
    let strict = [&ingest[..], &["--reject", "batch"]].concat();
    world.run(&strict).failed(5, "refused as a whole");
    stands_at(&world, 2);
    world.run(&ingest).ok();
    stands_at(&world, 4);
    let aside = world
        .run(&["quarantine", "list", "--output", "ndjson"])
        .ok();
    let place = "\"source\":\"weather-log\",\"partition\":\"0\",\"offset\":2,";
    assert!(aside.contains(place), "{aside}");
    // Read again, it is the same entry.
    world
        .run(&["source", "rewind", "weather-log", "0", "--yes"])
        .ok();
    world.run(&ingest).ok();
    let again = world
        .run(&["quarantine", "list", "--output", "ndjson"])
        .ok();
    assert_eq!(again, aside);
}

#[test]
fn a_dump_that_is_taken_up_in_the_middle_is_read_as_it_would_be_from_its_beginning() {
    // Who is hurt: a restore that was cut off, and goes on in another tenant's views.
    let world = fed();
    world.file("log.jsonl", lines(0..4));
    world.run(&["ingest", "log.jsonl"]).ok();
    let dump = world.run(&["dump"]).ok();
    assert!(dump.contains("\"sources\":[\"weather-log\"]"), "{dump}");
    let copy = World::weather();
    let cut: Vec<&str> = dump.lines().take(3).collect();
    copy.file("part.dump", cut.join("\n"));
    copy.file("whole.dump", &dump);
    let ingest = |file| ["ingest", file, "--source", "a-dump", "--namespace", "other"];
    copy.run(&ingest("part.dump")).ok();
    stands_at(&copy, 3);
    assert_eq!(rows(&copy.run(&ingest("whole.dump")).ok()), "2");
    stands_at(&copy, 5);
    assert_eq!(copy.run(&["digest"]).ok(), world.run(&["digest"]).ok());
}

#[test]
fn a_log_is_rewound_and_skipped_with_a_yes_and_not_without() {
    let world = fed();
    world.file("log.jsonl", lines(0..5));
    let ingest = ["ingest", "log.jsonl", "--source", "weather-log"];
    world.run(&ingest).ok();
    let rewind = ["source", "rewind", "weather-log/0", "2"];
    let told = world.run(&rewind).failed(2, "say --yes");
    assert!(
        told.stdout
            .contains("would rewind weather-log/0 from 5 to 2: 3 records"),
        "{told:?}"
    );
    stands_at(&world, 5);
    world.run(&[&rewind[..], &["--yes"]].concat()).ok();
    stands_at(&world, 2);
    let again = world.run(&ingest).ok();
    assert_eq!(rows(&again), "3");
    let skip = ["source", "skip", "weather-log", "9"];
    let told = world.run(&skip).failed(2, "say --yes");
    assert!(
        told.stdout.contains("4 records are given up unread"),
        "{told:?}"
    );
    world.run(&[&skip[..], &["--yes"]].concat()).ok();
    stands_at(&world, 9);
    world
        .run(&["source", "skip", "weather-log", "3", "--yes"])
        .failed(1, "lies behind");
    world
        .run(&["source", "rewind", "weather-log", "10"])
        .failed(1, "lies ahead");
    world
        .run(&["source", "rewind", "weather-lag", "0"])
        .failed(3, "did you mean \"weather-log\"?");
}

#[test]
fn what_sources_have_reported_is_said_and_what_they_have_not_is_said_in_words() {
    // Who is hurt: whoever takes an empty answer for "nothing happened".
    let world = fed();
    let freshness = || world.run(&["freshness", "weather"]).ok();
    assert!(freshness().contains("source weather-log has never reported"));
    world.file("log.jsonl", lines(0..5));
    let ingest = ["ingest", "log.jsonl", "--source", "weather-log"];
    world.run(&ingest).ok();
    assert!(freshness().contains("has not reported for partition 0"));
    let claim = [&ingest[..], &["--complete-through", "2013-01-01T21:00:00Z"]].concat();
    world.run(&claim).ok();
    assert_eq!(
        freshness(),
        "view     source       partition  position  complete through      lag\n\
         weather                                    2013-01-01T21:00:00Z  3h\n\
         weather  weather-log  0          5         2013-01-01T21:00:00Z  3h\n"
    );
    let through = "\"complete_through\":\"2013-01-01T21:00:00Z\",\"lag_us\":10800000000";
    assert_eq!(
        world.run(&["freshness", "--output", "ndjson"]).ok(),
        format!(
            "{{\"view\":\"weather\",{through},\"sources\":[{{\"source\":\"weather-log\",{through},\
             \"partitions\":[{{\"partition\":\"0\",\"position\":5,{through},\"waited_for\":true}}]}}]}}\n"
        )
    );
    world
        .run(&["source", "declare", "weather-log", "0", "1"])
        .ok();
    assert!(freshness().contains("has not reported for partition 1"));
    let retire = ["source", "declare", "weather-log", "0"];
    world.run(&retire).failed(2, "say --yes");
    world.run(&[&retire[..], &["--yes"]].concat()).ok();
    assert!(freshness().contains("not waited for"), "{}", freshness());
    // A view that names none.
    let change = world.path("weather.toml");
    world.file("weather.toml", WEATHER);
    let said = world.run(&["view", "apply", change.to_str().unwrap()]).ok();
    assert_eq!(said, "weather: sourced anew: no more from weather-log\n");
    assert!(freshness().contains("it names no source"));
}

#[test]
fn an_answer_that_is_not_fresh_is_refused_when_freshness_is_demanded() {
    let world = fed();
    world.file("log.jsonl", lines(0..5));
    let ingest = ["ingest", "log.jsonl", "--source", "weather-log"];
    let claim = [&ingest[..], &["--complete-through", "2013-01-01T21:00:00Z"]].concat();
    let get = |lag| world.run(&["get", "weather", "EWR", "--require-fresh", lag]);
    world.run(&ingest).ok();
    get("1d").failed(5, "has not reported yet");
    world.run(&claim).ok();
    get("3h").ok();
    let refused = get("10799999999us").failed(5, "complete through 2013-01-01T21:00:00Z only");
    assert_eq!(refused.stdout, "");
    let toml = world.run(&["view", "show", "weather", "--toml"]).ok();
    assert!(toml.contains("sources = [\"weather-log\"]\n"), "{toml}");
    let table = world.run(&["view", "show", "weather"]).ok();
    assert!(table.contains("sources weather-log\n"), "{table}");
}

#[test]
fn what_cannot_be_meant_is_a_usage_error_or_refused_before_it_is_written() {
    let world = fed();
    world.file("log.jsonl", lines(0..1));
    let claim = [
        "ingest",
        "log.jsonl",
        "--complete-through",
        "2013-01-01T21:00:00Z",
    ];
    world.run(&claim).failed(2, "--source");
    world
        .run(&["ingest", "log.jsonl", "--source", "a b"])
        .failed(1, "source \"a b\" cannot be called so");
    assert_eq!(world.run(&["dump"]).ok().lines().count(), 1);
}
