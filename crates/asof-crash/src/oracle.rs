//! Is what was recovered between what was durable and what was attempted?

use crate::ledger::Known;
use crate::workload::{Workload, digests};
use asof::{ErrorKind, SetDigest, Store, WriteOptions};
use std::path::Path;

/// What a crash lets survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Survives {
    /// A process died: whatever was acknowledged is in the page cache.
    Acknowledged,
    /// The power failed: only what was synced counts.
    Durable,
}

/// What the disk has done to what was written to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    /// What it must not.
    Honest,
    /// It said of one sync that it was done. A store that says that it is damaged passes too.
    Lied,
    /// A bit of a log is not what was written. Nothing is promised of what is left but order.
    Hurt,
}

impl Trust {
    pub(crate) const ALL: [Trust; 3] = [Trust::Honest, Trust::Lied, Trust::Hurt];

    /// As a number, in what a worker is asked and in what is kept of a failure.
    pub(crate) fn parse(word: &str) -> Result<Self, String> {
        let mut all = Trust::ALL.into_iter();
        let found = all.find(|trust| (*trust as u8).to_string() == word);
        found.ok_or_else(|| format!("{word:?} is no trust"))
    }
}

/// Opens a store after a crash and judges it. Says what class of outcome it is.
pub(crate) fn judge(
    workload: Workload,
    path: &Path,
    known: Known,
    survives: Survives,
    replay: bool,
) -> Result<String, String> {
    let promised = match survives {
        Survives::Acknowledged => known.acknowledged,
        Survives::Durable => known.durable,
    };
    let store = match workload.open(path) {
        Ok(store) => store,
        Err(error) => return Err(format!("a legitimate state was refused: {error}")),
    };
    let text = |error: asof::Error| error.to_string();
    if store.views().len() < workload.views() {
        if promised > 0 {
            return Err(format!(
                "the views are gone, and {promised} batches were promised"
            ));
        }
        workload.define(&store).map_err(text)?;
    }
    let there = present(workload, &store, known, promised)?;
    let erased = erased(workload, &store, known)?;
    head(workload, &store, &there)?;
    let position = position(workload, &store, known, survives, &there)?;
    floor(workload, &store, known)?;
    let before = digests(&store).map_err(text)?;
    if before != expected(workload, &there, erased) {
        return Err(format!(
            "the digest is not that of the {} batches that are there",
            there.iter().filter(|there| **there).count()
        ));
    }
    verify(&store)?;
    if replay {
        // From where the store says; what lies below is there.
        for n in position..workload.batches() {
            let batch = workload.batch(&store, n).map_err(text)?;
            store.write(batch, WriteOptions::buffered()).map_err(text)?;
        }
        let all = vec![true; there.len()];
        if digests(&store).map_err(text)? != expected(workload, &all, erased) {
            return Err("a replay does not lead to the clean digest".into());
        }
        // Everything again: nothing that was erased comes back, and nothing is there twice.
        for n in 0..workload.batches() {
            let batch = workload.batch(&store, n).map_err(text)?;
            store.write(batch, WriteOptions::buffered()).map_err(text)?;
        }
        if digests(&store).map_err(text)? != expected(workload, &all, erased) {
            return Err("a second replay changed the digest".into());
        }
        store.sync().map_err(text)?;
        if workload.position(&store) != workload.batches() {
            return Err("a replay does not lead to the end of the log".into());
        }
        verify(&store)?;
    }
    let after = digests(&store).map_err(text)?;
    store.close().map_err(text)?;
    let again = workload.open(path).map_err(text)?;
    if digests(&again).map_err(text)? != after {
        return Err("a second reopen changed the digest".into());
    }
    let count = there.iter().filter(|there| **there).count() as u64;
    let class = match count {
        0 => "empty",
        _ if count == known.attempted => "everything attempted is there",
        _ if count == promised => "exactly what was promised is there",
        _ => "more than was promised is there",
    };
    Ok(match known.refused {
        0 => class.into(),
        _ => format!("{class}, batches were refused"),
    })
}

/// Which batches are there: each whole or not at all, all that were promised, none that was never
/// attempted.
fn present(
    workload: Workload,
    store: &Store,
    known: Known,
    promised: u64,
) -> Result<Vec<bool>, String> {
    let mut present = Vec::new();
    for n in 0..workload.batches() {
        let shows = workload
            .shows(store, n)
            .map_err(|error| format!("batch {n} cannot be read: {error}"))?;
        match shows {
            [a, b] if a != b => return Err(format!("batch {n} is there in part")),
            [false, _] if n < promised => {
                return Err(format!("batch {n} of {promised} promised ones is lost"));
            }
            [true, _] if n >= known.attempted => {
                return Err(format!("batch {n} is there and was never attempted"));
            }
            [there, _] => present.push(there),
        }
    }
    Ok(present)
}

/// Whether the erase is in force: it is once it was acknowledged, and is not before it was asked for.
fn erased(workload: Workload, store: &Store, known: Known) -> Result<bool, String> {
    let erased = workload.is_erased(store).map_err(|e| e.to_string())?;
    match (known.erased, erased) {
        (0, true) => Err("an erase is in force that nobody asked for".into()),
        (2, false) => Err("an erase that was acknowledged is not in force".into()),
        _ => Ok(erased),
    }
}

/// The latest row of the head is of the last batch that is there, also where the row cache answers.
fn head(workload: Workload, store: &Store, there: &[bool]) -> Result<(), String> {
    let head = workload.head(store).map_err(|e| e.to_string())??;
    let last = there.iter().rposition(|there| *there);
    match workload == Workload::Pressed && head != last.map(|n| n as u64) {
        true => Err(format!("the head is {head:?}, and the last batch {last:?}")),
        false => Ok(()),
    }
}

/// The position of the log: everything below it is there.
fn position(
    workload: Workload,
    store: &Store,
    known: Known,
    survives: Survives,
    there: &[bool],
) -> Result<u64, String> {
    let position = workload.position(store);
    let below = there.get(..position as usize);
    let Some(below) = below else {
        return Err(format!("the position {position} lies behind the log's end"));
    };
    if let Some(lost) = below.iter().position(|there| !there) {
        return Err(format!(
            "the position is {position}, and batch {lost} is not there"
        ));
    }
    // A write that was told to be durable has moved it, and a killed process has not moved it back.
    if survives == Survives::Acknowledged && position < known.durable {
        return Err(format!(
            "the position is {position}, and {} batches were told to be durable",
            known.durable
        ));
    }
    Ok(position)
}

/// A floor that was told is never taken back: somebody was refused because of it.
fn floor(workload: Workload, store: &Store, known: Known) -> Result<(), String> {
    let floor = workload.floor(store).map_err(|e| e.to_string())?;
    let now = floor.map_or(0, |floor| floor as u64);
    match now < known.floor {
        true => Err(format!(
            "the floor is {floor:?}, and {} was told",
            known.floor
        )),
        false => Ok(()),
    }
}

fn expected(workload: Workload, there: &[bool], erased: bool) -> [SetDigest; 2] {
    let mut sum = [SetDigest::default(); 2];
    for (digests, there) in workload.digests(erased).iter().zip(there) {
        if *there {
            for (sum, digest) in sum.iter_mut().zip(digests) {
                sum.hash = sum.hash.wrapping_add(digest.hash);
                sum.count += digest.count;
            }
        }
    }
    sum
}

fn verify(store: &Store) -> Result<(), String> {
    let report = store.verify(&mut |_| {}).map_err(|e| e.to_string())?;
    match report.is_clean() {
        true => Ok(()),
        false => Err(format!("verify found {:?}", report.findings)),
    }
}

/// Whether a store says that it is damaged, as it must where data was lost behind its back.
pub(crate) fn is_reported_damage(workload: Workload, path: &Path) -> bool {
    workload
        .open(path)
        .is_err_and(|error| error.kind() == ErrorKind::Corrupt)
}

/// Whether `verify` finds a table that cannot be read.
pub(crate) fn is_damage_of_a_table(workload: Workload, path: &Path) -> bool {
    let verified = workload
        .open(path)
        .and_then(|store| store.verify(&mut |_| {}));
    verified.is_ok_and(|report| {
        let mut findings = report.findings.iter();
        findings.any(|finding| finding.contains(".sst") && finding.contains("is damaged"))
    })
}
