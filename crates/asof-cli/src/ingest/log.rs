//! The log that the files are, one after the other: which record comes next, and which were taken in
//! by an earlier run.

use crate::args::{IngestArgs, LogName};
use crate::exit::{Exit, Failure};
use crate::session::note;
use asof::{Origin, Store, Timestamp, WriteBatch, WriteOptions};

pub(super) struct Log {
    name: LogName,
    complete_through: Option<Timestamp>,
    /// Records below were taken in before.
    position: u64,
    /// How many records have been read. Files are counted through.
    read: u64,
    /// Records below are in a batch. The record that was read last may still be on its way there.
    gathered: u64,
    /// The first record that has not been handed to the store.
    unwritten: u64,
}

impl Log {
    /// The log that is named, where one is.
    pub(super) fn of(store: &Store, args: &IngestArgs) -> Option<Self> {
        let name = args.source.clone()?;
        let position = store.position(&name.source, &name.partition);
        Some(Log {
            name,
            complete_through: args.complete_through,
            position,
            read: 0,
            gathered: position,
            unwritten: position,
        })
    }

    /// Counts one more record. Says whether it is new.
    pub(super) fn next(&mut self) -> bool {
        self.read += 1;
        self.read > self.position
    }

    /// Where the record that was counted last stands.
    pub(super) fn origin(&self) -> Origin {
        Origin {
            source: self.name.source.clone(),
            partition: self.name.partition.clone(),
            offset: self.read - 1,
        }
    }

    /// Notes that everything read so far is in the batch.
    pub(super) fn gather(&mut self) {
        self.gathered = self.read;
    }

    /// Says of a batch that it holds everything that was gathered and not yet written.
    pub(super) fn mark(&self, batch: &mut WriteBatch) {
        let LogName { source, partition } = &self.name;
        batch.from_log(source, partition, self.unwritten..self.gathered);
    }

    /// To be called once that batch is written.
    pub(super) fn written(&mut self) {
        self.unwritten = self.gathered;
    }

    /// Comes to the end of the log: what was skipped is told, and what is claimed is claimed.
    pub(super) fn end(&self, store: &Store, options: WriteOptions) -> Result<(), Failure> {
        let LogName { source, partition } = &self.name;
        if self.read < self.position {
            let short = format!(
                "the files have {} records, and {} of source {source}/{partition} were taken in before, \
                 so nothing of them is new. Is it the same log? `asof source rewind` reads it again",
                self.read, self.position
            );
            if self.complete_through.is_none() {
                note(short);
                return Ok(());
            }
            // What it is complete through was said of a log that this one is not.
            return Err(Failure::new(Exit::Refused, short));
        }
        if self.position > 0 {
            note(format_args!(
                "{} records of source {source}/{partition} were taken in before and are skipped",
                self.position
            ));
        }
        if self.unwritten == self.read && self.complete_through.is_none() {
            return Ok(());
        }
        let mut batch = WriteBatch::new();
        let stretch = batch.from_log(source, partition, self.unwritten..self.read);
        if let Some(through) = self.complete_through {
            stretch.complete_through(through);
        }
        store.write(batch, options)?;
        Ok(())
    }
}
