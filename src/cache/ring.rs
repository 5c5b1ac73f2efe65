//! How the room of a shard is used: round and round, oldest first out.
//!
//! ```text
//! word 0      view 32 bits, the prefix's first | length of the value in bytes 17 | words in all 15
//! words 1-2   the rest of the prefix
//! then        the value, in whole words
//! ```
//!
//! A row that was wanted since it came in is given another round. What is read once and never again, as
//! by a scan, passes through without driving out what is read all the time.

use super::VALUE_BYTES_MAX;
use crate::format::key::Prefix;
use crate::sync::{Ordering, Word, Words};

pub(super) const HEADER_WORDS: usize = 3;
const LENGTH_BITS: u32 = 17;
/// The length of what is no row: the rest of the ring that the next row did not fit into.
const GAP: u32 = (1 << LENGTH_BITS) - 1;
const _: () = assert!(VALUE_BYTES_MAX < GAP as usize);

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
    view: u32,
    length: u32,
    words: u32,
}

impl Header {
    pub(super) fn of_value(length: usize) -> Header {
        Header::in_room(length, HEADER_WORDS + length.div_ceil(8))
    }

    /// A value in a room that may be larger.
    pub(super) fn in_room(length: usize, words: usize) -> Header {
        Header {
            view: 0,
            length: length as u32,
            words: words as u32,
        }
    }

    pub(super) fn gap(words: usize) -> Header {
        Header::in_room(GAP as usize, words)
    }

    #[inline]
    pub(super) fn load(words: &Words, at: usize) -> Option<Header> {
        Some(Header::of_word(words.get(at)?.load(Ordering::Relaxed)))
    }

    #[inline]
    fn of_word(word: u64) -> Header {
        let packed = (word >> 32) as u32;
        Header {
            view: word as u32,
            length: packed & GAP,
            words: packed >> LENGTH_BITS,
        }
    }

    pub(super) fn store(self, words: &Words, at: usize) {
        let packed = self.words << LENGTH_BITS | self.length;
        let word = u64::from(packed) << 32 | u64::from(self.view);
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
            ..self
        })
    }
}

/// A prefix as it stands in a head.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    view: u32,
    hash: [u64; 2],
}

impl Wanted {
    #[inline]
    pub(super) fn of(prefix: &Prefix) -> Wanted {
        let word =
            |at: usize| u64::from_le_bytes(prefix[at..at + 8].try_into().expect("eight bytes"));
        Wanted {
            view: u32::from_le_bytes(prefix[..4].try_into().expect("four bytes")),
            hash: [word(4), word(12)],
        }
    }

    /// The head of a row, if it is the one of this entity.
    #[inline]
    pub(super) fn head(&self, words: &Words, at: usize) -> Option<Header> {
        let [head, hash @ ..] = words.get(at..at + HEADER_WORDS)? else {
            return None;
        };
        let header = Header::of_word(head.load(Ordering::Relaxed));
        let is_it = header.view == self.view
            && hash[0].load(Ordering::Relaxed) == self.hash[0]
            && hash[1].load(Ordering::Relaxed) == self.hash[1];
        is_it.then_some(header)
    }

    /// Writes the head of the entity's row.
    pub(super) fn store(self, header: Header, words: &Words, at: usize) {
        let header = Header {
            view: self.view,
            ..header
        };
        header.store(words, at);
        for (word, part) in words[at + 1..].iter().zip(self.hash) {
            word.store(part, Ordering::Relaxed);
        }
    }
}

/// The entity of a row.
pub(super) fn prefix_at(words: &Words, at: usize) -> Prefix {
    let word = |at: usize| words[at].load(Ordering::Relaxed).to_le_bytes();
    let mut prefix = Prefix::default();
    prefix[..4].copy_from_slice(&word(at)[..4]);
    prefix[4..12].copy_from_slice(&word(at + 1));
    prefix[12..].copy_from_slice(&word(at + 2));
    prefix
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

#[inline]
fn copy_words(words: &[Word], room: &mut [u8]) {
    for (room, word) in room.chunks_exact_mut(8).zip(words) {
        room.copy_from_slice(&word.load(Ordering::Relaxed).to_le_bytes());
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
    // Several at a time, which is half the instructions.
    let (several, rest) = words.as_chunks::<4>();
    let (room, room_of_rest) = out[start..].as_chunks_mut::<32>();
    for (room, words) in room.iter_mut().zip(several) {
        copy_words(words, room);
    }
    copy_words(rest, room_of_rest);
    out.truncate(start + length);
    true
}
