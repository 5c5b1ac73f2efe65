//! What a fold answers at a time: a status per feature, a verdict per row.
//!
//! The ttl belongs to the question, and so it is applied here and nowhere else: to a latest row, to
//! a read in the past and to a join alike.

use crate::error::Result;
use crate::format::row::{LatestRow, Slot};
use crate::id::FeatureId;
use crate::schema::{Contract, OnExpiry};
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

/// How a fact stands at the time asked about, whatever it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Alive,
    /// It has outlived the ttl, and is told all the same.
    Stale,
    /// It has outlived the ttl.
    Expired,
    /// It is from before the view's horizon: as if nobody had said it.
    Outside,
}

impl Standing {
    /// How a fact of event time `et` stands at `t`.
    #[inline]
    pub(crate) fn of(
        contract: &Contract,
        horizon: Option<Timestamp>,
        et: Timestamp,
        t: Timestamp,
    ) -> Standing {
        if horizon.is_some_and(|horizon| et < horizon) {
            return Standing::Outside;
        }
        match (contract.has_outlived(et, t), contract.time.on_expiry) {
            (false, _) => Standing::Alive,
            (true, OnExpiry::Stale) => Standing::Stale,
            (true, OnExpiry::Expire) => Standing::Expired,
        }
    }
}

/// What a fold says about a feature, the value as it is stored.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told<'a> {
    pub(crate) status: Status,
    pub(crate) bytes: Option<&'a [u8]>,
    pub(crate) event_time: Option<Timestamp>,
}

impl Told<'_> {
    pub(crate) const ABSENT: Told<'static> = Told {
        status: Status::Absent,
        bytes: None,
        event_time: None,
    };
}

/// What a fold says about a feature. How a fact stands is asked by its event time.
#[inline]
pub(crate) fn told<'a>(
    fold: &LatestRow<'a>,
    id: FeatureId,
    standing: impl Fn(Timestamp) -> Standing,
) -> Result<Told<'a>> {
    let Some((et, slot)) = fold.find(id)? else {
        return Ok(match fold.floor() {
            Some(floor) if fold.floor_is_delete() && standing(floor.et) != Standing::Outside => {
                Told {
                    status: Status::Deleted,
                    bytes: None,
                    event_time: Some(floor.et),
                }
            }
            _ => Told::ABSENT,
        });
    };
    let (status, bytes) = match (standing(et), slot) {
        (Standing::Outside, _) => return Ok(Told::ABSENT),
        (Standing::Expired, _) => (Status::Expired, None),
        (_, Slot::Null) => (Status::Null, None),
        (Standing::Stale, Slot::Value(bytes)) => (Status::Stale, Some(bytes)),
        (Standing::Alive, Slot::Value(bytes)) => (Status::Present, Some(bytes)),
    };
    Ok(Told {
        status,
        bytes,
        event_time: Some(et),
    })
}

/// What a fold says about its entity as of `t`.
///
/// The newest fact decides between *never*, *deleted*, *expired* and *found*: a row is expired when
/// its newest speaker is, which is then true of every feature.
#[inline]
pub(crate) fn verdict(fold: &LatestRow<'_>, standing: impl Fn(Timestamp) -> Standing) -> Verdict {
    let (newest, is_floor) = match fold.only_et() {
        Some(et) => (Some(et), true),
        None => {
            let newest = fold.stamps().max();
            (newest.map(|stamp| stamp.et), newest == fold.floor())
        }
    };
    match newest.map(standing) {
        None | Some(Standing::Outside) => Verdict::Never,
        Some(_) if is_floor && fold.floor_is_delete() => Verdict::Deleted,
        Some(Standing::Expired) => Verdict::Expired,
        Some(Standing::Alive | Standing::Stale) => Verdict::Found,
    }
}
