//! Joining a judged batch with what is stored, and committing it.

use super::batch::{Pending, WriteBatch};
use super::bounds;
use super::durable::{Syncer, Ticket};
use super::forget::{self, Subject};
use super::group::{Group, LatestRows, Scratch};
use super::judge::{Bad, Candidate, judge};
use super::owner::Owner;
use super::pressure::{self, Gate};
use super::quarantine::{Held, Quarantine};
use super::receipt::{Durability, OnBadRow, OnPressure, Receipt, SetAside, WriteOptions};
use super::stripes::Stripes;
use crate::cache::{Caches, Marked, News, Sought};
use crate::catalog::{Catalog, ViewState};
use crate::error::{Error, ErrorKind, Result};
use crate::failpoint;
use crate::format::catalog::newest_key;
use crate::format::checksum;
use crate::format::key::{self, Prefix, Stamp};
use crate::format::quarantine::{QuarantineEntry, QuarantineId};
use crate::format::row::{HistoryRow, LatestRow, under};
use crate::kv::{Family, Kv, KvBatch, Walk};
use crate::law::{self, Admission, Retained};
use crate::schema::Retention;
use crate::time::Timestamp;
use crate::trace;
use parking_lot::{Mutex, MutexGuard};
use std::ops::Range;
use std::sync::Arc;

/// What accepts rows. In which order locks are taken is drawn over `Engine`, in `store/mod.rs`.
pub(crate) struct Writer {
    pub(crate) kv: Arc<Kv>,
    /// Latest rows in memory. What changes one in the database tells them, under the entity's stripe.
    pub(crate) caches: Caches,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) syncer: Arc<Syncer>,
    pub(crate) stripes: Stripes,
    pub(crate) quarantine: Quarantine,
    pub(crate) poison: Poison,
    pub(crate) owner: Owner,
    pub(crate) gate: Gate,
    /// Held while the newest event time of a windowed view is written, so that it only grows.
    pub(crate) newest: Mutex<()>,
    pub(crate) exact_receipts: bool,
}

/// Why nothing is accepted any more, if so.
///
/// After an I/O fault nothing is: RocksDB may have latched an error, and a later success would say
/// more than is known.
#[derive(Clone)]
pub(crate) struct Poison(Arc<Why>);

struct Why {
    first: Mutex<Option<(ErrorKind, String)>>,
    /// What to do when the fault is that no space is left.
    full: Box<dyn Fn() + Send + Sync>,
}

impl Poison {
    pub(crate) fn new(full: impl Fn() + Send + Sync + 'static) -> Self {
        Poison(Arc::new(Why {
            first: Mutex::default(),
            full: Box::new(full),
        }))
    }

    pub(crate) fn set(&self, error: &Error) {
        if error.kind() == ErrorKind::StorageFull {
            (self.0.full)();
        }
        self.set_to(|| {
            trace::poisoned(&error.to_string());
            (ErrorKind::Poisoned, error.to_string())
        });
    }

    /// The first reason stays.
    pub(crate) fn set_to(&self, why: impl FnOnce() -> (ErrorKind, String)) {
        self.0.first.lock().get_or_insert_with(why);
    }

    fn check(&self) -> Result<()> {
        match &*self.0.first.lock() {
            None => Ok(()),
            Some((ErrorKind::Closed, why)) => Err(Error::new(ErrorKind::Closed, why.clone())),
            Some((kind, why)) => Err(Error::new(
                *kind,
                format!(
                    "the store takes no writes after an I/O fault: {why}. Close it and open it again; \
                     writing again is always safe"
                ),
            )),
        }
    }
}

/// The rows of a batch, and the latest rows of their entities.
struct Gathered<'a> {
    /// By entity in the order of their prefixes, and of one entity in the order of the batch.
    rows: Vec<&'a Candidate>,
    /// The rows of each entity, and its latest row among those stored.
    entities: Vec<(Range<usize>, Option<Range<usize>>)>,
    /// Latest rows without their checksums, one after the other.
    stored: Vec<u8>,
}

impl Writer {
    pub(crate) fn submit(
        &self,
        batch: WriteBatch,
        options: WriteOptions,
        now: Timestamp,
    ) -> Result<Ticket> {
        self.check_alive()?;
        bounds::check_rows(batch.rows.len())?;
        for row in &batch.rows {
            if let Pending::Draft(draft) = row {
                draft.view.belongs_to(self.catalog.opened)?;
            }
        }
        self.gate.admit(
            batch.bytes() as u64,
            options.on_pressure,
            || self.kv.nearest_limit(),
            || self.check_alive(),
        )?;
        let given = batch.rows.len();
        super::stretch::check(&batch.taken)?;
        self.catalog.sources.check_room(&batch.taken)?;
        let appended = options.log_append_time.unwrap_or(now);
        let (mut good, mut bad) = judge(batch.rows, &self.catalog, now, appended);
        bounds::check_bytes(&good, &bad)?;
        // A bad row that says whom it is about holds that stripe too: an erase of that entity comes
        // before it, and fences it, or after it, and removes it.
        let subjects = forget::subjects(&bad, &self.catalog);
        let prefixes = good.iter().map(|row| row.entity.prefix());
        let of_bad = subjects.iter().flatten().map(Subject::prefix);
        let held = self.stripes.lock(prefixes.chain(of_bad));
        let mut fenced = forget::take_fenced(&mut bad, &subjects);
        let mut quarantine = self.hold_replayed(&mut good, [&mut bad, &mut fenced])?;
        let rows = (good.len() + bad.len() + fenced.len()) as u64;
        let gathered = self.gather(&good, &mut bad, now)?;
        if !bad.is_empty() && options.on_bad_row == OnBadRow::Refuse {
            trace::refused(bad.len(), &bad[0].entry.reason);
            return Err(rejected(&bad, given));
        }
        let mut receipt = Receipt {
            rows,
            quarantined: bad.len() as u64,
            fenced: fenced.len() as u64,
            ..Receipt::default()
        };
        let done = gathered.rows.iter().filter_map(|row| row.came.replayed());
        let done = done.chain(fenced.iter().filter_map(Bad::replayed));
        let done: Vec<_> = done.map(|entry| entry.id).collect();
        if quarantine.is_none() && !(bad.is_empty() && done.is_empty()) {
            quarantine = Some(self.quarantine.hold());
        }
        let mut latest = gathered.latest_room();
        let (kv_batch, newest) = self.join(&gathered, now, &mut latest, &mut receipt)?;
        let news = self
            .caches
            .each(|cache, resident| latest.news(cache, resident));
        let staged = (quarantine, (&bad[..], &done[..]), &newest);
        self.commit(kv_batch, news, staged, options.on_pressure)?;
        drop(held);
        // After the commit, before the number: the sync that covers the number covers the stretches.
        self.catalog.sources.take(batch.taken);
        if let Some(first) = bad.first() {
            trace::set_aside(bad.len(), &first.entry.reason);
        }
        trace::wrote(receipt.outcomes());
        self.tell_left_out();
        let number = self.syncer.committed();
        let pending = match options.durability {
            Durability::Synced => Some((self.syncer.clone(), number)),
            Durability::Buffered => None,
        };
        Ok(Ticket::new(receipt, told(&bad), pending))
    }

    /// Loads the latest row of every entity of a batch. A row whose entity has the hash of another
    /// is a bad one.
    fn gather<'a>(
        &self,
        rows: &'a [Candidate],
        bad: &mut Vec<Bad>,
        now: Timestamp,
    ) -> Result<Gathered<'a>> {
        // In ascending order: neighbours share a block to read, and a path through the memtable to
        // write. No row is hashed: the end of a prefix is a hash already.
        let mut order: Vec<(&Prefix, u32)> = rows
            .iter()
            .map(|row| row.entity.prefix())
            .zip(0..)
            .collect();
        order.sort_unstable();
        let entities = || order.chunk_by(|a, b| a.0 == b.0);
        let mut gathered = Gathered {
            rows: Vec::with_capacity(rows.len()),
            entities: Vec::with_capacity(rows.len()),
            stored: Vec::new(),
        };
        let cached: Vec<_> = entities()
            .map(|of_one| self.cached(&rows[of_one[0].1 as usize], &mut gathered.stored))
            .collect();
        let missing = entities()
            .zip(&cached)
            .filter(|(_, cached)| cached.is_none());
        let keys = missing.map(|(of_one, _)| &of_one[0].0[..]);
        let mut stored = self
            .kv
            .get_many(Family::Latest, keys, true, None)
            .into_iter();
        for (of_one, cached) in entities().zip(cached) {
            let latest = match cached {
                Some(cached) => cached,
                None => match stored.next().expect("it was asked for")? {
                    Some(stored) => {
                        let value = checksum::open("a latest row", of_one[0].0, &stored)?;
                        let start = gathered.stored.len();
                        gathered.stored.extend_from_slice(value);
                        start..gathered.stored.len()
                    }
                    None => 0..0,
                },
            };
            let of_one = of_one.iter().map(|(_, at)| &rows[*at as usize]);
            gathered.add(of_one, latest, bad, now)?;
        }
        Ok(gathered)
    }

    /// Where in `out` the latest row of the entity of a row is now, if it is in memory; an empty place if the
    /// entity has none. It stays current while the stripe is held.
    fn cached(&self, row: &Candidate, out: &mut Vec<u8>) -> Option<Range<usize>> {
        let start = out.len();
        let cache = self.caches.of(row.entity.view().is_resident)?;
        match cache.read(row.entity.prefix(), out) {
            Sought::Hit(_) => Some(start..out.len()),
            Sought::Miss(_) | Sought::Busy => None,
        }
    }

    /// Joins what was gathered, row by row.
    fn join<'a>(
        &self,
        gathered: &'a Gathered<'a>,
        now: Timestamp,
        latest: &mut LatestRows,
        receipt: &mut Receipt,
    ) -> Result<(KvBatch<'_>, Newest<'a>)> {
        let mut batch = self.kv.batch_of(gathered.bytes() + latest.room());
        let mut newest: Newest<'_> = Vec::new();
        let (mut scratch, mut cursor) = (Scratch::default(), None);
        for (rows, stored) in &gathered.entities {
            let rows = &gathered.rows[rows.clone()];
            let stored = stored.clone().map(|stored| &gathered.stored[stored]);
            let (first, prefix) = (rows[0], rows[0].entity.prefix());
            let at = (&*self.kv, &mut cursor);
            let mut group = Group::begin((first, stored), now, &mut scratch, at)?;
            for row in rows {
                match self.admit(row, &mut group)? {
                    Admission::Applied => {
                        group.apply(row, receipt)?;
                        batch.put_sealed(Family::History, &row.key, &row.stored);
                        note_newest(&mut newest, group.view, row.stamp.et);
                    }
                    Admission::Duplicate => receipt.duplicate += 1,
                    Admission::TooLate => receipt.too_late += 1,
                    Admission::Fenced => receipt.fenced += 1,
                }
            }
            group.put_latest(prefix, latest)?;
            bounds::check_commit(batch.bytes() + latest.bytes())?;
        }
        latest.put_into(&mut batch);
        Ok((batch, newest))
    }

    /// What becomes of a row that keeps its contract.
    fn admit(&self, row: &Candidate, group: &mut Group<'_, '_>) -> Result<Admission> {
        let prefix = row.entity.prefix();
        if group
            .view
            .fence(prefix)
            .is_some_and(|fence| law::is_fenced(&fence, &row.stamp))
        {
            return Ok(Admission::Fenced);
        }
        if self.is_too_late(row, group)? {
            return Ok(Admission::TooLate);
        }
        let known = group.knows(&row.stamp)?
            || (self.exact_receipts && self.kv.get(Family::History, &row.key, None)?.is_some());
        Ok(if known {
            Admission::Duplicate
        } else {
            Admission::Applied
        })
    }

    /// Whether the floor no longer retains a row, given what is stored and what this batch added.
    fn is_too_late(&self, row: &Candidate, group: &Group<'_, '_>) -> Result<bool> {
        // First what settles nearly every row: only one at or before the floor needs the contract.
        let floor = group.view.floor();
        let Some(floor) = floor.filter(|floor| row.stamp.et <= *floor) else {
            return Ok(false);
        };
        let horizon = group.view.contract().horizon(Some(floor));
        let mut newer: Vec<(Stamp, Vec<u8>)> = Vec::new();
        let prefix = row.entity.prefix();
        let mut cursor = self.kv.cursor(Family::History, Walk::Entity, None);
        cursor.seek(&key::at_or_before(prefix, floor))?;
        while let Some((key, stored)) = cursor.item_in(prefix) {
            let (_, stamp) = key::split_history(key)?;
            if stamp <= row.stamp {
                break;
            }
            newer.push((stamp, checksum::open("a version", key, stored)?.to_vec()));
            cursor.next()?;
        }
        let added = group
            .added()
            .iter()
            .filter(|added| added.stamp > row.stamp && added.stamp.et <= floor);
        newer.extend(added.map(|added| (added.stamp, added.value().to_vec())));
        newer.sort_unstable_by_key(|(stamp, _)| std::cmp::Reverse(*stamp));
        let mut retained = Retained::new(Some(floor), horizon);
        for (stamp, value) in &newer {
            let version = HistoryRow::parse(value)?;
            retained.admit(stamp, version.op, &version.body)?;
        }
        let version = HistoryRow::parse(row.value())?;
        Ok(!retained.admit(&row.stamp, row.op, &version.body)?)
    }

    /// Leaves out what is replayed and is no longer set aside: somebody else wrote it, or dropped it.
    /// Nobody touches the quarantine from here to the commit.
    fn hold_replayed(
        &self,
        good: &mut Vec<Candidate>,
        bad: [&mut Vec<Bad>; 2],
    ) -> Result<Option<Held<'_>>> {
        let of_bad = bad
            .iter()
            .flat_map(|bad| bad.iter())
            .filter_map(Bad::replayed);
        let replayed = good.iter().filter_map(|row| row.came.replayed());
        let replayed: Vec<_> = replayed.chain(of_bad).collect();
        if replayed.is_empty() {
            return Ok(None);
        }
        let held = self.quarantine.hold();
        let mut present = held.present_as_kept(&self.kv, replayed)?;
        // An entry counts once, also in a batch that replays it twice.
        let mut is_there = |entry: &QuarantineEntry| present.remove(&entry.id);
        good.retain(|row| row.came.replayed().is_none_or(&mut is_there));
        for bad in bad {
            bad.retain(|row| row.replayed().is_none_or(&mut is_there));
        }
        Ok(Some(held))
    }

    fn commit(
        &self,
        mut batch: KvBatch<'_>,
        news: [Option<News<'_>>; 2],
        (quarantine, (bad, done), newest): Staged<'_>,
        on_pressure: OnPressure,
    ) -> Result<()> {
        let quarantine = match quarantine {
            Some(held) => Some((held.stage(&self.kv, bad, done, &mut batch)?, held)),
            None => None,
        };
        let mut held: Option<MutexGuard<'_, ()>> = None;
        for (view, et) in newest {
            let windowed = matches!(view.contract().time().history, Retention::Window(_));
            if windowed && Some(*et) > view.newest_accepted() {
                held.get_or_insert_with(|| self.newest.lock());
                let et = view
                    .newest_accepted()
                    .max(Some(*et))
                    .expect("there is a newest");
                batch.put(Family::Catalog, &newest_key(view.id), |out| {
                    out.extend(et.micros().to_le_bytes());
                });
            }
        }
        if batch.is_empty() {
            return Ok(());
        }
        failpoint::pass("write.before_commit");
        let marked = news.map(|news| news.map(News::mark));
        let marked = marked.into_iter().flatten();
        let written = match on_pressure {
            OnPressure::Wait => batch.commit().map(|()| true),
            OnPressure::Refuse => batch.commit_at_once(),
        };
        // What was marked is let go of where nobody knows whether the batch was written.
        if !written.inspect_err(|error| self.poison(error))? {
            marked.for_each(Marked::withdraw);
            return Err(pressure::refused(&self.kv.nearest_limit()?));
        }
        if let Some((change, held)) = quarantine {
            held.committed(change);
        }
        for (view, et) in newest {
            view.accepted(*et);
        }
        // Memory may have to be put in order for the rows, and nobody but their readers has to wait for that.
        drop(held);
        marked.for_each(Marked::publish);
        failpoint::pass("write.after_commit");
        Ok(())
    }

    /// Says, once, that resident rows are not all in memory.
    pub(crate) fn tell_left_out(&self) {
        if let Some(counts) = self.caches.left_out() {
            trace::left_out(counts.evictions, counts.capacity_bytes);
        }
    }

    /// Takes no more writes, after a fault of a write or a sync.
    ///
    /// That the store was closed before a write was durable is none.
    pub(crate) fn poison(&self, error: &Error) {
        if error.kind() != ErrorKind::Closed {
            self.poison.set(error);
        }
    }

    /// The same, after a sync that the syncer did not make: it must not sync again either.
    pub(crate) fn fail(&self, error: &Error) {
        self.poison.set(error);
        self.syncer.fail(error);
    }

    pub(crate) fn check_alive(&self) -> Result<()> {
        self.owner.check()?;
        self.poison.check()
    }
}

/// What is committed beside the rows: what is held of the quarantine, what goes into it and out of
/// it, and the newest event times.
type Staged<'a> = (
    Option<Held<'a>>,
    (&'a [Bad], &'a [QuarantineId]),
    &'a Newest<'a>,
);

/// The newest event time that a batch brings to each view.
type Newest<'a> = Vec<(&'a Arc<ViewState>, Timestamp)>;

/// What a row takes in a batch beside its value: its key, tags and lengths.
const ROW_ROOM: usize = 64;

/// Rows come by view: the id of the view leads their prefix.
fn note_newest<'a>(newest: &mut Newest<'a>, view: &'a Arc<ViewState>, et: Timestamp) {
    match newest.last_mut() {
        Some((last, newest)) if last.id == view.id => *newest = et.max(*newest),
        _ => newest.push((view, et)),
    }
}

impl<'a> Gathered<'a> {
    /// About what its rows take in a batch.
    fn bytes(&self) -> usize {
        self.rows
            .iter()
            .map(|row| row.stored.len() + ROW_ROOM)
            .sum()
    }

    /// Room for a latest row per entity, each about as large as a row and the stamp that it adds.
    fn latest_room(&self) -> LatestRows {
        let (rows, entities) = (self.rows.len().max(1), self.entities.len());
        LatestRows::with_capacity(entities, self.bytes() / rows * entities)
    }

    /// Adds the rows of one prefix, whose latest row stands there in `stored`, if there is one. The
    /// entity that was here first keeps the place.
    fn add(
        &mut self,
        rows: impl Iterator<Item = &'a Candidate> + Clone,
        latest: Range<usize>,
        bad: &mut Vec<Bad>,
        now: Timestamp,
    ) -> Result<()> {
        let first = rows.clone().next().expect("a group has a row");
        let latest = (!latest.is_empty()).then_some(latest);
        let owner = match &latest {
            Some(latest) => LatestRow::parse(&self.stored[latest.clone()])
                .map_err(|e| under(first.entity.prefix(), e))?
                .entity(),
            None => first.entity.bytes(),
        };
        let start = self.rows.len();
        for row in rows {
            if row.entity.bytes() == owner {
                self.rows.push(row);
            } else {
                let error = Error::contract(format!(
                    "{}: its key hashes like that of another entity, which was here first; give it \
                     another key, or keep it in another store",
                    super::judge::place(&row.view.contract, &row.entity.to_values())
                ));
                bad.push(Bad::of(row, error, now));
            }
        }
        if start < self.rows.len() {
            self.entities.push((start..self.rows.len(), latest));
        }
        Ok(())
    }
}

/// The first bad rows, in the order of the batch.
fn told(bad: &[Bad]) -> Vec<SetAside> {
    let mut first: Vec<&Bad> = bad.iter().collect();
    first.sort_unstable_by_key(|bad| bad.number);
    first.truncate(SetAside::TOLD_MAX);
    let told = first.iter().map(|bad| SetAside {
        row: bad.number,
        id: bad.entry.id,
        reason: bad.entry.reason.clone(),
    });
    told.collect()
}

fn rejected(bad: &[Bad], rows: usize) -> Error {
    let first = bad
        .iter()
        .min_by_key(|bad| bad.number)
        .expect("there is a bad row");
    Error::new(
        ErrorKind::Rejected,
        format!(
            "the batch was refused and nothing of it was written: row {} of {rows} is bad ({}){}",
            first.number + 1,
            first.error,
            match bad.len() - 1 {
                0 => String::new(),
                more => format!(", and {more} more"),
            }
        ),
    )
    .of_row(first.number)
}
