//! The logs that rows come from: how far each has been taken in, and how far each is complete.

use super::chain::{AHEAD_MAX, Chain, Stretch};
use crate::error::{Error, ErrorKind, Result, did_you_mean};
use crate::format::position::Position;
use crate::time::Timestamp;
use parking_lot::{Mutex, MutexGuard, RwLock};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// All sources of a store.
#[derive(Default)]
pub(crate) struct Sources {
    /// Held while positions are moved, from looking at what is due to putting it in force: over an
    /// fsync, so writers never take it.
    moving: Mutex<()>,
    chains: Mutex<Chains>,
    /// What readers see of it. Replaced, never changed.
    complete: RwLock<Arc<Completeness>>,
}

/// By source, then by partition.
type Chains = BTreeMap<String, BTreeMap<String, Chain>>;

/// How far each source is complete; none, or not there, where one that is waited for has never
/// reported.
pub(crate) type Completeness = BTreeMap<String, Option<Timestamp>>;

/// A stretch of a partition, by names.
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    pub(crate) source: String,
    pub(crate) partition: String,
    pub(crate) stretch: Stretch,
}

/// A place that a partition is moved to.
#[derive(Debug, Clone)]
pub(crate) struct Move {
    pub(crate) source: String,
    pub(crate) partition: String,
    pub(crate) to: Position,
}

/// One source, as the store knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceStatus {
    /// Its name.
    pub name: String,
    /// How far it is complete: as far as the least complete partition that it waits for. None where
    /// one of them has never reported.
    pub complete_through: Option<Timestamp>,
    /// Its partitions, by name.
    pub partitions: Vec<PartitionStatus>,
}

/// One partition of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionStatus {
    /// Its name.
    pub name: String,
    /// The offset of the next record to read. Everything below it is stored, and durable.
    pub position: u64,
    /// How far it is complete; none where it has never reported.
    pub complete_through: Option<Timestamp>,
    /// Whether the source waits for it. One that a declaration left out has been retired.
    pub is_declared: bool,
}

impl Sources {
    /// Refuses a batch with stretches that could not all be remembered.
    ///
    /// # Errors
    /// `Rejected` names the gap.
    pub(crate) fn check_room(&self, taken: &[Taken]) -> Result<()> {
        if taken.is_empty() {
            return Ok(());
        }
        let mut stretches: BTreeMap<(&str, &str), Vec<&Stretch>> = BTreeMap::new();
        for taken in taken {
            let partition = stretches.entry((&taken.source, &taken.partition));
            partition.or_default().push(&taken.stretch);
        }
        let chains = self.chains.lock();
        let fresh = Chain::new();
        for ((source, partition), stretches) in stretches {
            let chain = chains.get(source).and_then(|p| p.get(partition));
            let chain = chain.unwrap_or(&fresh);
            if chain.has_room_for(stretches.into_iter()) {
                continue;
            }
            let (gap, _) = chain.gap();
            return Err(Error::new(
                ErrorKind::Rejected,
                format!(
                    "the batch was refused and nothing of it was written: partition {partition:?} of \
                     source {source:?} has been written beyond {AHEAD_MAX} gaps, the first at offset \
                     {gap}. Write the records from there on, or skip them if the log no longer has \
                     them"
                ),
            ));
        }
        Ok(())
    }

    /// Notes stretches whose rows are in the log of the database. Their positions move with the next
    /// sync that begins after this.
    pub(crate) fn take(&self, taken: Vec<Taken>) {
        if taken.is_empty() {
            return;
        }
        let mut chains = self.chains.lock();
        // The source waits for a new partition from here on.
        let mut grown = Vec::new();
        for Taken {
            source,
            partition,
            stretch,
        } in taken
        {
            let partitions = chains.entry(source.clone()).or_default();
            let chain = partitions.entry(partition).or_insert_with(|| {
                grown.push(source);
                Chain::new()
            });
            chain.take(stretch);
        }
        self.publish(&chains, grown.iter().map(String::as_str));
    }

    /// Keeps positions where they are, but for what the holder of the guard does.
    pub(crate) fn hold(&self) -> MutexGuard<'_, ()> {
        self.moving.lock()
    }

    /// Where the next sync leads. What is written while it runs is left for the one after.
    pub(crate) fn due(&self) -> Vec<Move> {
        let chains = self.chains.lock();
        let chains = chains.iter().flat_map(|(source, partitions)| {
            partitions.iter().filter_map(move |(partition, chain)| {
                Some(Move {
                    source: source.clone(),
                    partition: partition.clone(),
                    to: chain.due()?,
                })
            })
        });
        chains.collect()
    }

    /// Puts positions in force, those that the catalog had among them. All below them is durable.
    pub(crate) fn settle(&self, moves: Vec<Move>) {
        let mut chains = self.chains.lock();
        let mut settled = BTreeSet::new();
        for Move {
            source,
            partition,
            to,
        } in moves
        {
            settled.insert(source.clone());
            let chain = chains.entry(source).or_default().entry(partition);
            chain.or_insert_with(Chain::new).settle(to);
        }
        self.publish(&chains, settled.iter().map(String::as_str));
    }

    /// Puts a position in force that lies further back, and forgets what was written beyond it.
    pub(crate) fn reset(&self, back: Move) {
        let mut chains = self.chains.lock();
        let partitions = chains.entry(back.source.clone()).or_default();
        partitions.insert(back.partition, Chain::at(back.to));
        self.publish(&chains, [back.source.as_str()]);
    }

    /// The position in force of a partition, where it is known.
    pub(crate) fn position(&self, source: &str, partition: &str) -> Option<Position> {
        let chains = self.chains.lock();
        Some(chains.get(source)?.get(partition)?.position())
    }

    /// A copy of what is known of a partition.
    pub(crate) fn chain(&self, source: &str, partition: &str) -> Option<Chain> {
        self.chains.lock().get(source)?.get(partition).cloned()
    }

    /// The same.
    ///
    /// # Errors
    /// `NotFound` offers the nearest name.
    pub(crate) fn known(&self, source: &str, partition: &str) -> Result<Chain> {
        let chains = self.chains.lock();
        let Some(partitions) = chains.get(source) else {
            let hint = did_you_mean(source, chains.keys().map(String::as_str));
            return Err(Error::not_found(format!("no source {source:?}{hint}")));
        };
        partitions.get(partition).cloned().ok_or_else(|| {
            let names: Vec<&str> = partitions.keys().map(String::as_str).collect();
            Error::not_found(format!(
                "source {source:?} has no partition {partition:?}; it has {}",
                names.join(", ")
            ))
        })
    }

    /// What a declaration makes of the partitions of a source: those named are waited for, the others
    /// are not. None moves.
    pub(crate) fn declared(&self, source: &str, named: &[String]) -> Vec<Move> {
        let chains = self.chains.lock();
        let known = chains.get(source);
        let mut partitions: Vec<&String> = known.into_iter().flat_map(BTreeMap::keys).collect();
        partitions.extend(named);
        partitions.sort();
        partitions.dedup();
        let declare = |partition: &String| {
            let chain = known.and_then(|known| known.get(partition)).cloned();
            // Where it stands, and not what it has reached: that is not durable yet.
            let position = chain.unwrap_or_else(Chain::new).position();
            Move {
                source: source.to_string(),
                partition: partition.clone(),
                to: Position {
                    counts: named.contains(partition),
                    ..position
                },
            }
        };
        partitions.into_iter().map(declare).collect()
    }

    /// How far every source is complete at this moment.
    pub(crate) fn complete(&self) -> Arc<Completeness> {
        self.complete.read().clone()
    }

    /// All sources, by name.
    pub(crate) fn status(&self) -> Vec<SourceStatus> {
        let chains = self.chains.lock();
        let status = chains.iter().map(|(name, partitions)| SourceStatus {
            name: name.clone(),
            complete_through: least(partitions),
            partitions: partitions.iter().map(PartitionStatus::of).collect(),
        });
        status.collect()
    }

    /// Shows readers how far these sources are complete. Under the lock of the chains, so that what
    /// is shown last is what is. A source that has said nothing need not be shown: a map of thousands
    /// is copied only when one of them has news.
    fn publish<'s>(&self, chains: &Chains, sources: impl IntoIterator<Item = &'s str>) {
        let shown = self.complete();
        let mut next: Option<Completeness> = None;
        for source in sources {
            let now = chains.get(source).and_then(least);
            if shown.get(source).copied().flatten() != now {
                let next = next.get_or_insert_with(|| shown.as_ref().clone());
                next.insert(source.to_string(), now);
            }
        }
        if let Some(next) = next {
            *self.complete.write() = Arc::new(next);
        }
    }
}

impl PartitionStatus {
    fn of((name, chain): (&String, &Chain)) -> Self {
        let position = chain.position();
        PartitionStatus {
            name: name.clone(),
            position: position.offset,
            complete_through: position.complete.map(|complete| complete.through),
            is_declared: position.counts,
        }
    }
}

/// How far the least complete of the partitions is that a source waits for. None where one of them
/// has never reported, or there is none.
fn least(partitions: &BTreeMap<String, Chain>) -> Option<Timestamp> {
    let counted = partitions.values().map(Chain::position);
    let counted = counted.filter(|position| position.counts);
    let claims = counted.map(|position| position.complete.map(|complete| complete.through));
    // None is less than every time.
    claims.min().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(partition: &str, start: u64, end: u64, secs: Option<i64>) -> Taken {
        Taken {
            source: "log".into(),
            partition: partition.into(),
            stretch: Stretch {
                start,
                end,
                complete: secs.map(Timestamp::from_secs),
            },
        }
    }

    fn complete(sources: &Sources) -> Option<i64> {
        let through = sources.complete().get("log").copied().flatten();
        through.map(|through| through.micros() / 1_000_000)
    }

    #[test]
    fn a_source_is_as_complete_as_its_least_complete_partition() {
        let sources = Sources::default();
        sources.take(vec![taken("0", 0, 5, Some(10)), taken("1", 0, 5, Some(7))]);
        assert_eq!(complete(&sources), None, "nothing is durable yet");
        sources.settle(sources.due());
        assert_eq!(complete(&sources), Some(7));
        sources.take(vec![taken("2", 0, 5, None)]);
        assert_eq!(complete(&sources), None, "the new one has never reported");
        sources.settle(sources.declared("log", &["0".into(), "1".into()]));
        assert_eq!(complete(&sources), Some(7), "and is waited for no more");
        sources.settle(sources.declared("log", &[]));
        assert_eq!(complete(&sources), None);
    }

    #[test]
    fn what_is_written_during_a_sync_is_left_for_the_next() {
        let sources = Sources::default();
        sources.take(vec![taken("0", 0, 5, None)]);
        let due = sources.due();
        sources.take(vec![taken("0", 5, 9, Some(1))]);
        sources.settle(due);
        let status = sources.status();
        assert_eq!(status[0].partitions[0].position, 5);
        assert_eq!(complete(&sources), None);
    }

    #[test]
    fn a_declaration_settles_nothing() {
        let sources = Sources::default();
        sources.take(vec![taken("0", 0, 5, Some(1))]);
        sources.settle(sources.declared("log", &["0".into()]));
        assert_eq!(sources.status()[0].partitions[0].position, 0);
        assert_eq!(sources.due().len(), 1);
    }

    #[test]
    fn an_unknown_log_is_not_found_and_the_nearest_offered() {
        let sources = Sources::default();
        sources.take(vec![taken("0", 0, 1, None)]);
        let said = |source: &str, partition: &str| {
            sources.known(source, partition).unwrap_err().to_string()
        };
        assert!(said("lag", "0").contains("did you mean \"log\"?"));
        assert!(said("log", "7").contains("it has 0"));
    }
}
