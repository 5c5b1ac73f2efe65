//! Why an answer is what it is.

use super::lookup::Lookup;
use crate::catalog::{Entity, View};
use crate::error::Result;
use crate::format::digest;
use crate::format::key;
use crate::format::row::HistoryRow;
use crate::kv::{Family, Walk};
use crate::op::Op;
use crate::query::{ExplainedVersion, Question};
use crate::schema::Contract;
use std::collections::HashSet;

/// The versions that a read looks at, newest first, with the rule that was applied to each.
pub(super) fn explain(
    lookup: Lookup<'_>,
    view: &View,
    entity: &Entity,
    question: Question,
) -> Result<Vec<ExplainedVersion>> {
    view.owns(entity)?;
    lookup.check_floor(view, [question.as_of, question.known_at])?;
    lookup.check_fresh(view, question)?;
    let t = question.as_of.unwrap_or(lookup.now);
    let contract = view.state.contract();
    let horizon = contract.horizon(lookup.floor(view));
    let mut cursor = lookup.kv.cursor(Family::History, Walk::Entity, lookup.at);
    cursor.seek(&key::at_or_before(entity.prefix(), t))?;
    let mut walk = Walked::default();
    let mut explained = Vec::new();
    while let Some((key, stored)) = cursor.item_in(entity.prefix()) {
        let (_, stamp) = key::split_history(key)?;
        let version = HistoryRow::open(key, stored)?;
        let rule = if horizon.is_some_and(|horizon| stamp.et < horizon) {
            "outside the view: before its horizon".to_string()
        } else if question.known_at.is_some_and(|k| stamp.rec > k) {
            "not yet known then".to_string()
        } else {
            walk.rule(&contract, &version)?
        };
        explained.push(ExplainedVersion {
            event_time: stamp.et,
            recorded_at: stamp.rec,
            op: version.op,
            digest: digest::content(&contract, &version.body)?,
            rule,
        });
        if walk.ended {
            break;
        }
        cursor.next()?;
    }
    Ok(explained)
}

/// What the walk has settled so far.
#[derive(Default)]
struct Walked {
    spoken: HashSet<u16>,
    ended: bool,
}

impl Walked {
    fn rule(&mut self, contract: &Contract, version: &HistoryRow<'_>) -> Result<String> {
        let mut decides = Vec::new();
        let mut outvoted = Vec::new();
        for entry in version.body.iter() {
            let (id, _) = entry?;
            let name = contract.by_id(id).map_or("?", |feature| feature.name());
            let newly = self.spoken.insert(id.0);
            if newly {
                decides.push(name)
            } else {
                outvoted.push(name)
            }
        }
        self.ended = version.op != Op::Patch;
        let says = match version.op {
            Op::Delete => return Ok("delete: hides everything older".into()),
            Op::Put => "put: decides the rest",
            Op::Patch => "patch",
        };
        let list = |what: &str, names: Vec<&str>| match names.is_empty() {
            true => String::new(),
            false => format!("; {what} {}", names.join(", ")),
        };
        Ok(format!(
            "{says}{}{}",
            list("decides", decides),
            list("older than what is known of", outvoted)
        ))
    }
}
