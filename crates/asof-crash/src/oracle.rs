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
    if store.views().len() < 2 {
        if promised > 0 {
            return Err(format!(
                "the views are gone, and {promised} batches were promised"
            ));
        }
        workload.define(&store).map_err(text)?;
    }
    let there = present(workload, &store, known, promised)?;
    let before = digests(&store).map_err(text)?;
    if before != expected(workload, &there) {
        return Err(format!(
            "the digest is not that of the {} batches that are there",
            there.iter().filter(|there| **there).count()
        ));
    }
    verify(&store)?;
    if replay {
        for n in 0..workload.batches() {
            let batch = workload.batch(&store, n).map_err(text)?;
            store.write(batch, WriteOptions::buffered()).map_err(text)?;
        }
        let all = vec![true; there.len()];
        if digests(&store).map_err(text)? != expected(workload, &all) {
            return Err("a replay does not lead to the clean digest".into());
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
    Ok(match count {
        0 => "empty".into(),
        _ if count == known.attempted => "everything attempted is there".into(),
        _ if count == promised => "exactly what was promised is there".into(),
        _ => "more than was promised is there".into(),
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

fn expected(workload: Workload, there: &[bool]) -> [SetDigest; 2] {
    let mut sum = [SetDigest::default(); 2];
    for (digests, there) in workload.digests().iter().zip(there) {
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
