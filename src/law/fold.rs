//! The fold: what all versions up to a time say together.
//!
//! Per feature the fold is a register that takes the maximum in version order, under one floor: the
//! newest Put or Delete. A maximum is commutative, associative and idempotent, so versions may be
//! added in any order and any number of times. A read adds them newest first and stops at the first
//! Put or Delete; a write adds one version to the fold that is stored as the latest row.

use crate::error::Result;
use crate::format::key::Stamp;
use crate::format::row::{Body, BodyBuilder, HistoryRow, LatestParts, LatestRow, Slot};
use crate::id::FeatureId;
use crate::op::Op;
use crate::time::Timestamp;
use std::ops::ControlFlow;

/// A fold in the making. Cleared and used again, it allocates nothing.
#[derive(Debug, Default)]
pub(crate) struct Fold {
    newest_et: Option<Timestamp>,
    next_due: Option<Timestamp>,
    floor: Option<Stamp>,
    /// In the order of ids; each newer than the floor, or of it.
    registers: Vec<Register>,
    arena: Vec<u8>,
    body: BodyBuilder,
    patches: Vec<Stamp>,
}

#[derive(Debug, Clone)]
struct Register {
    id: FeatureId,
    stamp: Stamp,
    /// None is null.
    value: Option<std::ops::Range<usize>>,
}

impl Fold {
    pub(crate) fn clear(&mut self) {
        self.newest_et = None;
        self.next_due = None;
        self.floor = None;
        self.registers.clear();
        self.arena.clear();
    }

    /// Starts from a stored fold.
    pub(crate) fn load(&mut self, row: &LatestRow<'_>) -> Result<()> {
        self.clear();
        self.newest_et = row.newest_et();
        self.next_due = row.next_due();
        self.floor = row.floor();
        for entry in row.iter() {
            let (id, stamp, slot) = entry?;
            let value = self.keep(slot);
            self.registers.push(Register { id, stamp, value });
        }
        Ok(())
    }

    pub(crate) fn newest_et(&self) -> Option<Timestamp> {
        self.newest_et
    }

    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.next_due
    }

    /// Notes a version that is not due yet.
    pub(crate) fn postpone(&mut self, et: Timestamp) {
        self.next_due = Some(self.next_due.map_or(et, |due| due.min(et)));
    }

    /// Adds a version. Says whether the fold now shows something of it, and whether, of the versions
    /// that are older still, any could matter.
    pub(crate) fn add(&mut self, stamp: Stamp, op: Op, body: &Body<'_>) -> Result<Added> {
        self.newest_et = self.newest_et.max(Some(stamp.et));
        if self.floor.is_some_and(|floor| stamp <= floor) {
            return Ok(Added {
                shows: false,
                older: ControlFlow::Break(()),
            });
        }
        let shows = match op {
            Op::Patch => self.patch(stamp, body)?,
            Op::Put | Op::Delete => {
                self.floor = Some(stamp);
                self.registers.retain(|register| register.stamp > stamp);
                self.patch(stamp, body)?;
                true
            }
        };
        let older = match op {
            Op::Patch => ControlFlow::Continue(()),
            Op::Put | Op::Delete => ControlFlow::Break(()),
        };
        Ok(Added { shows, older })
    }

    fn patch(&mut self, stamp: Stamp, body: &Body<'_>) -> Result<bool> {
        let mut shows = false;
        for entry in body.iter() {
            let (id, slot) = entry?;
            match self
                .registers
                .binary_search_by_key(&id, |register| register.id)
            {
                Ok(at) if self.registers[at].stamp >= stamp => {}
                Ok(at) => {
                    let value = self.keep(slot);
                    self.registers[at] = Register { id, stamp, value };
                    shows = true;
                }
                Err(at) => {
                    let value = self.keep(slot);
                    self.registers.insert(at, Register { id, stamp, value });
                    shows = true;
                }
            }
        }
        Ok(shows)
    }

    fn keep(&mut self, slot: Slot<'_>) -> Option<std::ops::Range<usize>> {
        match slot {
            Slot::Null => None,
            Slot::Value(bytes) => {
                let start = self.arena.len();
                self.arena.extend_from_slice(bytes);
                Some(start..self.arena.len())
            }
        }
    }

    /// Whether this fold knows exactly this version.
    pub(crate) fn knows(&self, stamp: &Stamp) -> bool {
        self.floor.as_ref() == Some(stamp) || self.registers.iter().any(|r| r.stamp == *stamp)
    }

    /// The newest Put or Delete.
    pub(crate) fn floor(&self) -> Option<Stamp> {
        self.floor
    }

    /// Every feature that the fold holds, and who said so.
    pub(crate) fn speakers(&self) -> impl Iterator<Item = (FeatureId, Stamp)> {
        self.registers
            .iter()
            .map(|register| (register.id, register.stamp))
    }

    /// What the fold holds of a feature.
    pub(crate) fn find(&self, id: FeatureId) -> Option<(Stamp, Slot<'_>)> {
        let at = self
            .registers
            .binary_search_by_key(&id, |register| register.id)
            .ok()?;
        let register = &self.registers[at];
        let slot = match &register.value {
            None => Slot::Null,
            Some(range) => Slot::Value(&self.arena[range.clone()]),
        };
        Some((register.stamp, slot))
    }

    /// Appends the fold as a latest row, without a checksum.
    pub(crate) fn write(&mut self, schema_version: u32, entity: &[u8], out: &mut Vec<u8>) {
        let floor = self.floor;
        self.patches.clear();
        let patches = self.registers.iter().map(|register| register.stamp);
        self.patches
            .extend(patches.filter(|stamp| Some(*stamp) != floor));
        self.patches.sort_unstable();
        self.patches.dedup();
        let stamped = usize::from(floor.is_some()) + self.patches.len() > 1;
        let parts = LatestParts {
            schema_version,
            entity,
            newest_et: self.newest_et,
            next_due: self.next_due,
            floor,
            floor_is_delete: floor.is_some_and(|floor| floor.op() == Some(Op::Delete)),
            patches: &self.patches,
        };
        parts.begin(stamped, out);
        self.body.clear();
        for register in &self.registers {
            match &register.value {
                None => self.body.null(register.id),
                Some(range) => {
                    let bytes = &self.arena[range.clone()];
                    self.body
                        .value(register.id, |out| out.extend_from_slice(bytes));
                }
            }
        }
        self.body.write(out);
        if stamped {
            for register in &self.registers {
                let at = match Some(register.stamp) == floor {
                    true => 0,
                    false => {
                        let at = self.patches.binary_search(&register.stamp);
                        at.expect("every stamp was collected") + usize::from(floor.is_some())
                    }
                };
                out.extend((at as u16).to_le_bytes());
            }
        }
    }
}

/// What adding a version did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Added {
    /// The fold now shows something of the version.
    pub(crate) shows: bool,
    /// Whether versions older than this one could still matter.
    pub(crate) older: ControlFlow<()>,
}

/// Appends the fold of one Put and nothing else: what most entities are. The same bytes as
/// [`Fold::write`] gives, without taking the row apart.
pub(crate) fn write_put(
    stamp: Stamp,
    row: &HistoryRow<'_>,
    next_due: Option<Timestamp>,
    out: &mut Vec<u8>,
) {
    let parts = LatestParts {
        schema_version: row.schema_version,
        entity: row.entity,
        newest_et: Some(stamp.et),
        next_due,
        floor: Some(stamp),
        floor_is_delete: false,
        patches: &[],
    };
    parts.begin(false, out);
    out.extend_from_slice(row.body.bytes());
}
