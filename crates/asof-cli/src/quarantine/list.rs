//! `quarantine list`: what was set aside, and why.

use super::{damage, filter, known, visit};
use crate::args::QuarantineListArgs;
use crate::exit::{Exit, Failure};
use crate::output::{Format, Table};
use crate::session::{Session, note};
use asof::{Form, QuarantineEntry, TimeText, Value, write_json_string};
use std::fmt::Write;

/// How much of a row a table shows.
const SHOWN_CHARS_MAX: usize = 100;

/// Prints entries in the order of their ids.
pub(crate) fn list(session: &Session, args: &QuarantineListArgs) -> Result<Exit, Failure> {
    let store = session.open()?;
    let filter = filter(session, args.view.as_deref());
    let mut left = args.limit.unwrap_or(u64::MAX);
    let damaged = if session.format() == Format::Table {
        let mut table = table();
        let mut nowhere = 0;
        let damaged = visit(&store, &filter, |entry| {
            if left > 0 {
                push(&mut table, entry);
                nowhere += u64::from(entry.origin.is_none());
            }
            left = left.saturating_sub(1);
            Ok(left > 0)
        })?;
        session.stdout().raw(table.render().as_bytes())?;
        if nowhere > 0 {
            tell_no_origin(nowhere);
        }
        damaged
    } else {
        let mut list = session.stdout().list(session.format());
        let damaged = visit(&store, &filter, |entry| {
            if left > 0 {
                list.push(object(entry).as_bytes())?;
            }
            left = left.saturating_sub(1);
            Ok(left > 0)
        })?;
        list.finish()?;
        damaged
    };
    if damaged.is_empty() {
        let nothing = left == args.limit.unwrap_or(u64::MAX);
        known(session, &store, args.view.as_deref().filter(|_| nothing))?;
        return Ok(Exit::Ok);
    }
    Err(damage(&damaged))
}

/// An origin is what makes a row one entry however often it comes. A file and a line are none: the
/// same row in another file would be another entry, and another row at that line the same one.
fn tell_no_origin(entries: u64) {
    let have = match entries {
        1 => "1 entry has".into(),
        entries => format!("{entries} entries have"),
    };
    note(format_args!(
        "{have} no origin: a row that was ingested without --source is known by what it says, in \
         whatever file and line it stands"
    ));
}

pub(super) fn table() -> Table {
    Table::new(["id", "set aside at", "view", "origin"])
}

pub(super) fn push(table: &mut Table, entry: &QuarantineEntry) {
    let view = entry.view.as_deref().unwrap_or_default();
    let view = match entry.namespace.as_deref().unwrap_or("default") {
        "default" => view.to_owned(),
        namespace => format!("{namespace}/{view}"),
    };
    let origin = entry.origin.as_ref().map_or(String::new(), |origin| {
        format!("{}/{}:{}", origin.source, origin.partition, origin.offset)
    });
    let raw = String::from_utf8_lossy(&entry.raw[..entry.raw.len().min(4 * SHOWN_CHARS_MAX)]);
    let mut shown: String = raw.chars().take(SHOWN_CHARS_MAX).collect();
    if shown.len() < entry.raw.len() {
        let _ = write!(shown, "… ({} bytes)", entry.raw_bytes);
    }
    table.push([
        entry.id.to_string(),
        entry.set_aside_at.to_string(),
        view,
        origin,
    ]);
    table.below(&entry.reason);
    table.below(&shown);
}

/// An entry with all that is needed to mend it by hand. `raw` is a line of JSON, or a record of the
/// table whose `header` stands beside it; where it is no text, `raw_base64` has the bytes.
pub(super) fn object(entry: &QuarantineEntry) -> String {
    let mut out = format!(
        "{{\"id\":\"{}\",\"set_aside_at\":\"{}\"",
        entry.id, entry.set_aside_at
    );
    let mut member = |name: &str, value: &str| {
        let _ = write!(out, ",\"{name}\":");
        write_json_string(&mut out, value);
    };
    for (name, value) in [("namespace", &entry.namespace), ("view", &entry.view)] {
        value.iter().for_each(|value| member(name, value));
    }
    member("reason", &entry.reason);
    if let Some(origin) = &entry.origin {
        member("source", &origin.source);
        member("partition", &origin.partition);
        let _ = write!(out, ",\"offset\":{}", origin.offset);
    }
    if let Form::Record(form) = &entry.form {
        let header = Value::ListString(form.header.clone());
        out.push_str(",\"header\":");
        header.write_json(&mut out, TimeText::Rfc3339);
    }
    if entry.is_cut() {
        let _ = write!(out, ",\"raw_bytes\":{}", entry.raw_bytes);
    }
    let text = std::str::from_utf8(&entry.raw);
    out.push_str(",\"raw\":");
    write_json_string(&mut out, &String::from_utf8_lossy(&entry.raw));
    if text.is_err() {
        out.push_str(",\"raw_base64\":");
        Value::Bytes(entry.raw.clone()).write_json(&mut out, TimeText::Rfc3339);
    }
    out.push('}');
    out
}
