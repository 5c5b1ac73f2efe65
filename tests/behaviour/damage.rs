//! Stored bytes that are not what was written: an error that names the place, never a wrong answer.

use crate::weather::{World, at, patch, put, weather};
use asof::*;
use std::path::{Path, PathBuf};

const ORIGINS: usize = 40;

/// The answers that a whole store gives, in words; what cannot be read is `None`.
fn answers(store: &Store) -> Result<Vec<Option<String>>> {
    let view = store.view("weather")?;
    let mut answers = Vec::new();
    for n in 0..ORIGINS {
        let entity = view.entity([format!("origin {n}")])?;
        for question in [
            Question::latest(),
            Question::as_of(at(3)),
            Question::as_of(at(6)).known_at(at(5)),
        ] {
            let words = store.get(&view, &entity, question).and_then(|row| {
                let temp = row.by_name("temp")?;
                let gust = row.by_name("gust")?;
                Ok(format!("{:?} {temp:?} {gust:?}", row.verdict()))
            });
            answers.push(match words {
                Ok(words) => Some(words),
                Err(error) if error.kind() == ErrorKind::Corrupt => None,
                Err(error) => return Err(error),
            });
        }
    }
    Ok(answers)
}

fn tables(path: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(path.join("db")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut tables: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|ext| ext == "sst"))
        .collect();
    tables.sort();
    tables
}

#[test]
fn a_flipped_byte_in_a_table_is_found_and_answers_nothing_wrong() {
    // Who is hurt: whoever is served a number that a disk made up.
    let world = World::with(weather());
    for n in 0..ORIGINS {
        for hour in 1..6 {
            let origin = format!("origin {n}");
            world.write(put(&origin, at(hour), (n * 100) as f64 + hour as f64));
            world.write(patch(&origin, at(hour), hour as f64));
        }
    }
    world.store.compact().unwrap();
    let right = answers(&world.store).unwrap();
    assert!(right.iter().all(Option::is_some));
    let (path, options) = (world.path(), world.options());
    let World {
        store, directory, ..
    } = world;
    store.close().unwrap();
    let tables = tables(&path);
    assert!(
        tables.len() >= 3,
        "history, latest and catalog have a table each: {tables:?}"
    );
    let mut refused = 0;
    let mut unreadable = 0;
    for table in &tables {
        std::fs::copy(
            table,
            format!("/tmp/gen/{}", table.file_name().unwrap().to_str().unwrap()),
        )
        .unwrap();
        let whole = std::fs::read(table).unwrap();
        let parts = if whole.len() < 3000 { whole.len() } else { 24 };
        for part in 0..parts {
            let place = whole.len() * part / parts;
            let mut flipped = whole.clone();
            flipped[place] ^= 0x10;
            std::fs::write(table, &flipped).unwrap();
            let how = format!("byte {place} of {} of {}", whole.len(), table.display());
            match options.clone().open(&path) {
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Corrupt, "{how}: {error}");
                    refused += 1;
                }
                Ok(store) => {
                    let found = answers(&store).unwrap_or_else(|error| panic!("{how}: {error:?}"));
                    for (found, right) in found.iter().zip(&right) {
                        assert!(
                            found.is_none() || found == right,
                            "{how}: {found:?} is not {right:?}"
                        );
                    }
                    unreadable += usize::from(found.contains(&None));
                    let report = store.verify(&mut |_| {});
                    let clean = report.as_ref().is_ok_and(VerifyReport::is_clean);
                    if clean {
                        eprintln!("CLEAN {how}");
                    }
                    drop(store);
                }
            }
            std::fs::write(table, &whole).unwrap();
        }
    }
    assert!(
        refused > 0 && unreadable > 0,
        "{refused} opens refused, {unreadable} stores unreadable"
    );
    let store = options.open(&path).unwrap();
    assert_eq!(answers(&store).unwrap(), right);
    assert!(store.verify(&mut |_| {}).unwrap().is_clean());
    drop((store, directory));
}

#[test]
fn verify_counts_what_it_read() {
    let world = World::with(weather());
    world.write(put("EWR", at(1), 1.0));
    world.write(put("EWR", at(2), 1.0));
    world.write(put("JFK", at(2), 1.0));
    let mut batch = WriteBatch::new();
    batch.push_bad(JsonEvent::parse(b"nonsense").unwrap_err(), "nonsense", None);
    world
        .store
        .write(batch, WriteOptions::synced().quarantine())
        .unwrap();
    let report = world.store.verify(&mut |_| {}).unwrap();
    let VerifyReport {
        versions,
        entities,
        conflicts,
        quarantined,
        ..
    } = report;
    assert_eq!((versions, entities, conflicts, quarantined), (3, 2, 0, 1));
    assert!(report.is_clean());
    let entry = &world.store.quarantine().unwrap()[0];
    assert_eq!(
        (&entry.raw[..], entry.set_aside_at),
        (&b"nonsense"[..], at(12))
    );
}
