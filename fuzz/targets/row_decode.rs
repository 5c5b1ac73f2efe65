//! The oracle, and what it promises, is `asof::fuzzing::row_decode`.

#![no_main]

use asof::fuzzing::row_decode;
use asof_fuzz::{BYTES_PER_BYTE, within_bounds};

libfuzzer_sys::fuzz_target!(|data: &[u8]| within_bounds(row_decode, BYTES_PER_BYTE, data));
