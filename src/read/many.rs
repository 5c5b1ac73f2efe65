//! Many rows at once, all of one state of the store.

use super::lookup::{Cached, Lookup, open_latest};
use crate::cache::{RowCache, Stamp};
use crate::catalog::{Entity, View};
use crate::error::Result;
use crate::kv::Family;
use crate::query::{Question, Row};

/// How many reads ahead a bucket is asked for, and how many its row: the memory serves several at once.
const BUCKETS_AHEAD: usize = 16;
const ROWS_AHEAD: usize = 8;

/// Reads one row for each entity asked for, in their order. There are as many rows.
pub(crate) fn read_many(
    lookup: &Lookup<'_>,
    asked: &[(&View, &Entity)],
    question: Question,
    rows: &mut [Row],
) -> Result<()> {
    let mut residents = 0;
    for (view, entity) in asked {
        view.owns(entity)?;
        residents += usize::from(view.state.is_resident);
    }
    if !lookup.may_be_latest(question) {
        return lookup.under_snapshot(|lookup| {
            for ((view, entity), row) in asked.iter().zip(rows) {
                lookup.read_given(view, entity, question, None, row)?;
            }
            Ok(())
        });
    }
    // Mostly all views have their rows in one memory, which is then looked up once and not for each row.
    let is_mixed = residents != 0 && residents != asked.len();
    match lookup.caches.and_then(|caches| caches.of(residents > 0)) {
        _ if is_mixed && lookup.caches.is_some() => {
            read_cached(lookup, |view| lookup.cache_of(view), asked, question, rows)
        }
        Some(cache) => read_cached(lookup, |_| Some(cache), asked, question, rows),
        None => {
            let all = (0..asked.len()).map(|at| (at, None)).collect();
            lookup.under_snapshot(|stored| read_stored(stored, lookup, all, asked, question, rows))
        }
    }
}

/// Rows from memory, and from one snapshot of the database those that are not there.
fn read_cached<'c>(
    lookup: &Lookup<'_>,
    cache_of: impl Fn(&View) -> Option<&'c RowCache>,
    asked: &[(&View, &Entity)],
    question: Question,
    rows: &mut [Row],
) -> Result<()> {
    for (view, entity) in asked.iter().take(BUCKETS_AHEAD) {
        cache_of(view).inspect(|cache| cache.expect_bucket(entity.prefix()));
    }
    for (view, entity) in asked.iter().take(ROWS_AHEAD) {
        cache_of(view).inspect(|cache| cache.expect_row(entity.prefix()));
    }
    let mut seen = Vec::with_capacity(asked.len());
    for (at, (view, entity)) in asked.iter().enumerate() {
        if let Some((view, ahead)) = asked.get(at + BUCKETS_AHEAD) {
            cache_of(view).inspect(|cache| cache.expect_bucket(ahead.prefix()));
        }
        if let Some((view, ahead)) = asked.get(at + ROWS_AHEAD) {
            cache_of(view).inspect(|cache| cache.expect_row(ahead.prefix()));
        }
        seen.push(match cache_of(view) {
            Some(cache) => lookup.read_cached(cache, view, entity, question, &mut rows[at])?,
            None => Cached::Unknown,
        });
    }
    let is_current = |at: usize| match (&seen[at], cache_of(asked[at].0)) {
        (Cached::Answered(stamp), Some(cache)) => cache.is_still(asked[at].1.prefix(), *stamp),
        (Cached::Answered(_) | Cached::Missing(_) | Cached::Unknown, _) => false,
    };
    if (0..asked.len()).all(is_current) {
        return Ok(());
    }
    lookup.under_snapshot(|stored| {
        // What is still current now was so when the snapshot was taken: it is of the same state.
        let missing = (0..asked.len()).filter(|at| !is_current(*at));
        let missing = missing.map(|at| match seen[at] {
            Cached::Missing(stamp) => (at, Some(stamp)),
            Cached::Answered(_) | Cached::Unknown => (at, None),
        });
        read_stored(stored, lookup, missing.collect(), asked, question, rows)
    })
}

/// Rows from the database. Those with a stamp are put into the cache of who asked, under it.
fn read_stored(
    lookup: &Lookup<'_>,
    asker: &Lookup<'_>,
    mut wanted: Vec<(usize, Option<Stamp>)>,
    asked: &[(&View, &Entity)],
    question: Question,
    rows: &mut [Row],
) -> Result<()> {
    // Ascending keys are read fastest: neighbours share a block.
    wanted.sort_unstable_by_key(|(at, _)| asked[*at].1.prefix());
    let keys = wanted.iter().map(|(at, _)| &asked[*at].1.prefix()[..]);
    let stored = lookup.kv.get_many(Family::Latest, keys, true, lookup.at);
    for ((at, noted), stored) in wanted.into_iter().zip(stored) {
        let (view, entity) = asked[at];
        let stored = stored?;
        let value = match &stored {
            Some(stored) => Some(open_latest(entity.prefix(), stored)?),
            None => None,
        };
        if let (Some(cache), Some(stamp)) = (asker.cache_of(view), noted) {
            cache.fill(entity.prefix(), stamp, value.unwrap_or_default());
        }
        lookup.read_given(view, entity, question, value, &mut rows[at])?;
    }
    Ok(())
}
