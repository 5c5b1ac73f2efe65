//! One state of a store.

use super::Store;
use crate::catalog::Completeness;
use crate::kv::KvSnapshot;
use crate::read::{Floors, Freshness, Lookup, Read, sealed};
use crate::time::Timestamp;
use std::fmt;
use std::sync::Arc;

/// One state of a store: a sequence, a `now`, a floor per view and what sources claim, for as long as
/// it is kept.
///
/// All reads of a snapshot see the same batches, each whole or not at all. Keep it short: what it
/// pins cannot be reclaimed.
///
/// ```
/// # use asof::*;
/// # fn main() -> Result<()> {
/// # let store = Store::temp()?;
/// # store.apply(ViewDefinition::builder("weather").key("origin", Type::String).feature("temp", Type::F64).define(FeatureDefinition::new("gust", Type::F64).nullable()).build()?)?;
/// # let weather = store.view("weather")?;
/// # let (temp, gust) = (weather.feature::<f64>("temp")?, weather.feature::<f64>("gust")?);
/// # let newark = weather.entity(["EWR"])?;
/// # let at = |hour: i64| Timestamp::from_secs(3600 * hour);
/// let held = store.snapshot();
/// let mut batch = WriteBatch::new();
/// batch.put(&weather, &newark, at(6)).set(&temp, 39.02).finish()?;
/// store.write(batch, WriteOptions::buffered())?;
///
/// assert_eq!(held.get(&weather, &newark, Question::latest())?.verdict(), Verdict::Never);
/// assert_eq!(store.get(&weather, &newark, Question::latest())?.verdict(), Verdict::Found);
/// assert!(held.now() <= store.now());
/// # Ok(())
/// # }
/// ```
pub struct Snapshot<'s> {
    store: &'s Store,
    at: KvSnapshot<'s>,
    floors: Floors,
    complete: Arc<Completeness>,
    now: Timestamp,
}

impl<'s> Snapshot<'s> {
    pub(super) fn of(store: &'s Store) -> Self {
        // Floors first: one that rises in between forbids more, never less, than this state holds.
        let floors = store.catalog().all();
        let floors = floors
            .iter()
            .filter_map(|view| Some((view.id, view.floor()?)))
            .collect();
        // What sources claim, before the state: whatever a claim speaks of is in the state then. The
        // other way round a claim could come in between, with rows that the state does not have.
        //
        //   syncer   rows ──── fsync ──── claim in force
        //   here                               claim read ──── state pinned: it has the rows
        let complete = store.catalog().sources.complete();
        let now = store.0.clock.now();
        Snapshot {
            store,
            at: store.kv().snapshot(),
            floors,
            complete,
            now,
        }
    }
}

impl sealed::Source for Snapshot<'_> {
    fn lookup(&self) -> Lookup<'_> {
        Lookup {
            kv: self.store.kv(),
            caches: None,
            at: Some(&self.at),
            floors: Some(&self.floors),
            now: self.now,
            freshness: Freshness::Pinned(&self.complete),
            opened: self.store.catalog().opened,
        }
    }
}

impl Read for Snapshot<'_> {}

impl fmt::Debug for Snapshot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Snapshot({:?} at {})", self.store, self.now)
    }
}
