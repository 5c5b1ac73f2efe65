//! The oracle, and what it promises, is `asof::fuzzing::json_line`.

#![no_main]

use asof::fuzzing::json_line;
use asof_fuzz::{BYTES_PER_BYTE, within_bounds};

libfuzzer_sys::fuzz_target!(|data: &[u8]| within_bounds(json_line, BYTES_PER_BYTE, data));
