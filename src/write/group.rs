//! What a batch does to one entity: its latest row in the making.
//!
//! Mostly that is simple. A Put that is newer than all there was becomes the latest row as it stands;
//! a row older than the one version that the latest row consists of changes nothing of it. Neither
//! takes the stored row apart. What is left is folded: patches, deletes, rows of one instant, rows
//! from the future.

use super::judge::Candidate;
use super::receipt::Receipt;
use crate::cache::{News, RowCache};
use crate::catalog::ViewState;
use crate::error::Result;
use crate::format::checksum;
use crate::format::key::{PREFIX_BYTES, Prefix, Stamp};
use crate::format::row::{HistoryRow, LatestRow, under};
use crate::kv::{Cursor, Family, Kv, KvBatch, Walk};
use crate::law::{self, Fold, write_put};
use crate::op::Op;
use crate::read::refold;
use crate::time::Timestamp;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// One entity of a batch.
pub(super) struct Group<'a, 's> {
    pub(super) view: &'a Arc<ViewState>,
    entity: &'a [u8],
    now: Timestamp,
    shown: Shown<'a>,
    schema_version: u32,
    /// The newest event time known of it, due or not.
    newest_et: Option<Timestamp>,
    changed: bool,
    scratch: &'s mut Scratch<'a>,
}

/// How far the latest row has been taken apart.
#[derive(Clone, Copy)]
enum Shown<'a> {
    /// As it is stored.
    Stored(LatestRow<'a>),
    /// It is this Put of the batch, and nothing else.
    Put(&'a Candidate),
    /// The fold of the scratch has it.
    Folded,
}

/// Where an accepted row stands to the latest row.
enum Place {
    /// A Put that is newer than everything: from now on it is the latest row.
    Newest,
    /// Older than the one version that the latest row consists of.
    Behind,
    /// To be folded.
    Among,
}

/// What one entity after the other is worked on with.
#[derive(Default)]
pub(super) struct Scratch<'a> {
    fold: Fold,
    added: Added<'a>,
}

/// The rows of an entity that this batch has added.
#[derive(Default)]
pub(super) struct Added<'a> {
    rows: Vec<&'a Candidate>,
    /// By instant, once they are more than a few.
    instants: HashMap<(Timestamp, Timestamp), Vec<&'a Candidate>>,
}

impl<'a> Added<'a> {
    /// So many are looked through one by one.
    const FEW: usize = 8;

    fn clear(&mut self) {
        self.rows.clear();
        self.instants.clear();
    }

    fn push(&mut self, row: &'a Candidate) {
        let instant = |row: &Candidate| (row.stamp.et, row.stamp.rec);
        self.rows.push(row);
        let to_note = match self.rows.len() {
            ..=Self::FEW => &[],
            n if n == Self::FEW + 1 => &self.rows[..],
            n => &self.rows[n - 1..],
        };
        for row in to_note {
            self.instants.entry(instant(row)).or_default().push(row);
        }
    }

    /// The rows at the event time and recorded-at of a stamp.
    fn of_instant(&self, stamp: &Stamp) -> impl Iterator<Item = &'a Candidate> {
        let instant = (stamp.et, stamp.rec);
        let rows = match self.rows.len() {
            ..=Self::FEW => &self.rows[..],
            _ => self.instants.get(&instant).map_or(&[][..], Vec::as_slice),
        };
        let same = move |row: &&Candidate| (row.stamp.et, row.stamp.rec) == instant;
        rows.iter().copied().filter(same)
    }
}

impl<'a, 's> Group<'a, 's> {
    /// Begins with the latest row, folding history anew where a version has come due since.
    pub(super) fn begin<'k>(
        (row, stored): (&'a Candidate, Option<&'a [u8]>),
        now: Timestamp,
        scratch: &'s mut Scratch<'a>,
        (kv, cursor): (&'k Kv, &mut Option<Cursor<'k>>),
    ) -> Result<Self> {
        scratch.fold.clear();
        scratch.added.clear();
        let mut group = Group {
            view: row.entity.view(),
            entity: row.entity.bytes(),
            now,
            shown: Shown::Folded,
            schema_version: 0,
            newest_et: None,
            changed: false,
            scratch,
        };
        let Some(stored) = stored else {
            return Ok(group);
        };
        let latest = LatestRow::parse(stored).map_err(|e| under(row.entity.prefix(), e))?;
        group.schema_version = latest.schema_version();
        group.newest_et = latest.newest_et().max(latest.next_due());
        group.shown = Shown::Stored(latest);
        if latest.next_due().is_some_and(|due| due <= now) {
            let cursor =
                cursor.get_or_insert_with(|| kv.cursor(Family::History, Walk::Entity, None));
            let until = latest.newest_et().max(Some(now)).expect("now is there");
            refold(
                cursor,
                group.view,
                row.entity.prefix(),
                group.entity,
                until,
                &mut group.scratch.fold,
            )?;
            // The stored row knew of the first that waited, and not of those behind it.
            group.newest_et = group.newest_et.max(group.scratch.fold.newest_et());
            group.shown = Shown::Folded;
            group.changed = true;
        }
        Ok(group)
    }

    /// The rows that this batch has added.
    pub(super) fn added(&self) -> &[&'a Candidate] {
        &self.scratch.added.rows
    }

    /// The one version that the latest row consists of, where that is known without folding.
    fn lone(&self) -> Option<Stamp> {
        match self.shown {
            Shown::Stored(latest) => latest.lone(),
            Shown::Put(row) => Some(row.stamp),
            Shown::Folded => None,
        }
    }

    /// The largest event time that the latest row shows.
    fn shown_et(&self) -> Option<Timestamp> {
        match self.shown {
            Shown::Stored(latest) => latest.newest_et(),
            Shown::Put(row) => Some(row.stamp.et),
            Shown::Folded => self.scratch.fold.newest_et(),
        }
    }

    /// Whether a version waits to come due.
    fn waits(&self) -> bool {
        match self.shown {
            Shown::Stored(latest) => latest.next_due().is_some(),
            Shown::Put(_) => false,
            Shown::Folded => self.scratch.fold.next_due().is_some(),
        }
    }

    /// The latest row as a fold.
    fn fold(&mut self) -> Result<&mut Fold> {
        let fold = &mut self.scratch.fold;
        match self.shown {
            Shown::Folded => {}
            Shown::Stored(latest) => fold.load(&latest)?,
            Shown::Put(row) => {
                let version = HistoryRow::parse(row.value())?;
                fold.clear();
                fold.add(row.stamp, row.op, &version.body)?;
            }
        }
        self.shown = Shown::Folded;
        Ok(fold)
    }

    /// Whether the latest row, or what this batch has added, holds exactly this version.
    pub(super) fn knows(&mut self, stamp: &Stamp) -> Result<bool> {
        if Some(stamp.et) > self.newest_et {
            return Ok(false);
        }
        let is_shown = match self.lone() {
            Some(lone) => lone == *stamp,
            None => self.fold()?.knows(stamp),
        };
        let mut added = self.scratch.added.of_instant(stamp);
        Ok(is_shown || added.any(|added| added.stamp == *stamp))
    }

    /// Joins an accepted row into the latest row, and counts what it did.
    pub(super) fn apply(&mut self, row: &'a Candidate, receipt: &mut Receipt) -> Result<()> {
        let version = HistoryRow::parse(row.value())?;
        receipt.applied += 1;
        receipt.late += u64::from(Some(row.stamp.et) < self.newest_et);
        match self.place(row, &version) {
            Place::Newest => {
                self.shown = Shown::Put(row);
                self.changed = true;
                receipt.latest += 1;
            }
            Place::Behind => {
                receipt.conflict += u64::from(contradicts_added(row, &version, self)?);
            }
            Place::Among => {
                receipt.conflict += u64::from(contradicts(row, &version, self)?);
                receipt.latest += u64::from(self.join(row, &version)?);
            }
        }
        self.newest_et = self.newest_et.max(Some(row.stamp.et));
        self.schema_version = self.schema_version.max(version.schema_version);
        self.scratch.added.push(row);
        Ok(())
    }

    /// Until when a version counts.
    fn due(&self) -> Timestamp {
        self.shown_et().max(Some(self.now)).expect("now is there")
    }

    fn place(&self, row: &Candidate, version: &HistoryRow<'_>) -> Place {
        let et = row.stamp.et;
        // Newer than all, it is of no instant of another: nothing can contradict it.
        let is_newest = Some(et) > self.newest_et && et <= self.due() && !self.waits();
        // An older writer may come after a newer one.
        let is_whole = row.op == Op::Put && version.schema_version >= self.schema_version;
        if is_newest && is_whole {
            return Place::Newest;
        }
        match self.lone() {
            Some(lone) if et < lone.et => Place::Behind,
            _ => Place::Among,
        }
    }

    /// Adds a row to the fold. Says whether it shows.
    fn join(&mut self, row: &Candidate, version: &HistoryRow<'_>) -> Result<bool> {
        let due = self.due();
        let fold = self.fold()?;
        let (newest, next) = (fold.newest_et(), fold.next_due());
        let shows = if row.stamp.et <= due {
            fold.add(row.stamp, row.op, &version.body)?.shows
        } else {
            fold.postpone(row.stamp.et);
            false
        };
        let moved = fold.newest_et() != newest || fold.next_due() != next;
        self.changed |= shows || moved;
        Ok(shows)
    }

    /// Notes the latest row where it has become another.
    pub(super) fn put_latest(&mut self, prefix: &Prefix, rows: &mut LatestRows) -> Result<()> {
        if !self.changed || self.scratch.added.rows.is_empty() {
            return Ok(());
        }
        let (schema_version, entity) = (self.schema_version, self.entity);
        let is_resident = self.view.is_resident;
        match self.shown {
            Shown::Put(row) => {
                let version = HistoryRow::parse(row.value())?;
                rows.add((prefix, is_resident), |out| {
                    write_put(row.stamp, &version, None, out);
                });
            }
            Shown::Stored(_) | Shown::Folded => {
                let fold = self.fold()?;
                rows.add((prefix, is_resident), |out| {
                    fold.write(schema_version, entity, out);
                });
            }
        }
        Ok(())
    }
}

/// The latest rows that a batch writes, as they are stored.
#[derive(Default)]
pub(super) struct LatestRows {
    /// Each with its prefix before it.
    bytes: Vec<u8>,
    /// Where each is, and whether its view is resident.
    rows: Vec<(Range<usize>, bool)>,
}

impl LatestRows {
    /// Room for so many rows that take about so many bytes.
    pub(super) fn with_capacity(rows: usize, bytes: usize) -> Self {
        LatestRows {
            bytes: Vec::with_capacity(bytes),
            rows: Vec::with_capacity(rows),
        }
    }

    /// How many bytes it has room for.
    pub(super) fn room(&self) -> usize {
        self.bytes.capacity()
    }

    /// How many bytes its rows take, keys and all.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The prefix and the stored row at a place.
    fn at(&self, row: &Range<usize>) -> (&Prefix, &[u8]) {
        let (before, stored) = self.bytes[..row.end].split_at(row.start);
        let prefix = before.last_chunk().expect("its prefix stands before it");
        (prefix, stored)
    }

    /// Puts the rows into a batch: one after the other, because each family has a memtable of its own, and to go
    /// back and forth costs.
    pub(super) fn put_into(&self, batch: &mut KvBatch<'_>) {
        for (row, _) in &self.rows {
            let (prefix, stored) = self.at(row);
            batch.put_sealed(Family::Latest, prefix, stored);
        }
    }

    /// The same rows, those of resident views or the others, for those who read from memory.
    pub(super) fn news<'c>(&self, cache: &'c RowCache, resident: bool) -> News<'c> {
        let mut news = cache.news();
        let rows = self.rows.iter();
        for (row, _) in rows.filter(|(_, is_resident)| *is_resident == resident) {
            let (prefix, stored) = self.at(row);
            news.put(prefix, &stored[..stored.len() - checksum::WIDTH]);
        }
        news
    }

    /// Adds the row of an entity, of a view that is resident or is not.
    fn add(&mut self, (prefix, is_resident): (&Prefix, bool), write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(prefix);
        write(&mut self.bytes);
        let value = start + PREFIX_BYTES;
        checksum::seal_with_key(&mut self.bytes, start..value);
        self.rows.push((value..self.bytes.len(), is_resident));
    }
}

/// Whether a row contradicts another of the same instant, as far as the latest row and this batch
/// can tell.
fn contradicts(
    row: &Candidate,
    version: &HistoryRow<'_>,
    group: &mut Group<'_, '_>,
) -> Result<bool> {
    if contradicts_added(row, version, group)? {
        return Ok(true);
    }
    let same_instant = |stamp: &Stamp| {
        (stamp.et, stamp.rec) == (row.stamp.et, row.stamp.rec) && *stamp != row.stamp
    };
    let fold = group.fold()?;
    // A Put or Delete speaks about every feature: what it leaves out it calls absent, or deleted.
    let floor = fold.floor().filter(same_instant);
    for entry in version.body.iter() {
        let (id, slot) = entry?;
        let contradicted = match fold.find(id) {
            Some((stamp, held)) => same_instant(&stamp) && held != slot,
            None => floor.is_some(),
        };
        if contradicted {
            return Ok(true);
        }
    }
    if row.op == Op::Patch {
        return Ok(false);
    }
    for (id, stamp) in fold.speakers() {
        if same_instant(&stamp) && version.body.find(id)?.is_none() {
            return Ok(true);
        }
    }
    Ok(floor.is_some_and(|floor| floor.op() != Some(row.op)))
}

/// The same, of the rows of this batch alone.
fn contradicts_added(
    row: &Candidate,
    version: &HistoryRow<'_>,
    group: &Group<'_, '_>,
) -> Result<bool> {
    for added in group.scratch.added.of_instant(&row.stamp) {
        if added.stamp != row.stamp {
            let other = HistoryRow::parse(added.value())?;
            if law::contradict((row.op, &version.body), (added.op, &other.body))? {
                return Ok(true);
            }
        }
    }
    Ok(false)
}
