//! The repository is the same on every machine: no path of one, no address of a package host.
//!
//! Such a word is true on one desk and false, or a leak, on every other.

use crate::code::line;
use crate::{Finding, Tree};

/// Where absolute paths of one machine begin. All words below are written in two halves, so that
/// this file passes its own rule.
const DESKS: &[&str] = &[
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/wo", "rk/"),
];

/// Hosts that a build talks to through its package manager only.
const HOSTS: &[&str] = &[
    concat!("crates.", "io/api"),
    concat!("static.", "crates.io"),
    concat!("index.", "crates.io"),
    concat!("pypi.", "org"),
    concat!("files.", "pythonhosted.org"),
    concat!("registry.", "npmjs.org"),
    concat!("deb.", "debian.org"),
];

/// Such words in any text file.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for (path, text) in tree.files() {
        for desk in DESKS {
            let places = text.match_indices(desk).map(|(at, _)| at);
            found.extend(
                places
                    .filter(|at| starts_a_path(text, *at) && goes_on(text, at + desk.len()))
                    .map(|at| {
                        let why = "it exists on one machine";
                        finding(
                            path,
                            line(text, at),
                            desk,
                            why,
                            "use a relative path, or $HOME",
                        )
                    }),
            );
        }
        for host in HOSTS {
            found.extend(text.match_indices(host).map(|(at, _)| {
                let why = "a mirror or a proxy may stand in its place";
                finding(
                    path,
                    line(text, at),
                    host,
                    why,
                    "leave the address to the package manager",
                )
            }));
        }
    }
    found
}

/// True if the slash at `at` begins a path: `x/work/` is relative, `=/work/` is not.
fn starts_a_path(text: &str, at: usize) -> bool {
    let before = text[..at].chars().next_back();
    !before.is_some_and(|c| c.is_alphanumeric() || "_-.~}/*".contains(c))
}

/// True if a name follows: `/home/` alone is a directory every machine has.
fn goes_on(text: &str, at: usize) -> bool {
    text[at..]
        .chars()
        .next()
        .is_some_and(|c| c.is_alphanumeric() || "_-.".contains(c))
}

fn finding(path: &str, line: usize, word: &str, why: &str, next: &str) -> Finding {
    Finding::new(path, line, format!("`{word}`"), why, next)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(text: &str) -> usize {
        check(&Tree::of(&[("README.md", text)])).len()
    }

    #[test]
    fn a_path_of_one_machine_is_found() {
        for desk in DESKS {
            assert_eq!(count(&format!("cd {desk}asof")), 1, "{desk}");
            assert_eq!(count(&format!("\"{desk}asof\"")), 1, "{desk}");
        }
    }

    #[test]
    fn relative_paths_and_addresses_pass() {
        for desk in DESKS {
            assert_eq!(
                count(&format!(
                    "a{desk}b ~{desk}b ${{D}}{desk}b example.org{desk}b"
                )),
                0
            );
        }
        assert_eq!(count(concat!("everything below /ho", "me/ is kept")), 0);
    }

    #[test]
    fn a_package_host_is_found() {
        for host in HOSTS {
            assert_eq!(count(&format!("https://{host}/a")), 1, "{host}");
        }
        assert_eq!(count("https://github.com/rust-lang/crates.io-index"), 0);
    }
}
