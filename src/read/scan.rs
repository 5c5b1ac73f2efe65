//! The answer for every entity of a view.

use super::lookup::{LATEST, Lookup};
use crate::catalog::{Entity, View};
use crate::error::Result;
use crate::format::row::{LatestRow, under};
use crate::format::{checksum, key};
use crate::kv::{Cursor, Family, KvSnapshot, Walk};
use crate::law::Verdict;
use crate::query::{Question, Row};
use crate::time::Timestamp;
use std::fmt;
use std::sync::Arc;

/// The answers of a view, one entity at a time, all from one snapshot.
pub struct Scan<'a> {
    view: View,
    question: Question,
    lookup: Lookup<'a>,
    /// The snapshot of a scan that was not asked of one.
    own: Option<Arc<KvSnapshot<'a>>>,
    floors: Option<super::lookup::Floors>,
    cursor: Cursor<'a>,
}

impl<'a> Scan<'a> {
    pub(super) fn open(lookup: Lookup<'a>, view: &View, question: Question) -> Result<Self> {
        lookup.check_floor(view, [question.as_of, question.known_at])?;
        lookup.check_fresh(view, question)?;
        let own = lookup.at.is_none().then(|| Arc::new(lookup.kv.snapshot()));
        let at = lookup.at.or(own.as_deref());
        let floor = lookup.floor(view).map(|floor| (view.state.id, floor));
        let floors = own.is_some().then(|| floor.into_iter().collect());
        let mut cursor = lookup.kv.cursor(Family::Latest, Walk::Range, at);
        cursor.seek(&key::view_start(view.state.id))?;
        Ok(Scan {
            view: view.clone(),
            question,
            lookup,
            own,
            floors,
            cursor,
        })
    }

    fn advance(&mut self) -> Result<Option<(Entity, Row)>> {
        let start = key::view_start(self.view.state.id);
        while let Some((key, stored)) = self.cursor.item_in(&start) {
            let value = checksum::open(LATEST, key, stored)?;
            let latest = LatestRow::parse(value).map_err(|e| under(key, e))?;
            let entity = Entity::of_bytes(&self.view.state, latest.entity());
            super::lookup::check_entity(key, entity.prefix(), key)?;
            let lookup = Lookup {
                caches: None,
                at: self.lookup.at.or(self.own.as_deref()),
                floors: self.lookup.floors.or(self.floors.as_ref()),
                ..self.lookup
            };
            let given = lookup.may_be_latest(self.question).then_some(value);
            let mut row = Row::new();
            let verdict = lookup.read_given(&self.view, &entity, self.question, given, &mut row)?;
            self.cursor.next()?;
            if verdict != Verdict::Never {
                return Ok(Some((entity, row)));
            }
        }
        Ok(None)
    }

    /// The time the answers are for.
    pub fn as_of(&self) -> Timestamp {
        self.question.as_of.unwrap_or(self.lookup.now)
    }
}

impl Iterator for Scan<'_> {
    type Item = Result<(Entity, Row)>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance().transpose()
    }
}

impl fmt::Debug for Scan<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scan({:?}, {:?})", self.view, self.question)
    }
}
