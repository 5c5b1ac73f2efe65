//! Rows as text: what the command line ingests, dumps and joins, and what the quarantine keeps.
//!
//! An [`Event`] is a row as it comes from outside. As JSON it is one line, read in two steps because
//! its types are known only after its view has been looked up: [`JsonLine`] is the untyped half.

#[cfg(feature = "text")]
mod cell;
#[cfg(feature = "text")]
mod cells;
#[cfg(feature = "text")]
mod definition;
mod event;
#[cfg(feature = "text")]
mod glance;
#[cfg(feature = "text")]
mod json;
#[cfg(feature = "text")]
mod line;
#[cfg(feature = "text")]
mod literal;
#[cfg(feature = "text")]
mod members;
#[cfg(feature = "text")]
mod record;
#[cfg(all(test, feature = "text"))]
mod tests;

#[cfg(feature = "text")]
pub use definition::{Fence, ViewLine};
pub use event::Event;
#[cfg(feature = "text")]
pub(crate) use glance::Glance;
#[cfg(feature = "text")]
pub use json::{JsonEvent, JsonLine};
#[cfg(feature = "text")]
pub use line::EventLine;
#[cfg(feature = "text")]
pub use literal::{TimeText, write_json_string};
#[cfg(feature = "text")]
pub use record::{RecordOptions, RecordReader};
