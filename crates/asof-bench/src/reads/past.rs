//! As of a time in the past: one version, ten, ten thousand.

use super::{Picks, USERS, World, fill as fill_view};
use crate::Outcome;
use crate::latency::measure as time_reads;
use crate::ours::{self, Reader};
use crate::plan::Plan;
use crate::random::Random;
use crate::report::{Bound, Report};
use crate::rows::{self, Key, time};
use asof::{Question, Store};

const TABLE: &str = "as of the past, blocks cached, ns";
const SHALLOW: &str = "1 version: asof, from key bytes";
const OURS: &str = "10 versions: asof, from key bytes";
const AT_HAND: &str = "10 versions: asof, entity at hand";
const RAW: &str = "10 versions: RocksDB, seek, iterator refreshed";
const DEEP: &str = "10,000 versions: asof, from key bytes";
const DEEP_RAW: &str = "10,000 versions: RocksDB, seek, iterator refreshed";

/// Views beside that of the users, in this order.
pub(super) fn fill(plan: &Plan, store: &Store) -> Outcome {
    fill_view(
        store,
        "deep",
        plan.deep_entities,
        plan.deep_versions,
        plan.batch,
    )?;
    fill_view(store, "single", plan.entities, 1, plan.batch)
}

pub(super) fn measure(
    plan: &Plan,
    world: &World,
    picks: &Picks,
    report: &mut Report,
    seed: u64,
) -> Outcome {
    let store = &world.bare;
    let raw_deep = world.raw.prefixes(USERS + 1)?;
    let mut random = Random(seed);
    let mut draw = |n: u64| -> Vec<u64> { (0..plan.reads).map(|_| random.below(n)).collect() };
    let versions = draw(plan.versions);
    let (deep, deep_versions) = (draw(plan.deep_entities), draw(plan.deep_versions));
    let deep_keys: Vec<Key> = deep.iter().map(|n| rows::key(*n)).collect();
    let mut users = Reader::new(store, &store.view("user")?)?;
    let mut deeps = Reader::new(store, &store.view("deep")?)?;
    let mut singles = Reader::new(store, &store.view("single")?)?;
    let snapshot_time = |version: u64| Question::as_of(time(version));
    let mut raw = world.raw.past();
    let raw_anew = world.raw.past_anew();
    let mut raw_still = world.raw.past_still();
    let keys = &picks.keys;
    let mut side = |name, read: &mut dyn FnMut(usize) -> f64| {
        time_reads(plan.reads, read).note(report, TABLE, name);
    };
    side(SHALLOW, &mut |at| {
        singles.by_key(&keys[at], snapshot_time(0))
    });
    side(OURS, &mut |at| {
        users.by_key(&keys[at], snapshot_time(versions[at]))
    });
    side(RAW, &mut |at| raw(&picks.prefixes[at], versions[at]));
    side(AT_HAND, &mut |at| {
        users.by_entity(&picks.bare[at], snapshot_time(versions[at]))
    });
    side("10 versions: RocksDB, seek, not refreshed", &mut |at| {
        raw_still(&picks.prefixes[at], versions[at])
    });
    side("10 versions: RocksDB, seek, new iterator", &mut |at| {
        raw_anew(&picks.prefixes[at], versions[at])
    });
    side(DEEP, &mut |at| {
        deeps.by_key(&deep_keys[at], snapshot_time(deep_versions[at]))
    });
    side(DEEP_RAW, &mut |at| {
        raw(&raw_deep[deep[at] as usize], deep_versions[at])
    });
    Ok(())
}

/// Both sides have every block that will be read.
pub(super) fn warm(plan: &Plan, world: &World) -> Outcome {
    let store = &world.bare;
    ours::warm_past(store, &store.view("user")?, plan.entities, plan.versions)?;
    ours::warm_past(
        store,
        &store.view("deep")?,
        plan.deep_entities,
        plan.deep_versions,
    )?;
    ours::warm_past(store, &store.view("single")?, plan.entities, 1)?;
    let mut raw = world.raw.past();
    for (view, versions) in [(USERS, plan.versions), (USERS + 1, plan.deep_versions)] {
        for prefix in world.raw.prefixes(view)? {
            for version in (0..versions).step_by(10) {
                raw(&prefix, version);
            }
        }
    }
    Ok(())
}

pub(super) fn judge(report: &mut Report) {
    for (wanted, one, other, most) in [
        ("at most 1.25 x the raw seek", OURS, RAW, 1.25),
        (
            "entity at hand: at most 1.25 x the raw seek",
            AT_HAND,
            RAW,
            1.25,
        ),
        (
            "1 k entities x 10 k versions at most 1.5 x 1 M x 10",
            DEEP,
            OURS,
            1.5,
        ),
    ] {
        let reached = report.ratios(TABLE, "p50", one, other);
        report.target(
            "as of the past, warm, 10 versions",
            wanted,
            Bound::AtMost(most),
            reached,
        );
    }
}
