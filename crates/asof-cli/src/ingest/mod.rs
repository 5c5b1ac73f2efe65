//! `ingest`: rows from files into the store, batch by batch.

mod csv;
mod jsonl;
mod log;
pub(crate) mod receipt;
mod records;
mod writer;

use crate::args::IngestArgs;
use crate::exit::{Exit, Failure};
use crate::session::Session;
use crate::source::RowFormat;
use asof::Store;
use std::path::Path;
use writer::Writer;

/// Writes every row of every file and prints the receipt.
pub(crate) fn run(session: &Session, args: &IngestArgs) -> Result<Exit, Failure> {
    let formats = args.files.iter().map(|file| format(args, file));
    let formats: Vec<RowFormat> = formats.collect::<Result<_, _>>()?;
    check(args, &formats)?;
    let store = session.open()?;
    let mut writer = Writer::new(&store, args);
    let read = read_files(session, &store, args, &formats, &mut writer);
    let receipt = match read.and_then(|()| writer.end()) {
        Ok(()) => writer.finish()?,
        Err(failure) => return Err(writer.abandon(failure)),
    };
    receipt::print(session, &receipt)?;
    store.close()?;
    Ok(Exit::Ok)
}

fn format(args: &IngestArgs, file: &Path) -> Result<RowFormat, Failure> {
    if file.as_os_str() != "-" {
        // A name that is wrong is told before the first row is written.
        std::fs::File::open(file).map_err(|error| Failure::from(error).at(file.display()))?;
    }
    args.format.or_else(|| RowFormat::of(file)).ok_or_else(|| {
        Failure::usage(format!(
            "{}: the extension does not say what is in it; say --format jsonl or --format csv",
            file.display()
        ))
    })
}

fn check(args: &IngestArgs, formats: &[RowFormat]) -> Result<(), Failure> {
    let needed = [
        ("--view VIEW", args.view.is_none()),
        ("--event-time COL", args.event_time.is_none()),
    ];
    if formats.contains(&RowFormat::Csv) {
        return match needed.iter().find(|(_, missing)| *missing) {
            Some((option, _)) => Err(Failure::usage(format!("a CSV file needs {option}"))),
            None => Ok(()),
        };
    }
    let only_csv = [&args.event_time, &args.recorded_at, &args.op, &args.null];
    if only_csv.iter().any(|option| option.is_some()) {
        return Err(Failure::usage(
            "--event-time, --recorded-at, --op and --null are about CSV files, and there is none",
        ));
    }
    Ok(())
}

fn read_files(
    session: &Session,
    store: &Store,
    args: &IngestArgs,
    formats: &[RowFormat],
    writer: &mut Writer<'_>,
) -> Result<(), Failure> {
    for (file, format) in args.files.iter().zip(formats) {
        match format {
            RowFormat::Jsonl => jsonl::read(session, store, args, file, writer)?,
            RowFormat::Csv => csv::read(session, store, args, file, writer)?,
        }
    }
    Ok(())
}
