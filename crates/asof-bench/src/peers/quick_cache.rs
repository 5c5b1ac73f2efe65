//! `quick_cache`, with room for twice as many rows as there are, so that none is ever driven out.

use crate::rows::{self, Key, ROW_BYTES};
use ::quick_cache::sync::Cache;
use std::sync::Arc;

pub struct QuickCache(Cache<Key, Arc<[u8]>>);

impl QuickCache {
    pub fn load(rows: &[(Key, [u8; ROW_BYTES])]) -> QuickCache {
        let cache = Cache::new(rows.len() * 2);
        for (key, row) in rows {
            cache.insert(*key, Arc::from(&row[..]));
        }
        QuickCache(cache)
    }

    pub fn get(&self, key: &Key) -> f64 {
        rows::read(&self.0.get(key).expect("is resident"))
    }
}
