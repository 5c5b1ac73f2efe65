//! A row as it comes from outside, before a store has judged it.

use crate::op::Op;
use crate::time::Timestamp;
use crate::value::Value;

/// One fact about one entity of one view, by names.
///
/// Nothing in it has been checked against a contract: that is done where it is written.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The tenant of the view.
    pub namespace: String,
    /// The view it belongs to.
    pub view: String,
    /// The entity: key columns and their values.
    pub entity: Vec<(String, Value)>,
    /// When the fact was true.
    pub event_time: Timestamp,
    /// When the producer learned it; the event time where it says nothing.
    pub recorded_at: Option<Timestamp>,
    /// Whether it is a whole row, a part of one, or the end of one.
    pub op: Op,
    /// The schema version it was made for; the newest where it says nothing.
    pub schema_version: Option<u32>,
    /// Features and their values. A feature that is not named is absent, which is not null.
    pub features: Vec<(String, Value)>,
}
