//! An exception to a rule carries its reason, and leaves when nobody needs it any more.

use std::collections::BTreeSet;

use crate::Finding;

/// A path that a rule lets pass.
#[derive(Debug, Clone, Copy)]
pub struct Allow {
    /// Path from the root of the repository.
    pub path: &'static str,
    /// Why this one may.
    pub why: &'static str,
}

/// True if `path` is on the list.
pub fn allows(list: &[Allow], path: &str) -> bool {
    list.iter().any(|entry| entry.path == path)
}

/// One finding for each entry of `list` that no path in `needed` used. `home` is the file the list
/// stands in.
pub fn stale(list: &[Allow], needed: &BTreeSet<&str>, home: &str) -> Vec<Finding> {
    list.iter()
        .filter(|entry| !needed.contains(entry.path))
        .map(|entry| {
            Finding::new(
                home,
                1,
                format!(
                    "the exception for `{}` ({}) is not needed",
                    entry.path, entry.why
                ),
                "an exception nobody needs hides the next violation",
                "delete the entry",
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_nobody_needs_is_a_finding() {
        let list = [
            Allow {
                path: "a.rs",
                why: "it maps",
            },
            Allow {
                path: "b.rs",
                why: "it maps",
            },
        ];
        let found = stale(&list, &BTreeSet::from(["a.rs"]), "here.rs");
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].what.contains("b.rs"));
        assert!(stale(&list, &BTreeSet::from(["a.rs", "b.rs"]), "here.rs").is_empty());
    }
}
