//! Format 1 of a row in `latest`: the fold of all versions that were due, materialised.
//!
//! ```text
//! 0   format u8 = 1
//! 1   flags u8          1 newest, 2 next due, 4 floor, 8 floor is a Delete, 16 stamped
//! 2   entity length u16
//! 4   schema version u32    under which the values are encoded
//! 8   newest_et i64         largest event time folded; zero without flag 1
//! 16  next_due i64          smallest event time not folded; zero without flag 2
//! 24  stamp count u16
//! 26  zero u16
//! 28  stamps                each: et i64, rec i64, op and digest u128; the floor first, if there is one
//!     entity
//!     body                  see `body.rs`
//!     stamp of each feature u16   only with flag 16, which is set where there are several stamps;
//!                           without it every feature has stamp 0
//!     checksum u32          over key and value
//! ```
//!
//! Little-endian throughout. The *floor* of a row is its newest Put or Delete: nothing older counts.
//! A feature whose stamp is newer than the floor was patched since.

use super::body::{Body, BodyLayout, Slot};
use super::{ROW_FORMAT, under};
use crate::error::{Error, Result};
use crate::format::checksum;
use crate::format::key::Stamp;
use crate::format::limits::ENTITY_BYTES_MAX;
use crate::format::reader::{Reader, check_format};
use crate::id::FeatureId;
use crate::time::Timestamp;

const WHAT: &str = "a latest row";
const HEAD_BYTES: usize = 28;
const STAMP_BYTES: usize = 32;

const NEWEST: u8 = 1;
const NEXT_DUE: u8 = 2;
const FLOOR: u8 = 4;
const FLOOR_IS_DELETE: u8 = 8;
const STAMPED: u8 = 16;

/// A view of a latest row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LatestRow<'a> {
    flags: u8,
    newest_et: Timestamp,
    next_due: Timestamp,
    stamps: &'a [u8],
    pub(crate) schema_version: u32,
    pub(crate) entity: &'a [u8],
    pub(crate) body: Body<'a>,
    feature_stamps: &'a [u8],
}

/// Where the parts of a latest row are, for one that is asked again and again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LatestLayout {
    flags: u8,
    newest_et: Timestamp,
    next_due: Timestamp,
    schema_version: u32,
    stamps: usize,
    entity: usize,
    body: BodyLayout,
}

impl<'a> LatestRow<'a> {
    /// Reads what is stored under `key`, checksum included.
    pub(crate) fn open(key: &[u8], stored: &'a [u8]) -> Result<Self> {
        LatestRow::parse(checksum::open(WHAT, key, stored)?).map_err(|e| under(key, e))
    }

    /// Reads a latest row whose checksum has been taken off.
    pub(crate) fn parse(value: &'a [u8]) -> Result<Self> {
        let reader = Reader::new(WHAT, value);
        let cut_off = || reader.corrupt(format_args!("it is cut off after {} bytes", value.len()));
        check_format(WHAT, *value.first().ok_or_else(cut_off)?, ROW_FORMAT)?;
        // In one piece: a row is taken apart on every read.
        let (head, rest) = value
            .split_first_chunk::<HEAD_BYTES>()
            .ok_or_else(cut_off)?;
        let flags = head[1];
        let u16_at = |at: usize| u16::from_le_bytes([head[at], head[at + 1]]);
        let i64_at = |at: usize| i64::from_le_bytes(head[at..at + 8].try_into().expect("eight"));
        let length = usize::from(u16_at(2));
        let schema_version = u32::from_le_bytes(head[4..8].try_into().expect("four"));
        let newest_et = Timestamp::from_micros(i64_at(8));
        let next_due = Timestamp::from_micros(i64_at(16));
        let stamp_count = usize::from(u16_at(24));
        let zero = u16_at(26);
        let has = |flag| flags & flag != 0;
        if flags >= STAMPED << 1
            || zero != 0
            || length > ENTITY_BYTES_MAX
            || (!has(NEWEST) && newest_et.micros() != 0)
            || (!has(NEXT_DUE) && next_due.micros() != 0)
            || has(STAMPED) != (stamp_count > 1)
            || (has(FLOOR) && stamp_count == 0)
            || (has(FLOOR_IS_DELETE) && !has(FLOOR))
        {
            return Err(reader.corrupt(format_args!(
                "its header contradicts itself (flags {flags})"
            )));
        }
        let stamps = rest.split_at_checked(stamp_count * STAMP_BYTES);
        let (stamps, rest) = stamps.ok_or_else(cut_off)?;
        let (entity, rest) = rest.split_at_checked(length).ok_or_else(cut_off)?;
        let (body, feature_stamps) = if has(STAMPED) {
            // The body says how many features there are, and so how long what follows it is.
            let count = usize::from(Reader::new(WHAT, rest).u16()?);
            let split = rest.len().checked_sub(count * 2);
            let split = split.ok_or_else(|| reader.corrupt("its stamps are cut off"))?;
            rest.split_at(split)
        } else {
            (rest, &rest[rest.len()..])
        };
        let body = Body::parse(body)?;
        if body.len() > 0 && stamp_count == 0 {
            return Err(reader.corrupt("it has features and no stamp"));
        }
        Ok(LatestRow {
            flags,
            newest_et,
            next_due,
            stamps,
            schema_version,
            entity,
            body,
            feature_stamps,
        })
    }

    /// Where its parts are.
    #[inline]
    pub(crate) fn layout(&self) -> LatestLayout {
        LatestLayout {
            flags: self.flags,
            newest_et: self.newest_et,
            next_due: self.next_due,
            schema_version: self.schema_version,
            stamps: self.stamps.len(),
            entity: self.entity.len(),
            body: self.body.layout(),
        }
    }

    /// The row of the same bytes that a layout was taken of, at no more than the cost of finding it.
    ///
    /// # Panics
    /// May panic for other bytes.
    #[inline]
    pub(crate) fn at(layout: &LatestLayout, value: &'a [u8]) -> Self {
        let (stamps, rest) = value[HEAD_BYTES..].split_at(layout.stamps);
        let (entity, rest) = rest.split_at(layout.entity);
        let (body, feature_stamps) = rest.split_at(layout.body.bytes());
        LatestRow {
            flags: layout.flags,
            newest_et: layout.newest_et,
            next_due: layout.next_due,
            stamps,
            schema_version: layout.schema_version,
            entity,
            body: Body::at(&layout.body, body),
            feature_stamps,
        }
    }

    /// The largest event time folded; none when nothing was due yet.
    #[inline]
    pub(crate) fn newest_et(&self) -> Option<Timestamp> {
        (self.flags & NEWEST != 0).then_some(self.newest_et)
    }

    /// The smallest event time that was not folded.
    #[inline]
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        (self.flags & NEXT_DUE != 0).then_some(self.next_due)
    }

    /// Whether this row answers questions as of `t`.
    #[inline]
    pub(crate) fn answers(&self, t: Timestamp) -> bool {
        self.newest_et().is_none_or(|newest| newest <= t)
            && self.next_due().is_none_or(|due| t < due)
    }

    /// The stamp of the newest Put or Delete.
    #[inline]
    pub(crate) fn floor(&self) -> Option<Stamp> {
        (self.flags & FLOOR != 0).then(|| self.stamp(0))
    }

    /// The Put or Delete that is all there is of this row; none where others say something too.
    pub(crate) fn lone(&self) -> Option<Stamp> {
        self.floor().filter(|_| self.stamps.len() == STAMP_BYTES)
    }

    /// Whether the newest of Puts and Deletes is a Delete.
    #[inline]
    pub(crate) fn floor_is_delete(&self) -> bool {
        self.flags & FLOOR_IS_DELETE != 0
    }

    #[inline]
    fn stamp(&self, at: usize) -> Stamp {
        let stamp = self.stamps[at * STAMP_BYTES..].first_chunk::<STAMP_BYTES>();
        let stamp = stamp.expect("there are as many");
        let time = |at: usize| i64::from_le_bytes(stamp[at..at + 8].try_into().expect("eight"));
        Stamp {
            et: Timestamp::from_micros(time(0)),
            rec: Timestamp::from_micros(time(8)),
            last: u128::from_le_bytes(stamp[16..].try_into().expect("sixteen")),
        }
    }

    /// All stamps: the floor's first, if there is one.
    pub(crate) fn stamps(&self) -> impl Iterator<Item = Stamp> + use<'a> {
        let row = *self;
        (0..self.stamps.len() / STAMP_BYTES).map(move |at| row.stamp(at))
    }

    #[inline]
    fn stamp_at(&self, position: usize) -> Result<Stamp> {
        let at = match self.feature_stamps {
            [] => 0,
            stamps => usize::from(u16::from_le_bytes([
                stamps[position * 2],
                stamps[position * 2 + 1],
            ])),
        };
        if at >= self.stamps.len() / STAMP_BYTES {
            return Err(no_stamp(at));
        }
        Ok(self.stamp(at))
    }

    /// What the row holds of a feature, and since when; none when it holds nothing of it.
    #[inline]
    pub(crate) fn find(&self, id: FeatureId) -> Result<Option<(Stamp, Slot<'a>)>> {
        let Some(position) = self.body.position(id) else {
            return Ok(None);
        };
        Ok(Some((self.stamp_at(position)?, self.body.slot(position)?)))
    }

    /// Every feature the row holds, in the order of ids.
    pub(crate) fn iter(
        &self,
    ) -> impl Iterator<Item = Result<(FeatureId, Stamp, Slot<'a>)>> + use<'a> {
        let row = *self;
        self.body.iter().enumerate().map(move |(position, entry)| {
            let (id, slot) = entry?;
            Ok((id, row.stamp_at(position)?, slot))
        })
    }
}

#[cold]
fn no_stamp(at: usize) -> Error {
    Reader::new(WHAT, &[]).corrupt(format_args!("it has no stamp {at}"))
}

/// What a latest row is made of.
#[derive(Debug)]
pub(crate) struct LatestParts<'a> {
    pub(crate) schema_version: u32,
    pub(crate) entity: &'a [u8],
    pub(crate) newest_et: Option<Timestamp>,
    pub(crate) next_due: Option<Timestamp>,
    /// The newest Put or Delete.
    pub(crate) floor: Option<Stamp>,
    pub(crate) floor_is_delete: bool,
    /// The stamps of patched features: distinct, and none of them the floor's.
    pub(crate) patches: &'a [Stamp],
}

impl LatestParts<'_> {
    /// Appends what stands before the body.
    pub(crate) fn begin(&self, stamped: bool, out: &mut Vec<u8>) {
        assert!(
            self.entity.len() <= ENTITY_BYTES_MAX,
            "an entity is checked where it is made"
        );
        let flag = |on: bool, flag: u8| if on { flag } else { 0 };
        let flags = flag(self.newest_et.is_some(), NEWEST)
            | flag(self.next_due.is_some(), NEXT_DUE)
            | flag(self.floor.is_some(), FLOOR)
            | flag(self.floor_is_delete, FLOOR_IS_DELETE)
            | flag(stamped, STAMPED);
        let stamps = usize::from(self.floor.is_some()) + self.patches.len();
        out.extend([ROW_FORMAT, flags]);
        out.extend((self.entity.len() as u16).to_le_bytes());
        out.extend(self.schema_version.to_le_bytes());
        out.extend(self.newest_et.map_or(0, Timestamp::micros).to_le_bytes());
        out.extend(self.next_due.map_or(0, Timestamp::micros).to_le_bytes());
        out.extend((stamps as u16).to_le_bytes());
        out.extend([0, 0]);
        for stamp in self.floor.iter().chain(self.patches) {
            out.extend(stamp.et.micros().to_le_bytes());
            out.extend(stamp.rec.micros().to_le_bytes());
            out.extend(stamp.last.to_le_bytes());
        }
        out.extend_from_slice(self.entity);
    }
}
