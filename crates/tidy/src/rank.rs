//! A module of the engine may name modules of lower rank, and of its own rank without a cycle.
//!
//! Imports that only flow down are what keeps a change in one place: whoever reads `format/` need
//! not know `store/`.

use std::collections::{BTreeMap, BTreeSet};

use crate::code::{bracketed, ident, inline_modules, words};
use crate::tree::is_test;
use crate::{Code, Finding, Tree};

/// The modules of `src/`, lowest rank first: the architecture in one screen.
pub const RANKS: &[&[&str]] = &[
    &["error", "limits", "sync"],
    &["time", "id", "op", "value", "failpoint", "trace"],
    &["schema", "metrics"],
    &["format", "cache"],
    &["law", "query", "interchange", "preflight"],
    &["frozen", "kv"],
    &["catalog", "retention", "tenant"],
    &["read", "write"],
    &["load", "snapshot"],
    &["store"],
    &["fuzzing"],
    &["lib", "guide"],
];

const WHY: &str = "imports flow down the ranks in crates/tidy/src/rank.rs";

/// One place where a module names another.
struct Mention<'a> {
    from: &'a str,
    to: String,
    path: &'a str,
    line: usize,
}

/// Upward imports, cycles within a rank, modules without a rank, and paths that go through `lib.rs`
/// or leave their module by `super::`.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut mentions = Vec::new();
    let mut unranked = BTreeSet::new();
    for (path, code) in tree.rust() {
        let Some(modules) = module_path(path) else {
            continue;
        };
        let from = modules[0];
        if rank(from).is_none() && unranked.insert(from) {
            found.push(Finding::new(
                path,
                1,
                format!("module `{from}` has no rank"),
                "without one its imports cannot be judged",
                "add it to RANKS in crates/tidy/src/rank.rs",
            ));
        }
        for (at, to) in crate_paths(&code.live) {
            mentions.push(Mention {
                from,
                to,
                path,
                line: code.line(at),
            });
        }
        found.extend(escapes(path, &code, modules.len()));
    }
    found.extend(mentions.iter().filter_map(upward));
    found.extend(cycles(&mentions));
    found
}

/// `src/kv/read.rs` is `[kv, read]`. `None` outside the engine, for `lib.rs` (which may name all)
/// and for test code.
fn module_path(path: &str) -> Option<Vec<&str>> {
    let inside = path.strip_prefix("src/")?.strip_suffix(".rs")?;
    if inside == "lib" || is_test(path) {
        return None;
    }
    Some(
        inside
            .strip_suffix("/mod")
            .unwrap_or(inside)
            .split('/')
            .collect(),
    )
}

fn rank(module: &str) -> Option<usize> {
    RANKS.iter().position(|names| names.contains(&module))
}

/// Every name that follows `crate::`, also in a group: `use crate::{id::Entity, value}`.
fn crate_paths(live: &str) -> Vec<(usize, String)> {
    let mut paths = Vec::new();
    for at in words(live, "crate") {
        let Some(rest) = live[at + 5..].strip_prefix("::") else {
            continue;
        };
        if rest.starts_with('{') {
            let inside = bracketed(live, at + 7);
            paths.extend(group(&live[inside]).map(|name| (at, name.to_owned())));
        } else if !live[..at].ends_with('$') || rank(first(rest)).is_some() {
            // `$crate::Name` of a re-export is written out in the user's crate, where lib.rs is all
            // there is to see; it imports nothing here.
            paths.push((at, first(rest).to_owned()));
        }
    }
    paths
}

/// The first name of each entry of `{a::b, c::{d, e}}`.
fn group(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0usize;
    text.split(move |c: char| {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        (c == '{' || c == ',') && depth == 1
    })
    .map(|entry| first(entry.trim_start()))
    .filter(|name| !name.is_empty())
}

fn first(path: &str) -> &str {
    if path.starts_with('*') {
        "*"
    } else {
        ident(path)
    }
}

fn upward(mention: &Mention<'_>) -> Option<Finding> {
    let Mention {
        from,
        to,
        path,
        line,
    } = mention;
    let from_rank = rank(from)?;
    match rank(to) {
        Some(to_rank) if to_rank > from_rank => Some(Finding::new(
            path,
            *line,
            format!("`{from}` (rank {from_rank}) names `crate::{to}` (rank {to_rank})"),
            WHY,
            format!("move what is shared below both, or hand it in from above `{from}`"),
        )),
        Some(_) => None,
        None => Some(Finding::new(
            path,
            *line,
            format!("`{from}` names `crate::{to}`, which is in no ranked module"),
            "a re-export of lib.rs stands above everything",
            "name the module that defines it: `crate::error::Error`, not `crate::Error`",
        )),
    }
}

/// Mentions between modules of one rank that lie on a cycle.
fn cycles(mentions: &[Mention<'_>]) -> Vec<Finding> {
    let level = |m: &&Mention<'_>| m.from != m.to && rank(m.from) == rank(&m.to);
    let mut edges: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for mention in mentions.iter().filter(level) {
        edges.entry(mention.from).or_default().insert(&mention.to);
    }
    mentions
        .iter()
        .filter(level)
        .filter(|m| reaches(&edges, &m.to, m.from))
        .map(|m| {
            Finding::new(
                m.path,
                m.line,
                format!("`{}` and `{}` need each other", m.from, m.to),
                "modules of one rank may not form a cycle",
                "cut the cycle, or make one module of them",
            )
        })
        .collect()
}

fn reaches(edges: &BTreeMap<&str, BTreeSet<&str>>, from: &str, goal: &str) -> bool {
    let mut seen = BTreeSet::new();
    let mut open = vec![from];
    while let Some(module) = open.pop() {
        if module == goal {
            return true;
        }
        if seen.insert(module) {
            open.extend(edges.get(module).into_iter().flatten());
        }
    }
    false
}

/// `super::` chains that climb out of the top-level module, `depth` files deep.
fn escapes(path: &str, code: &Code<'_>, depth: usize) -> Vec<Finding> {
    let inline = inline_modules(&code.live);
    let mut found = Vec::new();
    for at in words(&code.live, "super") {
        if code.live[..at].ends_with("super::") {
            continue;
        }
        let mut rest = &code.live[at..];
        let mut climbed = 0;
        while let Some(next) = rest.strip_prefix("super::") {
            climbed += 1;
            rest = next;
        }
        let nested = inline.iter().filter(|(_, body)| body.contains(&at)).count();
        if climbed >= depth + nested {
            found.push(Finding::new(
                path,
                code.line(at),
                "a `super::` path leaves its top-level module",
                "it hides an import from the ranks",
                "write it as `crate::…`",
            ));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whats(files: &[(&str, &str)]) -> Vec<String> {
        check(&Tree::of(files))
            .into_iter()
            .map(|finding| finding.what)
            .collect()
    }

    #[test]
    fn an_upward_import_is_found() {
        let found = whats(&[("src/format/key.rs", "use crate::store::Store;")]);
        assert_eq!(found, ["`format` (rank 3) names `crate::store` (rank 9)"]);
        assert_eq!(
            whats(&[("src/id.rs", "fn f() { crate::schema::g() }")]).len(),
            1
        );
    }

    #[test]
    fn an_upward_import_inside_a_group_is_found() {
        let found = whats(&[(
            "src/id.rs",
            "use crate::{\n error::{Error, Kind},\n kv::Get,\n};",
        )]);
        assert_eq!(found, ["`id` (rank 1) names `crate::kv` (rank 5)"]);
    }

    #[test]
    fn downward_imports_tests_and_prose_pass() {
        let text = "//! See [`crate::store`].\nuse crate::{error::Error, id, time::*};\n\
            macro_rules! m { () => { $crate::id::f() } }\npub(in crate::kv) fn g() {}\n\
            #[cfg(test)]\nmod tests { use crate::store::Store; }";
        assert_eq!(whats(&[("src/kv/mod.rs", text)]), [""; 0]);
        assert_eq!(
            whats(&[("src/lib.rs", "pub use crate::store::Store;")]),
            [""; 0]
        );
        assert_eq!(
            whats(&[("src/kv/tests.rs", "use crate::store::Store;")]),
            [""; 0]
        );
    }

    #[test]
    fn a_cycle_within_a_rank_is_found_and_one_way_passes() {
        let one_way = ("src/read/mod.rs", "use crate::write::Batch;");
        assert_eq!(whats(&[one_way]), [""; 0]);
        let back = ("src/write.rs", "use crate::read::Row;");
        assert_eq!(whats(&[one_way, back]).len(), 2);
        let round = [
            ("src/time.rs", "use crate::id::A;"),
            ("src/id.rs", "use crate::value::B;"),
            ("src/value.rs", "use crate::time::C;"),
        ];
        assert_eq!(whats(&round).len(), 3);
    }

    #[test]
    fn a_module_without_a_rank_is_found_once() {
        let found = whats(&[("src/cloud/mod.rs", ""), ("src/cloud/put.rs", "")]);
        assert_eq!(found, ["module `cloud` has no rank"]);
    }

    #[test]
    fn a_path_through_lib_is_found() {
        assert_eq!(whats(&[("src/kv.rs", "use crate::Error;")]).len(), 1);
        assert_eq!(whats(&[("src/kv.rs", "use crate::*;")]).len(), 1);
        let exported = "macro_rules! m { () => { $crate::Error; $crate::store::f() } }";
        assert_eq!(whats(&[("src/kv.rs", exported)]).len(), 1);
    }

    #[test]
    fn a_super_chain_that_leaves_its_module_is_found() {
        assert_eq!(
            whats(&[("src/kv/read.rs", "use super::super::store::S;")]).len(),
            1
        );
        assert_eq!(whats(&[("src/kv.rs", "use super::store::S;")]).len(), 1);
        assert_eq!(
            whats(&[("src/kv/read.rs", "use super::write::W;")]),
            [""; 0]
        );
        assert_eq!(
            whats(&[("src/kv.rs", "mod seal { use super::W; }")]),
            [""; 0]
        );
    }
}
