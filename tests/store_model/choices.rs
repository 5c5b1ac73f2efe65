//! Choices that a case is made of: read from bytes, or drawn from a seed.

#![allow(
    unreachable_pub,
    reason = "this file is a module of a test and of a fuzz target"
)]
#![allow(
    dead_code,
    reason = "the test draws from seeds, the fuzz target from bytes"
)]

/// What is left to choose from.
pub struct Choices<'a>(Source<'a>);

enum Source<'a> {
    Bytes(&'a [u8]),
    Seed(u64),
}

impl<'a> Choices<'a> {
    /// Where the bytes end, every further choice is the first one.
    pub fn of_bytes(bytes: &'a [u8]) -> Self {
        Choices(Source::Bytes(bytes))
    }

    pub fn of_seed(seed: u64) -> Self {
        Choices(Source::Seed(seed))
    }

    /// Whether only first choices are left.
    pub fn are_used_up(&self) -> bool {
        matches!(self.0, Source::Bytes([]))
    }

    pub fn byte(&mut self) -> u8 {
        match &mut self.0 {
            Source::Bytes(bytes) => {
                let Some((byte, rest)) = bytes.split_first() else {
                    return 0;
                };
                *bytes = rest;
                *byte
            }
            // SplitMix64: neighbouring seeds have nothing in common after one step.
            Source::Seed(seed) => {
                *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mixed = (*seed ^ (*seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                (mixed >> 56) as u8
            }
        }
    }

    /// A number below `n`, which is at most 256.
    pub fn below(&mut self, n: usize) -> usize {
        usize::from(self.byte()) % n
    }

    /// Whether one of `n` equally likely things is the case.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == n - 1
    }

    pub fn one_of<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }

    pub fn shuffle<T>(&mut self, all: &mut [T]) {
        for at in (1..all.len()).rev() {
            let with = usize::from(u16::from_le_bytes([self.byte(), self.byte()]));
            all.swap(at, with % (at + 1));
        }
    }
}
