//! The oracle, and what it promises, is `asof::fuzzing::key_order`.

#![no_main]

use asof::fuzzing::key_order;

libfuzzer_sys::fuzz_target!(|data: &[u8]| key_order(data));
