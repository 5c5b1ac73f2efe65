//! A finding is one line that can be acted on: where, what, why, what next.

use std::fmt;

/// Something a rule objects to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Path from the root of the repository, with `/`.
    pub path: String,
    /// Line, counted from 1.
    pub line: usize,
    /// What stands there.
    pub what: String,
    /// Why that hurts.
    pub why: String,
    /// What to do instead.
    pub next: String,
}

impl Finding {
    /// A finding at `path:line`.
    pub fn new(
        path: &str,
        line: usize,
        what: impl Into<String>,
        why: impl Into<String>,
        next: impl Into<String>,
    ) -> Self {
        Self {
            path: path.into(),
            line,
            what: what.into(),
            why: why.into(),
            next: next.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            path,
            line,
            what,
            why,
            next,
        } = self;
        write!(f, "{path}:{line}: {what}, {why}, {next}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_reads_as_one_line() {
        let found = Finding::new("src/a.rs", 7, "what", "why", "what next");
        assert_eq!(found.to_string(), "src/a.rs:7: what, why, what next");
    }
}
