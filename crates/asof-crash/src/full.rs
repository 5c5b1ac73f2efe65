//! A file system without space: a small tmpfs, filled until nothing goes in any more.
//!
//! While it is full the store is read, opened, read again, erased from and closed, out of its reserve;
//! rows are refused. When there is space again it takes rows, and nothing that was acknowledged is lost
//! but for what was erased.

use crate::arguments::Arguments;
use crate::power::said;
use crate::random::Random;
use crate::tally::Tally;
use asof::{
    EraseOptions, Error, ErrorKind, Question, Read, Store, StoreOptions, Timestamp, Type, Verdict,
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
        let megabytes = 16 + random.below(12);
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

/// What the log may hold when the disk is full: of two families the memtable being filled and three that
/// wait, since a flush that fails for lack of space leaves them there. Less carries most opens, not all.
const RESERVE_BYTES: u64 = 2 * 4 * MEMTABLE_BYTES as u64;
const MEMTABLE_BYTES: usize = 512 << 10;
/// Who is erased on the full disk.
const ERASED: u64 = 7;

fn open(path: &Path) -> asof::Result<Store> {
    StoreOptions::new()
        .create_if_missing(true)
        .memtable_bytes(MEMTABLE_BYTES)
        .block_cache_bytes(4 << 20)
        .reserve_bytes(RESERVE_BYTES)
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
    std::fs::write(&ballast, vec![1; 6 << 20]).map_err(|e| e.to_string())?;
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
    check(&store, written, None, "while it is full")?;
    refuses(&store, written, random)?;
    if random.chance(50) {
        // Somebody tries without opening it again: that is refused too, and does no harm.
        match erase(&store) {
            Err(error) if error.kind() == ErrorKind::Poisoned => {}
            other => return Err(format!("an erase by a poisoned handle: {other:?}")),
        }
    }
    drop(store.close());
    fill(&mounted.join("filling"))?;
    let store = without_room(&path, &mut written, random)?;
    let erased = erase(&store).map_err(|e| format!("erasing while it is full: {e:?}"))?;
    if erased == 0 {
        return Err("an erase while it is full removed nothing".into());
    }
    check(&store, written, Some(ERASED), "erased while it is full")?;
    store
        .close()
        .map_err(|e| format!("closing it while it is full: {e:?}"))?;
    let store = open(&path).map_err(|e| format!("opening it full once more: {e:?}"))?;
    check(&store, written, Some(ERASED), "opened once more")?;
    // There is space again. The handle that was opened without any says to reopen.
    for file in ["ballast", "filling"] {
        std::fs::remove_file(mounted.join(file)).map_err(|e| e.to_string())?;
    }
    let again = match write(&store, written, random) {
        Ok(()) => "goes on when there is space again",
        Err(error) if error.kind() == ErrorKind::StorageFull => {
            store.close().map_err(text)?;
            let store = open(&path).map_err(text)?;
            write(&store, written, random).map_err(text)?;
            check(&store, written + 1, Some(ERASED), "with space again")?;
            store.close().map_err(text)?;
            return Ok("says to reopen, and goes on then".into());
        }
        Err(error) => return Err(format!("there is space again, and the error is {error:?}")),
    };
    check(&store, written + 1, Some(ERASED), "with space again")?;
    Ok(again.into())
}

/// Takes what space is left, as somebody else would who writes to the same disk.
fn fill(file: &Path) -> Result<(), String> {
    let reserve = RESERVE_BYTES;
    let mut filling = std::fs::File::create(file).map_err(|e| e.to_string())?;
    let free = free(file)?;
    // Not what was given back for the store.
    let size = free.saturating_sub(reserve) as usize;
    std::io::Write::write_all(&mut filling, &vec![1; size]).map_err(|e| e.to_string())
}

fn free(on: &Path) -> Result<u64, String> {
    let place = on.display().to_string();
    let told = said("df", &["--output=avail", "-B1", &place])?;
    let number = told.lines().last().unwrap_or_default().trim();
    number
        .parse()
        .map_err(|_| format!("df says {number:?} is free"))
}

/// Rows are refused, again and again.
fn refuses(store: &Store, written: u64, random: &mut Random) -> Result<(), String> {
    for _ in 0..3 {
        match write(store, written, random) {
            Err(e) if matches!(e.kind(), ErrorKind::StorageFull | ErrorKind::Poisoned) => {}
            other => return Err(format!("a write while it is full: {other:?}")),
        }
    }
    Ok(())
}

/// Opens it on the full disk, until it says at once that it takes no rows. Opening writes out logs,
/// which may make some room: then it goes on, until that is used up too.
fn without_room(path: &Path, written: &mut u64, random: &mut Random) -> Result<Store, String> {
    for _ in 0..20 {
        let store = open(path).map_err(|e| format!("opening it while it is full: {e:?}"))?;
        check(&store, *written, None, "opened again while it is full")?;
        while write(&store, *written, random).is_ok() {
            *written += 1;
        }
        let refused = write(&store, *written, random);
        if refused.is_err_and(|error| error.kind() == ErrorKind::StorageFull) {
            check(&store, *written, None, "refused while it is full")?;
            return Ok(store);
        }
        drop(store.close());
    }
    Err("a full file system had room again and again".into())
}

/// How many versions were erased.
fn erase(store: &Store) -> asof::Result<u64> {
    let view = store.view("filling")?;
    let entity = view.entity([ERASED as i64])?;
    let erased = store.erase(&view, &entity, EraseOptions::new())?;
    Ok(erased.versions)
}

/// Whether everything that was acknowledged is there, but for whom was erased.
fn check(store: &Store, written: u64, erased: Option<u64>, when: &str) -> Result<(), String> {
    let text = |error: Error| format!("{when}: {error}");
    let view = store.view("filling").map_err(text)?;
    for id in 0..written * 20 {
        let entity = view.entity([id as i64]).map_err(text)?;
        let row = store
            .get(&view, &entity, Question::latest())
            .map_err(text)?;
        let expected = match erased == Some(id) {
            true => Verdict::Never,
            false => Verdict::Found,
        };
        if row.verdict() != expected {
            let found = row.verdict();
            return Err(format!(
                "{when}: row {id} is {found:?} and not {expected:?}"
            ));
        }
    }
    Ok(())
}
