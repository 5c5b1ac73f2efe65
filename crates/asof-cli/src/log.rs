//! `source`: the logs that rows come from, and how far each has been taken in.

use crate::args::{Consent, LogName, SourceDeclareArgs, SourceMoveArgs};
use crate::exit::{Exit, Failure};
use crate::output::{Format, Table};
use crate::session::Session;
use asof::{PartitionStatus, SourceStatus, Store, TimeText, Timestamp, write_json_string};
use std::fmt::Write;

/// What stands where a source has said nothing.
pub(crate) const NEVER_REPORTED: &str = "never reported";

/// Prints every source and partition.
pub(crate) fn list(session: &Session) -> Result<Exit, Failure> {
    let sources = session.open()?.sources();
    if session.format() == Format::Table {
        let header = [
            "source",
            "partition",
            "position",
            "complete through",
            "waited for",
        ];
        let mut table = Table::new(header);
        for source in &sources {
            for partition in &source.partitions {
                table.push([
                    source.name.as_str(),
                    &partition.name,
                    &partition.position.to_string(),
                    &through(partition.complete_through),
                    if partition.is_declared { "yes" } else { "no" },
                ]);
            }
        }
        session.stdout().raw(table.render().as_bytes())?;
        return Ok(Exit::Ok);
    }
    let mut list = session.stdout().list(session.format());
    for source in &sources {
        let mut object = String::new();
        write_source(&mut object, source, |_, _| {});
        list.push(object.as_bytes())?;
    }
    list.finish()?;
    Ok(Exit::Ok)
}

/// A time, or the words for none.
pub(crate) fn through(complete_through: Option<Timestamp>) -> String {
    complete_through.map_or(NEVER_REPORTED.into(), |through| through.to_string())
}

/// Appends a source as one JSON object. `more` adds members after each `complete_through`.
pub(crate) fn write_source(
    out: &mut String,
    source: &SourceStatus,
    more: impl Fn(&mut String, Option<Timestamp>),
) {
    out.push_str("{\"source\":");
    write_json_string(out, &source.name);
    write_through(out, source.complete_through, &more);
    out.push_str(",\"partitions\":[");
    for (at, partition) in source.partitions.iter().enumerate() {
        let PartitionStatus {
            name,
            position,
            complete_through,
            is_declared,
        } = partition;
        out.push_str(if at > 0 { ",{" } else { "{" });
        out.push_str("\"partition\":");
        write_json_string(out, name);
        let _ = write!(out, ",\"position\":{position}");
        write_through(out, *complete_through, &more);
        let _ = write!(out, ",\"waited_for\":{is_declared}}}");
    }
    out.push_str("]}");
}

pub(crate) fn write_through(
    out: &mut String,
    complete_through: Option<Timestamp>,
    more: impl Fn(&mut String, Option<Timestamp>),
) {
    out.push_str(",\"complete_through\":");
    match complete_through {
        Some(through) => TimeText::Rfc3339.write_json(out, through),
        None => out.push_str("null"),
    }
    more(out, complete_through);
}

/// Says which partitions a source has.
pub(crate) fn declare(session: &Session, args: &SourceDeclareArgs) -> Result<Exit, Failure> {
    let store = session.open()?;
    let known = store.sources();
    let known = known.iter().find(|source| source.name == args.source);
    let partitions = known.iter().flat_map(|source| &source.partitions);
    let retired: Vec<&str> = partitions
        .filter(|partition| partition.is_declared && !args.partitions.contains(&partition.name))
        .map(|partition| partition.name.as_str())
        .collect();
    // What is only added to holds readers back until it reports; what is left out lets them go on.
    let consent = args.consent.or_if(retired.is_empty());
    let mut what = format!(
        "{} of source {}: {}",
        consent.says("declared the partitions", "declare the partitions"),
        args.source,
        args.partitions.join(", ")
    );
    if !retired.is_empty() {
        let _ = write!(what, "; no longer waited for: {}", retired.join(", "));
    }
    act(session, store, consent, &what, |store| {
        store.declare_source(&args.source, args.partitions.iter().cloned())
    })
}

/// Moves a position back.
pub(crate) fn rewind(session: &Session, args: &SourceMoveArgs) -> Result<Exit, Failure> {
    let store = session.open()?;
    let LogName { source, partition } = &args.log;
    let from = store.position(source, partition);
    let what = format!(
        "{} {source}/{partition} from {from} to {}: {} read again, which changes no row; \
         what was claimed with them counts no longer",
        args.consent.says("rewound", "rewind"),
        args.offset,
        records(from.saturating_sub(args.offset))
    );
    // What the engine would refuse is refused before it is promised.
    if args.offset > from || !is_known(&store, &args.log) {
        store.rewind(source, partition, args.offset)?;
    }
    act(session, store, args.consent, &what, |store| {
        store.rewind(source, partition, args.offset)
    })
}

/// Moves a position forward.
pub(crate) fn skip(session: &Session, args: &SourceMoveArgs) -> Result<Exit, Failure> {
    let store = session.open()?;
    let LogName { source, partition } = &args.log;
    let from = store.position(source, partition);
    let new = match is_known(&store, &args.log) {
        true => "",
        false => ", of which nothing was taken in yet,",
    };
    let what = format!(
        "{} {source}/{partition}{new} from {from} to {}: {} given up unread",
        args.consent.says("moved", "move"),
        args.offset,
        records(args.offset.saturating_sub(from))
    );
    if args.offset < from {
        store.skip(source, partition, args.offset)?;
    }
    act(session, store, args.consent, &what, |store| {
        store.skip(source, partition, args.offset)
    })
}

fn records(count: u64) -> String {
    match count {
        1 => "1 record is".into(),
        count => format!("{count} records are"),
    }
}

fn is_known(store: &Store, log: &LogName) -> bool {
    let sources = store.sources();
    let mut partitions = sources
        .iter()
        .filter(|source| source.name == log.source)
        .flat_map(|source| &source.partitions);
    partitions.any(|partition| partition.name == log.partition)
}

/// Does what was said, or says what would be done.
fn act(
    session: &Session,
    store: Store,
    consent: Consent,
    what: &str,
    act: impl FnOnce(&Store) -> asof::Result<()>,
) -> Result<Exit, Failure> {
    if consent.yes {
        act(&store)?;
        store.close()?;
    }
    let mut said = String::new();
    if session.format() == Format::Table {
        said.push_str(what);
    } else {
        let _ = write!(said, "{{\"done\":{},\"says\":", consent.yes);
        write_json_string(&mut said, what);
        said.push('}');
    }
    session.stdout().line(&said)?;
    Ok(consent.end())
}
