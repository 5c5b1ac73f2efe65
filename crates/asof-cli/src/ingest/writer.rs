//! Rows on their way into the store: gathered, written, counted, and told where they came from.

use super::log::Log;
use super::receipt;
use crate::args::{IngestArgs, Reject};
use crate::exit::{Exit, Failure};
use crate::session::note;
use asof::{ErrorKind, Event, OnBadRow, Raw, Receipt, SetAside, Store, WriteBatch, WriteOptions};
use std::fmt;
use std::sync::Arc;

/// How many bad rows are told one by one.
const TOLD_ROWS_MAX: u64 = 5;

/// A batch of this much text is full, however few its rows: encoded it may take several times as much
/// (a list of one-digit numbers), and still keeps to the engine's bound.
const BATCH_BYTES_AIM: usize = asof::limits::BATCH_BYTES_MAX / 8;

/// Where a row came from: `weather.csv:17`.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub file: Arc<str>,
    pub line: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

pub(crate) struct Writer<'s> {
    store: &'s Store,
    options: WriteOptions,
    rows_max: usize,
    batch: WriteBatch,
    /// Where each row of the batch came from.
    places: Vec<Place>,
    /// The log that the rows are, where one is named.
    log: Option<Log>,
    receipt: Receipt,
    /// How many bad rows were told one by one.
    told: u64,
}

impl<'s> Writer<'s> {
    pub(crate) fn new(store: &'s Store, args: &IngestArgs) -> Self {
        let on_bad_row = match args.reject {
            Reject::Row => OnBadRow::Quarantine,
            Reject::Batch => OnBadRow::Refuse,
        };
        Writer {
            store,
            options: WriteOptions {
                durability: args.durability,
                on_bad_row,
                ..WriteOptions::default()
            },
            rows_max: args.batch as usize,
            batch: WriteBatch::new(),
            places: Vec::new(),
            log: Log::of(store, args),
            receipt: Receipt::default(),
            told: 0,
        }
    }

    /// Counts one more record. Says whether it is new, or was taken in by an earlier run.
    pub(crate) fn next_record(&mut self) -> bool {
        self.log.as_mut().is_none_or(Log::next)
    }

    /// One more event.
    pub(crate) fn push(
        &mut self,
        event: Event,
        raw: impl Into<Raw>,
        place: Place,
    ) -> Result<(), Failure> {
        let raw = raw.into();
        self.make_room(&raw)?;
        let origin = self.log.as_ref().map(Log::origin);
        self.batch.push(event, raw, origin);
        self.pushed(place)
    }

    /// One more row that is no event of any view.
    pub(crate) fn push_bad(
        &mut self,
        error: asof::Error,
        raw: impl Into<Raw>,
        place: Place,
    ) -> Result<(), Failure> {
        if self.options.on_bad_row == OnBadRow::Refuse {
            let first = self.places.first().unwrap_or(&place);
            let refused = Failure::new(Exit::Refused, error.to_string()).at(&place);
            let refused = refused.and(format_args!(
                "The batch that begins at {first} was refused as a whole."
            ));
            self.batch = WriteBatch::new();
            self.places.clear();
            return Err(refused);
        }
        let raw = raw.into();
        self.make_room(&raw)?;
        let origin = self.log.as_ref().map(Log::origin);
        self.batch.push_bad(error, raw, origin);
        self.pushed(place)
    }

    /// Writes what has been gathered when one more row would be too much.
    fn make_room(&mut self, raw: &Raw) -> Result<(), Failure> {
        match self.batch.bytes() + raw.bytes.len() > asof::limits::BATCH_BYTES_MAX {
            true => self.flush(),
            false => Ok(()),
        }
    }

    fn pushed(&mut self, place: Place) -> Result<(), Failure> {
        if let Some(log) = &mut self.log {
            log.gather();
        }
        self.places.push(place);
        if self.batch.len() < self.rows_max && self.batch.bytes() < BATCH_BYTES_AIM {
            return Ok(());
        }
        self.flush()
    }

    /// Writes what has been gathered.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        let mut batch = std::mem::take(&mut self.batch);
        let places = std::mem::take(&mut self.places);
        let (Some(first), Some(last)) = (places.first(), places.last()) else {
            return Ok(());
        };
        if let Some(log) = &self.log {
            log.mark(&mut batch);
        }
        let written = self.store.submit(batch, self.options).and_then(|ticket| {
            self.told += tell(ticket.set_aside(), &places, TOLD_ROWS_MAX - self.told);
            ticket.wait()
        });
        let receipt = written.map_err(|error| {
            let outcome = match error.kind() {
                ErrorKind::Rejected | ErrorKind::QuarantineFull | ErrorKind::InvalidArgument => {
                    "was refused as a whole"
                }
                _ => "may or may not have been written",
            };
            let bad = error.row().and_then(|row| places.get(row)).cloned();
            let failure = Failure::from(error);
            let failure = bad.into_iter().fold(failure, Failure::at);
            failure.and(format_args!("The batch from {first} to {last} {outcome}."))
        })?;
        self.receipt += receipt;
        if let Some(log) = &mut self.log {
            log.written();
        }
        Ok(())
    }

    /// Writes the rest, and what the end of the log says.
    pub(crate) fn end(&mut self) -> Result<(), Failure> {
        self.flush()?;
        match &self.log {
            Some(log) => log.end(self.store, self.options),
            None => Ok(()),
        }
    }

    /// Syncs what was written. Gives the receipt.
    pub(crate) fn finish(self) -> Result<Receipt, Failure> {
        let receipt = self.receipt;
        self.store.sync().map_err(|error| {
            Failure::from(error).and("What was written may not survive a power cut; ingest again.")
        })?;
        if receipt.quarantined > 0 {
            let more = receipt.quarantined.saturating_sub(self.told);
            note(format_args!(
                "{} set aside in the quarantine{}; `asof quarantine list` gives the reasons",
                match receipt.quarantined {
                    1 => "1 row was".into(),
                    rows => format!("{rows} rows were"),
                },
                if more > 0 {
                    format!(", {more} of them not told above")
                } else {
                    String::new()
                }
            ));
        }
        Ok(receipt)
    }

    /// Syncs what was written before a failure, and says what that was.
    pub(crate) fn abandon(self, failure: Failure) -> Failure {
        let written = format!("Before it, {}", receipt::describe(&self.receipt));
        let durable = match self.store.sync() {
            Ok(()) => ".",
            Err(_) => ", but could not be synced.",
        };
        failure.and(format_args!(
            "{written}{durable} Put right what is wrong and ingest everything again: writing again \
             what is there already changes nothing."
        ))
    }
}

/// Tells the first bad rows of a batch, so many at most. Says how many that were.
fn tell(rows: &[SetAside], places: &[Place], at_most: u64) -> u64 {
    let at_most = usize::try_from(at_most).unwrap_or(usize::MAX);
    let told = rows
        .iter()
        .filter_map(|row| Some((row, places.get(row.row)?)));
    let told = told.take(at_most).map(|(row, place)| {
        note(format_args!("{place}: set aside: {}", row.reason));
    });
    told.count() as u64
}
