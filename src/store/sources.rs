//! How positions move: always behind the rows, never before them.
//!
//! ```text
//! writer   commit rows ── note the stretch ── number ──────────────────────────── told
//! syncer                        look what is due ── fsync ── write positions ── in force
//! ```
//!
//! What is due is looked at before the fsync, so that all of it is covered. The positions themselves
//! become durable with the next fsync, or when the store is closed: after a power cut they may lag,
//! and what lies between is read again, which is free. Were they written with the rows, in the same
//! batch, they could outlive them: the families of the database are written out one by one.

use super::Store;
use crate::catalog::{Move, SourceStatus, Sources};
use crate::error::{Error, Result};
use crate::failpoint;
use crate::format::position;
use crate::id::check_source;
use crate::kv::{Family, Kv};
use parking_lot::MutexGuard;

/// Positions on their way: nobody else moves any while it is there.
pub(super) struct Advance<'a> {
    sources: &'a Sources,
    due: Vec<Move>,
    _hold: MutexGuard<'a, ()>,
}

impl<'a> Advance<'a> {
    /// Looks at what is due. All of it is in the log of the database by now.
    pub(super) fn begin(sources: &'a Sources) -> Self {
        let hold = sources.hold();
        Advance {
            sources,
            due: sources.due(),
            _hold: hold,
        }
    }

    /// Writes what was due and puts it in force. To be called once the log is synced.
    pub(super) fn finish(&mut self, kv: &Kv) -> Result<()> {
        if self.due.is_empty() {
            return Ok(());
        }
        failpoint::pass("position.before_write");
        write(kv, &self.due)?;
        failpoint::pass("position.after_write");
        self.sources.settle(std::mem::take(&mut self.due));
        Ok(())
    }
}

fn write(kv: &Kv, moves: &[Move]) -> Result<()> {
    let mut batch = kv.batch();
    for Move {
        source,
        partition,
        to,
    } in moves
    {
        let key = position::key(source, partition);
        batch.put(Family::Catalog, &key, |out| to.encode(out));
    }
    batch.commit()
}

impl Store {
    /// The offset of the next record to read of a partition: everything below it is stored, and
    /// durable. Zero where nothing has been taken in.
    ///
    /// It moves when a batch that [says where it comes from](crate::WriteBatch::from_log) becomes
    /// durable: before a synced write returns; of a buffered one with the next sync of anybody.
    pub fn position(&self, source: &str, partition: &str) -> u64 {
        let position = self.catalog().sources.position(source, partition);
        position.map_or(0, |position| position.offset)
    }

    /// All sources that rows have come from or that were declared, by name.
    pub fn sources(&self) -> Vec<SourceStatus> {
        self.catalog().sources.status()
    }

    /// Says which partitions a source has. It is as complete as the least complete of them: one that
    /// has never reported holds it back, one that is left out here does so no more.
    ///
    /// A partition that is written to for the first time is waited for without being declared.
    /// Positions stay where they are. Durable when this returns.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for what cannot be a name;
    /// [`Io`](crate::ErrorKind::Io) as [`sync`](Self::sync).
    pub fn declare_source(
        &self,
        source: &str,
        partitions: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<()> {
        let partitions: Vec<String> = partitions.into_iter().map(Into::into).collect();
        check_source("source", source)?;
        for partition in &partitions {
            check_source("partition", partition)?;
        }
        self.0.writer.check_alive()?;
        let sources = &self.catalog().sources;
        let _hold = sources.hold();
        let moves = sources.declared(source, &partitions);
        let written = write(self.kv(), &moves).and_then(|()| self.kv().sync());
        written.inspect_err(|error| self.0.writer.fail(error))?;
        sources.settle(moves);
        Ok(())
    }

    /// Moves the position of a partition back to an offset, so that the log is read again from there.
    ///
    /// No row is lost, and reading again what is stored changes nothing. What the source has claimed
    /// to be complete with records above the offset counts no longer, and stretches that were waiting
    /// above a gap are forgotten. Durable when this returns.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) offers the nearest name;
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for an offset that has not been reached;
    /// [`Io`](crate::ErrorKind::Io) as [`sync`](Self::sync).
    pub fn rewind(&self, source: &str, partition: &str, offset: u64) -> Result<()> {
        self.0.writer.check_alive()?;
        let sources = &self.catalog().sources;
        let mut advance = Advance::begin(sources);
        let chain = sources.known(source, partition)?;
        let (reached, _) = chain.gap();
        if offset > reached {
            return Err(Error::invalid(format!(
                "partition {partition:?} of source {source:?} has been taken in up to {reached} and \
                 cannot be rewound to {offset}, which lies ahead; to leave records out on purpose, skip"
            )));
        }
        let back = Move {
            source: source.into(),
            partition: partition.into(),
            to: chain.rewound(offset),
        };
        self.move_to(&mut advance, &back)?;
        sources.reset(back);
        Ok(())
    }

    /// Moves the position of a partition forward to an offset without having read what lies between:
    /// for a log that begins later, or has lost its beginning. Those records are given up.
    ///
    /// Stretches that were waiting there join the chain, with their claims. Durable when this returns.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for an offset that lies behind, or what
    /// cannot be a name; [`Io`](crate::ErrorKind::Io) as [`sync`](Self::sync).
    pub fn skip(&self, source: &str, partition: &str, offset: u64) -> Result<()> {
        check_source("source", source)?;
        check_source("partition", partition)?;
        self.0.writer.check_alive()?;
        let sources = &self.catalog().sources;
        let mut advance = Advance::begin(sources);
        let chain = sources.chain(source, partition);
        let chain = chain.unwrap_or_else(crate::catalog::Chain::new);
        let (reached, _) = chain.gap();
        if offset < reached {
            return Err(Error::invalid(format!(
                "partition {partition:?} of source {source:?} has been taken in up to {reached} and \
                 cannot skip to {offset}, which lies behind; to read again from there, rewind"
            )));
        }
        let ahead = Move {
            source: source.into(),
            partition: partition.into(),
            to: chain.skipped(offset),
        };
        self.move_to(&mut advance, &ahead)?;
        sources.settle(vec![ahead]);
        Ok(())
    }

    /// Writes a position that was chosen by hand, durably: after everything that had been written
    /// when it was chosen.
    fn move_to(&self, advance: &mut Advance<'_>, to: &Move) -> Result<()> {
        let kv = self.kv();
        let moved = (|| {
            kv.sync()?;
            advance.finish(kv)?;
            failpoint::pass("position.before_move");
            write(kv, std::slice::from_ref(to))?;
            failpoint::pass("position.after_move");
            kv.sync()?;
            failpoint::pass("position.after_sync");
            Ok(())
        })();
        moved.inspect_err(|error| self.0.writer.fail(error))
    }
}
