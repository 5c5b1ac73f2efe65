//! Which views and sources exist, and what a caller holds of them.
//!
//! A [`View`] is a handle that resolved every name once. An [`Entity`] is a key that was checked and
//! hashed once. Both are cheap to clone and bound to the store they came from.

mod chain;
mod entity;
mod source;
mod state;
mod view;

pub(crate) use chain::{Chain, Stretch};
pub use entity::Entity;
pub(crate) use source::{Completeness, Move, Sources, Taken};
pub use source::{PartitionStatus, SourceStatus};
pub(crate) use state::{Catalog, ViewName, ViewState};
pub use view::View;
