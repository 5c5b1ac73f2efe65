//! Of writing, what threads wait for: the stripes of entities, and the sync that batches share.

#[path = "../../../src/write/durable.rs"]
mod durable;
#[path = "../../../src/write/owner.rs"]
mod owner;
#[path = "../../../src/write/stripes.rs"]
mod stripes;

pub(crate) use durable::{Syncer, Ticket};
pub(crate) use stripes::Stripes;

/// A ticket carries a receipt and does not look at it.
mod receipt {
    #[derive(Debug, Clone, Copy, Default)]
    pub struct Receipt;

    pub struct SetAside;
}

/// The ticket of a batch that asks to be synced.
pub(crate) fn ticket(syncer: &std::sync::Arc<Syncer>, number: u64) -> Ticket {
    Ticket::new(receipt::Receipt, Vec::new(), Some((syncer.clone(), number)))
}
