//! Rows that a writer is writing: gathered, marked before the commit, published after it.

use super::RowCache;
use crate::format::key::Prefix;
use std::ops::Range;

/// The rows of one commit.
pub(crate) struct News<'c> {
    cache: &'c RowCache,
    rows: Vec<(Prefix, Option<Range<usize>>)>,
    bytes: Vec<u8>,
}

/// A commit that may be under way: its buckets answer nobody. Dropped without a word about it, it lets
/// go of its entities, because nobody knows what the commit came to.
pub(crate) struct Marked<'c>(News<'c>);

impl<'c> News<'c> {
    pub(super) fn of(cache: &'c RowCache) -> News<'c> {
        News {
            cache,
            rows: Vec::new(),
            bytes: Vec::new(),
        }
    }

    /// The entity will have this row, without its checksum.
    pub(crate) fn put(&mut self, prefix: &Prefix, value: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(value);
        self.rows.push((*prefix, Some(start..self.bytes.len())));
    }

    /// The entity will have no row, and nothing of the one it had is left in memory; or the one that is
    /// put after this.
    pub(crate) fn forget(&mut self, prefix: &Prefix) {
        self.rows.push((*prefix, None));
    }

    /// To be called before the commit, under the stripes of all entities.
    pub(crate) fn mark(self) -> Marked<'c> {
        for (prefix, _) in &self.rows {
            self.cache.mark(prefix);
        }
        Marked(self)
    }
}

impl Marked<'_> {
    /// To be called after the commit, under the same stripes.
    pub(crate) fn publish(mut self) {
        let rows = std::mem::take(&mut self.0.rows);
        for (prefix, value) in rows {
            let value = value.map(|range| &self.0.bytes[range]);
            self.0.cache.publish(&prefix, value);
        }
    }

    /// To be called where nothing was committed: what is in memory is current.
    pub(crate) fn withdraw(mut self) {
        for (prefix, _) in std::mem::take(&mut self.0.rows) {
            self.0.cache.unmark(&prefix);
        }
    }
}

impl Drop for Marked<'_> {
    fn drop(&mut self) {
        for (prefix, _) in std::mem::take(&mut self.0.rows) {
            self.0.cache.let_go(&prefix);
        }
    }
}
