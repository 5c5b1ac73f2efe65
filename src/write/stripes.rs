//! Locks over entities.
//!
//! A latest row is read, joined and written back; whoever does that holds the stripe of its entity.
//! A batch takes its stripes in ascending order, each once, so that two batches cannot wait for each
//! other. A reader takes none.

use crate::format::key::Prefix;
use crate::sync::{Mutex, MutexGuard};

const STRIPES: usize = 1_024;

pub(crate) struct Stripes(Box<[Mutex<()>]>);

impl Stripes {
    pub(crate) fn new() -> Self {
        Stripes((0..STRIPES).map(|_| Mutex::new(())).collect())
    }

    /// Locks the stripes of these entities.
    pub(crate) fn lock<'p>(
        &self,
        entities: impl Iterator<Item = &'p Prefix>,
    ) -> Vec<MutexGuard<'_, ()>> {
        let mut wanted: Vec<usize> = entities.map(stripe_of).collect();
        wanted.sort_unstable();
        wanted.dedup();
        wanted
            .into_iter()
            .map(|stripe| self.0[stripe].lock())
            .collect()
    }
}

/// The end of a prefix is a keyed hash, even and unguessable.
fn stripe_of(prefix: &Prefix) -> usize {
    let end = prefix.last_chunk::<8>().expect("a prefix has twenty bytes");
    u64::from_le_bytes(*end) as usize % STRIPES
}
