//! Where bad rows are kept: bounded, and never in the way of the good ones.

use super::judge::Bad;
use crate::error::{Error, ErrorKind, Result};
use crate::format::checksum;
use crate::format::quarantine::{QuarantineEntry, QuarantineId, TOTALS_KEY, Totals};
use crate::id::Hex;
use crate::kv::{Cursor, Family, Kv, KvBatch, KvSnapshot, Walk};
use parking_lot::{Mutex, MutexGuard};
use std::collections::{HashMap, HashSet};

const WHAT: &str = "a quarantine entry";

/// How much there is, and how much there may be.
pub(crate) struct Quarantine {
    totals: Mutex<Totals>,
    /// The same for those who only ask: who holds the totals may be at an fsync.
    shown: Mutex<Totals>,
    max: Totals,
}

impl Quarantine {
    /// Reads how much is stored. Where that was never written, or is damaged, keys and lengths are
    /// counted. A place that cannot be read ends the count and keeps no store shut: entries beyond
    /// it are then not held against the bound, and `verify` finds the damage.
    pub(crate) fn open(kv: &Kv, max: Totals) -> Result<Self> {
        let stored = kv.get(Family::Quarantine, &TOTALS_KEY, None);
        let totals = unless_damaged(stored.and_then(|stored| {
            stored
                .map(|stored| Totals::decode(checksum::open(WHAT, &TOTALS_KEY, &stored)?))
                .transpose()
        }))?;
        let totals = match totals.flatten() {
            Some(totals) => totals,
            None => count(kv)?,
        };
        check_last(kv)?;
        Ok(Quarantine {
            totals: Mutex::new(totals),
            shown: Mutex::new(totals),
            max,
        })
    }

    /// Whoever changes the quarantine holds it from looking at what is there until the change is
    /// committed, so that two batches cannot both take the last place, and no entry is taken twice.
    /// It comes after the stripes of entities and before the newest event times.
    pub(crate) fn hold(&self) -> Held<'_> {
        Held {
            totals: self.totals.lock(),
            shown: &self.shown,
            max: self.max,
        }
    }

    /// How much there is, and how much there may be. It waits for nobody who changes it.
    pub(crate) fn fill(&self) -> (Totals, Totals) {
        (*self.shown.lock(), self.max)
    }
}

/// The quarantine while nobody else changes it.
pub(crate) struct Held<'q> {
    totals: MutexGuard<'q, Totals>,
    shown: &'q Mutex<Totals>,
    max: Totals,
}

/// What a change makes of the totals, once it is committed.
pub(crate) struct Change(Totals);

impl Held<'_> {
    /// Which of these are there. What cannot be read is there.
    pub(crate) fn present(
        &self,
        kv: &Kv,
        ids: impl IntoIterator<Item = QuarantineId>,
    ) -> Result<HashSet<QuarantineId>> {
        let mut present = HashSet::new();
        for id in ids {
            if bytes_of(kv, &id)?.is_some() {
                present.insert(id);
            }
        }
        Ok(present)
    }

    /// The same of entries that are tried again.
    ///
    /// # Errors
    /// `InvalidArgument` for one that was changed: were it bad again, it would take the place of what
    /// came in.
    pub(super) fn present_as_kept<'e>(
        &self,
        kv: &Kv,
        entries: impl IntoIterator<Item = &'e QuarantineEntry>,
    ) -> Result<HashSet<QuarantineId>> {
        let mut present = HashSet::new();
        for entry in entries {
            match unless_damaged(find(kv, &entry.id))? {
                Some(None) => continue,
                Some(Some(kept)) if !kept.came_in_as(entry) => {
                    return Err(Error::invalid(format!(
                        "the quarantine keeps something else under {} than the entry that is to be \
                         replayed, so nothing was written; replay it as it was read, and give what \
                         was mended to replay_as",
                        entry.id
                    )));
                }
                Some(Some(_)) | None => present.insert(entry.id),
            };
        }
        Ok(present)
    }

    /// Adds to a batch that rows were bad, and that entries are done with. An entry that is there
    /// already is not added again; one that was replayed and is bad again keeps its place and
    /// tells the new reason.
    ///
    /// # Errors
    /// `QuarantineFull` when new entries do not all fit. An entry that stays may always tell why.
    pub(super) fn stage(
        &self,
        kv: &Kv,
        bad: &[Bad],
        done: &[QuarantineId],
        batch: &mut KvBatch<'_>,
    ) -> Result<Change> {
        let mut totals = *self.totals;
        let mut after: HashMap<QuarantineId, Option<&Bad>> =
            done.iter().map(|id| (*id, None)).collect();
        for bad in bad {
            // A row that is bad stays, whatever else of the batch says that it is done with.
            let told = after.entry(bad.entry.id).or_insert(Some(bad));
            if told.is_none_or(|told| bad.replayed && !told.replayed) {
                *told = Some(bad);
            }
        }
        let mut new = Totals::default();
        let mut value = Vec::new();
        for (id, bad) in after {
            let known = bytes_of(kv, &id)?;
            match (bad, known) {
                (None, None) => {}
                (None, Some(bytes)) => {
                    batch.delete(Family::Quarantine, id.key());
                    totals.rows = totals.rows.saturating_sub(1);
                    totals.bytes = totals.bytes.saturating_sub(bytes);
                }
                (Some(bad), Some(_)) if !bad.replayed && is_whole(kv, &id)? => {}
                (Some(bad), known) => {
                    value.clear();
                    bad.entry.encode(&mut value);
                    let bytes = (id.key().len() + value.len() + checksum::WIDTH) as u64;
                    match known {
                        None => {
                            new.rows += 1;
                            new.bytes += bytes;
                        }
                        Some(known) => {
                            totals.bytes = totals.bytes.saturating_sub(known) + bytes;
                        }
                    }
                    batch.put(Family::Quarantine, id.key(), |out| out.extend(&value));
                }
            }
        }
        // Of an entry that could not be read nobody knew how long it was. An empty quarantine
        // forgets that.
        if totals.rows == 0 {
            totals.bytes = 0;
        }
        self.make_room(totals, new)?;
        totals.rows += new.rows;
        totals.bytes += new.bytes;
        if totals != *self.totals {
            batch.put(Family::Quarantine, &TOTALS_KEY, |out| totals.encode(out));
        }
        Ok(Change(totals))
    }

    /// Adds to a batch that entries are done with.
    pub(crate) fn stage_removal(
        &self,
        kv: &Kv,
        done: &[QuarantineId],
        batch: &mut KvBatch<'_>,
    ) -> Result<Change> {
        self.stage(kv, &[], done, batch)
    }

    fn make_room(&self, held: Totals, new: Totals) -> Result<()> {
        let fits = |held: u64, new: u64, max: u64| new == 0 || held.saturating_add(new) <= max;
        if fits(held.rows, new.rows, self.max.rows) && fits(held.bytes, new.bytes, self.max.bytes) {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::QuarantineFull,
            format!(
                "the quarantine holds {} of at most {} rows and {} of at most {} bytes, and {} more \
                 of {} bytes would not fit, so the batch was refused and nothing was written; replay \
                 or drop entries (asof quarantine replay, asof quarantine drop), or open the store \
                 with larger bounds",
                held.rows, self.max.rows, held.bytes, self.max.bytes, new.rows, new.bytes
            ),
        ))
    }

    /// Puts the totals of a committed change in force.
    pub(crate) fn committed(mut self, change: Change) {
        *self.totals = change.0;
        *self.shown.lock() = change.0;
    }
}

/// How many bytes an entry takes; none where there is no such entry. Nothing is known of one that
/// cannot be read, but that it is there.
fn bytes_of(kv: &Kv, id: &QuarantineId) -> Result<Option<u64>> {
    let stored = unless_damaged(kv.get(Family::Quarantine, id.key(), None))?;
    Ok(stored.map_or(Some(0), |stored| {
        stored.map(|stored| (id.key().len() + stored.len()) as u64)
    }))
}

fn is_whole(kv: &Kv, id: &QuarantineId) -> Result<bool> {
    Ok(unless_damaged(find(kv, id))?.is_some())
}

/// Nothing, where stored bytes are not what was written.
fn unless_damaged<T>(read: Result<T>) -> Result<Option<T>> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::Corrupt => Ok(None),
        Err(error) => Err(error),
    }
}

fn count(kv: &Kv) -> Result<Totals> {
    let mut totals = Totals::default();
    let mut cursor = kv.cursor(Family::Quarantine, Walk::Range, None);
    let mut moved = cursor.seek(&[]);
    while unless_damaged(moved)?.is_some()
        && let Some((key, stored)) = cursor.item()
    {
        if QuarantineId::of_key(key).is_some() {
            totals.rows += 1;
            totals.bytes += (key.len() + stored.len()) as u64;
        }
        moved = cursor.next();
    }
    Ok(totals)
}

/// Refuses a row behind the last that this build writes: a newer version did. One that cannot be read is
/// left to `verify`.
fn check_last(kv: &Kv) -> Result<()> {
    let mut cursor = kv.cursor(Family::Quarantine, Walk::Range, None);
    let moved = cursor.seek(&TOTALS_KEY).and_then(|()| match cursor.item() {
        Some((key, _)) if *key == TOTALS_KEY => cursor.next(),
        _ => Ok(()),
    });
    if unless_damaged(moved)?.is_none() {
        return Ok(());
    }
    let Some((key, stored)) = cursor.item() else {
        return Ok(());
    };
    match unless_damaged(checksum::open(WHAT, key, stored))? {
        None => Ok(()),
        Some(_) => Err(Error::newer(format_args!(
            "the quarantine has a row under key {}, of a kind that this build does not know",
            Hex(key)
        ))),
    }
}

/// One entry, if it is there.
pub(crate) fn find(kv: &Kv, id: &QuarantineId) -> Result<Option<QuarantineEntry>> {
    let stored = kv.get(Family::Quarantine, id.key(), None)?;
    stored.map(|stored| open(*id, &stored)).transpose()
}

fn open(id: QuarantineId, stored: &[u8]) -> Result<QuarantineEntry> {
    let entry = QuarantineEntry::decode(id, checksum::open(WHAT, id.key(), stored)?)?;
    if entry.fits_its_key() {
        return Ok(entry);
    }
    Err(Error::corrupt(format!(
        "{WHAT} under key {} says something else than its key",
        Hex(id.key())
    )))
}

/// The entries of a quarantine, one after the other, in the order of their ids.
///
/// It sees one state. An entry whose bytes are not what was written is an error, and the walk goes on
/// behind it.
pub struct QuarantineEntries<'s> {
    cursor: Cursor<'s>,
    /// What moving told last; the walk has ended where this is an error.
    moved: Option<Result<()>>,
}

impl<'s> QuarantineEntries<'s> {
    pub(crate) fn of(kv: &'s Kv, at: Option<&KvSnapshot<'s>>) -> Self {
        let mut cursor = kv.cursor(Family::Quarantine, Walk::Range, at);
        let moved = Some(cursor.seek(&[]));
        QuarantineEntries { cursor, moved }
    }

    /// The next id, how many bytes are stored of it, and what they say.
    pub(crate) fn next_entry(&mut self) -> Option<(QuarantineId, u64, Result<QuarantineEntry>)> {
        while self.moved.as_ref()?.is_ok() {
            let (key, stored) = self.cursor.item()?;
            let bytes = (key.len() + stored.len()) as u64;
            let item = QuarantineId::of_key(key).map(|id| (id, bytes, open(id, stored)));
            self.moved = Some(self.cursor.next());
            if item.is_some() {
                return item;
            }
        }
        None
    }

    /// The next entry with its id, which is known also where the entry is damaged. An error without
    /// an id ends the walk: what comes after it cannot be read.
    pub fn next_with_id(&mut self) -> Option<(Option<QuarantineId>, Result<QuarantineEntry>)> {
        if let Some((id, _, entry)) = self.next_entry() {
            return Some((Some(id), entry));
        }
        match self.moved.take() {
            Some(Err(error)) => Some((None, Err(error))),
            _ => None,
        }
    }

    /// Whether the walk came to its end, and not to a place that cannot be read.
    pub(crate) fn ended(mut self) -> Result<()> {
        self.moved.take().unwrap_or(Ok(()))
    }
}

impl Iterator for QuarantineEntries<'_> {
    type Item = Result<QuarantineEntry>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_with_id().map(|(_, entry)| entry)
    }
}

impl std::fmt::Debug for QuarantineEntries<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("QuarantineEntries")
    }
}
