//! What differs from run to run, made equal: paths, owners, keys under a random hash, numbers of
//! files, checksums, and sizes where they are RocksDB's affair.

use std::path::Path;

/// The text as every run prints it.
pub(crate) fn normal(text: &str, root: &Path, has_sizes: bool) -> String {
    let text = text.replace(root.to_str().unwrap(), "DIR");
    let mut out = String::new();
    for line in text.lines() {
        out.push_str(&normal_line(line, has_sizes));
        out.push('\n');
    }
    out
}

fn normal_line(line: &str, has_sizes: bool) -> String {
    let mut line = owner(line);
    for before in [
        "removed) = ",
        "computed = ",
        "stored = ",
        "offset ",
        " size ",
    ] {
        line = digits_after(&line, before, "N");
    }
    for before in ["db/", "MANIFEST-", "level 0, "] {
        line = digits_after(&line, before, "N");
    }
    line = digits_after(&line, "names manifest ", "N");
    // How large a table is, is RocksDB's affair; it holds times and random names.
    if line.contains(", level ") {
        line = digits_after(&line, " rows, ", "N");
    }
    line = edits(&line);
    line = hash(&line);
    line = long_hex(&line);
    if has_sizes {
        line = digits_after(&line, "bytes\":", "N");
        line = sizes(&line);
        line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    }
    line
}

/// `pid 12 on host h since T;`
fn owner(line: &str) -> String {
    let Some(start) = line.find("pid ") else {
        return line.to_owned();
    };
    let end = line[start..].find(';').map_or(line.len(), |at| start + at);
    let named = line[start..end].contains(" on host ") && line[start..end].contains(" since 20");
    assert!(named, "the owner is not named: {line}");
    format!("{}pid N on host H since T{}", &line[..start], &line[end..])
}

fn digits_after(line: &str, before: &str, mask: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(at) = rest.find(before) {
        let (head, tail) = rest.split_at(at + before.len());
        let digits = tail.len() - tail.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        out.push_str(head);
        if digits > 0 {
            out.push_str(mask);
        }
        rest = &tail[digits..];
    }
    out + rest
}

/// `33 edits`: how many there are is a matter of when a flush in the background came.
fn edits(line: &str) -> String {
    let Some((before, after)) = line.split_once(" edits, ") else {
        return line.to_owned();
    };
    let before = before.trim_end_matches(|c: char| c.is_ascii_digit());
    format!("{before}N edits, {after}")
}

/// Under a random key too, and as long as a digest.
fn hash(line: &str) -> String {
    let before = "\"entity_hash\":\"";
    let Some(start) = line.find(before).map(|at| at + before.len()) else {
        return line.to_owned();
    };
    let end = line[start..].find('"').map_or(line.len(), |at| start + at);
    format!("{}HASH{}", &line[..start], &line[end..])
}

/// Digests have 32 digits and are the same everywhere; keys are longer.
fn long_hex(line: &str) -> String {
    let words = line.split_inclusive(|c: char| !c.is_ascii_hexdigit());
    let mask = |word: &str| {
        let hex = word.trim_end_matches(|c: char| !c.is_ascii_hexdigit());
        match hex.len() > 32 {
            true => format!("KEY{}", &word[hex.len()..]),
            false => word.to_owned(),
        }
    };
    words.map(mask).collect()
}

/// `1.50 KiB`, and `1234 bytes`.
fn sizes(line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    let mut out: Vec<&str> = Vec::new();
    for word in words {
        let unit = word.trim_end_matches([',', ')', '/', 's']);
        let is_unit = ["B", "KiB", "MiB", "byte"].contains(&unit);
        let is_number = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit());
        match out
            .last()
            .filter(|_| is_unit)
            .filter(|word| is_number(word))
        {
            Some(_) => *out.last_mut().unwrap() = "SIZE",
            None => out.push(word),
        }
    }
    out.join(" ")
}

#[test]
fn only_what_differs_is_masked() {
    let root = Path::new("/tmp/x");
    let text = "in /tmp/x/store/db/000012.sst offset 17 size 9, the owner is\n\
        pid 12 on host h since 2026-01-01T00:00:00Z; close it\n";
    assert_eq!(
        normal(text, root, false),
        "in DIR/store/db/N.sst offset N size N, the owner is\n\
         pid N on host H since T; close it\n"
    );
    let key = "0123456789abcdef0123456789abcdef01234567";
    assert_eq!(
        normal(&format!("key {key} 12\n"), root, false),
        "key KEY 12\n"
    );
    assert_eq!(
        normal("a  12 B   1.50 KiB, 3\n", root, true),
        "a SIZE SIZE 3\n"
    );
}
