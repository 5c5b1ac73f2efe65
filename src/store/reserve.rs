//! Space that is held back for the day when there is none, so that a full disk does not keep anybody
//! from reading, erasing, dropping what was set aside, or closing.
//!
//! ```text
//! open    room to make the reserve, or made already? ── yes ──▶ held
//!              │ no                                              │ StorageFull while opening
//!              ▼                                                 ▼
//!         lacking: rows are refused, all else is done ◀── released, once more
//!
//! a write meets StorageFull ──▶ released; the handle is poisoned; the next open begins again above
//! ```
//!
//! A handle without its reserve takes no rows. Were they let in, whoever writes, fails, reopens and
//! writes again would fill what was kept for erasing, in a minute. Nor does it merge tables: a merge
//! on a full disk takes what is left, fails, and begins again.
//!
//! The file is written with zeros and not made sparse: only blocks that are allocated can be given back.

use crate::error::{Error, ErrorKind, Result};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

const NAME: &str = "reserve";
/// So much is written at a time.
const STEP: usize = 64 << 10;

/// The reserve of one store.
#[derive(Debug)]
pub(super) struct Reserve {
    file: PathBuf,
    bytes: u64,
    lacking: AtomicBool,
}

impl Reserve {
    /// How large it is meant to be; of zero bytes for none.
    pub(super) fn of(path: &Path, bytes: u64) -> Reserve {
        Reserve {
            file: path.join(NAME),
            bytes,
            lacking: AtomicBool::new(false),
        }
    }

    fn held(&self) -> u64 {
        fs::metadata(&self.file).map_or(0, |file| file.len())
    }

    /// Gives the space back to the disk. Says whether there was any.
    pub(super) fn release(&self) -> bool {
        let held = self.held() > 0;
        let cut = |len| {
            OpenOptions::new()
                .write(true)
                .open(&self.file)?
                .set_len(len)
        };
        held && cut(0).is_ok()
    }

    /// The same for good: this handle has no reserve, so it takes no rows and merges no tables.
    pub(super) fn give_up(&self) -> bool {
        let released = self.release();
        self.lacking.fetch_or(released, Ordering::Relaxed);
        released
    }

    /// Makes it, or finds it made. Where there is no room for it, rows are refused from here on; what
    /// else may go wrong, such as a folder that takes no new file, only means that there is none.
    pub(super) fn make(&self) {
        if self.bytes == 0 {
            // What an earlier open has made, or given back, is wanted no more. It may not be there.
            let _gone = fs::remove_file(&self.file);
            return;
        }
        if self.held() == self.bytes {
            return;
        }
        if let Err(error) = self.write() {
            let full = error.kind() == std::io::ErrorKind::StorageFull;
            // A part of it would only be in the way of what is to be done now.
            self.release();
            self.lacking.store(full, Ordering::Relaxed);
        }
    }

    fn write(&self) -> std::io::Result<()> {
        let mut file = File::create(&self.file)?;
        let mut left = self.bytes;
        while left > 0 {
            let step = left.min(STEP as u64);
            file.write_all(&[0; STEP][..step as usize])?;
            left -= step;
        }
        file.sync_data()
    }

    /// Whether rows may be written.
    pub(super) fn check(&self) -> Result<()> {
        if !self.lacking.load(Ordering::Relaxed) {
            return Ok(());
        }
        let file = directory_of(&self.file);
        Err(Error::new(
            ErrorKind::StorageFull,
            format!(
                "there was no room for the {} bytes of reserve when the store in {} was opened, so it \
                 takes no rows; what is left is kept for erasing, for dropping what was set aside and \
                 for closing. Nothing was written. Make room, then open the store again",
                self.bytes,
                file.display()
            ),
        ))
    }
}

fn directory_of(file: &Path) -> &Path {
    file.parent().unwrap_or(file)
}

impl super::StoreOptions {
    /// How many bytes of the disk are held back for the day when it is full, in `DIR/reserve`; 4 MiB
    /// unless this says otherwise, none for zero or for a store that is temporary.
    ///
    /// A write that finds no space fails as [`StorageFull`](ErrorKind::StorageFull), and the handle
    /// takes no more of them. Reads go on. The reserve is given back to the disk, so that the store can
    /// be closed, opened again, read, erased from, and rid of what was set aside, all while the disk is
    /// full. Rows are refused as `StorageFull`, at once and with nothing written, until the store is
    /// opened with room for the reserve again.
    ///
    /// Opening writes out what the logs hold, which takes space before it gives any back: as much as
    /// [`memtable_bytes`](super::StoreOptions::memtable_bytes) for each kind of row, less what
    /// compression saves. Whoever must be able to open a store on a full disk, whatever was in memory,
    /// holds back twice that. An open that needs more than there is fails as `StorageFull` and loses
    /// nothing. Whoever else writes to the disk can take
    /// the space that was given back.
    ///
    /// ```
    /// # use asof::*;
    /// # fn main() -> Result<()> {
    /// # let directory = tempfile::tempdir().unwrap();
    /// # let path = directory.path().join("store");
    /// let options = StoreOptions::new().create_if_missing(true).reserve_bytes(1 << 20);
    /// let store = options.open(&path)?;
    /// assert_eq!(path.join("reserve").metadata().unwrap().len(), 1 << 20);
    /// # Ok(())
    /// # }
    /// ```
    pub fn reserve_bytes(mut self, bytes: u64) -> Self {
        self.reserve_bytes = bytes;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserve_is_as_large_as_it_is_meant_to_be_and_is_gone_when_it_is_released() {
        // Who is hurt: whoever must erase on a full disk, and finds a reserve of holes.
        use std::os::unix::fs::MetadataExt;
        let home = tempfile::tempdir().unwrap();
        for bytes in [100_000, 300_000, 50_000] {
            let reserve = Reserve::of(home.path(), bytes);
            reserve.make();
            reserve.check().unwrap();
            let file = fs::metadata(home.path().join(NAME)).unwrap();
            assert_eq!(file.len(), bytes);
            assert!(file.blocks() * 512 >= bytes, "{} blocks", file.blocks());
        }
        let reserve = Reserve::of(home.path(), 50_000);
        assert!(reserve.release());
        assert_eq!(reserve.held(), 0);
        assert!(!reserve.release(), "there is nothing more to give");
        Reserve::of(home.path(), 0).make();
        assert!(!home.path().join(NAME).exists());
    }

    #[test]
    fn whoever_gave_the_reserve_up_takes_no_rows() {
        // Who is hurt: whoever opens on a full disk, and whose merges take the space that was kept for
        // it. Found by `asof-crash full`.
        let directory = tempfile::tempdir().unwrap();
        let reserve = Reserve::of(directory.path(), 1 << 20);
        assert!(!reserve.give_up(), "there is none yet");
        reserve.check().unwrap();
        reserve.make();
        assert!(reserve.give_up());
        assert_eq!(reserve.check().unwrap_err().kind(), ErrorKind::StorageFull);
    }
    #[test]
    fn a_store_that_meets_a_full_disk_gives_its_reserve_back_until_it_is_opened_again() {
        // Who is hurt: whoever must erase from a full disk, while what was kept for that is still kept.
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("store");
        let options = crate::store::StoreOptions::new().reserve_bytes(64 << 10);
        let store = options.clone().create_if_missing(true).open(&path).unwrap();
        let held = || fs::metadata(path.join(NAME)).unwrap().len();
        assert_eq!(held(), 64 << 10);
        let other = Error::new(ErrorKind::Io, "the disk hiccups");
        store.0.writer.poison(&other);
        assert_eq!(held(), 64 << 10, "only a full disk needs it");
        let full = Error::new(ErrorKind::StorageFull, "no space is left");
        store.0.writer.poison(&full);
        assert_eq!(held(), 0);
        assert_eq!(store.sync().unwrap_err().kind(), ErrorKind::Poisoned);
        store.close().unwrap();
        let store = options.open(&path).unwrap();
        assert_eq!(held(), 64 << 10);
        store.close().unwrap();
    }
}
