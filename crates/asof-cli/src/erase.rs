//! `erase`: forgets an entity for good, and the record of who was forgotten when.

use crate::args::{Consent, EraseArgs};
use crate::exit::{Exit, Failure};
use crate::key;
use crate::output::{Format, Table};
use crate::session::{Session, full_name, note, push_namespace};
use asof::{EraseOptions, Erased, Erasure, Timestamp, Value, View};
use std::fmt::Write;

/// Erases an entity, or says what that would do; or lists what was erased.
pub(crate) fn run(session: &Session, args: &EraseArgs) -> Result<Exit, Failure> {
    let Some(view) = &args.view else {
        return list(session);
    };
    let store = session.open()?;
    let view = session.view(&store, view)?;
    let entity = key::entity(&view, &args.key).map_err(Failure::of_usage)?;
    let options = EraseOptions {
        recorded_at: args.recorded_at,
        reclaim: !args.no_reclaim,
    };
    let consent = args.consent;
    let erased = match consent.yes {
        true => store.erase(&view, &entity, options)?,
        false => store.check_erase(&view, &entity, options)?,
    };
    let values = entity.to_values();
    let text = match session.format() {
        Format::Table => render(&view, &values, &erased, consent),
        Format::Json | Format::Ndjson => object(&view, &values, &erased, consent),
    };
    session.stdout().raw(text.as_bytes())?;
    if !consent.yes {
        return Ok(consent.end());
    }
    // Closing tells of a failure that a drop would keep to itself.
    store.close()?;
    if !erased.was_known {
        note("nothing was stored of this entity; it is fenced, so that nothing will be");
    }
    match (options.reclaim, erased.reclaimed) {
        (false, _) => note(
            "its bytes leave the files when they are next compacted; erase it again without \
             --no-reclaim to have that now",
        ),
        (true, false) => {
            note("something still held its bytes; erase it again to have them leave the files now")
        }
        (true, true) => {}
    }
    Ok(consent.end())
}

fn render(view: &View, entity: &[Value], erased: &Erased, consent: Consent) -> String {
    let mut out = String::new();
    let mut line = |name: &str, value: &dyn std::fmt::Display| {
        let _ = writeln!(out, "{name:15} {value}");
    };
    let name = full_name(view);
    let title = consent.says("erased", "erase");
    let described = key::describe(view.contract(), entity);
    line(&title, &format_args!("{name} {described}"));
    line("recorded up to", &erased.recorded_at);
    if let Some(floor) = erased.floor {
        line("or true up to", &floor);
    }
    line("versions", &erased.versions);
    line("quarantined", &erased.quarantined);
    if consent.yes {
        let reclaimed = if erased.reclaimed {
            "reclaimed"
        } else {
            "not reclaimed"
        };
        line("space", &reclaimed);
    }
    out
}

fn object(view: &View, entity: &[Value], erased: &Erased, consent: Consent) -> String {
    let mut out = String::from("{");
    push_namespace(&mut out, view.namespace());
    let _ = write!(out, "\"view\":\"{}\",\"entity\":", view.name());
    key::push_json(&mut out, view.contract(), entity);
    let _ = writeln!(
        out,
        ",\"done\":{},\"recorded_at\":{},\"floor\":{},\"was_known\":{},\"versions\":{},\
         \"quarantined\":{},\"reclaimed\":{}}}",
        consent.yes,
        time(erased.recorded_at),
        floor(erased.floor),
        erased.was_known,
        erased.versions,
        erased.quarantined,
        erased.reclaimed
    );
    out
}

fn list(session: &Session) -> Result<Exit, Failure> {
    let erasures = session.open()?.erasures()?;
    if session.format() == Format::Table {
        let header = [
            "number",
            "at",
            "view",
            "entity hash",
            "recorded up to",
            "versions",
        ];
        let mut table = Table::new(header.into_iter().chain(["quarantined"]));
        for erasure in &erasures {
            let view = match &*erasure.namespace {
                asof::DEFAULT_NAMESPACE => erasure.view.clone(),
                namespace => format!("{namespace}/{}", erasure.view),
            };
            table.push([
                erasure.number.to_string(),
                erasure.at.to_string(),
                view,
                erasure.entity_hash.clone(),
                erasure.recorded_at.to_string(),
                erasure.versions.to_string(),
                erasure.quarantined.to_string(),
            ]);
        }
        session.stdout().raw(table.render().as_bytes())?;
        return Ok(Exit::Ok);
    }
    let mut list = session.stdout().list(session.format());
    for erasure in &erasures {
        list.push(record(erasure).as_bytes())?;
    }
    list.finish()?;
    Ok(Exit::Ok)
}

fn record(erasure: &Erasure) -> String {
    let mut out = format!(
        "{{\"number\":{},\"at\":{},",
        erasure.number,
        time(erasure.at)
    );
    push_namespace(&mut out, &erasure.namespace);
    let _ = write!(
        out,
        "\"view\":\"{}\",\"entity_hash\":\"{}\",\"recorded_at\":{},\"floor\":{},\"versions\":{},\
         \"quarantined\":{},\"state\":\"{}\"}}",
        erasure.view,
        erasure.entity_hash,
        time(erasure.recorded_at),
        floor(erasure.floor),
        erasure.versions,
        erasure.quarantined,
        if erasure.is_done { "done" } else { "pending" }
    );
    out
}

/// A time as JSON for people: text, or a number outside the years that have a text.
fn time(t: Timestamp) -> String {
    let mut out = String::new();
    asof::TimeText::Rfc3339.write_json(&mut out, t);
    out
}

fn floor(floor: Option<Timestamp>) -> String {
    floor.map_or("null".into(), time)
}
