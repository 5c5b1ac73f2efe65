//! `ingest`: rows from files into the store, batch by batch.

mod csv;
mod jsonl;
mod log;
pub(crate) mod receipt;
mod records;
mod writer;

use crate::args::IngestArgs;
use crate::exit::{Exit, Failure};
use crate::session::{Session, full_name};
use crate::source::RowFormat;
use asof::Store;
use std::path::{Path, PathBuf};
use writer::Writer;

/// Writes every row of every file and prints the receipt.
pub(crate) fn run(session: &Session, args: &IngestArgs) -> Result<Exit, Failure> {
    let formats = args.files.iter().map(|file| format(args, file));
    let formats: Vec<RowFormat> = formats.collect::<Result<_, _>>()?;
    check(args, &formats)?;
    let store = session.open()?;
    if formats.contains(&RowFormat::Csv) && args.view.is_none() {
        return Err(no_view(session, &store)?);
    }
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
        crate::source::open(file)?;
    }
    args.format.or_else(|| RowFormat::of(file)).ok_or_else(|| {
        Failure::usage(format!(
            "{}: the extension does not say what is in it; say --format jsonl or --format csv",
            file.display()
        ))
    })
}

fn check(args: &IngestArgs, formats: &[RowFormat]) -> Result<(), Failure> {
    let mut files = args.files.iter().zip(formats);
    if let Some((file, _)) = files.find(|(_, format)| **format == RowFormat::Csv) {
        return match args.event_time.is_none() && args.view.is_some() {
            true => Err(no_event_time(file)?),
            false => Ok(()),
        };
    }
    let only_csv = [&args.event_time, &args.recorded_at, &args.op, &args.null];
    if only_csv.iter().any(|option| option.is_some()) {
        let is_stdin = |file: &PathBuf| file.as_os_str() == "-";
        let next = match args.format.is_none() && args.files.iter().any(is_stdin) {
            true => "; stdin is taken for lines of JSON, say --format csv where it is CSV",
            false => "",
        };
        return Err(Failure::usage(format!(
            "--event-time, --recorded-at, --op and --null are about CSV files, and there is none{next}"
        )));
    }
    Ok(())
}

/// Which view a CSV file is of, nothing in it says.
fn no_view(session: &Session, store: &Store) -> Result<Failure, Failure> {
    let views = session.views(store, None)?;
    let views: Vec<String> = views.iter().map(full_name).collect();
    let views = match views.as_slice() {
        [] => "has no view yet; make one with `asof view apply`".to_owned(),
        names => format!("has {}", names.join(", ")),
    };
    Ok(Failure::usage(format!(
        "a CSV file needs --view VIEW and --event-time COL; the store {views}"
    )))
}

/// Which column is the event time, nothing in a CSV file says either.
fn no_event_time(file: &Path) -> Result<Failure, Failure> {
    let needs = "a CSV file needs --event-time COL, the column that says when a row was true";
    if file.as_os_str() == "-" {
        return Ok(Failure::usage(needs));
    }
    let columns = csv::columns(file)?;
    Ok(Failure::usage(format!(
        "{needs}; {} has the columns {}",
        file.display(),
        columns.join(", ")
    )))
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
