//! The features of a row, each readable in place.
//!
//! ```text
//! 0   count u16
//! 2   width u8        2 or 4: the bytes of one end
//! 3   zero u8
//! 4   count × id u16  ascending; the top bit says null
//!     count × end     where each value ends in the payload, ascending
//!     payload         the values, one after the other
//! ```
//!
//! The width is 2 where 2 is enough, and a null has no payload: a row has one encoding. Little-endian
//! throughout. In a row that holds all features, ids count from one without a gap, so
//! that the first guess of the search is right.

use crate::error::{Error, RESTORE, Result};
use crate::id::FeatureId;
use std::ops::Range;

const HEADER: usize = 4;
const NULL: u16 = 1 << 15;

/// The bytes of one end, in a payload of this many.
fn width_for(payload: usize) -> usize {
    if payload > usize::from(u16::MAX) {
        4
    } else {
        2
    }
}

/// What a row says about a feature it speaks about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot<'a> {
    Null,
    Value(&'a [u8]),
}

/// A view of the features of a row. Making one costs the same for any number of features.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Body<'a> {
    layout: BodyLayout,
    bytes: &'a [u8],
}

/// Where the parts of a row's features are.
#[derive(Debug, Clone, Copy)]
pub(super) struct BodyLayout {
    count: u16,
    width: u8,
    ends: u32,
    payload: u32,
}

impl BodyLayout {
    /// What the first bytes say; none when no body begins with them.
    #[inline]
    fn read(bytes: &[u8]) -> Option<BodyLayout> {
        let [c0, c1, width, zero] = *bytes.first_chunk::<HEADER>()?;
        let count = u16::from_le_bytes([c0, c1]);
        let ends = HEADER as u32 + u32::from(count) * 2;
        let payload = ends + u32::from(count) * u32::from(width);
        (matches!(width, 2 | 4) && zero == 0).then_some(BodyLayout {
            count,
            width,
            ends,
            payload,
        })
    }

    #[inline]
    fn ends(self) -> usize {
        self.ends as usize
    }

    #[inline]
    fn payload(self) -> usize {
        self.payload as usize
    }
}

impl<'a> Body<'a> {
    #[inline]
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self> {
        Body::split(bytes).ok_or_else(|| damaged(bytes))
    }

    #[inline]
    fn split(bytes: &'a [u8]) -> Option<Self> {
        let layout = BodyLayout::read(bytes)?;
        let payload = bytes.len().checked_sub(layout.payload())?;
        let body = Body { layout, bytes };
        let last = match body.len() {
            0 => 0,
            count => body.end(count - 1),
        };
        let is_whole = last == payload && usize::from(layout.width) == width_for(payload);
        is_whole.then_some(body)
    }

    /// Where its parts are.
    #[inline]
    pub(super) fn layout(&self) -> BodyLayout {
        self.layout
    }

    /// The features in the same bytes that a layout was taken of.
    #[inline]
    pub(super) fn at(layout: BodyLayout, bytes: &'a [u8]) -> Self {
        Body { layout, bytes }
    }

    /// How many features the row speaks about.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        usize::from(self.layout.count)
    }

    /// All of it, as it is stored.
    #[inline]
    pub(crate) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    #[inline(always)]
    fn tagged(&self, at: usize) -> u16 {
        u16::from_le_bytes(self.chunk(HEADER + at * 2))
    }

    // Always, as all that a read of a feature calls: together, half of the instructions fall away.
    #[inline(always)]
    fn chunk<const N: usize>(&self, from: usize) -> [u8; N] {
        let chunk = self.bytes.get(from..).and_then(<[u8]>::first_chunk);
        *chunk.expect("there are as many")
    }

    #[inline]
    fn id(&self, at: usize) -> u16 {
        self.tagged(at) & !NULL
    }

    #[inline]
    fn end(&self, at: usize) -> usize {
        let ends = self.layout.ends();
        match self.layout.width {
            2 => usize::from(u16::from_le_bytes(self.chunk(ends + at * 2))),
            _ => u32::from_le_bytes(self.chunk(ends + at * 4)) as usize,
        }
    }

    /// Where the value at a position is in the payload: its end and the one before, read together.
    #[inline(always)]
    fn extent(&self, at: usize) -> Range<usize> {
        let Some(before) = at.checked_sub(1) else {
            return 0..self.end(0);
        };
        let ends = self.layout.ends();
        if self.layout.width == 2 {
            let both = u32::from_le_bytes(self.chunk(ends + before * 2));
            return (both & 0xffff) as usize..(both >> 16) as usize;
        }
        let both = u64::from_le_bytes(self.chunk(ends + before * 4));
        (both & 0xffff_ffff) as usize..(both >> 32) as usize
    }

    /// The value of a feature that stands at the place of its id, as it does where all features are; none says
    /// nothing.
    #[inline(always)]
    pub(crate) fn value_in_place(&self, id: FeatureId) -> Option<&'a [u8]> {
        let at = id.place();
        if at >= self.len() || self.tagged(at) != id.0 {
            return None;
        }
        self.bytes
            .get(self.layout.payload()..)?
            .get(self.extent(at))
    }

    /// What the row says about the feature at a position.
    #[inline]
    pub(super) fn slot(&self, at: usize) -> Result<Slot<'a>> {
        let is_null = self.tagged(at) & NULL != 0;
        let payload = self.bytes.get(self.layout.payload()..);
        match payload.and_then(|payload| payload.get(self.extent(at))) {
            Some([]) if is_null => Ok(Slot::Null),
            Some(bytes) if !is_null => Ok(Slot::Value(bytes)),
            _ => Err(self.impossible(at)),
        }
    }

    #[cold]
    fn impossible(&self, at: usize) -> Error {
        Error::corrupt(format!(
            "feature {} of a row has an impossible extent; {RESTORE}",
            self.id(at)
        ))
    }

    /// Where the row speaks about a feature.
    #[inline]
    pub(crate) fn position(&self, id: FeatureId) -> Option<usize> {
        let guess = id.place();
        if guess < self.len() && self.id(guess) == id.0 {
            return Some(guess);
        }
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = (low + high) / 2;
            match self.id(middle).cmp(&id.0) {
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// What the row says about a feature; none when it does not speak about it.
    #[inline]
    pub(crate) fn find(&self, id: FeatureId) -> Result<Option<Slot<'a>>> {
        self.position(id).map(|at| self.slot(at)).transpose()
    }

    /// Every feature the row speaks about, in the order of ids.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Result<(FeatureId, Slot<'a>)>> + use<'a> {
        let body = *self;
        let mut before = 0;
        (0..self.len()).map(move |at| {
            let id = body.id(at);
            if id <= before {
                return Err(Error::corrupt(format!(
                    "the features of a row are out of order; {RESTORE}"
                )));
            }
            before = id;
            Ok((FeatureId(id), body.slot(at)?))
        })
    }
}

#[cold]
fn damaged(bytes: &[u8]) -> Error {
    Error::corrupt(format!(
        "a row's features are damaged ({} bytes); {RESTORE}",
        bytes.len()
    ))
}

/// Collects features in any order and writes them in the order of ids.
#[derive(Debug, Default)]
pub(crate) struct BodyBuilder {
    slots: Vec<(u16, Range<usize>)>,
    arena: Vec<u8>,
}

impl BodyBuilder {
    pub(crate) fn clear(&mut self) {
        self.slots.clear();
        self.arena.clear();
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn has(&self, id: FeatureId) -> bool {
        self.slots.iter().any(|(tagged, _)| tagged & !NULL == id.0)
    }

    pub(crate) fn null(&mut self, id: FeatureId) {
        let at = self.arena.len();
        self.slots.push((id.0 | NULL, at..at));
    }

    /// Adds a value that `write` appends.
    pub(crate) fn value(&mut self, id: FeatureId, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.arena.len();
        write(&mut self.arena);
        self.slots.push((id.0, start..self.arena.len()));
    }

    /// Appends the body. Each feature is known to have been added once.
    pub(crate) fn write(&mut self, out: &mut Vec<u8>) {
        let id = |(tagged, _): &(u16, _)| tagged & !NULL;
        let came_in_order = self.slots.is_sorted_by_key(id);
        if !came_in_order {
            self.slots.sort_by_key(id);
        }
        let width = width_for(self.arena.len());
        out.reserve(HEADER + self.slots.len() * (2 + width) + self.arena.len());
        out.extend_from_slice(&(self.slots.len() as u16).to_le_bytes());
        out.extend_from_slice(&[width as u8, 0]);
        for (tagged, _) in &self.slots {
            out.extend_from_slice(&tagged.to_le_bytes());
        }
        let mut end = 0;
        for (_, range) in &self.slots {
            end += range.len();
            out.extend_from_slice(&(end as u32).to_le_bytes()[..width]);
        }
        debug_assert_eq!(end, self.arena.len());
        if came_in_order {
            out.extend_from_slice(&self.arena);
            return;
        }
        for (_, range) in &self.slots {
            out.extend_from_slice(&self.arena[range.clone()]);
        }
    }
}
