//! A file system that can lose power: which bytes are durable, and what else may be.
//!
//! A file has durable content and a list of changes since its last sync. A directory entry made or
//! removed is durable once its directory is synced, or, on a journal like that of ext4, once anything
//! made earlier entries durable: entries become durable in the order in which they were made. A crash
//! keeps everything durable, a prefix of the pending entries, and of each file's pending writes
//! whatever chance decides: none, all, a prefix, any subset, or single sectors of them.

use crate::random::Random;
use crate::trace::Event;
use std::collections::BTreeMap;
use std::path::Path;

/// A sector: what a disk writes whole or not at all.
const SECTOR: usize = 512;

/// When a new directory entry is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Journal {
    /// Any sync makes all earlier entries durable, as on ext4.
    Ordered,
    /// Only a sync of the directory does. Stricter than any common file system.
    Strict,
}

/// What chance keeps of the writes that were not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    Nothing,
    Everything,
    Prefix,
    Subset,
    Sectors,
}

impl Kept {
    const ALL: [Kept; 5] = [
        Kept::Nothing,
        Kept::Everything,
        Kept::Prefix,
        Kept::Subset,
        Kept::Sectors,
    ];

    pub(crate) fn any(random: &mut Random) -> Self {
        Kept::ALL[random.below(5) as usize]
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Kept::Nothing => "nothing unsynced",
            Kept::Everything => "everything unsynced",
            Kept::Prefix => "a prefix",
            Kept::Subset => "a subset",
            Kept::Sectors => "single sectors",
        }
    }
}

#[derive(Debug, Clone)]
enum Change {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Change::Truncate(len) => content.resize(*len, 0),
            Change::Write(at, data) => put(content, *at, data),
        }
    }
}

fn put(content: &mut Vec<u8>, at: usize, data: &[u8]) {
    if content.len() < at + data.len() {
        content.resize(at + data.len(), 0);
    }
    content[at..at + data.len()].copy_from_slice(data);
}

#[derive(Debug, Clone, Default)]
struct File {
    durable: Vec<u8>,
    pending: Vec<Change>,
}

/// The number of a file, whatever it is called.
type Inode = usize;

#[derive(Debug, Clone)]
enum Entry {
    Add(String, Inode),
    Remove(String),
    Rename(String, String),
}

impl Entry {
    fn parent(&self) -> &str {
        let (Entry::Add(path, _) | Entry::Remove(path) | Entry::Rename(_, path)) = self;
        let path = path.strip_suffix('/').unwrap_or(path);
        path.rsplit_once('/').map_or("", |(parent, _)| parent)
    }

    fn apply(&self, names: &mut BTreeMap<String, Inode>) {
        match self {
            Entry::Add(path, inode) => drop(names.insert(path.clone(), *inode)),
            Entry::Remove(path) => drop(names.remove(path)),
            Entry::Rename(from, to) => {
                if let Some(inode) = names.remove(from) {
                    names.insert(to.clone(), inode);
                }
            }
        }
    }
}

/// Names and bytes after a crash, below the root. The name of a directory ends with a slash.
pub(crate) type Image = BTreeMap<String, Vec<u8>>;

#[derive(Debug, Clone)]
pub(crate) struct Disk {
    root: String,
    journal: Journal,
    files: Vec<File>,
    names: BTreeMap<String, Inode>,
    durable_names: BTreeMap<String, Inode>,
    pending_entries: Vec<Entry>,
}

impl Disk {
    /// An empty disk, or one that holds an image durably.
    pub(crate) fn new(root: &Path, journal: Journal, holds: &Image) -> Self {
        let mut disk = Disk {
            root: root.display().to_string(),
            journal,
            files: Vec::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            pending_entries: Vec::new(),
        };
        for (name, bytes) in holds {
            let path = format!("{}/{name}", disk.root);
            disk.files.push(File {
                durable: bytes.clone(),
                pending: Vec::new(),
            });
            disk.names.insert(path, disk.files.len() - 1);
        }
        disk.durable_names = disk.names.clone();
        disk
    }

    pub(crate) fn apply(&mut self, event: &Event) {
        match event {
            Event::Create(path) => {
                self.files.push(File::default());
                self.enter(Entry::Add(path.clone(), self.files.len() - 1));
            }
            Event::Write { path, offset, data } => {
                let change = Change::Write(*offset as usize, data.clone());
                self.change(path, change);
            }
            Event::Truncate(path, len) => self.change(path, Change::Truncate(*len as usize)),
            Event::Sync(path) => self.sync(path),
            Event::Rename(from, to) => self.enter(Entry::Rename(from.clone(), to.clone())),
            Event::Unlink(path) => self.enter(Entry::Remove(path.clone())),
            Event::Link(from, to) => {
                if let Some(inode) = self.names.get(from) {
                    self.enter(Entry::Add(to.clone(), *inode));
                }
            }
            Event::MakeDirectory(path) => {
                self.files.push(File::default());
                self.enter(Entry::Add(format!("{path}/"), self.files.len() - 1));
            }
            Event::RemoveDirectory(path) => self.enter(Entry::Remove(format!("{path}/"))),
            Event::Acknowledge(_) => {}
        }
    }

    fn enter(&mut self, entry: Entry) {
        entry.apply(&mut self.names);
        self.pending_entries.push(entry);
    }

    fn change(&mut self, path: &str, change: Change) {
        if let Some(inode) = self.names.get(path) {
            self.files[*inode].pending.push(change);
        }
    }

    fn sync(&mut self, path: &str) {
        if let Some(inode) = self.names.get(path) {
            let file = &mut self.files[*inode];
            for change in file.pending.drain(..) {
                change.apply(&mut file.durable);
            }
            if self.journal == Journal::Ordered {
                self.durable_names = self.names.clone();
                self.pending_entries.clear();
            }
            return;
        }
        // A directory.
        match self.journal {
            Journal::Ordered => {
                self.durable_names = self.names.clone();
                self.pending_entries.clear();
            }
            Journal::Strict => {
                let (durable, pending) = std::mem::take(&mut self.pending_entries)
                    .into_iter()
                    .partition(|entry| entry.parent() == path);
                self.pending_entries = pending;
                let durable: Vec<Entry> = durable;
                for entry in &durable {
                    entry.apply(&mut self.durable_names);
                }
            }
        }
    }

    /// What is found after the power came back.
    pub(crate) fn crash(&self, kept: Kept, random: &mut Random) -> Image {
        let mut names = self.durable_names.clone();
        let pending = self.pending_entries.len() as u64;
        let entries = match random.below(3) {
            0 => 0,
            1 => pending,
            _ => random.below(pending + 1),
        };
        for entry in &self.pending_entries[..entries as usize] {
            entry.apply(&mut names);
        }
        let below = |path: &str| path.strip_prefix(&self.root).map(|p| p[1..].to_owned());
        names
            .iter()
            .filter_map(|(path, inode)| Some((below(path)?, self.content(*inode, kept, random))))
            .collect()
    }

    fn content(&self, inode: Inode, kept: Kept, random: &mut Random) -> Vec<u8> {
        let File { durable, pending } = &self.files[inode];
        let mut content = durable.clone();
        let prefix = random.below(pending.len() as u64 + 1) as usize;
        for (place, change) in pending.iter().enumerate() {
            let survives = match kept {
                Kept::Nothing => false,
                Kept::Everything | Kept::Sectors => true,
                Kept::Prefix => place < prefix,
                Kept::Subset => random.chance(50),
            };
            match change {
                Change::Write(at, data) if kept == Kept::Sectors => {
                    sectors(&mut content, *at, data, random);
                }
                change if survives => change.apply(&mut content),
                _ => {}
            }
        }
        content
    }
}

/// Writes some sectors of a write and loses the others. Where a later one survives, the lost one reads
/// as zeros.
fn sectors(content: &mut Vec<u8>, at: usize, data: &[u8], random: &mut Random) {
    let mut from = at;
    let end = at + data.len();
    while from < end {
        let to = end.min((from / SECTOR + 1) * SECTOR);
        if random.chance(60) {
            put(content, from, &data[from - at..to - at]);
        }
        from = to;
    }
}

/// Lays an image out in a directory, which is emptied first.
pub(crate) fn lay_out(image: &Image, at: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(at) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    std::fs::create_dir_all(at)?;
    for (name, bytes) in image {
        let path = at.join(name);
        if name.ends_with('/') {
            std::fs::create_dir_all(path)?;
            continue;
        }
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(path, bytes)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &str, data: &[u8]) -> Event {
        Event::Write {
            path: path.into(),
            offset: 0,
            data: data.to_vec(),
        }
    }

    #[test]
    fn what_was_synced_is_kept_and_what_was_not_may_be_lost() {
        let mut disk = Disk::new(Path::new("/r"), Journal::Ordered, &Image::new());
        for event in [
            Event::Create("/r/a".into()),
            write("/r/a", b"old"),
            Event::Sync("/r/a".into()),
            write("/r/a", b"new"),
            Event::Create("/r/b".into()),
        ] {
            disk.apply(&event);
        }
        let mut random = Random::new(1);
        for _ in 0..20 {
            assert_eq!(disk.crash(Kept::Nothing, &mut random)["a"], b"old");
            assert_eq!(disk.crash(Kept::Everything, &mut random)["a"], b"new");
        }
        let found = |random: &mut Random| disk.crash(Kept::Nothing, random).contains_key("b");
        let there = (0..40).filter(|_| found(&mut random)).count();
        assert!((1..40).contains(&there), "{there}");
    }

    #[test]
    fn a_strict_journal_forgets_a_name_whose_directory_was_not_synced() {
        for (journal, always) in [(Journal::Ordered, true), (Journal::Strict, false)] {
            let mut disk = Disk::new(Path::new("/r"), journal, &Image::new());
            disk.apply(&Event::Create("/r/a".into()));
            disk.apply(&Event::Sync("/r/a".into()));
            let mut random = Random::new(3);
            let found = (0..40)
                .filter(|_| disk.crash(Kept::Nothing, &mut random).contains_key("a"))
                .count();
            assert_eq!(found == 40, always, "{journal:?}");
        }
    }

    #[test]
    fn a_torn_write_keeps_whole_sectors() {
        let mut random = Random::new(5);
        let data = vec![7; 4 * SECTOR];
        let mut torn = 0;
        for _ in 0..50 {
            let mut content = Vec::new();
            sectors(&mut content, 100, &data, &mut random);
            let kept = content.iter().filter(|byte| **byte == 7).count();
            torn += usize::from(kept > 0 && kept < data.len());
            assert!(content[..100.min(content.len())].iter().all(|b| *b == 0));
        }
        assert!(torn > 25, "{torn}");
    }
}
