//! Why an answer is what it is: the walk of a read, told version by version.

use super::lookup::Lookup;
use crate::catalog::{Entity, View};
use crate::error::Result;
use crate::format::digest;
use crate::format::key::{self, Stamp};
use crate::format::row::HistoryRow;
use crate::kv::{Family, Walk};
use crate::law::{Retained, Status};
use crate::op::Op;
use crate::query::{
    Because, ExplainedFeature, ExplainedVersion, Explanation, Outvoted, Question, Row, Rule,
};
use crate::schema::{Contract, OnExpiry};
use crate::time::{Span, Timestamp};
use std::collections::HashMap;
use std::sync::Arc;

/// The versions that a read looks at, those around them, and what becomes of each.
pub(super) fn explain(
    lookup: &Lookup<'_>,
    view: &View,
    entity: &Entity,
    question: Question,
) -> Result<Explanation> {
    view.owns(entity)?;
    // The answer first: it says whether the question may be asked at all.
    let mut row = Row::new();
    lookup.read(view, entity, question, &mut row)?;
    let floor = lookup.floor(view);
    let contract = view.state.contract();
    let mut explainer = Explainer {
        t: question.as_of.unwrap_or(lookup.now),
        known_at: question.known_at,
        horizon: contract.horizon(floor),
        retained: Retained::new(floor, contract.horizon(floor)),
        contract,
        told: Explanation::default(),
        stamps: Vec::new(),
        decided: HashMap::new(),
        floor: None,
        mentioned: HashMap::new(),
    };
    explainer.tell_future(lookup, entity)?;
    explainer.tell_past(lookup, entity)?;
    for feature in view.contract().features() {
        let answer = row.answer(feature)?;
        let id = feature.id().0;
        explainer.tell_feature(id, feature.name(), answer.status, answer.event_time);
    }
    Ok(explainer.told)
}

struct Explainer {
    contract: Arc<Contract>,
    t: Timestamp,
    known_at: Option<Timestamp>,
    horizon: Option<Timestamp>,
    retained: Retained,
    told: Explanation,
    /// Of `told.versions`, in their order.
    stamps: Vec<Stamp>,
    /// Who spoke first about a feature.
    decided: HashMap<u16, usize>,
    /// The Put or Delete that ended the read.
    floor: Option<usize>,
    /// Why those who mention a feature do not count, where nobody who counts does.
    mentioned: HashMap<u16, Because>,
}

impl Explainer {
    /// The nearest versions after the time asked about. They speak to nobody yet.
    fn tell_future(&mut self, lookup: &Lookup<'_>, entity: &Entity) -> Result<()> {
        let prefix = entity.prefix();
        let mut cursor = lookup.kv.cursor(Family::History, Walk::Range, lookup.at);
        // No key is as short as this one, so what stands before it is newer than `t`.
        cursor.seek_back(&key::at_or_before(prefix, self.t))?;
        let mut future = Vec::new();
        while let Some((key, stored)) = cursor.item_in(prefix) {
            if future.len() == Explanation::MORE_MAX {
                self.told.more_in_the_future = true;
                break;
            }
            future.push((key.to_vec(), stored.to_vec()));
            cursor.back()?;
        }
        for (key, stored) in future.iter().rev() {
            let (_, stamp) = key::split_history(key)?;
            let version = HistoryRow::open(key, stored)?;
            self.mention(&version, Because::OnlyInTheFuture)?;
            self.push(stamp, &version, Rule::InTheFuture, None)?;
        }
        Ok(())
    }

    fn tell_past(&mut self, lookup: &Lookup<'_>, entity: &Entity) -> Result<()> {
        let prefix = entity.prefix();
        let mut cursor = lookup.kv.cursor(Family::History, Walk::Entity, lookup.at);
        cursor.seek(&key::at_or_before(prefix, self.t))?;
        let mut after_the_end = 0;
        while let Some((key, stored)) = cursor.item_in(prefix) {
            let (_, stamp) = key::split_history(key)?;
            let is_outside = self.horizon.is_some_and(|horizon| stamp.et < horizon);
            if self.floor.is_some() || is_outside {
                if after_the_end == Explanation::MORE_MAX {
                    self.told.more_hidden = true;
                    break;
                }
                after_the_end += 1;
            }
            let version = HistoryRow::open(key, stored)?;
            let retained = self.retained.admit(&stamp, version.op, &version.body)?;
            if is_outside {
                self.mention(&version, Because::OnlyBeforeHorizon)?;
                self.push(stamp, &version, Rule::BeforeHorizon, None)?;
            } else if !retained {
                self.push(stamp, &version, Rule::NotRetained, None)?;
            } else if self.known_at.is_some_and(|k| stamp.rec > k) {
                self.mention(&version, Because::OnlyNotKnownYet)?;
                self.push(stamp, &version, Rule::NotKnownYet, None)?;
            } else if let Some(floor) = self.floor {
                let rule = self.hidden(&stamp, floor);
                self.push(stamp, &version, rule, Some(floor))?;
            } else {
                self.hear(stamp, &version)?;
            }
            cursor.next()?;
        }
        Ok(())
    }

    /// A version that counts, unless a newer one has spoken.
    fn hear(&mut self, stamp: Stamp, version: &HistoryRow<'_>) -> Result<()> {
        let at = self.told.versions.len();
        let (mut decides, mut outvoted) = (Vec::new(), Vec::new());
        for entry in version.body.iter() {
            let (id, _) = entry?;
            let name = self.name(id.0);
            match self.decided.get(&id.0) {
                Some(by) => outvoted.push(Outvoted {
                    rule: lost(&stamp, &self.stamps[*by], Rule::NewerSpeaker),
                    feature: name,
                    by: *by,
                }),
                None => {
                    self.decided.insert(id.0, at);
                    decides.push(name);
                }
            }
        }
        if version.op != Op::Patch {
            self.floor = Some(at);
            // It speaks about everything: what nobody newer mentions is absent, or deleted.
            for feature in self.contract.features() {
                if let std::collections::hash_map::Entry::Vacant(free) =
                    self.decided.entry(feature.id().0)
                {
                    free.insert(at);
                    decides.push(feature.name().to_owned());
                }
            }
        }
        let first = outvoted.first().filter(|_| decides.is_empty());
        let by = first.map(|first| first.by);
        let rule = match first {
            Some(first) => first.rule,
            // Such a Put or Delete mentions nothing, and all there is was spoken about since.
            None if decides.is_empty() => Rule::NewerSpeaker,
            None => self.alive(&stamp, version.op),
        };
        self.push(stamp, version, rule, by)?;
        if let Some(told) = self.told.versions.last_mut() {
            told.decides = decides;
            told.outvoted = outvoted;
        }
        Ok(())
    }

    /// What a deciding version is: one that decides, or one that would, had it not grown too old.
    fn alive(&self, stamp: &Stamp, op: Op) -> Rule {
        let time = self.contract.time();
        match time.ttl {
            Some(ttl)
                if op != Op::Delete
                    && time.on_expiry == OnExpiry::Expire
                    && self.contract.has_outlived(stamp.et, self.t) =>
            {
                Rule::Expired {
                    age: self.age(stamp.et),
                    ttl,
                }
            }
            _ => Rule::Decides,
        }
    }

    fn hidden(&self, stamp: &Stamp, floor: usize) -> Rule {
        let whole = match self.told.versions[floor].op {
            Op::Delete => Rule::HiddenByDelete,
            _ => Rule::HiddenByPut,
        };
        lost(stamp, &self.stamps[floor], whole)
    }

    fn push(
        &mut self,
        stamp: Stamp,
        version: &HistoryRow<'_>,
        rule: Rule,
        by: Option<usize>,
    ) -> Result<()> {
        self.stamps.push(stamp);
        self.told.versions.push(ExplainedVersion {
            event_time: stamp.et,
            recorded_at: stamp.rec,
            op: version.op,
            digest: digest::content(&self.contract, &version.body)?,
            rule,
            by,
            decides: Vec::new(),
            outvoted: Vec::new(),
        });
        Ok(())
    }

    /// Notes of what a version speaks in vain. The reason nearest to counting stays.
    fn mention(&mut self, version: &HistoryRow<'_>, why: Because) -> Result<()> {
        for entry in version.body.iter() {
            let (id, _) = entry?;
            let known = self.mentioned.entry(id.0).or_insert(why);
            if *known == Because::OnlyInTheFuture {
                *known = why;
            }
        }
        Ok(())
    }

    fn tell_feature(&mut self, id: u16, name: &str, status: Status, et: Option<Timestamp>) {
        let by = self.decided.get(&id).copied();
        let because = match (status, self.contract.time().ttl, et) {
            (Status::Expired, Some(ttl), Some(et)) => Because::Expired {
                age: self.age(et),
                ttl,
            },
            (Status::Deleted, ..) => Because::Deleted,
            (Status::Absent, ..) if by.is_some() => Because::LeftOutByPut,
            (Status::Absent, ..) => self
                .mentioned
                .get(&id)
                .copied()
                .unwrap_or(Because::NeverSpoken),
            _ => Because::Decided,
        };
        self.told.features.push(ExplainedFeature {
            name: name.to_owned(),
            status,
            because,
            by,
        });
    }

    fn name(&self, id: u16) -> String {
        let feature = self.contract.by_id(crate::id::FeatureId(id));
        feature.map_or("?", |feature| feature.name()).to_owned()
    }

    fn age(&self, et: Timestamp) -> Span {
        let micros = self.t.micros_since(et);
        Span::micros(i64::try_from(micros).unwrap_or(i64::MAX))
    }
}

/// What decided between two versions, in the order of the law; `later` where event time did.
fn lost(loser: &Stamp, winner: &Stamp, later: Rule) -> Rule {
    if winner.et != loser.et {
        later
    } else if winner.rec != loser.rec {
        Rule::RecordedAt
    } else if winner.op() != loser.op() {
        Rule::Op
    } else {
        Rule::Digest
    }
}
