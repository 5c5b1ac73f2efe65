//! Joining a judged batch with what is stored, and committing it.

use super::batch::{Pending, WriteBatch};
use super::bounds;
use super::durable::{Syncer, Ticket};
use super::forget::{self, Subject};
use super::judge::{Bad, Candidate, judge};
use super::owner::Owner;
use super::quarantine::{Held, Quarantine};
use super::receipt::{Durability, OnBadRow, Receipt, SetAside, WriteOptions};
use super::stripes::Stripes;
use crate::cache::{News, RowCache, Sought};
use crate::catalog::{Catalog, ViewState};
use crate::error::{Error, ErrorKind, Result};
use crate::failpoint;
use crate::format::catalog::newest_key;
use crate::format::checksum;
use crate::format::key::{self, Prefix, Stamp};
use crate::format::quarantine::{QuarantineEntry, QuarantineId};
use crate::format::row::{HistoryRow, LatestRow};
use crate::kv::{Cursor, Family, Kv, KvBatch, Walk};
use crate::law::{self, Admission, Fold, Retained};
use crate::op::Op;
use crate::read::refold;
use crate::schema::Retention;
use crate::time::Timestamp;
use crate::trace;
use parking_lot::{Mutex, MutexGuard};
use std::collections::HashMap;
use std::sync::Arc;

/// What accepts rows. In which order locks are taken is drawn over `Engine`, in `store/mod.rs`.
pub(crate) struct Writer {
    pub(crate) kv: Arc<Kv>,
    /// Latest rows in memory. What changes one in the database tells it, under the entity's stripe.
    pub(crate) cache: Option<RowCache>,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) syncer: Arc<Syncer>,
    pub(crate) stripes: Stripes,
    pub(crate) quarantine: Quarantine,
    pub(crate) poison: Poison,
    pub(crate) owner: Owner,
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

/// One entity of a batch: its latest row in the making.
struct Group<'a> {
    view: &'a Arc<ViewState>,
    entity: &'a [u8],
    fold: Fold,
    schema_version: u32,
    /// The newest event time known of it, due or not.
    newest_et: Option<Timestamp>,
    /// What this batch has added.
    added: Vec<&'a Candidate>,
    /// The same by instant, each with the others of its (event time, recorded-at).
    instants: HashMap<(Timestamp, Timestamp), Vec<&'a Candidate>>,
    changed: bool,
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
        let (good, mut groups) = self.gather(&good, &mut bad, now)?;
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
        let done = good.iter().filter_map(|row| row.came.replayed());
        let done = done.chain(fenced.iter().filter_map(Bad::replayed));
        let done: Vec<_> = done.map(|entry| entry.id).collect();
        if quarantine.is_none() && !(bad.is_empty() && done.is_empty()) {
            quarantine = Some(self.quarantine.hold());
        }
        let mut kv_batch = self.kv.batch();
        let mut newest: Newest<'_> = HashMap::new();
        for row in good {
            let group = groups
                .get_mut(row.entity.prefix())
                .expect("every entity was gathered");
            let admission = self.admit(row, group)?;
            match admission {
                Admission::Applied => {
                    apply(row, group, now, &mut receipt)?;
                    put_version(row, &mut kv_batch);
                    let newest = newest
                        .entry(group.view.id)
                        .or_insert((group.view, row.stamp.et));
                    newest.1 = newest.1.max(row.stamp.et);
                }
                Admission::Duplicate => receipt.duplicate += 1,
                Admission::TooLate => receipt.too_late += 1,
                Admission::Fenced => receipt.fenced += 1,
            }
        }
        let mut news = self.cache.as_ref().map(RowCache::news);
        for (prefix, group) in &mut groups {
            group.put_latest(prefix, &mut kv_batch, news.as_mut());
            bounds::check_commit(kv_batch.bytes())?;
        }
        self.commit(kv_batch, news, quarantine, (&bad, &done), &newest)?;
        drop(held);
        // After the commit, before the number: the sync that covers the number covers the stretches.
        self.catalog.sources.take(batch.taken);
        if let Some(first) = bad.first() {
            trace::set_aside(bad.len(), &first.entry.reason);
        }
        trace::wrote(receipt.outcomes());
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
    ) -> Result<(Vec<&'a Candidate>, HashMap<Prefix, Group<'a>>)> {
        let mut groups: HashMap<Prefix, Group<'a>> = HashMap::with_capacity(rows.len());
        for row in rows {
            groups
                .entry(*row.entity.prefix())
                .or_insert_with(|| Group::of(row));
        }
        let mut cursor = None;
        let mut missing = Vec::new();
        let mut cached = Vec::new();
        for (prefix, group) in &mut groups {
            cached.clear();
            let sought = self
                .cache
                .as_ref()
                .map(|cache| cache.read(prefix, &mut cached));
            match sought {
                // The stripes are held, so it stays current. Without bytes there is no row.
                Some(Sought::Hit(_)) if cached.is_empty() => {}
                Some(Sought::Hit(_)) => group.load(&self.kv, prefix, &cached, now, &mut cursor)?,
                Some(Sought::Miss(_) | Sought::Busy) | None => missing.push(*prefix),
            }
        }
        // In ascending order, at once: neighbours share a block.
        missing.sort_unstable();
        let keys = missing.iter().map(|prefix| &prefix[..]);
        let stored = self.kv.get_many(Family::Latest, keys, true, None);
        for (prefix, stored) in missing.iter().zip(stored) {
            if let Some(stored) = stored? {
                let group = groups
                    .get_mut(prefix)
                    .expect("its prefix was taken from here");
                let value = checksum::open("a latest row", prefix, &stored)?;
                group.load(&self.kv, prefix, value, now, &mut cursor)?;
            }
        }
        let mut good = Vec::with_capacity(rows.len());
        for row in rows {
            if groups[row.entity.prefix()].entity == row.entity.bytes() {
                good.push(row);
            } else {
                let error = Error::contract(format!(
                    "{}: its key hashes like that of another entity, which was here first; give it \
                     another key, or keep it in another store",
                    super::judge::place(&row.view.contract, &row.entity.to_values())
                ));
                bad.push(Bad::of(row, error, now));
            }
        }
        Ok((good, groups))
    }

    /// What becomes of a row that keeps its contract.
    fn admit(&self, row: &Candidate, group: &Group<'_>) -> Result<Admission> {
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
        let known = group.fold.knows(&row.stamp)
            || group
                .of_instant(&row.stamp)
                .iter()
                .any(|added| added.stamp == row.stamp)
            || (self.exact_receipts && self.kv.get(Family::History, &row.key, None)?.is_some());
        Ok(if known {
            Admission::Duplicate
        } else {
            Admission::Applied
        })
    }

    /// Whether the floor no longer retains a row, given what is stored and what this batch added.
    fn is_too_late(&self, row: &Candidate, group: &Group<'_>) -> Result<bool> {
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
            .added
            .iter()
            .filter(|added| added.stamp > row.stamp && added.stamp.et <= floor);
        newer.extend(added.map(|added| (added.stamp, added.value.clone())));
        newer.sort_unstable_by_key(|(stamp, _)| std::cmp::Reverse(*stamp));
        let mut retained = Retained::new(Some(floor), horizon);
        for (stamp, value) in &newer {
            let version = HistoryRow::parse(value)?;
            retained.admit(stamp, version.op, &version.body)?;
        }
        let version = HistoryRow::parse(&row.value)?;
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
        news: Option<News<'_>>,
        quarantine: Option<Held<'_>>,
        (bad, done): (&[Bad], &[QuarantineId]),
        newest: &Newest<'_>,
    ) -> Result<()> {
        let quarantine = match quarantine {
            Some(held) => Some((held.stage(&self.kv, bad, done, &mut batch)?, held)),
            None => None,
        };
        let mut held: Option<MutexGuard<'_, ()>> = None;
        for (view, et) in newest.values() {
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
        let marked = news.map(News::mark);
        batch.commit().inspect_err(|error| self.poison(error))?;
        if let Some(marked) = marked {
            marked.publish();
        }
        failpoint::pass("write.after_commit");
        if let Some((change, held)) = quarantine {
            held.committed(change);
        }
        for (view, et) in newest.values() {
            view.accepted(*et);
        }
        Ok(())
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

/// The newest event time that a batch brings to each view.
type Newest<'a> = HashMap<crate::id::ViewId, (&'a Arc<ViewState>, Timestamp)>;

impl<'a> Group<'a> {
    fn of(row: &'a Candidate) -> Self {
        Group {
            view: row.entity.view(),
            entity: row.entity.bytes(),
            fold: Fold::default(),
            schema_version: 0,
            newest_et: None,
            added: Vec::new(),
            instants: HashMap::new(),
            changed: false,
        }
    }

    /// Loads the latest row, folding history anew where a version has come due since.
    fn load<'k>(
        &mut self,
        kv: &'k Kv,
        prefix: &Prefix,
        value: &[u8],
        now: Timestamp,
        cursor: &mut Option<Cursor<'k>>,
    ) -> Result<()> {
        let latest = LatestRow::parse(value)?;
        if latest.entity != self.entity {
            // The entity that was here first keeps the place.
            self.entity = &[];
            return Ok(());
        }
        self.schema_version = latest.schema_version;
        self.newest_et = latest.newest_et().max(latest.next_due());
        if latest.next_due().is_some_and(|due| due <= now) {
            let cursor =
                cursor.get_or_insert_with(|| kv.cursor(Family::History, Walk::Entity, None));
            let until = latest.newest_et().max(Some(now)).expect("now is there");
            refold(
                cursor,
                self.view,
                prefix,
                self.entity,
                until,
                &mut self.fold,
            )?;
            self.changed = true;
        } else {
            self.fold.load(&latest)?;
        }
        Ok(())
    }

    /// What this batch has added at the event time and recorded-at of a stamp.
    fn of_instant(&self, stamp: &Stamp) -> &[&'a Candidate] {
        self.instants
            .get(&(stamp.et, stamp.rec))
            .map_or(&[], Vec::as_slice)
    }

    fn put_latest(
        &mut self,
        prefix: &Prefix,
        batch: &mut KvBatch<'_>,
        news: Option<&mut News<'_>>,
    ) {
        if self.changed && !self.added.is_empty() {
            let (schema_version, entity) = (self.schema_version, self.entity);
            let fold = &mut self.fold;
            batch.put(Family::Latest, prefix, |out| {
                fold.write(schema_version, entity, out);
                if let Some(news) = news {
                    news.put(prefix, out);
                }
            });
        }
    }
}

fn put_version(row: &Candidate, batch: &mut KvBatch<'_>) {
    batch.put(Family::History, &row.key, |out| {
        out.extend_from_slice(&row.value)
    });
}

/// Joins an accepted row into its entity's latest row, and counts what it did.
fn apply<'a>(
    row: &'a Candidate,
    group: &mut Group<'a>,
    now: Timestamp,
    receipt: &mut Receipt,
) -> Result<()> {
    let version = HistoryRow::parse(&row.value)?;
    receipt.applied += 1;
    receipt.late += u64::from(Some(row.stamp.et) < group.newest_et);
    receipt.conflict += u64::from(contradicts(row, &version, group)?);
    let due = group.fold.newest_et().max(Some(now)).expect("now is there");
    if row.stamp.et <= due {
        let newest = group.fold.newest_et();
        let added = group.fold.add(row.stamp, row.op, &version.body)?;
        receipt.latest += u64::from(added.shows);
        group.changed |= added.shows || group.fold.newest_et() != newest;
    } else {
        let next = group.fold.next_due();
        group.fold.postpone(row.stamp.et);
        group.changed |= group.fold.next_due() != next;
    }
    group.newest_et = group.newest_et.max(Some(row.stamp.et));
    group.schema_version = group.schema_version.max(version.schema_version);
    group.added.push(row);
    let instant = (row.stamp.et, row.stamp.rec);
    group.instants.entry(instant).or_default().push(row);
    Ok(())
}

/// Whether a row contradicts another of the same instant, as far as the latest row and this batch
/// can tell.
fn contradicts(row: &Candidate, version: &HistoryRow<'_>, group: &Group<'_>) -> Result<bool> {
    let same_instant = |stamp: &Stamp| {
        (stamp.et, stamp.rec) == (row.stamp.et, row.stamp.rec) && *stamp != row.stamp
    };
    for added in group.of_instant(&row.stamp) {
        if added.stamp != row.stamp {
            let other = HistoryRow::parse(&added.value)?;
            if law::contradict((row.op, &version.body), (added.op, &other.body))? {
                return Ok(true);
            }
        }
    }
    // A Put or Delete speaks about every feature: what it leaves out it calls absent, or deleted.
    let floor = group.fold.floor().filter(same_instant);
    for entry in version.body.iter() {
        let (id, slot) = entry?;
        let contradicted = match group.fold.find(id) {
            Some((stamp, held)) => same_instant(&stamp) && held != slot,
            None => floor.is_some(),
        };
        if contradicted {
            return Ok(true);
        }
    }
    if row.op == Op::Patch {
        return Ok(false);
    }
    for (id, stamp) in group.fold.speakers() {
        if same_instant(&stamp) && version.body.find(id)?.is_none() {
            return Ok(true);
        }
    }
    Ok(floor.is_some_and(|floor| floor.op() != Some(row.op)))
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
