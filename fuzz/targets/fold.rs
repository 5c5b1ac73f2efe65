//! The oracle, and what it promises, is `asof::fuzzing::fold`.

#![no_main]

use asof::fuzzing::fold;

libfuzzer_sys::fuzz_target!(|data: &[u8]| fold(data));
