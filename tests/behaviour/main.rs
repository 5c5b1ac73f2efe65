//! What the engine promises, seen through its public API: the law's traces, and what no trace can say.
#![cfg(all(feature = "store", feature = "text"))]

mod conformance;
mod trace;
