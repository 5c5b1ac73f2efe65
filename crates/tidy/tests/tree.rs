//! Every rule, on this repository.
//!
//! Who is hurt if one of these breaks is said in the rule's own module.

use std::path::Path;
use std::sync::LazyLock;

use tidy::{Finding, Tree};

/// Read once: git lists the files for all rules.
static TREE: LazyLock<Tree> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    Tree::from_disk(&root).expect("tidy runs in a git checkout")
});

fn assert_clean(found: &[Finding]) {
    let lines: Vec<String> = found.iter().map(Finding::to_string).collect();
    assert!(
        found.is_empty(),
        "{} findings:\n{}\n",
        found.len(),
        lines.join("\n")
    );
}

/// A rule that reads an empty tree is always content.
#[test]
fn the_tree_is_here() {
    assert!(TREE.text("src/lib.rs").is_some_and(|text| !text.is_empty()));
    assert!(TREE.rust().count() >= 10);
}

#[test]
fn imports_flow_down() {
    assert_clean(&tidy::rank::check(&TREE));
}

#[test]
fn only_kv_says_rocksdb() {
    assert_clean(&tidy::seam::check(&TREE));
}

#[test]
fn unsafe_code_has_a_home_and_a_reason() {
    assert_clean(&tidy::unsafety::check(&TREE));
}

#[test]
fn every_file_is_compiled() {
    assert_clean(&tidy::reach::check(&TREE));
}

#[test]
fn names_say_what_is_inside() {
    assert_clean(&tidy::names::check(&TREE));
}

#[test]
fn nothing_is_left_half_done() {
    assert_clean(&tidy::leftovers::check(&TREE));
}

#[test]
fn no_trace_of_the_workshop() {
    assert_clean(&tidy::traces::check(&TREE));
}

#[test]
fn links_lead_somewhere() {
    assert_clean(&tidy::links::check(&TREE));
}

#[test]
fn functions_and_files_keep_their_size() {
    assert_clean(&tidy::sizes::check(&TREE));
}
