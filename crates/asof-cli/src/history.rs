//! `history`: the retained versions of an entity, as they were written.

use crate::args::HistoryArgs;
use crate::exit::{Exit, Failure};
use crate::key;
use crate::output::{Format, Table};
use crate::session::Session;
use asof::{EventLine, HistoryRange, Read, Value, Version, View};

/// Prints the versions, oldest first. Of an entity that was never seen it prints none, and says so
/// by the exit code.
pub(crate) fn run(session: &Session, args: &HistoryArgs) -> Result<Exit, Failure> {
    let store = session.open()?;
    let view = session.view(&store, &args.view)?;
    let entity = key::entity(&view, &args.key)?;
    let snapshot = store.snapshot();
    let range = HistoryRange {
        from: args.from,
        to: args.to,
        known_at: args.known_at,
        reverse: args.reverse,
        limit: args.limit,
    };
    let values = entity.to_values();
    let mut versions = snapshot.history(&view, &entity, range)?;
    let printed = match session.format() {
        Format::Table => print_table(session, &view, &mut versions)?,
        _ => print_lines(session, &view, &values, &mut versions)?,
    };
    let everything = HistoryRange {
        limit: Some(1),
        ..HistoryRange::default()
    };
    if printed == 0
        && snapshot
            .history(&view, &entity, everything)?
            .next()
            .is_none()
    {
        return Ok(Exit::Missing);
    }
    Ok(Exit::Ok)
}

fn print_lines(
    session: &Session,
    view: &View,
    entity: &[Value],
    versions: &mut dyn Iterator<Item = asof::Result<Version>>,
) -> Result<u64, Failure> {
    let mut list = session.stdout().list(session.format());
    let mut line = String::new();
    let mut printed = 0;
    for version in versions {
        let version = version?;
        line.clear();
        let features = version.features().collect::<asof::Result<Vec<_>>>()?;
        event_line(view, entity, &version).write_history(&mut line, features);
        list.push(line.as_bytes())?;
        printed += 1;
    }
    list.finish()?;
    Ok(printed)
}

fn print_table(
    session: &Session,
    view: &View,
    versions: &mut dyn Iterator<Item = asof::Result<Version>>,
) -> Result<u64, Failure> {
    let features = view.contract().features();
    let head = ["event_time", "recorded_at", "op"].into_iter();
    let mut table = Table::new(head.chain(features.iter().map(asof::Feature::name)));
    let mut printed = 0;
    for version in versions {
        let version = version?;
        let base = if version.is_base() { " (base)" } else { "" };
        let op = format!("{}{base}", version.op());
        let mut cells = vec![
            version.event_time().to_string(),
            version.recorded_at().to_string(),
            op,
        ];
        let mut values = vec![String::new(); features.len()];
        for item in version.features() {
            let (feature, value) = item?;
            let place = features.iter().position(|known| known.id() == feature.id());
            let Some(cell) = place.and_then(|place| values.get_mut(place)) else {
                continue;
            };
            match value {
                Some(value) => value.write_cell(cell),
                None => cell.push_str("null"),
            }
        }
        cells.append(&mut values);
        table.push(cells);
        printed += 1;
    }
    session.stdout().raw(table.render().as_bytes())?;
    Ok(printed)
}

/// What a line says of a version beside its features.
pub(crate) fn event_line<'a>(
    view: &'a View,
    entity: &'a [Value],
    version: &Version,
) -> EventLine<'a> {
    EventLine {
        contract: view.contract(),
        entity,
        event_time: version.event_time(),
        recorded_at: version.recorded_at(),
        op: version.op(),
        base: version.is_base(),
    }
}
