//! How long a read takes on this machine: nearest-rank percentiles of reads that were timed one by
//! one.

use super::arrival::Random;
use crate::exit::Failure;
use crate::output::Table;
use asof::{Entity, Question, Read, Row, Snapshot, Store, Timestamp, View};
use std::hint::black_box;
use std::time::Duration;

const READS: usize = 20_000;
const BATCHES: usize = 2_000;
const BATCH_ROWS: usize = 100;

/// Reads a feature of random airplanes, as of now and as of random moments of the month.
pub(super) fn measure(store: &Store, view: &View, seed: u64) -> Result<String, Failure> {
    let snapshot = store.snapshot();
    let mut reads = Reads::new(&snapshot, view, seed)?;
    let latest = reads.time(READS, |_| Question::latest())?;
    let as_of = reads.time(READS, |random| Question::as_of(moment(random)))?;
    let batches = reads.time_batches(BATCHES)?;
    let mut table = Table::new(["microseconds", "count", "p50", "p99", "p99.9", "max"]);
    table.push(row("latest", latest));
    table.push(row("as of a past time", as_of));
    table.push(row(&format!("latest, batch of {BATCH_ROWS}"), batches));
    let mut out = table.render();
    out.push_str(&format!(
        "\nOne thread, random airplanes out of {}, each of them read before (warm); a read finds the\n\
         airplane's whole row and one feature in it. Each is timed by itself, the clock included.\n",
        reads.entities.len()
    ));
    if cfg!(debug_assertions) {
        out.push_str("This is a debug build: its figures say nothing about a release build.\n");
    }
    Ok(out)
}

struct Reads<'a> {
    snapshot: &'a Snapshot<'a>,
    view: &'a View,
    entities: Vec<Entity>,
    random: Random,
}

impl<'a> Reads<'a> {
    /// Finds every entity, and so has read each of them once.
    fn new(snapshot: &'a Snapshot<'a>, view: &'a View, seed: u64) -> Result<Self, Failure> {
        let scanned = snapshot.scan(view, Question::latest())?;
        let entities = scanned.map(|answer| answer.map(|(entity, _)| entity));
        let mut reads = Reads {
            snapshot,
            view,
            entities: entities.collect::<asof::Result<_>>()?,
            random: Random::new(seed),
        };
        for question in [
            Question::latest(),
            Question::as_of(moment(&mut reads.random)),
        ] {
            snapshot.get_many(view, &reads.entities, question)?;
        }
        Ok(reads)
    }

    fn time(
        &mut self,
        count: usize,
        question: impl Fn(&mut Random) -> Question,
    ) -> Result<Vec<Duration>, Failure> {
        let flight = self.view.feature::<i64>("flight")?;
        let mut row = Row::new();
        let mut took = Vec::with_capacity(count);
        for _ in 0..count {
            let entity = &self.entities[self.random.below(self.entities.len())];
            let question = question(&mut self.random);
            let begun = now();
            self.snapshot
                .get_into(self.view, entity, question, &mut row)?;
            black_box(row.get(&flight)?);
            took.push(begun.elapsed());
        }
        Ok(took)
    }

    fn time_batches(&mut self, count: usize) -> Result<Vec<Duration>, Failure> {
        let flight = self.view.feature::<i64>("flight")?;
        let mut rows = Vec::new();
        let mut took = Vec::with_capacity(count);
        for _ in 0..count {
            let pick = |_| self.entities[self.random.below(self.entities.len())].clone();
            let batch: Vec<Entity> = (0..BATCH_ROWS).map(pick).collect();
            let begun = now();
            self.snapshot
                .get_many_into(self.view, &batch, Question::latest(), &mut rows)?;
            for row in &rows {
                black_box(row.get(&flight)?);
            }
            took.push(begun.elapsed());
        }
        Ok(took)
    }
}

/// Some minute of the shipped month.
fn moment(random: &mut Random) -> Timestamp {
    Timestamp::from_secs(1_357_016_400 + 60 * random.below(31 * 24 * 60) as i64)
}

#[expect(
    clippy::disallowed_methods,
    reason = "what is measured here is the machine, which no other clock can tell"
)]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}

fn row(name: &str, mut took: Vec<Duration>) -> [String; 6] {
    took.sort_unstable();
    let micros = |duration: Duration| format!("{:.1}", duration.as_nanos() as f64 / 1000.0);
    let at = |per_mille| micros(percentile(&took, per_mille));
    [
        name.to_owned(),
        took.len().to_string(),
        at(500),
        at(990),
        at(999),
        at(1000),
    ]
}

/// The smallest of the sorted durations that at least so many in a thousand do not exceed.
fn percentile(sorted: &[Duration], per_mille: usize) -> Duration {
    let rank = (sorted.len() * per_mille).div_ceil(1000);
    let found = rank.checked_sub(1).and_then(|at| sorted.get(at));
    found.copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_measured_values() {
        let took: Vec<Duration> = (1..=2000).map(Duration::from_micros).collect();
        assert_eq!(
            row("reads", took),
            ["reads", "2000", "1000.0", "1980.0", "1998.0", "2000.0"]
        );
        assert_eq!(percentile(&[Duration::from_nanos(7)], 500).as_nanos(), 7);
        assert_eq!(percentile(&[], 500), Duration::ZERO);
    }
}
