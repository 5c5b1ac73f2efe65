//! The retained set: which versions still belong to the view at its floor.
//!
//! A version newer than the floor does. One at or before it belongs as long as, for something that
//! it speaks about, nobody newer at or before the floor has spoken who was known by then. A version
//! before the horizon is outside the view.

use crate::error::Result;
use crate::format::key::Stamp;
use crate::format::row::Body;
use crate::op::Op;
use crate::time::Timestamp;
use std::collections::HashMap;

/// Walks the versions of one entity, newest first, and says of each whether it is retained.
///
/// Of all that newer versions said about a thing it is enough to remember who recorded it first: a
/// version is hidden if that one was recorded by the larger of the version's own recorded-at and the
/// floor. Hiding is transitive, so it does not matter whether hidden versions are walked as well.
#[derive(Debug, Default)]
pub(crate) struct Retained {
    floor: Option<Timestamp>,
    horizon: Option<Timestamp>,
    /// The smallest recorded-at of a Put or Delete at or before the floor.
    whole: Option<Timestamp>,
    /// The same of the Patches that name a feature.
    features: HashMap<u16, Timestamp>,
}

impl Retained {
    pub(crate) fn new(floor: Option<Timestamp>, horizon: Option<Timestamp>) -> Self {
        Retained {
            floor,
            horizon,
            ..Retained::default()
        }
    }

    /// Starts over for another entity.
    pub(crate) fn restart(&mut self) {
        self.whole = None;
        self.features.clear();
    }

    /// Whether the version is retained, given all that was walked before it.
    pub(crate) fn admit(&mut self, stamp: &Stamp, op: Op, body: &Body<'_>) -> Result<bool> {
        if self.horizon.is_some_and(|horizon| stamp.et < horizon) {
            return Ok(false);
        }
        let Some(floor) = self.floor.filter(|floor| stamp.et <= *floor) else {
            return Ok(true);
        };
        let known_by = stamp.rec.max(floor);
        let hidden = |first: Option<Timestamp>| first.is_some_and(|first| first <= known_by);
        let earliest = |a: Option<Timestamp>| Some(a.map_or(stamp.rec, |a| a.min(stamp.rec)));
        if op != Op::Patch {
            let retained = !hidden(self.whole);
            self.whole = earliest(self.whole);
            return Ok(retained);
        }
        let mut retained = false;
        for entry in body.iter() {
            let (id, _) = entry?;
            let spoken = self.features.get(&id.0).copied();
            retained |= !hidden(self.whole) && !hidden(spoken);
            self.features
                .insert(id.0, earliest(spoken).expect("there is an earliest"));
        }
        Ok(retained)
    }

    /// Whether a version at or before the floor is one of the *base rows*, on which history begins.
    pub(crate) fn is_base(&self, stamp: &Stamp) -> bool {
        self.floor.is_some_and(|floor| stamp.et <= floor)
    }
}
