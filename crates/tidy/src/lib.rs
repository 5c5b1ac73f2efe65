//! Tidy reads the sources and says what the compiler cannot see.
//!
//! Each module is one rule with one sentence: it takes a [`Tree`] (paths and texts, from the disk or
//! made up in a test) and returns its [`Finding`]s. `tests/tree.rs` runs every rule on this
//! repository; the tests at the foot of each module show the rule failing on a planted violation,
//! because a rule that was never seen to fail may be checking nothing.
//!
//! Tidy has no dependencies, so that it is red or green seconds after a checkout, long before
//! RocksDB is compiled. It reads Rust with a small scanner rather than a parser ([`Code`]): what a
//! rule needs is to tell code from comments, literals and tests, and that takes a page.

pub mod allow;
pub mod code;
pub mod finding;
pub mod leftovers;
pub mod links;
pub mod names;
pub mod rank;
pub mod reach;
pub mod seam;
pub mod sizes;
pub mod traces;
pub mod tree;
pub mod unsafety;

pub use allow::Allow;
pub use code::Code;
pub use finding::Finding;
pub use tree::Tree;
