//! asof

#[cfg(test)]
extern crate self as asof;

#[cfg(feature = "store")]
mod catalog;
mod error;
mod format;
mod id;
mod interchange;
#[cfg(feature = "store")]
mod kv;
mod law;
mod op;
mod query;
#[cfg(feature = "store")]
mod read;
mod schema;
#[cfg(feature = "store")]
mod store;
mod time;
mod value;
#[cfg(feature = "store")]
mod write;

#[cfg(feature = "store")]
pub use catalog::{Entity, View};
pub use error::{Error, ErrorKind, Result};
pub use format::{ContentDigest, Origin, QuarantineEntry, SetDigest};
pub use id::{DEFAULT_NAMESPACE, FeatureId, NAME_BYTES_MAX, ViewId};
pub use interchange::*;
pub use law::{Answer, Status, Verdict};
pub use op::Op;
pub use query::{ExplainedVersion, HistoryRange, Question, Row, Seen, Typed, TypedFeature, Version};
#[cfg(feature = "store")]
pub use read::{FeatureSet, History, Read, Scan, SetRow, Versions};
pub use schema::{
    Change, Contract, Feature, FeatureDefinition, KeyColumn, MaxSkew, OnExpiry, Retention,
    TimePolicy, ViewBuilder, ViewDefinition,
};
#[cfg(feature = "store")]
pub use store::{Progress, Snapshot, Store, StoreOptions, VerifyReport};
pub use time::{Clock, ManualClock, Span, SystemClock, Timestamp};
pub use value::{Element, Elements, Strings, Type, Value, ValueRef};
#[cfg(feature = "store")]
pub use write::{
    Durability, OnBadRow, Receipt, RowWriter, Ticket, WriteBatch, WriteOptions,
};
