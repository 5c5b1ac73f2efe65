//! The threads that change something: writers, the clock, the keeper, and who tends the store.

use crate::lattice::{Call, Kind, STEP, State};
use crate::scene::{
    BACK_MICROS, COLD, COUNTS, HOT, MARKS, PAIRS, RECORDED, Random, START, Scene, Session, half,
};
use crate::{Recorded, register};
use asof::{EraseOptions, Result, Span, Timestamp, WriteBatch, WriteOptions};
use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::thread;

/// Batches of each writer.
pub(crate) const WRITES: u32 = 250;

impl Scene {
    /// Patches one counter of one half of the hot entities, in two views at once, and now and then of
    /// some cold ones: with growing and with late event times, and the same batch twice.
    pub(crate) fn write(&self, writer: usize, seed: u64) -> Result<Recorded> {
        let mut recorded = Recorded::default();
        let mut random = Random::new(seed, writer as u64);
        for n in 1..=WRITES {
            let count = match random.below(4) {
                0 => 1 + random.below(n as usize) as u32,
                _ => n,
            };
            let cold: Vec<usize> = match random.below(3) {
                0 => (0..4).map(|_| HOT + random.below(COLD)).collect(),
                _ => Vec::new(),
            };
            let mut state = State::default();
            state[writer] = count;
            let session = self.session();
            let repeats = 1 + usize::from(random.below(8) == 0);
            let invoked = self.tick();
            for _ in 0..repeats {
                let batch = session.patch(writer, count, &cold)?;
                let options = match random.below(16) {
                    0 => WriteOptions::synced(),
                    _ => WriteOptions::buffered(),
                };
                session.store.write(batch, options)?;
            }
            let call = Call {
                invoked,
                returned: self.tick(),
                state,
                kind: Kind::Write,
            };
            drop(session);
            for entity in half(writer) {
                recorded.calls.push((COUNTS, entity, call));
                recorded.calls.push((PAIRS, entity, call));
            }
            let cold = cold.into_iter().map(|entity| (COUNTS, entity, call));
            recorded.calls.extend(cold);
        }
        self.writers_left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                left.checked_sub(1)
            })
            .ok();
        Ok(recorded)
    }

    /// Writes what will be true at instants to come, and lets them come: forward, and back again to
    /// instants that were not there before. Each instant has its own row, so a row shows the step.
    pub(crate) fn tell_time(&self, seed: u64) -> Result<Recorded> {
        let mut recorded = Recorded::default();
        let mut random = Random::new(seed, 100);
        let mut used = HashSet::from([START.micros()]);
        let (mut at, mut furthest, mut step) = (START.micros(), START.micros(), 0);
        // Where it stands at first is an instant like all others.
        let session = self.session();
        let batch = session.forecast(&[at], 0)?;
        session.store.write(batch, WriteOptions::buffered())?;
        drop(session);
        while !self.is_over() {
            let mut plan = Vec::new();
            while plan.len() < 1 + random.below(4) {
                let next = match random.below(3) {
                    0 => (at - random.below(2_000) as i64).max(furthest - BACK_MICROS),
                    _ => at + 1 + random.below(1_000) as i64,
                };
                if used.insert(next) {
                    (at, furthest) = (next, furthest.max(next));
                    plan.push(next);
                }
            }
            let session = self.session();
            let batch = session.forecast(&plan, step + 1)?;
            session.store.write(batch, WriteOptions::buffered())?;
            drop(session);
            for instant in plan {
                step += 1;
                // It stands still for a while.
                (0..random.below(20)).for_each(|_| thread::yield_now());
                let mut state = State::default();
                state[STEP] = step;
                let invoked = self.tick();
                self.clock.set(Timestamp::from_micros(instant));
                let call = Call {
                    invoked,
                    returned: self.tick(),
                    state,
                    kind: Kind::Write,
                };
                for entity in 0..HOT {
                    recorded.calls.push((COUNTS, entity, call));
                    recorded.calls.push((PAIRS, entity, call));
                }
            }
        }
        Ok(recorded)
    }

    /// Puts, deletes and erases: in `marks`, and in `counts` beside what everybody else writes there,
    /// which an erase must leave alone. What an erase has fenced is written again, to no effect.
    pub(crate) fn keep(&self, seed: u64) -> Result<Recorded> {
        let mut recorded = Recorded::default();
        let mut random = Random::new(seed, 101);
        let mut number = 0;
        while !self.is_over() {
            number += 1;
            let view = [COUNTS, MARKS][random.below(2)];
            let entity = random.below(HOT);
            let at = Timestamp::from_secs(i64::from(number));
            let session = self.session();
            let act = random.below(12);
            let invoked = self.tick();
            let value = match act {
                0 => {
                    let options = EraseOptions::new().recorded_at(at);
                    let entity = &session.entities[view][entity];
                    session.store.erase(&session.views[view], entity, options)?;
                    session.mark(view, entity, number - 1)?;
                    0
                }
                1 | 2 if view == MARKS => {
                    let mut batch = WriteBatch::new();
                    let entity = &session.entities[MARKS][entity];
                    let row = batch.delete(&session.views[MARKS], entity, at);
                    row.recorded_at(at).finish()?;
                    session.store.write(batch, WriteOptions::buffered())?;
                    0
                }
                _ => {
                    session.mark(view, &session.entities[view][entity], number)?;
                    number
                }
            };
            let call = register::Call {
                invoked,
                returned: self.tick(),
                value,
            };
            recorded.acts.push((view, entity, call));
            drop(session);
            (0..random.below(30)).for_each(|_| thread::yield_now());
        }
        Ok(recorded)
    }

    /// Syncs, which moves floors; compacts; and in the middle closes the store and opens it again.
    pub(crate) fn tend(&self, seed: u64) -> Result<Recorded> {
        let mut random = Random::new(seed, 102);
        while !self.is_over() {
            match random.below(12) {
                0 => self.session().store.compact()?,
                1 => self.reopen()?,
                _ => self.session().store.sync()?,
            }
            let pause = std::time::Duration::from_micros(500 + random.below(8_000) as u64);
            thread::sleep(pause);
        }
        Ok(Recorded::default())
    }
}

impl Session {
    fn patch(&self, writer: usize, count: u32, cold: &[usize]) -> Result<WriteBatch> {
        let mut batch = WriteBatch::new();
        let at = Timestamp::from_secs(i64::from(count));
        let hot = [COUNTS, PAIRS].map(|view| half(writer).map(move |entity| (view, entity)));
        let cold = cold.iter().map(|entity| (COUNTS, *entity));
        for (view, entity) in hot.into_iter().flatten().chain(cold) {
            let row = batch.patch(&self.views[view], &self.entities[view][entity], at);
            row.recorded_at(RECORDED)
                .set(&self.counters[view][writer], i64::from(count))
                .finish()?;
        }
        Ok(batch)
    }

    /// One row for each instant and hot entity, in both views, with the step that it will be.
    fn forecast(&self, plan: &[i64], first: u32) -> Result<WriteBatch> {
        let mut batch = WriteBatch::new();
        for (step, instant) in (i64::from(first)..).zip(plan) {
            for view in [COUNTS, PAIRS] {
                for entity in &self.entities[view][..HOT] {
                    let at = Timestamp::from_micros(*instant);
                    let row = batch.patch(&self.views[view], entity, at);
                    let row = row.recorded_at(RECORDED.saturating_add(Span::seconds(1)));
                    row.set(&self.counters[view][STEP], step).finish()?;
                }
            }
        }
        Ok(batch)
    }

    /// Writes the keeper's number, recorded at the second of that number.
    fn mark(&self, view: usize, entity: &asof::Entity, number: u32) -> Result<()> {
        let mut batch = WriteBatch::new();
        let (at, value) = (Timestamp::from_secs(i64::from(number)), i64::from(number));
        if view == MARKS {
            let row = batch.put(&self.views[MARKS], entity, at).recorded_at(at);
            let row = row.set(&self.kept[1], value);
            row.set(&self.kept[2], value).finish()?;
        } else {
            let row = batch.patch(&self.views[COUNTS], entity, at).recorded_at(at);
            row.set(&self.kept[0], value).finish()?;
        }
        self.store.write(batch, WriteOptions::buffered())?;
        Ok(())
    }
}
