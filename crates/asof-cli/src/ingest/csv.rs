//! Rows of one view as CSV.

use super::records::{Next, Records};
use super::writer::{Place, Writer};
use crate::args::IngestArgs;
use crate::exit::Failure;
use crate::session::{Session, note};
use crate::source::Source;
use asof::{Raw, RecordOptions, RecordReader, Store, View};
use std::path::Path;
use std::sync::Arc;

/// What so many columns may have meant is looked for: it costs a comparison with each feature.
const GUESSES_MAX: usize = 10;

/// The columns that a file has.
pub(super) fn columns(file: &Path) -> Result<Vec<String>, Failure> {
    let source = Source::open(file)?;
    let header = header(&mut Records::new(source));
    let header = header.map_err(|failure| failure.at(file.display()))?;
    Ok(header.iter().map(str::to_owned).collect())
}

fn header(records: &mut Records) -> Result<csv::StringRecord, Failure> {
    let mut record = csv::ByteRecord::new();
    if let Some(Next::Broken(..)) = records.next(&mut record)? {
        return Err(Failure::usage("a quote in the header is not closed"));
    }
    csv::StringRecord::from_byte_record(record)
        .map_err(|_| Failure::usage("the header is not UTF-8"))
}

/// Writes every record of a file.
pub(crate) fn read(
    session: &Session,
    store: &Store,
    args: &IngestArgs,
    file: &Path,
    writer: &mut Writer<'_>,
) -> Result<(), Failure> {
    let view = session.view(store, args.view.as_deref().unwrap_or_default())?;
    let source = Source::open(file)?;
    let name = source.name().to_owned();
    let here = |failure: Failure| failure.at(&name);
    let file_name: Arc<str> = name.as_str().into();
    let mut records = Records::new(source);
    let header = header(&mut records).map_err(here)?;
    let mut record = csv::ByteRecord::new();
    let options = RecordOptions {
        event_time: args.event_time.clone().unwrap_or_default(),
        recorded_at: args.recorded_at.clone(),
        op: args.op.clone(),
        null: args.null.clone(),
    };
    let header: Vec<&str> = header.iter().collect();
    let columns = RecordReader::new(view.contract(), &header, &options)
        .map_err(|error| Failure::from(error).of_usage().at(&name))?;
    tell(&name, &view, header.len(), &columns);
    let mut raw = Raw {
        bytes: Vec::new(),
        form: columns.form(),
    };
    while let Some(next) = records.next(&mut record).map_err(here)? {
        if !writer.next_record() {
            continue;
        }
        let (line, event) = match next {
            Next::Record(line) => {
                let cells: Vec<&[u8]> = record.iter().collect();
                (line, columns.read(&cells, &mut raw.bytes))
            }
            Next::Broken(line, bytes) => {
                raw.bytes = bytes;
                (line, columns.read_raw(&raw.bytes))
            }
        };
        let file = file_name.clone();
        let place = Place { file, line };
        match event {
            Ok(event) => writer.push(event, raw.clone(), place)?,
            Err(error) => writer.push_bad(error, raw.clone(), place)?,
        }
    }
    Ok(())
}

/// Tells which columns mean nothing, and which features no column says.
fn tell(name: &str, view: &View, width: usize, columns: &RecordReader<'_>) {
    if !columns.ignored().is_empty() {
        let meant = |(at, column): (usize, &String)| {
            let near = (at < GUESSES_MAX).then(|| columns.near(column)).flatten();
            near.map_or_else(
                || column.clone(),
                |near| format!("{column} (did you mean {near}?)"),
            )
        };
        let ignored = columns.ignored().iter().enumerate();
        let ignored: Vec<String> = ignored.map(meant).collect();
        note(format_args!(
            "{name}: {} of {} columns are neither key nor feature of view {:?} and are ignored: {}",
            columns.ignored().len(),
            width,
            view.name(),
            ignored.join(", ")
        ));
    }
    let left_out: Vec<&str> = columns.left_out().map(asof::Feature::name).collect();
    if !left_out.is_empty() {
        note(format_args!(
            "{name}: {} of {} features of view {:?} have no column and are left out of every row: {}",
            left_out.len(),
            view.contract().features().len(),
            view.name(),
            left_out.join(", ")
        ));
    }
}
