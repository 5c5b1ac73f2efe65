//! The store that is damaged, and what may become of it.

use crate::damage::Damage;
use asof::{
    ErrorKind, Question, Read, Result, Store, StoreOptions, Timestamp, Type, Verdict,
    ViewDefinition, WriteBatch, WriteOptions,
};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A store as a killed process left it: every batch was synced.
pub(crate) struct World {
    directory: TempDir,
    batches: u64,
}

/// How a damaged store may end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    /// The pre-flight refused it.
    Refused,
    /// It opens with every synced row.
    Whole,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Outcome::Refused => "refused",
            Outcome::Whole => "opens whole",
        })
    }
}

impl World {
    pub(crate) fn make(batches: u64) -> World {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let live = directory.path().join("live");
        let store = open(&live).expect("a store is made");
        define(&store).expect("a view is defined");
        // A table, and a manifest that names it, before the rows that are only in the log.
        (0..4).for_each(|n| write(&store, n).expect("a batch is written"));
        store.compact().expect("it is compacted");
        (4..batches).for_each(|n| write(&store, n).expect("a batch is written"));
        copy(&live, &directory.path().join("killed"));
        drop(store);
        World { directory, batches }
    }

    fn killed(&self) -> PathBuf {
        self.directory.path().join("killed")
    }

    /// Every damage of every file that says what is durable.
    pub(crate) fn damages(&self) -> Vec<Damage> {
        let killed = self.killed();
        let mut damages = Vec::new();
        let mut add = |role, file: &Path| {
            let length = std::fs::metadata(killed.join(file))
                .expect("it is there")
                .len();
            damages.extend(Damage::all(role, file, length as usize));
        };
        add("marker", Path::new("asof.store"));
        add("watermark", Path::new("watermark"));
        for entry in std::fs::read_dir(killed.join("db")).expect("a database") {
            let name = entry.expect("an entry").file_name();
            let name = name.to_str().expect("a name");
            let file = Path::new("db").join(name);
            if name == "CURRENT" {
                add("current", &file);
            } else if name.starts_with("MANIFEST") {
                add("manifest", &file);
            } else if name.ends_with(".log") {
                add("log", &file);
            }
        }
        // Between the two slots of the watermark nothing is written and nothing is read.
        let idle = |damage: &Damage| {
            damage.role == "watermark" && damage.byte().is_some_and(|at| (80..4_096).contains(&at))
        };
        damages.retain(|damage| !idle(damage));
        damages
    }

    /// Opens a damaged copy. An error is a promise that is broken.
    pub(crate) fn outcome(&self, damage: &Damage) -> std::result::Result<Outcome, String> {
        let copied = self.directory.path().join("copy");
        let _ = std::fs::remove_dir_all(&copied);
        copy(&self.killed(), &copied);
        damage.inflict(&copied);
        let store = match open_existing(&copied) {
            Ok(store) => store,
            Err(error) if error.kind() == ErrorKind::Corrupt => return Ok(Outcome::Refused),
            // A marker may be turned into that of a newer format; nothing is opened or lost.
            Err(error) if error.kind() == ErrorKind::UnsupportedFormat => {
                return Ok(Outcome::Refused);
            }
            Err(error) => return Err(format!("it ended in {error:?}")),
        };
        match missing(&store, self.batches) {
            Ok(None) => Ok(Outcome::Whole),
            Ok(Some(n)) => Err(format!("it opens, and synced batch {n} is lost")),
            Err(error) => Err(format!("it opens, and a read ends in {error:?}")),
        }
    }
}

pub(crate) fn open(path: &Path) -> Result<Store> {
    options().create_if_missing(true).open(path)
}

fn open_existing(path: &Path) -> Result<Store> {
    options().open(path)
}

fn options() -> StoreOptions {
    StoreOptions::new()
        .block_cache_bytes(1 << 20)
        .memtable_bytes(64 << 20)
}

pub(crate) fn define(store: &Store) -> Result<()> {
    let view = ViewDefinition::builder("view").key("id", Type::I64);
    store.apply(view.feature("pad", Type::String).build()?)?;
    Ok(())
}

fn write(store: &Store, n: u64) -> Result<()> {
    let view = store.view("view")?;
    let mut batch = WriteBatch::new();
    for row in 0..2 {
        let entity = view.entity([(2 * n + row) as i64])?;
        let row = batch.put(&view, &entity, Timestamp::from_secs(1_700_000_000));
        row.set_value("pad", "x".repeat(20)).finish()?;
    }
    store.write(batch, WriteOptions::synced()).map(drop)
}

/// The first batch that is not there whole.
fn missing(store: &Store, batches: u64) -> Result<Option<u64>> {
    let Ok(view) = store.view("view") else {
        return Ok(Some(0));
    };
    for id in 0..2 * batches {
        let row = store.get(&view, &view.entity([id as i64])?, Question::latest())?;
        if row.verdict() != Verdict::Found {
            return Ok(Some(id / 2));
        }
    }
    Ok((store.versions(&view)?.count() as u64 != 2 * batches).then_some(0))
}

/// A copy of a directory, as it is.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a directory");
    for entry in std::fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).expect("a copy");
        }
    }
}

/// What the written-down verdicts do not know: a class of damage that ends in a way it must not.
pub(crate) fn strange(counts: &BTreeMap<(String, Outcome), u64>) -> Vec<String> {
    let known: Vec<&str> = include_str!("verdicts.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| Some(line.rsplit_once(' ')?.0))
        .collect();
    counts
        .keys()
        .map(|(class, outcome)| format!("{class} {outcome}"))
        .filter(|line| !known.contains(&line.as_str()))
        .map(|line| format!("verdicts.txt does not allow: {line}"))
        .collect()
}
