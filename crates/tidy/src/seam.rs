//! Only `src/kv/` says `rocksdb`.
//!
//! RocksDB's traps (silent recovery modes, iterators that skip rows, options that lie) are fenced
//! once, in `kv/`. A second caller would have to know them all again.

use std::collections::BTreeSet;

use crate::allow::{allows, stale};
use crate::code::words;
use crate::{Allow, Finding, Tree};

const HOME: &str = "src/kv/";

/// Files outside `src/kv/` that may call RocksDB.
pub const ALLOWED: &[Allow] = &[Allow {
    path: "crates/asof-bench/src/raw.rs",
    why: "it is what we measure against",
}];

/// Files that name RocksDB's crates outside their home.
pub fn check(tree: &Tree) -> Vec<Finding> {
    check_against(tree, ALLOWED)
}

fn check_against(tree: &Tree, allowed: &[Allow]) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut needed = BTreeSet::new();
    for (path, code) in tree.rust().filter(|(path, _)| !path.starts_with(HOME)) {
        let calls = words(&code.bare, "rocksdb")
            .filter(|at| names_the_crate(&code.bare, *at))
            .chain(words(&code.bare, "librocksdb_sys"));
        for at in calls {
            if allows(allowed, path) {
                needed.insert(path);
                continue;
            }
            found.push(Finding::new(
                path,
                code.line(at),
                "RocksDB is named outside src/kv/",
                "its traps are fenced there and nowhere else",
                "call a function of `kv`, or add one there",
            ));
        }
    }
    found.extend(stale(allowed, &needed, file!()));
    found
}

/// `rocksdb::…`, `use rocksdb…` and `extern crate rocksdb`; a variable of that name is no crate.
fn names_the_crate(bare: &str, at: usize) -> bool {
    let before = bare[..at].trim_end();
    bare[at + "rocksdb".len()..].trim_start().starts_with("::")
        || words(before, "use").any(|word| word + 3 == before.len())
        || words(before, "crate").any(|word| word + 5 == before.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rocksdb_outside_kv_is_found() {
        for text in [
            "use rocksdb::DB;",
            "fn f() { rocksdb::DB::open() }",
            "use rocksdb as r;",
            "unsafe { librocksdb_sys::f() }",
        ] {
            assert_eq!(
                check_against(&Tree::of(&[("src/read/a.rs", text)]), &[]).len(),
                1,
                "{text}"
            );
        }
    }

    #[test]
    fn kv_prose_and_literals_pass() {
        let tree = Tree::of(&[
            ("src/kv/open.rs", "use rocksdb::DB;"),
            (
                "src/read/a.rs",
                "// as rocksdb::DB does\nlet a = \"rocksdb::\"; let rocksdb = 1;",
            ),
        ]);
        assert_eq!(check_against(&tree, &[]), []);
    }

    #[test]
    fn an_exception_holds_while_it_is_needed() {
        let allowed = [Allow {
            path: "benches/raw.rs",
            why: "compares",
        }];
        let used = Tree::of(&[("benches/raw.rs", "use rocksdb::DB;")]);
        assert_eq!(check_against(&used, &allowed), []);
        assert_eq!(check_against(&Tree::default(), &allowed).len(), 1);
    }
}
