//! Stored bytes that are not what was written: an error that names the place, never a wrong answer.

use crate::weather::{World, at, patch, put, weather};
use asof::*;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

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
    let (mut refused, mut unreadable) = (0, 0);
    for table in &tables {
        let length = std::fs::metadata(table).unwrap().len() as usize;
        for part in 0..32 {
            // The last byte too: it is the end of the magic number.
            let place = (length * part / 31).min(length - 1);
            let copy = TempDir::new().unwrap();
            copy_all(&path, copy.path());
            let flipped = copy.path().join(table.strip_prefix(&path).unwrap());
            flip(&flipped, place);
            let how = format!("byte {place} of {length} of {}", table.display());
            match options.clone().open(copy.path()) {
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Corrupt, "{how}: {error}");
                    refused += 1;
                }
                Ok(store) => {
                    unreadable += usize::from(check(&store, &right, &how));
                }
            }
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

/// A damaged store answers what is right or nothing, and `verify` finds the damage. Says whether it
/// left a question unanswered.
fn check(store: &Store, right: &[Option<String>], how: &str) -> bool {
    let found = answers(store).unwrap_or_else(|error| panic!("{how}: {error:?}"));
    for (found, right) in found.iter().zip(right) {
        assert!(
            found.is_none() || found == right,
            "{how}: {found:?} is not {right:?}"
        );
    }
    let report = store.verify(&mut |_| {});
    let clean = report.as_ref().is_ok_and(VerifyReport::is_clean);
    assert!(!clean, "{how}: verify found nothing");
    found.contains(&None)
}

fn flip(path: &Path, place: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[place] ^= 0x10;
    std::fs::write(path, bytes).unwrap();
}

fn copy_all(from: &Path, to: &Path) {
    for (path, bytes) in crate::opening::files(from) {
        let path = to.join(path.strip_prefix(from).unwrap());
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
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
    let entry = world.store.quarantine().next().unwrap().unwrap();
    assert_eq!(
        (&entry.raw[..], entry.set_aside_at),
        (&b"nonsense"[..], at(12))
    );
}
