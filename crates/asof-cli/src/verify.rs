//! `verify`: every checksum, and every latest row against its history.

use crate::exit::{Exit, Failure};
use crate::output::Format;
use crate::session::Session;
use asof::{VerifyReport, write_json_string};
use indicatif::{ProgressBar, ProgressStyle};
use std::fmt::Write;

/// Checks the store and prints what was found.
pub(crate) fn run(session: &Session) -> Result<Exit, Failure> {
    let store = session.open()?;
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {human_pos} rows read, {per_sec}") {
        bar.set_style(style);
    }
    let report = store.verify(&mut |progress| bar.set_position(progress.rows));
    bar.finish_and_clear();
    let report = report?;
    session.stdout().raw(
        match session.format() {
            Format::Table => render(&report),
            Format::Json | Format::Ndjson => object(&report),
        }
        .as_bytes(),
    )?;
    if report.is_clean() {
        return Ok(Exit::Ok);
    }
    Err(Failure::new(
        Exit::Damaged,
        format!(
            "{} things are wrong in the store. What verify read is unchanged. Restore a copy, or \
             ingest the rows again into a new store; writing again is always safe",
            report.finding_count
        ),
    ))
}

fn counts(report: &VerifyReport) -> [(&'static str, u64); 5] {
    [
        ("versions", report.versions),
        ("entities", report.entities),
        ("conflicts", report.conflicts),
        ("quarantined", report.quarantined),
        ("findings", report.finding_count),
    ]
}

fn render(report: &VerifyReport) -> String {
    let mut out = String::new();
    for (name, count) in counts(report) {
        let _ = writeln!(out, "{name:11} {count}");
    }
    for finding in &report.findings {
        let _ = writeln!(out, "{finding}");
    }
    out
}

/// The same as JSON; `findings` are the first of them in words.
fn object(report: &VerifyReport) -> String {
    let mut out = String::from("{");
    for (name, count) in counts(report) {
        let name = if name == "findings" {
            "finding_count"
        } else {
            name
        };
        let _ = write!(out, "\"{name}\":{count},");
    }
    out.push_str("\"findings\":[");
    for (at, finding) in report.findings.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write_json_string(&mut out, finding);
    }
    out.push_str("]}\n");
    out
}
