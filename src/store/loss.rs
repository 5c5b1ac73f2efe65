//! Opening a damaged store by somebody who accepts the loss: what cannot be replayed is put aside, and
//! the watermark is set to what is left.

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
    /// counts them.
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
    Ok((found.verdict(path)?, found))
}

/// Cuts the log off behind its last whole row and puts a copy of everything that is cut off aside.
/// Interrupted, it leaves a store that is still damaged and can be treated again.
fn accept(path: &Path, marker: &Marker, found: &Examination, kv: &KvOptions) -> Result<()> {
    let database = directory::db(path);
    let aside = aside(path)?;
    let failed = |e| directory::io("putting aside what cannot be read of", path, e);
    if let Some((log, whole)) = found.stop {
        let from = found.logs.iter().filter(|number| **number >= log);
        for number in from.clone() {
            let name = format!("{number:06}.log");
            fs::copy(database.join(&name), aside.join(&name)).map_err(failed)?;
            sync(&aside.join(&name)).map_err(failed)?;
        }
        directory::sync_directory(&aside)?;
        for number in from {
            let name = database.join(format!("{number:06}.log"));
            let file = OpenOptions::new().write(true).open(&name).map_err(failed)?;
            let keep = if *number == log { whole } else { 0 };
            file.set_len(keep)
                .and_then(|()| file.sync_all())
                .map_err(failed)?;
        }
    }
    if let Some(old) = examine::read(&path.join(watermark::NAME))? {
        fs::write(aside.join(watermark::NAME), old).map_err(failed)?;
        sync(&aside.join(watermark::NAME)).map_err(failed)?;
    }
    directory::sync_directory(&aside)?;
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
