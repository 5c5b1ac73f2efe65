use super::*;

fn whats(files: &[(&str, &str)]) -> Vec<String> {
    check(&Tree::of(files))
        .into_iter()
        .map(|finding| finding.what)
        .collect()
}

#[test]
fn a_link_to_no_file_is_found() {
    for text in [
        "[a](gone.md)",
        "![a](gone.png \"t\")",
        "[a]: gone.md",
        "[a](../x.md)",
        "[a](</b c>)",
    ] {
        assert_eq!(whats(&[("README.md", text)]).len(), 1, "{text}");
    }
}

#[test]
fn a_link_to_no_heading_is_found() {
    let design = ("DESIGN.md", "# Late data\n```\n# not one\n```");
    let found = whats(&[("README.md", "[a](DESIGN.md#late-date) [b](#top)"), design]);
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(
        whats(&[("README.md", "[a](DESIGN.md#not-one)"), design]).len(),
        1
    );
}

#[test]
fn files_directories_headings_and_the_web_pass() {
    let readme = "[a](docs/) [b](docs/a.md#late-data) [c](#here) [`d`](/src/lib.rs#L10)\n\
        [e](https://example.org/x) [f](mailto:a@example.org) `[g](gone.md)` [h][i]\n\
        ```\n[j](gone.md)\n```\n[i]: docs/a%20b.md\n## Here";
    let files = [
        ("README.md", readme),
        ("docs/a.md", "# Late data\n[up](../README.md)"),
        ("docs/a b.md", ""),
        ("src/lib.rs", ""),
    ];
    assert_eq!(whats(&files), [""; 0]);
}

#[test]
fn a_slug_follows_the_rules_of_github() {
    assert_eq!(slug("What it is (and is not)"), "what-it-is-and-is-not");
    assert_eq!(slug("`asof get`: a question"), "asof-get-a-question");
    assert_eq!(
        slug("See [the design](DESIGN.md) now"),
        "see-the-design-now"
    );
    assert_eq!(slug("Reads & writes"), "reads--writes");
    assert_eq!(slug("Größe_1"), "größe_1");
}

#[test]
fn a_repeated_heading_gets_a_number() {
    let anchors = anchors("# A\n## A\n### A\n<a id=\"own\"></a>");
    assert_eq!(
        anchors,
        BTreeSet::from(["a", "a-1", "a-2", "own"].map(String::from))
    );
}
