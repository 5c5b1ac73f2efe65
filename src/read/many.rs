//! Many rows at once, under one snapshot.

use super::lookup::Lookup;
use crate::catalog::{Entity, View};
use crate::error::Result;
use crate::kv::Family;
use crate::query::{Question, Row};

/// Reads one row for each entity asked for, in their order. There are as many rows.
pub(crate) fn read_many(
    lookup: &Lookup<'_>,
    asked: &[(&View, &Entity)],
    question: Question,
    rows: &mut [Row],
) -> Result<()> {
    for (view, entity) in asked {
        view.owns(entity)?;
    }
    if !lookup.may_be_latest(question) {
        for ((view, entity), row) in asked.iter().zip(rows) {
            lookup.read_given(view, entity, question, None, row)?;
        }
        return Ok(());
    }
    // Ascending keys are read fastest: neighbours share a block.
    let mut order: Vec<usize> = (0..asked.len()).collect();
    order.sort_unstable_by_key(|at| asked[*at].1.prefix());
    let keys = order.iter().map(|at| &asked[*at].1.prefix()[..]);
    let stored = lookup.kv.get_many(Family::Latest, keys, true, lookup.at);
    for (at, stored) in order.into_iter().zip(stored) {
        let (view, entity) = asked[at];
        lookup.read_given(view, entity, question, stored?.as_deref(), &mut rows[at])?;
    }
    Ok(())
}
