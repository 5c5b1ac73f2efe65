//! The other side: RocksDB alone, over the bytes that `asof` stored.

use crate::report::Report;
use crate::{Plan, Random, ours};
use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamilyDescriptor, DB, DBCompressionType, DataBlockIndexType,
    Options, ReadOptions, SliceTransform, WriteBatch, WriteOptions,
};
use std::path::Path;
use std::time::Instant;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const PREFIX: usize = 20;
/// Where feature 7 of 12 lies from the end of a row of ours: checksum, then values 11, 10, 9, 8, 7.
const FROM_END: usize = 4 + 5 * 8;

/// The options of ours that matter to a read or a write.
fn open(path: &Path, create: bool) -> Outcome<DB> {
    let cache = Cache::new_hyper_clock_cache(4 << 30, 0);
    let mut db = Options::default().get_options_from_string("prefix_seek_opt_in_only=true")?;
    db.create_if_missing(create);
    db.create_missing_column_families(create);
    db.set_max_background_jobs(2);
    db.set_max_open_files(-1);
    db.set_max_total_wal_size(64 << 20);
    db.set_bytes_per_sync(1 << 20);
    let families = ["default", "history", "latest", "quarantine"].map(|name| {
        let mut options = Options::default();
        let mut table = BlockBasedOptions::default();
        table.set_block_cache(&cache);
        table.set_cache_index_and_filter_blocks(true);
        table.set_pin_l0_filter_and_index_blocks_in_cache(true);
        table.set_bloom_filter(10.0, false);
        options.set_compression_type(DBCompressionType::Lz4);
        options.set_max_write_buffer_number(4);
        options.set_write_buffer_size(32 << 20);
        options.set_memtable_prefix_bloom_ratio(0.02);
        if name == "history" {
            table.set_block_size(8 << 10);
            table.set_whole_key_filtering(false);
            options.set_prefix_extractor(SliceTransform::create_fixed_prefix(PREFIX));
            options.set_bottommost_compression_type(DBCompressionType::Zstd);
        } else {
            table.set_data_block_index_type(DataBlockIndexType::BinaryAndHash);
            options.set_memtable_whole_key_filtering(true);
        }
        options.set_block_based_table_factory(&table);
        ColumnFamilyDescriptor::new(name, options)
    });
    Ok(DB::open_cf_descriptors(&db, path, families)?)
}

fn f64_of(value: &[u8]) -> f64 {
    let at = value.len() - FROM_END;
    f64::from_le_bytes(value[at..at + 8].try_into().expect("eight bytes"))
}

/// Every prefix of the store.
fn prefixes(db: &DB) -> Outcome<Vec<[u8; PREFIX]>> {
    let mut all = Vec::new();
    let mut cursor = db.raw_iterator_cf(db.cf_handle("latest").ok_or("no family")?);
    cursor.seek_to_first();
    while let Some(key) = cursor.key() {
        all.push(key.try_into()?);
        cursor.next();
    }
    cursor.status()?;
    Ok(all)
}

/// Where a seek for a time begins.
fn seek_key(prefix: &[u8; PREFIX], version: u64) -> [u8; PREFIX + 8] {
    let mut key = [0; PREFIX + 8];
    key[..PREFIX].copy_from_slice(prefix);
    let ascending = (ours::time(version).micros() as u64) ^ (1 << 63);
    key[PREFIX..].copy_from_slice(&(!ascending).to_be_bytes());
    key
}

pub fn read(plan: Plan, path: &Path, report: &mut Report) -> Outcome<()> {
    let db = open(path, false)?;
    let (latest, history) = (db.cf_handle("latest"), db.cf_handle("history"));
    let (latest, history) = (latest.ok_or("no family")?, history.ok_or("no family")?);
    let all = prefixes(&db)?;
    assert_eq!(all.len() as u64, plan.entities);
    let mut random = Random(42);
    let picks: Vec<_> = (0..plan.reads)
        .map(|_| all[random.below(plan.entities) as usize])
        .collect();
    let seeks: Vec<_> = picks
        .iter()
        .map(|p| seek_key(p, random.below(plan.versions)))
        .collect();
    let point = ReadOptions::default();
    let mut prefix_mode = ReadOptions::default();
    prefix_mode.set_prefix_same_as_start(true);
    let mut cursor = db.raw_iterator_cf_opt(history, prefix_mode);
    for prefix in &all {
        db.get_pinned_cf_opt(latest, prefix, &point)?;
        cursor.seek(seek_key(prefix, 0));
    }
    report.reads("raw get_pinned_cf", plan.reads, |at| {
        let value = db
            .get_pinned_cf_opt(latest, picks[at], &point)
            .expect("reads");
        f64_of(&value.expect("is there"))
    });
    report.reads(
        "raw seek, iterator reused and refreshed",
        plan.reads,
        |at| {
            cursor.refresh().expect("refreshes");
            cursor.seek(seeks[at]);
            f64_of(cursor.value().expect("is there"))
        },
    );
    report.reads("raw seek, new iterator", plan.reads, |at| {
        let mut options = ReadOptions::default();
        options.set_prefix_same_as_start(true);
        let mut cursor = db.raw_iterator_cf_opt(history, options);
        cursor.seek(seeks[at]);
        f64_of(cursor.value().expect("is there"))
    });
    Ok(())
}

/// The same two puts a row, blindly: the bytes are fetched from the store outside the clock.
pub fn ingest(plan: Plan, from: &Path, path: &Path, report: &mut Report) -> Outcome<()> {
    let source = open(from, false)?;
    let (latest, history) = (source.cf_handle("latest"), source.cf_handle("history"));
    let (latest, history) = (latest.ok_or("no family")?, history.ok_or("no family")?);
    let all = prefixes(&source)?;
    // Entities in the order of their ids are in no order of their keys.
    let mut order: Vec<usize> = (0..all.len()).collect();
    let mut random = Random(7);
    for at in (1..order.len()).rev() {
        order.swap(at, random.below(at as u64 + 1) as usize);
    }
    std::fs::create_dir_all(path)?;
    let db = open(path, true)?;
    let (to_latest, to_history) = (db.cf_handle("latest"), db.cf_handle("history"));
    let (to_latest, to_history) = (
        to_latest.ok_or("no family")?,
        to_history.ok_or("no family")?,
    );
    // All of it first: while the clock stood still between batches, compaction would run for free.
    let mut cursor = source.raw_iterator_cf(history);
    let mut rows = Vec::with_capacity(order.len() * plan.versions as usize);
    for version in 0..plan.versions {
        for at in &order {
            cursor.seek(seek_key(&all[*at], version));
            let (key, value) = cursor.item().ok_or("no such version")?;
            let shown = source.get_cf(latest, all[*at])?.ok_or("no latest row")?;
            rows.push((
                Box::<[u8]>::from(key),
                Box::<[u8]>::from(value),
                all[*at],
                shown,
            ));
        }
    }
    let options = WriteOptions::default();
    let start = Instant::now();
    for chunk in rows.chunks(plan.batch) {
        let mut batch = WriteBatch::default();
        for (key, value, prefix, shown) in chunk {
            batch.put_cf(to_history, key, value);
            batch.put_cf(to_latest, prefix, shown);
        }
        db.write_opt(batch, &options)?;
    }
    db.flush_wal(true)?;
    let took = start.elapsed();
    for family in [to_history, to_latest] {
        db.flush_cf(family)?;
        db.compact_range_cf(family, None::<&[u8]>, None::<&[u8]>);
    }
    let settled = start.elapsed();
    report.rate(
        "raw blind WriteBatch, the same puts",
        plan.entities * plan.versions,
        took,
        settled,
    );
    Ok(())
}
