//! Does anything that was promised outlive a crash, and does nothing that was refused come back?
//!
//! What the store writes is a log of records. A sync makes the log durable up to where it stands when
//! the sync begins. A crash keeps what is durable and **any subset** of the rest: harsher than one log,
//! but what several logs and families together can do.
//!
//! ```text
//! row       append, visible ───────────────────────────────── durable with the next sync
//! position  rows durable ── append ────────────────────────── may lag, never lead
//! floor     append ── sync ── in force: refuses from here on
//! erase     append fence ── sync ── in force ── append removal ── sync ── returned
//! ```

use stateright::{Model, Property};

/// A rule that can be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forgotten {
    /// All rules hold: the design.
    Nothing,
    /// A floor is in force once it is written.
    FloorDurableBeforeUse,
    /// A fence is in force once it is written.
    FenceDurableBeforeUse,
    /// The removal is written with no fence before it: a replay brings the row back.
    FenceBeforeRemoval,
    /// The position is written beside its rows, in the same breath.
    PositionAfterSync,
    /// Opening does not complete an erase that a crash has interrupted.
    OpeningCompletesErase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Record {
    /// A row of the log that is taken in, by offset. Row 0 is the one that an erase is about; row 1
    /// is old: a floor refuses it.
    Row(u8),
    /// Every row below this offset is taken in.
    Position(u8),
    Floor,
    Fence,
    Removal,
}

const ROWS: u8 = 2;
const ERASED: u8 = 0;
const OLD: u8 = 1;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Erase {
    No,
    Fenced,
    InForce,
    Removed,
    Returned,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    log: Vec<Record>,
    durable: usize,
    /// The next offset that the feeder reads; after a crash it goes back to the position.
    next: u8,
    floor_in_force: bool,
    fence_in_force: bool,
    erase: Erase,
    /// Somebody was told "too late".
    floor_was_used: bool,
    /// Somebody was told "fenced".
    fence_was_used: bool,
    crashes: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    Feed,
    /// The whole log of the source once more, which is always allowed.
    Replay,
    Sync,
    Position,
    WriteFloor,
    WriteFence,
    Remove,
    Return,
    /// Which of the unsynced records survive, as bits.
    Crash(u8),
}

pub struct Durable(pub Forgotten);

impl State {
    fn has(&self, record: Record) -> bool {
        self.log.contains(&record)
    }

    /// Whether a row is visible: written, and not removed since.
    fn shows(&self, row: u8) -> bool {
        let written = self.log.iter().rposition(|r| *r == Record::Row(row));
        let removed = self.log.iter().rposition(|r| *r == Record::Removal);
        written.is_some() && (row != ERASED || written > removed)
    }

    fn position(&self) -> u8 {
        let positions = self.log.iter().filter_map(|record| match record {
            Record::Position(offset) => Some(*offset),
            _ => None,
        });
        positions.max().unwrap_or(0)
    }
}

impl Durable {
    fn keeps(&self, rule: Forgotten) -> bool {
        self.0 != rule
    }

    /// Whoever is refused is told so: from then on it must hold for ever.
    fn accept(&self, state: &mut State, row: u8) {
        if row == ERASED && state.fence_in_force {
            state.fence_was_used = true;
        } else if row == OLD && state.floor_in_force {
            state.floor_was_used = true;
        } else if !state.shows(row) {
            state.log.push(Record::Row(row));
        }
    }

    fn open(&self, state: &mut State) {
        state.durable = state.log.len();
        state.floor_in_force = state.has(Record::Floor);
        state.fence_in_force = state.has(Record::Fence);
        state.next = state.position();
        let interrupted = state.fence_in_force && !state.has(Record::Removal);
        if interrupted && self.keeps(Forgotten::OpeningCompletesErase) {
            state.log.push(Record::Removal);
            state.durable = state.log.len();
        }
        state.erase = match (state.erase, state.fence_in_force) {
            (Erase::Returned, _) => Erase::Returned,
            (_, true) => Erase::Removed,
            (_, false) => Erase::No,
        };
    }
}

impl Model for Durable {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            log: Vec::new(),
            durable: 0,
            next: 0,
            floor_in_force: false,
            fence_in_force: false,
            erase: Erase::No,
            floor_was_used: false,
            fence_was_used: false,
            crashes: 0,
        }]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        if state.next < ROWS {
            steps.push(Step::Feed);
        } else {
            steps.push(Step::Replay);
        }
        if state.durable < state.log.len() {
            steps.push(Step::Sync);
        }
        let is_durable = state.durable == state.log.len();
        if state.next > state.position()
            && (is_durable || !self.keeps(Forgotten::PositionAfterSync))
        {
            steps.push(Step::Position);
        }
        if !state.has(Record::Floor) {
            steps.push(Step::WriteFloor);
        }
        match state.erase {
            Erase::No if self.keeps(Forgotten::FenceBeforeRemoval) => steps.push(Step::WriteFence),
            Erase::No => steps.push(Step::Remove),
            Erase::InForce => steps.push(Step::Remove),
            Erase::Removed if is_durable => steps.push(Step::Return),
            Erase::Fenced | Erase::Removed | Erase::Returned => {}
        }
        if state.crashes < 2 {
            let unsynced = state.log.len() - state.durable;
            steps.extend((0..1u8 << unsynced.min(7)).map(Step::Crash));
        }
    }

    fn next_state(&self, last: &State, step: Step) -> Option<State> {
        let mut state = last.clone();
        match step {
            Step::Feed => {
                let row = state.next;
                self.accept(&mut state, row);
                state.next += 1;
            }
            Step::Replay => (0..ROWS).for_each(|row| self.accept(&mut state, row)),
            Step::Sync => {
                state.durable = state.log.len();
                state.floor_in_force = state.has(Record::Floor);
                state.fence_in_force = state.has(Record::Fence);
                if state.erase == Erase::Fenced {
                    state.erase = Erase::InForce;
                }
            }
            Step::Position => state.log.push(Record::Position(state.next)),
            Step::WriteFloor => {
                state.log.push(Record::Floor);
                state.floor_in_force |= !self.keeps(Forgotten::FloorDurableBeforeUse);
            }
            Step::WriteFence => {
                state.log.push(Record::Fence);
                state.erase = Erase::Fenced;
                if !self.keeps(Forgotten::FenceDurableBeforeUse) {
                    state.fence_in_force = true;
                    state.erase = Erase::InForce;
                }
            }
            Step::Remove => {
                state.log.push(Record::Removal);
                state.erase = Erase::Removed;
            }
            Step::Return => state.erase = Erase::Returned,
            Step::Crash(survivors) => {
                let durable = state.durable;
                let mut place = 0;
                state.log.retain(|_| {
                    let unsynced = place >= durable;
                    let kept = !unsynced || survivors >> (place - durable).min(7) & 1 == 1;
                    place += 1;
                    kept
                });
                state.crashes += 1;
                self.open(&mut state);
            }
        }
        Some(state)
    }

    fn within_boundary(&self, state: &State) -> bool {
        state.log.len() <= 7
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(
                "a floor that refused somebody is never forgotten",
                |_, s: &State| !s.floor_was_used || s.has(Record::Floor),
            ),
            Property::always(
                "a fence that refused somebody is never forgotten",
                |_, s: &State| !s.fence_was_used || s.has(Record::Fence),
            ),
            Property::always("what was erased stays gone", |_, s: &State| {
                s.erase != Erase::Returned || !s.shows(ERASED)
            }),
            Property::always(
                "no row stands behind a fence that opening found",
                |_, s: &State| {
                    // Between the fence and the removal of a living process the row may still show.
                    s.crashes == 0 || s.erase != Erase::Removed || !s.shows(ERASED)
                },
            ),
            Property::always("a position never leads its rows", |_, s: &State| {
                let refused = |row| {
                    row == ERASED && s.has(Record::Fence) || row == OLD && s.has(Record::Floor)
                };
                (0..s.position()).all(|row| s.has(Record::Row(row)) || refused(row))
            }),
            Property::sometimes("an erase is interrupted and completed", |_, s: &State| {
                s.crashes > 0 && s.erase == Erase::Removed
            }),
            Property::sometimes("a position lags behind its rows", |_, s: &State| {
                s.crashes > 0 && s.has(Record::Row(1)) && s.position() == 0
            }),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stateright::Checker;

    fn caught(forgotten: Forgotten, property: &'static str) {
        let checker = Durable(forgotten).checker().spawn_bfs().join();
        let path = checker.discovery(property);
        let path = path.unwrap_or_else(|| panic!("{forgotten:?} was forgotten and nothing fell"));
        println!("{forgotten:?}, {property}: {:?}", path.into_actions());
    }

    #[test]
    fn no_crash_takes_back_what_was_promised() {
        let checker = Durable(Forgotten::Nothing).checker().spawn_bfs().join();
        checker.assert_properties();
        println!("{} states", checker.unique_state_count());
        assert!(checker.unique_state_count() > 1_000);
    }

    #[test]
    fn a_floor_used_before_it_is_durable_is_caught() {
        caught(
            Forgotten::FloorDurableBeforeUse,
            "a floor that refused somebody is never forgotten",
        );
    }

    #[test]
    fn a_fence_used_before_it_is_durable_is_caught() {
        caught(
            Forgotten::FenceDurableBeforeUse,
            "a fence that refused somebody is never forgotten",
        );
    }

    #[test]
    fn an_erase_without_a_fence_is_caught() {
        caught(Forgotten::FenceBeforeRemoval, "what was erased stays gone");
    }

    #[test]
    fn a_position_beside_its_rows_is_caught() {
        caught(
            Forgotten::PositionAfterSync,
            "a position never leads its rows",
        );
    }

    #[test]
    fn an_interrupted_erase_that_nobody_completes_is_caught() {
        caught(
            Forgotten::OpeningCompletesErase,
            "no row stands behind a fence that opening found",
        );
    }
}
