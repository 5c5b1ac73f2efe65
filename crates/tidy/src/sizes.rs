//! Functions fit on a screen, files in a head.

use std::collections::BTreeSet;

use crate::allow::{allows, stale};
use crate::code::{body, ident, words};
use crate::tree::{is_source, is_test};
use crate::{Allow, Code, Finding, Tree};

/// A function longer than this is long.
const FUNCTION_LINES_MAX: usize = 70;

/// One function in this many may be long: some tables and some `match`es are best left whole.
const FUNCTIONS_PER_LONG_ONE: usize = 100;

/// A file longer than this holds a second noun.
const FILE_LINES_MAX: usize = 600;

/// Files that are long for a reason.
pub const ALLOWED: &[Allow] = &[];

/// Long files, and long functions where they are more than one in a hundred. Tests are not counted.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut found = long_files(tree, ALLOWED);
    found.extend(long_functions(tree));
    found
}

fn sources(tree: &Tree) -> impl Iterator<Item = (&str, Code<'_>)> {
    tree.rust()
        .filter(|(path, _)| is_source(path) && !is_test(path))
}

fn long_files(tree: &Tree, allowed: &[Allow]) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut needed = BTreeSet::new();
    for (path, code) in sources(tree) {
        let lines = code.raw.lines().count() - test_lines(&code);
        if lines <= FILE_LINES_MAX {
            continue;
        }
        if allows(allowed, path) {
            needed.insert(path);
            continue;
        }
        found.push(Finding::new(
            path,
            1,
            format!("{lines} lines"),
            format!("over {FILE_LINES_MAX} there are two nouns in one file"),
            "find the second noun and give it a file",
        ));
    }
    found.extend(stale(allowed, &needed, file!()));
    found
}

/// Lines that hold test code and nothing that ships.
fn test_lines(code: &Code<'_>) -> usize {
    let blank = |line: &str| line.trim().is_empty();
    code.bare
        .lines()
        .zip(code.live.lines())
        .filter(|(bare, live)| !blank(bare) && blank(live))
        .count()
}

fn long_functions(tree: &Tree) -> Vec<Finding> {
    let mut long = Vec::new();
    let mut total = 0usize;
    for (path, code) in sources(tree) {
        for (name, line, lines) in functions(&code) {
            total += 1;
            if lines > FUNCTION_LINES_MAX {
                long.push((lines, path.to_owned(), line, name));
            }
        }
    }
    if long.len() * FUNCTIONS_PER_LONG_ONE <= total {
        return Vec::new();
    }
    long.sort_by(|a, b| b.cmp(a));
    let why = format!(
        "{} of {total} functions are longer than {FUNCTION_LINES_MAX} lines, one in \
         {FUNCTIONS_PER_LONG_ONE} may be",
        long.len()
    );
    let next = "split a decision from its actions, worst function first";
    long.into_iter()
        .map(|(lines, path, line, name)| {
            Finding::new(
                &path,
                line,
                format!("`{name}` has {lines} lines"),
                why.clone(),
                next,
            )
        })
        .collect()
}

/// Name, line and length in lines of every function with a body.
fn functions(code: &Code<'_>) -> Vec<(String, usize, usize)> {
    words(&code.live, "fn")
        .filter_map(|at| {
            let rest = &code.live[at + 2..];
            let name = ident(rest.trim_start());
            let body = body(&code.live, at + 2)?;
            let line = code.line(at);
            let last = code.line(body.end - 1);
            // `fn(u8)` is a type.
            (!name.is_empty()).then(|| (name.to_owned(), line, last - line + 1))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(name: &str, lines: usize) -> String {
        format!("fn {name}() {{\n{}}}\n", "    a();\n".repeat(lines - 2))
    }

    fn found(path: &str, text: &str) -> usize {
        check(&Tree::of(&[(path, text)])).len()
    }

    #[test]
    fn a_function_of_seventy_one_lines_is_found() {
        assert_eq!(found("src/a.rs", &function("f", 71)), 1);
        assert_eq!(found("src/a.rs", &function("f", 70)), 0);
        assert_eq!(found("tests/a.rs", &function("f", 71)), 0);
        assert_eq!(
            found("src/a.rs", &format!("#[cfg(test)]\n{}", function("f", 71))),
            0
        );
    }

    #[test]
    fn one_function_in_a_hundred_may_be_long() {
        let long = function("long", 71);
        assert_eq!(
            found("src/a.rs", &(long.clone() + &"fn s() {}\n".repeat(99))),
            0
        );
        assert_eq!(found("src/a.rs", &(long + &"fn s() {}\n".repeat(98))), 1);
    }

    #[test]
    fn the_worst_function_comes_first() {
        let text = function("f", 80) + &function("g", 90);
        let found = check(&Tree::of(&[("crates/x/src/a.rs", &text)]));
        assert!(found[0].what.contains("`g` has 90"), "{found:?}");
    }

    #[test]
    fn a_file_of_six_hundred_and_one_lines_is_found() {
        assert_eq!(found("src/a.rs", &"// a\n".repeat(601)), 1);
        assert_eq!(found("src/a.rs", &"// a\n".repeat(600)), 0);
        let tests = format!(
            "{}#[cfg(test)]\nmod t {{\n{}}}",
            "a;\n".repeat(500),
            "b;\n".repeat(500)
        );
        assert_eq!(found("src/a.rs", &tests), 0);
    }

    #[test]
    fn a_file_that_became_short_leaves_the_list() {
        let list = [Allow {
            path: "src/a.rs",
            why: "a table",
        }];
        let long = "// a\n".repeat(601);
        assert_eq!(long_files(&Tree::of(&[("src/a.rs", &long)]), &list), []);
        assert_eq!(long_files(&Tree::of(&[("src/a.rs", "")]), &list).len(), 1);
    }
}
