//! Every Rust file is compiled by somebody.
//!
//! A file that no `mod` names looks like code, is searched like code, and is never run.

use std::collections::BTreeSet;

use crate::code::{ident, inline_modules, words};
use crate::tree::{dir_of, join};
use crate::{Code, Finding, Tree};

/// Rust files that no crate root leads to.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut open = roots(tree);
    let roots: BTreeSet<String> = open.iter().cloned().collect();
    let mut reached = BTreeSet::new();
    while let Some(path) = open.pop() {
        let Some(text) = tree.text(&path) else {
            continue;
        };
        if reached.insert(path.clone()) {
            open.extend(children(&path, &Code::read(text), roots.contains(&path)));
        }
    }
    tree.files()
        .filter(|(path, _)| path.ends_with(".rs") && !reached.contains(*path))
        .map(|(path, _)| {
            Finding::new(
                path,
                1,
                "no crate root leads to this file",
                "it is never compiled",
                "name it with `mod`, or delete it",
            )
        })
        .collect()
}

/// What cargo compiles by itself: by place, or named by a `path` in a manifest.
fn roots(tree: &Tree) -> Vec<String> {
    let mut roots = Vec::new();
    for (manifest, text) in tree.files().filter(|(path, _)| is_manifest(path)) {
        let package = dir_of(manifest);
        roots.extend(named_targets(text).filter_map(|target| join(package, target)));
        let inside = |path: &str| {
            let path = if package.is_empty() {
                Some(path)
            } else {
                path.strip_prefix(package)
            };
            path.is_some_and(|path| is_target(path.trim_start_matches('/')))
        };
        roots.extend(
            tree.files()
                .map(|(path, _)| path)
                .filter(|p| inside(p))
                .map(String::from),
        );
    }
    roots
}

fn is_manifest(path: &str) -> bool {
    path == "Cargo.toml" || path.ends_with("/Cargo.toml")
}

fn named_targets(manifest: &str) -> impl Iterator<Item = &str> {
    manifest
        .lines()
        .filter_map(|line| {
            line.trim()
                .strip_prefix("path")?
                .trim_start()
                .strip_prefix('=')
        })
        .map(|value| value.trim().trim_matches('"'))
        .filter(|value| value.ends_with(".rs"))
}

fn is_target(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        ["build.rs"] | ["src", "lib.rs" | "main.rs"] => true,
        ["src", "bin", file] | ["tests" | "examples" | "benches", file] => file.ends_with(".rs"),
        ["src", "bin", _, "main.rs"] | ["tests" | "examples" | "benches", _, "main.rs"] => true,
        _ => false,
    }
}

/// The files a file leads to, by `mod x;`, `#[path]` and `include!`, there or not.
fn children(path: &str, code: &Code<'_>, is_root: bool) -> Vec<String> {
    let here = dir_of(path);
    let own = match path.strip_suffix(".rs") {
        Some(stem) if !is_root && !path.ends_with("/mod.rs") => stem,
        _ => here,
    };
    let inline = inline_modules(&code.bare);
    let mut found = Vec::new();
    for at in words(&code.bare, "mod") {
        let rest = code.bare[at + 3..].trim_start();
        let name = ident(rest);
        if name.is_empty() || !rest[name.len()..].trim_start().starts_with(';') {
            continue;
        }
        let around = inline.iter().filter(|(_, body)| body.contains(&at));
        let dir = around.fold(own.to_owned(), |dir, (outer, _)| format!("{dir}/{outer}"));
        let start = code.bare[..at].rfind([';', '{', '}']).unwrap_or(0);
        match code.bare[start..at].find("#[path") {
            Some(attribute) => found.extend(quoted(code, here, start + attribute)),
            None => {
                found.extend(join(&dir, &format!("{name}.rs")));
                found.extend(join(&dir, &format!("{name}/mod.rs")));
            }
        }
    }
    let includes = code.bare.match_indices("include!(");
    found.extend(includes.filter_map(|(at, _)| quoted(code, here, at)));
    found
}

/// The path in the string literal at or after `at`.
fn quoted(code: &Code<'_>, dir: &str, at: usize) -> Option<String> {
    let open = at + code.bare[at..].find('"')? + 1;
    let close = open + code.bare[open..].find('"')?;
    join(dir, &code.raw[open..close])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dead(files: &[(&str, &str)]) -> Vec<String> {
        let mut files = files.to_vec();
        files.push(("Cargo.toml", ""));
        check(&Tree::of(&files))
            .into_iter()
            .map(|finding| finding.path)
            .collect()
    }

    #[test]
    fn a_file_nobody_names_is_found() {
        let files = [
            ("src/lib.rs", "mod a; // mod b;"),
            ("src/a.rs", ""),
            ("src/b.rs", ""),
        ];
        assert_eq!(dead(&files), ["src/b.rs"]);
        assert_eq!(
            dead(&[("tests/crash/main.rs", ""), ("tests/crash/x.rs", "")]).len(),
            1
        );
    }

    #[test]
    fn nested_modules_are_reached_by_file_and_by_directory() {
        let files = [
            ("src/lib.rs", "pub mod a; mod b { mod deep; }"),
            ("src/a.rs", "mod c;"),
            ("src/a/c.rs", "#[cfg(test)]\nmod tests;"),
            ("src/a/c/tests.rs", ""),
            ("src/b/deep/mod.rs", "mod e;"),
            ("src/b/deep/e.rs", ""),
        ];
        assert_eq!(dead(&files), [""; 0]);
    }

    #[test]
    fn path_attributes_includes_and_manifests_lead_on() {
        let files = [
            (
                "tests/a.rs",
                "#[path = \"shared/oracle.rs\"]\nmod oracle;\ninclude!(\"../b/c.rs\");",
            ),
            ("tests/shared/oracle.rs", ""),
            ("b/c.rs", ""),
            ("fuzz/Cargo.toml", "[[bin]]\npath = \"targets/row.rs\""),
            ("fuzz/targets/row.rs", ""),
        ];
        assert_eq!(dead(&files), [""; 0]);
    }

    #[test]
    fn each_package_has_its_own_roots() {
        let files = [("crates/x/Cargo.toml", ""), ("crates/x/src/main.rs", "")];
        assert_eq!(dead(&files), [""; 0]);
        assert_eq!(
            dead(&[("crates/y/src/main.rs", "")]),
            ["crates/y/src/main.rs"]
        );
    }
}
