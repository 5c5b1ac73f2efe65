//! Walking over keys in order.

use super::error::translate;
use super::read::{KvSnapshot, iterator_options};
use super::{Family, Kv};
use crate::error::Result;
use rocksdb::{DB, DBRawIteratorWithThreadMode};

/// Which keys a cursor is meant for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Walk {
    /// The versions of one entity, forward: the prefix filter spares files without it. A cursor of
    /// this kind ends where the entity it was sent to ends.
    Entity,
    /// Any range, in either direction. Long walks do not push out what readers have cached.
    Range,
}

/// A place among the keys of a family. It stands nowhere until it is sent somewhere, and it sees
/// one state of the database: that of its snapshot, or that of the moment it was made.
pub(crate) struct Cursor<'a>(DBRawIteratorWithThreadMode<'a, DB>);

impl Kv {
    pub(crate) fn cursor<'a>(
        &'a self,
        family: Family,
        walk: Walk,
        at: Option<&KvSnapshot<'a>>,
    ) -> Cursor<'a> {
        let mut options = iterator_options(at);
        match walk {
            Walk::Entity => options.set_prefix_same_as_start(true),
            Walk::Range => {
                options.set_total_order_seek(true);
                options.fill_cache(false);
            }
        }
        Cursor(self.db.raw_iterator_cf_opt(self.family(family), options))
    }

    /// Runs a walk over the versions of one entity, of a snapshot or as they are now. For the latter
    /// an iterator is used again.
    pub(crate) fn walk_versions<T>(
        &self,
        at: Option<&KvSnapshot<'_>>,
        walk: impl FnOnce(&mut Cursor<'_>) -> Result<T>,
    ) -> Result<T> {
        match at {
            Some(_) => walk(&mut self.cursor(Family::History, Walk::Entity, at)),
            None => self.walk_now(walk),
        }
    }
}

impl Cursor<'_> {
    /// Sees from now on what is committed by now, and stands nowhere.
    pub(super) fn refresh(&mut self) -> Result<()> {
        self.0
            .refresh()
            .map_err(|e| translate("refreshing an iterator", e))
    }

    /// To the first key at or after this one.
    pub(crate) fn seek(&mut self, key: &[u8]) -> Result<()> {
        self.0.seek(key);
        self.status()
    }

    /// To the last key at or before this one. Only for [`Walk::Range`].
    pub(crate) fn seek_back(&mut self, key: &[u8]) -> Result<()> {
        self.0.seek_for_prev(key);
        self.status()
    }

    pub(crate) fn next(&mut self) -> Result<()> {
        self.0.next();
        self.status()
    }

    pub(crate) fn back(&mut self) -> Result<()> {
        self.0.prev();
        self.status()
    }

    /// Where the cursor stands; none past the end.
    pub(crate) fn item(&self) -> Option<(&[u8], &[u8])> {
        self.0.item()
    }

    /// The same, if the key begins with a prefix. Walks end here, never by comparing with a last key.
    pub(crate) fn item_in(&self, prefix: &[u8]) -> Option<(&[u8], &[u8])> {
        self.item().filter(|(key, _)| key.starts_with(prefix))
    }

    // An iterator that met an error says that it is at its end. Asking is all that tells them apart.
    fn status(&self) -> Result<()> {
        if self.0.valid() {
            return Ok(());
        }
        self.0.status().map_err(|e| translate("reading", e))
    }
}
