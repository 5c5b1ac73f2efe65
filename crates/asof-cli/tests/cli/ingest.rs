//! `ingest`: what becomes of rows, good and bad.

use crate::world::World;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;

fn line(origin: &str, hour: u32, temp: &str) -> String {
    format!(
        "{{\"view\":\"weather\",\"entity\":{{\"origin\":\"{origin}\"}},\"event_time\":\"2013-01-01T{hour:02}:00:00Z\",\"features\":{{\"temp\":{temp}}}}}\n"
    )
}

fn receipt(counts: [u64; 9]) -> String {
    let names = [
        "rows",
        "applied",
        "duplicate",
        "too_late",
        "fenced",
        "quarantined",
        "latest",
        "late",
        "conflict",
    ];
    let members: Vec<String> = names
        .iter()
        .zip(counts)
        .map(|(name, count)| format!("\"{name}\":{count}"))
        .collect();
    format!("{{{}}}\n", members.join(","))
}

fn versions(world: &World) -> usize {
    world.run(&["dump", "weather"]).ok().lines().count() - 1
}

#[test]
fn the_receipt_adds_up() {
    let world = World::weather();
    world.file(
        "a.jsonl",
        [
            line("EWR", 6, "1"),
            line("EWR", 7, "2"),
            line("EWR", 5, "0"),
        ]
        .concat(),
    );
    assert_eq!(
        world.run(&["ingest", "a.jsonl", "--output", "json"]).ok(),
        receipt([3, 3, 0, 0, 0, 0, 2, 1, 0])
    );
    assert_eq!(
        world
            .pipe(&["ingest", "-"], line("EWR", 7, "2").as_bytes())
            .ok(),
        "rows        1\napplied     0\nduplicate   1\ntoo_late    0\nfenced      0\nquarantined 0\n\
         latest      0\nlate        0\nconflict    0\n"
    );
}

#[test]
fn gzip_is_known_by_its_first_bytes() {
    let world = World::weather();
    let pack = |text: &str| {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(text.as_bytes()).unwrap();
        gzip.finish().unwrap()
    };
    // Two members, one after the other, as `cat a.gz b.gz` makes them.
    let packed = [pack(&line("EWR", 6, "1")), pack(&line("EWR", 7, "2"))].concat();
    world.file("a.jsonl", &packed);
    world.run(&["ingest", "a.jsonl"]).ok();
    world.pipe(&["ingest", "-"], &packed).ok();
    assert_eq!(versions(&world), 2);
    world.file("cut.jsonl.gz", &packed[..packed.len() - 9]);
    world
        .run(&["ingest", "cut.jsonl.gz"])
        .failed(1, "cut.jsonl.gz:2");
}

#[test]
fn lines_that_name_no_view_belong_to_the_one_that_is_said() {
    let world = World::weather();
    let nameless = line("EWR", 6, "1").replace("\"view\":\"weather\",", "");
    let ended = world.pipe(&["ingest", "-", "--output", "json"], nameless.as_bytes());
    assert_eq!(
        ended
            .noted("stdin:1: set aside: the event has no \"view\"")
            .stdout,
        receipt([1, 0, 0, 0, 0, 1, 0, 0, 0])
    );
    world
        .pipe(&["ingest", "-", "--view", "weather"], nameless.as_bytes())
        .ok();
    assert_eq!(versions(&world), 1);
}

#[test]
fn a_view_that_is_said_and_is_not_there_is_an_error_before_the_first_row() {
    // Who is hurt: a job that mistypes a view. Every row would be set aside, the position of its log
    // moved past them, and the exit code 0.
    let world = World::weather();
    let nameless = line("EWR", 6, "1").replace("\"view\":\"weather\",", "");
    world.file("a.jsonl", &nameless);
    world.file("a.csv", "origin,at,temp\nEWR,0,1\n");
    let wrong = ["--view", "wether", "--source", "log"];
    for first in [
        &["ingest", "a.jsonl"][..],
        &["ingest", "-"],
        &["ingest", "a.csv", "--event-time", "at"],
        &["ingest", "a.jsonl", "a.csv", "--event-time", "at"],
    ] {
        let ended = world
            .pipe(&[first, &wrong].concat(), nameless.as_bytes())
            .failed(3, "did you mean \"weather\"?");
        assert_eq!(ended.stdout, "");
        assert!(!ended.stderr.contains("set aside"), "{ended:?}");
    }
    let listed = world
        .run(&["quarantine", "list", "--output", "ndjson"])
        .ok();
    assert_eq!(listed, "");
    let sources = world.run(&["source", "list", "--output", "ndjson"]).ok();
    assert_eq!(sources, "");
    assert_eq!(versions(&world), 0);
    // Each line of a dump names its view, so that none is looked for where the command line says.
    world
        .run(&["ingest", "a.csv", "--event-time", "at", "--view", "weather"])
        .ok();
    let dump = world.run(&["dump"]).ok();
    let copy = World::weather();
    let of_another = ["ingest", "-", "--namespace", "prod", "--view", "weather"];
    copy.pipe(&of_another, dump.as_bytes()).ok();
    assert_eq!(copy.run(&["dump"]).ok(), dump);
}

#[test]
fn rows_that_are_all_bad_are_no_failure_of_the_command() {
    // Who is hurt: a script that takes 0 for "something was applied", or the README for wrong.
    let world = World::weather();
    world.file("a.jsonl", line("EWR", 6, "\"warm\"").repeat(2));
    let ended = world.run(&["ingest", "a.jsonl", "--output", "json"]);
    assert_eq!(ended.ok(), receipt([2, 0, 0, 0, 0, 2, 0, 0, 0]));
    let replayed = world.run(&["quarantine", "replay", "--all"]);
    assert!(replayed.ok().contains("quarantined 1"));
    world
        .run(&["ingest", "a.jsonl", "--reject", "batch"])
        .failed(5, "found string \"warm\"");
}

#[test]
fn bad_rows_are_set_aside_and_the_others_written() {
    let world = World::weather();
    let text = [
        line("EWR", 6, "1"),
        "{\"view\":\n".into(),
        line("EWR", 7, "\"warm\""),
        line("EWR", 8, "null"),
        line("EWR", 9, "2").replace("weather", "wether"),
        line("EWR", 10, "3"),
    ];
    world.file("a.jsonl", text.concat());
    let ended = world
        .run(&["ingest", "a.jsonl", "--output", "json"])
        .noted("a.jsonl:2: set aside: the line is not a JSON object")
        .noted("a.jsonl:3: set aside: view \"weather\" v1, entity {\"origin\":\"EWR\"}: feature \"temp\" expects f64, found string \"warm\"")
        // The store is who refuses the next: the reader knows types, the contract knows nulls.
        .noted("a.jsonl:4: set aside: view \"weather\" v1, entity origin=\"EWR\": feature \"temp\" expects f64, found null; declare it nullable, or leave it out")
        .noted("a.jsonl:5: set aside: ")
        .noted("did you mean \"weather\"?")
        .noted("4 rows were set aside in the quarantine; `asof quarantine list`");
    assert_eq!(
        (ended.code, ended.stdout),
        (0, receipt([6, 2, 0, 0, 0, 4, 2, 0, 0]))
    );
    assert_eq!(versions(&world), 2);
}

#[test]
fn a_bad_batch_stops_and_what_was_written_before_is_said() {
    let world = World::weather();
    let good: String = (0..5).map(|hour| line("EWR", hour, "1")).collect();
    let unreadable = line("EWR", 7, "\"warm\"");
    world.file(
        "a.jsonl",
        format!("{good}{unreadable}{}", line("EWR", 8, "1")),
    );
    let ingest = ["ingest", "a.jsonl", "--batch", "2", "--reject", "batch"];
    let ended = world
        .run(&ingest)
        .failed(5, "a.jsonl:6: view \"weather\" v1, entity {\"origin\":\"EWR\"}: feature \"temp\" expects f64")
        .noted("The batch that begins at a.jsonl:5 was refused as a whole.")
        .noted("Before it, 4 rows were written (applied 4).");
    assert_eq!(ended.stdout, "");
    assert_eq!(versions(&world), 4);
    // One that only the store can judge.
    world.file("a.jsonl", format!("{good}{}", line("EWR", 7, "null")));
    world
        .run(&ingest)
        .failed(5, "feature \"temp\" expects f64, found null")
        .noted("The batch from a.jsonl:5 to a.jsonl:6 was refused as a whole.")
        .noted("Before it, 4 rows were written (applied 3, duplicate 1).");
    assert_eq!(versions(&world), 4);
}

#[test]
fn a_namespace_is_that_of_the_line_or_else_the_one_that_is_said() {
    let world = World::weather();
    world.file(
        "prod.toml",
        format!("namespace = \"prod\"\n{}", world.read("weather.toml")),
    );
    world.run(&["view", "apply", "prod.toml"]).ok();
    let named = line("EWR", 6, "1").replacen('{', "{\"namespace\":\"prod\",", 1);
    world.pipe(&["ingest", "-"], named.as_bytes()).ok();
    world
        .pipe(
            &["ingest", "-", "--namespace", "prod"],
            line("EWR", 7, "2").as_bytes(),
        )
        .ok();
    assert_eq!(versions(&world), 0);
    let dump = world.run(&["dump", "weather", "--namespace", "prod"]).ok();
    assert_eq!(
        dump.matches("{\"namespace\":\"prod\",\"view\":\"weather\",\"entity\"")
            .count(),
        2,
        "{dump}"
    );
}

const CSV: [&str; 6] = ["ingest", "a.csv", "--view", "weather", "--event-time", "at"];

#[test]
fn a_csv_file_needs_its_view_and_its_event_time() {
    let world = World::weather();
    world.file("a.csv", "origin,at,temp\nEWR,0,1\n");
    world
        .run(&["ingest", "a.csv", "--event-time", "at"])
        .failed(2, "a CSV file needs --view");
    world
        .run(&["ingest", "a.csv", "--view", "weather"])
        .failed(2, "a CSV file needs --event-time");
    world
        .run(&["ingest", "a.csv", "--view", "wether", "--event-time", "at"])
        .failed(3, "did you mean \"weather\"?");
    world
        .run(&[
            "ingest",
            "a.csv",
            "--view",
            "weather",
            "--event-time",
            "time",
        ])
        .failed(
            2,
            "a.csv: the header has no column \"time\", which is the event time",
        );
    world.file("b.csv", "dest,at,temp\nEWR,0,1\n");
    world
        .run(&["ingest", "b.csv", "--view", "weather", "--event-time", "at"])
        .failed(
            2,
            "b.csv: the header has no column \"origin\", which is a key column",
        );
    world.file("a.tsv", "");
    world
        .run(&["ingest", "a.tsv"])
        .failed(2, "say --format jsonl or --format csv");
    world
        .run(&["ingest", "-", "--null", "NA"])
        .failed(2, "are about CSV files");
    // The good file is not begun when the other is not there.
    world
        .run(&[&CSV[..], &["missing.csv"]].concat())
        .failed(1, "missing.csv");
    assert_eq!(versions(&world), 0);
}

#[test]
fn csv_on_stdin_is_told_what_to_say() {
    // Who is hurt: whoever pipes a CSV file in, and is told that there is none.
    let world = World::weather();
    let csv = b"origin,at,temp\nEWR,0,1\n";
    let next =
        "there is none; stdin is taken for lines of JSON, say --format csv where it is CSV\n";
    let ingest = ["ingest", "-", "--view", "weather", "--event-time", "at"];
    world.pipe(&ingest, csv).failed(2, next);
    let told = [&ingest[..], &["--format", "csv"]].concat();
    world.pipe(&told, csv).ok();
    assert_eq!(versions(&world), 1);
    // Nobody is told so who said what stdin is, or names a file.
    world.file("a.jsonl", "");
    let said = [&ingest[..], &["--format", "jsonl"]].concat();
    let named = ["ingest", "a.jsonl", "--event-time", "at"];
    for args in [&said[..], &named] {
        world.pipe(args, csv).failed(2, "and there is none\n");
    }
}

#[test]
fn an_empty_cell_is_null_and_a_missing_column_absent() {
    let world = World::weather();
    world.file("a.csv", "origin,year,at,temp,wind_gust,note\r\nEWR,2013,2013-01-01T06:00:00Z,39.02,,\"a,\r\nb\"\r\nJFK,2013,2013-01-01T07:00:00Z,,3,\r\n");
    let ended = world
        .run(&[&CSV[..], &["--output", "json"]].concat())
        .noted("note: a.csv: 2 of 6 columns are neither key nor feature of view \"weather\" and are ignored: year, note");
    // temp is not nullable, so the empty cell of the second row is a violation.
    assert_eq!(
        (ended.code, ended.stdout),
        (0, receipt([2, 1, 0, 0, 0, 1, 1, 0, 0]))
    );
    world.file("a.csv", "origin,at,temp\nLGA,2013-01-01T06:00:00Z,1\n");
    world
        .run(&CSV)
        .noted("a.csv: 1 of 2 features of view \"weather\" have no column and are left out of every row: wind_gust");
    let dump = world.run(&["dump", "weather"]).ok();
    let lines: Vec<&str> = dump.lines().skip(1).collect();
    assert_eq!(
        lines,
        [
            r#"{"view":"weather","entity":{"origin":"EWR"},"event_time":1357020000000000,"recorded_at":1357020000000000,"op":"put","features":{"temp":39.02,"wind_gust":null}}"#,
            r#"{"view":"weather","entity":{"origin":"LGA"},"event_time":1357020000000000,"recorded_at":1357020000000000,"op":"put","features":{"temp":1.0}}"#,
        ]
    );
}

#[test]
fn a_csv_file_in_which_no_feature_has_a_column_is_refused() {
    // Who is hurt: whoever mistypes the one feature of a header. Each record would be a row without
    // features, newer than the good one, and every answer from then on absent.
    let world = World::weather();
    world.file("a.csv", "origin,at,temp\nEWR,0,1\n");
    world.run(&CSV).ok();
    let digest = world.run(&["digest"]).ok();
    world.file("a.csv", "origin,at,tepm,year\nEWR,1,2,2013\n");
    let ended = world
        .run(&CSV)
        .failed(
            2,
            "a.csv: no feature of view \"weather\" has a column, so every record would be a row \
             without features; the view has temp, wind_gust",
        )
        .noted("; column \"tepm\" is none of them; did you mean \"temp\"?")
        .noted("; column \"year\" is none of them. Rows that are meant to have none need no other");
    assert_eq!(ended.stdout, "");
    assert_eq!(world.run(&["digest"]).ok(), digest);
    // Deletes have no features, and rows without any can still be meant.
    world.file(
        "a.csv",
        "origin,at,op,year\nJFK,1,delete,2013\nLGA,1,put,2013\n",
    );
    world.run(&[&CSV[..], &["--op", "op"]].concat()).ok();
    world.file("a.csv", "origin,at\nEWR,1\n");
    world.run(&CSV).ok();
    assert_eq!(versions(&world), 4);
}

#[test]
fn a_column_that_is_ignored_is_told_with_the_feature_that_it_may_have_meant() {
    let world = World::weather();
    world.file("a.csv", "origin,at,temp,wind_gusts,temps\nEWR,0,1,2,3\n");
    // A feature that has its column is not offered.
    world
        .run(&CSV)
        .noted("are ignored: wind_gusts (did you mean wind_gust?), temps\n")
        .ok();
}

#[test]
fn with_a_text_for_null_an_empty_cell_is_an_empty_string_or_a_violation() {
    let world = World::empty();
    world.file("v.toml", "view = \"weather\"\n[entity]\norigin = \"string\"\n[features]\nsky = { type = \"string\", nullable = true }\nwind = { type = \"i32\", nullable = true }\n");
    world.run(&["view", "apply", "v.toml"]).ok();
    world.file("a.csv", "origin,at,sky,wind\n,0,,NA\nb,0,NA,1\nc,0,x,\n");
    let ended = world
        .run(&[&CSV[..], &["--null", "NA", "--output", "json"]].concat())
        .noted("a.csv:4: set aside: view \"weather\" v1: feature \"wind\": expected i32, found string \"\"");
    assert_eq!(ended.stdout, receipt([3, 2, 0, 0, 0, 1, 2, 0, 0]));
    let dump = world.run(&["dump", "weather"]).ok();
    assert!(dump.contains(r#"{"origin":""},"event_time":0,"recorded_at":0,"op":"put","features":{"sky":"","wind":null}}"#), "{dump}");
    assert!(dump.contains(r#"{"origin":"b"},"event_time":0,"recorded_at":0,"op":"put","features":{"sky":null,"wind":1}}"#), "{dump}");
}

#[test]
fn a_csv_file_says_its_ops_and_when_rows_were_recorded() {
    let world = World::weather();
    world.file("a.csv", "at,learned,what,origin,temp\n1,5,put,EWR,1\n2,,,EWR,2\n3,4,delete,EWR,\n4,,upsert,EWR,4\n5,,put,EWR\n");
    let ended = world
        .run(
            &[
                &CSV[..],
                &[
                    "--op",
                    "what",
                    "--recorded-at",
                    "learned",
                    "--output",
                    "json",
                ],
            ]
            .concat(),
        )
        .noted("a.csv:5: set aside: view \"weather\" v1: op \"upsert\"")
        .noted("a.csv:6: set aside: the record has 4 cells, the header has 5");
    assert_eq!(ended.stdout, receipt([5, 3, 0, 0, 0, 2, 3, 0, 0]));
    let dump = world.run(&["dump", "weather"]).ok();
    let tails: Vec<&str> = dump
        .lines()
        .skip(1)
        .map(|line| &line[line.find("\"event_time\"").unwrap()..])
        .collect();
    assert_eq!(
        tails,
        [
            r#""event_time":1,"recorded_at":5,"op":"put","features":{"temp":1.0}}"#,
            r#""event_time":2,"recorded_at":2,"op":"put","features":{"temp":2.0}}"#,
            r#""event_time":3,"recorded_at":4,"op":"delete","features":{}}"#,
        ]
    );
    world
        .run(&[&CSV[..], &["--op", "what", "--reject", "batch"]].concat())
        .failed(5, "a.csv:5: view \"weather\"");
}
