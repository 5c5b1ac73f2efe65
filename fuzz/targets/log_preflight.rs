//! The oracle, and what it promises, is `asof::fuzzing::log_preflight`.

#![no_main]

use asof::fuzzing::log_preflight;
use asof_fuzz::{BYTES_PER_BYTE, within_bounds};

libfuzzer_sys::fuzz_target!(|data: &[u8]| within_bounds(log_preflight, BYTES_PER_BYTE, data));
