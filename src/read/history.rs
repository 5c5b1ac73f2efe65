//! Versions as they were written: of one entity, and of a whole view.

use super::lookup::{Lookup, check_entity};
use crate::catalog::{Entity, View};
use crate::error::Result;
use crate::format::checksum;
use crate::format::key::{self, Stamp};
use crate::format::row::{HistoryRow, under};
use crate::kv::{Cursor, Family, Walk};
use crate::law::Retained;
use crate::query::{HistoryRange, Version};
use crate::schema::Contract;
use crate::time::Timestamp;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

/// The versions of one entity, one at a time.
///
/// Versions newer than the floor are streamed from the database in either direction. The base rows
/// at the floor can only be told from newest to oldest, so they are collected first: there are at
/// most as many as are still stored at or before the floor.
pub struct History<'a> {
    contract: Arc<Contract>,
    entity: Entity,
    range: HistoryRange,
    floor: Option<Timestamp>,
    left: u64,
    cursor: Cursor<'a>,
    /// In the order of the walk.
    base: VecDeque<Version>,
    phase: Phase,
}

/// What a walk yields next. A forward walk is oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Base,
    /// Versions newer than the floor; the cursor stands on the next.
    Stream,
    Done,
}

impl<'a> History<'a> {
    pub(super) fn open(
        lookup: Lookup<'a>,
        view: &View,
        entity: &Entity,
        range: HistoryRange,
    ) -> Result<Self> {
        view.owns(entity)?;
        lookup.check_floor(view, [range.from, range.known_at])?;
        lookup.check_floor(view, [range.to, None])?;
        let floor = lookup.floor(view);
        // The cursor before the contract: what it sees, the contract knows.
        let cursor = lookup.kv.cursor(Family::History, Walk::Range, lookup.at);
        let mut history = History {
            contract: view.state.contract(),
            entity: entity.clone(),
            range,
            floor,
            left: range.limit.unwrap_or(u64::MAX),
            cursor,
            base: VecDeque::new(),
            phase: Phase::Stream,
        };
        history.collect_base()?;
        if range.reverse {
            history.start_stream()?;
        } else {
            history.phase = Phase::Base;
        }
        Ok(history)
    }

    fn prefix(&self) -> &key::Prefix {
        self.entity.prefix()
    }

    fn collect_base(&mut self) -> Result<()> {
        let Some(floor) = self.floor else {
            return Ok(());
        };
        let horizon = self.contract.horizon(self.floor);
        let mut retained = Retained::new(self.floor, horizon);
        let prefix = *self.prefix();
        self.cursor.seek(&key::at_or_before(&prefix, floor))?;
        while let Some((key, stored)) = self.cursor.item_in(&prefix) {
            let (_, stamp) = key::split_history(key)?;
            let version = open(
                &self.contract,
                key,
                stored,
                stamp,
                self.entity.bytes(),
                true,
            )?;
            if retained.admit(&stamp, version.op(), &version.body())? && self.wants(&stamp) {
                match self.range.reverse {
                    true => self.base.push_back(version),
                    false => self.base.push_front(version),
                }
            }
            self.cursor.next()?;
        }
        Ok(())
    }

    fn wants(&self, stamp: &Stamp) -> bool {
        let HistoryRange {
            from, to, known_at, ..
        } = self.range;
        from.is_none_or(|from| stamp.et >= from)
            && to.is_none_or(|to| stamp.et <= to)
            && known_at.is_none_or(|k| stamp.rec <= k)
    }

    /// Sends the cursor to the first version newer than the floor in the order of the walk.
    fn start_stream(&mut self) -> Result<()> {
        self.phase = Phase::Stream;
        let prefix = *self.prefix();
        if self.range.reverse {
            return match self.range.to {
                Some(to) => self.cursor.seek(&key::at_or_before(&prefix, to)),
                None => self.cursor.seek(&prefix),
            };
        }
        // Oldest first is backwards in the order of keys. No key is as short as these, so what
        // stands just before them is newer than the floor, or the oldest of the entity.
        match self.range.from.max(self.floor) {
            Some(from) if Some(from) == self.floor => {
                self.cursor.seek_back(&key::at_or_before(&prefix, from))
            }
            Some(from) => match from.micros().checked_sub(1) {
                Some(before) => self
                    .cursor
                    .seek_back(&key::at_or_before(&prefix, Timestamp::from_micros(before))),
                None => self.seek_oldest(&prefix),
            },
            None => self.seek_oldest(&prefix),
        }
    }

    fn seek_oldest(&mut self, prefix: &key::Prefix) -> Result<()> {
        let mut last = prefix.to_vec();
        last.extend([0xff; key::HISTORY_KEY_BYTES - key::PREFIX_BYTES]);
        self.cursor.seek_back(&last)
    }

    fn stream(&mut self) -> Result<Option<Version>> {
        let horizon = self.contract.horizon(self.floor);
        loop {
            let Some((key, stored)) = self.cursor.item_in(self.entity.prefix()) else {
                return Ok(None);
            };
            let (_, stamp) = key::split_history(key)?;
            let past_end = match self.range.reverse {
                true => {
                    self.floor.is_some_and(|floor| stamp.et <= floor)
                        || self.range.from.is_some_and(|from| stamp.et < from)
                }
                false => self.range.to.is_some_and(|to| stamp.et > to),
            };
            if past_end {
                return Ok(None);
            }
            let is_inside = horizon.is_none_or(|horizon| stamp.et >= horizon);
            let version = if is_inside && self.wants(&stamp) {
                Some(open(
                    &self.contract,
                    key,
                    stored,
                    stamp,
                    self.entity.bytes(),
                    false,
                )?)
            } else {
                None
            };
            match self.range.reverse {
                true => self.cursor.next()?,
                false => self.cursor.back()?,
            }
            if version.is_some() {
                return Ok(version);
            }
        }
    }

    fn advance(&mut self) -> Result<Option<Version>> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        loop {
            let (found, next) = match (self.phase, self.range.reverse) {
                (Phase::Base, false) => (self.base.pop_front(), Phase::Stream),
                (Phase::Base, true) => (self.base.pop_front(), Phase::Done),
                (Phase::Stream, false) => (self.stream()?, Phase::Done),
                (Phase::Stream, true) => (self.stream()?, Phase::Base),
                (Phase::Done, _) => return Ok(None),
            };
            if found.is_some() {
                return Ok(found);
            }
            self.phase = next;
            if next == Phase::Stream {
                self.start_stream()?;
            }
        }
    }
}

impl Iterator for History<'_> {
    type Item = Result<Version>;

    fn next(&mut self) -> Option<Self::Item> {
        let version = self.advance();
        if version.is_err() {
            self.left = 0;
        }
        version.transpose()
    }
}

fn open(
    contract: &Arc<Contract>,
    key: &[u8],
    stored: &[u8],
    stamp: Stamp,
    entity: &[u8],
    is_base: bool,
) -> Result<Version> {
    let value = checksum::open("a version", key, stored)?;
    let row = HistoryRow::parse(value).map_err(|e| under(key, e))?;
    check_entity(key, row.entity, entity)?;
    Ok(Version::of(contract, stamp, &row, value, is_base))
}

/// The retained versions of a view, one at a time.
pub struct Versions<'a> {
    view: View,
    contract: Arc<Contract>,
    cursor: Cursor<'a>,
    retained: Retained,
    entity: Option<Entity>,
}

impl<'a> Versions<'a> {
    pub(super) fn open(lookup: Lookup<'a>, view: &View) -> Result<Self> {
        view.belongs_to(lookup.opened)?;
        let mut cursor = lookup.kv.cursor(Family::History, Walk::Range, lookup.at);
        let contract = view.state.contract();
        let floor = lookup.floor(view);
        cursor.seek(&key::view_start(view.state.id))?;
        let retained = Retained::new(floor, contract.horizon(floor));
        Ok(Versions {
            view: view.clone(),
            contract,
            cursor,
            retained,
            entity: None,
        })
    }

    fn advance(&mut self) -> Result<Option<(Entity, Version)>> {
        let start = key::view_start(self.view.state.id);
        while let Some((key, stored)) = self.cursor.item_in(&start) {
            let (prefix, stamp) = key::split_history(key)?;
            let value = checksum::open("a version", key, stored)?;
            let row = HistoryRow::parse(value).map_err(|e| under(key, e))?;
            let entity = match self.entity.take().filter(|e| e.bytes() == row.entity) {
                Some(entity) => entity,
                None => {
                    self.retained.restart();
                    Entity::of_bytes(&self.view.state, row.entity)
                }
            };
            if *entity.prefix() != prefix {
                check_entity(key, row.entity, &[])?;
            }
            let version = if self.retained.admit(&stamp, row.op, &row.body)? {
                let is_base = self.retained.is_base(&stamp);
                Some(Version::of(&self.contract, stamp, &row, value, is_base))
            } else {
                None
            };
            self.cursor.next()?;
            self.entity = Some(entity.clone());
            if let Some(version) = version {
                return Ok(Some((entity, version)));
            }
        }
        Ok(None)
    }
}

impl Iterator for Versions<'_> {
    type Item = Result<(Entity, Version)>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance().transpose()
    }
}

impl fmt::Debug for History<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "History({:?}, {:?})", self.entity, self.range)
    }
}

impl fmt::Debug for Versions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Versions({:?})", self.view)
    }
}
