//! `quarantine replay`: rows that were set aside, tried again.

use super::{damage, known, which};
use crate::args::QuarantineReplayArgs;
use crate::exit::{Exit, Failure};
use crate::ingest::receipt;
use crate::output::{Format, Table};
use crate::session::{Session, note};
use asof::{ReplayReport, WriteOptions, write_json_string};

/// Tries them again and prints the receipt, then what is still bad.
pub(crate) fn replay(session: &Session, args: &QuarantineReplayArgs) -> Result<Exit, Failure> {
    let store = session.open()?;
    let options = WriteOptions {
        durability: args.durability,
        ..WriteOptions::default()
    };
    let report = store.replay_quarantine(&which(session, &args.which), options)?;
    store.sync()?;
    let nothing = report.receipt.rows == 0 && report.damaged.is_empty();
    known(
        session,
        &store,
        args.which.view.as_deref().filter(|_| nothing),
    )?;
    let text = match session.format() {
        Format::Table => render(&report),
        Format::Json | Format::Ndjson => object(&report),
    };
    session.stdout().raw(text.as_bytes())?;
    let untold = report.receipt.quarantined - report.still_bad.len() as u64;
    if untold > 0 {
        note(format_args!(
            "{untold} more rows are still bad; `asof quarantine list` gives the reasons"
        ));
    }
    store.close()?;
    if report.damaged.is_empty() {
        return Ok(Exit::Ok);
    }
    Err(damage(&report.damaged))
}

fn render(report: &ReplayReport) -> String {
    let mut out = receipt::render(&report.receipt);
    if !report.still_bad.is_empty() {
        let mut table = Table::new(["still bad"]);
        for bad in &report.still_bad {
            table.push([bad.id.to_string()]);
            table.below(&bad.reason);
        }
        out += &table.render();
    }
    out
}

fn object(report: &ReplayReport) -> String {
    let mut out = format!("{{{},\"still_bad\":[", receipt::members(&report.receipt));
    for (at, bad) in report.still_bad.iter().enumerate() {
        let comma = if at > 0 { "," } else { "" };
        out += &format!("{comma}{{\"id\":\"{}\",\"reason\":", bad.id);
        write_json_string(&mut out, &bad.reason);
        out.push('}');
    }
    out.push_str("]}\n");
    out
}
