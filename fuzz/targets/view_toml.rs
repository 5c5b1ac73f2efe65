//! The oracle, and what it promises, is `asof::fuzzing::view_toml`.

#![no_main]

use asof::fuzzing::view_toml;
use asof_fuzz::{BYTES_PER_TOML_BYTE, within_bounds};

libfuzzer_sys::fuzz_target!(|data: &[u8]| within_bounds(view_toml, BYTES_PER_TOML_BYTE, data));
