//! `erase`: nothing without `--yes`, everything with it, and a record of it.

use crate::world::World;

fn event(origin: &str, t: &str, temp: &str) -> String {
    format!(
        "{{\"view\":\"weather\",\"entity\":{{\"origin\":\"{origin}\"}},\"event_time\":\"{t}\",\
         \"features\":{{\"temp\":{temp}}}}}\n"
    )
}

fn lines() -> String {
    [
        event("EWR", "2013-01-01T22:00:00Z", "1"),
        event("EWR", "2013-01-01T23:00:00Z", "2"),
        event("EWR", "2013-01-01T23:30:00Z", "\"warm\""),
        event("JFK", "2013-01-01T23:00:00Z", "3"),
    ]
    .concat()
}

fn world() -> World {
    let world = World::weather();
    world.pipe(&["ingest", "-"], lines().as_bytes()).ok();
    world
}

#[test]
fn without_yes_it_says_what_it_would_do_and_does_nothing() {
    // Who is hurt: whoever looks first, and finds it done.
    let world = world();
    let before = world.run(&["dump"]).ok();
    let asked = world.run(&["erase", "weather", "EWR"]);
    let asked = asked.failed(2, "nothing was changed; say --yes");
    assert_eq!(
        asked.stdout,
        "would erase     weather origin=EWR\n\
         recorded up to  2013-01-02T00:00:00Z\n\
         versions        2\n\
         quarantined     1\n"
    );
    assert_eq!(world.run(&["dump"]).ok(), before);
    assert_eq!(
        world.run(&["erase", "--list", "--output", "ndjson"]).ok(),
        ""
    );
}

#[test]
fn an_erased_entity_stays_gone_through_replay_and_reload() {
    // Who is hurt: a person who was erased and comes back with the next ingest.
    let world = world();
    let args = [
        "erase",
        "weather",
        "origin=EWR",
        "--yes",
        "--output",
        "json",
    ];
    assert_eq!(
        world.run(&args).ok(),
        "{\"view\":\"weather\",\"entity\":{\"origin\":\"EWR\"},\"done\":true,\
         \"recorded_at\":\"2013-01-02T00:00:00Z\",\"floor\":null,\"was_known\":true,\
         \"versions\":2,\"quarantined\":1,\"reclaimed\":true}\n"
    );
    world.run(&["get", "weather", "EWR"]).failed(3, "");
    world.run(&["history", "weather", "EWR"]).failed(3, "");
    let receipt = world.pipe(&["ingest", "-"], lines().as_bytes()).ok();
    assert!(receipt.contains("fenced      3"), "{receipt}");
    world.run(&["get", "weather", "EWR"]).failed(3, "");
    assert!(world.run(&["get", "weather", "JFK"]).ok().contains('3'));
    world.run(&["verify"]).ok();
    let dump = world.run(&["dump"]).ok();
    let copy = World::weather();
    copy.pipe(&["ingest", "-"], dump.as_bytes()).ok();
    copy.pipe(&["ingest", "-"], lines().as_bytes()).ok();
    copy.run(&["get", "weather", "EWR"]).failed(3, "");
    assert_eq!(copy.run(&["dump"]).ok(), dump);
}

#[test]
fn the_record_of_an_erase_does_not_name_the_entity() {
    // Who is hurt: a person whose name stands in the list of those who wanted to be forgotten.
    let world = world();
    let until = ["--recorded-at", "2013-01-01T22:00:00Z"];
    let args = [
        &["erase", "weather", "EWR", "--yes", "--no-reclaim"],
        &until[..],
    ]
    .concat();
    let erased = world.run(&args).noted("--no-reclaim");
    assert!(erased.ok().contains("versions        1\n"));
    let listed = world.run(&["erase", "--list", "--output", "ndjson"]).ok();
    assert!(!listed.contains("EWR"), "{listed}");
    for says in [
        "{\"number\":1,\"at\":\"2013-01-02T00:00:00Z\",\"view\":\"weather\",\"entity_hash\":\"",
        "\"recorded_at\":\"2013-01-01T22:00:00Z\",\"floor\":null,\"versions\":1,\
         \"quarantined\":0,\"state\":\"done\"}",
    ] {
        assert!(listed.contains(says), "{says} is not in {listed}");
    }
    let table = world.run(&["erase", "--list"]).ok();
    assert_eq!(table.lines().count(), 2, "{table}");
    assert!(table.starts_with("number  at"), "{table}");
}

#[test]
fn an_entity_that_was_never_seen_is_fenced_and_told_so() {
    // Who is hurt: a person whose rows are still on their way.
    let world = World::weather();
    let erased = world.run(&["erase", "weather", "EWR", "--yes"]);
    assert!(
        erased
            .noted("nothing was stored of this entity")
            .ok()
            .contains("versions        0\n")
    );
    let receipt = world.pipe(&["ingest", "-"], lines().as_bytes()).ok();
    assert!(receipt.contains("fenced      3"), "{receipt}");
}

#[test]
fn what_cannot_be_meant_is_refused_before_anything_is_done() {
    let world = world();
    let before = world.run(&["dump"]).ok();
    for (args, code, why) in [
        (&["erase", "wether", "EWR", "--yes"][..], 3, "weather"),
        (
            &["erase", "weather", "place=EWR", "--yes"],
            2,
            "no key column",
        ),
        (&["erase", "weather", "--yes"], 2, "KEY"),
        (&["erase", "--yes"], 2, "VIEW"),
        (&["erase", "--list", "--yes"], 2, "--list"),
        (&["erase", "weather", "EWR", "--list"], 2, "--list"),
        (
            &["erase", "weather", "EWR", "--yes", "--recorded-at", "noon"],
            2,
            "noon",
        ),
    ] {
        world.run(args).failed(code, why);
    }
    assert_eq!(world.run(&["dump"]).ok(), before);
    World::empty()
        .run(&["erase", "weather", "EWR", "--yes"])
        .failed(3, "there is no store");
}
