//! How the room of a shard is used: round and round, oldest first out.
//!
//! ```text
//! word 0      length of the value in bytes u32 | words in all u32
//! words 1-3   prefix, 20 bytes, and 4 zero
//! then        the value, in whole words
//! ```
//!
//! A row that was wanted since it came in is given another round. What is read once and never again, as
//! by a scan, passes through without driving out what is read all the time.

use crate::format::key::{PREFIX_BYTES, Prefix};
use crate::sync::{Ordering, Words};

pub(super) const HEADER_WORDS: usize = 4;
/// The length of what is no row: the rest of the ring that the next row did not fit into.
const GAP: u32 = u32::MAX;

/// Which words of a shard's ring are taken.
#[derive(Debug, Default)]
pub(super) struct Ring {
    /// Where the next row goes.
    pub(super) head: usize,
    /// The oldest row.
    pub(super) tail: usize,
    /// Words between the two.
    pub(super) used: usize,
    pub(super) rows: u64,
    /// Rows that stand beside their buckets.
    pub(super) at_home: usize,
    pub(super) fills: u64,
    pub(super) evictions: u64,
    /// In a cache that gives no row up: words of rooms that are larger than their rows need.
    pub(super) slack: usize,
    /// The same: the first free room of each size, one word on; 0 for none.
    pub(super) free: Vec<usize>,
}

/// The head of a row, or of a gap.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    length: u32,
    words: u32,
}

impl Header {
    pub(super) fn of_value(length: usize) -> Header {
        Header {
            length: length as u32,
            words: (HEADER_WORDS + length.div_ceil(8)) as u32,
        }
    }

    /// A value in a room that may be larger.
    pub(super) fn in_room(length: usize, words: usize) -> Header {
        Header {
            length: length as u32,
            words: words as u32,
        }
    }

    pub(super) fn gap(words: usize) -> Header {
        Header {
            length: GAP,
            words: words as u32,
        }
    }

    #[inline]
    pub(super) fn load(words: &Words, at: usize) -> Option<Header> {
        let word = words.get(at)?.load(Ordering::Relaxed);
        Some(Header {
            length: word as u32,
            words: (word >> 32) as u32,
        })
    }

    pub(super) fn store(self, words: &Words, at: usize) {
        let word = u64::from(self.words) << 32 | u64::from(self.length);
        words[at].store(word, Ordering::Relaxed);
    }

    pub(super) fn is_gap(self) -> bool {
        self.length == GAP
    }

    /// The words of the row, head and all.
    pub(super) fn words(self) -> usize {
        self.words as usize
    }

    /// The bytes of the value.
    pub(super) fn length(self) -> usize {
        self.length as usize
    }

    /// The same row with another value, in the words that it has.
    pub(super) fn with_length(self, length: usize) -> Option<Header> {
        let fits = HEADER_WORDS + length.div_ceil(8) <= self.words();
        fits.then_some(Header {
            length: length as u32,
            words: self.words,
        })
    }
}

/// A prefix as words.
#[inline]
pub(super) fn prefix_words(prefix: &Prefix) -> [u64; 3] {
    let mut padded = [0; 24];
    padded[..PREFIX_BYTES].copy_from_slice(prefix);
    let word = |at: usize| u64::from_le_bytes(padded[at..at + 8].try_into().expect("eight bytes"));
    [word(0), word(8), word(16)]
}

/// The entity of a row.
pub(super) fn prefix_at(words: &Words, at: usize) -> Prefix {
    let mut padded = [0; 24];
    for (chunk, word) in padded.chunks_exact_mut(8).zip(&words[at + 1..at + 4]) {
        chunk.copy_from_slice(&word.load(Ordering::Relaxed).to_le_bytes());
    }
    let prefix = padded.first_chunk::<PREFIX_BYTES>();
    *prefix.expect("24 bytes begin with 20")
}

/// Writes a value after a head.
pub(super) fn store_value(words: &Words, at: usize, value: &[u8]) {
    let chunks = value.chunks(8);
    for (word, chunk) in words[at + HEADER_WORDS..].iter().zip(chunks) {
        let mut padded = [0; 8];
        padded[..chunk.len()].copy_from_slice(chunk);
        word.store(u64::from_le_bytes(padded), Ordering::Relaxed);
    }
}

/// Appends a value of so many bytes to `out`; false if there are not as many.
#[inline]
pub(super) fn copy_value(words: &Words, at: usize, length: usize, out: &mut Vec<u8>) -> bool {
    let count = length.div_ceil(8);
    let from = at + HEADER_WORDS;
    let Some(words) = words.get(from..from + count) else {
        return false;
    };
    let start = out.len();
    out.resize(start + count * 8, 0);
    for (chunk, word) in out[start..].chunks_exact_mut(8).zip(words) {
        chunk.copy_from_slice(&word.load(Ordering::Relaxed).to_le_bytes());
    }
    out.truncate(start + length);
    true
}
