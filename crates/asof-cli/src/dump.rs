//! `dump`: every view, then every retained version, as JSON lines in one order, so that two stores
//! with one set have the same dump.

use crate::args::DumpArgs;
use crate::exit::{Exit, Failure};
use crate::history::event_line;
use crate::output::{Format, List};
use crate::progress::{self, Bar};
use crate::session::Session;
use crate::sort::Sorter;
use asof::{Entity, EventLine, Fence, Read, Snapshot, Store, Version, View, ViewLine};

/// Prints definitions, then versions by namespace, view and entity, oldest first.
pub(crate) fn run(session: &Session, args: &DumpArgs) -> Result<Exit, Failure> {
    let store = session.open()?;
    let views = session.views(&store, args.view.as_deref())?;
    let snapshot = store.snapshot();
    let mut list = session.stdout().list(Format::Ndjson);
    for view in &views {
        let mut line = String::new();
        view_line(&store, &snapshot, view)?.write(&mut line);
        list.push(line.as_bytes())?;
    }
    progress::give_way_to_stdout();
    let bar = Bar::counting("dump");
    // Views are sorted by namespace and name already, so that each is a sort of its own.
    for view in &views {
        match args.unordered {
            true => stream(&snapshot, view, &bar, &mut list)?,
            false => sort(&snapshot, view, Sorter::new(), &bar, &mut list)?,
        }
    }
    list.finish()?;
    Ok(Exit::Ok)
}

/// What stands of a view before its versions.
pub(crate) fn view_line(
    store: &Store,
    snapshot: &Snapshot<'_>,
    view: &View,
) -> asof::Result<ViewLine> {
    let fences = store.fences(view)?.into_iter();
    let fences = fences.map(|(entity, recorded_at, floor)| Fence {
        entity: entity.to_values(),
        recorded_at,
        floor,
    });
    let (floor, horizon) = (snapshot.floor(view)?, snapshot.horizon(view)?);
    let fences = fences.collect();
    Ok(ViewLine::new(view.contract(), floor, horizon, fences))
}

fn stream(snapshot: &Snapshot<'_>, view: &View, bar: &Bar, list: &mut List) -> Result<(), Failure> {
    let mut line = String::new();
    for item in snapshot.versions(view)? {
        let (entity, version) = item?;
        line.clear();
        write_line(&mut line, view, &entity, &version)?;
        list.push(line.as_bytes())?;
        bar.step();
    }
    Ok(())
}

fn sort(
    snapshot: &Snapshot<'_>,
    view: &View,
    mut sorter: Sorter,
    bar: &Bar,
    list: &mut List,
) -> Result<(), Failure> {
    let (mut key, mut line) = (Vec::new(), String::new());
    for item in snapshot.versions(view)? {
        let (entity, version) = item?;
        key.clear();
        line.clear();
        write_sort_key(&mut key, &entity, &version)?;
        write_line(&mut line, view, &entity, &version)?;
        sorter.push(&key, line.as_bytes())?;
        bar.step();
    }
    sorter.finish(|line| list.push(line))
}

fn write_line(
    out: &mut String,
    view: &View,
    entity: &Entity,
    version: &Version,
) -> asof::Result<()> {
    let values = entity.to_values();
    let features = version.features().collect::<asof::Result<Vec<_>>>()?;
    // A dump holds facts, and `base` is none.
    let line = EventLine {
        base: false,
        ..event_line(view, &values, version)
    };
    line.write_dump(out, features);
    Ok(())
}

/// Bytes that sort as entities do, and versions of one entity from old to new:
///
/// ```text
/// entity | et, sign flipped, big-endian | rec, the same | op u8 (put, patch, delete) | digest, 32 hex digits
/// ```
///
/// An entity ends itself, so no entity is the beginning of another.
fn write_sort_key(key: &mut Vec<u8>, entity: &Entity, version: &Version) -> asof::Result<()> {
    key.extend_from_slice(entity.bytes());
    for t in [version.event_time(), version.recorded_at()] {
        key.extend((t.micros() ^ i64::MIN).to_be_bytes());
    }
    key.push(version.op() as u8);
    key.extend(version.digest()?.to_string().as_bytes());
    Ok(())
}
