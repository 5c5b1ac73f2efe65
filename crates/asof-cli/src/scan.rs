//! `scan`: the answer for every entity of a view, sorted by entity, so that equal stores print the
//! same.

use crate::answer::Answered;
use crate::args::ScanArgs;
use crate::exit::{Exit, Failure};
use crate::output::{Format, Table};
use crate::session::Session;
use crate::sort::Sorter;
use asof::{Entity, Feature, Question, Read, Row, Status, View};

/// Prints the answers.
pub(crate) fn run(session: &Session, args: &ScanArgs) -> Result<Exit, Failure> {
    let store = session.open()?;
    let view = session.view(&store, &args.view)?;
    let snapshot = store.snapshot();
    let question = args.as_of.map_or(Question::latest(), Question::as_of);
    let features: Vec<&Feature> = view.contract().features().iter().collect();
    let mut sorter = Sorter::new();
    let mut payload = String::new();
    for item in snapshot.scan(&view, question)? {
        let (entity, row) = item?;
        payload.clear();
        match session.format() {
            Format::Table => write_cells(&mut payload, &view, &entity, &row)?,
            _ => Answered {
                view: &view,
                entity: &entity,
                row: &row,
                features: &features,
                explained: None,
            }
            .write_json(&mut payload)?,
        }
        sorter.push(entity.bytes(), payload.as_bytes())?;
    }
    match session.format() {
        Format::Table => print_table(session, &view, sorter)?,
        _ => {
            let mut list = session.stdout().list(session.format());
            sorter.finish(|object| list.push(object))?;
            list.finish()?;
        }
    }
    Ok(Exit::Ok)
}

/// Ends each cell of a row on its way through the sorter.
const CELL_END: char = '\0';

fn write_cells(out: &mut String, view: &View, entity: &Entity, row: &Row) -> Result<(), Failure> {
    let mut push = |cell: &str| {
        out.push_str(&cell.replace(CELL_END, "\\0"));
        out.push(CELL_END);
    };
    for value in entity.to_values() {
        let mut cell = String::new();
        value.write_cell(&mut cell);
        push(&cell);
    }
    push(row.verdict().name());
    for feature in view.contract().features() {
        let answer = row.answer(feature)?;
        let mut cell = String::new();
        if let Some(value) = answer.value {
            value.write_cell(&mut cell);
        }
        match answer.status {
            Status::Present | Status::Absent => {}
            status if cell.is_empty() => cell.push_str(status.name()),
            status => cell.push_str(&format!(" ({})", status.name())),
        }
        push(&cell);
    }
    Ok(())
}

fn print_table(session: &Session, view: &View, sorter: Sorter) -> Result<(), Failure> {
    let key = view
        .contract()
        .key()
        .iter()
        .map(|column| column.name.as_str());
    let features = view.contract().features().iter().map(Feature::name);
    let mut table = Table::new(key.chain(["verdict"]).chain(features));
    sorter.finish(|row| {
        let row = String::from_utf8_lossy(row);
        table.push(row.split_terminator(CELL_END));
        Ok(())
    })?;
    session.stdout().raw(table.render().as_bytes())
}
