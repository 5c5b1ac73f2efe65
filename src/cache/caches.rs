//! The two caches of a store: of rows that were asked for or written, and of resident views.
//!
//! A view has its rows in one of them, for as long as the store is open. So no other view, and no walk over
//! everything, takes the room of a resident one.

use super::{RowCache, RowCacheCounts};
use crate::sync::{AtomicBool, Ordering};

/// Latest rows in memory. Either may be missing.
#[derive(Debug, Default)]
pub(crate) struct Caches {
    asked_for_and_resident: [Option<RowCache>; 2],
    /// It has been said that resident rows were left out.
    is_said: AtomicBool,
}

impl Caches {
    pub(crate) fn new(asked_for: Option<RowCache>, resident: Option<RowCache>) -> Caches {
        Caches {
            asked_for_and_resident: [asked_for, resident],
            is_said: AtomicBool::new(false),
        }
    }

    /// The one that has the rows of a view.
    #[inline]
    pub(crate) fn of(&self, is_resident: bool) -> Option<&RowCache> {
        self.asked_for_and_resident[usize::from(is_resident)].as_ref()
    }

    /// Something of each that is there.
    pub(crate) fn each<'c, T>(&'c self, of: impl Fn(&'c RowCache, bool) -> T) -> [Option<T>; 2] {
        [false, true].map(|is_resident| Some(of(self.of(is_resident)?, is_resident)))
    }

    /// How full the resident rows are, once, when not all of them are in memory any more.
    pub(crate) fn left_out(&self) -> Option<RowCacheCounts> {
        let resident = self.of(true).filter(|cache| !cache.is_complete())?;
        let is_said = self.is_said.swap(true, Ordering::Relaxed);
        (!is_said).then(|| resident.counts())
    }
}
