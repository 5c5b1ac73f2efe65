//! A tree is every text file of the repository by its path.

use std::collections::BTreeMap;
use std::io::{Error, Result};
use std::path::Path;
use std::process::Command;

use crate::Code;

/// File endings that hold rows rather than words. They count as existing files, unread.
const DATA: &[&str] = &["csv", "jsonl", "ndjson", "hex"];

/// Paths from the root, with `/`, and the text of each. A binary or data file has an empty text.
#[derive(Debug, Default, Clone)]
pub struct Tree {
    files: BTreeMap<String, String>,
}

impl Tree {
    /// A made-up tree.
    pub fn of(files: &[(&str, &str)]) -> Self {
        Self {
            files: files
                .iter()
                .map(|(path, text)| ((*path).into(), (*text).into()))
                .collect(),
        }
    }

    /// The repository at `root`: what git tracks and what it would track.
    ///
    /// # Errors
    ///
    /// When git does not answer: outside a checkout there is no list of files to judge.
    pub fn from_disk(root: &Path) -> Result<Self> {
        // CI often checks out as one user and builds as another; reading names is safe then too.
        let listing = Command::new("git")
            .args([
                "-c",
                "safe.directory=*",
                "ls-files",
                "-coz",
                "--exclude-standard",
            ])
            .current_dir(root)
            .output()?;
        if !listing.status.success() {
            let told = String::from_utf8_lossy(&listing.stderr).into_owned();
            return Err(Error::other(format!(
                "git ls-files in {}: {told}",
                root.display()
            )));
        }
        let mut files = BTreeMap::new();
        for path in String::from_utf8_lossy(&listing.stdout)
            .split('\0')
            .filter(|p| !p.is_empty())
        {
            // A file may be deleted and not yet committed: git lists it, the disk does not.
            if let Ok(bytes) = std::fs::read(root.join(path)) {
                files.insert(path.to_owned(), words_of(path, bytes));
            }
        }
        Ok(Self { files })
    }

    /// Every file.
    pub fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// The text of one file.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// True if `path` is a file, or a directory with a file below it.
    pub fn holds(&self, path: &str) -> bool {
        let below = format!("{}/", path.trim_end_matches('/'));
        path.is_empty()
            || self.files.contains_key(path)
            || self
                .files
                .range(below.clone()..)
                .next()
                .is_some_and(|(p, _)| p.starts_with(&below))
    }

    /// Every Rust file, scanned.
    pub fn rust(&self) -> impl Iterator<Item = (&str, Code<'_>)> {
        self.files()
            .filter(|(path, _)| path.ends_with(".rs"))
            .map(|(path, text)| (path, Code::read(text)))
    }
}

fn words_of(path: &str, bytes: Vec<u8>) -> String {
    let ending = path.rsplit('.').next().unwrap_or_default();
    if DATA.contains(&ending) || bytes.contains(&0) {
        return String::new();
    }
    String::from_utf8(bytes).unwrap_or_default()
}

/// True for the sources of a package, as opposed to its tests, benches and examples.
pub fn is_source(path: &str) -> bool {
    let mut parts = path.split('/');
    match parts.next() {
        Some("src") => true,
        Some("crates") => parts.nth(1) == Some("src"),
        _ => false,
    }
}

/// True for a file that is test code by its name: `tests.rs`, or anything in a `tests` directory.
pub fn is_test(path: &str) -> bool {
    path.split('/')
        .any(|part| part == "tests" || part == "tests.rs")
}

/// `dir/name` with every `.` and `..` resolved; `None` if that leaves the tree.
pub fn join(dir: &str, name: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in dir.split('/').chain(name.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The directory of a file; empty at the root.
pub fn dir_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(dir, _)| dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_held_by_its_files() {
        let tree = Tree::of(&[("src/kv/read.rs", ""), ("src/kv.md", "")]);
        assert!(tree.holds("src") && tree.holds("src/kv/") && tree.holds("src/kv.md"));
        assert!(!tree.holds("src/k") && !tree.holds("src/kv/write.rs"));
    }

    #[test]
    fn a_path_that_leaves_the_tree_has_no_name() {
        assert_eq!(
            join("src/kv", "../read/./a.rs").as_deref(),
            Some("src/read/a.rs")
        );
        assert_eq!(join("src", "../../a.rs"), None);
    }

    #[test]
    fn sources_and_tests_are_told_apart() {
        assert!(is_source("src/a.rs") && is_source("crates/x/src/a.rs"));
        assert!(!is_source("tests/a.rs") && !is_source("crates/x/tests/a.rs"));
        assert!(is_test("src/kv/tests.rs") && is_test("crates/x/tests/a.rs"));
        assert!(!is_test("src/attests.rs"));
    }
}
