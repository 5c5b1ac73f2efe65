//! Crash states of which a bit of a log is turned as well, and what becomes of whoever accepts the loss.
//!
//! Where the damage lies in what was never synced, nobody can tell it from a torn end, and nothing is
//! promised of it but order: whole batches, a position that does not lead, a clean replay. Where it is
//! told, the owner may go on without what cannot be read. Not for less than was stated, and then as if
//! there had never been more.

use crate::disk::Image;
use crate::ledger::Known;
use crate::oracle::{self, Survives, Trust};
use crate::random::Random;
use crate::workload::Workload;
use asof::{ErrorKind, Loss, Store};
use std::path::Path;

/// No batch of any workload is smaller.
const BATCH_BYTES_MIN: u64 = 500;

/// Turns a bit of a log; none where every log is empty.
pub(crate) fn turn_a_bit(image: &mut Image, random: &mut Random) -> Option<()> {
    let is_log = |name: &str, bytes: &[u8]| name.ends_with(".log") && !bytes.is_empty();
    let logs = image.iter_mut().filter(|(name, bytes)| is_log(name, bytes));
    let mut logs: Vec<&mut Vec<u8>> = logs.map(|(_, bytes)| bytes).collect();
    if logs.is_empty() {
        return None;
    }
    let chosen = random.below(logs.len() as u64) as usize;
    let log = &mut logs[chosen];
    let bit = random.below(8 * log.len() as u64);
    log[(bit / 8) as usize] ^= 1 << (bit % 8);
    Some(())
}

/// What is left to promise of a store of which something may be lost.
pub(crate) fn known_of_the_rest(known: Known) -> Known {
    Known {
        attempted: known.attempted,
        erased: known.erased.min(1),
        ..Known::default()
    }
}

/// Opens a store that says that it is damaged as somebody who accepts what is lost, and judges what
/// is left.
pub(crate) fn judge_accepted(
    workload: Workload,
    path: &Path,
    known: Known,
    survives: Survives,
    replay: bool,
    trust: Trust,
) -> Result<String, String> {
    let text = |error: asof::Error| error.to_string();
    let found = match Store::examine(path) {
        Ok(found) => found,
        // The disk has forgotten the name of the marker.
        Err(error) if trust == Trust::Lied && error.kind() == ErrorKind::NotFound => {
            return Ok("reported as damaged by the open".into());
        }
        Err(error) => return Err(text(error)),
    };
    if found.damage().is_none() {
        return match trust {
            Trust::Lied => Ok("reported as damaged by the open".into()),
            _ => Err("open tells damage of a log, and examine does not".into()),
        };
    }
    if !found.is_acceptable() {
        return Ok("reported as damaged, and only a copy helps".into());
    }
    let records = found.loss().records();
    if records > 0 {
        match workload.open_without(path, Loss::UpTo(records - 1)) {
            Err(error) if error.kind() == ErrorKind::Corrupt => {}
            Err(error) => return Err(format!("a loss that is too small ends in {error}")),
            Ok(_) => {
                return Err(format!(
                    "it opens for less than the {records} that it states"
                ));
            }
        }
    }
    let store = workload
        .open_without(path, Loss::UpTo(records))
        .map_err(|error| {
            format!("a loss of {records} is accepted, and it does not open: {error}")
        })?;
    let lost = lost(workload, &store, known.durable)?;
    store.close().map_err(text)?;
    // Where a log is hurt so that nothing behind can be read, it states the bytes, and of the records
    // those that it knows of. What a disk has never written nobody can count.
    let fit = found.loss().bytes / BATCH_BYTES_MIN;
    if trust == Trust::Hurt && lost > records.max(fit) {
        return Err(format!(
            "it has lost {lost} batches that were durable, and stated {}",
            found.loss()
        ));
    }
    // From here on it opens like any other.
    oracle::judge(workload, path, known_of_the_rest(known), survives, replay)
        .map(|class| format!("reported, and its loss accepted: {class}"))
        .map_err(|why| format!("its loss was accepted, and then: {why}"))
}

/// How many of so many batches are gone.
fn lost(workload: Workload, store: &Store, promised: u64) -> Result<u64, String> {
    if store.views().len() < workload.views() {
        return Ok(promised);
    }
    let mut lost = 0;
    for n in 0..promised {
        let shows = workload.shows(store, n).map_err(|e| e.to_string())?;
        lost += u64::from(shows != [true, true]);
    }
    Ok(lost)
}
