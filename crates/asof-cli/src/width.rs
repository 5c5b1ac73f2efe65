//! How many columns of a terminal a text takes.

/// Combining marks and what joins characters: they take none.
const NONE: [(u32, u32); 7] = [
    (0x0300, 0x036f),
    (0x0483, 0x0489),
    (0x0591, 0x05bd),
    (0x064b, 0x065f),
    (0x200b, 0x200f),
    (0x20d0, 0x20ff),
    (0xfe00, 0xfe0f),
];

/// The scripts of East Asia in full width, and pictures: they take two. The blocks of Unicode, not its
/// table: a character more or less moves a column, and a table would have to be kept.
const WIDE: [(u32, u32); 8] = [
    (0x1100, 0x115f),
    (0x2e80, 0xa4cf),
    (0xac00, 0xd7a3),
    (0xf900, 0xfaff),
    (0xfe30, 0xfe6f),
    (0xff00, 0xff60),
    (0x1f300, 0x1faff),
    (0x20000, 0x3fffd),
];

pub(crate) fn columns(text: &str) -> usize {
    if text.is_ascii() {
        return text.len();
    }
    let among = |c: u32, ranges: &[(u32, u32)]| ranges.iter().any(|(a, b)| (*a..=*b).contains(&c));
    let of = |c: char| match u32::from(c) {
        c if among(c, &NONE) => 0,
        c if among(c, &WIDE) => 2,
        _ => 1,
    };
    text.chars().map(of).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_as_wide_as_a_terminal_shows_it() {
        for (text, width) in [
            ("EWR", 3),
            ("é", 1),
            ("e\u{301}", 1),
            ("東京", 4),
            ("🛫x", 3),
            ("", 0),
        ] {
            assert_eq!(columns(text), width, "{text}");
        }
    }
}
