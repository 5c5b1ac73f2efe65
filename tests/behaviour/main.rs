//! What the engine promises, seen through its public API: the law's traces, and what no trace can say.
#![cfg(all(feature = "store", feature = "text"))]

mod allocations;
mod atomicity;
mod cached;
mod clauses;
mod conformance;
mod damage;
mod durability;
mod erase;
mod explain;
mod features;
mod forgotten;
#[cfg(unix)]
mod fork;
mod formats;
mod freshness;
#[cfg(target_os = "linux")]
mod full_disk;
mod handles;
mod history;
#[path = "../killed/mod.rs"]
mod killed;
mod legitimate;
mod limits;
mod names;
mod opening;
mod preflight;
mod pressure;
mod quarantine;
mod receipts;
mod resident;
mod reused;
mod sets;
#[path = "../small_store/mod.rs"]
mod small_store;
mod stats;
mod together;
mod trace;
mod views;
mod weather;
