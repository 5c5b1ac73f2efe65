//! What a host has to know beside the calls: threads, several stores, forks, platforms, and what a store tells.
//!
//! The course is in the [crate's documentation](crate); errors and what to do about them stand at
//! [`ErrorKind`](crate::ErrorKind), bounds at [`limits`](crate::limits).
//!
//! # Threads
//!
//! A [`Store`](crate::Store) is shared: clone it or lend it, every clone is the same store. All handles
//! go wherever they are needed:
//!
//! ```
//! use asof::{Entity, FeatureSet, Row, Snapshot, Store, Ticket, View, WriteBatch};
//!
//! fn goes_anywhere<T: Send + Sync>() {}
//! goes_anywhere::<(Store, Snapshot<'_>)>();
//! goes_anywhere::<(View, Entity, FeatureSet)>();
//! goes_anywhere::<(WriteBatch, Ticket, Row)>();
//! ```
//!
//! * **Reads** run on the thread that asks, wait for no writer's I/O and take no lock of ours that a
//!   writer holds over I/O. One read reads one thing after the other; ask from several threads for
//!   more.
//! * **Writes** run on the thread that writes, up to the commit. Two batches wait for each other only
//!   where they share an entity (or, rarely, a stripe of them), where both bring a newer event time to
//!   a view that keeps a window, where both have bad rows, and for the log, which is one.
//! * **One thread is ours**, `asof-sync`: it makes the log durable for all who wait, so that many
//!   callers share one fsync. After every minute without a sync it lets go of iterators that nobody is
//!   using. RocksDB has its own for flushes and compactions. Under a
//!   [memory budget](crate::StoreOptions::memory_budget) there is `asof-heap` besides, which looks once a
//!   second at how much the process takes.
//! * **In an async host** reads are short enough for an executor's thread while the rows are in memory;
//!   one that goes to disk blocks it for as long as the disk takes. A write can be submitted and its
//!   [`Ticket`](crate::Ticket) awaited, on any executor and without a thread per fsync.
//! * The store's [`Clock`](crate::Clock) is asked on all of these threads. One that panics there stops
//!   the writes of the handle, not the process.
//!
//! # Several stores
//!
//! A [`View`](crate::View) and all that is made with it, entities and features, belong to the store that it
//! was taken from, for as long as that is open. Any other store refuses them as
//! [`InvalidArgument`](crate::ErrorKind::InvalidArgument), a copy of it and the same directory opened anew
//! too: a feature is a number there, and the number may mean another feature.
//!
//! ```
//! # use asof::*;
//! # fn main() -> Result<()> {
//! let apply = |features: [&str; 2]| {
//!     let view = ViewDefinition::builder("weather").key("origin", Type::String);
//!     let store = Store::temp()?;
//!     store.apply(features.iter().fold(view, |view, name| view.feature(*name, Type::F64)).build()?)?;
//!     Ok::<_, Error>(store)
//! };
//! let (store, other) = (apply(["temp", "gust"])?, apply(["gust", "temp"])?);
//! let weather = store.view("weather")?;
//! let row = store.get(&weather, &weather.entity(["EWR"])?, Question::latest())?;
//! let foreign = other.view("weather")?.feature::<f64>("temp")?;
//! assert_eq!(row.get(&foreign).unwrap_err().kind(), ErrorKind::InvalidArgument);
//! # Ok(())
//! # }
//! ```
//!
//! # Processes and forks
//!
//! One process owns a directory at a time, by an advisory lock that the operating system takes back
//! when the process ends, however it ends. A second opener is refused as
//! [`Locked`](crate::ErrorKind::Locked) and told who the owner is.
//!
//! **Open a store after a fork, never across one.** A fork copies the memory and one thread; the
//! thread that syncs, RocksDB's threads, and whoever held a lock at that moment are not there. So:
//!
//! * In the child a write, a sync, a change of the catalog, a close, and waiting for a ticket fail at
//!   once as [`Forked`](crate::ErrorKind::Forked). They ask for the number of the process, which costs
//!   one system call beside a commit; no read does.
//! * Reads in the child are not looked after. They may seem to work, and may wait for ever.
//! * Dropping the copy in the child does nothing: no flush, no waiting, and the directory of a
//!   temporary store stays. Its memory goes when the process does.
//! * The parent does not notice.
//! * A child that needs features asks the parent, or opens another directory.
//!
//! A pre-forking server opens its store in each worker, a directory each; a job that forks to `exec`
//! is no trouble, because `exec` ends the copy and closes the lock's descriptor.
//!
//! # Platforms
//!
//! | platform | state |
//! |---|---|
//! | Linux on x86-64, a local file system | what every change is tested on, kills and damage included |
//! | Linux on aarch64, macOS | expected to work and not tested; on macOS large pages, the host in the lock and the run of the machine that wrote are missing, which Linux tells |
//! | Windows | not supported: a new store syncs its directory, which Windows refuses |
//! | 32-bit targets | not supported: a block cache and a history want more than their address space |
//! | network file systems | not supported: locks and fsync do not hold there what they promise |
//!
//! Stored bytes are the same everywhere: their order is fixed by the format and not by the machine. A
//! store can be moved between machines when it is closed. On macOS an fsync leaves data in the disk's
//! own cache unless the disk is asked otherwise; what is said of power cuts is said of disks that
//! honour a flush.
//!
//! # What a store tells
//!
//! With the cargo feature `tracing`, spans and events go to the subscriber of the host, all with the
//! target `asof`. Without it nothing of this is compiled. No read tells anything, with or without: a
//! read is shorter than the telling.
//!
//! | span | level | fields | |
//! |---|---|---|---|
//! | `open` | info | path | a store is being opened |
//! | `apply` | info | namespace, view | a view is being applied |
//! | `write` | debug | rows | a batch is judged and committed; its fsync is not in it |
//! | `sync` | debug | | the log is made durable, for all who wait |
//!
//! | event | level | fields | |
//! |---|---|---|---|
//! | `opened` | info | path, views | |
//! | `closed` | info | path | the last handle was closed, or dropped |
//! | `applied` | info | namespace, view, version | the catalog has changed |
//! | `wrote` | debug | rows, applied, duplicate, too_late, fenced, quarantined | a receipt |
//! | `set aside` | warn | rows, first | bad rows went to the quarantine; the reason of the first |
//! | `refused` | warn | rows, first | a batch was refused because of bad rows |
//! | `floor moved` | info | namespace, view, floor | microseconds; in force from now on |
//! | `not resident` | warn | rows, capacity_bytes | rows of resident views found no room in memory and are read from the database; told once |
//! | `poisoned` | error | why | the handle takes no more writes; told once |
//! | `slow` | warn | operation, elapsed_ms, expected_ms | a span took longer than expected: open 5 s, apply and sync 500 ms, write 100 ms |
