//! How far the database is durable: kept in memory for the notes in the log, and in the watermark
//! for the next open.
//!
//! ```text
//! commit   started + 1 ── write ── finished + 1
//! sync     sequence, length of the log ── fsync ── noted in memory ── watermark written
//! ```
//!
//! All that the watermark will say is read before the fsync, so that the fsync covers it. The length
//! is taken only while no commit is under way: it then ends with a whole record.

use super::Kv;
use super::commits::Commits;
use super::error::translate;
use crate::error::{Error, ErrorKind, Result};
use crate::failpoint;
use crate::format::watermark::{Extent, Watermark};
use parking_lot::Mutex;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// What is known to be durable.
#[derive(Default)]
pub(super) struct Durable {
    sequence: AtomicU64,
    pub(super) commits: Commits,
    keeper: OnceLock<Mutex<Keeper>>,
}

impl Durable {
    /// Everything up to this sequence number survives a power cut.
    pub(super) fn sequence(&self) -> u64 {
        self.sequence.load(Ordering::Acquire)
    }
}

/// The file of the watermark, open.
pub(crate) struct Keeper {
    file: File,
    path: PathBuf,
    /// The directory of the database.
    database: PathBuf,
    written: Watermark,
    boot: [u8; 16],
    /// The log that was the newest when it was last looked for.
    log: Option<Log>,
}

/// A log by its number, open. Its length is where its end is: to ask for its times as well, as `stat` does,
/// makes the file system note a finer time with the next write, and the fsync a thirtieth dearer.
struct Log {
    number: u64,
    file: File,
}

impl Log {
    fn open(database: &Path, number: u64) -> std::io::Result<Log> {
        let file = File::open(database.join(format!("{number:06}.log")))?;
        Ok(Log { number, file })
    }

    fn extent(&mut self) -> std::io::Result<Extent> {
        let (number, bytes) = (self.number, self.file.seek(SeekFrom::End(0))?);
        Ok(Extent { number, bytes })
    }
}

impl Keeper {
    pub(crate) fn new(
        file: File,
        path: PathBuf,
        database: PathBuf,
        written: Watermark,
        boot: [u8; 16],
    ) -> Keeper {
        Keeper {
            file,
            path,
            database,
            written,
            boot,
            log: None,
        }
    }

    /// The newest log and its length. The directory is read only when the log that was known has not
    /// grown since: then there may be a newer one.
    fn newest_log(&mut self) -> Option<Extent> {
        if let Some(known) = self.log.as_mut().and_then(|log| log.extent().ok()) {
            let before = self.written.log;
            if known.number != before.number || known.bytes > before.bytes {
                return Some(known);
            }
        }
        let number_of = |name: &str| name.strip_suffix(".log")?.parse().ok();
        let names = std::fs::read_dir(&self.database).ok()?.flatten();
        let numbers = names.filter_map(|entry| number_of(entry.file_name().to_str()?));
        self.log = Log::open(&self.database, numbers.max()?).ok();
        self.log.as_mut()?.extent().ok()
    }

    /// The manifest in force and how long it is, made durable.
    fn manifest(&self) -> std::io::Result<Extent> {
        let current = std::fs::read(self.database.join("CURRENT"))?;
        let number = crate::preflight::current(&current).ok_or(std::io::ErrorKind::InvalidData)?;
        let path = self.database.join(format!("MANIFEST-{number:06}"));
        // An edit that is being written this moment does not count.
        let bytes = crate::preflight::scan_manifest(&std::fs::read(&path)?).whole();
        File::open(path)?.sync_data()?;
        Ok(Extent { number, bytes })
    }

    fn write(&mut self, next: Watermark) -> Result<()> {
        let next = Watermark {
            generation: self.written.generation,
            boot: self.boot,
            ..next
        };
        if next == self.written {
            return Ok(());
        }
        let next = Watermark {
            generation: next.generation + 1,
            ..next
        };
        self.file
            .seek(SeekFrom::Start(next.offset() as u64))
            .and_then(|_| self.file.write_all(&next.encode()))
            .map_err(|e| failed(&self.path, e))?;
        self.written = next;
        Ok(())
    }
}

fn failed(path: &Path, error: std::io::Error) -> Error {
    let text = format!(
        "writing {} failed; what was synced is durable, but this handle can no longer prove it. \
         Reopen the store; writing again is always safe",
        path.display()
    );
    let kind = match error.kind() {
        std::io::ErrorKind::StorageFull => ErrorKind::StorageFull,
        _ => ErrorKind::Io,
    };
    Error::new(kind, text).caused_by(error)
}

impl Kv {
    /// The newest sequence number that was given out.
    pub(crate) fn sequence(&self) -> u64 {
        self.db.latest_sequence_number()
    }

    /// Keeps the watermark from here on. The database has just been opened: recovery has written out
    /// what was in the logs, so that all of it is durable.
    pub(crate) fn keep(&self, keeper: Keeper) -> Result<()> {
        let sequence = self.sequence();
        self.durable.sequence.fetch_max(sequence, Ordering::AcqRel);
        let _first = self.durable.keeper.set(Mutex::new(keeper));
        self.seal(sequence)
    }

    /// Makes everything written so far durable.
    pub(crate) fn sync(&self) -> Result<()> {
        let durable = &self.durable;
        let keeper = match failpoint::leaves_out_watermark() {
            true => None,
            false => durable.keeper.get(),
        };
        let mut keeper = keeper.map(|keeper| keeper.lock());
        let sequence = self.sequence();
        let seen = durable.commits.to_see();
        let log = match &mut keeper {
            Some(keeper) if durable.commits.are_seen(seen) => keeper.newest_log(),
            _ => None,
        };
        let still = durable.commits.are_seen(seen);
        self.db
            .flush_wal(true)
            .map_err(|e| translate("syncing the log", e))?;
        durable.sequence.fetch_max(sequence, Ordering::AcqRel);
        let Some(keeper) = &mut keeper else {
            return Ok(());
        };
        let known = keeper.written;
        keeper.write(Watermark {
            sequence: sequence.max(known.sequence),
            log: log.filter(|_| still).unwrap_or(known.log),
            ..known
        })
    }

    /// Syncs the watermark. Behind the last batch before a pause stands no later one that would tell
    /// after a power cut that it was durable; so the watermark has to.
    pub(crate) fn settle(&self) -> Result<()> {
        let Some(keeper) = self.durable.keeper.get().map(|keeper| keeper.lock()) else {
            return Ok(());
        };
        keeper.file.sync_data().map_err(|e| failed(&keeper.path, e))
    }

    /// Everything up to this sequence number is in tables: says so in the watermark, and syncs it.
    pub(super) fn seal(&self, sequence: u64) -> Result<()> {
        self.durable.sequence.fetch_max(sequence, Ordering::AcqRel);
        let Some(mut keeper) = self.durable.keeper.get().map(|keeper| keeper.lock()) else {
            return Ok(());
        };
        // A log that is no longer needed must not be kept from giving its space back.
        keeper.log = None;
        let manifest = keeper.manifest().map_err(|e| failed(&keeper.path, e))?;
        let (before, known) = (keeper.written.generation, keeper.written);
        keeper.write(Watermark {
            sequence: sequence.max(known.sequence),
            manifest,
            ..known
        })?;
        if keeper.written.generation == before {
            return Ok(());
        }
        keeper.file.sync_data().map_err(|e| failed(&keeper.path, e))
    }
}
