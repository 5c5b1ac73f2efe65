//! Nothing half done is kept: no placeholder, no muted test, no assertion that asserts nothing.

use crate::code::{bracketed, is_ident, line, words};
use crate::tree::is_test;
use crate::{Code, Finding, Tree};

/// What may not stand in code, and why.
const IN_CODE: &[(&str, &str)] = &[
    ("todo!(", "it panics in somebody's production"),
    ("unimplemented!(", "it panics in somebody's production"),
    ("dbg!(", "it writes to the host's stderr"),
    ("#[ignore", "a test nobody runs stops being true"),
];

/// What may not stand anywhere in a Rust file, comments included. In two halves, so that this file
/// passes its own rule.
const ANYWHERE: &[&str] = &[concat!("FIX", "ME"), concat!("XX", "X")];

/// Placeholders, ignored tests, bare `matches!` and, in the engine, `unwrap`.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for (path, code) in tree.rust() {
        for (mark, why) in IN_CODE {
            for at in starts(&code.bare, mark) {
                found.push(unfinished(path, code.line(at), mark, why));
            }
        }
        for mark in ANYWHERE {
            for at in words(code.raw, mark) {
                found.push(unfinished(
                    path,
                    line(code.raw, at),
                    mark,
                    "a note nobody is sent",
                ));
            }
        }
        found.extend(idle_matches(path, &code));
        if path.starts_with("src/") && !is_test(path) {
            found.extend(unwraps(path, &code));
        }
    }
    found
}

/// Places where `mark` stands and does not end a longer word: `assert_matches!(` is no `matches!(`.
fn starts<'t>(text: &'t str, mark: &'t str) -> impl Iterator<Item = usize> + 't {
    text.match_indices(mark)
        .map(|(at, _)| at)
        .filter(move |at| {
            let before = text[..*at].chars().next_back();
            !mark.starts_with(is_ident) || !before.is_some_and(is_ident)
        })
}

fn unfinished(path: &str, line: usize, mark: &str, why: &str) -> Finding {
    Finding::new(
        path,
        line,
        format!("`{mark}`"),
        why,
        "finish it, or open an issue and delete it",
    )
}

/// `matches!(…);` as a statement: it computes an answer and drops it.
fn idle_matches(path: &str, code: &Code<'_>) -> Vec<Finding> {
    let bare = &code.bare;
    starts(bare, "matches!(")
        .filter(|at| {
            let before = bare[..*at].trim_end();
            let call = bracketed(bare, at + "matches!".len());
            let begins = before.is_empty() || before.ends_with([';', '{', '}']);
            begins && bare[call.end..].trim_start().starts_with(';')
        })
        .map(|at| {
            Finding::new(
                path,
                code.line(at),
                "a bare `matches!` statement",
                "its answer is dropped, so it asserts nothing",
                "write `assert!(matches!(…))`",
            )
        })
        .collect()
}

fn unwraps(path: &str, code: &Code<'_>) -> Vec<Finding> {
    let calls = code.live.match_indices(".unwrap()");
    calls
        .map(|(at, _)| {
            Finding::new(
                path,
                code.line(at),
                "`unwrap` in the engine",
                "its panic does not say which belief of ours was wrong",
                "return an error, or `expect` with the reason it cannot happen",
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whats(path: &str, text: &str) -> Vec<String> {
        check(&Tree::of(&[(path, text)]))
            .into_iter()
            .map(|finding| finding.what)
            .collect()
    }

    #[test]
    fn placeholders_and_muted_tests_are_found() {
        for text in [
            "fn f() { todo!() }",
            "dbg!(a);",
            "#[ignore]\nfn t() {}",
            "unimplemented!()",
        ] {
            assert_eq!(whats("tests/a.rs", text).len(), 1, "{text}");
        }
    }

    #[test]
    fn a_note_in_a_comment_is_found() {
        assert_eq!(whats("src/a.rs", concat!("// FIX", "ME: later")).len(), 1);
        assert_eq!(whats("src/a.rs", concat!("// XX", "X later")).len(), 1);
        assert_eq!(whats("src/a.rs", concat!("// XX", "XX is a mask")), [""; 0]);
    }

    #[test]
    fn a_bare_matches_is_found_and_a_used_one_passes() {
        assert_eq!(
            whats("tests/a.rs", "fn t() {\n    matches!(a, B { .. });\n}").len(),
            1
        );
        for text in [
            "fn f() -> bool {\n    matches!(a, B)\n}",
            "let ok =\n    matches!(a, B);",
            "assert!(matches!(a, B));",
            "assert_matches!(a, B);",
        ] {
            assert_eq!(whats("tests/a.rs", text), [""; 0], "{text}");
        }
    }

    #[test]
    fn unwrap_is_found_in_the_engine_only() {
        assert_eq!(whats("src/a.rs", "fn f() { a.unwrap() }").len(), 1);
        assert_eq!(
            whats("src/a.rs", "#[test]\n#[cfg(test)]\nfn f() { a.unwrap() }"),
            [""; 0]
        );
        assert_eq!(whats("tests/a.rs", "a.unwrap()"), [""; 0]);
        assert_eq!(whats("src/a.rs", "a.unwrap_or(b)"), [""; 0]);
    }

    #[test]
    fn a_mark_inside_a_literal_or_a_longer_word_passes() {
        assert_eq!(
            whats("src/a.rs", "let a = \"todo!(\"; // dbg!(a)\nmytodo!()"),
            [""; 0]
        );
    }
}
