//! What `asof` stands beside: each keeps rows of 100 bytes under keys of eight, and all of it in memory.

pub mod arena;
pub mod fjall;
pub mod lmdb;
pub mod quick_cache;
pub mod redb;
pub mod redis;
pub mod sqlite;

use crate::Outcome;
use crate::rows::{self, Key, READ, value};
use std::path::Path;

/// All that run in the process.
pub struct Peers {
    pub lmdb: lmdb::Lmdb,
    pub redb: redb::Redb,
    pub fjall: fjall::Fjall,
    pub sqlite: sqlite::Sqlite,
    pub quick_cache: quick_cache::QuickCache,
    pub arena: arena::Arena,
}

impl Peers {
    /// Loads the same version of the same entities into each, and sees that each gives it back.
    pub fn load(dir: &Path, entities: u64, version: u64) -> Outcome<Peers> {
        std::fs::create_dir_all(dir)?;
        let rows = rows::ascending(entities, version);
        let mut peers = Peers {
            lmdb: lmdb::Lmdb::load(&dir.join("lmdb"), &rows)?,
            redb: redb::Redb::load(&dir.join("redb"), &rows)?,
            fjall: fjall::Fjall::load(&dir.join("fjall"), &rows)?,
            sqlite: sqlite::Sqlite::load(&dir.join("sqlite"), &rows)?,
            quick_cache: quick_cache::QuickCache::load(&rows),
            arena: arena::Arena::load(&rows),
        };
        for n in 0..entities {
            peers.each(|name, get| {
                assert_eq!(
                    get(&rows::key(n)),
                    value(n, version, READ),
                    "{name}, entity {n}"
                );
            });
        }
        Ok(peers)
    }

    /// Each with its name and what reads one `f64` by key.
    fn each(&mut self, mut see: impl FnMut(&str, &mut dyn FnMut(&Key) -> f64)) {
        see("LMDB", &mut |key| self.lmdb.get(key));
        see("redb", &mut |key| self.redb.get(key));
        see("fjall", &mut |key| self.fjall.get(key));
        see("SQLite", &mut |key| self.sqlite.get(key));
        see("quick_cache", &mut |key| self.quick_cache.get(key));
        see("arena", &mut |key| self.arena.get(key));
    }
}
