//! Kills an erase at each of its steps, and the open that carries it out at each of its own.
//!
//! Whoever was being erased is afterwards either whole, with no fence, or gone, with one; a replay of
//! the whole log changes neither, and nobody beside them is touched.

use super::define;
use asof::failpoint::{NAMES, arm};
use asof::{
    Entity, EraseOptions, HistoryRange, Question, Read, Result, SetDigest, Store, StoreOptions,
    Timestamp, Verdict, View, WriteBatch, WriteOptions,
};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

/// Who is erased, one after the other.
const ERASED: [i64; 2] = [1, 2];
const ENTITIES: i64 = 5;
const VERSIONS: i64 = 30;

/// The steps that an open goes through again behind a crash.
const COMPLETING: [&str; 3] = [
    "erase.before_removal",
    "erase.after_removal",
    "erase.after_removal_fsync",
];

/// Plays the part of a process that will be killed, if that is what the arguments ask for.
pub(crate) fn child(arguments: &[String]) -> Option<ExitCode> {
    let [role, path, point, visit] = arguments else {
        return None;
    };
    let (path, visit) = (Path::new(path), visit.parse().ok()?);
    let played = match role.as_str() {
        "erase" => erase(path, point, visit),
        "open" => {
            arm(point, visit);
            open(path).map(drop)
        }
        _ => return None,
    };
    Some(match played {
        // Nobody killed it: the point was never reached.
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the child failed: {error}");
            ExitCode::FAILURE
        }
    })
}

fn open(path: &Path) -> Result<Store> {
    StoreOptions::new().create_if_missing(true).open(path)
}

fn erase(path: &Path, point: &str, visit: usize) -> Result<()> {
    let store = open(path)?;
    // Once in the files and once in the log.
    write(&store)?;
    arm(point, visit);
    for id in ERASED {
        let (view, entity) = whom(&store, id)?;
        store.erase(&view, &entity, EraseOptions::new().reclaim(true))?;
    }
    Ok(())
}

fn whom(store: &Store, id: i64) -> Result<(View, Entity)> {
    let view = store.view("left")?;
    let entity = view.entity([id])?;
    Ok((view, entity))
}

/// The whole log: some versions of everybody in two views, and a bad row about each.
fn write(store: &Store) -> Result<()> {
    for n in 0..VERSIONS {
        let mut batch = WriteBatch::new();
        for name in ["left", "right"] {
            let view = store.view(name)?;
            for id in 0..ENTITIES {
                let t = Timestamp::from_secs(1_700_000_000 + n * 7 % VERSIONS);
                let row = batch.put(&view, &view.entity([id])?, t);
                row.set_value("batch", n).finish()?;
            }
        }
        store.write(batch, WriteOptions::buffered())?;
    }
    let mut bad = WriteBatch::new();
    for id in 0..ENTITIES {
        let error = Timestamp::parse("no time").expect_err("it is none");
        let line = format!(
            "{{\"view\":\"left\",\"entity\":{{\"id\":{id}}},\"event_time\":5,\
             \"features\":{{\"batch\":\"x\"}}}}"
        );
        bad.push_bad(error, line, None);
    }
    store.write(bad, WriteOptions::buffered().quarantine())?;
    Ok(())
}

/// Every case: where the erase is killed, and where the opens after it are.
fn cases() -> Vec<(&'static str, usize, Vec<&'static str>)> {
    let points = NAMES.iter().filter(|name| name.starts_with("erase."));
    let mut cases = Vec::new();
    for point in points {
        for visit in 0..ERASED.len() {
            cases.push((*point, visit, Vec::new()));
        }
    }
    let pending = [
        "erase.after_fence",
        "erase.after_fence_fsync",
        "erase.in_force",
        "erase.before_removal",
    ];
    for (at, point) in pending.into_iter().enumerate() {
        for nested in COMPLETING {
            cases.push((point, at % ERASED.len(), vec![nested]));
        }
        let [before, after, _] = COMPLETING;
        cases.push((point, at % ERASED.len(), vec![before, before, after]));
    }
    cases
}

/// Goes through all of them. Returns how many passed and how many failed.
pub(crate) fn run() -> (u64, u64) {
    let (mut passed, mut failed) = (0, 0);
    for (point, visit, nested) in cases() {
        match case(point, visit, &nested) {
            Ok(()) => passed += 1,
            Err(why) => {
                failed += 1;
                println!("FAILED: killed at visit {visit} of {point}, then {nested:?}: {why}");
            }
        }
    }
    (passed, failed)
}

fn case(point: &str, visit: usize, nested: &[&str]) -> Result<(), String> {
    let failed = |e: asof::Error| e.to_string();
    let directory = tempfile::tempdir().map_err(|e| e.to_string())?;
    let path = directory.path().join("store");
    let store = open(&path).map_err(failed)?;
    define(&store)
        .and_then(|()| write(&store))
        .map_err(failed)?;
    store.close().map_err(failed)?;
    kill("erase", &path, point, visit)?;
    for point in nested {
        kill("open", &path, point, 0)?;
    }
    // Who was erased before the one at whom it was killed is gone in any case.
    let is_fenced = point != "erase.before_fence";
    let gone = &ERASED[..visit + usize::from(is_fenced)];
    for round in ["after the kill", "after a replay", "after a reopen"] {
        let store = open(&path).map_err(failed)?;
        if round == "after a replay" {
            write(&store).map_err(failed)?;
        }
        check(&store, gone).map_err(|why| format!("{round}: {why}"))?;
        store.close().map_err(failed)?;
    }
    Ok(())
}

/// Runs a child that must be killed at the point.
fn kill(role: &str, path: &Path, point: &str, visit: usize) -> Result<(), String> {
    let program = std::env::current_exe().map_err(|e| e.to_string())?;
    let ended = Command::new(program)
        .arg(role)
        .arg(path)
        .args([point, &visit.to_string()])
        .stdout(Stdio::null())
        .status()
        .map_err(|e| e.to_string())?;
    match ended.code() {
        // Ended by a signal, as an abort is.
        None => Ok(()),
        Some(0) => Err(format!("{point} is never reached by {role}")),
        Some(code) => Err(format!("{role} failed with {code}")),
    }
}

fn check(store: &Store, gone: &[i64]) -> Result<(), String> {
    let failed = |e: asof::Error| e.to_string();
    let left = store.view("left").map_err(failed)?;
    let fences = store.fences(&left).map_err(failed)?.len();
    if fences != gone.len() {
        return Err(format!("{fences} fences, {} are right", gone.len()));
    }
    for id in 0..ENTITIES {
        let (view, entity) = whom(store, id).map_err(failed)?;
        let row = store.get(&view, &entity, Question::latest());
        let verdict = row.map_err(failed)?.verdict();
        let history = store.history(&view, &entity, HistoryRange::default());
        let versions = history.map_err(failed)?.count() as i64;
        let (found, stored) = match gone.contains(&id) {
            true => (Verdict::Never, 0),
            false => (Verdict::Found, VERSIONS),
        };
        if (verdict, versions) != (found, stored) {
            return Err(format!(
                "entity {id} is {verdict:?} with {versions} versions"
            ));
        }
    }
    let digests = super::digests(store).map_err(failed)?;
    if digests != never_said(gone).map_err(failed)? {
        return Err(format!("{digests:?} are not the digests without {gone:?}"));
    }
    let erasures = store.erasures().map_err(failed)?;
    if erasures.len() != gone.len() || erasures.iter().any(|erasure| !erasure.is_done) {
        return Err(format!("the records are {erasures:?}"));
    }
    let set_aside = store.quarantine().count();
    // Without text nobody can say whom a bad row is about.
    let removed = if cfg!(feature = "text") {
        gone.len()
    } else {
        0
    };
    if set_aside != ENTITIES as usize - removed {
        return Err(format!("{set_aside} rows are set aside"));
    }
    let report = store.verify(&mut |_| {}).map_err(failed)?;
    match report.is_clean() {
        true => Ok(()),
        false => Err(format!("verify found {:?}", report.findings)),
    }
}

/// The digests of a store to which nothing of these entities was ever said in the left view.
fn never_said(gone: &[i64]) -> Result<[SetDigest; 2]> {
    let store = Store::temp()?;
    define(&store)?;
    for name in ["left", "right"] {
        let view = store.view(name)?;
        let mut batch = WriteBatch::new();
        for id in (0..ENTITIES).filter(|id| name == "right" || !gone.contains(id)) {
            for n in 0..VERSIONS {
                let t = Timestamp::from_secs(1_700_000_000 + n * 7 % VERSIONS);
                let row = batch.put(&view, &view.entity([id])?, t);
                row.set_value("batch", n).finish()?;
            }
        }
        store.write(batch, WriteOptions::buffered())?;
    }
    super::digests(&store)
}
