//! Real flights against the model: ten thousand random questions, one answer each.
//!
//! The flights are those of the shipped month, prepared by `prepare.awk`: a Put of the
//! schedule at the scheduled departure and, once the outcome is known, a Patch at the same event time,
//! recorded when the airplane had landed. They arrive shuffled, every third twice. `ASOF_FLIGHTS` names
//! a file of event lines to take instead; `tests/oracle/run.sh` does so with the whole year.

#![cfg(all(feature = "store", feature = "text"))]

#[path = "../model/mod.rs"]
mod model;

use asof::{
    Answer, JsonEvent, Question, Read, Result, Store, Timestamp, Value, View, ViewDefinition,
    WriteBatch, WriteOptions,
};
use model::{FeatureAnswer, Model, Version};
use std::path::Path;
use std::process::Command;

const QUESTIONS: u64 = 10_000;

/// xorshift64*: the same sequence every run.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % n as u64) as usize
    }
}

/// The event lines: of the file that `ASOF_FLIGHTS` names, or of the shipped month.
#[expect(
    clippy::disallowed_methods,
    reason = "a larger run is asked for by the environment"
)]
fn lines() -> Vec<String> {
    let text = match std::env::var_os("ASOF_FLIGHTS") {
        Some(path) => std::fs::read(path).expect("ASOF_FLIGHTS names a file of event lines"),
        None => {
            let command = "gzip -dc crates/asof-cli/data/flights.csv.gz | \
                awk -F, -v what=flights -f tests/flights/prepare.awk";
            let output = Command::new("sh")
                .args(["-c", command])
                .current_dir(env!("CARGO_MANIFEST_DIR"))
                .output();
            let output = output.expect("sh, gzip and awk are part of every Debian");
            assert!(
                output.status.success(),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
            output.stdout
        }
    };
    let text = String::from_utf8(text).expect("event lines are UTF-8");
    text.lines().map(String::from).collect()
}

/// Takes the lines into store and model, in the order given, bad ones into the quarantine. Returns
/// how many distinct lines were bad.
fn ingest(store: &Store, view: &View, model: &mut Model, lines: &[&String]) -> Result<usize> {
    let mut bad = std::collections::HashSet::new();
    for chunk in lines.chunks(777) {
        let mut batch = WriteBatch::new();
        for line in chunk {
            match JsonEvent::parse(line.as_bytes()).and_then(|e| e.resolve(view.contract())) {
                Ok(event) => {
                    let entity: Vec<Value> = event.entity.iter().map(|(_, v)| v.clone()).collect();
                    if entity == [Value::Null] {
                        bad.insert(*line);
                    } else {
                        let features = event.features.iter();
                        let named = features.map(|(name, value)| (name.as_str(), value.clone()));
                        let (et, rec) = (event.event_time, event.recorded_at);
                        model.insert(&entity, Version::new(et, rec, event.op, named));
                    }
                    batch.push(event, line.as_bytes(), None);
                }
                Err(error) => {
                    bad.insert(*line);
                    batch.push_bad(error, line.as_bytes(), None);
                }
            }
        }
        let receipt = store.write(batch, WriteOptions::buffered().quarantine())?;
        let sum = receipt.applied + receipt.duplicate + receipt.quarantined;
        assert_eq!(sum, receipt.rows, "nothing here is too late or fenced");
    }
    Ok(bad.len())
}

fn same(answer: &Answer<'_>, expected: &FeatureAnswer) -> bool {
    let found = FeatureAnswer {
        status: answer.status,
        value: answer.value.map(|value| value.to_value()),
        event_time: answer.event_time,
    };
    found == *expected
}

/// A time at, just before, just after or far from one of the times given.
fn near(random: &mut Random, times: &[Timestamp]) -> Timestamp {
    const OFFSETS: [i64; 7] = [0, 0, -1, 1, 3_600_000_000, -86_400_000_000, 86_400_000_000];
    let time = times[random.below(times.len())];
    Timestamp::from_micros(time.micros() + OFFSETS[random.below(OFFSETS.len())])
}

#[test]
fn ten_thousand_questions_about_flights_equal_the_model() -> Result<()> {
    let definition =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/asof-cli/data/flights.toml");
    let definition = std::fs::read_to_string(definition).expect("the view file is shipped");
    let definition = ViewDefinition::from_toml(&definition)?;
    let store = Store::temp()?;
    store.apply(definition.clone())?;
    let view = store.view("flights")?;
    let mut model = Model::new(definition);

    let mut random = Random(20_130_101);
    let lines = lines();
    let mut arrivals: Vec<&String> = lines.iter().chain(lines.iter().step_by(3)).collect();
    for at in (1..arrivals.len()).rev() {
        arrivals.swap(at, random.below(at + 1));
    }
    let bad = ingest(&store, &view, &mut model, &arrivals)?;
    assert_eq!(store.quarantine().count(), bad, "each bad row is kept once");

    let entities: Vec<Vec<Value>> = model
        .entities()
        .into_iter()
        .map(<[Value]>::to_vec)
        .collect();
    let mut statuses = std::collections::BTreeMap::new();
    for question in 0..QUESTIONS {
        let entity = &entities[random.below(entities.len())];
        let versions: Vec<Version> = model.versions(entity).into_iter().collect();
        let times: Vec<Timestamp> = versions.iter().map(|version| version.et).collect();
        let recorded: Vec<Timestamp> = versions.iter().map(|version| version.rec).collect();
        let t = near(&mut random, &times);
        let known_at = (random.below(2) == 0).then(|| near(&mut random, &recorded));
        let mut asked = Question::as_of(t);
        if let Some(k) = known_at {
            asked = asked.known_at(k);
        }
        let expected = model.as_of(entity, t, known_at);
        let row = store.get(&view, &view.entity(entity.iter().cloned())?, asked)?;
        let place = format!("question {question}: {entity:?} as of {t} known at {known_at:?}");
        assert_eq!(row.verdict(), expected.verdict, "{place}");
        for (feature, answer) in row.iter() {
            let (answer, expected) = (answer?, &expected.features[feature.name()]);
            assert!(
                same(&answer, expected),
                "{place}: {}: {answer:?}, not {expected:?}",
                feature.name()
            );
            *statuses.entry(answer.status.name()).or_insert(0u64) += 1;
        }
    }
    println!(
        "{} versions of {} airplanes: {statuses:?}",
        lines.len() - bad,
        entities.len()
    );
    // The questions are not all of one kind: outcomes that were known, and that were not yet.
    assert!(
        statuses["present"] > QUESTIONS && statuses["absent"] > QUESTIONS / 2,
        "{statuses:?}"
    );

    let report = store.verify(&mut |_| {})?;
    assert!(report.is_clean(), "{:?}", report.findings);
    assert_eq!(
        report.conflicts as usize,
        model.conflicts().len(),
        "ties of one airplane and instant"
    );
    assert!(
        report.conflicts > 0,
        "there are ties, and the digest decides them"
    );
    Ok(())
}
