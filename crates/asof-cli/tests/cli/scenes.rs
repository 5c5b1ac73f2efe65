//! Kinds of stores that an operator meets, each made from one whole store.

use crate::world::{NOW, WEATHER, World};
use std::any::Any;
use std::fs;
use std::path::{Path, PathBuf};

/// A kind of store.
pub(crate) struct Scene {
    pub name: &'static str,
    /// Makes it; what is given back is kept while the command runs.
    pub prepare: fn(&World) -> Option<Box<dyn Any>>,
}

pub(crate) const SCENES: [Scene; 17] = [
    Scene {
        name: "whole",
        prepare: |_| None,
    },
    Scene {
        name: "fed",
        prepare: |world| {
            feed(world);
            None
        },
    },
    Scene {
        name: "damaged_log",
        prepare: |world| {
            kill(world);
            let log = newest_log(world);
            let mut bytes = fs::read(&log).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(&log, bytes).unwrap();
            None
        },
    },
    Scene {
        name: "torn_log",
        prepare: |world| {
            kill(world);
            let log = newest_log(world);
            let torn = [fs::read(&log).unwrap(), b"torn".to_vec()].concat();
            fs::write(&log, torn).unwrap();
            None
        },
    },
    Scene {
        name: "missing",
        prepare: |world| {
            fs::remove_dir_all(world.store()).unwrap();
            None
        },
    },
    Scene {
        name: "empty_directory",
        prepare: |world| {
            fs::remove_dir_all(world.store()).unwrap();
            fs::create_dir(world.store()).unwrap();
            None
        },
    },
    Scene {
        name: "a_file_instead",
        prepare: |world| {
            fs::remove_dir_all(world.store()).unwrap();
            fs::write(world.store(), "not a store").unwrap();
            None
        },
    },
    Scene {
        name: "locked",
        prepare: |world| Some(Box::new(asof::Store::open(world.store()).unwrap())),
    },
    Scene {
        name: "newer_format",
        prepare: |world| {
            let marker = world.store().join("asof.store");
            let mut bytes = fs::read(&marker).unwrap();
            bytes[16..20].copy_from_slice(&7u32.to_le_bytes());
            bytes[20..24].copy_from_slice(&6u32.to_le_bytes());
            fs::write(&marker, bytes).unwrap();
            Some(Box::new(Unchanged::of(world.store())))
        },
    },
    Scene {
        name: "marker_lost",
        prepare: |world| {
            fs::remove_file(world.store().join("asof.store")).unwrap();
            None
        },
    },
    Scene {
        name: "marker_truncated",
        prepare: |world| {
            let marker = world.store().join("asof.store");
            let bytes = fs::read(&marker).unwrap();
            fs::write(&marker, &bytes[..40]).unwrap();
            None
        },
    },
    Scene {
        name: "marker_unreadable",
        prepare: |world| {
            let marker = world.store().join("asof.store");
            fs::remove_file(&marker).unwrap();
            fs::create_dir(&marker).unwrap();
            None
        },
    },
    Scene {
        name: "lock_unreadable",
        prepare: |world| {
            let lock = world.store().join("lock");
            fs::remove_file(&lock).unwrap();
            fs::create_dir(&lock).unwrap();
            None
        },
    },
    Scene {
        name: "no_database",
        prepare: |world| {
            fs::remove_dir_all(world.store().join("db")).unwrap();
            None
        },
    },
    Scene {
        name: "no_current",
        prepare: |world| {
            fs::remove_file(world.store().join("db/CURRENT")).unwrap();
            None
        },
    },
    Scene {
        name: "flipped_bit",
        prepare: |world| {
            flip_table_of(world, "history");
            None
        },
    },
    Scene {
        name: "flipped_bit_in_catalog",
        prepare: |world| {
            flip_table_of(world, "default");
            None
        },
    },
];

/// A view that names a source, of which a part was taken in and has reported; and an entity that was
/// erased.
fn feed(world: &World) {
    world.run(&["view", "apply", "fed.toml"]).ok();
    let through = "2013-01-01T21:00:00Z";
    let log = ["ingest", "rows.jsonl", "--source", "weather-log"];
    world
        .run(&[&log[..], &["--complete-through", through]].concat())
        .ok();
    world.run(&["erase", "weather", "JFK", "--yes"]).ok();
}

/// Writes rows, and leaves the store as a killed process does: they are in the log only.
fn kill(world: &World) {
    let now = asof::Timestamp::parse(NOW).unwrap();
    let options = asof::StoreOptions::new().clock(asof::ManualClock::at(now));
    let held = options.open(world.store()).unwrap();
    let view = held.view("weather").unwrap();
    for n in 0..5i64 {
        let entity = view.entity([format!("K{n}")]).unwrap();
        let mut batch = asof::WriteBatch::new();
        let at = now.saturating_sub(asof::Span::hours(1));
        let row = batch.put(&view, &entity, at).set_value("temp", n as f64);
        row.finish().unwrap();
        held.write(batch, asof::WriteOptions::synced()).unwrap();
    }
    let killed = world.path("killed");
    copy(world.store(), &killed);
    drop((view, held));
    fs::remove_dir_all(world.store()).unwrap();
    fs::rename(killed, world.store()).unwrap();
}

fn newest_log(world: &World) -> PathBuf {
    let entries = fs::read_dir(world.store().join("db")).unwrap();
    let mut logs: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "log"))
        .collect();
    logs.sort();
    logs.pop().unwrap()
}

/// Flips a bit in the first block of a table. Its family stands among its properties, right behind the
/// end of the property's name; the newest table is one that is in use.
fn flip_table_of(world: &World, family: &str) {
    let property = format!("name{family}");
    let is_of = |path: &PathBuf| {
        let bytes = fs::read(path).unwrap();
        bytes
            .windows(property.len())
            .any(|window| window == property.as_bytes())
    };
    let mut tables = tables(&world.store().join("db"));
    tables.sort();
    let table = tables.into_iter().rfind(is_of).unwrap();
    let mut bytes = fs::read(&table).unwrap();
    bytes[20] ^= 0x40;
    fs::write(&table, bytes).unwrap();
}

fn tables(db: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(db).unwrap().map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "sst"))
        .collect()
}

/// Every file with its bytes, under the root.
fn files(root: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push((path.clone(), fs::read(&path).unwrap())),
        }
    }
    found.sort();
    found
}

/// Holds, when it is dropped, that no byte has changed since it was made.
struct Unchanged(PathBuf, Vec<(PathBuf, Vec<u8>)>);

impl Unchanged {
    fn of(root: &Path) -> Self {
        Unchanged(root.to_path_buf(), files(root))
    }
}

impl Drop for Unchanged {
    fn drop(&mut self) {
        assert!(
            files(&self.0) == self.1,
            "a byte of {:?} was changed",
            self.0
        );
    }
}

const WINDOWED: &str = "view = \"windowed\"\n[entity]\nk = \"string\"\n[features]\nx = \"i64\"\n\
    [time]\nhistory = \"1h\"\n";

impl World {
    /// A store with rows, deletes, conflicts and a quarantine, and a copy of it to come back to.
    pub(crate) fn whole() -> World {
        let world = World::weather();
        world.file("windowed.toml", WINDOWED);
        world.file("unknown_key.toml", format!("{WEATHER}tll = \"3h\"\n"));
        world.file("other_type.toml", WEATHER.replacen("\"f64\"", "\"i64\"", 1));
        let fed = WEATHER.replacen('\n', "\nsources = [\"weather-log\"]\n", 1);
        world.file("fed.toml", fed);
        let other = WEATHER.replacen("temp = \"f64\"", "dewp = \"f64\"", 1);
        world.file("other_in_all.toml", other.replacen("3h", "4h", 1));
        let key = |ty| WEATHER.replacen("origin = \"string\"", &format!("origin = \"{ty}\""), 1);
        world.file("key_type.toml", key("int64"));
        world.file("key_list.toml", key("list<i64>"));
        world.file(
            "feature_type.toml",
            WEATHER.replacen("\"f64\"", "\"double\"", 1),
        );
        world.run(&["view", "apply", "windowed.toml"]).ok();
        let row = |origin: &str, rest: &str| {
            format!("{{\"view\":\"weather\",\"entity\":{{\"origin\":\"{origin}\"}},{rest}}}\n")
        };
        let rows = [
            row(
                "EWR",
                r#""event_time":"2013-01-01T22:00:00Z","features":{"temp":39.02}"#,
            ),
            row(
                "EWR",
                r#""event_time":"2013-01-01T23:00:00Z","op":"patch","features":{"wind_gust":null}"#,
            ),
            row(
                "EWR",
                r#""event_time":"2013-01-01T23:00:00Z","op":"patch","features":{"wind_gust":20.5}"#,
            ),
            row(
                "EWR",
                r#""event_time":"2013-01-02T00:05:00Z","features":{"temp":41.0}"#,
            ),
            row(
                "JFK",
                r#""event_time":"2013-01-01T12:00:00Z","features":{"temp":1.5}"#,
            ),
            row(
                "LGA",
                r#""event_time":"2013-01-01T22:00:00Z","op":"delete""#,
            ),
        ];
        world.file("rows.jsonl", rows.concat());
        let windowed = "{\"view\":\"windowed\",\"entity\":{\"k\":\"a\"},\
            \"event_time\":\"2013-01-01T23:30:00Z\",\"features\":{\"x\":1}}\n";
        world.file("windowed.jsonl", windowed);
        let bad = [
            row(
                "EWR",
                r#""event_time":"2013-01-05T00:00:00Z","features":{"temp":1.0}"#,
            ),
            row("EWR", r#""event_time":0,"features":{"tmp":1.0}"#),
            "nonsense\n".to_owned(),
        ];
        world.file("bad.jsonl", bad.concat());
        world.file(
            "spine.csv",
            "origin,t\nEWR,2013-01-02T00:00:00Z\n,2013-01-02T00:00:00Z\n",
        );
        world.file("bad_time.csv", "origin,t\nEWR,noon\n");
        world.file("null_key.csv", "k,t\n,2013-01-01T00:00:00Z\n");
        world.file("keys.txt", "EWR\n");
        world.file(
            "nulls.csv",
            "origin,t,temp\nEWR,2013-01-01T01:00:00Z,1\nEWR,2013-01-01T02:00:00Z,\nEWR,2013-01-01T03:00:00Z,NA\n",
        );
        let good = r#""event_time":"2013-01-01T01:00:00Z","features":{"temp":1.0}"#;
        let null = r#""event_time":"2013-01-01T02:00:00Z","features":{"temp":null}"#;
        world.file("mixed.jsonl", row("EWR", good) + &row("EWR", null) + "{}\n");
        world
            .run(&["ingest", "rows.jsonl", "windowed.jsonl", "bad.jsonl"])
            .ok();
        // What was only in the log is in tables from now on.
        world.run(&["view", "list"]).ok();
        copy(world.store(), &world.path("copy"));
        world
    }

    /// Puts the store back as it was.
    pub(crate) fn restore(&self) {
        match self.store().is_dir() {
            true => fs::remove_dir_all(self.store()).unwrap(),
            false if self.store().exists() => fs::remove_file(self.store()).unwrap(),
            false => {}
        }
        copy(&self.path("copy"), self.store());
    }

    /// More bad rows than the quarantine takes.
    pub(crate) fn full_quarantine(&self) -> crate::world::Ended {
        let rows: String = (0..100_001).map(|n| format!("{n}\n")).collect();
        self.file("many_bad.jsonl", rows);
        let ended = self.run(&["ingest", "many_bad.jsonl", "--batch", "20000"]);
        fs::remove_file(self.path("many_bad.jsonl")).unwrap();
        ended
    }
}

fn copy(from: &Path, to: &Path) {
    crate::killed::copy(from, to).unwrap();
}
