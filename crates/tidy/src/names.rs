//! A file is named after what it decides or keeps.
//!
//! A drawer labelled "various" fills up, and nobody looks for a watermark in it.

use crate::code::{ident, words};
use crate::{Finding, Tree};

/// Names that say nothing about their contents.
const EMPTY: &[&str] = &[
    "utils", "common", "base", "types", "inner", "helpers", "manager",
];

/// Files, directories and modules with such a name.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for (path, _) in tree.files() {
        let stems = path
            .split('/')
            .map(|part| part.split('.').next().unwrap_or(part));
        found.extend(
            stems
                .filter(says_nothing)
                .map(|name| finding(path, 1, name)),
        );
    }
    for (path, code) in tree.rust() {
        for at in words(&code.bare, "mod") {
            let name = ident(code.bare[at + 3..].trim_start());
            if says_nothing(&name) {
                found.push(finding(path, code.line(at), name));
            }
        }
    }
    found
}

fn says_nothing(name: &&str) -> bool {
    EMPTY.contains(name)
}

fn finding(path: &str, line: usize, name: &str) -> Finding {
    Finding::new(
        path,
        line,
        format!("the name `{name}`"),
        "it does not say what is inside, so everything ends up there",
        "name it with the noun a reader would search for",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_says_nothing_is_found() {
        for path in ["src/kv/utils.rs", "src/common/mod.rs", "tools/helpers.py"] {
            assert_eq!(check(&Tree::of(&[(path, "")])).len(), 1, "{path}");
        }
        assert_eq!(check(&Tree::of(&[("src/a.rs", "mod inner { }")])).len(), 1);
    }

    #[test]
    fn a_name_that_holds_such_a_word_passes() {
        let tree = Tree::of(&[("src/value_types.rs", "mod database; let base = types;")]);
        assert_eq!(check(&tree), []);
    }
}
