//! Proving that what is stored is what the law says.

use super::Store;
use crate::catalog::{Entity, ViewState};
use crate::error::{Error, ErrorKind, Result};
use crate::format::checksum;
use crate::format::digest;
use crate::format::key::{self, Prefix, Stamp};
use crate::format::quarantine::{TOTALS_KEY, Totals};
use crate::format::row::{HistoryRow, LatestRow};
use crate::id::Hex;
use crate::kv::{Family, Kv, KvSnapshot, Walk};
use crate::law::{Fold, contradict};
use crate::op::Op;
use crate::read::refold;
use crate::time::Timestamp;
use crate::write::QuarantineEntries;
use std::sync::Arc;

/// How far a verification has come.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Rows read so far, of all families.
    pub rows: u64,
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

    fn find(&mut self, what: impl ToString) {
        self.finding_count += 1;
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(what.to_string());
        }
    }

    /// Notes damage and goes on; passes on what is no damage.
    fn survive<T>(&mut self, outcome: Result<T>) -> Result<Option<T>> {
        match outcome {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                self.find(error);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

impl Store {
    /// Reads everything: every checksum of RocksDB's and of ours, every digest against its content,
    /// every entity against its key, every latest row against the fold of its history.
    ///
    /// # Errors
    /// What keeps it from reading. Damage is no error here: it is in the report.
    pub fn verify(&self, progress: &mut dyn FnMut(Progress)) -> Result<VerifyReport> {
        let mut report = VerifyReport::default();
        let kv = self.kv();
        report.survive(kv.verify_blocks())?;
        let at = kv.snapshot();
        let mut verifier = Verifier {
            store: self,
            kv,
            at: &at,
            report,
            rows: 0,
            progress,
        };
        // Where a block cannot be read, RocksDB goes no further in that family; the others go on.
        for walk in [Verifier::history, Verifier::latest, Verifier::quarantine] {
            let walked = walk(&mut verifier);
            verifier.report.survive(walked)?;
        }
        Ok(verifier.report)
    }
}

struct Verifier<'a> {
    store: &'a Store,
    kv: &'a Kv,
    at: &'a KvSnapshot<'a>,
    report: VerifyReport,
    rows: u64,
    progress: &'a mut dyn FnMut(Progress),
}

impl Verifier<'_> {
    fn step(&mut self) {
        self.rows += 1;
        if self.rows.is_multiple_of(4_096) {
            (self.progress)(Progress { rows: self.rows });
        }
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
        let mut instant: Vec<(Stamp, Vec<u8>)> = Vec::new();
        while let Some((key, stored)) = cursor.item() {
            self.step();
            let checked = self.check_version(key, stored);
            if let Some((prefix, stamp, value)) = self.report.survive(checked)? {
                if entity != Some(prefix) {
                    entity = Some(prefix);
                    instant.clear();
                    let known = self.kv.get(Family::Latest, &prefix, Some(self.at))?;
                    if known.is_none() {
                        self.report.find(format_args!(
                            "the entity under {} has versions and no latest row",
                            Hex(&prefix)
                        ));
                    }
                }
                instant.retain(|(other, _)| (other.et, other.rec) == (stamp.et, stamp.rec));
                self.count_conflicts(&instant, &stamp, &value)?;
                instant.push((stamp, value));
            }
            cursor.next()?;
        }
        Ok(())
    }

    fn check_version(&mut self, key: &[u8], stored: &[u8]) -> Result<(Prefix, Stamp, Vec<u8>)> {
        let (prefix, stamp) = key::split_history(key)?;
        let view = self.view(key)?;
        let value = checksum::open("a version", key, stored)?;
        let row = HistoryRow::parse(value)?;
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
        Ok((prefix, stamp, value.to_vec()))
    }

    fn count_conflicts(
        &mut self,
        instant: &[(Stamp, Vec<u8>)],
        stamp: &Stamp,
        value: &[u8],
    ) -> Result<()> {
        let row = HistoryRow::parse(value)?;
        for (other, value) in instant {
            debug_assert_eq!((other.et, other.rec), (stamp.et, stamp.rec));
            let other = HistoryRow::parse(value)?;
            let conflict = contradict((row.op, &row.body), (other.op, &other.body))?;
            self.report.conflicts += u64::from(conflict);
        }
        Ok(())
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
        let latest = LatestRow::parse(value)?;
        let entity = Entity::of_bytes(&view, latest.entity);
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
        fold.write(latest.schema_version, entity.bytes(), &mut expected);
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
