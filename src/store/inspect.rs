//! Proving that what is stored is what the law says.

use super::Store;
use super::files::{self, FamilyVerdict, FileVerdict};
use crate::catalog::{Entity, ViewState};
use crate::error::{Error, ErrorKind, Result};
use crate::format::checksum;
use crate::format::digest;
use crate::format::key::{self, Prefix, Stamp};
use crate::format::quarantine::{TOTALS_KEY, Totals};
use crate::format::row::{HistoryRow, LatestRow, under};
use crate::id::Hex;
use crate::kv::{Family, Kv, KvSnapshot, Walk};
use crate::law::{Fold, Instant};
use crate::op::Op;
use crate::read::refold;
use crate::time::Timestamp;
use crate::write::QuarantineEntries;
use std::sync::Arc;

/// How far a verification has come.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// What is read: `files` first, then the families by name.
    pub stage: &'static str,
    /// Rows read so far, of all families.
    pub rows: u64,
    /// How many there are, by RocksDB's **estimate**.
    pub rows_estimated: u64,
}

/// What a verification found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Versions read.
    pub versions: u64,
    /// Entities whose latest row was folded anew and compared.
    pub entities: u64,
    /// Pairs of versions of one instant that contradict each other. No damage: the law says which
    /// of them counts.
    pub conflicts: u64,
    /// Rows in the quarantine.
    pub quarantined: u64,
    /// Every file that the store consists of, and whether it is whole.
    pub files: Vec<FileVerdict>,
    /// Every family, and how far it could be read.
    pub families: Vec<FamilyVerdict>,
    /// Rows that could not be checked, because they or what they are held against lie in a file that
    /// is found to be damaged. The file is the finding.
    pub unchecked: u64,
    /// What is wrong, one sentence each, at most a hundred of them.
    pub findings: Vec<String>,
    /// How many things are wrong.
    pub finding_count: u64,
}

const FINDINGS_MAX: usize = 100;

impl VerifyReport {
    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.finding_count == 0
    }

    pub(super) fn find(&mut self, what: impl ToString) {
        self.finding_count += 1;
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(what.to_string());
        }
    }

    /// Whether an error is RocksDB's word of a file whose damage has been told.
    fn is_of_a_damaged_file(&self, text: &str) -> bool {
        let mut damaged = self.files.iter().filter(|file| file.damage.is_some());
        damaged.any(|file| text.contains(&file.path))
    }

    /// Notes damage and goes on; passes on what is no damage.
    fn survive<T>(&mut self, outcome: Result<T>) -> Result<Option<T>> {
        match outcome {
            Ok(value) => Ok(Some(value)),
            Err(error) if is_of_bytes(&error) => {
                let text = error.to_string();
                match self.is_of_a_damaged_file(&text) {
                    true => self.unchecked += 1,
                    false => self.find(text),
                }
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// Whether an error is about stored bytes, damaged or of a newer format, and not about reading them.
fn is_of_bytes(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Corrupt | ErrorKind::UnsupportedFormat
    )
}

impl Store {
    /// Reads everything: every checksum of RocksDB's and of ours, every digest against its content,
    /// every entity against its key, every latest row against the fold of its history.
    ///
    /// Cost: every file is read once by RocksDB and once row by row; where a file is damaged, each
    /// once more, to tell which are.
    ///
    /// # Errors
    /// What keeps it from reading. Damage is no error here: it is in the report.
    pub fn verify(&self, progress: &mut dyn FnMut(Progress)) -> Result<VerifyReport> {
        let mut report = VerifyReport::default();
        let kv = self.kv();
        let mut told = Progress {
            stage: "files",
            rows: 0,
            rows_estimated: 0,
        };
        for family in Family::ALL {
            told.rows_estimated += kv.family_counts(family)?.keys_estimated;
        }
        progress(told);
        files::check(self, &mut report)?;
        let at = kv.snapshot();
        let mut verifier = Verifier {
            store: self,
            kv,
            at: &at,
            report,
            told,
            progress,
        };
        // Where a block cannot be read, RocksDB goes no further in that family; the others go on.
        verifier.family(Family::Catalog, Verifier::catalog)?;
        verifier.family(Family::History, Verifier::history)?;
        verifier.family(Family::Latest, Verifier::latest)?;
        verifier.family(Family::Quarantine, Verifier::quarantine)?;
        Ok(verifier.report)
    }
}

struct Verifier<'a> {
    store: &'a Store,
    kv: &'a Kv,
    at: &'a KvSnapshot<'a>,
    report: VerifyReport,
    told: Progress,
    progress: &'a mut dyn FnMut(Progress),
}

impl Verifier<'_> {
    fn step(&mut self) {
        self.told.rows += 1;
        if self.told.rows.is_multiple_of(4_096) {
            (self.progress)(self.told);
        }
    }

    /// Walks over one family and notes how it went.
    fn family(&mut self, family: Family, walk: fn(&mut Self) -> Result<()>) -> Result<()> {
        let rows = self.told.rows;
        let (findings, unchecked) = (self.report.finding_count, self.report.unchecked);
        self.told.stage = family.name();
        (self.progress)(self.told);
        let walked = walk(self);
        let read_to_the_end = self.report.survive(walked)?.is_some();
        self.report.families.push(FamilyVerdict {
            name: family.name(),
            rows: self.told.rows - rows,
            findings: self.report.finding_count - findings,
            unchecked: self.report.unchecked - unchecked,
            read_to_the_end,
        });
        Ok(())
    }

    fn catalog(&mut self) -> Result<()> {
        let mut cursor = self.kv.cursor(Family::Catalog, Walk::Range, Some(self.at));
        cursor.seek(&[])?;
        while let Some((key, stored)) = cursor.item() {
            self.step();
            let row = checksum::open("a row of the catalog", key, stored);
            self.report.survive(row)?;
            cursor.next()?;
        }
        Ok(())
    }

    fn view(&self, key: &[u8]) -> Result<Arc<ViewState>> {
        let id = key::view_of(key)?;
        self.store.catalog().by_id(id).ok_or_else(|| {
            Error::corrupt(format!("a row under key {} belongs to no view", Hex(key)))
        })
    }

    fn history(&mut self) -> Result<()> {
        let mut cursor = self.kv.cursor(Family::History, Walk::Range, Some(self.at));
        cursor.seek(&[])?;
        let mut entity: Option<Prefix> = None;
        let mut at: Option<(Prefix, Timestamp, Timestamp)> = None;
        let mut instant = Instant::default();
        while let Some((key, stored)) = cursor.item() {
            self.step();
            let checked = self.check_version(key, stored);
            if let Some((prefix, stamp, row)) = self.report.survive(checked)? {
                if entity != Some(prefix) {
                    entity = Some(prefix);
                    let known = self.kv.get(Family::Latest, &prefix, Some(self.at))?;
                    if known.is_none() {
                        self.report.find(format_args!(
                            "the entity under {} has versions and no latest row",
                            Hex(&prefix)
                        ));
                    }
                }
                let here = (prefix, stamp.et, stamp.rec);
                if at != Some(here) {
                    self.report.conflicts += instant.conflicts();
                    instant.clear();
                    at = Some(here);
                }
                instant.add(row.op, &row.body)?;
            }
            cursor.next()?;
        }
        self.report.conflicts += instant.conflicts();
        Ok(())
    }

    fn check_version<'r>(
        &mut self,
        key: &[u8],
        stored: &'r [u8],
    ) -> Result<(Prefix, Stamp, HistoryRow<'r>)> {
        let (prefix, stamp) = key::split_history(key)?;
        let view = self.view(key)?;
        let row = HistoryRow::open(key, stored)?;
        let wrong =
            |what: &str| Error::corrupt(format!("the version under key {} {what}", Hex(key)));
        if *Entity::of_bytes(&view, row.entity).prefix() != prefix {
            return Err(wrong("is about another entity than its key"));
        }
        let contract = view.contract();
        crate::format::entity::decode(&contract, row.entity)?;
        let digest = digest::content(&contract, &row.body)?;
        if Stamp::new(stamp.et, stamp.rec, row.op, digest) != stamp {
            return Err(wrong("says something else than its digest"));
        }
        if row.op == Op::Delete && row.body.len() > 0 {
            return Err(wrong("is a delete with features"));
        }
        self.report.versions += 1;
        Ok((prefix, stamp, row))
    }

    fn latest(&mut self) -> Result<()> {
        let mut cursor = self.kv.cursor(Family::Latest, Walk::Range, Some(self.at));
        cursor.seek(&[])?;
        let mut fold = Fold::default();
        while let Some((key, stored)) = cursor.item() {
            self.step();
            let checked = self.check_latest(key, stored, &mut fold);
            self.report.survive(checked)?;
            cursor.next()?;
        }
        Ok(())
    }

    /// Folds the history of an entity anew, up to the newest version that its latest row claims to
    /// hold, and compares byte by byte.
    fn check_latest(&mut self, key: &[u8], stored: &[u8], fold: &mut Fold) -> Result<()> {
        let view = self.view(key)?;
        let value = checksum::open("a latest row", key, stored)?;
        let latest = LatestRow::parse(value).map_err(|e| under(key, e))?;
        let entity = Entity::of_bytes(&view, latest.entity());
        let wrong =
            |what: String| Error::corrupt(format!("the latest row under key {} {what}", Hex(key)));
        if entity.prefix()[..] != *key {
            return Err(wrong("is about another entity than its key".into()));
        }
        let mut cursor = self.kv.cursor(Family::History, Walk::Entity, Some(self.at));
        let until = latest.newest_et().unwrap_or(Timestamp::MIN);
        let versions = refold(
            &mut cursor,
            &view,
            entity.prefix(),
            entity.bytes(),
            until,
            fold,
        )?;
        if versions.is_none() {
            return Err(wrong("has no history".into()));
        }
        let mut expected = Vec::new();
        fold.write(latest.schema_version(), entity.bytes(), &mut expected);
        if expected != value {
            return Err(wrong(format!(
                "is not the fold of its history: {} is stored, {} is right",
                Hex(value),
                Hex(&expected)
            )));
        }
        self.report.entities += 1;
        Ok(())
    }

    /// Every entry against its key, and all of them against the totals by which they are bounded.
    fn quarantine(&mut self) -> Result<()> {
        let mut found = Totals::default();
        let mut entries = QuarantineEntries::of(self.kv, Some(self.at));
        while let Some((_, bytes, entry)) = entries.next_entry() {
            self.step();
            found.rows += 1;
            found.bytes += bytes;
            if self.report.survive(entry)?.is_some() {
                self.report.quarantined += 1;
            }
        }
        entries.ended()?;
        let stored = self
            .kv
            .get(Family::Quarantine, &TOTALS_KEY, Some(self.at))?;
        let told = match stored {
            Some(stored) => Totals::decode(checksum::open("the totals", &TOTALS_KEY, &stored)?)?,
            None => Totals::default(),
        };
        if told != found {
            self.report.find(format_args!(
                "the quarantine holds {} rows of {} bytes and is said to hold {} of {}; drop every \
                 entry, or restore the store",
                found.rows, found.bytes, told.rows, told.bytes
            ));
        }
        Ok(())
    }
}
