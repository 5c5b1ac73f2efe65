//! Two orders of one history, each in a store that much else happens to: both say what the model says.

#![allow(
    unreachable_pub,
    reason = "this file is a module of a test and of a fuzz target"
)]

use crate::case::{Case, Fact, NAMES, Step};
use crate::choices::Choices;
use crate::model::{Fence, Model, Version};
use crate::questions::{Side, Tally, ask_latest};
use crate::world::{World, t, value_of};
use asof::{Read, Result, Value};
use std::path::Path;

/// Lets the steps happen, asking as it goes; then the same facts come in another order, in other
/// batches, some of them again.
pub fn run(case: &Case) -> Result<Tally> {
    let directory = directory();
    let mut choices = Choices::of_seed(case.seed);
    let padding = case.terms.padding;
    let mut world = World::new(&directory.path().join("one"), case.seed, padding)?;
    world.store().apply(case.terms.view("first"))?;
    let mut model = Model::new(case.terms.view("first"));
    let mut facts = Vec::new();
    for step in &case.steps {
        world.take("first", step, &facts)?;
        if let Step::Write(written) | Step::Split(written) = step {
            tell(&mut model, written, padding);
            facts.extend(written.iter().cloned());
        }
        for (entity, recorded, floor) in world.fences("first")? {
            model.erase(&entity, Fence { recorded, floor });
        }
        let floor = world.store().floor(&world.view("first")?)?;
        assert!(floor >= model.floor, "the floor went back at {step:?}");
        model.floor = floor;
        model.horizon = model.horizon_at(model.floor);
        ask_latest(&world, "first", &model)?;
    }
    world.store().sync()?;
    model.move_floor(world.store().now());
    let mut tally = check(&world, "first", case, &model)?;

    // The floor and the fences are there beforehand: what is fenced is accepted nowhere, so nothing
    // else would bring the floor up, and an erase is an act that has its place.
    let fences = world.fences("first")?;
    if case.apart {
        let now = world.store().now();
        world = World::new(&directory.path().join("two"), !case.seed, padding)?;
        world.clock.set(now);
    }
    world.store().apply(case.terms.view("second"))?;
    let second = world.view("second")?;
    world
        .store()
        .restore_bounds(&second, model.floor, &fences)?;
    drop(second);
    write_again(&mut world, &mut choices, facts)?;
    world.store().sync()?;
    tally.add(check(&world, "second", case, &model)?);
    let report = world.store().verify(&mut |_| {})?;
    assert!(report.is_clean(), "{:?}", report.findings);
    Ok(tally)
}

/// Stores are many and small here, and so they are kept in memory where that is possible.
fn directory() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let named = tempfile::Builder::new().prefix("asof-").to_owned();
    let made = named.tempdir_in(memory).or_else(|_| named.tempdir());
    made.expect("a temporary directory can be made")
}

fn tell(model: &mut Model, facts: &[Fact], padding: usize) {
    for fact in facts {
        let features = fact
            .features
            .iter()
            .map(|(at, value)| (NAMES[*at], value_of(*at, *value, padding)));
        let version = Version::new(t(fact.et), fact.rec.map(t), fact.op, features);
        model.insert(&[Value::I64(fact.entity)], version);
    }
}

fn write_again(world: &mut World, choices: &mut Choices<'_>, mut facts: Vec<Fact>) -> Result<()> {
    let again: Vec<Fact> = facts
        .iter()
        .filter(|_| choices.one_in(2))
        .cloned()
        .collect();
    facts.extend(again);
    choices.shuffle(&mut facts);
    let batches: Vec<&[Fact]> = facts.chunks(1 + choices.below(5)).collect();
    let between = [
        Step::Flush,
        Step::Compact,
        Step::Reopen,
        Step::Kill,
        Step::Sync,
        Step::Sync,
    ];
    let disturbed = choices.below(batches.len().max(1) * 2);
    for (at, batch) in batches.into_iter().enumerate() {
        world.write("second", batch)?;
        if at == disturbed {
            world.take("second", &choices.one_of(&between), &[])?;
        }
    }
    Ok(())
}

fn check(world: &World, view: &str, case: &Case, model: &Model) -> Result<Tally> {
    let mut side = Side::new(world, view, &case.terms, model)?;
    side.ask_all(&case.terms, case.seed)?;
    side.digest()?;
    Ok(side.tally)
}
