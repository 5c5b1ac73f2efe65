//! `quarantine`: the rows that were set aside, and why.

use crate::exit::{Exit, Failure};
use crate::output::{Format, Table};
use crate::session::Session;
use asof::{QuarantineEntry, write_json_string};

/// Prints every entry.
pub(crate) fn list(session: &Session) -> Result<Exit, Failure> {
    let entries = session.open()?.quarantine()?;
    if session.format() == Format::Table {
        let mut table = Table::new(["set aside at", "reason", "raw"]);
        for entry in &entries {
            let raw = String::from_utf8_lossy(&entry.raw);
            table.push([&entry.set_aside_at.to_string(), &entry.reason, &*raw]);
        }
        session.stdout().raw(table.render().as_bytes())?;
        return Ok(Exit::Ok);
    }
    let mut list = session.stdout().list(session.format());
    for entry in &entries {
        list.push(object(entry).as_bytes())?;
    }
    list.finish()?;
    Ok(Exit::Ok)
}

fn object(entry: &QuarantineEntry) -> String {
    let mut out = format!("{{\"set_aside_at\":\"{}\",\"reason\":", entry.set_aside_at);
    write_json_string(&mut out, &entry.reason);
    if let Some(origin) = &entry.origin {
        out.push_str(",\"source\":");
        write_json_string(&mut out, &origin.source);
        out.push_str(",\"partition\":");
        write_json_string(&mut out, &origin.partition);
        out.push_str(&format!(",\"offset\":{}", origin.offset));
    }
    out.push_str(",\"raw\":");
    write_json_string(&mut out, &String::from_utf8_lossy(&entry.raw));
    out.push('}');
    out
}
