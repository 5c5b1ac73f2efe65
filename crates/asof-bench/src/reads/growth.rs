//! Ten times the entities, all of them in the row cache still.

use super::{Picks, World};
use crate::Outcome;
use crate::latency::measure as time_reads;
use crate::ours::{self, AMPLE, CACHED_ROW_BYTES, Memory, Reader};
use crate::peers::arena::Arena;
use crate::plan::Plan;
use crate::report::{Bound, Report};
use crate::rows::{self, Key};
use asof::{Question, Store};

const TABLE: &str = "growth, latest in cache, ns";
const FEW: &str = "asof, before";
const MANY: &str = "asof, grown";

/// A store of many entities, and the control of as many.
pub(super) struct Growing {
    store: Store,
    arena: Arena,
}

pub(super) fn build(plan: &Plan) -> Outcome<Growing> {
    let dir = plan.dir.join("grown");
    ours::build(&dir, |store| {
        let users = ours::users(store)?;
        ours::ingest(store, &users, plan.grown, 0..1, plan.batch)
    })?;
    // Blocks are read once, to fill the row cache.
    let memory = Memory {
        blocks: 256 << 20,
        rows: plan.grown * CACHED_ROW_BYTES * 3 / 2,
        ..AMPLE
    };
    let store = ours::open(&dir, memory)?;
    ours::warm(&store, &store.view("user")?, plan.grown, 0)?;
    let arena = Arena::load(&rows::ascending(plan.grown, 0));
    Ok(Growing { store, arena })
}

impl Growing {
    pub(super) fn measure(
        &self,
        plan: &Plan,
        world: &World,
        picks: &Picks,
        report: &mut Report,
        seed: u64,
    ) -> Outcome {
        let asked = rows::uniform(plan.grown, plan.reads, seed);
        let keys: Vec<Key> = asked.iter().map(|n| rows::key(*n)).collect();
        let mut few = Reader::new(&world.cached, &world.cached.view("user")?)?;
        let mut many = Reader::new(&self.store, &self.store.view("user")?)?;
        let latest = Question::latest();
        let mut side = |name, read: &mut dyn FnMut(usize) -> f64| {
            time_reads(plan.reads, read).note(report, TABLE, name);
        };
        side(FEW, &mut |at| few.by_key(&picks.keys[at], latest));
        side(MANY, &mut |at| many.by_key(&keys[at], latest));
        side("control, before", &mut |at| {
            world.peers.arena.get(&picks.keys[at])
        });
        side("control, grown", &mut |at| self.arena.get(&keys[at]));
        Ok(())
    }
}

pub(super) fn judge(report: &mut Report) {
    let reached = report.ratios(TABLE, "p50", MANY, FEW);
    let path = "10 M entities against 1 M, all cached in both";
    report.target(
        path,
        "latest p50 at most 1.5 x",
        Bound::AtMost(1.5),
        reached,
    );
}
