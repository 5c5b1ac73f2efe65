//! Whether the list of the law's clauses and the traces speak of each other.

use crate::trace::names_on_disk;
use std::collections::BTreeSet;
use std::path::Path;

/// One row of a table of CLAUSES.md: the sentence, and the names in backticks beside it.
fn clauses(list: &str) -> Vec<(&str, Vec<&str>)> {
    let rows = list.lines().filter_map(|line| {
        let (sentence, held_by) = line
            .strip_prefix("| ")?
            .strip_suffix(" |")?
            .split_once(" | ")?;
        let names = held_by.split('`').skip(1).step_by(2).collect();
        Some((sentence, names))
    });
    rows.filter(|(sentence, _)| *sentence != "the law says")
        .collect()
}

#[test]
fn every_clause_is_held_by_something_that_exists_and_every_trace_holds_a_clause() {
    // Who is hurt: whoever reads the list instead of the tests and believes a clause to be guarded.
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let list = std::fs::read_to_string(root.join("tests/conformance/CLAUSES.md")).unwrap();
    let traces: BTreeSet<String> = names_on_disk(root).into_iter().collect();
    let clauses = clauses(&list);
    assert!(clauses.len() > 90, "{} clauses are read", clauses.len());
    let mut listed = BTreeSet::new();
    for (sentence, names) in clauses {
        assert!(!names.is_empty(), "nothing holds {sentence:?}");
        for name in names {
            match name.split_once("::") {
                None => {
                    assert!(traces.contains(name), "{sentence:?}: no trace {name}");
                    listed.insert(name.to_string());
                }
                Some((file, test)) => {
                    let text = std::fs::read_to_string(root.join(file))
                        .unwrap_or_else(|error| panic!("{sentence:?}: {file}: {error}"));
                    assert!(
                        text.contains(&format!("fn {test}(")),
                        "{sentence:?}: {file} has no {test}"
                    );
                }
            }
        }
    }
    assert_eq!(
        listed, traces,
        "the traces that are listed, and those that are there"
    );
}
