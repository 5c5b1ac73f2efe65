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
    layout: LatestLayout,
    value: &'a [u8],
}

/// Where the parts of a latest row are, for one that is asked again and again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LatestLayout {
    flags: u8,
    /// How many.
    stamps: u16,
    entity: u32,
    body: u32,
    /// Where the body ends, and the stamps of features begin.
    body_end: u32,
    in_body: BodyLayout,
}

impl LatestLayout {
    /// The features in the bytes that this was taken of.
    #[inline]
    pub(crate) fn body<'a>(&self, value: &'a [u8]) -> Body<'a> {
        Body::at(
            self.in_body,
            &value[self.body as usize..self.body_end as usize],
        )
    }
}

impl<'a> LatestRow<'a> {
    /// Reads what is stored under `key`, checksum included.
    pub(crate) fn open(key: &[u8], stored: &'a [u8]) -> Result<Self> {
        LatestRow::parse(checksum::open(WHAT, key, stored)?).map_err(|e| under(key, e))
    }

    /// Reads a latest row whose checksum has been taken off.
    pub(crate) fn parse(value: &'a [u8]) -> Result<Self> {
        let format = *value.first().ok_or_else(|| cut_off(value))?;
        check_format(WHAT, format, ROW_FORMAT)?;
        // In one piece: a row is taken apart on every read.
        let head = value.first_chunk::<HEAD_BYTES>();
        let head = head.ok_or_else(|| cut_off(value))?;
        let flags = head[1];
        let u16_at = |at: usize| u16::from_le_bytes([head[at], head[at + 1]]);
        let i64_at = |at: usize| i64::from_le_bytes(head[at..at + 8].try_into().expect("eight"));
        let length = usize::from(u16_at(2));
        let stamps = u16_at(24);
        let has = |flag| flags & flag != 0;
        if flags >= STAMPED << 1
            || u16_at(26) != 0
            || length > ENTITY_BYTES_MAX
            || (!has(NEWEST) && i64_at(8) != 0)
            || (!has(NEXT_DUE) && i64_at(16) != 0)
            || has(STAMPED) != (stamps > 1)
            || (has(FLOOR) && stamps == 0)
            || (has(FLOOR_IS_DELETE) && !has(FLOOR))
        {
            return Err(contradicts(flags));
        }
        let entity = HEAD_BYTES + usize::from(stamps) * STAMP_BYTES;
        let body = entity + length;
        let rest = value.get(body..).ok_or_else(|| cut_off(value))?;
        let mut body_end = value.len();
        if has(STAMPED) {
            // The body says how many features there are, and so how long what follows it is.
            let count = usize::from(Reader::new(WHAT, rest).u16()?);
            let stamped = rest.len().checked_sub(count * 2);
            body_end = body + stamped.ok_or_else(|| damaged("its stamps are cut off"))?;
        }
        let features = Body::parse(&value[body..body_end])?;
        if features.len() > 0 && stamps == 0 {
            return Err(damaged("it has features and no stamp"));
        }
        let Ok(body_end) = u32::try_from(body_end) else {
            return Err(damaged("it is longer than 4 GiB"));
        };
        let layout = LatestLayout {
            flags,
            stamps,
            entity: entity as u32,
            body: body as u32,
            body_end,
            in_body: features.layout(),
        };
        Ok(LatestRow { layout, value })
    }

    /// Where its parts are.
    #[inline]
    pub(crate) fn layout(&self) -> LatestLayout {
        self.layout
    }

    /// The row of the same bytes that a layout was taken of, at no cost.
    ///
    /// # Panics
    /// What is asked of it may panic for other bytes.
    #[inline]
    pub(crate) fn at(layout: LatestLayout, value: &'a [u8]) -> Self {
        LatestRow { layout, value }
    }

    #[inline]
    fn has(&self, flag: u8) -> bool {
        self.layout.flags & flag != 0
    }

    #[inline]
    fn time_at(&self, at: usize) -> Timestamp {
        let bytes = self.value[at..at + 8].try_into().expect("eight");
        Timestamp::from_micros(i64::from_le_bytes(bytes))
    }

    /// The version of the contract under which the values are encoded.
    pub(crate) fn schema_version(&self) -> u32 {
        u32::from_le_bytes(self.value[4..8].try_into().expect("four"))
    }

    #[inline]
    pub(crate) fn entity(&self) -> &'a [u8] {
        &self.value[self.layout.entity as usize..self.layout.body as usize]
    }

    #[inline]
    pub(crate) fn body(&self) -> Body<'a> {
        self.layout.body(self.value)
    }

    /// The largest event time folded; none when nothing was due yet.
    #[inline]
    pub(crate) fn newest_et(&self) -> Option<Timestamp> {
        self.has(NEWEST).then(|| self.time_at(8))
    }

    /// The smallest event time that was not folded.
    #[inline]
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.has(NEXT_DUE).then(|| self.time_at(16))
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
        self.has(FLOOR).then(|| self.stamp(0))
    }

    /// When all of it was said, where one version alone says something.
    #[inline]
    pub(crate) fn only_et(&self) -> Option<Timestamp> {
        (self.layout.stamps == 1).then(|| self.time_at(HEAD_BYTES))
    }

    /// The Put or Delete that is all there is of this row; none where others say something too.
    pub(crate) fn lone(&self) -> Option<Stamp> {
        self.floor().filter(|_| self.layout.stamps == 1)
    }

    /// Whether the newest of Puts and Deletes is a Delete.
    #[inline]
    pub(crate) fn floor_is_delete(&self) -> bool {
        self.has(FLOOR_IS_DELETE)
    }

    #[inline]
    fn stamp(&self, at: usize) -> Stamp {
        let stamp = self.value[HEAD_BYTES + at * STAMP_BYTES..].first_chunk::<STAMP_BYTES>();
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
        (0..usize::from(self.layout.stamps)).map(move |at| row.stamp(at))
    }

    /// Which stamp the feature at a position has.
    #[inline]
    fn stamp_of(&self, position: usize) -> Result<usize> {
        let mut at = 0;
        if self.has(STAMPED) {
            let from = self.layout.body_end as usize + position * 2;
            at = u16::from_le_bytes([self.value[from], self.value[from + 1]]);
        }
        if at >= self.layout.stamps {
            return Err(no_stamp(at));
        }
        Ok(usize::from(at))
    }

    /// What the row holds of a feature, and since when; none when it holds nothing of it.
    #[inline]
    pub(crate) fn find(&self, id: FeatureId) -> Result<Option<(Timestamp, Slot<'a>)>> {
        let body = self.body();
        let Some(position) = body.position(id) else {
            return Ok(None);
        };
        let et = self.time_at(HEAD_BYTES + self.stamp_of(position)? * STAMP_BYTES);
        Ok(Some((et, body.slot(position)?)))
    }

    /// Every feature the row holds, in the order of ids.
    pub(crate) fn iter(
        &self,
    ) -> impl Iterator<Item = Result<(FeatureId, Stamp, Slot<'a>)>> + use<'a> {
        let row = *self;
        self.body()
            .iter()
            .enumerate()
            .map(move |(position, entry)| {
                let (id, slot) = entry?;
                Ok((id, row.stamp(row.stamp_of(position)?), slot))
            })
    }
}

#[cold]
fn damaged(why: impl std::fmt::Display) -> Error {
    Reader::new(WHAT, &[]).corrupt(why)
}

#[cold]
fn cut_off(value: &[u8]) -> Error {
    damaged(format_args!("it is cut off after {} bytes", value.len()))
}

#[cold]
fn contradicts(flags: u8) -> Error {
    damaged(format_args!(
        "its header contradicts itself (flags {flags})"
    ))
}

#[cold]
fn no_stamp(at: u16) -> Error {
    damaged(format_args!("it has no stamp {at}"))
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
        let micros = |et: Option<Timestamp>| et.map_or(0, Timestamp::micros).to_le_bytes();
        // In one piece each: a row is put together on every write, and on reads of the past.
        let mut head = [0; HEAD_BYTES];
        head[..2].copy_from_slice(&[ROW_FORMAT, flags]);
        head[2..4].copy_from_slice(&(self.entity.len() as u16).to_le_bytes());
        head[4..8].copy_from_slice(&self.schema_version.to_le_bytes());
        head[8..16].copy_from_slice(&micros(self.newest_et));
        head[16..24].copy_from_slice(&micros(self.next_due));
        head[24..26].copy_from_slice(&(stamps as u16).to_le_bytes());
        out.extend_from_slice(&head);
        for stamp in self.floor.iter().chain(self.patches) {
            let mut bytes = [0; STAMP_BYTES];
            bytes[..8].copy_from_slice(&stamp.et.micros().to_le_bytes());
            bytes[8..16].copy_from_slice(&stamp.rec.micros().to_le_bytes());
            bytes[16..].copy_from_slice(&stamp.last.to_le_bytes());
            out.extend_from_slice(&bytes);
        }
        out.extend_from_slice(self.entity);
    }
}
