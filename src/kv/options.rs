//! How the database is set up, and which of its options must never be otherwise.

use super::Family;
use super::error::translate;
use crate::error::{Error, Result};
use crate::format::key::PREFIX_BYTES;
use rocksdb::{
    BlockBasedOptions, Cache, DBCompressionType, DBRecoveryMode, DataBlockIndexType, Options,
    SliceTransform, WriteBufferManager,
};
use std::path::Path;

/// What a store may choose of its database.
#[derive(Debug, Clone)]
pub(crate) struct KvOptions {
    pub(crate) block_cache_bytes: usize,
    /// How many bytes of a memtable a family fills before it is written out.
    pub(crate) memtable_bytes: usize,
    /// How many bytes all memtables together may take.
    pub(crate) memtables_bytes: usize,
    /// The manifest remembers how long closed logs were. Whoever cut one off, and accepts the loss,
    /// opens once without being held to that.
    pub(crate) logs_may_be_cut: bool,
    /// What tells this store from others in its log.
    pub(crate) tag: crate::preflight::StoreTag,
    /// Whether tables are merged in the background. On a full disk a merge takes what space is left,
    /// fails, and begins again.
    pub(crate) merges: bool,
}

/// Options without which a promise breaks. They are set at open and then read back from the file
/// that RocksDB wrote, because an option that is parsed is not always an option that is applied.
const PINNED: [(&str, &str); 13] = [
    ("wal_recovery_mode", "kPointInTimeRecovery"),
    ("recycle_log_file_num", "0"),
    ("wal_bytes_per_sync", "0"),
    ("manual_wal_flush", "false"),
    ("unordered_write", "false"),
    ("two_write_queues", "false"),
    ("allow_2pc", "false"),
    ("allow_mmap_writes", "false"),
    ("best_efforts_recovery", "false"),
    ("paranoid_checks", "true"),
    ("verify_sst_unique_id_in_manifest", "true"),
    ("prefix_seek_opt_in_only", "true"),
    ("max_total_wal_size", "67108864"),
];
/// The same for every family.
const PINNED_OF_FAMILY: [(&str, &str); 3] = [
    ("inplace_update_support", "false"),
    ("force_consistency_checks", "true"),
    ("memtable_protection_bytes_per_key", "8"),
];

/// Options that the crate has no setter for. They come first: a string would undo later setters.
fn from_text(text: &str) -> Result<Options> {
    Options::default()
        .get_options_from_string(text)
        .map_err(|e| translate("reading the database options", e))
}

pub(super) fn of_database(create: bool, logs_may_be_cut: bool) -> Result<Options> {
    let mut options = from_text(
        "prefix_seek_opt_in_only=true;max_manifest_file_size=1048576;manual_wal_flush=false;\
         best_efforts_recovery=false;verify_sst_unique_id_in_manifest=true;two_write_queues=false",
    )?;
    options.create_if_missing(create);
    options.create_missing_column_families(create);
    options.set_wal_recovery_mode(DBRecoveryMode::PointInTime);
    options.set_paranoid_checks(true);
    options.set_max_total_wal_size(64 << 20);
    options.set_max_background_jobs(2);
    options.set_max_open_files(-1);
    options.set_max_file_opening_threads(2);
    options.set_bytes_per_sync(1 << 20);
    options.set_avoid_unnecessary_blocking_io(true);
    options.set_track_and_verify_wals_in_manifest(!logs_may_be_cut);
    options.set_keep_log_file_num(5);
    options.set_max_log_file_size(8 << 20);
    options.set_stats_dump_period_sec(0);
    Ok(options)
}

/// The same to look at a database and leave it as it is.
///
/// Logs are held against the manifest here too. Where they are not, RocksDB has the manifest forget
/// them, and opened only to be read it has nowhere to note that: it reads through a null pointer.
pub(super) fn to_look() -> Result<Options> {
    of_database(false, false)
}

/// Has memtables written out once half of what they may take together is filled, so that the other
/// half is left for those that are being written out.
///
/// It never stalls a writer: memtables that a reader still holds count too, and a writer that waits
/// for its own iterator waits for ever. Who holds writers up is the gate of `write`, before any lock.
pub(super) fn share_memtables(options: &mut Options, kv: &KvOptions) {
    let half = kv.memtables_bytes / 2;
    let manager = WriteBufferManager::new_write_buffer_manager(half, false);
    options.set_write_buffer_manager(&manager);
}

/// How many bytes of a memtable a family fills before it is written out. RocksDB takes no less than
/// 64 KiB.
pub(super) fn memtable_bytes(family: Family, bytes: usize) -> usize {
    let bytes = match family {
        Family::History | Family::Latest => bytes,
        Family::Catalog | Family::Quarantine => bytes.min(4 << 20),
    };
    bytes.max(64 << 10)
}

pub(super) fn of_family(family: Family, kv: &KvOptions, cache: &Cache) -> Result<Options> {
    let mut options =
        from_text("memtable_protection_bytes_per_key=8;force_consistency_checks=true")?;
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(cache);
    table.set_cache_index_and_filter_blocks(true);
    table.set_pin_l0_filter_and_index_blocks_in_cache(true);
    table.set_bloom_filter(10.0, false);
    options.set_compression_type(DBCompressionType::Lz4);
    options.set_max_write_buffer_number(4);
    options.set_write_buffer_size(memtable_bytes(family, kv.memtable_bytes));
    options.set_disable_auto_compactions(!kv.merges);
    match family {
        Family::History => {
            table.set_block_size(8 << 10);
            table.set_whole_key_filtering(false);
            options.set_prefix_extractor(SliceTransform::create_fixed_prefix(PREFIX_BYTES));
            options.set_memtable_prefix_bloom_ratio(0.02);
            options.set_bottommost_compression_type(DBCompressionType::Zstd);
        }
        Family::Latest => {
            table.set_block_size(4 << 10);
            table.set_data_block_index_type(DataBlockIndexType::BinaryAndHash);
            table.set_data_block_hash_ratio(0.75);
            options.set_memtable_prefix_bloom_ratio(0.02);
            options.set_memtable_whole_key_filtering(true);
        }
        Family::Catalog | Family::Quarantine => {}
    }
    options.set_block_based_table_factory(&table);
    Ok(options)
}

/// Checks that the database runs with the pinned options, as it wrote them down itself.
pub(super) fn check_pinned(path: &Path) -> Result<()> {
    let io = |e: std::io::Error| {
        Error::new(
            crate::error::ErrorKind::Io,
            "reading the database's OPTIONS file failed",
        )
        .caused_by(e)
    };
    let mut newest: Option<(u64, std::path::PathBuf)> = None;
    for entry in std::fs::read_dir(path).map_err(io)? {
        let entry = entry.map_err(io)?;
        let name = entry.file_name();
        let number = name
            .to_str()
            .and_then(|n| n.strip_prefix("OPTIONS-")?.parse().ok());
        newest = newest.max(number.map(|number| (number, entry.path())));
    }
    let (_, file) = newest.ok_or_else(|| Error::corrupt("the database has no OPTIONS file"))?;
    check_text(&std::fs::read_to_string(&file).map_err(io)?)
}

fn check_text(text: &str) -> Result<()> {
    let mut missing: Vec<String> = Vec::new();
    let mut section = "";
    let mut lines = std::collections::HashMap::new();
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            section = line;
        } else if let Some((name, value)) = line.split_once('=') {
            lines.insert((section, name), value);
        }
    }
    let mut demand = |section: &str, pinned: &[(&str, &str)]| {
        for (name, value) in pinned {
            if lines.get(&(section, *name)) != Some(value) {
                missing.push(format!("{name}={value} in {section}"));
            }
        }
    };
    demand("[DBOptions]", &PINNED);
    for family in Family::ALL {
        demand(
            &format!("[CFOptions \"{}\"]", family.name()),
            &PINNED_OF_FAMILY,
        );
    }
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::new(
        crate::error::ErrorKind::UnsupportedFormat,
        format!(
            "the database does not run with options that a promise depends on: {}. This is a defect \
             of this build or of the RocksDB it is linked with; do not use it",
            missing.join(", ")
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_that_is_not_pinned_is_named() {
        let section = |name: &str, options: &[(&str, &str)]| {
            let lines: Vec<_> = options.iter().map(|(n, v)| format!("  {n}={v}")).collect();
            format!("[{name}]\n{}\n", lines.join("\n"))
        };
        let mut text = section("DBOptions", &PINNED);
        for family in Family::ALL {
            text += &section(
                &format!("CFOptions \"{}\"", family.name()),
                &PINNED_OF_FAMILY,
            );
        }
        check_text(&text).unwrap();
        let loose = text.replace("recycle_log_file_num=0", "recycle_log_file_num=4");
        let error = check_text(&loose).unwrap_err().to_string();
        assert!(
            error.contains("recycle_log_file_num=0 in [DBOptions]"),
            "{error}"
        );
        let error = check_text(&text.replace("CFOptions \"latest\"", "x"))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("force_consistency_checks=true in [CFOptions \"latest\"]"),
            "{error}"
        );
    }
}
