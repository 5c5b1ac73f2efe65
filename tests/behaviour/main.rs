//! What the engine promises, seen through its public API: the law's traces, and what no trace can say.
#![cfg(all(feature = "store", feature = "text"))]

mod allocations;
mod atomicity;
mod conformance;
mod damage;
mod durability;
mod history;
mod opening;
mod preflight;
mod sets;
mod trace;
mod views;
mod weather;
