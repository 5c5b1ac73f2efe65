//! Code is a Rust text with everything that is not code blanked out.
//!
//! Blanks keep their place: an offset into one form is an offset into the others, and line numbers
//! stay true.

use std::ops::Range;

/// One Rust file in three forms of equal length.
#[derive(Debug, Clone)]
pub struct Code<'a> {
    /// As written.
    pub raw: &'a str,
    /// Comments and the contents of literals are spaces.
    pub bare: String,
    /// As `bare`, and items under `#[cfg(test)]` are spaces too: what ships.
    pub live: String,
}

impl<'a> Code<'a> {
    /// Scans `raw`.
    pub fn read(raw: &'a str) -> Self {
        let bare = blank_prose(raw);
        let mut live = bare.clone().into_bytes();
        for range in test_items(&bare) {
            blank(&mut live[range]);
        }
        let live = String::from_utf8(live).expect("only whole items are blanked");
        Self { raw, bare, live }
    }

    /// The line of an offset, counted from 1.
    pub fn line(&self, offset: usize) -> usize {
        line(self.raw, offset)
    }
}

/// The line of an offset into `text`, counted from 1.
pub fn line(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset]
        .iter()
        .filter(|byte| **byte == b'\n')
        .count()
        + 1
}

/// Offsets at which `word` stands in `text` and is not part of a longer identifier.
pub fn words<'t>(text: &'t str, word: &'t str) -> impl Iterator<Item = usize> + 't {
    text.match_indices(word)
        .map(|(at, _)| at)
        .filter(move |at| {
            !text[..*at].chars().next_back().is_some_and(is_ident)
                && !text[at + word.len()..].chars().next().is_some_and(is_ident)
        })
}

/// The identifier `text` starts with; empty if it starts with something else.
pub fn ident(text: &str) -> &str {
    let end = text.find(|c| !is_ident(c)).unwrap_or(text.len());
    &text[..end]
}

/// The range from the bracket at `open` to its partner, both included. An unclosed bracket runs to
/// the end.
pub fn bracketed(bare: &str, open: usize) -> Range<usize> {
    let mut depth = 0usize;
    for (at, byte) in bare.bytes().enumerate().skip(open) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' if depth <= 1 => return open..at + 1,
            b')' | b']' | b'}' => depth -= 1,
            _ => {}
        }
    }
    open..bare.len()
}

/// The body of the item that `from` stands in: from its `{` to its `}`. `None` if it ends with `;`.
pub fn body(bare: &str, from: usize) -> Option<Range<usize>> {
    let mut at = from;
    while at < bare.len() {
        match bare.as_bytes()[at] {
            b'{' => return Some(bracketed(bare, at)),
            b'(' | b'[' => at = bracketed(bare, at).end,
            b';' | b')' | b']' | b'}' => return None,
            _ => at += 1,
        }
    }
    None
}

/// Bodies of inline modules: `mod name { … }`, with the name.
pub fn inline_modules(bare: &str) -> Vec<(String, Range<usize>)> {
    words(bare, "mod")
        .filter_map(|at| {
            let rest = bare[at + 3..].trim_start();
            let name = ident(rest);
            let after = rest[name.len()..].trim_start();
            (!name.is_empty() && after.starts_with('{'))
                .then(|| (name.to_owned(), bracketed(bare, bare.len() - after.len())))
        })
        .collect()
}

/// True for a character of an identifier.
pub fn is_ident(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

fn blank(bytes: &mut [u8]) {
    for byte in bytes.iter_mut().filter(|byte| **byte != b'\n') {
        *byte = b' ';
    }
}

/// Items under `#[cfg(test)]` or `#[cfg(all(test, …))]`, attribute included.
fn test_items(bare: &str) -> Vec<Range<usize>> {
    let whole = bare.contains("#![cfg(test)]").then_some(0..bare.len());
    let items = ["#[cfg(test)]", "#[cfg(all(test"]
        .into_iter()
        .flat_map(|attribute| bare.match_indices(attribute))
        .map(|(at, _)| at..item_end(bare, at));
    whole.into_iter().chain(items).collect()
}

/// The end of the item whose first attribute starts at `at`.
fn item_end(bare: &str, mut at: usize) -> usize {
    loop {
        at += bare[at..].len() - bare[at..].trim_start().len();
        if !bare[at..].starts_with("#[") {
            break;
        }
        at = bracketed(bare, at + 1).end;
    }
    while at < bare.len() {
        match bare.as_bytes()[at] {
            b'{' => return bracketed(bare, at).end,
            b'(' | b'[' => at = bracketed(bare, at).end,
            b';' => return at + 1,
            b')' | b']' | b'}' => return at,
            _ => at += 1,
        }
    }
    at
}

/// Blanks comments and the contents of string and character literals; quotes stay.
fn blank_prose(raw: &str) -> String {
    let mut out = raw.as_bytes().to_vec();
    let mut at = 0;
    while at < raw.len() {
        match prose_end(raw, at) {
            Some((hidden, next)) => {
                blank(&mut out[hidden]);
                at = next;
            }
            None => at += 1,
        }
    }
    String::from_utf8(out).expect("prose starts and ends between characters")
}

/// If prose starts at byte `at`: what to hide, and where the code goes on.
fn prose_end(raw: &str, at: usize) -> Option<(Range<usize>, usize)> {
    let bytes = raw.as_bytes();
    match bytes[at] {
        b'/' if bytes[at + 1..].starts_with(b"/") => {
            let end = raw[at..].find('\n').map_or(raw.len(), |length| at + length);
            Some((at..end, end))
        }
        b'/' if bytes[at + 1..].starts_with(b"*") => {
            let end = block_comment_end(bytes, at);
            Some((at..end, end))
        }
        b'"' => {
            let end = string_end(bytes, at);
            Some((at + 1..end, end + 1))
        }
        b'r' => raw_string(raw, at),
        b'\'' => character(raw, at),
        _ => None,
    }
}

fn block_comment_end(bytes: &[u8], from: usize) -> usize {
    let mut depth = 0usize;
    let mut at = from;
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    bytes.len()
}

/// The closing quote of the string that opens at `from`.
fn string_end(bytes: &[u8], from: usize) -> usize {
    let mut at = from + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn raw_string(raw: &str, at: usize) -> Option<(Range<usize>, usize)> {
    // `br"…"` and `cr"…"` are raw strings; the r of `for` or of `r#type` opens nothing.
    let before = raw[..at].trim_end_matches(['b', 'c']);
    if before.len() + 1 < at || before.chars().next_back().is_some_and(is_ident) {
        return None;
    }
    let hashes = raw[at + 1..]
        .bytes()
        .take_while(|byte| *byte == b'#')
        .count();
    let open = at + 1 + hashes;
    if raw.as_bytes().get(open) != Some(&b'"') {
        return None;
    }
    let close = format!("\"{}", "#".repeat(hashes));
    let end = raw[open + 1..]
        .find(&close)
        .map_or(raw.len(), |length| open + 1 + length);
    Some((open + 1..end, (end + close.len()).min(raw.len())))
}

/// A character literal; a lifetime starts like one and is code.
fn character(raw: &str, at: usize) -> Option<(Range<usize>, usize)> {
    let mut chars = raw[at + 1..].chars();
    let first = chars.next()?;
    let end = if first == '\\' {
        // The character after the backslash may itself be a quote.
        at + 3 + raw.get(at + 3..)?.find('\'')?
    } else if chars.next() == Some('\'') {
        at + 1 + first.len_utf8()
    } else {
        return None;
    };
    Some((at + 1..end, end + 1))
}

#[cfg(test)]
mod tests;
