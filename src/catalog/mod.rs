//! Which views exist, and what a caller holds of one.
//!
//! A [`View`] is a handle that resolved every name once. An [`Entity`] is a key that was checked and
//! hashed once. Both are cheap to clone and bound to the store they came from.

mod entity;
mod state;
mod view;

pub use entity::Entity;
pub(crate) use state::{Catalog, Opened, ViewState};
pub use view::View;
