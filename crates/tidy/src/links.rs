//! Every relative link in a Markdown file leads somewhere: to a file, and to a heading in it.

use std::collections::BTreeSet;

use crate::tree::{dir_of, join};
use crate::{Finding, Tree};

/// Links whose file or heading does not exist.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for (path, text) in tree.files().filter(|(path, _)| path.ends_with(".md")) {
        for (line, target) in links(text) {
            if let Some((what, next)) = broken(tree, path, &target) {
                let why = "a reader who follows it is lost";
                found.push(Finding::new(path, line, what, why, next));
            }
        }
    }
    found
}

/// What is wrong with a link, and what to do; `None` if it leads somewhere or out of the project.
fn broken(tree: &Tree, from: &str, target: &str) -> Option<(String, &'static str)> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let file = file.replace("%20", " ");
    let resolved = match file.strip_prefix('/') {
        _ if file.is_empty() => Some(from.to_owned()),
        Some(from_root) => join("", from_root),
        None => join(dir_of(from), &file),
    };
    let Some(resolved) = resolved.filter(|path| tree.holds(path)) else {
        return Some((
            format!("the link `{target}` leads to no file"),
            "mend the path",
        ));
    };
    let headings = tree
        .text(&resolved)
        .filter(|_| resolved.ends_with(".md"))
        .map(anchors);
    match headings {
        Some(anchors) if !anchor.is_empty() && !anchors.contains(anchor) => Some((
            format!("the link `{target}` leads to no heading of {resolved}"),
            "use the heading in lower case, with `-` for spaces and without punctuation",
        )),
        _ => None,
    }
}

/// Lines outside fenced code, with code spans blank, counted from 1.
fn prose(text: &str) -> impl Iterator<Item = (usize, String)> + '_ {
    let mut fence: Option<&str> = None;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let start = line.trim_start();
        let mark = ["```", "~~~"]
            .into_iter()
            .find(|mark| start.starts_with(mark));
        match (fence, mark) {
            (None, Some(mark)) => fence = Some(mark),
            (None, None) => return Some((index + 1, without_code(line))),
            (Some(open), Some(mark)) if open == mark => fence = None,
            (Some(_), _) => {}
        }
        None
    })
}

/// A code span may hold anything that looks like a link.
fn without_code(line: &str) -> String {
    let pieces: Vec<&str> = line.split('`').collect();
    let last = pieces.len() - 1;
    let visible = |(at, piece): (usize, &&str)| {
        let is_code = at % 2 == 1 && at < last;
        if is_code {
            " ".repeat(piece.len() + 2)
        } else {
            (*piece).to_owned()
        }
    };
    pieces.iter().enumerate().map(visible).collect()
}

/// Targets of `[text](target "title")` and of `[label]: target`.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        for (at, _) in line.match_indices("](") {
            found.push((number, target(&line[at + 2..]).to_owned()));
        }
        let definition = line
            .trim_start()
            .strip_prefix('[')
            .and_then(|l| l.split_once("]:"));
        if let Some((label, rest)) = definition
            && !label.starts_with('^')
            && !label.contains(']')
        {
            found.push((number, target(rest.trim_start()).to_owned()));
        }
    }
    found.retain(|(_, target)| !target.is_empty());
    found
}

/// The target at the start of `text`: to the closing bracket, a title, or the end.
fn target(text: &str) -> &str {
    if let Some(inside) = text.strip_prefix('<') {
        return inside.split('>').next().unwrap_or(inside);
    }
    let mut depth = 0usize;
    let end = text.find(|c: char| {
        match c {
            '(' => depth += 1,
            ')' if depth == 0 => return true,
            ')' => depth -= 1,
            _ => {}
        }
        c.is_whitespace()
    });
    &text[..end.unwrap_or(text.len())]
}

/// Every anchor of a Markdown text: GitHub's slugs of its headings, and `id`s written in HTML.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    for (number, line) in prose(text) {
        for attribute in ["id=\"", "name=\""] {
            let ids = line
                .split(attribute)
                .skip(1)
                .filter_map(|rest| rest.split('"').next());
            anchors.extend(ids.map(String::from));
        }
        // Code spans count in a heading, so read it from the text again.
        let raw = text.lines().nth(number - 1).unwrap_or_default();
        if let Some(title) = heading(raw) {
            let slug = slug(title);
            let repeats = (1..).map(|count| format!("{slug}-{count}"));
            let free = std::iter::once(slug.clone())
                .chain(repeats)
                .find(|s| !anchors.contains(s));
            anchors.extend(free);
        }
    }
    anchors
}

fn heading(line: &str) -> Option<&str> {
    let title = line.trim_start_matches('#');
    let level = line.len() - title.len();
    let is_heading = (1..=6).contains(&level) && title.starts_with([' ', '\t']);
    is_heading.then(|| title.trim().trim_end_matches('#').trim_end())
}

/// GitHub's rule: lower case, spaces to `-`, and only letters, digits, `-` and `_` stay.
fn slug(title: &str) -> String {
    let mut text = title.to_owned();
    // Of a link only its words are seen.
    while let Some(end) = text.find("](") {
        let close = text[end..]
            .find(')')
            .map_or(text.len(), |length| end + length + 1);
        text.replace_range(end..close, "");
        if let Some(open) = text[..end].rfind('[') {
            text.remove(open);
        }
    }
    text.to_lowercase()
        .chars()
        .filter_map(|c| match c {
            ' ' => Some('-'),
            c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests;
