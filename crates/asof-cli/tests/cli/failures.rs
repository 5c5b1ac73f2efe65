//! What every command does when it cannot do what it was asked.

use crate::world::World;
use std::process::{Command, Stdio};

#[test]
fn without_a_store_the_reason_is_the_exit_code() {
    let world = World::empty();
    world
        .bare(&["view", "list"])
        .failed(2, "no store is named; say --store DIR, or set ASOF_STORE");
    for command in [
        &["view", "list"][..],
        &["get", "weather", "EWR"],
        &["history", "weather", "EWR"],
        &["scan", "weather"],
        &["dump"],
        &["digest"],
        &["verify"],
    ] {
        let ended = world.run(command).failed(3, "store");
        assert_eq!(ended.stdout, "", "{command:?}");
        assert!(!world.store().exists(), "{command:?} made a store");
    }
    world.file("a.jsonl", "");
    world.run(&["ingest", "a.jsonl"]).failed(3, "store");
    world.file("a.csv", "origin,at\n");
    world
        .run(&[
            "join", "--spine", "a.csv", "--time", "at", "--view", "weather",
        ])
        .failed(3, "store");
    assert_eq!(world.names(), ["a.csv", "a.jsonl"]);
}

#[test]
fn a_missing_view_offers_the_nearest_name() {
    let world = World::weather();
    for command in [
        &["view", "show", "wether"][..],
        &["get", "wether", "EWR"],
        &["history", "wether", "EWR"],
        &["scan", "wether"],
        &["dump", "wether"],
        &["digest", "wether"],
    ] {
        world.run(command).failed(3, "did you mean \"weather\"?");
    }
    world
        .run(&["get", "weather", "EWR", "--features", "tmp"])
        .failed(3, "did you mean \"temp\"?");
    world
        .run(&["--namespace", "prod", "get", "weather", "EWR"])
        .failed(3, "weather");
}

#[test]
fn arguments_that_cannot_be_meant_are_usage() {
    let world = World::weather();
    for (args, why) in [
        (&["get"][..], "required"),
        (&["get", "weather"], "required"),
        (
            &["get", "weather", "EWR", "--keys", "f"],
            "cannot be used with",
        ),
        (
            &["get", "weather", "EWR", "--as-of", "yesterday"],
            "RFC 3339",
        ),
        (&["get", "weather", "EWR", "--output", "xml"], "xml"),
        (
            &["get", "weather", "dest=EWR"],
            "no key column \"dest\"; an entity of it is named by origin=string",
        ),
        (
            &["get", "weather", "EWR", "JFK"],
            "key column \"origin\" is given twice",
        ),
        (&["nonsense"], "nonsense"),
        (&["ingest", "--batch", "0", "-"], "0"),
    ] {
        let ended = world.run(args).failed(2, why);
        assert_eq!(ended.stdout, "", "{args:?}");
    }
    world
        .bare(&["--now", "noon", "verify"])
        .failed(2, "RFC 3339");
    let help = world.bare(&["--help"]).ok();
    assert!(help.contains("point-in-time join"), "{help}");
    assert!(
        world
            .bare(&["completions", "bash"])
            .ok()
            .contains("_asof()")
    );
}

#[test]
fn a_store_that_somebody_holds_is_locked() {
    let world = World::weather();
    let held = asof::Store::open(world.store()).unwrap();
    world
        .run(&["view", "list"])
        .failed(6, &std::process::id().to_string());
    drop(held);
    world.run(&["view", "list"]).ok();
}

#[test]
fn the_store_and_the_time_can_be_said_before_and_after_the_command() {
    let world = World::weather();
    let store = world.store().to_str().unwrap();
    for args in [
        ["--store", store, "--output", "ndjson", "view", "list"],
        ["view", "--store", store, "list", "--output", "ndjson"],
        ["view", "list", "--output", "ndjson", "--store", store],
    ] {
        assert!(
            world.bare(&args).ok().contains("\"view\":\"weather\""),
            "{args:?}"
        );
    }
    let by_environment = Command::new(env!("CARGO_BIN_EXE_asof"))
        .args(["view", "list"])
        .env("ASOF_STORE", store)
        .output()
        .unwrap();
    assert!(by_environment.status.success(), "{by_environment:?}");
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let world = World::weather();
    let lines: String = (0..20_000)
        .map(|n| format!("{{\"view\":\"weather\",\"entity\":{{\"origin\":\"{n}\"}},\"event_time\":{n},\"features\":{{\"temp\":1.0}}}}\n"))
        .collect();
    world.pipe(&["ingest", "-"], lines.as_bytes()).ok();
    let mut child = Command::new(env!("CARGO_BIN_EXE_asof"))
        .args(["dump", "--store", world.store().to_str().unwrap()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn a_flipped_bit_is_corrupt_and_never_an_answer() {
    let world = World::weather();
    let lines: String = (0..3_000)
        .map(|n| {
            format!(
                "{{\"view\":\"weather\",\"entity\":{{\"origin\":\"{n}\"}},\"event_time\":0,\"features\":{{\"temp\":{n}}}}}\n"
            )
        })
        .collect();
    world.pipe(&["ingest", "-"], lines.as_bytes()).ok();
    // What was only in the log becomes a table when the store is opened again.
    let dump = world.run(&["dump"]).ok();
    let tables = std::fs::read_dir(world.store().join("db")).unwrap();
    let tables = tables.map(|entry| entry.unwrap().path());
    let tables = tables.filter(|path| path.extension().is_some_and(|extension| extension == "sst"));
    // History and latest rows are about as large as each other, and a dump reads one of them.
    for table in tables {
        let mut bytes = std::fs::read(&table).unwrap();
        if bytes.len() > 20_000 {
            let middle = bytes.len() / 3;
            bytes[middle] ^= 0x40;
            std::fs::write(&table, bytes).unwrap();
        }
    }
    world.run(&["verify"]).failed(4, "");
    let broken = world.run(&["dump"]).failed(4, "checksum");
    assert!(dump.starts_with(&broken.stdout[..broken.stdout.rfind('\n').map_or(0, |at| at + 1)]));
}

#[test]
fn a_cell_may_be_longer_than_a_format_width() {
    let world = World::empty();
    world.file(
        "w.toml",
        "view = \"w\"\n[entity]\nk = \"string\"\n[features]\nx = \"string\"\n",
    );
    world.run(&["view", "apply", "w.toml"]).ok();
    let line = format!(
        "{{\"view\":\"w\",\"entity\":{{\"k\":\"e\"}},\"event_time\":0,\"features\":{{\"x\":\"{}\"}}}}",
        "y".repeat(70_000)
    );
    world.pipe(&["ingest", "-"], line.as_bytes()).ok();
    assert!(world.run(&["get", "w", "e"]).ok().len() > 70_000);
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_first_column() {
    let world = World::weather();
    world.file("bom.csv", "\u{feff}origin,t,temp\nEWR,0,1\n");
    let ingest = [
        "ingest",
        "bom.csv",
        "--view",
        "weather",
        "--event-time",
        "t",
    ];
    assert!(world.run(&ingest).ok().contains("applied     1"));
}
