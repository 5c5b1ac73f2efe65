//! The oracle, and what it promises, is `asof::fuzzing::entity`.

#![no_main]

use asof::fuzzing::entity;

libfuzzer_sys::fuzz_target!(|data: &[u8]| entity(data));
