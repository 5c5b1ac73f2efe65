//! What a fold answers at a time: a status per feature, a verdict per row.
//!
//! The ttl belongs to the question, and so it is applied here and nowhere else: to a latest row, to
//! a read in the past and to a join alike.

use crate::error::Result;
use crate::format::row::{LatestRow, Slot, not_a};
use crate::format::value;
use crate::schema::{Contract, Feature, OnExpiry};
use crate::time::Timestamp;
use crate::value::ValueRef;

/// What is known of a feature at the time asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// There is a value, and it is alive.
    Present,
    /// There is a value older than the ttl, and the view says `on_expiry = "stale"`.
    Stale,
    /// It is known to be nothing.
    Null,
    /// There was a value or a null, and it has outlived the ttl.
    Expired,
    /// A Delete hides what there was.
    Deleted,
    /// Nobody spoke about it, or the newest who spoke was a Put without it.
    Absent,
}

impl Status {
    /// The word for it in answers.
    pub fn name(self) -> &'static str {
        match self {
            Status::Present => "present",
            Status::Stale => "stale",
            Status::Null => "null",
            Status::Expired => "expired",
            Status::Deleted => "deleted",
            Status::Absent => "absent",
        }
    }
}

/// What is known of an entity as a whole at the time asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Something about it is known and alive.
    Found,
    /// Nothing was ever said about it.
    Never,
    /// A Delete hides it, and nothing was said since.
    Deleted,
    /// All that was said about it has outlived the ttl.
    Expired,
}

impl Verdict {
    /// The word for it in answers.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Found => "found",
            Verdict::Never => "never",
            Verdict::Deleted => "deleted",
            Verdict::Expired => "expired",
        }
    }
}

/// What is known of one feature at the time asked about.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// Which of the six it is.
    pub status: Status,
    /// The value, of a feature that is present or stale.
    pub value: Option<ValueRef<'a>>,
    /// When it became true; for a deleted feature, when it was deleted. None when absent.
    pub event_time: Option<Timestamp>,
}

impl Answer<'_> {
    const ABSENT: Answer<'static> = Answer {
        status: Status::Absent,
        value: None,
        event_time: None,
    };
}

/// Whether facts of event time `et` are outside the view: before its horizon.
#[inline]
fn is_outside(horizon: Option<Timestamp>, et: Timestamp) -> bool {
    horizon.is_some_and(|horizon| et < horizon)
}

/// What a fold says about a feature as of `t`.
#[inline]
pub(crate) fn answer<'a>(
    contract: &Contract,
    horizon: Option<Timestamp>,
    fold: &LatestRow<'a>,
    feature: &Feature,
    t: Timestamp,
) -> Result<Answer<'a>> {
    let Some((stamp, slot)) = fold.find(feature.id)? else {
        let deleted = fold
            .floor()
            .filter(|floor| fold.floor_is_delete() && !is_outside(horizon, floor.et));
        return Ok(deleted.map_or(Answer::ABSENT, |floor| Answer {
            status: Status::Deleted,
            value: None,
            event_time: Some(floor.et),
        }));
    };
    if is_outside(horizon, stamp.et) {
        return Ok(Answer::ABSENT);
    }
    let outlived = contract.has_outlived(stamp.et, t);
    let withheld = outlived && contract.time.on_expiry == OnExpiry::Expire;
    let (status, value) = match slot {
        _ if withheld => (Status::Expired, None),
        Slot::Null => (Status::Null, None),
        Slot::Value(bytes) => {
            let value = value::decode(feature.ty(), bytes).ok_or_else(|| not_a(feature, bytes))?;
            (
                if outlived {
                    Status::Stale
                } else {
                    Status::Present
                },
                Some(value),
            )
        }
    };
    Ok(Answer {
        status,
        value,
        event_time: Some(stamp.et),
    })
}

/// What a fold says about its entity as of `t`.
///
/// The newest fact decides between *never*, *deleted*, *expired* and *found*: a row is expired when
/// its newest speaker is, which is then true of every feature.
#[inline]
pub(crate) fn verdict(
    contract: &Contract,
    horizon: Option<Timestamp>,
    fold: &LatestRow<'_>,
    t: Timestamp,
) -> Verdict {
    let newest = fold.lone().or_else(|| fold.stamps().max());
    let newest = newest.filter(|stamp| !is_outside(horizon, stamp.et));
    let Some(newest) = newest else {
        return Verdict::Never;
    };
    if fold.floor_is_delete() && fold.floor() == Some(newest) {
        return Verdict::Deleted;
    }
    let withheld = contract.time.on_expiry == OnExpiry::Expire;
    if withheld && contract.has_outlived(newest.et, t) {
        Verdict::Expired
    } else {
        Verdict::Found
    }
}
