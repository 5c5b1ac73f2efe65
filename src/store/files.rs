//! Which files a store consists of, and which of them are whole.

use super::inspect::VerifyReport;
use super::{Store, directory};
use crate::error::{Error, ErrorKind, Result};
use crate::kv::{Alone, TableFile, log_number};

/// One file of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileVerdict {
    /// Its path within the directory of the store.
    pub path: String,
    /// The family whose rows it holds; none for a file that holds no table.
    pub family: Option<&'static str>,
    /// Where it stands among the tables of its family; the larger, the older its rows.
    pub level: Option<u32>,
    /// How many rows it holds, those that are hidden by newer ones included.
    pub rows: Option<u64>,
    /// Its size.
    pub bytes: u64,
    /// How it was checked, in words.
    pub checked: &'static str,
    /// What is wrong with it.
    pub damage: Option<String>,
}

/// One family of RocksDB.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FamilyVerdict {
    /// Its name.
    pub name: &'static str,
    /// Rows read.
    pub rows: u64,
    /// Things that are wrong with rows of it.
    pub findings: u64,
    /// Rows that could not be checked for the damage of a file.
    pub unchecked: u64,
    /// Whether every row was read: RocksDB goes no further than the first block it cannot read.
    pub read_to_the_end: bool,
}

const EVERY_CHECKSUM: &str = "every checksum";
const EVERY_ROW: &str = "every row's checksum; its filter was not read";
const NOT_ALONE: &str = "not told from the files beside it";
const AT_OPEN: &str = "read when the store was opened";
const HELD: &str = "held by this process";

/// Checks the checksums of every table, and lists every other file with how it is known.
pub(super) fn check(store: &Store, report: &mut VerifyReport) -> Result<()> {
    let kv = store.kv();
    let wrong = kv.verify_blocks();
    let tables = kv.table_files()?;
    let mut is_found = wrong.is_none();
    for table in &tables {
        let verdict = match &wrong {
            None => verdict(table, EVERY_CHECKSUM, None),
            Some(text) if text.contains(&table.name) => {
                verdict(table, EVERY_CHECKSUM, Some(text.clone()))
            }
            Some(_) => match kv.read_alone(table) {
                Alone::Whole => verdict(table, EVERY_ROW, None),
                Alone::Damaged(text) => verdict(table, EVERY_ROW, Some(text)),
                Alone::Unknown => verdict(table, NOT_ALONE, None),
            },
        };
        if let Some(text) = &verdict.damage {
            is_found = true;
            report.find(describe(&verdict, text));
        }
        report.files.push(verdict);
    }
    if let Some(text) = wrong.filter(|_| !is_found) {
        report.find(format!(
            "a file of the database is damaged: {text}; restore the store"
        ));
    }
    others(store, report)
}

fn verdict(table: &TableFile, checked: &'static str, damage: Option<String>) -> FileVerdict {
    FileVerdict {
        path: format!("db/{}", table.name),
        family: Some(table.family.name()),
        level: Some(table.level),
        rows: Some(table.rows),
        bytes: table.bytes,
        checked,
        damage,
    }
}

fn describe(verdict: &FileVerdict, text: &str) -> String {
    format!(
        "{} ({}, level {}, {} rows, {} bytes) is damaged: {text}; restore this file or the store",
        verdict.path,
        verdict.family.unwrap_or_default(),
        verdict.level.unwrap_or_default(),
        verdict.rows.unwrap_or_default(),
        verdict.bytes
    )
}

/// The files that hold no table. What opening read strictly is whole, or the store were not open.
fn others(store: &Store, report: &mut VerifyReport) -> Result<()> {
    let path = store.path();
    let oldest_log = store.kv().oldest_log()?;
    let manifest = std::fs::read_to_string(directory::db(path).join("CURRENT")).unwrap_or_default();
    let mut others = Vec::new();
    for folder in [path.to_path_buf(), directory::db(path)] {
        let failed = |error: std::io::Error| {
            Error::new(
                ErrorKind::Io,
                format!("listing {} failed", folder.display()),
            )
            .caused_by(error)
        };
        for entry in std::fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let Some(checked) = how_checked(&name, manifest.trim_end(), oldest_log) else {
                continue;
            };
            let within = entry.path();
            let within = within.strip_prefix(path).unwrap_or(&within);
            others.push(FileVerdict {
                path: within.display().to_string(),
                family: None,
                level: None,
                rows: None,
                // A log may be gone by now.
                bytes: entry.metadata().map_or(0, |metadata| metadata.len()),
                checked,
                damage: None,
            });
        }
    }
    others.sort_by(|a, b| a.path.cmp(&b.path));
    report.files.extend(others);
    Ok(())
}

/// None for what a store does not depend on, logs and manifests that only wait to be deleted among
/// it, and for tables, which are listed already.
fn how_checked(name: &str, manifest: &str, oldest_log: u64) -> Option<&'static str> {
    match name {
        "asof.store" | "watermark" | "CURRENT" | "IDENTITY" => Some(AT_OPEN),
        "lock" | "LOCK" => Some(HELD),
        _ if name == manifest => Some(AT_OPEN),
        _ => log_number(name.as_ref())
            .filter(|number| *number >= oldest_log)
            .map(|_| AT_OPEN),
    }
}
