//! Reads the files of a closed store and says in which state each of them is. Changes nothing.

use super::directory::{self, Found, Lock};
use super::{Store, newer, watermark};
use crate::error::{Error, ErrorKind, Result};
use crate::format::marker::Marker;
use crate::format::watermark::Watermark;
use crate::preflight::{self, Evidence, Finding, Health, LogLoss};
use crate::time::{Clock, SystemClock};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The state of a store's files, found without opening it.
///
/// ```
/// # use asof::*;
/// # fn main() -> Result<()> {
/// # let directory = tempfile::tempdir().unwrap();
/// # let path = directory.path().join("store");
/// let store = StoreOptions::new().create_if_missing(true).open(&path)?;
/// store.close()?;
/// let found = Store::examine(&path)?;
/// assert!(found.damage().is_none());
/// assert_eq!(found.loss().records(), 0);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Examination {
    findings: Vec<Finding>,
    loss: LogLoss,
    /// The log and the byte behind which nothing can be replayed.
    pub(super) stop: Option<(u64, u64)>,
    /// The manifest and the byte behind which nothing of it was synced, where there is a hole.
    pub(super) manifest: Option<(u64, u64)>,
    pub(super) sequence: u64,
    /// Without what cannot be read batches would be left in parts, or nothing at all.
    torn_apart: bool,
    pub(super) logs: Vec<u64>,
    pub(super) watermark: Option<Watermark>,
}

impl Examination {
    /// What was found out about each file.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The first damage, if there is any: such a store is not opened.
    pub fn damage(&self) -> Option<&Finding> {
        self.findings.iter().find(|f| f.health == Health::Damaged)
    }

    /// What would be gone if the store were opened without what cannot be read.
    pub fn loss(&self) -> LogLoss {
        self.loss
    }

    /// Whether the damage lies in logs and watermark alone, so that the store can be opened by whoever
    /// [accepts the loss](crate::StoreOptions::accept_loss). Otherwise only a copy helps.
    pub fn is_acceptable(&self) -> bool {
        !self.torn_apart && self.is_damaged_in_logs_only()
    }

    /// Whether whatever is damaged, if anything is, is a log or the watermark.
    fn is_damaged_in_logs_only(&self) -> bool {
        let mut damaged = self.findings.iter().filter(|f| f.health == Health::Damaged);
        damaged.all(|f| f.file == watermark::NAME || f.file.ends_with(".log"))
    }

    pub(super) fn of(findings: Vec<Finding>) -> Examination {
        Examination {
            findings,
            loss: LogLoss::default(),
            stop: None,
            manifest: None,
            sequence: 0,
            torn_apart: false,
            logs: Vec::new(),
            watermark: None,
        }
    }

    /// The watermark of a store that may be opened; otherwise the error that says why not.
    pub(super) fn verdict(&self, path: &Path) -> Result<Watermark> {
        let next = if self.is_acceptable() {
            "Restore a copy, or run `asof doctor` to see what would be lost and to accept it"
        } else {
            "Restore a copy; `asof doctor` says what is still whole"
        };
        let (damage, loss) = (self.damage().cloned(), self.loss);
        match (damage, self.watermark) {
            (None, Some(watermark)) => Ok(watermark),
            (damage, _) => {
                let text = format!(
                    "the store in {} is damaged and was not opened; nothing was changed. Without what \
                     cannot be read it would lose {loss}. {next}",
                    path.display()
                );
                let damage = damage.unwrap_or_else(|| {
                    Finding::damaged(watermark::NAME, None, "it could not be read")
                });
                Err(Error::corrupt(text).caused_by(damage))
            }
        }
    }
}

impl Store {
    /// The state in which the files of this store were found when it was opened; nothing where it was
    /// made. Damage is never among it, and a [torn](Health::Torn) end says what was dropped.
    pub fn found(&self) -> &[Finding] {
        &self.0.found.findings
    }

    /// Looks at the files of a store that nobody has open, reads its logs strictly, and says what
    /// state they are in. It does not open the store and changes none of its data.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) where there is none; [`Locked`](ErrorKind::Locked) names the
    /// owner; [`UnsupportedFormat`](ErrorKind::UnsupportedFormat) for a store of a newer format;
    /// [`Io`](ErrorKind::Io). Damage is no error here: it is what was asked for.
    pub fn examine(path: impl AsRef<Path>) -> Result<Examination> {
        let path = path.as_ref();
        let missing = || Error::not_found(format!("there is no store in {}", path.display()));
        let (marker, finding) = match directory::look(path) {
            Ok(Found::Store(marker)) => {
                let finding = Finding::healthy("asof.store", "the marker of a store");
                (Some(marker), finding)
            }
            Ok(Found::Nothing) => return Err(missing()),
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                let finding = Finding::damaged("asof.store", None, error.to_string());
                (None, finding)
            }
            Err(error) => return Err(error),
        };
        let _lock = Lock::take(path, SystemClock.now())?;
        let mut found = examine(path, marker.as_ref())?;
        found.findings.insert(0, finding);
        found
            .findings
            .insert(1, Finding::healthy("lock", "nobody has the store open"));
        Ok(found)
    }
}

/// Examines a store whose lock is held.
///
/// # Errors
/// `Io`, and `UnsupportedFormat` where a newer version of asof has written the watermark, or the log.
pub(super) fn examine(path: &Path, marker: Option<&Marker>) -> Result<Examination> {
    files(path, marker).map_err(|error| match error.kind() {
        ErrorKind::UnsupportedFormat => error.at(format_args!(
            "the store in {} was not opened, and nothing was changed",
            path.display()
        )),
        _ => error,
    })
}

fn files(path: &Path, marker: Option<&Marker>) -> Result<Examination> {
    let database = directory::db(path);
    let (mark, mark_finding) = match watermark::read(path, marker)? {
        Ok(mark) => {
            let what = format!("sequence {} was durable", mark.sequence);
            (Some(mark), Finding::healthy(watermark::NAME, what))
        }
        Err(why) => (None, Finding::damaged(watermark::NAME, None, why)),
    };
    let (number, manifest) = match manifest(&database)? {
        Ok(manifest) => manifest,
        Err(finding) => return Ok(Examination::of(vec![finding, mark_finding])),
    };
    let tag = marker.map(Marker::tag);
    let mut logs = BTreeMap::new();
    for log in numbers(&database)? {
        if log >= manifest.log_min {
            let bytes = read(&database.join(format!("{log:06}.log")))?;
            let scan = preflight::scan_log(&bytes.unwrap_or_default(), tag);
            newer::check_log(log, &scan)?;
            logs.insert(log, scan);
        }
    }
    let watermark = mark.unwrap_or_default();
    let evidence = Evidence {
        manifest: (number, manifest),
        logs,
        watermark,
        same_boot: watermark.boot != [0; 16] && watermark.boot == watermark::boot(),
    };
    let judgement = preflight::judge(&evidence);
    let mut findings = vec![Finding::healthy(
        "db/CURRENT",
        format!("names manifest {number}"),
    )];
    findings.extend(judgement.findings);
    findings.push(mark_finding);
    Ok(Examination {
        findings,
        loss: judgement.loss,
        stop: judgement.stop,
        manifest: judgement.manifest,
        sequence: judgement.sequence,
        torn_apart: judgement.torn_apart,
        logs: evidence.logs.into_keys().collect(),
        watermark: mark,
    })
}

/// The manifest in force, or what is wrong with it.
fn manifest(
    database: &Path,
) -> Result<std::result::Result<(u64, preflight::ManifestScan), Finding>> {
    let damaged = |what: &str| Ok(Err(Finding::damaged("db/CURRENT", None, what)));
    let Some(current) = read(&database.join("CURRENT"))? else {
        return damaged("it is missing");
    };
    let Some(number) = preflight::current(&current) else {
        return damaged("it names no manifest");
    };
    match read(&database.join(format!("MANIFEST-{number:06}")))? {
        Some(bytes) => Ok(Ok((number, preflight::scan_manifest(&bytes)))),
        None => damaged(&format!("it names manifest {number}, which is missing")),
    }
}

/// The numbers of the logs that are there.
fn numbers(database: &Path) -> Result<Vec<u64>> {
    let failed = |e| directory::io("reading", database, e);
    let mut found = Vec::new();
    for entry in fs::read_dir(database).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        found.extend(
            name.to_str()
                .and_then(|name| name.strip_suffix(".log")?.parse::<u64>().ok()),
        );
    }
    found.sort_unstable();
    Ok(found)
}

/// A file as a whole; none where it is missing.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(directory::io("reading", path, e)),
    }
}
