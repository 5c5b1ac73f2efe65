//! The threads that only look: one row, many, a set of views, under a snapshot, or all there is.

use crate::lattice::{Call, Kind, State};
use crate::scene::{
    BACK_MICROS, COLD, COUNTS, HOT, MARKS, PAIRS, Random, START, Scene, Session, half, without_step,
};
use crate::{Recorded, register};
use asof::{Entity, Question, Read, Result, Row, SetRow, Span, Timestamp};

/// Rows that a reader uses again and again.
#[derive(Default)]
struct Rows {
    many: Vec<Row>,
    set: SetRow,
}

/// What one read found, of rows that stand together in a batch.
struct Found {
    kind: Kind,
    view: usize,
    states: Vec<(usize, State)>,
    kept: Vec<(usize, u32)>,
    /// The rows were written by the same batches, and must be equal.
    is_whole: bool,
}

impl Scene {
    pub(crate) fn read(&self, reader: usize, seed: u64) -> Result<Recorded, String> {
        let mut recorded = Recorded::default();
        let mut random = Random::new(seed, 200 + reader as u64);
        let mut rows = Rows::default();
        while !self.is_over() {
            let session = self.session();
            // A few reads for one hold: who opens the store again waits meanwhile.
            for _ in 0..8 {
                let invoked = self.tick();
                let found = session.ask(&mut random, &mut rows);
                let found = found.map_err(|error| error.to_string())?;
                let returned = self.tick();
                for found in &found {
                    found.check_whole()?;
                    recorded.add(found, invoked, returned);
                }
                check_set(&found)?;
            }
        }
        Ok(recorded)
    }
}

impl Recorded {
    fn add(&mut self, found: &Found, invoked: u64, returned: u64) {
        for (entity, state) in &found.states {
            let call = Call {
                invoked,
                returned,
                state: *state,
                kind: found.kind,
            };
            self.calls.push((found.view, *entity, call));
        }
        for (entity, value) in &found.kept {
            let call = register::Call {
                invoked,
                returned,
                value: *value,
            };
            self.looks.push((found.view, *entity, call));
        }
    }
}

impl Found {
    fn check_whole(&self) -> Result<(), String> {
        let torn = self.states.windows(2).any(|pair| pair[0].1 != pair[1].1);
        if self.is_whole && torn {
            return Err(format!("a batch is seen in part: {:?}", self.states));
        }
        Ok(())
    }
}

/// A feature set shows both views of an entity as the same batches left them.
fn check_set(found: &[Found]) -> Result<(), String> {
    match found {
        [counts, pairs, _] if counts.states[0].1 != pairs.states[0].1 => Err(format!(
            "a feature set is seen in part: {:?} and {:?}",
            counts.states, pairs.states
        )),
        _ => Ok(()),
    }
}

impl Session {
    fn ask(&self, random: &mut Random, rows: &mut Rows) -> Result<Vec<Found>> {
        let hot = random.below(HOT);
        match random.below(32) {
            0..8 => self.one(COUNTS, hot, rows),
            8..10 => self.one(PAIRS, hot, rows),
            10..12 => self.one(MARKS, hot, rows),
            12..18 => self.one(COUNTS, HOT + random.below(COLD), rows),
            18..22 => self.many(
                [COUNTS, PAIRS][hot % 2],
                &half(random.below(2)).collect::<Vec<_>>(),
                rows,
            ),
            22..24 => {
                let cold: Vec<usize> = (0..16).map(|_| HOT + random.below(COLD)).collect();
                self.many(COUNTS, &cold, rows)
            }
            24..26 => self.in_the_past(random, rows),
            26..29 => self.together(&self.store, hot, rows),
            29..31 => self.held(hot, rows),
            _ if random.below(16) == 0 => self.all(),
            _ => self.one(COUNTS, hot, rows),
        }
    }

    fn found(&self, kind: Kind, view: usize, row: &Row, entity: usize) -> Result<Found> {
        let mut found = Found {
            kind,
            view,
            states: Vec::new(),
            kept: Vec::new(),
            is_whole: true,
        };
        self.add(&mut found, entity, row)?;
        Ok(found)
    }

    fn add(&self, found: &mut Found, entity: usize, row: &Row) -> Result<()> {
        if found.view != MARKS {
            let state = self.state(found.view, row)?;
            let state = match found.kind {
                Kind::AsOf => without_step(state),
                _ => state,
            };
            found.states.push((entity, state));
        }
        if found.view != PAIRS && entity < HOT {
            found.kept.push((entity, self.kept(found.view, row)?));
        }
        Ok(())
    }

    fn one(&self, view: usize, entity: usize, rows: &mut Rows) -> Result<Vec<Found>> {
        rows.many.resize_with(rows.many.len().max(1), Row::new);
        let row = &mut rows.many[0];
        let question = Question::latest();
        let asked = &self.entities[view][entity];
        self.store
            .get_into(&self.views[view], asked, question, row)?;
        Ok(vec![self.found(Kind::Latest, view, row, entity)?])
    }

    fn many(&self, view: usize, asked: &[usize], rows: &mut Rows) -> Result<Vec<Found>> {
        let entities: Vec<Entity> = asked
            .iter()
            .map(|entity| self.entities[view][*entity].clone())
            .collect();
        let rows = &mut rows.many;
        rows.truncate(asked.len());
        self.store
            .get_many_into(&self.views[view], &entities, Question::latest(), rows)?;
        let mut found = self.found(Kind::Latest, view, &rows[0], asked[0])?;
        for (entity, row) in asked.iter().zip(rows.iter()).skip(1) {
            self.add(&mut found, *entity, row)?;
        }
        found.is_whole = asked[0] < HOT;
        Ok(vec![found])
    }

    /// The counters lie long before the clock: a fold of history shows them at any time since, also
    /// at one that has not come yet.
    fn in_the_past(&self, random: &mut Random, rows: &mut Rows) -> Result<Vec<Found>> {
        let (view, t) = match random.below(3) {
            0 => (COUNTS, Timestamp::from_micros(START.micros() - 1)),
            1 => (COUNTS, START.saturating_add(Span::days(1))),
            _ => (PAIRS, START.saturating_add(Span::days(1))),
        };
        let half = half(random.below(2));
        let entities = &self.entities[view][half.clone()];
        let rows = &mut rows.many;
        rows.truncate(entities.len());
        let question = Question::as_of(t);
        self.store
            .get_many_into(&self.views[view], entities, question, rows)?;
        let mut found = self.found(Kind::AsOf, view, &rows[0], half.start)?;
        for (entity, row) in half.zip(rows.iter()).skip(1) {
            self.add(&mut found, entity, row)?;
        }
        Ok(vec![found])
    }

    /// All three views of an entity.
    fn together(&self, reader: &impl Read, entity: usize, rows: &mut Rows) -> Result<Vec<Found>> {
        let entities: Vec<Entity> = (0..3).map(|v| self.entities[v][entity].clone()).collect();
        let set = &mut rows.set;
        reader.get_set_into(&self.set, &entities, Question::latest(), set)?;
        let rows = set.rows().iter().enumerate();
        rows.map(|(view, row)| self.found(Kind::Latest, view, row, entity))
            .collect()
    }

    /// One snapshot answers one by one as it answers together, however long it is kept.
    fn held(&self, entity: usize, rows: &mut Rows) -> Result<Vec<Found>> {
        let snapshot = self.store.snapshot();
        let found = self.together(&snapshot, entity, rows)?;
        (0..4).for_each(|_| std::thread::yield_now());
        for first in &found {
            let asked = &self.entities[first.view][entity];
            let row = snapshot.get(&self.views[first.view], asked, Question::latest())?;
            let again = self.found(Kind::Latest, first.view, &row, entity)?;
            assert_eq!(
                (&first.states, &first.kept),
                (&again.states, &again.kept),
                "a snapshot changed its answer"
            );
        }
        let floor = snapshot.floor(&self.views[PAIRS])?;
        let earliest = snapshot.now().micros().saturating_add(BACK_MICROS);
        assert!(
            floor.is_none_or(|floor| floor.micros() <= earliest),
            "the floor {floor:?} has passed the clock"
        );
        Ok(found)
    }

    /// A pass over a view: half by half it is of one state.
    fn all(&self) -> Result<Vec<Found>> {
        let mut halves: [Option<Found>; 2] = [None, None];
        for scanned in self.store.scan(&self.views[COUNTS], Question::latest())? {
            let (entity, row) = scanned?;
            let hot = &self.entities[COUNTS][..HOT];
            let Some(place) = hot.iter().position(|known| *known == entity) else {
                continue;
            };
            match &mut halves[place / (HOT / 2)] {
                Some(found) => self.add(found, place, &row)?,
                none => *none = Some(self.found(Kind::Latest, COUNTS, &row, place)?),
            }
        }
        Ok(halves.into_iter().flatten().collect())
    }
}
