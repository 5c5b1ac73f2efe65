//! `join`: for every row of a CSV file the answers of views, as of the row's own time.
//!
//! One snapshot answers all rows, so that the result is that of one instant.

mod plan;
mod target;

use crate::args::JoinArgs;
use crate::exit::{Exit, Failure};
use crate::progress;
use crate::session::Session;
use crate::source::Source;
use asof::{Question, Read, Row, Snapshot, Status, Timestamp, Value};
use csv::ByteRecord;
use plan::{JoinedView, Plan};
use std::io::Write;
use target::Target;

/// Writes the spine, each row followed by its answers.
pub(crate) fn run(session: &Session, args: &JoinArgs) -> Result<Exit, Failure> {
    let store = session.open()?;
    if args.file.is_none() {
        progress::give_way_to_stdout();
    }
    let source = Source::open(&args.spine)?;
    let name = source.name().to_owned();
    let here = |error: csv::Error| Failure::from(error).at(&name);
    let mut spine = csv::Reader::from_reader(source);
    let header = spine.byte_headers().map_err(here)?.clone();
    let plan = Plan::new(session, &store, args, &header, &name)?;
    let mut target = Target::open(args.file.as_deref())?;
    let mut out = csv::Writer::from_writer(&mut target);
    let snapshot = store.snapshot();
    let mut answered = header.clone();
    plan.columns()
        .iter()
        .for_each(|column| answered.push_field(column.as_bytes()));
    write(&mut out, &answered)?;
    let mut joiner = Joiner::new(&plan, &snapshot);
    let mut record = ByteRecord::new();
    while spine.read_byte_record(&mut record).map_err(here)? {
        answered.clear();
        answered.extend(record.iter());
        joiner.answer(&record, &mut answered).map_err(|failure| {
            let line = record.position().map_or(0, csv::Position::line);
            failure.at(format_args!("{name}:{line}"))
        })?;
        write(&mut out, &answered)?;
    }
    out.flush()?;
    drop(out);
    target.keep()?;
    Ok(Exit::Ok)
}

fn write<W: Write>(out: &mut csv::Writer<W>, record: &ByteRecord) -> Result<(), Failure> {
    Ok(out.write_byte_record(record)?)
}

/// What is used again from row to row.
struct Joiner<'a> {
    plan: &'a Plan,
    snapshot: &'a Snapshot<'a>,
    row: Row,
    cell: String,
}

impl<'a> Joiner<'a> {
    fn new(plan: &'a Plan, snapshot: &'a Snapshot<'a>) -> Self {
        Joiner {
            plan,
            snapshot,
            row: Row::default(),
            cell: String::new(),
        }
    }

    /// Appends the answers of every view to a row of the spine.
    fn answer(&mut self, record: &ByteRecord, answered: &mut ByteRecord) -> Result<(), Failure> {
        let as_of = time(record, self.plan.time, &self.plan.time_name)?;
        let mut question = Question::as_of(as_of);
        let mut question_times = [as_of; 2];
        if let Some((at, name)) = &self.plan.known_at {
            question_times[1] = time(record, *at, name)?;
            question = question.known_at(question_times[1]);
        }
        for joined in &self.plan.views {
            match key(joined, record)? {
                Some(values) => {
                    let entity = joined.view.entity(values)?;
                    self.snapshot
                        .get_into(&joined.view, &entity, question, &mut self.row)?;
                    self.push_row(joined, answered)?;
                }
                None => {
                    self.check_floor(joined, question_times)?;
                    self.push_absent(joined, answered);
                }
            }
        }
        Ok(())
    }

    fn push_row(&mut self, joined: &JoinedView, answered: &mut ByteRecord) -> Result<(), Failure> {
        for feature in &joined.features {
            let answer = self.row.answer(feature)?;
            self.cell.clear();
            if let Some(value) = answer.value {
                value.write_cell(&mut self.cell);
            }
            answered.push_field(self.cell.as_bytes());
            if self.plan.status {
                answered.push_field(answer.status.name().as_bytes());
            }
            if self.plan.event_times {
                let event_time = answer.event_time.map(|t| t.to_string()).unwrap_or_default();
                answered.push_field(event_time.as_bytes());
            }
        }
        Ok(())
    }

    /// A time beyond history is refused of a row without an entity as of any other.
    fn check_floor(&self, joined: &JoinedView, times: [Timestamp; 2]) -> Result<(), Failure> {
        let Some(floor) = self.snapshot.floor(&joined.view)? else {
            return Ok(());
        };
        match times.into_iter().find(|time| *time < floor) {
            None => Ok(()),
            Some(time) => Err(Failure::new(
                Exit::Refused,
                format!(
                    "view {:?} keeps exact history from {floor} on; {time} lies before it. Ask as of \
                     {floor} or later",
                    joined.view.name()
                ),
            )),
        }
    }

    /// Nobody spoke about an entity that is not named.
    fn push_absent(&self, joined: &JoinedView, answered: &mut ByteRecord) {
        for _ in &joined.features {
            answered.push_field(b"");
            if self.plan.status {
                answered.push_field(Status::Absent.name().as_bytes());
            }
            if self.plan.event_times {
                answered.push_field(b"");
            }
        }
    }
}

fn text<'r>(record: &'r ByteRecord, at: usize, column: &str) -> Result<&'r str, Failure> {
    std::str::from_utf8(&record[at]).map_err(|error| {
        let after = error.valid_up_to();
        Failure::failed(format!("column {column:?} is not UTF-8 after byte {after}"))
    })
}

fn time(record: &ByteRecord, at: usize, column: &str) -> Result<Timestamp, Failure> {
    let cell = text(record, at, column)?;
    Timestamp::parse(cell)
        .map_err(|error| Failure::from(error).at(format_args!("column {column:?}")))
}

/// The key of a row; `None` where a column of it is null.
fn key(joined: &JoinedView, record: &ByteRecord) -> Result<Option<Vec<Value>>, Failure> {
    let mut values = Vec::with_capacity(joined.key.len());
    for column in &joined.key {
        let cell = text(record, column.at, &column.name)?;
        if cell.is_empty() {
            return Ok(None);
        }
        values.push(
            Value::from_cell(cell, column.ty).map_err(|error| {
                Failure::from(error).at(format_args!("column {:?}", column.name))
            })?,
        );
    }
    Ok(Some(values))
}
