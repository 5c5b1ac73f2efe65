//! The names people give and the numbers the store gives.
//!
//! Names are checked once, where they enter. Numbers are given once and never used again, so that
//! old bytes can never be taken for something new.

use crate::error::{Error, Result};
pub use crate::limits::NAME_BYTES_MAX;
use crate::limits::SOURCE_BYTES_MAX;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// The namespace of a view that names none.
pub const DEFAULT_NAMESPACE: &str = "default";

/// Checks a name of a namespace, view, key column or feature: `[a-z][a-z0-9_]{0,62}` without `__`.
///
/// A double underscore is kept for the columns that a join makes (`view__feature`).
pub(crate) fn check_name(what: &str, name: &str) -> Result<()> {
    let well_formed = name.len() <= NAME_BYTES_MAX
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        && !name.contains("__");
    if well_formed {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "{what} {name:?} is not a name: a name is a lowercase letter, then at most 62 lowercase \
         letters, digits and single underscores (NAME_BYTES_MAX is {NAME_BYTES_MAX})"
    )))
}

/// Checks the name of a source or a partition: letters, digits, `.`, `_` and `-`. Logs are named by
/// others, so more is allowed than in a name of ours, but nothing that a path or a file would need
/// to quote.
pub(crate) fn check_source(what: &str, name: &str) -> Result<()> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    if (1..=SOURCE_BYTES_MAX).contains(&name.len()) && name.bytes().all(allowed) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "{what} {name:?} cannot be called so: it takes 1 to {SOURCE_BYTES_MAX} letters, digits, dots, \
         underscores and dashes"
    )))
}

/// The number of a view in its store. Never reused, never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ViewId(pub(crate) u32);

/// The number of a feature in its view. Never reused, never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeatureId(pub(crate) u16);

impl FeatureId {
    /// The place of this feature in a list of all features by id: ids count from one.
    #[inline]
    pub(crate) fn place(self) -> usize {
        usize::from(self.0) - 1
    }
}

/// Tells the open stores of a process apart. The hash key does not: a copy of a store has the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Opened(u64);

impl Opened {
    /// What was not put into any store.
    pub(crate) const NEVER: Opened = Opened(0);

    /// Of a store that is being opened.
    pub(crate) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(Opened::NEVER.0 + 1);
        Opened(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// A view of an open store. Its number alone does not tell it from a view of another store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OpenedView {
    pub(crate) opened: Opened,
    pub(crate) id: ViewId,
}

/// Carried along and no part of what its owner says: two owners that differ in it alone are equal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Aside<T>(pub(crate) T);

impl<T> PartialEq for Aside<T> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<T> Eq for Aside<T> {}

impl fmt::Display for ViewId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for FeatureId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Bytes as lowercase hex.
pub(crate) struct Hex<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_may_be_named_as_logs_are() {
        for name in [
            "flights-log",
            "Orders.v2",
            "0",
            "_",
            "a".repeat(255).as_str(),
        ] {
            assert!(check_source("source", name).is_ok(), "{name}");
        }
        for name in ["", "a/b", "a b", "é", "a\"b", "a".repeat(256).as_str()] {
            assert!(check_source("source", name).is_err(), "{name}");
        }
    }

    #[test]
    fn names_are_what_the_command_line_says() {
        let longest = format!("a{}", "b".repeat(62));
        for name in ["a", "weather", "wind_speed", "t2", "a_", longest.as_str()] {
            assert!(check_name("view", name).is_ok(), "{name}");
        }
        let too_long = format!("{longest}c");
        for name in [
            "",
            "_a",
            "2t",
            "Temp",
            "a__b",
            "a-b",
            "a b",
            "é",
            "a.b",
            too_long.as_str(),
        ] {
            assert!(check_name("view", name).is_err(), "{name}");
        }
    }
}
