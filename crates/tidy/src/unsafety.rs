//! `unsafe` lives in named files, and every block says why it is sound.

use std::collections::BTreeSet;

use crate::allow::{allows, stale};
use crate::code::words;
use crate::{Allow, Code, Finding, Tree};

/// The files that own unsafe code. One line each; the file says the rest.
pub const ALLOWED: &[Allow] = &[
    Allow {
        path: "crates/asof-bench/src/peers/lmdb.rs",
        why: "opening LMDB maps a file, which is only as safe as those who may write to it",
    },
    Allow {
        path: "crates/asof-crash/src/ioctl.rs",
        why: "a power cut and the fill of a pipe are ioctls, which have no safe form",
    },
    Allow {
        path: "src/kv/checksum.rs",
        why: "rocksdb exposes file checksums through its C interface only",
    },
    Allow {
        path: "src/kv/reuse.rs",
        why: "iterators that are kept beside the database borrow from their neighbour",
    },
    Allow {
        path: "src/store/heap.rs",
        why: "the allocator gives memory back by a call that has no safe form",
    },
    Allow {
        path: "src/sync/words.rs",
        why: "zeroed memory on large pages, seen as atomics, and prefetches have no safe form",
    },
    Allow {
        path: "tests/behaviour/allocations.rs",
        why: "an allocator that counts is unsafe by its trait",
    },
    Allow {
        path: "tests/behaviour/fork.rs",
        why: "a fork is a call of the system",
    },
    Allow {
        path: "fuzz/src/allocator.rs",
        why: "an allocator that counts is unsafe by its trait",
    },
];

/// Unsafe code outside its files, and blocks without a `// SAFETY:` comment.
pub fn check(tree: &Tree) -> Vec<Finding> {
    check_against(tree, ALLOWED)
}

fn check_against(tree: &Tree, allowed: &[Allow]) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut needed = BTreeSet::new();
    for (path, code) in tree.rust() {
        for at in words(&code.bare, "unsafe") {
            if !allows(allowed, path) {
                found.push(Finding::new(
                    path,
                    code.line(at),
                    "`unsafe` outside the files that own it",
                    "each such file is read by hand and run under a checker",
                    "find a safe way, or add the file to ALLOWED in crates/tidy/src/unsafety.rs",
                ));
                continue;
            }
            needed.insert(path);
            if asks_for_proof(&code.bare[at..]) && !is_argued(&code, at) {
                found.push(Finding::new(
                    path,
                    code.line(at),
                    "an unsafe block without a `// SAFETY:` comment just above",
                    "the next reader cannot check a proof that is not written down",
                    "write why it is sound",
                ));
            }
        }
    }
    found.extend(stale(allowed, &needed, file!()));
    found
}

/// Blocks and `unsafe impl` claim something; `unsafe fn` asks its caller to.
fn asks_for_proof(from: &str) -> bool {
    let rest = from["unsafe".len()..].trim_start();
    rest.starts_with('{') || rest.starts_with("impl")
}

/// A comment with `SAFETY:` stands on the line, or in the comment above its statement.
fn is_argued(code: &Code<'_>, at: usize) -> bool {
    let raw: Vec<&str> = code.raw.lines().collect();
    let bare: Vec<&str> = code.bare.lines().collect();
    let says = |line: usize| raw[line].contains("// SAFETY:");
    let mut line = code.line(at) - 1;
    if says(line) {
        return true;
    }
    while line > 0 {
        line -= 1;
        if says(line) {
            return true;
        }
        let text = bare[line].trim_end();
        let is_comment = text.trim().is_empty() && !raw[line].trim().is_empty();
        let goes_on = !text.is_empty() && !text.ends_with([';', '{', '}']);
        if !is_comment && !goes_on {
            return false;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: &[Allow] = &[Allow {
        path: "src/kv/a.rs",
        why: "maps",
    }];

    fn count(path: &str, text: &str) -> usize {
        check_against(&Tree::of(&[(path, text)]), OWNER)
            .iter()
            .filter(|finding| finding.path == path)
            .count()
    }

    #[test]
    fn unsafe_code_outside_its_files_is_found() {
        assert_eq!(count("src/id.rs", "fn f() { unsafe { g() } }"), 1);
        assert_eq!(count("tests/a.rs", "unsafe impl Send for A {}"), 1);
    }

    #[test]
    fn the_lint_and_prose_are_not_the_keyword() {
        assert_eq!(
            count(
                "src/id.rs",
                "#![forbid(unsafe_code)]\n// unsafe\nlet a = \"unsafe\";"
            ),
            0
        );
    }

    #[test]
    fn a_block_without_its_argument_is_found() {
        assert_eq!(count("src/kv/a.rs", "fn f() {\n    unsafe { g() }\n}"), 1);
        assert_eq!(
            count("src/kv/a.rs", "// SAFETY: far\nlet a = 1;\nunsafe { g() }"),
            1
        );
        assert_eq!(
            count("src/kv/a.rs", "// SAFETY: far\n\nunsafe impl Send for A {}"),
            1
        );
    }

    #[test]
    fn an_argued_block_passes() {
        assert_eq!(
            count(
                "src/kv/a.rs",
                "// SAFETY: g is pure,\n// always.\nunsafe { g() }"
            ),
            0
        );
        assert_eq!(
            count(
                "src/kv/a.rs",
                "// SAFETY: pure.\nlet a =\n    unsafe { g() };"
            ),
            0
        );
        assert_eq!(count("src/kv/a.rs", "unsafe fn g() {}"), 0);
    }

    #[test]
    fn a_file_that_became_safe_leaves_the_list() {
        let found = check_against(&Tree::of(&[("src/kv/a.rs", "fn f() {}")]), OWNER);
        assert_eq!(found.len(), 1);
    }
}
