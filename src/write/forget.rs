//! Whom a bad row is about, so that an erase reaches what was set aside.
//!
//! A bad row has no contract to hold it to, but mostly it still says its view, its entity and its
//! times. Where it does, an erase removes it from the quarantine and keeps it out from then on: bad
//! or not, a row behind a fence is no row. A row that names its entity and no time that can be read
//! goes with an erase, because nobody can say that it is newer, and is set aside if it comes in after
//! one, for the same reason. What does not even name its entity is about nobody, and stays.

use super::judge::Bad;
use super::quarantine::QuarantineEntries;
use super::replay;
use crate::catalog::{Catalog, Entity};
use crate::error::{ErrorKind, Result};
use crate::format::catalog::Fence;
use crate::format::key::{Prefix, Stamp};
use crate::format::quarantine::{QuarantineEntry, QuarantineId};
use crate::id::DEFAULT_NAMESPACE;
use crate::kv::Kv;
use crate::law::is_fenced;

/// The entity that a bad row names, and its times where they can be read.
pub(super) struct Subject {
    entity: Entity,
    stamp: Option<Stamp>,
}

impl Subject {
    /// Reads as much of a row as is needed to know whom it is about, by the views as they are now:
    /// the view may not have been there, or may not have been able to read it, when it was set aside.
    fn of(entry: &QuarantineEntry, catalog: &Catalog) -> Option<Subject> {
        let known =
            |namespace: &Option<String>, view: &Option<String>, entity: &Option<Vec<u8>>| {
                let namespace = namespace.as_deref().unwrap_or(DEFAULT_NAMESPACE);
                let view = catalog.find(namespace, view.as_deref()?)?;
                Some(Entity::of_bytes(&view, entity.as_deref()?))
            };
        let entity = known(&entry.namespace, &entry.view, &entry.entity).or_else(|| {
            let about = replay::about(&entry.raw, &entry.form, catalog);
            known(&about.namespace, &about.view, &about.entity)
        })?;
        let stamp = replay::times(entry).map(|(et, rec)| Stamp { et, rec, last: 0 });
        Some(Subject { entity, stamp })
    }

    pub(super) fn prefix(&self) -> &Prefix {
        self.entity.prefix()
    }

    fn is_behind(&self, fence: &Fence, where_nobody_knows: bool) -> bool {
        fence.entity == self.entity.bytes()
            && self
                .stamp
                .map_or(where_nobody_knows, |stamp| is_fenced(fence, &stamp))
    }
}

/// Whom each of these rows is about, in their order.
pub(super) fn subjects(bad: &[Bad], catalog: &Catalog) -> Vec<Option<Subject>> {
    bad.iter()
        .map(|bad| Subject::of(&bad.entry, catalog))
        .collect()
}

/// Takes out the rows that an erase has put out of reach.
pub(super) fn take_fenced(bad: &mut Vec<Bad>, subjects: &[Option<Subject>]) -> Vec<Bad> {
    let mut subjects = subjects.iter();
    let is_fenced = |_: &mut Bad| {
        let subject = subjects.next().and_then(Option::as_ref);
        let fence = subject.and_then(|s| Some((s, s.entity.view().fence(s.prefix())?)));
        fence.is_some_and(|(subject, fence)| subject.is_behind(&fence, false))
    };
    bad.extract_if(.., is_fenced).collect()
}

/// The entries that these fences put out of reach, each with its entity. It reads all of them, of
/// which there is a bounded number. A damaged entry says nothing of whom it is about; `verify`
/// reports it.
pub(crate) fn entries_behind<'f>(
    kv: &Kv,
    catalog: &Catalog,
    fence_of: impl Fn(&Prefix) -> Option<&'f Fence>,
) -> Result<Vec<(Prefix, QuarantineId)>> {
    let mut found = Vec::new();
    let mut entries = QuarantineEntries::of(kv, None);
    while let Some((id, _, entry)) = entries.next_entry() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) if error.kind() == ErrorKind::Corrupt => continue,
            Err(error) => return Err(error),
        };
        if let Some(subject) = Subject::of(&entry, catalog)
            && fence_of(subject.prefix()).is_some_and(|fence| subject.is_behind(fence, true))
        {
            found.push((*subject.prefix(), id));
        }
    }
    entries.ended()?;
    Ok(found)
}
