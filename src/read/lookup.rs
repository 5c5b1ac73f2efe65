//! One row: from the latest family when it can answer, else by folding history.
//!
//! Cost: a point get for `latest`; one seek where a Put answers; else as many rows as are newer than
//! the deciding Put or Delete, or were recorded after `known_at`.

use super::fresh::Freshness;
use crate::cache::{Caches, RowCache, Sought, Stamp};
use crate::catalog::{Entity, View, ViewState};
use crate::error::{Error, ErrorKind, Result};
use crate::format::checksum;
use crate::format::key::{self, Prefix};
use crate::format::row::{HistoryRow, LatestRow, under};
use crate::id::{Hex, Opened, ViewId};
use crate::kv::{Cursor, Family, Kv, KvSnapshot};
use crate::law::{Fold, Verdict, write_put};
use crate::op::Op;
use crate::query::{Question, Row};
use crate::time::Timestamp;
use std::collections::HashMap;
use std::ops::ControlFlow;

/// The floors that a snapshot pinned, by view.
pub(crate) type Floors = HashMap<ViewId, Timestamp>;

/// What a read needs.
#[derive(Clone, Copy)]
pub struct Lookup<'a> {
    pub(crate) kv: &'a Kv,
    /// Latest rows in memory. Not of a snapshot: they are those of now.
    pub(crate) caches: Option<&'a Caches>,
    /// One state of the database, or whatever is present.
    pub(crate) at: Option<&'a KvSnapshot<'a>>,
    /// Pinned with the state; else the floors in force.
    pub(crate) floors: Option<&'a Floors>,
    pub(crate) now: Timestamp,
    /// What sources claim.
    pub(crate) freshness: Freshness<'a>,
    /// The store that is read, whose views alone can be asked.
    pub(crate) opened: Opened,
}

/// What a look into memory came to.
pub(super) enum Cached {
    /// The row holds the answer, which was current while its bucket had this stamp.
    Answered(Stamp),
    /// It is not there; it may be put there under this stamp.
    Missing(Stamp),
    /// Ask the database.
    Unknown,
}

pub(super) const LATEST: &str = "a latest row";

impl<'a> Lookup<'a> {
    #[inline]
    pub(crate) fn floor(&self, view: &View) -> Option<Timestamp> {
        match self.floors {
            Some(floors) => floors.get(&view.state.id).copied(),
            None => view.state.floor(),
        }
    }

    /// Where the view has its rows in memory, if it has.
    #[inline]
    pub(super) fn cache_of(&self, view: &View) -> Option<&'a RowCache> {
        self.caches?.of(view.state.is_resident)
    }

    /// Runs a read of several rows under one state of the database: its own, or one made for it.
    pub(crate) fn under_snapshot<T>(&self, read: impl FnOnce(&Lookup<'_>) -> T) -> T {
        if self.at.is_some() {
            return read(self);
        }
        let at = self.kv.snapshot();
        read(&Lookup {
            caches: None,
            at: Some(&at),
            ..*self
        })
    }

    /// Refuses a question that the view no longer keeps the answer to, or that is not this store's
    /// to answer. Says where the floor stands.
    #[inline]
    pub(crate) fn check_floor(
        &self,
        view: &View,
        times: [Option<Timestamp>; 2],
    ) -> Result<Option<Timestamp>> {
        view.belongs_to(self.opened)?;
        let floor = self.floor(view);
        match floor {
            Some(floor) => beyond(view, floor, times).map(|()| Some(floor)),
            None => Ok(None),
        }
    }

    pub(crate) fn read(
        &self,
        view: &View,
        entity: &Entity,
        question: Question,
        row: &mut Row,
    ) -> Result<Verdict> {
        view.owns(entity)?;
        self.check_fresh(view, question)?;
        if !self.may_be_latest(question) {
            return self.read_given(view, entity, question, None, row);
        }
        let mut noted = None;
        if let Some(cache) = self.cache_of(view) {
            match self.read_cached(cache, view, entity, question, row)? {
                Cached::Answered(_) => return Ok(row.verdict()),
                Cached::Missing(stamp) => noted = Some((cache, stamp)),
                Cached::Unknown => {}
            }
        }
        let stored = self.kv.get(Family::Latest, entity.prefix(), self.at)?;
        let value = match &stored {
            Some(stored) => Some(open_latest(entity.prefix(), stored)?),
            None => None,
        };
        if let Some((cache, stamp)) = noted {
            cache.fill(entity.prefix(), stamp, value.unwrap_or_default());
        }
        self.read_given(view, entity, question, value, row)
    }

    /// Answers from memory, if that can be.
    pub(super) fn read_cached(
        &self,
        cache: &RowCache,
        view: &View,
        entity: &Entity,
        question: Question,
        row: &mut Row,
    ) -> Result<Cached> {
        let floor = self.check_floor(view, [question.as_of, question.known_at])?;
        let t = question.as_of.unwrap_or(self.now);
        let (bytes, _) = row.begin(&view.contract, t, view.contract.horizon(floor));
        match cache.read(entity.prefix(), bytes) {
            Sought::Hit(stamp) => Ok(if judge(entity, t, row)? {
                Cached::Answered(stamp)
            } else {
                Cached::Unknown
            }),
            Sought::Miss(stamp) => Ok(Cached::Missing(stamp)),
            Sought::Busy => Ok(Cached::Unknown),
        }
    }

    /// Whether the latest row is worth a look: it never answers what was known at some time, and
    /// rarely what was true before now.
    #[inline]
    pub(crate) fn may_be_latest(&self, question: Question) -> bool {
        question.known_at.is_none() && question.as_of.is_none_or(|t| t >= self.now)
    }

    /// Answers, given what the latest family holds of the entity, without its checksum.
    pub(crate) fn read_given(
        &self,
        view: &View,
        entity: &Entity,
        question: Question,
        latest: Option<&[u8]>,
        row: &mut Row,
    ) -> Result<Verdict> {
        let bounds = [question.as_of, question.known_at];
        let floor = self.check_floor(view, bounds)?;
        let t = question.as_of.unwrap_or(self.now);
        let horizon = view.contract.horizon(floor);
        let (bytes, _) = row.begin(&view.contract, t, horizon);
        bytes.extend_from_slice(latest.unwrap_or_default());
        // Every entity that has versions has a latest row.
        let is_answered = match latest {
            Some(_) => judge(entity, t, row)?,
            None => self.may_be_latest(question),
        };
        if !is_answered {
            let (bytes, fold) = row.begin(&view.contract, t, horizon);
            self.fold_history(entity, t, question.known_at, fold, bytes)?;
        }
        // The floor may have moved while we read. With nothing reclaimed yet that changes no byte,
        // but a question that is refused a moment later is refused now.
        self.check_floor(view, bounds)?;
        match latest {
            Some(_) if is_answered => Ok(row.verdict()),
            _ => row.finish(),
        }
    }

    fn fold_history(
        &self,
        entity: &Entity,
        t: Timestamp,
        known_at: Option<Timestamp>,
        fold: &mut Fold,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        self.kv.walk_versions(self.at, |cursor| {
            fold_until(cursor, entity, t, known_at, fold, out)
        })
    }
}

fn beyond(view: &View, floor: Timestamp, times: [Option<Timestamp>; 2]) -> Result<()> {
    match times.into_iter().flatten().find(|t| *t < floor) {
        None => Ok(()),
        Some(t) => Err(Error::new(
            ErrorKind::BeyondHistory {
                floor: floor.micros(),
            },
            format!(
                "view {:?} keeps exact history from {floor} on; {t} lies before it. Ask as of \
                 {floor} or later",
                view.name()
            ),
        )),
    }
}

/// Folds the versions of an entity that count at `t`, newest first, as far as they matter.
fn fold_until(
    cursor: &mut Cursor<'_>,
    entity: &Entity,
    t: Timestamp,
    known_at: Option<Timestamp>,
    fold: &mut Fold,
    out: &mut Vec<u8>,
) -> Result<()> {
    let prefix = entity.prefix();
    cursor.seek(&key::at_or_before(prefix, t))?;
    let mut schema_version = None;
    while let Some((key, stored)) = cursor.item_in(prefix) {
        let (_, stamp) = key::split_history(key)?;
        if known_at.is_none_or(|k| stamp.rec <= k) {
            let version = open_version(key, stored, entity.bytes())?;
            if schema_version.is_none() && version.op == Op::Put {
                write_put(stamp, &version, None, out);
                return Ok(());
            }
            schema_version = schema_version.max(Some(version.schema_version));
            let added = fold.add(stamp, version.op, &version.body)?;
            if added.older == ControlFlow::Break(()) {
                break;
            }
        }
        cursor.next()?;
    }
    if let Some(schema_version) = schema_version {
        fold.write(schema_version, entity.bytes(), out);
    }
    Ok(())
}

/// Whether a latest row answers for `t`.
#[inline]
fn answers(entity: &Entity, latest: &LatestRow<'_>, t: Timestamp) -> Result<bool> {
    check_entity(entity.prefix(), latest.entity(), entity.bytes())?;
    Ok(latest.answers(t))
}

/// Judges the latest row of an entity that was copied into a row, and says whether it answers for `t`. Where it
/// does not, the history is asked.
#[inline]
fn judge(entity: &Entity, t: Timestamp, row: &mut Row) -> Result<bool> {
    row.finish().map_err(|e| under(entity.prefix(), e))?;
    match row.latest() {
        Some(latest) => answers(entity, &latest, t),
        None => Ok(true),
    }
}

/// A latest row as it is stored, without its checksum. There is none of no bytes: that is how it is said in
/// memory that an entity has none.
pub(super) fn open_latest<'a>(prefix: &Prefix, stored: &'a [u8]) -> Result<&'a [u8]> {
    let value = checksum::open(LATEST, prefix, stored)?;
    if value.is_empty() {
        LatestRow::parse(value).map_err(|e| under(prefix, e))?;
    }
    Ok(value)
}

fn open_version<'a>(key: &[u8], stored: &'a [u8], entity: &[u8]) -> Result<HistoryRow<'a>> {
    let version = HistoryRow::open(key, stored)?;
    check_entity(key, version.entity, entity)?;
    Ok(version)
}

/// A stored row that is about another entity than the one asked for. Two entities with one hash are
/// refused at the write, so a row in the wrong place is damage.
#[inline]
pub(crate) fn check_entity(key: &[u8], found: &[u8], asked: &[u8]) -> Result<()> {
    if found == asked {
        return Ok(());
    }
    Err(Error::corrupt(format!(
        "the row under key {} is about another entity than its key; restore the store",
        Hex(key)
    )))
}

/// Folds all versions of an entity that are due at `now`, and notes the next that is not: what its
/// latest row should be. Says under which schema version, and whether there was any version at all.
pub(crate) fn refold(
    cursor: &mut Cursor<'_>,
    view: &ViewState,
    prefix: &Prefix,
    entity: &[u8],
    now: Timestamp,
    fold: &mut Fold,
) -> Result<Option<u32>> {
    fold.clear();
    let mut schema_version = None;
    cursor.seek(prefix)?;
    while let Some((key, stored)) = cursor.item_in(prefix) {
        let (_, stamp) = key::split_history(key)?;
        let version = open_version(key, stored, entity)?;
        schema_version = schema_version.max(Some(version.schema_version));
        if stamp.et > now {
            fold.postpone(stamp.et);
        } else if fold.add(stamp, version.op, &version.body)?.older == ControlFlow::Break(()) {
            break;
        }
        cursor.next()?;
    }
    let newest_contract = view.contract().version();
    Ok(schema_version.map(|version| version.min(newest_contract)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::row::{BodyBuilder, begin_history};

    /// Hurt if it breaks: whoever is told about somebody else. Found missing by a planted bug.
    #[test]
    fn a_row_of_another_entity_is_damage_and_never_an_answer() {
        let key = b"a key that two entities share";
        let mut stored = Vec::new();
        begin_history(Op::Put, 1, b"Ada", &mut stored);
        BodyBuilder::default().write(&mut stored);
        checksum::seal(key, &mut stored, 0);
        assert!(open_version(key, &stored, b"Ada").is_ok());
        let error = open_version(key, &stored, b"Bob").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.to_string().contains("another entity"), "{error}");
    }
}
