//! Does every read see the fold of history, whatever writers, readers, evictions and the clock do?
//!
//! One entity with two features. Three versions: a Put of the past, a Patch of the past that speaks
//! about one feature, and a Put of the future. Two writers hold the entity's stripe from reading the
//! latest row to committing the next; what they commit reaches the cache later, in any order. A reader
//! folds what is stored and may put it into the cache later still. Entries are evicted at any moment.
//!
//! ```text
//! writer   take the stripe, load the row ── commit (sequence n), let go ── publish n ── return
//! reader   miss ── read at sequence s ───────────────────────────── fill s
//! clock    3 ─────────── 4 ─────────── 5: the future row is due
//! ```

use stateright::{Model, Property};

/// A rule that can be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forgotten {
    /// All rules hold: the design.
    Nothing,
    /// A fill does not look at the sequence of what is in the cache.
    FillLosesToNewer,
    /// An eviction leaves no mark, so that an older fill finds an empty place.
    EvictionLeavesMark,
    /// A latest row folds rows that are not due.
    FoldDueOnly,
    /// A latest row answers although a row that it does not hold has come due.
    AnswerBeforeNextDue,
    /// Writers do not hold the stripe between loading and committing.
    Stripe,
}

#[derive(Debug, Clone, Copy)]
struct Version {
    et: u8,
    /// Speaks about the second feature too, and ends the walk.
    put: bool,
}

/// In version order, oldest first. A version is named by its place.
const VERSIONS: [Version; 3] = [
    Version { et: 1, put: true },
    Version { et: 2, put: false },
    Version { et: 5, put: true },
];
/// What each writer writes, in turn.
const PROGRAMS: [&[usize]; 2] = [&[0, 2], &[1]];
const START: u8 = 3;
const END: u8 = 5;

/// Which version answers each feature.
type Answer = [Option<usize>; 2];

/// A materialised fold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Row {
    answer: Answer,
    floor: Option<usize>,
    newest_et: u8,
    next_due: Option<u8>,
}

impl Row {
    fn join(&mut self, version: usize) {
        let Version { et, put } = VERSIONS[version];
        self.newest_et = self.newest_et.max(et);
        if self.floor > Some(version) {
            return;
        }
        if put {
            self.floor = Some(version);
        }
        let features = if put { 0..2 } else { 0..1 };
        for register in &mut self.answer[features] {
            *register = (*register).max(Some(version));
        }
    }

    fn postpone(&mut self, et: u8) {
        self.next_due = Some(self.next_due.map_or(et, |due| due.min(et)));
    }
}

/// The law itself: walk the due versions newest first until a Put.
fn fold(versions: &[usize], t: u8) -> Answer {
    let mut due: Vec<usize> = versions.to_vec();
    due.retain(|version| VERSIONS[*version].et <= t);
    due.sort_unstable();
    let mut answer = [None; 2];
    for version in due.into_iter().rev() {
        answer[0] = answer[0].or(Some(version));
        if VERSIONS[version].put {
            answer[1] = answer[1].or(Some(version));
            break;
        }
    }
    answer
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Writer {
    Idle,
    /// Holds what it loaded.
    Loaded(Row),
    /// Has committed, and not published.
    Committed(u8, Row),
}

/// A row with the sequence at which it was true.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Entry {
    sequence: u8,
    row: Row,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    now: u8,
    /// Versions in the order of their commits: the sequence is the length.
    history: Vec<usize>,
    stored: Row,
    stripe: Option<usize>,
    writers: [Writer; 2],
    /// How far each writer has come in its program.
    done: [usize; 2],
    cache: Option<Entry>,
    /// The largest sequence that was evicted.
    mark: u8,
    reader: Option<Entry>,
    /// The largest sequence whose write has returned.
    returned: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    Load(usize),
    Commit(usize),
    Publish(usize),
    Read,
    Fill,
    Evict,
    Tick,
}

pub struct Latest(pub Forgotten);

impl Latest {
    fn keeps(&self, rule: Forgotten) -> bool {
        self.0 != rule
    }

    fn answers(&self, row: &Row, now: u8) -> bool {
        row.newest_et <= now
            && (!self.keeps(Forgotten::AnswerBeforeNextDue)
                || row.next_due.is_none_or(|due| now < due))
            || !self.keeps(Forgotten::FoldDueOnly)
    }

    /// The row that history gives at `now`.
    fn refold(&self, history: &[usize], now: u8) -> Row {
        let mut row = Row::default();
        for version in history {
            self.add(&mut row, *version, now);
        }
        row
    }

    fn add(&self, row: &mut Row, version: usize, now: u8) {
        let et = VERSIONS[version].et;
        if et <= now.max(row.newest_et) || !self.keeps(Forgotten::FoldDueOnly) {
            row.join(version);
        } else {
            row.postpone(et);
        }
    }
}

impl Model for Latest {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            now: START,
            history: Vec::new(),
            stored: Row::default(),
            stripe: None,
            writers: [Writer::Idle; 2],
            done: [0; 2],
            cache: None,
            mark: 0,
            reader: None,
            returned: 0,
        }]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        for (w, writer) in state.writers.iter().enumerate() {
            match writer {
                Writer::Idle if state.done[w] < PROGRAMS[w].len() => {
                    if state.stripe.is_none() || !self.keeps(Forgotten::Stripe) {
                        steps.push(Step::Load(w));
                    }
                }
                Writer::Idle => {}
                Writer::Loaded(_) => steps.push(Step::Commit(w)),
                Writer::Committed(..) => steps.push(Step::Publish(w)),
            }
        }
        match state.reader {
            None => steps.push(Step::Read),
            Some(_) => steps.push(Step::Fill),
        }
        if state.cache.is_some() {
            steps.push(Step::Evict);
        }
        if state.now < END {
            steps.push(Step::Tick);
        }
    }

    fn next_state(&self, last: &State, step: Step) -> Option<State> {
        let mut state = last.clone();
        match step {
            Step::Load(w) => {
                let is_overdue = state.stored.next_due.is_some_and(|due| due <= state.now);
                let row = if is_overdue {
                    self.refold(&state.history, state.now)
                } else {
                    state.stored
                };
                state.stripe = Some(w);
                state.writers[w] = Writer::Loaded(row);
            }
            Step::Commit(w) => {
                let Writer::Loaded(mut row) = state.writers[w] else {
                    return None;
                };
                let version = PROGRAMS[w][state.done[w]];
                self.add(&mut row, version, state.now);
                state.history.push(version);
                state.stored = row;
                state.stripe = None;
                state.writers[w] = Writer::Committed(state.history.len() as u8, row);
            }
            Step::Publish(w) => {
                let Writer::Committed(sequence, row) = state.writers[w] else {
                    return None;
                };
                let newest = state
                    .cache
                    .map_or(state.mark, |e| e.sequence.max(state.mark));
                if sequence > newest {
                    state.cache = Some(Entry { sequence, row });
                }
                state.returned = state.returned.max(sequence);
                state.writers[w] = Writer::Idle;
                state.done[w] += 1;
            }
            Step::Read => {
                let row = if self.answers(&state.stored, state.now) {
                    state.stored
                } else {
                    self.refold(&state.history, state.now)
                };
                let sequence = state.history.len() as u8;
                state.reader = Some(Entry { sequence, row });
            }
            Step::Fill => {
                let fill = state.reader.take()?;
                let entry = state.cache.map_or(0, |entry| entry.sequence);
                let loses = fill.sequence < entry.max(state.mark);
                if !loses || !self.keeps(Forgotten::FillLosesToNewer) {
                    state.cache = Some(fill);
                }
            }
            Step::Evict => {
                let entry = state.cache.take()?;
                if self.keeps(Forgotten::EvictionLeavesMark) {
                    state.mark = state.mark.max(entry.sequence);
                }
            }
            Step::Tick => state.now += 1,
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(
                "the stored row is the fold of history",
                |model: &Latest, state: &State| {
                    !model.answers(&state.stored, state.now)
                        || state.stored.answer == fold(&state.history, state.now)
                },
            ),
            // A read that begins after a write has returned sees it; one that runs beside a write
            // may see it or not.
            Property::always(
                "the cache answers as history does",
                |model: &Latest, state: &State| {
                    let Some(Entry { row, .. }) = &state.cache else {
                        return true;
                    };
                    let seen = usize::from(state.returned)..=state.history.len();
                    !model.answers(row, state.now)
                        || seen
                            .into_iter()
                            .any(|s| row.answer == fold(&state.history[..s], state.now))
                },
            ),
            Property::sometimes(
                "the future row comes due and answers",
                |_, state: &State| state.now == END && state.stored.answer[0] == Some(2),
            ),
            Property::sometimes("a fill is refused", |_, state: &State| {
                let newest = state
                    .cache
                    .map_or(state.mark, |e| e.sequence.max(state.mark));
                state.reader.is_some_and(|fill| fill.sequence < newest)
            }),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stateright::Checker;

    fn caught(forgotten: Forgotten, property: &'static str) {
        let checker = Latest(forgotten).checker().spawn_bfs().join();
        let path = checker.discovery(property);
        let path = path.unwrap_or_else(|| panic!("{forgotten:?} was forgotten and nothing fell"));
        println!("{forgotten:?}, {property}: {:?}", path.into_actions());
    }

    #[test]
    fn no_interleaving_shows_a_wrong_answer() {
        let checker = Latest(Forgotten::Nothing).checker().spawn_bfs().join();
        checker.assert_properties();
        println!("{} states", checker.unique_state_count());
        assert!(checker.unique_state_count() > 1_000);
    }

    #[test]
    fn a_stale_fill_that_hides_a_patch_is_caught() {
        caught(
            Forgotten::FillLosesToNewer,
            "the cache answers as history does",
        );
    }

    #[test]
    fn an_eviction_without_a_mark_is_caught() {
        caught(
            Forgotten::EvictionLeavesMark,
            "the cache answers as history does",
        );
    }

    #[test]
    fn a_future_row_that_hides_the_present_is_caught() {
        caught(
            Forgotten::FoldDueOnly,
            "the stored row is the fold of history",
        );
    }

    #[test]
    fn a_row_that_goes_on_answering_when_another_is_due_is_caught() {
        caught(
            Forgotten::AnswerBeforeNextDue,
            "the stored row is the fold of history",
        );
    }

    #[test]
    fn two_writers_without_a_stripe_are_caught() {
        caught(Forgotten::Stripe, "the stored row is the fold of history");
    }
}
