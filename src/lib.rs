//! An embedded feature store engine: the features of millions of entities, versioned by the time at
//! which they were true, read in microseconds by the process that needs them.
//!
//! Events arrive late, twice and out of order. `asof` makes one promise about that:
//!
//! > **Every answer is a pure function of the set of accepted events, the question and the clock.**
//!
//! Of the accepted events no order of arrival, no repetition, no batching, no compaction and no crash changes an
//! answer. To forget (a history window, an erase) and to change a view are acts of their own, in an order.
//!
//! # A short course
//!
//! **A view is a contract.** It names an entity key, typed features, and what time means: how long a
//! value lives (`ttl`), how far back history is exact.
//!
//! ```
//! use asof::{Question, Read, Span, Store, Timestamp, Type, ViewDefinition, WriteBatch, WriteOptions};
//!
//! # fn main() -> asof::Result<()> {
//! // In a service: StoreOptions::new().create_if_missing(true).open("features")
//! let store = Store::temp()?;
//! store.apply(
//!     ViewDefinition::builder("weather")
//!         .key("origin", Type::String)
//!         .feature("temp", Type::F64)
//!         .build()?,
//! )?;
//!
//! // Names are resolved once; a wrong one is an error here, not a null later.
//! let weather = store.view("weather")?;
//! let temp = weather.feature::<f64>("temp")?;
//! let newark = weather.entity(["EWR"])?;
//!
//! // A row says when it was true. Seven o'clock arrives before six; that changes nothing.
//! let six = Timestamp::parse("2013-01-01T06:00:00Z")?;
//! let seven = Timestamp::parse("2013-01-01T07:00:00Z")?;
//! let mut batch = WriteBatch::new();
//! batch.put(&weather, &newark, seven).set(&temp, 41.0).finish()?;
//! batch.put(&weather, &newark, six).set(&temp, 39.02).finish()?;
//! store.write(batch, WriteOptions::default())?; // durable: one fsync, shared with other callers
//!
//! // The present is the newest fact by event time; the past is what was true then.
//! assert_eq!(store.get(&weather, &newark, Question::latest())?.get(&temp)?, Some(41.0));
//! assert_eq!(store.get(&weather, &newark, Question::as_of(six))?.get(&temp)?, Some(39.02));
//! # Ok(())
//! # }
//! ```
//!
//! **A version is an immutable fact**: `(event time, recorded-at, op, content)`. A *Put* is a whole
//! row, a *Patch* some features of it, a *Delete* the end of it. Writing the same version again is a
//! no-op, so replay is free; a fact is corrected by writing it again with a later
//! [`recorded_at`](RowWriter::recorded_at). Versions are ordered by event time, then recorded-at, then
//! op, then a digest of what they say: nothing is left to chance or to the order of arrival.
//!
//! **An answer says what kind of nothing it is.** A feature is present, stale, null, expired, deleted
//! or absent ([`Status`]); a row is found, never seen, deleted or expired ([`Verdict`]). A default is
//! never put in the place of data.
//!
//! **The same question, online and in training.** [`Question::latest`] is `as_of(now)`, under the same
//! ttl. [`Question::known_at`] leaves out what was recorded later, so that a training set holds what a
//! model could have known.
//!
//! **Many at once.** [`Read::get_many`] answers for many entities, a [`FeatureSet`] for several views,
//! [`Read::scan`] for all, each from one snapshot; [`Store::snapshot`] holds one for as long as needed.
//! [`Read::get_into`] fills a [`Row`] that the caller owns and allocates nothing of ours.
//!
//! **Memory is one number**, [`StoreOptions::memory_budget`]; a view may be
//! [resident](StoreOptions::resident). Before writes outrun the disk they are slowed down, or
//! [refused](WriteOptions::non_blocking), and [`Store::pressure`] says how near that is.
//!
//! **Durability is chosen per write** and named in the type: [`Durability::Synced`] survives a power
//! cut, [`Durability::Buffered`] a killed process. [`Store::submit`] returns a [`Ticket`] that can be
//! waited for, polled or awaited. After an error from a write [its kind](ErrorKind#was-it-written) says
//! whether nothing was written or nobody knows; to write again is safe.
//!
//! **Bad rows go nowhere quietly.** They refuse their batch, or are set aside in the quarantine, in
//! the same atomic batch, with the reason ([`OnBadRow`]).
//!
//! **A log is taken in once, however often it is read.** A batch says [which stretch of a
//! log](WriteBatch::from_log) it is, and [`Store::position`] where to go on. Positions never lead the
//! rows. A source states how far it is complete, and a question may [demand](Question::require_fresh)
//! it.
//!
//! **Time comes in through a [`Clock`]**, so tests and replays say what time it is.
//!
//! **A struct may be a row.** [`features!`] makes a plain struct the features of a view: resolved once,
//! read from a [`Row`], written as a put or a patch.
//!
//! **Errors say what to do.** [`ErrorKind`] has a table of it; [`limits`] has one of how large things
//! may be. [`guide`] is about threads, forks and platforms.
//!
//! # Features of the crate
//!
//! | feature | default | gives |
//! |---|---|---|
//! | `store` | yes | the store on RocksDB. Without it only the words, the formats and the law are built, in seconds |
//! | `text` | yes | view files in TOML, events as JSON lines |
//! | `tracing` | no | spans and events of writes, syncs and what goes wrong, for the subscriber of the host |
//! | `fuzzing` | no | the oracles of the fuzz targets, which are no part of the interface |
//!
//! Why it is built as it is, and which roads were not taken: [`design`].

#![cfg_attr(
    not(feature = "store"),
    allow(
        dead_code,
        unused_imports,
        reason = "the store is what calls much of the pure core"
    )
)]

#[cfg(any(test, feature = "fuzzing"))]
extern crate self as asof;

/// The page `DESIGN.md` of the repository. Its links lead to files there.
#[cfg(doc)]
#[doc = include_str!("../DESIGN.md")]
pub mod design {}

// The program that a reader of the README copies first is compiled and run as it stands there.
#[cfg(all(doctest, feature = "store", feature = "text"))]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(feature = "store")]
mod cache;
#[cfg(feature = "store")]
mod catalog;
mod error;
#[doc(hidden)]
pub mod failpoint;
mod format;
#[cfg(any(all(test, feature = "text"), feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(feature = "store")]
pub mod guide;
mod id;
mod interchange;
#[cfg(feature = "store")]
mod kv;
mod law;
pub mod limits;
mod op;
mod preflight;
mod query;
#[cfg(feature = "store")]
mod read;
mod schema;
#[cfg(feature = "store")]
mod store;
#[cfg(feature = "store")]
mod sync;
mod time;
#[cfg(feature = "store")]
mod trace;
mod value;
#[cfg(feature = "store")]
mod write;

#[cfg(feature = "store")]
pub use catalog::{Entity, PartitionStatus, SourceStatus, View};
pub use error::{Error, ErrorKind, Result};
pub use format::{
    ContentDigest, Form, Origin, QuarantineEntry, QuarantineId, Raw, RecordForm, SetDigest,
};
pub use id::{DEFAULT_NAMESPACE, FeatureId, NAME_BYTES_MAX, ViewId};
pub use interchange::*;
pub use law::{Answer, Status, Verdict};
pub use op::Op;
pub use preflight::{Finding, Health, LogLoss};
pub use query::{Because, ExplainedFeature, ExplainedVersion, Explanation, Outvoted, Rule};
pub use query::{
    Features, Field, HistoryRange, Question, Row, Seen, Typed, TypedFeature, TypedFeatures, Version,
};
#[doc(hidden)]
pub use query::{FieldReader, FieldType, FieldWriter, field_name};
#[cfg(feature = "store")]
pub use read::{FeatureSet, History, Read, Scan, SetRow, Versions};
pub use schema::{
    Change, Contract, Feature, FeatureDefinition, KeyColumn, MaxSkew, OnExpiry, Retention,
    TimePolicy, ViewBuilder, ViewDefinition,
};
#[cfg(feature = "store")]
pub use store::{
    CacheStats, CensusProgress, FamilyStats, FamilyVerdict, FileVerdict, PressureStats,
    ResidentStats, RowCacheStats, Spread, Stats, ViewCensus, ViewStats,
};
#[cfg(feature = "store")]
pub use store::{
    EraseOptions, Erased, Erasure, Examination, Loss, Progress, QuarantineFilter, Snapshot, Store,
    StoreOptions, VerifyReport,
};
#[cfg(feature = "store")]
pub use store::{Pressure, PressureLimit, Shares};
#[cfg(all(feature = "store", feature = "text"))]
pub use store::{ReplayReport, StillBad};
pub use time::{Clock, ManualClock, Span, SystemClock, Timestamp};
pub use value::{Element, Elements, Strings, Type, Value, ValueRef};
#[cfg(feature = "store")]
pub use write::{
    Durability, LogStretch, OnBadRow, OnPressure, QuarantineEntries, Receipt, RowWriter, SetAside,
    Ticket, WriteBatch, WriteOptions,
};
