//! The store that is damaged, and what may become of it.

use crate::damage::{Damage, Kind};
use crate::small_store::{self, Answer};
use crate::table::Parts;
use asof::{ErrorKind, ManualClock, Store, StoreOptions};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// A directory with a store as a killed process left it (`killed`), as it was a little before
/// (`older`), another store (`foreign`), and a place where each copy is damaged.
pub(crate) struct World {
    directory: PathBuf,
    copy: PathBuf,
    /// A second copy, which is never opened, so that one file of it at a time is damaged and mended.
    closed: PathBuf,
    answers: Vec<(String, Answer)>,
}

/// Where damage is told, or that it harms nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    /// Before the database was opened; no byte was changed.
    PreFlight,
    /// By the open.
    Open,
    /// By a read that fails; every other read is right, and `verify` finds it too.
    Read,
    /// By `verify` alone; every read is right.
    Verify,
    /// Nowhere: every read is right, and `verify` finds nothing.
    Harmless,
}

/// How it ended, and the words in which that was told.
pub(crate) type Told = (Outcome, String);

impl Outcome {
    pub(crate) const ALL: [(Outcome, &'static str); 5] = [
        (Outcome::PreFlight, "pre-flight"),
        (Outcome::Open, "open"),
        (Outcome::Read, "read"),
        (Outcome::Verify, "verify"),
        (Outcome::Harmless, "harmless"),
    ];

    pub(crate) fn parse(name: &str) -> Option<Outcome> {
        let mut all = Outcome::ALL.iter();
        all.find(|(_, known)| *known == name).map(|(o, _)| *o)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut all = Outcome::ALL.iter();
        let name = all
            .find(|(outcome, _)| outcome == self)
            .map(|(_, name)| *name);
        f.pad(name.unwrap_or_default())
    }
}

/// Makes the stores.
pub(crate) fn make(directory: &Path) {
    for (name, salt) in [("killed", 0), ("foreign", 1)] {
        let live = directory.join("live").join(name);
        let store = options().create_if_missing(true).open(&live);
        let store = store.expect("a store is made");
        let halfway = || copy(&live, &directory.join("older"));
        small_store::fill(&store, salt, || {
            (salt == 0).then(halfway).unwrap_or_default()
        })
        .expect("it is filled");
        copy(&live, &directory.join(name));
        drop(store);
    }
}

impl World {
    /// Looks at what was made. `worker` keeps the copies of several processes apart.
    pub(crate) fn at(directory: &Path, worker: &str) -> World {
        let mut world = World {
            directory: directory.to_path_buf(),
            copy: directory.join(format!("copy-{worker}")),
            closed: directory.join(format!("closed-{worker}")),
            answers: Vec::new(),
        };
        let _ = std::fs::remove_dir_all(&world.closed);
        copy(&directory.join("killed"), &world.closed);
        world.renew();
        let store = options().open(&world.copy).expect("a whole store opens");
        world.answers = small_store::answers(&store);
        for (question, answer) in &world.answers {
            assert!(answer.is_ok(), "{question}: {answer:?}");
        }
        world
    }

    fn renew(&self) {
        let _ = std::fs::remove_dir_all(&self.copy);
        copy(&self.directory.join("killed"), &self.copy);
    }

    /// Lets the pre-flight judge, which every open begins with. Only what it does not refuse is opened
    /// and asked everything.
    pub(crate) fn examined(&self, damage: &Damage) -> std::result::Result<Option<Told>, String> {
        let other = |name: &str| self.directory.join(name);
        let changed = damage.inflict(&self.closed, &other("older"), &other("foreign"));
        let found = changed.then(|| Store::examine(&self.closed));
        damage.mend(&self.closed, &other("killed"));
        match found {
            None => Ok(None),
            Some(Err(error)) => Ok(Some((Outcome::PreFlight, refusal(&error)?))),
            Some(Ok(found)) => match found.damage() {
                Some(damage) => Ok(Some((Outcome::PreFlight, damage.to_string()))),
                None => self.outcome(damage),
            },
        }
    }

    /// Opens a damaged copy and asks everything; none where the damage changes no byte. An error is a
    /// promise that is broken.
    pub(crate) fn outcome(&self, damage: &Damage) -> std::result::Result<Option<Told>, String> {
        self.renew();
        let other = |name: &str| self.directory.join(name);
        if !damage.inflict(&self.copy, &other("older"), &other("foreign")) {
            return Ok(None);
        }
        let before = files(&self.copy);
        let told = match Store::examine(&self.copy) {
            Ok(found) => found.damage().map(ToString::to_string),
            Err(error) => Some(refusal(&error)?),
        };
        let store = match options().open(&self.copy) {
            Ok(store) if told.is_some() => {
                drop(store);
                return Err("examine tells damage, and it opens".into());
            }
            Ok(store) => store,
            Err(error) if told.is_some() => {
                let why = refusal(&error)?;
                let after = files(&self.copy);
                return match after == before {
                    true => Ok(Some((Outcome::PreFlight, why))),
                    false => Err("it was refused, and its bytes were changed".into()),
                };
            }
            Err(error) => return Ok(Some((Outcome::Open, refusal(&error)?))),
        };
        self.ask(&store).map(Some)
    }

    /// Asks everything of a store that has opened.
    fn ask(&self, store: &Store) -> std::result::Result<Told, String> {
        let answers = small_store::answers(store);
        let mut unread = 0;
        for ((question, answer), (_, right)) in answers.iter().zip(&self.answers) {
            match answer {
                Err(ErrorKind::Corrupt) => unread += 1,
                _ if answer == right => {}
                _ => return Err(format!("SILENT: {question}: {answer:?} and not {right:?}")),
            }
        }
        if answers.len() != self.answers.len() {
            return Err("SILENT: a view is gone".into());
        }
        let report = store
            .verify(&mut |_| {})
            .map_err(|e| format!("verify: {e:?}"))?;
        let outcome = match (unread, report.is_clean()) {
            (0, true) => Outcome::Harmless,
            (0, false) => Outcome::Verify,
            (_, false) => Outcome::Read,
            (_, true) => return Err("reads fail, and verify finds nothing".into()),
        };
        let said = report.findings.first().cloned();
        Ok((outcome, said.unwrap_or_default()))
    }
}

/// Whether an error is one that damage may end in.
fn refusal(error: &asof::Error) -> std::result::Result<String, String> {
    match error.kind() {
        // A marker may be turned into that of a newer format; nothing is opened or lost.
        ErrorKind::Corrupt | ErrorKind::UnsupportedFormat => {
            let source = std::error::Error::source(error).map(ToString::to_string);
            Ok(format!("{error}: {}", source.unwrap_or_default()))
        }
        _ => Err(format!("it ended in {error:?}")),
    }
}

/// Every damage of every file of a store, in the order of the files.
pub(crate) fn damages(directory: &Path) -> Vec<Damage> {
    let killed = directory.join("killed");
    let mut damages = Vec::new();
    for (file, bytes) in files_with_lock(&killed) {
        let name = file.file_name().and_then(|name| name.to_str());
        let name = name.expect("a name");
        let role = match name {
            "asof.store" => "marker",
            "watermark" | "lock" => name,
            "CURRENT" => "current",
            "IDENTITY" => "identity",
            "LOCK" => "rocksdb-lock",
            "LOG" => "info-log",
            _ if name.starts_with("OPTIONS-") => "options",
            _ if name.starts_with("MANIFEST-") => "manifest",
            _ if name.ends_with(".log") => "log",
            _ if name.ends_with(".sst") => {
                let parts = Parts::of(&bytes);
                damages.extend(Damage::all(&file, bytes.len(), |byte| parts.name(byte)));
                continue;
            }
            _ => panic!("the harness does not know {name}"),
        };
        damages.extend(Damage::all(&file, bytes.len(), |_| role.to_owned()));
    }
    // Between the two slots of the watermark nothing is written and nothing is read.
    let idle = |damage: &Damage| {
        let between = |at: usize| damage.role == "watermark" && (92..4_096).contains(&at);
        match damage.kind {
            Kind::Flip(bit) => between(bit / 8),
            Kind::Cut(at) | Kind::Zero(at, 16) | Kind::ZeroTail(at) => between(at) && at % 64 > 0,
            _ => false,
        }
    };
    damages.retain(|damage| !idle(damage));
    damages
}

fn options() -> StoreOptions {
    StoreOptions::new()
        .clock(ManualClock::at(small_store::noon()))
        .block_cache_bytes(1 << 20)
        .memtable_bytes(1 << 20)
        .reserve_bytes(0)
}

pub(crate) fn files_with_lock(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for folder in ["", "db"] {
        for entry in std::fs::read_dir(directory.join(folder)).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_file() {
                let name = path.strip_prefix(directory).expect("below it");
                let bytes = std::fs::read(&path).expect("it can be read");
                found.insert(name.to_path_buf(), bytes);
            }
        }
    }
    found
}

/// Every file but the lock, into which whoever tries to open writes its name.
fn files(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = files_with_lock(directory);
    files.remove(Path::new("lock"));
    files
}

/// A copy of a directory, as it is.
fn copy(from: &Path, to: &Path) {
    crate::killed::copy(from, to).expect("a copy");
}
