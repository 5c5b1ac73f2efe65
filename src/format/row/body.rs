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
    ids: &'a [u8],
    ends: &'a [u8],
    width: usize,
    payload: &'a [u8],
    bytes: &'a [u8],
}

/// Where the parts of a row's features are.
#[derive(Debug, Clone, Copy)]
pub(super) struct BodyLayout {
    width: usize,
    ids: usize,
    ends: usize,
    bytes: usize,
}

impl BodyLayout {
    /// How long they are together.
    #[inline]
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl<'a> Body<'a> {
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self> {
        Body::split(bytes).ok_or_else(|| {
            Error::corrupt(format!(
                "a row's features are damaged ({} bytes); {RESTORE}",
                bytes.len()
            ))
        })
    }

    fn split(bytes: &'a [u8]) -> Option<Self> {
        let ([c0, c1, width, zero], rest) = bytes.split_first_chunk::<HEADER>()?;
        let count = usize::from(u16::from_le_bytes([*c0, *c1]));
        let width = usize::from(*width);
        if !(width == 2 || width == 4) || *zero != 0 {
            return None;
        }
        let (ids, rest) = rest.split_at_checked(count * 2)?;
        let (ends, payload) = rest.split_at_checked(count * width)?;
        let body = Body {
            ids,
            ends,
            width,
            payload,
            bytes,
        };
        let last = if count == 0 { 0 } else { body.end(count - 1) };
        (last == payload.len() && width == width_for(payload.len())).then_some(body)
    }

    /// Where its parts are.
    #[inline]
    pub(super) fn layout(&self) -> BodyLayout {
        BodyLayout {
            width: self.width,
            ids: self.ids.len(),
            ends: self.ends.len(),
            bytes: self.bytes.len(),
        }
    }

    /// The features in the same bytes that a layout was taken of.
    #[inline]
    pub(super) fn at(layout: &BodyLayout, bytes: &'a [u8]) -> Self {
        let (ids, rest) = bytes[HEADER..].split_at(layout.ids);
        let (ends, payload) = rest.split_at(layout.ends);
        Body {
            ids,
            ends,
            width: layout.width,
            payload,
            bytes,
        }
    }

    /// How many features the row speaks about.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.ids.len() / 2
    }

    /// All of it, as it is stored.
    pub(crate) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    #[inline]
    fn tagged(&self, at: usize) -> u16 {
        u16::from_le_bytes([self.ids[at * 2], self.ids[at * 2 + 1]])
    }

    #[inline]
    fn id(&self, at: usize) -> u16 {
        self.tagged(at) & !NULL
    }

    #[inline]
    fn end(&self, at: usize) -> usize {
        let from = &self.ends[at * self.width..];
        if self.width == 2 {
            let narrow = from.first_chunk().expect("there are as many");
            usize::from(u16::from_le_bytes(*narrow))
        } else {
            let wide = from.first_chunk().expect("there are as many");
            u32::from_le_bytes(*wide) as usize
        }
    }

    /// What the row says about the feature at a position.
    #[inline]
    pub(super) fn slot(&self, at: usize) -> Result<Slot<'a>> {
        let start = if at == 0 { 0 } else { self.end(at - 1) };
        match self.payload.get(start..self.end(at)) {
            Some([]) if self.tagged(at) & NULL != 0 => Ok(Slot::Null),
            Some(bytes) if self.tagged(at) & NULL == 0 => Ok(Slot::Value(bytes)),
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

/// Collects features in any order and writes them in the order of ids.
#[derive(Debug, Default)]
pub(crate) struct BodyBuilder {
    slots: Vec<(u16, std::ops::Range<usize>)>,
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
        if !self.slots.is_sorted_by_key(|(tagged, _)| tagged & !NULL) {
            self.slots.sort_by_key(|(tagged, _)| tagged & !NULL);
        }
        let width = width_for(self.arena.len());
        out.extend((self.slots.len() as u16).to_le_bytes());
        out.extend([width as u8, 0]);
        for (tagged, _) in &self.slots {
            out.extend(tagged.to_le_bytes());
        }
        let mut end = 0;
        for (_, range) in &self.slots {
            end += range.len();
            out.extend_from_slice(&(end as u32).to_le_bytes()[..width]);
        }
        for (_, range) in &self.slots {
            out.extend_from_slice(&self.arena[range.clone()]);
        }
    }
}
