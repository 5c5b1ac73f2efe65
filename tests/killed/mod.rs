//! The files of a store that is open, copied as a kill of its process leaves them.

#![allow(
    unreachable_pub,
    reason = "this file is a module of several tests and of a fuzz target"
)]

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// Copies the files as they are at one moment. A copy takes longer than a kill, and RocksDB unlinks
/// what it needs no more on a thread of its own: as long as it does so on the way, once more.
pub fn copy(from: &Path, to: &Path) -> io::Result<()> {
    loop {
        let before = files(from)?;
        let copied = before
            .keys()
            .try_for_each(|name| copy_one(&from.join(name), &to.join(name)));
        if copied.is_ok() && files(from)? == before {
            return Ok(());
        }
        std::fs::remove_dir_all(to)?;
    }
}

fn copy_one(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::create_dir_all(to.parent().expect("it stands in a directory"))?;
    std::fs::copy(from, to).map(drop)
}

/// Every file below a directory, and how long it is. One that goes while we look is not there.
fn files(directory: &Path) -> io::Result<BTreeMap<PathBuf, u64>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(directory)? {
        let (entry, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
        match entry.metadata() {
            Ok(is) if is.is_dir() => {
                let below = files(&entry)?.into_iter();
                found.extend(below.map(|(path, length)| (Path::new(&name).join(path), length)));
            }
            Ok(is) => drop(found.insert(PathBuf::from(name), is.len())),
            Err(_) => {}
        }
    }
    Ok(found)
}
