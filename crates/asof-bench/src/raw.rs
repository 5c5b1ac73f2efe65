//! RocksDB alone, over the bytes that `asof` stored and with the options that `asof` ran with.

use crate::Outcome;
use crate::rows::{FEATURES, READ, time};
use rocksdb::{
    BottommostLevelCompaction, Cache, ColumnFamily, CompactOptions, DB, DBRawIterator, Env,
    Options, ReadOptions, WaitForCompactOptions, WriteBatch, WriteOptions,
};
use std::path::Path;

const PREFIX: usize = 20;
/// What RocksDB writes of our filters, and what it has to read to make them again: without the number of bits a
/// database has no filters at all, and is not the one we ran.
const FILTERS: [&str; 2] = [
    "filter_policy=bloomfilter\n",
    "filter_policy=bloomfilter:10:false\n",
];
/// Where the feature that is read lies from the end of a row of ours: checksum, then later values.
const FROM_END: usize = 4 + (FEATURES as usize - READ) * 8;

/// Where the rows of an entity stand.
pub type Prefix = [u8; PREFIX];

/// A row of ours, as two puts.
pub struct Puts {
    pub key: Box<[u8]>,
    pub version: Box<[u8]>,
    pub prefix: Prefix,
    pub latest: Box<[u8]>,
}

/// A database and the one set of read options that it is read with.
pub struct Raw {
    db: DB,
    point: ReadOptions,
}

/// Copies the newest options of a database, with the filters named in full.
fn name_filters(from: &Path, to: &Path) -> Outcome {
    let names = std::fs::read_dir(from)?.map(|entry| Ok(entry?.file_name()));
    let names = names.collect::<std::io::Result<Vec<_>>>()?;
    let options = names.into_iter().filter(|name| {
        let name = name.to_string_lossy();
        name.starts_with("OPTIONS-") && !name.ends_with(".dbtmp")
    });
    // Their numbers are as long as each other.
    let newest = options.max().ok_or("the database has no options")?;
    let text = std::fs::read_to_string(from.join(&newest))?;
    let [written, wanted] = FILTERS;
    // It may have been opened by this already.
    let named = FILTERS.map(|filters| text.matches(filters).count());
    if named.iter().sum::<usize>() != text.matches("filter_policy=").count() {
        return Err(format!("the options of {} name no filters", from.display()).into());
    }
    std::fs::create_dir_all(to)?;
    Ok(std::fs::write(
        to.join(newest),
        text.replace(written, wanted),
    )?)
}

impl Raw {
    /// Opens a database of a closed store, or a new one with the options of that.
    pub fn open(like: &Path, path: &Path, blocks: usize) -> Outcome<Raw> {
        let cache = Cache::new_hyper_clock_cache(blocks, 0);
        let with_filters = path.with_extension("options");
        name_filters(like, &with_filters)?;
        // Options that carry callbacks would have to outlive the database; these are data.
        let (mut options, families) =
            Options::load_latest(&with_filters, Env::new()?, false, cache)?;
        std::fs::remove_dir_all(with_filters)?;
        if !path.exists() {
            std::fs::create_dir_all(path)?;
            options.create_if_missing(true);
            options.create_missing_column_families(true);
        }
        let db = DB::open_cf_descriptors(&options, path, families)?;
        Ok(Raw {
            db,
            point: ReadOptions::default(),
        })
    }

    fn family(&self, name: &str) -> &ColumnFamily {
        self.db.cf_handle(name).expect("a store has this family")
    }

    /// The prefixes of one view, by its place among the views, in the order of storage.
    pub fn prefixes(&self, view: usize) -> Outcome<Vec<Prefix>> {
        let mut views: Vec<Vec<Prefix>> = Vec::new();
        let mut cursor = self.db.raw_iterator_cf(self.family("latest"));
        cursor.seek_to_first();
        while let Some(key) = cursor.key() {
            let prefix: Prefix = key.try_into()?;
            let same = views.last().is_some_and(|all| all[0][..4] == prefix[..4]);
            if !same {
                views.push(Vec::new());
            }
            views.last_mut().expect("one was pushed").push(prefix);
            cursor.next();
        }
        cursor.status()?;
        if view >= views.len() {
            return Err(format!("the store has {} views with rows", views.len()).into());
        }
        Ok(views.swap_remove(view))
    }

    /// What reads one `f64` of a latest row.
    pub fn latest(&self) -> impl Fn(&Prefix) -> f64 {
        let family = self.family("latest");
        move |prefix| {
            let found = self.db.get_pinned_cf_opt(family, prefix, &self.point);
            f64_of(&found.expect("reads").expect("is there"))
        }
    }

    /// What reads one `f64` of each of many latest rows, and adds them up.
    pub fn batch(&self) -> impl Fn(&[Prefix]) -> f64 {
        let family = self.family("latest");
        move |prefixes| {
            let found = self
                .db
                .batched_multi_get_cf_opt(family, prefixes, false, &self.point);
            let of = |found: Result<Option<rocksdb::DBPinnableSlice<'_>>, _>| {
                f64_of(&found.expect("reads").expect("is there"))
            };
            found.into_iter().map(of).sum()
        }
    }

    /// What seeks the newest version at or before a time: one iterator, refreshed before each seek.
    pub fn past(&self) -> impl FnMut(&Prefix, u64) -> f64 {
        let mut cursor = self.prefix_cursor();
        move |prefix, version| {
            cursor.refresh().expect("refreshes");
            cursor.seek(seek_key(prefix, version));
            f64_of(cursor.value().expect("is there"))
        }
    }

    /// The same without the refresh, as if nothing were ever written.
    pub fn past_still(&self) -> impl FnMut(&Prefix, u64) -> f64 {
        let mut cursor = self.prefix_cursor();
        move |prefix, version| {
            cursor.seek(seek_key(prefix, version));
            f64_of(cursor.value().expect("is there"))
        }
    }

    /// The same with an iterator for each seek.
    pub fn past_anew(&self) -> impl Fn(&Prefix, u64) -> f64 {
        move |prefix, version| {
            let mut cursor = self.prefix_cursor();
            cursor.seek(seek_key(prefix, version));
            f64_of(cursor.value().expect("is there"))
        }
    }

    fn prefix_cursor(&self) -> DBRawIterator<'_> {
        let mut options = ReadOptions::default();
        options.set_prefix_same_as_start(true);
        self.db.raw_iterator_cf_opt(self.family("history"), options)
    }

    /// Every row, version by version from the oldest, entities in no order within each. Every entity
    /// has as many versions.
    pub fn rows(&self, versions: usize) -> Outcome<Vec<Vec<Puts>>> {
        let mut all: Vec<Vec<Puts>> = (0..versions).map(|_| Vec::new()).collect();
        let mut cursor = self.db.raw_iterator_cf(self.family("history"));
        cursor.seek_to_first();
        let mut shown = (Prefix::default(), Vec::new());
        let mut age = 0;
        while let Some((key, value)) = cursor.item() {
            let prefix: Prefix = key[..PREFIX].try_into()?;
            if prefix != shown.0 || age == 0 {
                let latest = self.db.get_cf(self.family("latest"), prefix)?;
                shown = (prefix, latest.ok_or("an entity has no latest row")?);
                age = versions;
            }
            age -= 1;
            all[age].push(Puts {
                key: key.into(),
                version: value.into(),
                prefix,
                latest: shown.1.as_slice().into(),
            });
            cursor.next();
        }
        cursor.status()?;
        // The order of keys is the order of hashes; ours came in the order of ids, which is another.
        let order = shuffled(all[0].len());
        let sort = |rows: Vec<Puts>| {
            let mut rows: Vec<_> = rows.into_iter().map(Some).collect();
            let take = |at: &usize| rows[*at].take().expect("each place stands once");
            order.iter().map(take).collect()
        };
        Ok(all.into_iter().map(sort).collect())
    }

    /// Blindly.
    pub fn write(&self, rows: &[Puts], batch: usize) -> Outcome {
        self.write_after(rows, batch, |_| ())
    }

    /// With a look at each latest row before.
    pub fn write_having_read(&self, rows: &[Puts], batch: usize) -> Outcome {
        let family = self.family("latest");
        self.write_after(rows, batch, |row| {
            let found = self.db.get_pinned_cf_opt(family, row.prefix, &self.point);
            std::hint::black_box(found.expect("reads").map(|value| value.len()));
        })
    }

    fn write_after(&self, rows: &[Puts], batch: usize, before: impl Fn(&Puts)) -> Outcome {
        let (history, latest) = (self.family("history"), self.family("latest"));
        let options = WriteOptions::default();
        for chunk in rows.chunks(batch) {
            let mut batch = WriteBatch::default();
            for row in chunk {
                before(row);
                batch.put_cf(history, &row.key, &row.version);
                batch.put_cf(latest, row.prefix, &row.latest);
            }
            self.db.write_opt(batch, &options)?;
        }
        Ok(())
    }

    pub fn sync(&self) -> Outcome {
        Ok(self.db.flush_wal(true)?)
    }

    /// Writes out what is in memory and merges all of it, as our `compact` does.
    pub fn settle(&self) -> Outcome {
        let mut options = CompactOptions::default();
        options.set_bottommost_level_compaction(BottommostLevelCompaction::Force);
        for family in ["history", "latest"].map(|name| self.family(name)) {
            self.db.flush_cf(family)?;
            self.db
                .compact_range_cf_opt(family, None::<&[u8]>, None::<&[u8]>, &options);
        }
        Ok(self
            .db
            .wait_for_compact(&WaitForCompactOptions::default())?)
    }
}

fn shuffled(n: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    crate::random::Random(7).shuffle(&mut order);
    order
}

fn f64_of(value: &[u8]) -> f64 {
    let at = value.len() - FROM_END;
    f64::from_le_bytes(value[at..at + 8].try_into().expect("eight bytes"))
}

fn seek_key(prefix: &Prefix, version: u64) -> [u8; PREFIX + 8] {
    let mut key = [0; PREFIX + 8];
    key[..PREFIX].copy_from_slice(prefix);
    let ascending = (time(version).micros() as u64) ^ (1 << 63);
    key[PREFIX..].copy_from_slice(&(!ascending).to_be_bytes());
    key
}
