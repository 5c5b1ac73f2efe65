//! Few entities asked for often: what a cache is for.

use super::World;
use crate::Outcome;
use crate::latency::measure as time_reads;
use crate::ours::Reader;
use crate::plan::Plan;
use crate::random::{Random, Zipf};
use crate::raw::Prefix;
use crate::report::Report;
use crate::rows::{self, Key};
use asof::Question;

const TABLE: &str = "latest, zipf 0.99, ns";

pub(super) fn measure(
    plan: &Plan,
    world: &World,
    report: &mut Report,
    prefixes: &[Prefix],
    seed: u64,
) -> Outcome {
    let (zipf, mut random) = (Zipf::new(plan.entities), Random(seed));
    let asked: Vec<u64> = (0..plan.reads).map(|_| zipf.pick(&mut random)).collect();
    let keys: Vec<Key> = asked.iter().map(|n| rows::key(*n)).collect();
    let mut all = Reader::new(&world.cached, &world.cached.view("user")?)?;
    let mut tenth = Reader::new(&world.tenth, &world.tenth.view("user")?)?;
    let mut bare = Reader::new(&world.bare, &world.bare.view("user")?)?;
    let (raw, peers, latest) = (world.raw.latest(), &world.peers, Question::latest());
    // What the cache holds then is what it chose to.
    for key in &keys {
        tenth.by_key(key, latest);
    }
    let mut side = |name, read: &mut dyn FnMut(usize) -> f64| {
        time_reads(plan.reads, read).note(report, TABLE, name);
    };
    side("asof, all in cache", &mut |at| {
        all.by_key(&keys[at], latest)
    });
    side("asof, room for a tenth", &mut |at| {
        tenth.by_key(&keys[at], latest)
    });
    side("asof, row cache off", &mut |at| {
        bare.by_key(&keys[at], latest)
    });
    side("RocksDB, get_pinned_cf", &mut |at| {
        raw(&prefixes[asked[at] as usize])
    });
    side("LMDB", &mut |at| peers.lmdb.get(&keys[at]));
    side("quick_cache", &mut |at| peers.quick_cache.get(&keys[at]));
    side("bare index over an arena (control)", &mut |at| {
        peers.arena.get(&keys[at])
    });
    Ok(())
}
