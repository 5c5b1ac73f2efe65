//! Readers, batched readers, snapshots and writers at once, while tables are written and compacted.
//!
//! Every writer owns one feature of every entity and patches it with growing and with late event times,
//! several entities a batch. What a reader sees of an entity is then a vector of maxima, and whether it
//! could see that is decided by `lattice.rs`. A batched reader must find all entities of a batch at the
//! same count: batches are whole. Between rounds the store is opened again.
//!
//! `cargo test --release --test concurrency -- --reads 100000000 --seed 7` runs longer.

#![allow(
    clippy::disallowed_methods,
    reason = "the harness reads its arguments, starts threads and sets exit codes"
)]

mod lattice;

use asof::{
    Entity, ManualClock, Question, Read, Result, Row, Store, StoreOptions, Timestamp, Type,
    TypedFeature, View, ViewDefinition, WriteBatch, WriteOptions,
};
use lattice::{Call, State, WRITERS};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Entities of a round; a batch writes all of one half.
const ENTITIES: usize = 8;
const WRITES: u32 = 250;
const READERS: usize = 3;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |name: &str, default: u64| {
        let at = arguments.iter().position(|argument| argument == name);
        at.and_then(|at| arguments.get(at + 1)?.parse().ok())
            .unwrap_or(default)
    };
    let (wanted, seed) = (number("--reads", 200_000), number("--seed", 1));
    lattice::check_the_checker();
    let directory = tempfile::tempdir().expect("a directory can be made");
    let (mut checked, mut round, mut failed) = (0, seed, 0);
    while checked < wanted && failed == 0 {
        match round_of(directory.path(), round) {
            Ok(reads) => checked += reads,
            Err(why) => {
                failed += 1;
                println!("FAILED: {why}");
                println!("replay: cargo test --release --test concurrency -- --seed {round}");
            }
        }
        round += 1;
    }
    println!(
        "{checked} concurrent reads checked in {} rounds",
        round - seed
    );
    println!("test result: concurrency");
    println!("{} passed, {failed} failed", round - seed - failed);
    match failed {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// What all threads of a round share.
struct Round {
    store: Store,
    view: View,
    entities: Vec<Entity>,
    counts: Vec<TypedFeature<i64>>,
    /// One tick per call and per return: an order that every thread agrees on.
    clock: AtomicU64,
    writers_left: AtomicUsize,
    now: Timestamp,
}

/// Calls, each with the place of its entity.
type Calls = Vec<(usize, Call)>;

fn open(path: &std::path::Path) -> Result<Round> {
    let now = Timestamp::from_secs(1_000_000);
    let store = StoreOptions::new()
        .create_if_missing(true)
        .clock(ManualClock::at(now))
        .memtable_bytes(64 << 10)
        .open(path)?;
    let mut view = ViewDefinition::builder("counts").key("id", Type::I64);
    for writer in 0..WRITERS {
        view = view.feature(format!("w{writer}"), Type::I64);
    }
    store.apply(view.build()?)?;
    let view = store.view("counts")?;
    let counts = (0..WRITERS).map(|writer| view.feature::<i64>(&format!("w{writer}")));
    let counts = counts.collect::<Result<_>>()?;
    Ok(Round {
        view,
        counts,
        store,
        entities: Vec::new(),
        clock: AtomicU64::new(1),
        writers_left: AtomicUsize::new(WRITERS),
        now,
    })
}

fn round_of(path: &std::path::Path, seed: u64) -> Result<u64, String> {
    let failed = |e: asof::Error| e.to_string();
    let mut round = open(&path.join("store")).map_err(failed)?;
    // Entities of its own: what was written in another round does not stand in them.
    let ids = (0..ENTITIES as u64).map(|n| (seed << 8 | n) as i64);
    let entities = ids.map(|id| round.view.entity([id]));
    round.entities = entities.collect::<Result<_>>().map_err(failed)?;
    let mut calls: Vec<Vec<Call>> = vec![Vec::new(); ENTITIES];
    let gathered: Result<Vec<Calls>, String> = std::thread::scope(|scope| {
        let round = &round;
        let mut threads: Vec<_> = (0..WRITERS)
            .map(|writer| scope.spawn(move || round.write(writer, seed)))
            .collect();
        threads.extend((0..READERS).map(|reader| scope.spawn(move || round.read(reader))));
        let joined = threads.into_iter().map(|thread| match thread.join() {
            Ok(calls) => calls,
            Err(_) => Err("a thread panicked".into()),
        });
        joined.collect()
    });
    for (entity, call) in gathered?.into_iter().flatten() {
        calls[entity].push(call);
    }
    let mut reads = 0;
    for calls in &calls {
        lattice::check(calls)?;
        reads += calls.iter().filter(|call| call.is_read).count() as u64;
    }
    round.settled()?;
    round.store.close().map_err(failed)?;
    Ok(reads)
}

impl Round {
    fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::SeqCst)
    }

    /// One half of the entities: what a batch writes.
    fn half(&self, of: usize) -> std::ops::Range<usize> {
        let half = ENTITIES / 2;
        half * (of % 2)..half * (of % 2 + 1)
    }

    fn write(&self, writer: usize, seed: u64) -> Result<Calls, String> {
        let mut calls = Calls::new();
        let mut random = seed.wrapping_mul(0x9e37_79b9) + writer as u64 + 1;
        for n in 1..=WRITES {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            // One in four comes late: behind what this writer has written already.
            let count = match random % 4 {
                0 => 1 + (random >> 8) as u32 % n,
                _ => n,
            };
            let mut state = State::default();
            state[writer] = count;
            let invoked = self.tick();
            self.write_one(writer, count).map_err(|e| e.to_string())?;
            let returned = self.tick();
            let call = Call {
                invoked,
                returned,
                state,
                is_read: false,
            };
            calls.extend(self.half(writer).map(|entity| (entity, call)));
            if n.is_multiple_of(100) && writer == 0 {
                self.store.compact().map_err(|e| e.to_string())?;
            }
        }
        self.writers_left.fetch_sub(1, Ordering::SeqCst);
        Ok(calls)
    }

    fn write_one(&self, writer: usize, count: u32) -> Result<()> {
        let mut batch = WriteBatch::new();
        let at = Timestamp::from_secs(i64::from(count));
        for entity in self.half(writer) {
            let row = batch.patch(&self.view, &self.entities[entity], at);
            row.set(&self.counts[writer], i64::from(count)).finish()?;
        }
        let options = match count % 16 {
            0 => WriteOptions::synced(),
            _ => WriteOptions::buffered(),
        };
        self.store.write(batch, options).map(drop)
    }

    fn read(&self, reader: usize) -> Result<Calls, String> {
        let mut calls = Calls::new();
        let mut rows = Vec::new();
        let mut n = reader;
        while self.writers_left.load(Ordering::SeqCst) > 0 {
            n += 1;
            // The latest row on even turns, a fold of history on odd ones.
            let question = match n % 2 {
                0 => Question::latest(),
                _ => Question::as_of(Timestamp::from_micros(self.now.micros() - 1)),
            };
            let asked = match n % 8 {
                0..5 => n % ENTITIES..n % ENTITIES + 1,
                _ => self.half(n / 8),
            };
            let invoked = self.tick();
            let entities = &self.entities[asked.clone()];
            self.answer(n, entities, question, &mut rows)
                .map_err(|e| e.to_string())?;
            let returned = self.tick();
            let states = rows.iter().map(|row| self.state(row));
            let states = states
                .collect::<Result<Vec<State>>>()
                .map_err(|e| e.to_string())?;
            if states.windows(2).any(|pair| pair[0] != pair[1]) {
                return Err(format!("a batch is seen in part: {states:?}"));
            }
            let call = |state| Call {
                invoked,
                returned,
                state,
                is_read: true,
            };
            calls.extend(
                asked
                    .zip(states)
                    .map(|(entity, state)| (entity, call(state))),
            );
        }
        Ok(calls)
    }

    /// Three ways to the same answer: single, batched, under a snapshot.
    fn answer(
        &self,
        n: usize,
        entities: &[Entity],
        question: Question,
        rows: &mut Vec<Row>,
    ) -> Result<()> {
        rows.truncate(entities.len());
        if let [entity] = entities {
            rows.resize_with(1, Row::new);
            self.store
                .get_into(&self.view, entity, question, &mut rows[0])
                .map(drop)
        } else if n.is_multiple_of(3) {
            let snapshot = self.store.snapshot();
            rows.resize_with(entities.len(), Row::new);
            for (entity, row) in entities.iter().zip(rows) {
                snapshot.get_into(&self.view, entity, question, row)?;
            }
            Ok(())
        } else {
            self.store
                .get_many_into(&self.view, entities, question, rows)
        }
    }

    fn state(&self, row: &Row) -> Result<State> {
        let mut state = State::default();
        for (state, count) in state.iter_mut().zip(&self.counts) {
            *state = row.get(count)?.unwrap_or(0) as u32;
        }
        Ok(state)
    }

    /// When everybody is done, every entity shows every writer's largest count, on every path.
    fn settled(&self) -> Result<(), String> {
        let late = Question::as_of(Timestamp::from_micros(self.now.micros() - 1));
        for (place, entity) in self.entities.iter().enumerate() {
            for question in [Question::latest(), late] {
                let row = self.store.get(&self.view, entity, question);
                let state = row
                    .and_then(|row| self.state(&row))
                    .map_err(|e| e.to_string())?;
                for (writer, count) in state.iter().enumerate() {
                    let writes = self.half(writer).contains(&place);
                    if writes != (*count > 0) {
                        return Err(format!("entity {place} ends with {state:?}"));
                    }
                }
            }
        }
        let report = self.store.verify(&mut |_| {}).map_err(|e| e.to_string())?;
        match report.is_clean() {
            true => Ok(()),
            false => Err(format!("verify found {:?}", report.findings)),
        }
    }
}
