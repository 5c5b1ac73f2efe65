//! Reads of every kind, each beside those whose business it also is.

mod batch;
mod growth;
mod latest;
mod past;
mod set;
mod threads;
mod zipf;

use crate::ours::{self, AMPLE, CACHED_ROW_BYTES, Memory, NO_ROWS};
use crate::peers::Peers;
use crate::plan::Plan;
use crate::raw::{Prefix, Raw};
use crate::report::Report;
use crate::rows::{self, FEATURES, Key};
use crate::{Outcome, ours::users};
use asof::{Entity, Store};

/// All sides, with the same rows in memory.
struct World {
    /// Latest rows in the row cache.
    cached: Store,
    /// No row cache; blocks are cached.
    bare: Store,
    /// Room for the latest rows of a tenth of the entities.
    tenth: Store,
    raw: Raw,
    peers: Peers,
}

/// Which entities are asked for in a run, as each side wants them.
struct Picks {
    keys: Vec<Key>,
    cached: Vec<Entity>,
    bare: Vec<Entity>,
    prefixes: Vec<Prefix>,
}

const USERS: usize = 0;

pub fn run(plan: &Plan, report: &mut Report) -> Outcome {
    let growing = plan
        .wants("growth")
        .then(|| growth::build(plan))
        .transpose()?;
    let world = World::build(plan)?;
    let prefixes = world.raw.prefixes(USERS)?;
    assert_eq!(prefixes.len() as u64, plan.entities);
    for run in 0..plan.runs {
        eprintln!("run {} of {}", run + 1, plan.runs);
        let seed = 42 + run as u64;
        let asked = rows::uniform(plan.entities, plan.reads, seed);
        let picks = Picks::of(&world, &asked, &prefixes)?;
        if plan.wants("latest") {
            latest::measure(plan, &world, &picks, report)?;
        }
        if plan.wants("past") {
            past::measure(plan, &world, &picks, report, seed)?;
        }
        if plan.wants("batch") {
            batch::measure(plan, &world, &picks, report)?;
        }
        if plan.wants("set") {
            set::measure(plan, &world, &picks, report, seed)?;
        }
        if plan.wants("threads") {
            threads::measure(plan, &world, &picks, report)?;
        }
        if let Some(growing) = &growing {
            growing.measure(plan, &world, &picks, report, seed)?;
        }
        if plan.wants("zipf") {
            zipf::measure(plan, &world, report, &prefixes, seed)?;
        }
    }
    latest::judge(report);
    batch::judge(report);
    threads::judge(report);
    past::judge(report);
    set::judge(report);
    growth::judge(report);
    Ok(())
}

impl World {
    fn build(plan: &Plan) -> Outcome<World> {
        let dir = &plan.dir;
        ours::build(&dir.join("cached"), |store| {
            // The first view, so that its prefixes are the first.
            let users = users(store)?;
            ours::ingest(store, &users, plan.entities, 0..plan.versions, plan.batch)?;
            if plan.wants("past") {
                past::fill(plan, store)?;
            }
            if plan.wants("set") {
                set::fill(plan, store)?;
            }
            Ok(())
        })?;
        for twin in ["bare", "tenth", "raw"] {
            ours::twin(&dir.join("cached"), &dir.join(twin))?;
        }
        let newest = plan.versions - 1;
        let tenth = Memory {
            rows: plan.entities / 10 * CACHED_ROW_BYTES,
            ..AMPLE
        };
        let world = World {
            cached: ours::open(&dir.join("cached"), AMPLE)?,
            bare: ours::open(&dir.join("bare"), NO_ROWS)?,
            tenth: ours::open(&dir.join("tenth"), tenth)?,
            raw: Raw::open(&dir.join("cached/db"), &dir.join("raw/db"), AMPLE.blocks)?,
            peers: Peers::load(&dir.join("peers"), plan.entities, newest)?,
        };
        for store in [&world.cached, &world.bare] {
            ours::warm(store, &store.view("user")?, plan.entities, newest)?;
        }
        let read = world.raw.latest();
        for prefix in world.raw.prefixes(USERS)? {
            read(&prefix);
        }
        drop(read);
        if plan.wants("past") {
            past::warm(plan, &world)?;
        }
        eprintln!("all sides are filled");
        Ok(world)
    }
}

impl Picks {
    fn of(world: &World, asked: &[u64], prefixes: &[Prefix]) -> Outcome<Picks> {
        Ok(Picks {
            keys: asked.iter().map(|n| rows::key(*n)).collect(),
            cached: ours::entities(&world.cached.view("user")?, asked)?,
            bare: ours::entities(&world.bare.view("user")?, asked)?,
            prefixes: asked.iter().map(|n| prefixes[*n as usize]).collect(),
        })
    }
}

/// A view whose entities have versions of all features.
fn fill(store: &Store, name: &str, entities: u64, versions: u64, batch: usize) -> Outcome {
    let view = ours::view(store, name, FEATURES)?;
    ours::ingest(store, &view, entities, 0..versions, batch)
}
