//! The oracle, and what it promises, is `asof::fuzzing::catalog`.

#![no_main]

use asof::fuzzing::catalog;
use asof_fuzz::{BYTES_PER_BYTE, within_bounds};

libfuzzer_sys::fuzz_target!(|data: &[u8]| within_bounds(catalog, BYTES_PER_BYTE, data));
