//! The oracle, and what it promises, is `asof::fuzzing::csv_record`.

#![no_main]

use asof::fuzzing::csv_record;
use asof_fuzz::{BYTES_PER_BYTE, within_bounds};

libfuzzer_sys::fuzz_target!(|data: &[u8]| within_bounds(csv_record, BYTES_PER_BYTE, data));
