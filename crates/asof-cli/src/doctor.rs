//! `doctor`: what is wrong with a store that does not open, what would be lost, and the choices.

use crate::args::DoctorArgs;
use crate::exit::{Exit, Failure};
use crate::output::Format;
use crate::session::{Session, note};
use asof::{Examination, Finding, Health, Loss, write_json_string};
use std::fmt::Write;

/// Examines the store without opening it; with `--accept-loss --yes` opens it without what cannot be
/// read.
pub(crate) fn run(session: &Session, args: &DoctorArgs) -> Result<Exit, Failure> {
    let path = session.path()?;
    let found = asof::Store::examine(path)?;
    // A manifest that is damaged does not say which tables there are.
    let tables = match found.damage() {
        None => asof::Store::examine_tables(path)?,
        Some(_) => Vec::new(),
    };
    let findings: Vec<&Finding> = found.findings().iter().chain(&tables).collect();
    let text = match session.format() {
        Format::Table => render(&found, &findings),
        Format::Json | Format::Ndjson => object(&found, &findings),
    };
    session.stdout().raw(text.as_bytes())?;
    if let Some(table) = tables.iter().find(|f| f.health == Health::Damaged) {
        return Err(Failure::new(
            Exit::Damaged,
            format!(
                "{table}. Put back this file from a copy of this store, or a copy of the whole store. Nothing was changed"
            ),
        ));
    }
    let Some(damage) = found.damage() else {
        return Ok(Exit::Ok);
    };
    let loss = found.loss();
    if !args.accept_loss {
        return Err(Failure::new(Exit::Damaged, format!("{damage}")).and(choices(&found)));
    }
    if !found.is_acceptable() {
        return Err(Failure::new(
            Exit::Damaged,
            format!("{damage}. No loss of log would mend that. Restore a copy of the store"),
        ));
    }
    if !args.consent.yes {
        note(format_args!(
            "{} {loss}",
            args.consent.says("gave up", "give up")
        ));
        return Ok(args.consent.end());
    }
    // No more than what was just shown.
    let options = session.options().accept_loss(Loss::UpTo(loss.records()));
    options.open(path)?.close()?;
    note(format_args!(
        "{} {loss}; the store opens again. What was cut off lies in lost.N beside the database. \
         Ingest again from before the loss: writing again is always safe",
        args.consent.says("gave up", "give up")
    ));
    Ok(args.consent.end())
}

fn choices(found: &Examination) -> String {
    let restore = "choices: put back a copy of the whole store";
    if found.is_acceptable() {
        format!(
            "{restore}; or open it without what cannot be read, which gives up {}: asof doctor \
             --accept-loss --yes. Nothing was changed",
            found.loss()
        )
    } else {
        format!("{restore}. Nothing was changed")
    }
}

fn render(found: &Examination, findings: &[&Finding]) -> String {
    let width = findings.iter().map(|f| f.file.len()).max();
    let width = width.unwrap_or(0);
    let mut out = String::new();
    for Finding {
        file,
        health,
        offset,
        what,
        ..
    } in findings
    {
        let _ = write!(out, "{file:width$}  {:8}  ", health.to_string());
        if let Some(offset) = offset {
            let _ = write!(out, "byte {offset}: ");
        }
        let _ = writeln!(out, "{what}");
    }
    if found.loss().bytes > 0 || found.loss().records() > 0 {
        let _ = writeln!(out, "an open would drop {}", found.loss());
    }
    out
}

/// The same as JSON.
fn object(found: &Examination, findings: &[&Finding]) -> String {
    let mut out = String::from("{\"healthy\":");
    let _ = write!(
        out,
        "{},\"files\":[",
        findings.iter().all(|f| f.health != Health::Damaged)
    );
    for (at, finding) in findings.iter().enumerate() {
        out.push_str(if at > 0 { "," } else { "" });
        out.push_str("{\"file\":");
        write_json_string(&mut out, &finding.file);
        let health = match finding.health {
            Health::Healthy => "healthy",
            Health::Torn => "torn",
            _ => "damaged",
        };
        let _ = write!(out, ",\"health\":\"{health}\"");
        if let Some(offset) = finding.offset {
            let _ = write!(out, ",\"offset\":{offset}");
        }
        out.push_str(",\"what\":");
        write_json_string(&mut out, &finding.what);
        out.push('}');
    }
    let loss = found.loss();
    let _ = write!(
        out,
        "],\"loss\":{{\"bytes\":{},\"batches\":{},\"records_min\":{}",
        loss.bytes,
        loss.batches,
        loss.records()
    );
    if let Some((first, last)) = loss.sequences {
        let _ = write!(out, ",\"first_sequence\":{first},\"last_sequence\":{last}");
    }
    let _ = writeln!(out, "}},\"acceptable\":{}}}", found.is_acceptable());
    out
}
