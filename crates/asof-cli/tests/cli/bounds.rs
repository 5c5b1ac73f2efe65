//! What is too large for one batch, and what is too large for any.

use crate::world::World;

fn wide() -> World {
    let world = World::empty();
    world.file(
        "note.toml",
        "view = \"note\"\n[entity]\nid = \"i64\"\n[features]\ntext = \"string\"\n",
    );
    world.run(&["view", "apply", "note.toml"]).ok();
    world
}

fn line(id: usize, text: &str) -> String {
    format!(
        "{{\"view\":\"note\",\"entity\":{{\"id\":{id}}},\"event_time\":0,\"features\":{{\"text\":\"{text}\"}}}}\n"
    )
}

#[test]
fn a_file_of_wide_rows_is_taken_in_by_batches_that_fit() {
    // Who is hurt: whoever ingests documents, and is told of a limit of batches that it never made.
    let world = wide();
    let text = "x".repeat(1_000_000);
    let lines: Vec<String> = (0..70).map(|id| line(id, &text)).collect();
    world.file("notes.jsonl", lines.concat());
    let told = world.run(&["ingest", "notes.jsonl"]).ok();
    assert!(told.contains("applied     70\n"), "{told}");
}

#[test]
fn a_line_that_is_longer_than_any_row_is_set_aside_and_the_rest_goes_on() {
    let world = wide();
    let long = line(1, &"x".repeat(9 << 20));
    let lines = [line(0, "a"), long, line(2, "b")];
    world.file("notes.jsonl", lines.concat());
    let ended = world.run(&["ingest", "notes.jsonl"]);
    let told = ended.noted("EVENT_BYTES_MAX").ok();
    assert!(told.contains("applied     2\n"), "{told}");
    assert!(told.contains("quarantined 1\n"), "{told}");
}

#[test]
fn a_batch_of_more_rows_than_are_written_at_once_is_a_wrong_argument() {
    let world = wide();
    world.file("notes.jsonl", line(0, "a"));
    let batch = |rows: &str| world.run(&["ingest", "notes.jsonl", "--batch", rows]);
    batch("100000").ok();
    batch("100001").failed(2, "100000");
}
