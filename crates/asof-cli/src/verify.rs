//! `verify`: every file, every checksum, and every latest row against its history.

use crate::exit::{Exit, Failure};
use crate::output::{Format, Table};
use crate::progress::Bar;
use crate::session::Session;
use asof::{FamilyVerdict, FileVerdict, VerifyReport, write_json_string};
use indicatif::HumanBytes;
use std::fmt::Write;

/// Checks the store and prints what was found: a verdict per file, one per family, and the sum.
pub(crate) fn run(session: &Session) -> Result<Exit, Failure> {
    let store = session.open()?;
    let bar = Bar::rows("files");
    let report = store.verify(&mut |told| bar.show(told.stage, told.rows, told.rows_estimated));
    drop(bar);
    let report = report?;
    match session.format() {
        Format::Table => session.stdout().raw(render(&report).as_bytes())?,
        Format::Json => session.stdout().line(&object(&report))?,
        Format::Ndjson => lines(session, &report)?,
    }
    if report.is_clean() {
        return Ok(Exit::Ok);
    }
    Err(Failure::new(
        Exit::Damaged,
        format!(
            "verify found {} in the store, and has changed nothing. Restore a copy, or ingest the rows \
             again into a new store; writing again is always safe",
            match report.finding_count {
                1 => "1 thing wrong".into(),
                count => format!("{count} things wrong"),
            }
        ),
    ))
}

fn counts(report: &VerifyReport) -> [(&'static str, u64); 6] {
    [
        ("versions", report.versions),
        ("entities", report.entities),
        ("conflicts", report.conflicts),
        ("quarantined", report.quarantined),
        ("unchecked", report.unchecked),
        ("findings", report.finding_count),
    ]
}

fn render(report: &VerifyReport) -> String {
    let head = [
        "file", "family", "level", "rows", "size", "verdict", "checked",
    ];
    let mut table = Table::new(head).numbers(2..5);
    for file in &report.files {
        let number = |n: Option<u64>| n.map(|n| n.to_string()).unwrap_or_default();
        table.push([
            file.path.as_str(),
            file.family.unwrap_or_default(),
            &number(file.level.map(u64::from)),
            &number(file.rows),
            &HumanBytes(file.bytes).to_string(),
            if file.damage.is_some() {
                "damaged"
            } else {
                "whole"
            },
            // What JSON says in full; a table has to fit.
            match file.checked {
                "every checksum" => "checksums",
                "read when the store was opened" => "at open",
                "held by this process" => "held",
                other => other,
            },
        ]);
    }
    let mut out = table.render();
    let mut table =
        Table::new(["family", "rows read", "unchecked", "findings", "verdict"]).numbers(1..4);
    for family in &report.families {
        table.push([
            family.name,
            &family.rows.to_string(),
            &family.unchecked.to_string(),
            &family.findings.to_string(),
            verdict(family),
        ]);
    }
    let _ = writeln!(out, "\n{}", table.render());
    for (name, count) in counts(report) {
        let _ = writeln!(out, "{name:11} {count}");
    }
    for finding in &report.findings {
        let _ = writeln!(out, "{finding}");
    }
    if report.finding_count > report.findings.len() as u64 {
        let _ = writeln!(
            out,
            "and {} more",
            report.finding_count - report.findings.len() as u64
        );
    }
    out
}

fn verdict(family: &FamilyVerdict) -> &'static str {
    match (family.findings, family.unchecked, family.read_to_the_end) {
        (0, 0, true) => "whole",
        (0, _, true) => "not all of it could be checked",
        (_, _, true) => "damaged",
        (_, _, false) => "damaged; not read to its end",
    }
}

fn file_members(file: &FileVerdict) -> String {
    let mut out = String::from("\"path\":");
    write_json_string(&mut out, &file.path);
    if let Some(family) = file.family {
        let _ = write!(out, ",\"family\":\"{family}\"");
    }
    if let (Some(level), Some(rows)) = (file.level, file.rows) {
        let _ = write!(out, ",\"level\":{level},\"rows\":{rows}");
    }
    let _ = write!(
        out,
        ",\"bytes\":{},\"checked\":\"{}\",\"whole\":{}",
        file.bytes,
        file.checked,
        file.damage.is_none()
    );
    if let Some(damage) = &file.damage {
        out.push_str(",\"damage\":");
        write_json_string(&mut out, damage);
    }
    out
}

fn family_members(family: &FamilyVerdict) -> String {
    format!(
        "\"family\":\"{}\",\"rows\":{},\"unchecked\":{},\"findings\":{},\"read_to_the_end\":{}",
        family.name, family.rows, family.unchecked, family.findings, family.read_to_the_end
    )
}

/// The sum; `findings` are the first hundred of them in words.
fn sum_members(report: &VerifyReport) -> String {
    let mut out = String::new();
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
    out.push(']');
    out
}

fn object(report: &VerifyReport) -> String {
    let braced = |members: String| format!("{{{members}}}");
    let files: Vec<String> = report
        .files
        .iter()
        .map(|f| braced(file_members(f)))
        .collect();
    let families: Vec<String> = report
        .families
        .iter()
        .map(|f| braced(family_members(f)))
        .collect();
    format!(
        "{{{},\"files\":[{}],\"families\":[{}]}}",
        sum_members(report),
        files.join(","),
        families.join(",")
    )
}

fn lines(session: &Session, report: &VerifyReport) -> Result<(), Failure> {
    let mut list = session.stdout().list(Format::Ndjson);
    let mut push = |kind: &str, members: String| {
        list.push(format!("{{\"kind\":\"{kind}\",{members}}}").as_bytes())
    };
    for file in &report.files {
        push("file", file_members(file))?;
    }
    for family in &report.families {
        push("family", family_members(family))?;
    }
    push("sum", sum_members(report))?;
    list.finish()
}
