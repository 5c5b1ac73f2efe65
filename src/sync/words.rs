//! Memory that starts as zeroes, is had as it is touched, and lies on large pages where it is large.

#![expect(
    unsafe_code,
    reason = "nothing safe sees a mapping as atomics, nor asks for a line ahead"
)]

use memmap2::MmapMut;
use std::io;
use std::ops::Deref;
use std::sync::atomic::AtomicU64;

/// Of the processor's cache.
const WORDS_OF_A_LINE: usize = 8;

/// From how many bytes on large pages are asked for.
#[cfg(target_os = "linux")]
const LARGE: usize = 256 << 20;

/// Words that many threads read and write at once.
pub(crate) struct Words(MmapMut);

impl Words {
    pub(crate) fn zeroed(words: usize) -> io::Result<Words> {
        let map = MmapMut::map_anon(words * size_of::<AtomicU64>())?;
        // Rows lie anywhere, and a page of 4 KiB for each costs a second miss. But a small store with
        // large pages takes megabytes for its first rows, so that only a large cache has them. Not every
        // kernel does; it is slower there, and right.
        #[cfg(target_os = "linux")]
        if map.len() >= LARGE {
            let _hint = map.advise(memmap2::Advice::HugePage);
        }
        Ok(Words(map))
    }

    /// Asks for the lines from that of a word on, so many. A word out of range is no word, and nothing is asked for.
    #[inline]
    pub(crate) fn prefetch(&self, word: usize, lines: usize) {
        let last = word.saturating_add(lines * WORDS_OF_A_LINE);
        let Some(words) = self.get(word..last.min(self.len())) else {
            return;
        };
        for line in words.chunks(WORDS_OF_A_LINE) {
            #[cfg(target_arch = "x86_64")]
            {
                use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
                // SAFETY: a prefetch reads nothing and faults on nothing, and the address is that of a word.
                unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
            }
            #[cfg(not(target_arch = "x86_64"))]
            let _ = line;
        }
    }
}

impl Deref for Words {
    type Target = [AtomicU64];

    #[inline]
    fn deref(&self) -> &[AtomicU64] {
        let words = self.0.len() / size_of::<AtomicU64>();
        // SAFETY: the mapping begins on a page, so it is aligned; it is as long as `words` atomics and
        // lives as long as `self`; every bit pattern is one; and nobody ever takes its bytes otherwise,
        // since the mapping is private to this type.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().cast::<AtomicU64>(), words) }
    }
}
