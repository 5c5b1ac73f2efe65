//! Accepting.
//!
//! Writing is set insertion: commutative, associative, idempotent. A batch is validated and encoded
//! before any lock is taken, joined with the latest rows of its entities under their stripes, and
//! committed as one batch of the database. What makes it durable comes after, and is shared.

mod batch;
mod bounds;
mod commit;
mod durable;
mod forget;
mod group;
mod judge;
mod owner;
mod pressure;
mod quarantine;
mod receipt;
mod replay;
mod stretch;
mod stripes;

pub use batch::{RowWriter, WriteBatch};
pub(crate) use commit::{Poison, Writer};
pub(crate) use durable::Syncer;
pub use durable::Ticket;
pub(crate) use forget::entries_behind;
pub(crate) use owner::Owner;
pub(crate) use pressure::{Gate, described, retry_after};
pub use quarantine::QuarantineEntries;
pub(crate) use quarantine::{Held, Quarantine, find as find_quarantined};
pub use receipt::{Durability, OnBadRow, OnPressure, Receipt, SetAside, WriteOptions};
pub use stretch::LogStretch;
pub(crate) use stripes::Stripes;
