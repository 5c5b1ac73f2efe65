//! What is cut off a log before RocksDB reads it: a torn end that nobody had synced, always; what is
//! damaged, for somebody who accepts the loss, with a copy put aside and the watermark set to what is
//! left.
//!
//! A torn end is not left to RocksDB. It takes zeros up to the end of a block for room that was made
//! ready, reads on in the next block, and would bring back batches behind a hole: latest rows built on
//! versions that are gone.

use super::directory;
use super::examine::{self, Examination};
use super::watermark;
use crate::error::{Error, Result};
use crate::format::marker::Marker;
use crate::format::watermark::Watermark;
use crate::kv::{Kv, KvOptions};
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

/// How much of a damaged store its owner is ready to lose, see
/// [`StoreOptions::accept_loss`](crate::StoreOptions::accept_loss).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Loss {
    /// Nothing: a damaged store is not opened.
    #[default]
    Nothing,
    /// At most so many [records](crate::LogLoss::records), as [`Store::examine`](crate::Store::examine)
    /// counts them: those that are known to be lost. More that nobody can count may be gone with them,
    /// within the [bytes](crate::LogLoss::bytes) that it tells.
    UpTo(u64),
    /// Whatever cannot be read.
    Unreadable,
}

/// The watermark of a store that may be opened and the state it is in, after accepting a loss if it
/// must be.
pub(super) fn settle(
    path: &Path,
    marker: &Marker,
    accepted: Loss,
    kv: &KvOptions,
) -> Result<(Watermark, Examination)> {
    let found = examine::examine(path, Some(marker))?;
    if found.damage().is_some() && accepted != Loss::Nothing {
        let records = found.loss().records();
        if let Loss::UpTo(most) = accepted
            && records > most
        {
            return Err(Error::corrupt(format!(
                "the store in {} would lose {}, and at most {most} records are accepted; nothing \
                 was changed",
                path.display(),
                found.loss()
            )));
        }
        if found.is_acceptable() {
            accept(path, marker, &found, kv)?;
            let left = examine::examine(path, Some(marker))?;
            return Ok((left.verdict(path)?, left));
        }
    }
    let watermark = found.verdict(path)?;
    drop(watermark::open(path)?);
    cut(path, &found)?;
    Ok((watermark, found))
}

/// Cuts the logs off where nothing can be replayed any more: the later ones first, so that whoever is
/// interrupted leaves what will be judged alike.
fn cut(path: &Path, found: &Examination) -> Result<()> {
    let database = directory::db(path);
    if let Some((manifest, whole)) = found.manifest {
        let name = database.join(format!("MANIFEST-{manifest:06}"));
        shorten(&name, whole)?;
    }
    let Some((log, whole)) = found.stop else {
        return Ok(());
    };
    for number in found.logs.iter().rev().filter(|number| **number >= log) {
        let name = database.join(format!("{number:06}.log"));
        let keep = if *number == log { whole } else { 0 };
        shorten(&name, keep)?;
    }
    Ok(())
}

fn shorten(file: &Path, keep: u64) -> Result<()> {
    OpenOptions::new()
        .write(true)
        .open(file)
        .and_then(|file| file.set_len(keep).and_then(|()| file.sync_all()))
        .map_err(|e| directory::io("cutting off the torn end of", file, e))
}

/// Cuts the log off behind its last whole row and puts a copy of everything that is cut off aside.
/// Interrupted, it leaves a store that is still damaged and can be treated again.
fn accept(path: &Path, marker: &Marker, found: &Examination, kv: &KvOptions) -> Result<()> {
    let database = directory::db(path);
    let aside = aside(path)?;
    let failed = |e| directory::io("putting aside what cannot be read of", path, e);
    if let Some((log, _)) = found.stop {
        let from = found.logs.iter().filter(|number| **number >= log);
        for number in from {
            let name = format!("{number:06}.log");
            fs::copy(database.join(&name), aside.join(&name)).map_err(failed)?;
            sync(&aside.join(&name)).map_err(failed)?;
        }
        directory::sync_directory(&aside)?;
    }
    if let Some(old) = examine::read(&path.join(watermark::NAME))? {
        fs::write(aside.join(watermark::NAME), old).map_err(failed)?;
        sync(&aside.join(watermark::NAME)).map_err(failed)?;
    }
    directory::sync_directory(&aside)?;
    cut(path, found)?;
    let mark = watermark::create(
        path,
        Watermark {
            sequence: found.sequence,
            store: marker.store_id,
            ..Watermark::default()
        },
    )?;
    directory::sync_directory(path)?;
    // The logs are replayed and gone when this is done, and the manifest forgets how long they were.
    let cut = KvOptions {
        logs_may_be_cut: true,
        ..kv.clone()
    };
    let database = Kv::open(&database, false, &cut)?;
    watermark::keep(path, &database, mark)?;
    database.flush()?;
    database.stop();
    Ok(())
}

fn sync(file: &Path) -> std::io::Result<()> {
    fs::File::open(file)?.sync_all()
}

/// A directory that nothing was put aside in before.
fn aside(path: &Path) -> Result<PathBuf> {
    for n in 1.. {
        let name = path.join(format!("lost.{n}"));
        match fs::create_dir(&name) {
            Ok(()) => return directory::sync_directory(path).map(|()| name),
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(directory::io("making", &name, e)),
        }
    }
    unreachable!("there are more numbers than directories")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Read, Store, StoreOptions, Timestamp, Type, ViewDefinition, WriteBatch, WriteOptions,
    };

    const BLOCK: usize = 32 << 10;

    fn write(store: &Store, id: i64, pad: usize, options: WriteOptions) {
        let view = store.view("v").unwrap();
        let mut batch = WriteBatch::new();
        let entity = view.entity([id]).unwrap();
        batch
            .put(&view, &entity, Timestamp::from_secs(60))
            .set_value("pad", "x".repeat(pad))
            .finish()
            .unwrap();
        store.write(batch, options).unwrap();
    }

    #[test]
    fn a_batch_behind_a_hole_that_a_power_cut_left_does_not_come_back() {
        // Who is hurt: whoever lost power while the disk had written the second half of the log. The
        // hole ends where a block does, as a page of the cache does: RocksDB reads on behind it.
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("store");
        let store = StoreOptions::new().create_if_missing(true).open(&path);
        let store = store.unwrap();
        let view = ViewDefinition::builder("v")
            .key("id", Type::I64)
            .feature("pad", Type::String);
        store.apply(view.build().unwrap()).unwrap();
        write(&store, 0, 2_000, WriteOptions::synced());
        let log = directory::db(&path).join(format!(
            "{:06}.log",
            watermark::read(&path, None).unwrap().unwrap().log.number
        ));
        let length = || fs::metadata(&log).unwrap().len() as usize;
        let synced = length();
        write(&store, 1, 2_000, WriteOptions::buffered());
        // The pad stands in the version and in the latest row. The third batch fills the block up, but
        // for less than a record's header, so that the fourth begins with the next block.
        let around = length() - synced - 2 * 2_000;
        write(
            &store,
            2,
            (BLOCK - 4 - length() - around) / 2,
            WriteOptions::buffered(),
        );
        assert!((BLOCK - 6..BLOCK).contains(&length()));
        for id in 3..20 {
            write(&store, id, 2_000, WriteOptions::buffered());
        }
        let cut = home.path().join("cut");
        fs::create_dir_all(directory::db(&cut)).unwrap();
        for folder in [&path, &directory::db(&path)] {
            for file in fs::read_dir(folder).unwrap() {
                let file = file.unwrap().path();
                if file.is_file() {
                    let to = cut.join(file.strip_prefix(&path).unwrap());
                    fs::copy(&file, to).unwrap();
                }
            }
        }
        store.close().unwrap();
        let log = cut.join(log.strip_prefix(&path).unwrap());
        let mut bytes = fs::read(&log).unwrap();
        assert!(synced < BLOCK && bytes.len() > 2 * BLOCK);
        bytes[synced..BLOCK].fill(0);
        fs::write(&log, bytes).unwrap();
        let mark = watermark::read(&cut, None).unwrap().unwrap();
        let boot = [7; 16];
        watermark::create(&cut, Watermark { boot, ..mark }).unwrap();

        let store = Store::open(&cut).unwrap();
        let view = store.view("v").unwrap();
        let there = |id: i64| {
            let entity = view.entity([id]).unwrap();
            let row = store.get(&view, &entity, crate::Question::latest());
            row.unwrap().verdict() == crate::Verdict::Found
        };
        assert!(there(0), "it was synced");
        assert!((1..20).all(|id| !there(id)), "it stands behind the hole");
    }
}
