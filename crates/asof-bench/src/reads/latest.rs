//! The latest row, entities drawn uniformly, one thread.

use super::{Picks, World};
use crate::Outcome;
use crate::latency::measure as time;
use crate::ours::Reader;
use crate::plan::Plan;
use crate::report::{Bound, Report};
use asof::Question;

pub const TABLE: &str = "latest, uniform, ns";
pub const OURS: &str = "asof, from key bytes";
const AT_HAND: &str = "asof, entity at hand";
const BARE: &str = "asof, row cache off, from key bytes";
const BARE_AT_HAND: &str = "asof, row cache off, entity at hand";
const RAW: &str = "RocksDB, get_pinned_cf";

pub(super) fn measure(plan: &Plan, world: &World, picks: &Picks, report: &mut Report) -> Outcome {
    let (keys, n, latest) = (&picks.keys, plan.reads, Question::latest());
    let mut ours = Reader::new(&world.cached, &world.cached.view("user")?)?;
    let mut bare = Reader::new(&world.bare, &world.bare.view("user")?)?;
    let (raw, peers) = (world.raw.latest(), &world.peers);
    let mut side = |name, read: &mut dyn FnMut(usize) -> f64| {
        time(n, read).note(report, TABLE, name);
    };
    side(OURS, &mut |at| ours.by_key(&keys[at], latest));
    side("LMDB", &mut |at| peers.lmdb.get(&keys[at]));
    side("quick_cache", &mut |at| peers.quick_cache.get(&keys[at]));
    side(AT_HAND, &mut |at| ours.by_entity(&picks.cached[at], latest));
    side("bare index over an arena (control)", &mut |at| {
        peers.arena.get(&keys[at])
    });
    side(BARE, &mut |at| bare.by_key(&keys[at], latest));
    side(RAW, &mut |at| raw(&picks.prefixes[at]));
    side(BARE_AT_HAND, &mut |at| {
        bare.by_entity(&picks.bare[at], latest)
    });
    side("redb", &mut |at| peers.redb.get(&keys[at]));
    side("SQLite", &mut |at| peers.sqlite.get(&keys[at]));
    side("fjall", &mut |at| peers.fjall.get(&keys[at]));
    Ok(())
}

pub(super) fn judge(report: &mut Report) {
    for (wanted, one, other, most) in [
        ("at most 0.40 x LMDB get", OURS, "LMDB", 0.40),
        ("at most 0.60 x quick_cache get", OURS, "quick_cache", 0.60),
        (
            "entity at hand: at most 0.40 x LMDB get",
            AT_HAND,
            "LMDB",
            0.40,
        ),
        (
            "entity at hand: at most 0.60 x quick_cache get",
            AT_HAND,
            "quick_cache",
            0.60,
        ),
    ] {
        let reached = report.ratios(TABLE, "p50", one, other);
        report.target(
            "latest, in cache, uniform",
            wanted,
            Bound::AtMost(most),
            reached,
        );
    }
    for (wanted, one) in [
        ("at most 1.15 x raw get_pinned_cf", BARE),
        (
            "entity at hand: at most 1.15 x raw get_pinned_cf",
            BARE_AT_HAND,
        ),
    ] {
        let reached = report.ratios(TABLE, "p50", one, RAW);
        report.target(
            "latest, row cache off, block cache warm",
            wanted,
            Bound::AtMost(1.15),
            reached,
        );
    }
}
