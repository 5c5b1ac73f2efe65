//! The directory of a store: what makes it one, and who owns it.
//!
//! ```text
//! DIR/asof.store   the marker, see `format/marker.rs`; written once, last of all, when a store is made
//! DIR/lock         held by the owner; says who that is
//! DIR/watermark    how far the store was durable, see `format/watermark.rs`
//! DIR/db/          RocksDB
//! DIR/reserve      zeros, whose space is given back when the disk is full, see `store/reserve.rs`
//! DIR/lost.N/      what could not be read and was accepted as lost, see `store/loss.rs`
//! ```

use crate::error::{Error, ErrorKind, Result};
use crate::format::marker::Marker;
use crate::time::Timestamp;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

const MARKER: &str = "asof.store";
/// A marker that is not in force yet: the store was never handed to anybody.
const UNFINISHED: &str = "asof.store.unfinished";
const LOCK: &str = "lock";
const DB: &str = "db";

pub(super) fn io(doing: &str, path: &Path, error: std::io::Error) -> Error {
    let kind = match error.kind() {
        std::io::ErrorKind::StorageFull => ErrorKind::StorageFull,
        _ => ErrorKind::Io,
    };
    let text = format!(
        "{doing} {} failed; see to its permissions and its disk, then try again",
        path.display()
    );
    Error::new(kind, text).caused_by(error)
}

pub(super) fn db(path: &Path) -> PathBuf {
    path.join(DB)
}

/// What a directory turns out to be.
pub(super) enum Found {
    Store(Marker),
    /// Nothing of a store, or one whose making was never finished.
    Nothing,
}

/// Looks, and changes nothing.
pub(super) fn look(path: &Path) -> Result<Found> {
    match fs::read(path.join(MARKER)) {
        Ok(bytes) => {
            let here = |e: Error| e.at(path.join(MARKER).display());
            Marker::decode(&bytes).map(Found::Store).map_err(here)
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            let has = |name: &str| path.join(name).exists();
            if has(DB) && !has(UNFINISHED) {
                return Err(Error::corrupt(format!(
                    "{} holds a database but no marker ({MARKER}): the marker was lost. Restore it \
                     from a backup; without it rows cannot be found",
                    path.display()
                )));
            }
            Ok(Found::Nothing)
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotADirectory => Err(Error::invalid(format!(
            "{} is not a directory, so it holds no store; name the directory of a store, or a place \
             to make one in",
            path.display()
        ))),
        Err(e) => Err(io("reading the marker of", path, e)),
    }
}

/// Whether a store was being made here, and its marker has not come into force.
pub(super) fn is_unfinished(path: &Path) -> bool {
    path.join(UNFINISHED).exists() && path.join(DB).exists()
}

/// A store that was handed out has its marker. Where it is gone back to its first name while rows are
/// there, the disk has forgotten a name that it was told to keep.
pub(super) fn forgotten(path: &Path) -> Error {
    Error::corrupt(format!(
        "{0} holds rows, and its marker has the name of a store that is still being made: the disk has \
         forgotten that {UNFINISHED} was renamed. Nothing was changed. If the store comes from nowhere \
         else, rename {0}/{UNFINISHED} to {MARKER} and run `asof doctor`; or restore a copy",
        path.display()
    ))
}

/// Begins to make a store. What an earlier attempt left is removed: nobody was ever told of it.
pub(super) fn begin(path: &Path, marker: &Marker) -> Result<()> {
    let failed = |e| io("making a store in", path, e);
    if is_unfinished(path) {
        fs::remove_dir_all(path.join(DB)).map_err(failed)?;
    }
    let mut file = File::create(path.join(UNFINISHED)).map_err(failed)?;
    file.write_all(&marker.encode())
        .and_then(|()| file.sync_all())
        .map_err(failed)?;
    sync_directory(path)
}

/// Makes the store one: from here on it is found.
pub(super) fn finish(path: &Path) -> Result<()> {
    fs::rename(path.join(UNFINISHED), path.join(MARKER))
        .map_err(|e| io("making a store in", path, e))?;
    sync_directory(path)?;
    // The directory itself is an entry of its parent.
    match path.canonicalize().ok().as_deref().and_then(Path::parent) {
        Some(parent) => sync_directory(parent),
        None => Ok(()),
    }
}

pub(super) fn sync_directory(path: &Path) -> Result<()> {
    File::open(path)
        .and_then(|dir| dir.sync_all())
        .map_err(|e| io("syncing", path, e))
}

pub(super) fn create(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|e| io("making the directory", path, e))
}

/// Ownership of a directory, for as long as it lives. A killed owner owns nothing.
pub(super) struct Lock {
    file: File,
    /// The process that took it.
    owner: u32,
}

impl Lock {
    /// Takes the lock, or says who holds it.
    pub(super) fn take(path: &Path, now: Timestamp) -> Result<Lock> {
        let file = path.join(LOCK);
        let failed = |e| io("locking", path, e);
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&file)
            .map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::Error(e)) => return Err(failed(e)),
            Err(TryLockError::WouldBlock) => {
                let mut owner = String::new();
                // The owner may be writing its name this moment; the lock is what counts.
                if lock.read_to_string(&mut owner).is_err() || owner.is_empty() {
                    owner = "another process".into();
                }
                return Err(Error::new(
                    ErrorKind::Locked,
                    format!(
                        "the store in {} is in use by {}; close it there first",
                        path.display(),
                        owner.trim_end()
                    ),
                ));
            }
        }
        let owner = format!(
            "pid {} on host {} since {now}\n",
            std::process::id(),
            host()
        );
        let said = lock
            .set_len(0)
            .and_then(|()| lock.write_all(owner.as_bytes()));
        match said {
            // The lock is what counts, and a full disk is no reason not to read.
            Err(e) if e.kind() == std::io::ErrorKind::StorageFull => {}
            said => said.map_err(failed)?,
        }
        Ok(Lock {
            file: lock,
            owner: std::process::id(),
        })
    }
}

impl Drop for Lock {
    /// Closing the file is not enough: a child that was forked meanwhile, and every child is for a moment
    /// until it becomes another program, has a copy, and would keep the store locked. The child itself
    /// owns nothing, and leaves the lock to its parent.
    fn drop(&mut self) {
        if self.owner == std::process::id() {
            // Closing it is what is left where this fails.
            let _unlocked = self.file.unlock();
        }
    }
}

fn host() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "unknown".into(),
        name => name.into(),
    }
}
