//! Which rows are let in.
//!
//! Judged per batch with one `now`, one catalog and one floor, and never by what arrived before: a
//! duplicate, a late row or a fenced one is no failure, only nothing new.

use crate::error::{Error, ErrorKind, Result};
use crate::format::catalog::Fence;
use crate::format::key::Stamp;
use crate::format::row::Body;
use crate::op::Op;
use crate::schema::{Contract, MaxSkew};
use crate::time::Timestamp;

/// What becomes of a row that breaks no contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    Applied,
    Duplicate,
    TooLate,
    Fenced,
}

/// Whether an erase has put this version out of reach.
pub(crate) fn is_fenced(fence: &Fence, stamp: &Stamp) -> bool {
    stamp.rec <= fence.recorded || fence.floor.is_some_and(|floor| stamp.et <= floor)
}

/// Refuses times that lie too far ahead: recorded-at of the log, event time of recorded-at.
///
/// `appended` is when the log took the row in, or now where the caller does not say, so that a
/// replay tomorrow decides the same.
pub(crate) fn check_times(
    contract: &Contract,
    et: Timestamp,
    rec: Option<Timestamp>,
    appended: Timestamp,
) -> Result<()> {
    let MaxSkew::Within(skew) = contract.time.max_skew else {
        return Ok(());
    };
    let ahead = |what: &str, time: Timestamp, of: &str, limit: Timestamp| {
        let text = format!(
            "{what} {time} lies more than max_skew ({skew}) ahead of {of} {limit}; check the \
             producer's clock, or declare max_skew = \"forever\" for a view of forecasts"
        );
        Err(Error::new(ErrorKind::TooFarAhead, text))
    };
    let is_ahead =
        |time: Timestamp, of: Timestamp| time.micros_since(of) > i128::from(skew.as_micros());
    match rec {
        Some(rec) if is_ahead(rec, appended) => ahead("recorded_at", rec, "the log at", appended),
        Some(rec) if is_ahead(et, rec) => ahead("event_time", et, "recorded_at", rec),
        None if is_ahead(et, appended) => ahead("event_time", et, "the log at", appended),
        _ => Ok(()),
    }
}

/// Whether two versions of one instant give a common feature different answers.
///
/// A Put or Delete speaks about every feature: what it leaves out it calls absent, or deleted.
pub(crate) fn contradict(a: (Op, &Body<'_>), b: (Op, &Body<'_>)) -> Result<bool> {
    for (one, other) in [(a, b), (b, a)] {
        for entry in one.1.iter() {
            let (id, slot) = entry?;
            let said = other.1.find(id)?;
            if said != Some(slot) && (said.is_some() || other.0 != Op::Patch) {
                return Ok(true);
            }
        }
    }
    // Neither names what the other does not. A Put and a Delete still disagree on everything.
    Ok(a.0 != b.0 && a.0 != Op::Patch && b.0 != Op::Patch)
}
