//! `demo`: the first command of the README, whose every claim has to be seen in its output.
//!
//! Who reads it has no reason yet to believe anything; a step that shows nothing would cost that trust.

use crate::world::World;
use std::path::Path;
use std::process::{Command, Output};

/// The demo, played in a directory whose temporary files are its own.
fn demo(world: &World, args: &[&str]) -> Output {
    let scratch = world.path("scratch");
    std::fs::create_dir_all(&scratch).unwrap();
    Command::new(env!("CARGO_BIN_EXE_asof"))
        .arg("demo")
        .args(args)
        .current_dir(world.path("."))
        .env("TMPDIR", &scratch)
        .env_remove("ASOF_STORE")
        .output()
        .unwrap()
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The lines that follow a command of the demo, to the next empty one.
#[track_caller]
fn after<'t>(text: &'t str, command: &str) -> Vec<&'t str> {
    let shown = format!("$ asof {command}");
    let lines = text.lines().skip_while(|line| !line.starts_with(&shown));
    let lines: Vec<&str> = lines.skip(1).take_while(|line| !line.is_empty()).collect();
    assert!(!lines.is_empty(), "nothing follows {shown:?} in:\n{text}");
    lines
}

/// A count of a receipt.
#[track_caller]
fn count(receipt: &[&str], word: &str) -> u64 {
    let mut counts = receipt.iter().filter_map(|line| line.split_once(' '));
    let (_, count) = counts.find(|(name, _)| *name == word).unwrap();
    count.trim().parse().unwrap()
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn the_demo_shows_every_promise_and_leaves_nothing() {
    let world = World::empty();
    let output = demo(&world, &[]);
    let text = stdout(&output);

    let weather = after(&text, "--store store ingest weather.csv");
    let late = after(&text, "--store store ingest weather-late.csv");
    assert_eq!(count(&weather, "rows") + count(&late, "rows"), 2226 + 742);
    assert_eq!(count(&late, "late"), count(&late, "applied"));
    let flights = after(&text, "--store store ingest flights.jsonl");
    let late = after(&text, "--store store ingest flights-late.jsonl");
    assert_eq!(
        count(&flights, "rows") + count(&late, "rows"),
        53_402 + 17_800
    );
    assert!(count(&flights, "duplicate") > 0 && count(&flights, "quarantined") > 0);

    let digests = after(&text, "--store store digest");
    assert_eq!(digests, after(&text, "--store clean digest"));
    assert_eq!(digests.len(), 2);
    assert!(digests[0].ends_with(" 53247 flights") && digests[1].ends_with(" 2226 weather"));
    assert!(text.contains("The digests are equal"));

    assert!(text.contains("27006 rows: weather present for 27004, expired for 1, absent for 1."));
    assert!(text.contains("1           N14228   EWR     2013-01-01T10:15:00Z  39.02"));

    let at_departure = "--known-at 2013-01-01T10:15:00Z";
    let (then, later) = text.split_once(at_departure).unwrap();
    assert!(then.contains("--explain --as-of 2013-01-01T10:15:00Z"));
    let (known_then, with_hindsight) = later.split_once("with hindsight").unwrap();
    assert!(known_then.contains("arr_delay       absent"));
    assert!(known_then.contains("  rule") && known_then.contains("not known yet"));
    assert!(with_hindsight.contains("arr_delay       present  11"));
    assert!(with_hindsight.contains("2013-01-31T22:27:00Z"));

    assert!(text.contains("155 rows: view \"flights\" v1, entity {\"tailnum\":null}"));
    assert!(text.contains("expected f64, found string \"warm\""));
    assert!(text.contains("a date that does not exist"));
    assert!(text.contains("ahead of the log"));

    assert!(!text.contains('\u{1b}'), "colours in a pipe");
    assert!(!output.stderr.contains(&0x1b), "a progress bar in a pipe");
    assert_eq!(world.names(), ["scratch"]);
    assert_eq!(names(&world.path("scratch")), [""; 0]);
}

/// Percentiles that are out of order, or of nothing, were not measured.
#[test]
fn the_demo_keeps_what_it_is_asked_to_and_ends_with_percentiles() {
    let world = World::empty();
    let text = stdout(&demo(&world, &["--keep", "kept", "--seed", "7"]));
    let (_, figures) = text.split_once("\nmicroseconds").unwrap();
    let header: Vec<&str> = figures.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(header, ["count", "p50", "p99", "p99.9", "max"]);
    for read in ["latest ", "as of a past time", "latest, batch of 100"] {
        let line = figures.lines().find_map(|line| line.strip_prefix(read));
        let cells = line.unwrap_or_else(|| panic!("no {read:?} in {figures}"));
        let figures: Vec<f64> = cells
            .split_whitespace()
            .map(|cell| cell.parse().unwrap())
            .collect();
        let [count, percentiles @ ..] = figures.as_slice() else {
            panic!("no figures in {cells:?}");
        };
        assert!(*count >= 1000.0, "p99.9 of {count} reads");
        assert_eq!(percentiles.len(), 4);
        assert!(percentiles[0] > 0.0 && percentiles.is_sorted(), "{cells}");
    }

    // Another seed, the same digests; and the commands that were shown work on what was kept.
    let digests = after(&text, "--store store digest");
    assert!(world.path("kept/joined.csv").is_file());
    let again = world.bare(&["--store", "kept/store", "digest"]).ok();
    assert_eq!(again.lines().collect::<Vec<_>>(), digests);
    assert_eq!(names(&world.path("scratch")), [""; 0]);
}

#[test]
fn the_demo_writes_over_nothing() {
    let world = World::empty();
    std::fs::create_dir(world.path("mine")).unwrap();
    world.file("mine/store", "precious");
    world
        .bare(&["demo", "--keep", "mine"])
        .failed(2, "--keep mine: the directory is not empty");
    assert_eq!(world.read("mine/store"), "precious");
    world
        .bare(&["demo", "--now", "2013-01-01T00:00:00Z"])
        .failed(2, "the demo takes no --now");
}
