//! Views whose latest rows are all in memory, put there before anybody reads.
//!
//! It is a choice of the process that serves, and no part of what rows mean: another process may open the
//! same store without it.

use super::{Shares, StoreOptions};
use crate::cache::RowCache;
use crate::catalog::{Catalog, ViewName, ViewState};
use crate::error::{Error, Result};
use crate::format::checksum;
use crate::format::key::{self, Prefix};
use crate::id::{DEFAULT_NAMESPACE, check_name};
use crate::kv::{Family, Kv, Walk};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Room for rows to come where nobody has said how much there is to be. It takes no memory until they do.
const BYTES_TO_GROW: u64 = 64 << 20;

/// So many rows of so many views are looked at to learn how large they are.
const ROWS_SAMPLED: usize = 200;
const VIEWS_SAMPLED: usize = 50;

/// What was chosen.
#[derive(Debug, Clone, Default)]
pub(super) struct Resident {
    /// Namespace and name, as given.
    named: Vec<ViewName>,
    bytes: Option<u64>,
}

impl StoreOptions {
    /// Views that are resident: their latest rows are all in memory, read from the database before `open`
    /// returns and kept there by every write, in a room of their own, which no other view and no scan takes
    /// from them. An answer for an entity that has no row comes from memory too. A view of another
    /// namespace is named `namespace.view`.
    ///
    /// How many bytes they may take is set by [`resident_bytes`](Self::resident_bytes). Where it is not,
    /// what they take is measured at open; half as much again, and 64 MiB, are left to grow. Under a
    /// [`memory_budget`](Self::memory_budget) it is a quarter of that. A row that finds no room later, or
    /// is larger than 64 KiB, is read from the database, counted by
    /// [`ResidentStats::evicted`](crate::ResidentStats::evicted) and told once to a subscriber of `tracing`.
    ///
    /// Where rows have outgrown their rooms and the next finds none, the writer that needs it packs the rows of
    /// its part of the memory, 8 to 16 MiB of up to 16 GiB: milliseconds, in which reads of that part go to the
    /// database.
    ///
    /// What the row cache does not answer, this does not either: questions about the past, snapshots, and
    /// an entity of which a future fact has come due since it was last written.
    ///
    /// In a store that has no views yet any name is taken, and the view is resident from when it is
    /// applied. In any other a name that no view has fails the open: a new view is applied first.
    ///
    /// ```
    /// # use asof::*;
    /// # fn main() -> Result<()> {
    /// let store = StoreOptions::new().resident(["rider"]).resident_bytes(64 << 20).temp()?;
    /// store.apply(ViewDefinition::builder("rider").key("id", Type::I64).feature("score", Type::F64).build()?)?;
    /// let rider = store.view("rider")?;
    /// let mut batch = WriteBatch::new();
    /// batch.put(&rider, &rider.entity([7i64])?, store.now()).set_value("score", 0.5).finish()?;
    /// store.write(batch, WriteOptions::buffered())?;
    /// let resident = store.stats()?.resident;
    /// assert_eq!((resident.rows, resident.evicted), (1, 0));
    /// assert!(resident.is_complete);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `open` fails as [`NotFound`](crate::ErrorKind::NotFound) with the nearest name for a view that is
    /// not there; as [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for one that is named twice,
    /// and with both numbers where the rows do not fit; as [`Corrupt`](crate::ErrorKind::Corrupt) for a row
    /// that cannot be read, which without this only a read of it would meet.
    pub fn resident(mut self, views: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let named = views.into_iter().map(|view| {
            let view = view.as_ref();
            let (space, name) = view.split_once('.').unwrap_or((DEFAULT_NAMESPACE, view));
            (space.to_owned(), name.to_owned())
        });
        self.resident.named = named.collect();
        self
    }

    /// How many bytes the rows of [resident](Self::resident) views may take, all together and with room to
    /// grow: a row takes its value, up to an eighth more, and about 100 bytes. 64 KiB at least. They are
    /// taken from the operating system as they are filled.
    pub fn resident_bytes(mut self, bytes: u64) -> Self {
        self.resident.bytes = Some(bytes);
        self
    }
}

impl Resident {
    /// The views, applied or not.
    pub(super) fn names(&self) -> BTreeSet<ViewName> {
        self.named.iter().cloned().collect()
    }

    /// The bytes that were set, or else so many; none where no view is named.
    pub(super) fn bytes_or(&self, unset: usize) -> usize {
        match (self.named.is_empty(), self.bytes) {
            (true, _) => 0,
            (false, Some(bytes)) => usize::try_from(bytes).unwrap_or(usize::MAX),
            (false, None) => unset,
        }
    }

    /// Refuses what cannot be meant.
    pub(super) fn check(&self) -> Result<()> {
        let mut seen = BTreeSet::new();
        for (space, name) in &self.named {
            check_name("namespace", space)?;
            check_name("view", name)?;
            if !seen.insert((space, name)) {
                return Err(Error::invalid(format!(
                    "view {name:?} of namespace {space:?} is named twice among the resident views; name \
                     it once"
                )));
            }
        }
        match self.bytes {
            Some(bytes) if !self.named.is_empty() && bytes < RowCache::BYTES_MIN => {
                Err(Error::invalid(format!(
                    "{bytes} bytes are too few for resident views: they take at least {} (64 KiB)",
                    RowCache::BYTES_MIN
                )))
            }
            _ => Ok(()),
        }
    }

    /// Reads all rows of the views into memory; none where no view is named. Nobody reads or writes yet.
    pub(super) fn load(
        &self,
        kv: &Kv,
        catalog: &Catalog,
        shares: &Shares,
    ) -> Result<Option<RowCache>> {
        if self.named.is_empty() {
            return Ok(None);
        }
        let views = self.views(catalog)?;
        let typical = typical_value_bytes(kv, &views);
        let bytes = match shares.resident as u64 {
            0 => with_room_to_grow(needed(kv, &views, typical)?),
            bytes => bytes,
        };
        let cache = RowCache::keeping(bytes, typical)?;
        let mut is_too_little = false;
        walk(kv, &views, |prefix, stored| {
            let value = checksum::open("a latest row", prefix, stored)?;
            let is_kept = cache.load(prefix, value);
            is_too_little |= !is_kept && RowCache::bytes_of_row(value.len()).is_some();
            Ok(())
        })?;
        if is_too_little {
            return Err(too_little(needed(kv, &views, typical)?, bytes));
        }
        cache.loaded();
        Ok(Some(cache))
    }

    /// The views that are there. In a store without any they are awaited.
    fn views(&self, catalog: &Catalog) -> Result<Vec<Arc<ViewState>>> {
        if catalog.all().is_empty() {
            return Ok(Vec::new());
        }
        let view = |(space, name): &ViewName| {
            let view = catalog.get(space, name);
            view.map_err(|error| error.at("a resident view must be there before it is named"))
        };
        self.named.iter().map(view).collect()
    }
}

/// How many bytes the rows of views take in memory.
fn needed(kv: &Kv, views: &[Arc<ViewState>], typical: usize) -> Result<u64> {
    let (mut rows, mut bytes) = (0, 0);
    walk(kv, views, |_, stored| {
        let length = stored.len().saturating_sub(checksum::WIDTH);
        if let Some(of_row) = RowCache::bytes_of_row(length) {
            (rows, bytes) = (rows + 1, bytes + of_row);
        }
        Ok(())
    })?;
    Ok(RowCache::bytes_of_rows(rows, bytes, typical))
}

/// How large the values of latest rows mostly are, by some of each view; within one they are in random order.
/// Whoever asks for a row that cannot be read is told; here it only counts for nothing.
pub(super) fn typical_value_bytes(kv: &Kv, views: &[Arc<ViewState>]) -> usize {
    let mut lengths = Vec::new();
    let mut cursor = kv.cursor(Family::Latest, Walk::Range, None);
    for view in views.iter().take(VIEWS_SAMPLED) {
        let start = key::view_start(view.id);
        let mut went = cursor.seek(&start);
        for _ in 0..ROWS_SAMPLED {
            let (Ok(()), Some((_, stored))) = (went, cursor.item_in(&start)) else {
                break;
            };
            lengths.push(stored.len().saturating_sub(checksum::WIDTH));
            went = cursor.next();
        }
    }
    lengths.sort_unstable();
    let typical = lengths.get(lengths.len() * 9 / 10).copied();
    typical.unwrap_or(RowCache::TYPICAL_VALUE_BYTES)
}

/// Every latest row of views, as it is stored.
fn walk(
    kv: &Kv,
    views: &[Arc<ViewState>],
    mut take: impl FnMut(&Prefix, &[u8]) -> Result<()>,
) -> Result<()> {
    for view in views {
        walk_one(kv, view, &mut take).map_err(|error| {
            let view = view.contract();
            error.at(format_args!(
                "reading the rows of resident view {:?} of namespace {:?}",
                view.name(),
                view.namespace()
            ))
        })?;
    }
    Ok(())
}

fn walk_one(
    kv: &Kv,
    view: &ViewState,
    take: &mut impl FnMut(&Prefix, &[u8]) -> Result<()>,
) -> Result<()> {
    let start = key::view_start(view.id);
    let mut cursor = kv.cursor(Family::Latest, Walk::Range, None);
    cursor.seek(&start)?;
    while let Some((key, stored)) = cursor.item_in(&start) {
        let prefix = key.try_into().map_err(|_| {
            Error::corrupt("a latest row has a key that no format of this build writes")
        })?;
        take(prefix, stored)?;
        cursor.next()?;
    }
    Ok(())
}

fn with_room_to_grow(needed: u64) -> u64 {
    needed + needed / 2 + BYTES_TO_GROW
}

fn too_little(needed: u64, given: u64) -> Error {
    Error::invalid(format!(
        "the rows of the resident views take about {needed} bytes in memory, more where they spread \
         unevenly, and may take {given}; set resident_bytes to {} or more, so that they can grow, or name \
         fewer views",
        with_room_to_grow(needed).max(given.saturating_add(given / 2))
    ))
}
