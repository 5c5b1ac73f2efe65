//! The file of the watermark: made with the store, read before it is opened, kept while it is open.
//!
//! A store without one is damaged. Every store of every format was made with one, so where it is
//! missing somebody took it away, or put back half a copy; and without it nobody can tell a whole log
//! from one that lost its end.

use super::directory;
use super::examine::read as read_file;
use crate::error::{Error, ErrorKind, Result};
use crate::format::marker::Marker;
use crate::format::watermark::Watermark;
use crate::kv::{Keeper, Kv};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

pub(super) const NAME: &str = "watermark";

/// The watermark of a store, or why there is none.
///
/// # Errors
/// `Io`, and `UnsupportedFormat` where a newer version of asof wrote it.
pub(super) fn read(
    path: &Path,
    marker: Option<&Marker>,
) -> Result<std::result::Result<Watermark, String>> {
    let ours = |mark: &Watermark| marker.is_none_or(|marker| marker.store_id == mark.store);
    Ok(match read_file(&path.join(NAME))? {
        Some(file) => match Watermark::newest(&file) {
            Ok(mark) if ours(&mark) => Ok(mark),
            Ok(_) => Err("it is the watermark of another store".into()),
            Err(e) if e.kind() == ErrorKind::UnsupportedFormat => return Err(e),
            Err(e) => Err(e.to_string()),
        },
        None => Err("it is missing, and every store has one".into()),
    })
}

/// Makes the file, durable but for its name.
pub(super) fn create(path: &Path, watermark: Watermark) -> Result<Watermark> {
    let name = path.join(NAME);
    let file = watermark.file();
    File::create(&name)
        .and_then(|mut out| out.write_all(&file).and_then(|()| out.sync_all()))
        .map_err(|e| directory::io("writing", &name, e))?;
    Watermark::newest(&file)
}

/// Opens the file to be written. Asked before anything of the store is changed, too: a watermark that
/// may not be written is no reason to find out when the logs have been replayed.
pub(super) fn open(path: &Path) -> Result<File> {
    let name = path.join(NAME);
    OpenOptions::new()
        .write(true)
        .open(&name)
        .map_err(|e| directory::io("opening", &name, e))
}

/// Checks that recovery has brought back all that was durable, and keeps the watermark from here on.
pub(super) fn keep(path: &Path, kv: &Kv, watermark: Watermark) -> Result<()> {
    if kv.sequence() < watermark.sequence {
        return Err(Error::corrupt(format!(
            "the store in {} was durable up to sequence {}, and its database has come back with {}: \
             rows that were acknowledged are lost. Restore a copy",
            path.display(),
            watermark.sequence,
            kv.sequence()
        )));
    }
    let (name, file) = (path.join(NAME), open(path)?);
    kv.keep(Keeper::new(
        file,
        name,
        directory::db(path),
        watermark,
        boot(),
    ))
}

/// Which run of the machine this is; zeros where it does not say.
pub(super) fn boot() -> [u8; 16] {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let digits: Vec<u8> = text
        .bytes()
        .filter_map(|byte| char::from(byte).to_digit(16))
        .filter_map(|digit| u8::try_from(digit).ok())
        .collect();
    let mut boot = [0; 16];
    for (byte, pair) in boot.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = pair[0] << 4 | pair[1];
    }
    boot
}
