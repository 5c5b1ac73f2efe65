//! How a store is doing: what a metrics exporter may ask every second, and what takes a scan.

use super::Store;
use crate::cache::{RowCache, RowCacheCounts};
use crate::catalog::{SourceStatus, ViewState};
use crate::error::Result;
use crate::format::key::{self, Prefix};
use crate::format::row::HistoryRow;
use crate::id::ViewId;
use crate::kv::{Family, KvSnapshot, Walk};
use crate::law::Retained;
use crate::time::Timestamp;
use std::collections::BTreeMap;

/// What is known of a store without reading a row.
///
/// Bytes are bytes, of files as they lie on disk (compressed). What is estimated says so.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Stats {
    /// In the order of namespace and name.
    pub views: Vec<ViewStats>,
    /// The four families of RocksDB: `default` (the catalog), `history`, `latest`, `quarantine`.
    pub families: Vec<FamilyStats>,
    /// The block cache, which all families share.
    pub cache: CacheStats,
    /// Latest rows in memory.
    pub row_cache: RowCacheStats,
    /// Latest rows of resident views, which have a memory of their own.
    pub resident: ResidentStats,
    /// Whether writes outrun what is written to disk.
    pub pressure: PressureStats,
    /// Bytes of the write-ahead log that a restart would replay.
    pub log_bytes: u64,
    /// Rows that were set aside.
    pub quarantine_rows: u64,
    /// How many there may be.
    pub quarantine_rows_max: u64,
    /// What they take.
    pub quarantine_bytes: u64,
    /// What they may take.
    pub quarantine_bytes_max: u64,
    /// How far every log has been taken in, by name.
    pub sources: Vec<SourceStatus>,
    /// Why no write is accepted any more; none while writes are.
    pub poisoned: Option<String>,
}

/// One view, from the catalog in memory.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ViewStats {
    /// The tenant.
    pub namespace: String,
    /// The name.
    pub name: String,
    /// The newest schema version.
    pub schema_version: u32,
    /// The largest event time accepted; of a view that keeps no window, since the store was opened.
    pub newest_event_time: Option<Timestamp>,
    /// The earliest time that can be asked; none while everything is kept.
    pub floor: Option<Timestamp>,
    /// Facts before this are outside the view.
    pub horizon: Option<Timestamp>,
    /// Entities behind an erase fence.
    pub fences: u64,
    /// Its latest rows are in memory, as [`StoreOptions::resident`](crate::StoreOptions::resident) asked.
    pub is_resident: bool,
}

/// One family of RocksDB.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct FamilyStats {
    /// Its name.
    pub name: &'static str,
    /// Files of it that are in use.
    pub files: u64,
    /// Their bytes on disk.
    pub file_bytes: u64,
    /// Bytes in memory that are not in a file yet, or that a reader still holds.
    pub memtable_bytes: u64,
    /// How many keys there are: an **estimate**, too high by every key that stands in two files.
    pub keys_estimated: u64,
    /// Files that were written out and not compacted yet; writes are slowed down at 20 of a family
    /// and stopped at 36.
    pub files_at_level0: u64,
    /// Memtables that wait to be written out.
    pub memtables_immutable: u64,
    /// How many bytes compaction has yet to rewrite: an **estimate**.
    pub pending_compaction_bytes: u64,
}

/// The block cache.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct CacheStats {
    /// How many bytes it may hold.
    pub capacity_bytes: u64,
    /// How many it holds.
    pub used_bytes: u64,
    /// How many of them are in use this moment.
    pub pinned_bytes: u64,
}

/// The row cache: latest rows in memory, in front of RocksDB. All zero where there is none.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct RowCacheStats {
    /// How many bytes it may take.
    pub capacity_bytes: u64,
    /// How many it has taken.
    pub used_bytes: u64,
    /// How many rows it holds; that an entity has none counts as one.
    pub rows: u64,
    /// Reads that missed and put a row here, since the store was opened.
    pub fills: u64,
    /// Rows that went out to make room, since the store was opened.
    pub evictions: u64,
}

/// Latest rows of [resident](crate::StoreOptions::resident) views. All zero where there is none.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ResidentStats {
    /// How many bytes they may take.
    pub capacity_bytes: u64,
    /// How many they take. Room that rows have outgrown is not counted: a
    /// writer packs the rows when it needs it.
    pub used_bytes: u64,
    /// How many rows are in memory.
    pub rows: u64,
    /// How often a row was left out since the store was opened: for want of room, because it is larger
    /// than 64 KiB, or because nobody knows what a failed write left of it. Reads of it go to the
    /// database. **Anything but zero** means that the views are not resident: give them more memory.
    pub evicted: u64,
    /// Reads that found a row in the database and put it back here.
    pub fills: u64,
    /// Every row is in memory: the database is not asked for one that is not.
    pub is_complete: bool,
}

/// Whether writes outrun what is written to disk: the sums over all families.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct PressureStats {
    /// How many bytes compaction has yet to rewrite: an **estimate**.
    pub pending_compaction_bytes: u64,
    /// Files that were written out and not compacted yet.
    pub files_at_level0: u64,
    /// Memtables that wait to be written out.
    pub memtables_immutable: u64,
    /// No write gets through at present. One family's stall stops them all.
    pub is_write_stopped: bool,
    /// Bytes per second to which writes are slowed down; zero while they are not.
    pub delayed_write_rate: u64,
}

/// How far a census has come.
#[derive(Debug, Clone, Copy)]
pub struct CensusProgress {
    /// Rows read so far.
    pub rows: u64,
    /// How many there are, by RocksDB's **estimate**.
    pub rows_estimated: u64,
}

/// What is in one view, counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ViewCensus {
    /// The tenant.
    pub namespace: String,
    /// The name.
    pub name: String,
    /// Entities with at least one retained version.
    pub entities: u64,
    /// Retained versions, as `history` and `digest` see them.
    pub versions: u64,
    /// Versions that are stored and not retained any more: what reclaiming would give back.
    pub versions_reclaimable: u64,
    /// Retained versions per entity.
    pub versions_per_entity: Spread,
    /// The largest event time of a retained version, those of the future included.
    pub newest_event_time: Option<Timestamp>,
    /// Bytes of keys and values in history, before compression.
    pub history_bytes: u64,
    /// Bytes of keys and values of latest rows, before compression.
    pub latest_bytes: u64,
}

/// How a count is spread over entities: exact, not sampled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spread {
    /// Half of the entities have at most so many.
    pub p50: u64,
    /// Nine of ten have at most so many.
    pub p90: u64,
    /// 99 of 100 have at most so many.
    pub p99: u64,
    /// The most that one has.
    pub max: u64,
}

impl Store {
    /// How the store is doing, without reading a row: the catalog in memory, counters of RocksDB, and
    /// one listing of a directory. It takes some tens of microseconds, so an exporter may ask every
    /// second; not per request, since each counter takes RocksDB's mutex for a moment.
    ///
    /// ```
    /// # use asof::*;
    /// # fn main() -> Result<()> {
    /// # let store = Store::temp()?;
    /// let stats = store.stats()?;
    /// assert_eq!(stats.poisoned, None);
    /// assert_eq!(stats.families.len(), 4);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Io`](crate::ErrorKind::Io) when RocksDB does not answer. A poisoned or closed store answers.
    pub fn stats(&self) -> Result<Stats> {
        let kv = self.kv();
        let mut families = Vec::with_capacity(Family::ALL.len());
        let mut pressure = PressureStats {
            is_write_stopped: kv.is_write_stopped()?,
            delayed_write_rate: kv.delayed_write_rate()?,
            ..PressureStats::default()
        };
        for family in Family::ALL {
            let counts = kv.family_counts(family)?;
            pressure.pending_compaction_bytes += counts.pending_compaction_bytes;
            pressure.files_at_level0 += counts.files_at_level0;
            pressure.memtables_immutable += counts.memtables_immutable;
            families.push(FamilyStats {
                name: family.name(),
                files: counts.files,
                file_bytes: counts.file_bytes,
                memtable_bytes: counts.memtable_bytes,
                keys_estimated: counts.keys_estimated,
                files_at_level0: counts.files_at_level0,
                memtables_immutable: counts.memtables_immutable,
                pending_compaction_bytes: counts.pending_compaction_bytes,
            });
        }
        let cache = kv.cache_counts()?;
        let (set_aside, set_aside_max) = self.0.writer.quarantine.fill();
        Ok(Stats {
            views: self.catalog().all().iter().map(|v| view_stats(v)).collect(),
            families,
            row_cache: self.row_cache_stats(),
            resident: self.resident_stats(),
            cache: CacheStats {
                capacity_bytes: cache.capacity_bytes,
                used_bytes: cache.used_bytes,
                pinned_bytes: cache.pinned_bytes,
            },
            pressure,
            log_bytes: kv.log_bytes()?,
            quarantine_rows: set_aside.rows,
            quarantine_rows_max: set_aside_max.rows,
            quarantine_bytes: set_aside.bytes,
            quarantine_bytes_max: set_aside_max.bytes,
            sources: self.sources(),
            poisoned: self.0.writer.check_alive().err().map(|why| why.to_string()),
        })
    }

    fn cache_counts(&self, is_resident: bool) -> RowCacheCounts {
        let cache = self.0.writer.caches.of(is_resident);
        cache.map(RowCache::counts).unwrap_or_default()
    }

    fn resident_stats(&self) -> ResidentStats {
        let counts = self.cache_counts(true);
        ResidentStats {
            capacity_bytes: counts.capacity_bytes,
            used_bytes: counts.used_bytes,
            rows: counts.rows,
            evicted: counts.evictions,
            fills: counts.fills,
            is_complete: counts.is_complete,
        }
    }

    fn row_cache_stats(&self) -> RowCacheStats {
        let counts = self.cache_counts(false);
        RowCacheStats {
            capacity_bytes: counts.capacity_bytes,
            used_bytes: counts.used_bytes,
            rows: counts.rows,
            fills: counts.fills,
            evictions: counts.evictions,
        }
    }

    /// Counts what is in every view, in the order of namespace and name, from one snapshot.
    ///
    /// It reads every row of `history` and `latest` once, past the cache: about as long as `verify`
    /// without its proofs. Memory is that of one number per distinct count of versions.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) names the place: a census of damaged rows would be a guess.
    pub fn census(&self, progress: &mut dyn FnMut(CensusProgress)) -> Result<Vec<ViewCensus>> {
        let kv = self.kv();
        let mut rows_estimated = 0;
        for family in [Family::History, Family::Latest] {
            rows_estimated += kv.family_counts(family)?.keys_estimated;
        }
        let floors = self.catalog().all();
        let floors: Vec<_> = floors.iter().map(|view| (view, view.floor())).collect();
        let at = kv.snapshot();
        let mut counter = Counter {
            store: self,
            at: &at,
            told: CensusProgress {
                rows: 0,
                rows_estimated,
            },
            progress,
        };
        let census = floors
            .into_iter()
            .map(|(view, floor)| counter.view(view, floor));
        census.collect()
    }
}

fn view_stats(view: &ViewState) -> ViewStats {
    let contract = view.contract();
    let floor = view.floor();
    ViewStats {
        namespace: contract.namespace().to_owned(),
        name: contract.name().to_owned(),
        schema_version: contract.version(),
        newest_event_time: view.newest_accepted(),
        floor,
        horizon: contract.horizon(floor),
        fences: view.fence_count(),
        is_resident: view.is_resident,
    }
}

struct Counter<'a> {
    store: &'a Store,
    at: &'a KvSnapshot<'a>,
    told: CensusProgress,
    progress: &'a mut dyn FnMut(CensusProgress),
}

impl Counter<'_> {
    fn step(&mut self) {
        self.told.rows += 1;
        if self.told.rows.is_multiple_of(4_096) {
            (self.progress)(self.told);
        }
    }

    fn view(&mut self, view: &ViewState, floor: Option<Timestamp>) -> Result<ViewCensus> {
        let contract = view.contract();
        let mut census = ViewCensus {
            namespace: contract.namespace().to_owned(),
            name: contract.name().to_owned(),
            ..ViewCensus::default()
        };
        let mut spread = Spreading::default();
        let mut retained = Retained::new(floor, contract.horizon(floor));
        let mut entity: Option<(Prefix, u64)> = None;
        let start = key::view_start(view.id);
        let kv = self.store.kv();
        let mut cursor = kv.cursor(Family::History, Walk::Range, Some(self.at));
        cursor.seek(&start)?;
        while let Some((key, stored)) = cursor.item_in(&start) {
            self.step();
            census.history_bytes += (key.len() + stored.len()) as u64;
            let (prefix, stamp) = key::split_history(key)?;
            let row = HistoryRow::open(key, stored)?;
            if entity.is_none_or(|(known, _)| known != prefix) {
                spread.add(entity.map_or(0, |(_, versions)| versions));
                entity = Some((prefix, 0));
                retained.restart();
            }
            if retained.admit(&stamp, row.op, &row.body)? {
                census.versions += 1;
                census.newest_event_time = census.newest_event_time.max(Some(stamp.et));
                entity = entity.map(|(prefix, versions)| (prefix, versions + 1));
            } else {
                census.versions_reclaimable += 1;
            }
            cursor.next()?;
        }
        spread.add(entity.map_or(0, |(_, versions)| versions));
        census.entities = spread.entities;
        census.versions_per_entity = spread.spread();
        census.latest_bytes = self.latest_bytes(view.id)?;
        Ok(census)
    }

    fn latest_bytes(&mut self, view: ViewId) -> Result<u64> {
        let start = key::view_start(view);
        let kv = self.store.kv();
        let mut cursor = kv.cursor(Family::Latest, Walk::Range, Some(self.at));
        cursor.seek(&start)?;
        let mut bytes = 0;
        while let Some((key, stored)) = cursor.item_in(&start) {
            self.step();
            bytes += (key.len() + stored.len()) as u64;
            cursor.next()?;
        }
        Ok(bytes)
    }
}

/// How many entities have so many versions.
#[derive(Default)]
struct Spreading {
    entities: u64,
    by_count: BTreeMap<u64, u64>,
}

impl Spreading {
    fn add(&mut self, versions: u64) {
        if versions > 0 {
            self.entities += 1;
            *self.by_count.entry(versions).or_default() += 1;
        }
    }

    fn spread(&self) -> Spread {
        Spread {
            p50: self.percentile(50),
            p90: self.percentile(90),
            p99: self.percentile(99),
            max: self.by_count.keys().next_back().copied().unwrap_or(0),
        }
    }

    /// The smallest count that at least so many of a hundred entities do not exceed.
    fn percentile(&self, of_hundred: u64) -> u64 {
        let enough = (u128::from(self.entities) * u128::from(of_hundred)).div_ceil(100);
        let mut seen = 0;
        for (versions, entities) in &self.by_count {
            seen += u128::from(*entities);
            if seen >= enough {
                return *versions;
            }
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_count_that_some_entity_has() {
        let mut spreading = Spreading::default();
        assert_eq!(spreading.spread(), Spread::default());
        (1..=100).for_each(|versions| spreading.add(versions));
        spreading.add(0);
        let spread = |p50, p90, p99, max| Spread { p50, p90, p99, max };
        assert_eq!(spreading.spread(), spread(50, 90, 99, 100));
        assert_eq!(spreading.entities, 100);
        spreading.add(7_000);
        assert_eq!(spreading.spread(), spread(51, 91, 100, 7_000));
        let mut one = Spreading::default();
        one.add(3);
        assert_eq!(one.spread(), spread(3, 3, 3, 3));
    }
}
