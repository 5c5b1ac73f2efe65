//! A file system without space: a small tmpfs, filled until nothing goes in any more.

use crate::arguments::Arguments;
use crate::power::said;
use crate::random::Random;
use crate::tally::Tally;
use asof::{
    Error, ErrorKind, Question, Read, Store, StoreOptions, Timestamp, Type, Verdict,
    ViewDefinition, WriteBatch, WriteOptions,
};
use std::path::{Path, PathBuf};

pub(crate) fn run(arguments: &Arguments) -> Result<Tally, String> {
    let rounds = arguments.number("rounds", 20)?;
    let seed = arguments.number("seed", 1)?;
    let what = format!("a full file system: {rounds} rounds from seed {seed}");
    let scratch = tempfile::tempdir().map_err(|e| e.to_string())?;
    let mut tally = Tally::new(what.clone());
    for round in seed..seed + rounds {
        let mut random = Random::new(round);
        let megabytes = 12 + random.below(12);
        let mounted = match Mounted::small(scratch.path(), megabytes) {
            Ok(mounted) => mounted,
            Err(why) => return Ok(Tally::skipped(what, why)),
        };
        let outcome = round_of(&mounted.0, &mut random);
        tally.note(outcome, || format!("full --rounds 1 --seed {round}"));
    }
    Ok(tally)
}

/// A tmpfs of a few megabytes. Unmounted when it goes.
struct Mounted(PathBuf);

impl Mounted {
    fn small(scratch: &Path, megabytes: u64) -> Result<Self, String> {
        let at = scratch.join("small");
        let _there = std::fs::create_dir(&at);
        let options = format!("size={megabytes}m");
        let place = at.display().to_string();
        said("mount", &["-t", "tmpfs", "-o", &options, "tmpfs", &place])?;
        Ok(Mounted(at))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _unmounted = said("umount", &[&self.0.display().to_string()]);
    }
}

fn open(path: &Path) -> asof::Result<Store> {
    StoreOptions::new()
        .create_if_missing(true)
        .memtable_bytes(512 << 10)
        .block_cache_bytes(4 << 20)
        .open(path)
}

fn write(store: &Store, n: u64, random: &mut Random) -> asof::Result<()> {
    let view = store.view("filling")?;
    let mut batch = WriteBatch::new();
    for row in 0..20 {
        let entity = view.entity([(n * 20 + row) as i64])?;
        // What no compression makes small.
        let pad: String = (0..200)
            .map(|_| char::from(b'!' + random.below(90) as u8))
            .collect();
        batch
            .put(&view, &entity, Timestamp::from_secs(1))
            .set_value("pad", pad)
            .finish()?;
    }
    store.write(batch, WriteOptions::buffered()).map(drop)
}

fn round_of(mounted: &Path, random: &mut Random) -> Result<String, String> {
    let text = |error: Error| error.to_string();
    let path = mounted.join("store");
    let store = open(&path).map_err(text)?;
    let view = ViewDefinition::builder("filling")
        .key("id", Type::I64)
        .feature("pad", Type::String);
    store.apply(view.build().map_err(text)?).map_err(text)?;
    // Somebody else's data, which will be given back.
    let ballast = mounted.join("ballast");
    std::fs::write(&ballast, vec![1; 3 << 20]).map_err(|e| e.to_string())?;
    let mut written = 0;
    let refused = loop {
        match write(&store, written, random) {
            Ok(()) => written += 1,
            Err(error) => break error,
        }
        if written > 100_000 {
            return Err("the file system never filled".into());
        }
    };
    if refused.kind() != ErrorKind::StorageFull {
        return Err(format!("full, and the error is {refused:?}"));
    }
    check(&store, written, "while it is full")?;
    for _ in 0..3 {
        if write(&store, written, random).is_ok() {
            return Err("a write after the refusal was acknowledged while it is full".into());
        }
    }
    std::fs::remove_file(&ballast).map_err(|e| e.to_string())?;
    // Either it goes on by itself, or it says what to do, and doing that helps.
    let again = match write(&store, written, random) {
        Ok(()) => "goes on when there is space again",
        Err(error) if matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::Poisoned) => {
            drop(store.close());
            let store = open(&path).map_err(text)?;
            write(&store, written, random).map_err(text)?;
            check(&store, written + 1, "after it was opened again")?;
            return Ok("says to reopen, and goes on then".into());
        }
        Err(error) => return Err(format!("there is space again, and the error is {error:?}")),
    };
    check(&store, written + 1, "when there is space again")?;
    Ok(again.into())
}

/// Whether everything that was acknowledged is there.
fn check(store: &Store, written: u64, when: &str) -> Result<(), String> {
    let text = |error: Error| format!("{when}: {error}");
    let view = store.view("filling").map_err(text)?;
    for id in 0..written * 20 {
        let entity = view.entity([id as i64]).map_err(text)?;
        let row = store
            .get(&view, &entity, Question::latest())
            .map_err(text)?;
        if row.verdict() != Verdict::Found {
            return Err(format!("{when}: row {id} of {} is lost", written * 20));
        }
    }
    Ok(())
}
