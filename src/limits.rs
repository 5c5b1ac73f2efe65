//! How large things may be: every bound that this build enforces, in one place.
//!
//! A limit is checked where something enters, and again where stored bytes are read. Whatever is
//! larger is refused with an error that names the limit; nothing is cut short.
//!
//! | limit | is | checked by | beyond it |
//! |---|---|---|---|
//! | [`NAME_BYTES_MAX`] | 63 bytes | definitions | `InvalidArgument` |
//! | [`KEY_COLUMNS_MAX`] | 16 columns | definitions | `InvalidArgument` |
//! | [`FEATURES_MAX`] | 4,096 features | definitions | `InvalidArgument` |
//! | [`SOURCES_MAX`] | 255 sources | definitions | `InvalidArgument` |
//! | [`SOURCE_BYTES_MAX`] | 255 bytes | definitions, [`WriteBatch::from_log`](crate::WriteBatch::from_log) | `InvalidArgument` |
//! | [`VECTOR_DIMENSIONS_MAX`] | 65,536 floats | definitions | `InvalidArgument` |
//! | [`ENTITY_BYTES_MAX`] | 1 KiB encoded | [`View::entity`](crate::View::entity), events | `ContractViolation` |
//! | [`ROW_BYTES_MAX`] | 1 MiB encoded | [`RowWriter::finish`](crate::RowWriter::finish), events | `ContractViolation` |
//! | [`BATCH_ROWS_MAX`] | 100,000 rows | [`Store::submit`](crate::Store::submit) | `InvalidArgument`, nothing written |
//! | [`BATCH_BYTES_MAX`] | 64 MiB encoded | [`Store::submit`](crate::Store::submit) | `InvalidArgument`, nothing written |
//! | [`COMMIT_BYTES_MAX`] | 1 GiB encoded | [`Store::submit`](crate::Store::submit) | `InvalidArgument`, nothing written |
//! | [`EVENT_BYTES_MAX`] | 8 MiB of text | [`JsonLine::parse`](crate::JsonLine::parse), [`JsonEvent::parse`](crate::JsonEvent::parse) | `InvalidArgument` |
//! | [`QUARANTINE_ROWS_DEFAULT`] | 100,000 rows | writes; [`StoreOptions`](crate::StoreOptions) moves it | `QuarantineFull`, nothing written |
//! | [`QUARANTINE_BYTES_DEFAULT`] | 256 MiB | writes; [`StoreOptions`](crate::StoreOptions) moves it | `QuarantineFull`, nothing written |
//! | [`RAW_BYTES_MAX`] | 8 MiB of a row set aside | writes | kept up to there, and says so; it cannot be replayed |
//!
//! What has no limit of its own:
//!
//! * A string, bytes, list or vector is as long as its row allows.
//! * A [`Timestamp`](crate::Timestamp) and a [`Span`](crate::Span) are 64 bits of microseconds, 292
//!   thousand years to either side; as text a time has a year from 0000 to 9999. A ttl or window is
//!   any span. Arithmetic saturates, so "for ever" is a safe thing to ask.
//! * Sources and their partitions are kept in memory, a few hundred bytes each, and in it up to 4,096
//!   stretches of a partition that wait above gaps.
//! * Views, schema versions, entities and versions per entity are bounded by 32 bits and the disk.

/// The longest name of a namespace, view, key column or feature, in bytes.
pub const NAME_BYTES_MAX: usize = 63;

/// The most columns that an entity key may have.
pub const KEY_COLUMNS_MAX: usize = 16;

/// The most features that a view may have.
pub const FEATURES_MAX: usize = 4_096;

/// The most sources that a view may name.
pub const SOURCES_MAX: usize = 255;

/// The longest name of a source or of a partition, in bytes.
pub const SOURCE_BYTES_MAX: usize = 255;

/// The most elements that a `vector<f32,N>` may declare.
pub const VECTOR_DIMENSIONS_MAX: u32 = 65_536;

/// The longest encoded entity key, in bytes. A string takes its length, two bytes, and one more for
/// each zero byte in it; a number takes eight.
pub const ENTITY_BYTES_MAX: usize = 1_024;

/// The longest encoded version, in bytes: its header, entity and features.
pub const ROW_BYTES_MAX: usize = 1 << 20;

/// The most rows that are written at once. Larger loads are many batches: batches need no common
/// transaction, because writing one again changes nothing.
pub const BATCH_ROWS_MAX: usize = 100_000;

/// The most bytes that the rows of a batch may take once they are encoded, bad ones as they came.
/// Twice a memtable of the default size: more in one batch is only held in memory longer.
pub const BATCH_BYTES_MAX: usize = 64 << 20;

/// The most bytes that a batch may make the store write: its rows, and the latest row of each entity
/// it touches. RocksDB cannot take 4 GiB; a small patch of many wide rows could come near.
pub const COMMIT_BYTES_MAX: usize = 1 << 30;

/// The longest event as a line of text, in bytes. A row of [`ROW_BYTES_MAX`] fits whatever it holds:
/// the worst is a string of control characters, six bytes of text for each of its own.
pub const EVENT_BYTES_MAX: usize = 8 << 20;

/// How many rows the quarantine holds unless [`StoreOptions`](crate::StoreOptions) says otherwise.
pub const QUARANTINE_ROWS_DEFAULT: u64 = 100_000;

/// How many bytes the quarantine holds unless [`StoreOptions`](crate::StoreOptions) says otherwise.
pub const QUARANTINE_BYTES_DEFAULT: u64 = 256 << 20;

/// How much is kept of a row that is set aside, in bytes. It is eight times what a version may be
/// when it is encoded; nothing longer that came in as text or as cells is likely to become one.
pub const RAW_BYTES_MAX: usize = 8 << 20;

// A row must be able to come in, go out as text and come in again.
const _: () = assert!(EVENT_BYTES_MAX > 6 * ROW_BYTES_MAX + FEATURES_MAX * (NAME_BYTES_MAX + 4));
const _: () = assert!(BATCH_BYTES_MAX >= 2 * ROW_BYTES_MAX && COMMIT_BYTES_MAX > BATCH_BYTES_MAX);
