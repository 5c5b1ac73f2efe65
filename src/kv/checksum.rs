//! RocksDB's own checksums, all of them: data, index and filter blocks of every file.

#![expect(
    unsafe_code,
    reason = "the crate has no safe call for rocksdb_verify_checksum"
)]

use super::Kv;
use crate::error::{Error, Result};
use librocksdb_sys as ffi;
use rocksdb::AsRawPtr;
use std::ffi::CStr;

impl Kv {
    /// Reads every block of every file and compares its checksum.
    pub(crate) fn verify_blocks(&self) -> Result<()> {
        let mut message: *mut std::ffi::c_char = std::ptr::null_mut();
        // SAFETY: the pointer is valid while `self.db` lives, which it does for the whole call; the
        // call only reads; `message` is null or a C string that becomes ours to free.
        let text = unsafe {
            ffi::rocksdb_verify_checksum(self.db.as_raw_ptr(), &raw mut message);
            if message.is_null() {
                return Ok(());
            }
            let text = CStr::from_ptr(message).to_string_lossy().into_owned();
            ffi::rocksdb_free(message.cast());
            text
        };
        Err(Error::corrupt(format!(
            "a file of the database is damaged: {text}; restore the store"
        )))
    }
}
