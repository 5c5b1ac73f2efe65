//! Forgetting an entity, for good.
//!
//! ```text
//! under the entity's stripe
//!   plan      walk its versions: which go, and what the latest row is without them
//!   fence     fence + pending record, one batch ── fsync ── the fence is in force
//!   removal   every version, latest row and quarantine entry, the record done: one batch ── fsync
//! then        reclaim, if asked: the bytes leave the files
//! ```
//!
//! The fence comes first, and durable: after a crash behind it the next open finds the pending record
//! and carries the removal out before anybody can ask. Without a fence a replay of the log would bring
//! the person back; with one, no order of replay does.
//!
//! The removal is one batch, so that a read sees all of it or nothing. Taking it apart would oblige
//! every read to compare rows with fences. It stays small: versions that are neighbours, as those of
//! an entity that is erased whole all are, go by one range.

use super::Store;
use crate::cache::RowCache;
use crate::catalog::{Catalog, Entity, View, ViewState};
use crate::error::{Error, Result};
use crate::failpoint;
use crate::format::QuarantineId;
use crate::format::catalog::{CatalogKey, Fence, encode_fence, erasure_key, fence_key, parse_key};
use crate::format::checksum;
use crate::format::erasure::ErasureRecord;
use crate::format::key::{self, HISTORY_KEY_BYTES, PREFIX_BYTES, Prefix};
use crate::format::row::{HistoryRow, LatestRow};
use crate::id::Hex;
use crate::kv::{Family, Kv, KvBatch, Walk};
use crate::law::{Fold, is_fenced};
use crate::time::Timestamp;
use crate::write::{Held, Quarantine, entries_behind};
use std::ops::ControlFlow;
use std::sync::Arc;

/// What a caller chooses of an erase.
///
/// ```
/// use asof::{EraseOptions, Timestamp};
/// let until_noon = EraseOptions::new().recorded_at(Timestamp::from_secs(43_200)).reclaim(true);
/// assert_ne!(until_noon, EraseOptions::default());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[must_use]
pub struct EraseOptions {
    /// Versions that were recorded up to then are erased. Where it is not given: the larger of now
    /// and the newest recorded-at of the entity, which is everything that is stored.
    pub recorded_at: Option<Timestamp>,
    /// Whether the bytes leave the files before the call returns.
    pub reclaim: bool,
}

impl EraseOptions {
    /// Everything that is stored of the entity; its space is left to later compactions.
    pub fn new() -> Self {
        EraseOptions::default()
    }

    /// The same, for versions recorded up to then.
    pub fn recorded_at(mut self, t: Timestamp) -> Self {
        self.recorded_at = Some(t);
        self
    }

    /// The same, and whether the bytes leave the files before the call returns. That rewrites the
    /// files that hold the entity, which takes as long as they are large.
    pub fn reclaim(mut self, reclaim: bool) -> Self {
        self.reclaim = reclaim;
        self
    }
}

/// What an erase did, or would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erased {
    /// Versions recorded up to then are gone, and stay out.
    pub recorded_at: Timestamp,
    /// So are versions with an event time up to then: the view's floor. None where it has none.
    pub floor: Option<Timestamp>,
    /// Whether the store held anything of the entity. It is fenced either way.
    pub was_known: bool,
    /// How many versions were removed.
    pub versions: u64,
    /// How many rows about it were removed from the quarantine.
    pub quarantined: u64,
    /// Whether the bytes have left the files: it was asked for, and no snapshot or iterator that was
    /// alive still holds them.
    pub reclaimed: bool,
}

/// The record of one erase. It does not say whom it was about, only the keyed hash of that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// Its number, from one.
    pub number: u64,
    /// When it was asked for.
    pub at: Timestamp,
    /// The tenant of the view.
    pub namespace: String,
    /// The view.
    pub view: String,
    /// The hash of the entity under the store's own key, in hex.
    pub entity_hash: String,
    /// Versions recorded up to then were erased.
    pub recorded_at: Timestamp,
    /// And those with an event time up to then.
    pub floor: Option<Timestamp>,
    /// How many versions were removed.
    pub versions: u64,
    /// How many rows were removed from the quarantine.
    pub quarantined: u64,
    /// Whether the removal is done. It is pending while another thread is at it.
    pub is_done: bool,
}

impl Store {
    /// Erases an entity: every version of it that was recorded up to a time, or whose event time lies
    /// at or before the view's floor, leaves history, latest rows and quarantine, and a fence keeps
    /// such versions out from then on, in whatever order a log is replayed. Versions recorded later
    /// stay, and are accepted. Durable when this returns.
    ///
    /// An entity that was never seen is fenced all the same. A second erase joins the first: each
    /// bound is the larger of both.
    ///
    /// What it does not reach: snapshots taken before go on to answer as they did; dumps and copies
    /// made before still hold what they held. The fence, which also travels in dumps, keeps the
    /// entity's key columns (never a feature): without them it would hold in this store alone.
    ///
    /// ```
    /// # use asof::*;
    /// # fn main() -> Result<()> {
    /// # let store = Store::temp()?;
    /// # store.apply(ViewDefinition::builder("rider").key("id", Type::I64).feature("score", Type::F64).build()?)?;
    /// let rider = store.view("rider")?;
    /// let seven = rider.entity([7i64])?;
    /// let fact = || {
    ///     let mut batch = WriteBatch::new();
    ///     batch.put(&rider, &seven, Timestamp::from_secs(60)).set_value("score", 0.5).finish()?;
    ///     store.write(batch, WriteOptions::default())
    /// };
    /// fact()?;
    /// assert_eq!(store.erase(&rider, &seven, EraseOptions::new())?.versions, 1);
    /// assert_eq!(store.get(&rider, &seven, Question::latest())?.verdict(), Verdict::Never);
    /// // A replay brings nothing back.
    /// assert_eq!(fact()?.fenced, 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for a view or an entity of another store, and
    /// [`Corrupt`](crate::ErrorKind::Corrupt) for a version that stays and cannot be read:
    /// then nothing was done. After any other error the outcome is unknown; erasing again is always
    /// safe, and an erase that has begun is carried out by the next open.
    pub fn erase(&self, view: &View, entity: &Entity, options: EraseOptions) -> Result<Erased> {
        let writer = &self.0.writer;
        let now = self.0.clock.now();
        self.may_erase(view, entity)?;
        // Numbers the records; nothing else of the catalog changes meanwhile.
        let administration = self.0.administration.lock();
        writer.check_alive()?;
        let held = writer.stripes.lock(std::iter::once(entity.prefix()));
        let set_aside = writer.quarantine.hold();
        // Planned first: what cannot be read is found before anything is done.
        let (fence, record) = self.intend(view, entity, options.recorded_at, now)?;
        let mut removal = Removal::plan(self.kv(), self.catalog(), entity, &fence, now)?;
        let mut erased = removal.erased(&record);
        let number = next_number(self.kv())?;
        put_up(self.kv(), number, &record, &fence).inspect_err(|error| writer.fail(error))?;
        view.state.raise_fence(*entity.prefix(), fence);
        failpoint::pass("erase.in_force");
        removal.complete(number, record);
        let cache = writer.caches.of(view.state.is_resident);
        let cached = cache.map(|cache| (cache, entity.prefix()));
        let removed = removal.commit(self.kv(), cached, set_aside);
        removed.inspect_err(|error| writer.fail(error))?;
        drop((held, administration));
        if options.reclaim {
            failpoint::pass("erase.before_reclaim");
            let reclaimed = self.kv().reclaim(entity.prefix());
            erased.reclaimed = reclaimed.map_err(|error| {
                error.at("the entity is erased, and its bytes may still be on the disk")
            })?;
            failpoint::pass("erase.after_reclaim");
        }
        Ok(erased)
    }

    /// What [`erase`](Self::erase) would do. Changes nothing.
    ///
    /// # Errors
    /// As [`erase`](Self::erase).
    pub fn check_erase(
        &self,
        view: &View,
        entity: &Entity,
        options: EraseOptions,
    ) -> Result<Erased> {
        self.may_erase(view, entity)?;
        let now = self.0.clock.now();
        let writer = &self.0.writer;
        let _held = writer.stripes.lock(std::iter::once(entity.prefix()));
        let (fence, record) = self.intend(view, entity, options.recorded_at, now)?;
        let removal = Removal::plan(self.kv(), self.catalog(), entity, &fence, now)?;
        Ok(removal.erased(&record))
    }

    /// The record of every erase, oldest first.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) names the record.
    pub fn erasures(&self) -> Result<Vec<Erasure>> {
        let mut erasures = Vec::new();
        for (number, record) in records(self.kv())? {
            let view = view_of(self.catalog(), &record.prefix)?.contract();
            erasures.push(Erasure {
                number,
                at: record.at,
                namespace: view.namespace().into(),
                view: view.name().into(),
                entity_hash: Hex(&record.prefix[size_of::<u32>()..]).to_string(),
                recorded_at: record.recorded,
                floor: record.floor,
                versions: record.versions,
                quarantined: record.quarantined,
                is_done: record.is_done,
            });
        }
        Ok(erasures)
    }

    fn may_erase(&self, view: &View, entity: &Entity) -> Result<()> {
        self.0.writer.owner.check()?;
        view.belongs_to(self.catalog().opened)?;
        view.owns(entity)
    }

    /// The fence that an erase puts up, joined with what is there, and the record of it. The caller
    /// holds the entity's stripe.
    fn intend(
        &self,
        view: &View,
        entity: &Entity,
        recorded_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(Fence, ErasureRecord)> {
        let recorded = match recorded_at {
            Some(recorded) => recorded,
            None => {
                let stored = self.stamps_stored(entity.prefix())?;
                stored
                    .iter()
                    .fold(now, |newest, stamp| newest.max(stamp.rec))
            }
        };
        let floor = view.state.floor();
        let known = view.state.fence(entity.prefix());
        if known
            .as_ref()
            .is_some_and(|known| known.entity != entity.bytes())
        {
            return Err(collides(entity));
        }
        let mut fence = known.unwrap_or_else(|| Fence {
            recorded,
            floor,
            entity: entity.bytes().to_vec(),
        });
        fence.join(recorded, floor);
        let record = ErasureRecord {
            is_done: false,
            at: now,
            prefix: *entity.prefix(),
            recorded,
            floor,
            versions: 0,
            quarantined: 0,
        };
        Ok((fence, record))
    }
}

/// Carries out every erase that a crash cut short behind its fence. Doing it again changes nothing.
pub(super) fn complete(
    kv: &Kv,
    catalog: &Catalog,
    quarantine: &Quarantine,
    now: Timestamp,
) -> Result<()> {
    for (number, record) in records(kv)? {
        if record.is_done {
            continue;
        }
        let view = view_of(catalog, &record.prefix)?;
        let fence = view.fence(&record.prefix).ok_or_else(|| {
            Error::corrupt(format!(
                "erase {number} has no fence, and both were written at once; restore the store"
            ))
        })?;
        let entity = Entity::of_bytes(&view, &fence.entity);
        let mut removal = Removal::plan(kv, catalog, &entity, &fence, now)?;
        removal.complete(number, record);
        removal.commit(kv, None, quarantine.hold())?;
    }
    Ok(())
}

/// Writes the fence and the pending record, and makes them durable.
fn put_up(kv: &Kv, number: u64, record: &ErasureRecord, fence: &Fence) -> Result<()> {
    let mut batch = kv.batch();
    batch.put(Family::Catalog, &fence_key(&record.prefix), |out| {
        encode_fence(fence, out);
    });
    batch.put(Family::Catalog, &erasure_key(number), |out| {
        record.encode(out)
    });
    failpoint::pass("erase.before_fence");
    batch.commit()?;
    failpoint::pass("erase.after_fence");
    kv.sync()?;
    failpoint::pass("erase.after_fence_fsync");
    Ok(())
}

/// The batch that takes everything behind a fence away, and how much that is.
struct Removal<'k> {
    batch: KvBatch<'k>,
    was_known: bool,
    versions: u64,
    /// The latest row that is left, if it has become another.
    left: Option<Vec<u8>>,
    quarantined: Vec<QuarantineId>,
}

impl<'k> Removal<'k> {
    fn plan(
        kv: &'k Kv,
        catalog: &Catalog,
        entity: &Entity,
        fence: &Fence,
        now: Timestamp,
    ) -> Result<Self> {
        let latest = kv.get(Family::Latest, entity.prefix(), None)?;
        let of_another = |stored: &[u8]| {
            // One that is damaged does not keep a person from being forgotten: it is written anew.
            LatestRow::open(entity.prefix(), stored).is_ok_and(|row| row.entity() != entity.bytes())
        };
        if latest.as_deref().is_some_and(of_another) {
            return Err(collides(entity));
        }
        let of_it = |prefix: &Prefix| (prefix == entity.prefix()).then_some(fence);
        let set_aside = entries_behind(kv, catalog, of_it)?;
        let mut removal = Removal {
            batch: kv.batch(),
            was_known: latest.is_some(),
            versions: 0,
            left: None,
            quarantined: set_aside.into_iter().map(|(_, id)| id).collect(),
        };
        removal.versions(kv, entity, fence, now)?;
        Ok(removal)
    }

    /// Takes the versions behind the fence, and folds the others into the latest row.
    fn versions(&mut self, kv: &Kv, entity: &Entity, fence: &Fence, now: Timestamp) -> Result<()> {
        let mut fold = Fold::default();
        let mut folding = ControlFlow::Continue(());
        let mut schema_version = None;
        let mut run = Run::default();
        let mut cursor = kv.cursor(Family::History, Walk::Entity, None);
        cursor.seek(entity.prefix())?;
        while let Some((key, stored)) = cursor.item_in(entity.prefix()) {
            let (_, stamp) = key::split_history(key)?;
            if is_fenced(fence, &stamp) {
                run.push(key);
                self.versions += 1;
            } else {
                run.end(&mut self.batch);
                // Older ones are still walked, to be taken, but none of them shows.
                if folding.is_continue() {
                    let version = HistoryRow::open(key, stored)?;
                    if version.entity != entity.bytes() {
                        return Err(collides(entity));
                    }
                    schema_version = schema_version.max(Some(version.schema_version));
                    if stamp.et > now {
                        fold.postpone(stamp.et);
                    } else {
                        folding = fold.add(stamp, version.op, &version.body)?.older;
                    }
                }
            }
            cursor.next()?;
        }
        run.end(&mut self.batch);
        let contract = entity.view().contract();
        match schema_version.map(|version: u32| version.min(contract.version())) {
            // Nothing was taken, or nothing was there.
            _ if self.versions == 0 => {}
            Some(version) => {
                let mut left = Vec::new();
                fold.write(version, entity.bytes(), &mut left);
                self.batch.put(Family::Latest, entity.prefix(), |out| {
                    out.extend_from_slice(&left);
                });
                self.left = Some(left);
            }
            None => self.batch.delete(Family::Latest, entity.prefix()),
        }
        Ok(())
    }

    fn erased(&self, record: &ErasureRecord) -> Erased {
        Erased {
            recorded_at: record.recorded,
            floor: record.floor,
            was_known: self.was_known,
            versions: self.versions,
            quarantined: self.quarantined.len() as u64,
            reclaimed: false,
        }
    }

    /// Notes, in the same batch, that the erase of this record is done.
    fn complete(&mut self, number: u64, record: ErasureRecord) {
        let record = ErasureRecord {
            is_done: true,
            versions: self.versions,
            quarantined: self.quarantined.len() as u64,
            ..record
        };
        self.batch
            .put(Family::Catalog, &erasure_key(number), |out| {
                record.encode(out)
            });
    }

    /// `of` says whose latest row in memory is to go, and in which cache; none while there is none.
    fn commit(
        mut self,
        kv: &Kv,
        of: Option<(&RowCache, &Prefix)>,
        set_aside: Held<'_>,
    ) -> Result<()> {
        let change = set_aside.stage_removal(kv, &self.quarantined, &mut self.batch)?;
        failpoint::pass("erase.before_removal");
        // Where nothing is taken, the row stays what it is.
        let of = of.filter(|_| self.versions > 0);
        let marked = of.map(|(cache, prefix)| {
            let mut news = cache.news();
            news.forget(prefix);
            if let Some(left) = &self.left {
                news.put(prefix, left);
            }
            news.mark()
        });
        self.batch.commit()?;
        if let Some(marked) = marked {
            marked.publish();
        }
        failpoint::pass("erase.after_removal");
        kv.sync()?;
        failpoint::pass("erase.after_removal_fsync");
        set_aside.committed(change);
        Ok(())
    }
}

/// Versions that stand side by side and go together.
#[derive(Default)]
struct Run {
    keys: Vec<[u8; HISTORY_KEY_BYTES]>,
    /// The last of those that did not fit.
    beyond: Option<[u8; HISTORY_KEY_BYTES]>,
}

/// So many are deleted one by one, which later reads pass by more cheaply than a range.
const RUN_MAX: usize = 1_024;

impl Run {
    fn push(&mut self, key: &[u8]) {
        let key = *key.first_chunk().expect("its length was checked");
        if self.keys.len() < RUN_MAX {
            self.keys.push(key);
        } else {
            self.beyond = Some(key);
        }
    }

    fn end(&mut self, batch: &mut KvBatch<'_>) {
        match (self.keys.first(), self.beyond) {
            (Some(first), Some(last)) => batch.delete_range(Family::History, first, &last),
            _ => {
                for key in &self.keys {
                    batch.delete(Family::History, key);
                }
            }
        }
        self.keys.clear();
        self.beyond = None;
    }
}

/// Every record with its number, in order.
fn records(kv: &Kv) -> Result<Vec<(u64, ErasureRecord)>> {
    let mut found = Vec::new();
    let mut cursor = kv.cursor(Family::Catalog, Walk::Range, None);
    cursor.seek(&erasure_key(0))?;
    while let Some((key, stored)) = cursor.item() {
        let Some(CatalogKey::Erasure(number)) = parse_key(key) else {
            break;
        };
        let value = checksum::open("the record of an erase", key, stored)?;
        found.push((number, ErasureRecord::decode(value)?));
        cursor.next()?;
    }
    Ok(found)
}

fn next_number(kv: &Kv) -> Result<u64> {
    let mut cursor = kv.cursor(Family::Catalog, Walk::Range, None);
    cursor.seek_back(&erasure_key(u64::MAX))?;
    match cursor.item().and_then(|(key, _)| parse_key(key)) {
        Some(CatalogKey::Erasure(number)) => Ok(number + 1),
        _ => Ok(1),
    }
}

fn view_of(catalog: &Catalog, prefix: &Prefix) -> Result<Arc<ViewState>> {
    const { assert!(PREFIX_BYTES == size_of::<u32>() + 16) };
    let id = key::view_of(prefix)?;
    catalog.by_id(id).ok_or_else(|| {
        Error::corrupt(format!(
            "the record of an erase speaks of view {id}, which is not there"
        ))
    })
}

fn collides(entity: &Entity) -> Error {
    Error::contract(format!(
        "view {:?}: the key {:?} hashes like another entity's, which is stored; nothing is known of \
         this one, and nothing was erased",
        entity.view().contract().name(),
        entity.to_values()
    ))
}
