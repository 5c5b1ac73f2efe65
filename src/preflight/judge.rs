//! Holds what the files say against each other and against the watermark.
//!
//! | a record cannot be read, and … | verdict |
//! |---|---|
//! | it lies before the place up to which the watermark calls the log durable | damaged |
//! | a row from there on is called durable, by the watermark or by a later record | damaged |
//! | good records follow, and the machine has run since the watermark was written | damaged: no power was cut, so nothing that was written can be missing |
//! | good records follow, after a restart, and none of them says so | torn: a hole in what nobody had synced |
//! | nothing good follows, and no write that was cut off looks like this | damaged |
//! | nothing good follows | torn: a write that was cut off |
//!
//! Rows have consecutive sequence numbers, from log to log, so that a log that is gone is missed too.

use super::log::{Broken, Scan, Why};
use super::{Finding, Health, LogLoss, ManifestScan, WalScan};
use crate::format::watermark::Watermark;
use std::collections::BTreeMap;

/// All that is known of a database before it is opened.
pub(crate) struct Evidence {
    /// The manifest that `CURRENT` names, by its number.
    pub(crate) manifest: (u64, ManifestScan),
    /// Every log that the manifest still needs, by its number.
    pub(crate) logs: BTreeMap<u64, WalScan>,
    pub(crate) watermark: Watermark,
    /// The machine has not been started anew since the watermark was written.
    pub(crate) same_boot: bool,
}

/// What comes of it.
#[derive(Debug, Default)]
pub(crate) struct Judgement {
    pub(crate) findings: Vec<Finding>,
    /// The log and the byte behind which nothing can be replayed.
    pub(crate) stop: Option<(u64, u64)>,
    /// How much of the manifest is whole, where something else follows that a power cut left.
    pub(crate) manifest: Option<(u64, u64)>,
    /// The newest sequence number that an open would bring back.
    pub(crate) sequence: u64,
    pub(crate) loss: LogLoss,
    /// Without what cannot be read, parts would be left of batches that were one, or nothing that says
    /// which store it was. Of no account where all can be read.
    pub(crate) torn_apart: bool,
}

pub(crate) fn manifest_name(number: u64) -> String {
    format!("db/MANIFEST-{number:06}")
}

pub(crate) fn log_name(number: u64) -> String {
    format!("db/{number:06}.log")
}

/// Judges a database.
pub(crate) fn judge(evidence: &Evidence) -> Judgement {
    let mut out = Judgement {
        findings: vec![manifest(evidence)],
        sequence: evidence.manifest.1.sequence,
        ..Judgement::default()
    };
    // Also where nothing follows: RocksDB passes over a record that ends too early, and refuses one of
    // which a sector is missing in the middle.
    if evidence.manifest.1.log.broken.is_some() {
        out.manifest = Some((evidence.manifest.0, evidence.manifest.1.log.whole));
    }
    let mut chain = Chain {
        evidence,
        durable: evidence
            .logs
            .values()
            .map(|log| log.durable)
            .fold(evidence.watermark.sequence, u64::max),
        reached: None,
    };
    for number in evidence.logs.keys() {
        chain.log(*number, &mut out);
    }
    out.sequence = chain.end();
    chain.missing(&mut out);
    // Families are written out one by one. Where the log ends before a table does, the rows of that
    // family would come back, and those that were written with them would not.
    let tables = &evidence.manifest.1;
    out.torn_apart |= match chain.reached {
        Some(reached) => tables.tables > reached,
        // Which row the first log begins with is not known any more.
        None => {
            let log = out.stop.map_or(tables.log_min, |(log, _)| log);
            tables.ahead > log || out.sequence == 0
        }
    };
    out
}

fn manifest(evidence: &Evidence) -> Finding {
    let (number, scan) = &evidence.manifest;
    let durable = evidence.watermark.manifest;
    let name = manifest_name(*number);
    let log = scan.log;
    if *number < durable.number {
        let what = format!(
            "CURRENT names it, and manifest {} was in force before: it is an older one",
            durable.number
        );
        return Finding::damaged(name, None, what);
    }
    if *number == durable.number && log.whole < durable.bytes {
        let why = reason(&log);
        let what = format!(
            "{why}; {} bytes were durable, {} are whole",
            durable.bytes, log.whole
        );
        return Finding::damaged(name, Some(log.broken.map_or(log.whole, |b| b.at)), what);
    }
    match log.broken {
        None => Finding::healthy(
            name,
            format!("{} edits, sequence {}", log.records, scan.sequence),
        ),
        Some(Broken {
            at,
            why,
            resumes: Some(next),
        }) => {
            let what = format!("{why}; the next whole record stands at byte {next}");
            // Edits are written in groups and synced once. No bit that turns leaves zeros.
            if why == Why::Zeros && !evidence.same_boot {
                torn(name, at, format!("{what}; neither was synced"))
            } else {
                Finding::damaged(name, Some(at), what)
            }
        }
        Some(Broken { at, why, .. }) if why.is_torn(!evidence.same_boot) => {
            torn(name, at, format!("{why}; nothing follows"))
        }
        Some(Broken { at, why, .. }) => Finding::damaged(name, Some(at), why.to_string()),
    }
}

fn torn(file: String, at: u64, what: String) -> Finding {
    Finding {
        file,
        health: Health::Torn,
        offset: Some(at),
        what,
    }
}

fn reason(log: &Scan) -> String {
    match log.broken {
        Some(broken) => broken.why.to_string(),
        None => "the file is shorter than it was".into(),
    }
}

/// The rows of the logs, one after another.
struct Chain<'a> {
    evidence: &'a Evidence,
    /// The largest sequence number that anybody calls durable.
    durable: u64,
    /// The last row that was read without interruption; none before the first.
    reached: Option<u64>,
}

impl Chain<'_> {
    fn end(&self) -> u64 {
        self.reached.unwrap_or(self.evidence.manifest.1.sequence)
    }

    fn log(&mut self, number: u64, out: &mut Judgement) {
        let wal = &self.evidence.logs[&number];
        if out.stop.is_some() {
            out.loss.bytes += wal.log.bytes;
            out.loss.batches += wal.rows.batches + wal.behind.batches;
            self.lose(wal.behind.last().or(wal.rows.last()), out);
            let what = "it follows a log that cannot be read to its end";
            out.findings.push(Finding::healthy(log_name(number), what));
            return;
        }
        if let Some((what, whole)) = self.strange(wal) {
            out.stop = Some((number, whole));
            out.loss.bytes += wal.log.bytes - whole;
            let finding = Finding::damaged(log_name(number), Some(whole), what);
            out.findings.push(finding);
            return;
        }
        if let Some(finding) = self.gap(number, wal, out) {
            out.findings.push(finding);
            return;
        }
        self.reached = wal.rows.last().or(self.reached);
        let finding = match (self.short(number, wal), wal.log.broken) {
            (Some(what), None) => Finding::damaged(log_name(number), Some(wal.log.whole), what),
            (short, Some(broken)) => self.broken(number, wal, broken, short, out),
            (None, None) => Finding::healthy(log_name(number), rows(wal)),
        };
        out.findings.push(finding);
    }

    /// Why a log is none of this store, or none that stands in its place, and up to which byte it may
    /// be replayed.
    fn strange(&self, wal: &WalScan) -> Option<(String, u64)> {
        if wal.foreign {
            return Some(("it holds rows of another store".into(), 0));
        }
        let (first, reached) = (wal.rows.first()?, self.reached?);
        (first <= reached).then(|| {
            let what = format!(
                "it begins with sequence {first}, and the logs before it go up to {reached}: it is an \
                 older log, or a copy of one"
            );
            (what, 0)
        })
    }

    /// Rows that should stand between the logs before this one and its first. Nothing behind such a
    /// gap is replayed: a batch that was built on a lost one would come back without it.
    fn gap(&self, number: u64, wal: &WalScan, out: &mut Judgement) -> Option<Finding> {
        let (first, expected) = (wal.rows.first()?, self.end() + 1);
        if first <= expected {
            return None;
        }
        out.stop = Some((number, 0));
        out.loss.bytes += wal.log.bytes;
        out.loss.batches += wal.rows.batches + wal.behind.batches;
        let what = format!("it begins with sequence {first}, and {expected} should come next");
        if !self.evidence.same_boot && self.durable < expected {
            let what = format!("{what}; neither was synced");
            return Some(torn(log_name(number), 0, what));
        }
        out.loss.sequences = Some((expected, self.durable.max(expected)));
        self.lose(wal.behind.last().or(wal.rows.last()), out);
        Some(Finding::damaged(log_name(number), Some(0), what))
    }

    /// Why a log is shorter than the watermark knew it, if it is.
    fn short(&self, number: u64, wal: &WalScan) -> Option<String> {
        let watermark = self.evidence.watermark.log;
        let closed = self.evidence.manifest.1.closed.get(&number);
        let of_watermark = (number == watermark.number).then_some(watermark.bytes);
        let durable = closed.copied().max(of_watermark)?;
        (wal.log.whole < durable).then(|| {
            format!(
                "{}; {durable} bytes were durable, {} are whole",
                reason(&wal.log),
                wal.log.whole
            )
        })
    }

    fn broken(
        &self,
        number: u64,
        wal: &WalScan,
        broken: Broken,
        short: Option<String>,
        out: &mut Judgement,
    ) -> Finding {
        let expected = self.end() + 1;
        let later = self.evidence.logs.range(number + 1..);
        let later = later
            .filter_map(|(_, wal)| wal.rows.first().or(wal.behind.first()))
            .next();
        let name = log_name(number);
        if short.is_none() && broken.resumes.is_none() && later == Some(expected) {
            let what = format!("{}; the next log goes on where this one ends", broken.why);
            return torn(name, broken.at, what);
        }
        out.stop = Some((number, wal.log.whole));
        out.loss.bytes += wal.log.dropped();
        out.loss.batches += wal.behind.batches;
        let after = wal.behind.first().or(later);
        let follows = broken.resumes.is_some() || after.is_some();
        // Where the log's first record is gone, its number is at most one below the next one's.
        let first = match (self.reached, after) {
            (None, Some(after)) => expected.min(after - 1),
            _ => expected,
        };
        let damage = if short.is_some() {
            short
        } else if self.durable >= first {
            let durable = self.durable;
            Some(format!(
                "{}; rows up to sequence {durable} were durable",
                broken.why
            ))
        } else if follows && self.evidence.same_boot {
            Some(match broken.resumes {
                Some(next) => format!(
                    "{}; the next whole record stands at byte {next}",
                    broken.why
                ),
                None => format!("{}; whole logs follow", broken.why),
            })
        } else if !broken.why.is_torn(!self.evidence.same_boot) {
            Some(broken.why.to_string())
        } else {
            None
        };
        match damage {
            Some(what) => {
                out.loss.sequences = Some((first, first.max(self.durable)));
                self.lose(wal.behind.last(), out);
                Finding::damaged(name, Some(broken.at), what)
            }
            None if follows => {
                let what = format!("{}; what follows was not synced either", broken.why);
                torn(name, broken.at, what)
            }
            None => torn(name, broken.at, format!("{}; nothing follows", broken.why)),
        }
    }

    /// Counts rows up to here among those that are lost, if any are.
    fn lose(&self, last: Option<u64>, out: &mut Judgement) {
        if let (Some((_, lost)), Some(last)) = (&mut out.loss.sequences, last) {
            *lost = last.max(*lost);
        }
    }

    /// Rows that were durable and of which no trace is left.
    fn missing(&self, out: &mut Judgement) {
        for (number, bytes) in &self.evidence.manifest.1.closed {
            if !self.evidence.logs.contains_key(number) {
                let what = format!(
                    "it is missing; {bytes} bytes of it were durable, and the manifest needs them"
                );
                let finding = Finding::damaged(log_name(*number), None, what);
                out.findings.push(finding);
                out.torn_apart = true;
            }
        }
        let log = self.evidence.watermark.log;
        let needed = log.number >= self.evidence.manifest.1.log_min && log.bytes > 0;
        if needed && !self.evidence.logs.contains_key(&log.number) {
            let what = format!("it is missing; {} bytes of it were durable", log.bytes);
            let finding = Finding::damaged(log_name(log.number), None, what);
            out.findings.push(finding);
        }
        let lost = (self.end() + 1, self.durable);
        if lost.0 > lost.1 || out.loss.sequences.is_some() {
            return;
        }
        out.loss.sequences = Some(lost);
        if out.findings.iter().all(|f| f.health != Health::Damaged) {
            let what = format!(
                "its rows end with sequence {}, and {} was durable",
                self.end(),
                self.durable
            );
            let (file, offset) = match self.evidence.logs.last_key_value() {
                Some((number, wal)) => (log_name(*number), Some(wal.log.whole)),
                None => (manifest_name(self.evidence.manifest.0), None),
            };
            out.findings.push(Finding::damaged(file, offset, what));
        }
    }
}

fn rows(wal: &WalScan) -> String {
    match wal.rows.range {
        Some((first, last)) => format!("{} batches, sequence {first} to {last}", wal.rows.batches),
        None => "no rows".into(),
    }
}

#[cfg(test)]
mod tests;
