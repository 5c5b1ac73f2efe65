//! RocksDB's own checksums, all of them: data, index and filter blocks of every file.
//!
//! One call checks everything and stops at the first block that is wrong. Which *other* files are
//! damaged is then found by reading each alone: an iterator whose table filter lets pass one file.

#![expect(
    unsafe_code,
    reason = "the crate has no safe call for rocksdb_verify_checksum, nor for a table filter"
)]

use super::{Family, Kv};
use crate::error::{Error, Result};
use librocksdb_sys as ffi;
use rocksdb::{AsColumnFamilyRef, AsRawPtr};
use std::ffi::{CStr, c_char, c_void};
use std::sync::atomic::{AtomicBool, Ordering};

/// A table file in use.
#[derive(Debug, Clone)]
pub(crate) struct TableFile {
    /// `000012.sst`
    pub(crate) name: String,
    pub(crate) family: Family,
    pub(crate) level: u32,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
}

impl TableFile {
    fn number(&self) -> Option<u64> {
        self.name.strip_suffix(".sst")?.parse().ok()
    }
}

/// What reading one file alone has shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Alone {
    Whole,
    Damaged(String),
    /// RocksDB does not tell this file from others, as one that was made elsewhere.
    Unknown,
}

impl Kv {
    /// Reads every block of every file and compares its checksum. Gives RocksDB's words for the first
    /// that is wrong.
    pub(crate) fn verify_blocks(&self) -> Option<String> {
        let mut message: *mut c_char = std::ptr::null_mut();
        // SAFETY: the pointer is valid while `self.db` lives, which it does for the whole call; the
        // call only reads, and `message` is null or a C string that becomes ours to free.
        unsafe {
            ffi::rocksdb_verify_checksum(self.db.as_raw_ptr(), &raw mut message);
            take_text(message)
        }
    }

    /// The table files in use, by family, level and name.
    pub(crate) fn table_files(&self) -> Result<Vec<TableFile>> {
        let live = self
            .db
            .live_files()
            .map_err(|e| super::error::translate("listing the files", e))?;
        let mut files = Vec::with_capacity(live.len());
        for file in live {
            let named = |family: &Family| family.name() == file.column_family_name;
            let family = Family::ALL.into_iter().find(named).ok_or_else(|| {
                Error::corrupt(format!(
                    "{} belongs to family {:?}, which no store has",
                    file.name, file.column_family_name
                ))
            })?;
            files.push(TableFile {
                name: file.name.trim_start_matches('/').to_owned(),
                family,
                level: u32::try_from(file.level).unwrap_or(0),
                rows: file.num_entries,
                bytes: file.size as u64,
            });
        }
        files.sort_by(|a, b| {
            let order = |file: &TableFile| (file.family as u8, file.level);
            order(a).cmp(&order(b)).then_with(|| a.name.cmp(&b.name))
        });
        Ok(files)
    }

    /// Reads every row of one file, past the cache, and none of any other.
    pub(crate) fn read_alone(&self, file: &TableFile) -> Alone {
        let Some(number) = file.number() else {
            return Alone::Unknown;
        };
        let only = Only {
            number,
            met: AtomicBool::new(false),
        };
        let family = self.family(file.family);
        let mut message: *mut c_char = std::ptr::null_mut();
        // SAFETY: the database and the family outlive the iterator, which is destroyed here, before
        // the options it was made with and before `only`, to which the filter points. The filter has
        // no destructor to call. `message` is null or a C string that becomes ours to free.
        let text = unsafe {
            let options = ffi::rocksdb_readoptions_create();
            ffi::rocksdb_readoptions_set_verify_checksums(options, 1);
            ffi::rocksdb_readoptions_set_fill_cache(options, 0);
            ffi::rocksdb_readoptions_set_total_order_seek(options, 1);
            let state: *const Only = &raw const only;
            ffi::rocksdb_readoptions_set_table_filter(
                options,
                state.cast_mut().cast(),
                None,
                Some(is_only),
            );
            let rows =
                ffi::rocksdb_create_iterator_cf(self.db.as_raw_ptr(), options, family.inner());
            ffi::rocksdb_iter_seek_to_first(rows);
            while ffi::rocksdb_iter_valid(rows) != 0 {
                ffi::rocksdb_iter_next(rows);
            }
            ffi::rocksdb_iter_get_error(rows, &raw mut message);
            ffi::rocksdb_iter_destroy(rows);
            ffi::rocksdb_readoptions_destroy(options);
            take_text(message)
        };
        match text {
            Some(text) => Alone::Damaged(text),
            None if only.met.load(Ordering::Relaxed) => Alone::Whole,
            None => Alone::Unknown,
        }
    }
}

/// The one file that a filter lets pass, and whether it was met.
struct Only {
    number: u64,
    met: AtomicBool,
}

/// Called by RocksDB for every table that an iterator would read. It must not panic.
unsafe extern "C" fn is_only(
    state: *mut c_void,
    properties: *const ffi::rocksdb_table_properties_t,
) -> u8 {
    // SAFETY: RocksDB hands back the state that the filter was set with, which outlives the iterator
    // and is only read through, and the properties of a table that it holds open meanwhile.
    let (only, number) = unsafe {
        let only = &*state.cast_const().cast::<Only>();
        (
            only,
            ffi::rocksdb_table_properties_orig_file_number(properties),
        )
    };
    if number != only.number {
        return 0;
    }
    only.met.store(true, Ordering::Relaxed);
    1
}

/// The text of an error that a C call gave, freed; none where there was none.
///
/// # Safety
/// `message` is null, or a C string that was allocated by RocksDB and belongs to the caller.
pub(super) unsafe fn take_text(message: *mut c_char) -> Option<String> {
    if message.is_null() {
        return None;
    }
    // SAFETY: the caller vouches for the string, and it is not used after it was freed.
    unsafe {
        let text = CStr::from_ptr(message).to_string_lossy().into_owned();
        ffi::rocksdb_free(message.cast());
        Some(text)
    }
}
