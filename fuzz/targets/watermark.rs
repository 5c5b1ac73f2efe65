//! The oracle, and what it promises, is `asof::fuzzing::watermark`.

#![no_main]

use asof::fuzzing::watermark;
use asof_fuzz::{BYTES_PER_BYTE, within_bounds};

libfuzzer_sys::fuzz_target!(|data: &[u8]| within_bounds(watermark, BYTES_PER_BYTE, data));
