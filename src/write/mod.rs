//! Accepting.
//!
//! Writing is set insertion: commutative, associative, idempotent. A batch is validated and encoded
//! before any lock is taken, joined with the latest rows of its entities under their stripes, and
//! committed as one batch of the database. What makes it durable comes after, and is shared.

mod batch;
mod commit;
mod durable;
mod judge;
mod quarantine;
mod receipt;
mod replay;
mod stripes;

pub use batch::{RowWriter, WriteBatch};
pub(crate) use commit::{Poison, Writer};
pub(crate) use durable::Syncer;
pub use durable::Ticket;
pub use quarantine::QuarantineEntries;
pub(crate) use quarantine::{Quarantine, find as find_quarantined};
pub use receipt::{Durability, OnBadRow, Receipt, WriteOptions};
pub(crate) use replay::about;
pub(crate) use stripes::Stripes;
