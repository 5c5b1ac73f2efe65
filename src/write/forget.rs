//! Whom a bad row is about, so that an erase reaches what was set aside.
//!
//! A bad row has no contract to hold it to, but mostly it still says its view, its entity and its
//! times. Where it does, an erase removes it from the quarantine and keeps it out from then on: bad
//! or not, a row behind a fence is no row. What cannot be read so far stays, because nobody can say
//! whom it is about.

use super::judge::Bad;
use super::quarantine::Quarantine;
use crate::catalog::{Catalog, Entity};
use crate::error::Result;
use crate::format::catalog::Fence;
use crate::format::checksum;
use crate::format::key::{Prefix, Stamp};
use crate::format::quarantine::QuarantineEntry;
use crate::kv::{Family, Kv, Walk};
use crate::law::is_fenced;
use parking_lot::MutexGuard;

/// The entity and the times that a bad row names.
pub(super) struct Subject {
    entity: Entity,
    stamp: Stamp,
}

impl Subject {
    /// Reads as much of a row as is needed to know whom it is about.
    #[cfg(feature = "text")]
    fn of(raw: &[u8], catalog: &Catalog) -> Option<Subject> {
        let event = crate::interchange::JsonEvent::parse(raw).ok()?;
        let namespace = event.namespace().unwrap_or(crate::id::DEFAULT_NAMESPACE);
        let view = crate::catalog::View::of(catalog.find(namespace, event.view().ok()?)?);
        let (columns, et, rec) = event.about(view.contract()).ok()?;
        let stamp = Stamp { et, rec, last: 0 };
        let entity = view.entity(columns).ok()?;
        Some(Subject { entity, stamp })
    }

    /// Without text, rows that were set aside cannot be read.
    #[cfg(not(feature = "text"))]
    fn of(_: &[u8], _: &Catalog) -> Option<Subject> {
        None
    }

    pub(super) fn prefix(&self) -> &Prefix {
        self.entity.prefix()
    }

    fn is_behind(&self, fence: &Fence) -> bool {
        fence.entity == self.entity.bytes() && is_fenced(fence, &self.stamp)
    }
}

/// Whom each of these rows is about, in their order.
pub(super) fn subjects(bad: &[Bad], catalog: &Catalog) -> Vec<Option<Subject>> {
    bad.iter()
        .map(|bad| Subject::of(&bad.entry.raw, catalog))
        .collect()
}

/// Takes out the rows that an erase has put out of reach; says how many.
pub(super) fn drop_fenced(bad: &mut Vec<Bad>, subjects: &[Option<Subject>]) -> u64 {
    let before = bad.len();
    let mut subjects = subjects.iter();
    bad.retain(|_| {
        let subject = subjects.next().and_then(Option::as_ref);
        let fence = subject.and_then(|s| Some((s, s.entity.view().fence(s.prefix())?)));
        !fence.is_some_and(|(subject, fence)| subject.is_behind(&fence))
    });
    (before - bad.len()) as u64
}

/// The keys of the rows in the quarantine that this fence puts out of reach. The one place that
/// knows how they are found: it reads all of them, of which there is a bounded number.
pub(crate) fn entries_about(
    kv: &Kv,
    catalog: &Catalog,
    prefix: &Prefix,
    fence: &Fence,
) -> Result<Vec<Vec<u8>>> {
    let mut found = Vec::new();
    let mut cursor = kv.cursor(Family::Quarantine, Walk::Range, None);
    cursor.seek(&[])?;
    while let Some((key, stored)) = cursor.item() {
        // A damaged entry says nothing of whom it is about; `verify` reports it.
        let entry = checksum::open("a quarantine entry", key, stored)
            .and_then(QuarantineEntry::decode)
            .ok();
        let subject = entry.and_then(|entry| Subject::of(&entry.raw, catalog));
        if subject.is_some_and(|subject| subject.prefix() == prefix && subject.is_behind(fence)) {
            found.push(key.to_vec());
        }
        cursor.next()?;
    }
    Ok(found)
}

impl Quarantine {
    /// Lets nobody add to the quarantine or take from it; the number is how many rows it holds.
    pub(crate) fn hold(&self) -> MutexGuard<'_, u64> {
        self.rows.lock()
    }
}
