//! Whether what is stored is new enough for a question.

use super::lookup::Lookup;
use crate::catalog::{Completeness, Sources, View};
use crate::error::{Error, ErrorKind, Result};
use crate::query::Question;
use crate::time::{Span, Timestamp};

/// Where a reader learns what sources claim.
#[derive(Clone, Copy)]
pub(crate) enum Freshness<'a> {
    /// Of the store as it is. To be asked before the rows are read: the other way round a claim could
    /// speak of rows that were not there yet.
    InForce(&'a Sources),
    /// With a snapshot.
    Pinned(&'a Completeness),
}

/// What the sources of a view say together.
enum Claim<'v> {
    /// The view names none.
    NoSource,
    /// This one has never reported, or a partition of it has not.
    Silent(&'v str),
    /// The least that one of them has said.
    Through(Timestamp),
}

impl Lookup<'_> {
    pub(crate) fn complete_through(&self, view: &View) -> Option<Timestamp> {
        match self.claim(view) {
            Claim::Through(through) => Some(through),
            Claim::NoSource | Claim::Silent(_) => None,
        }
    }

    fn claim<'v>(&self, view: &'v View) -> Claim<'v> {
        match self.freshness {
            Freshness::InForce(sources) => claim(view.contract.sources(), &sources.complete()),
            Freshness::Pinned(complete) => claim(view.contract.sources(), complete),
        }
    }

    /// Refuses a question that demands more than the view's sources have reported. A question that
    /// demands nothing pays for one comparison.
    #[inline]
    pub(crate) fn check_fresh(&self, view: &View, question: Question) -> Result<()> {
        match question.max_lag {
            None => Ok(()),
            Some(max_lag) => self.demand(view, question, max_lag),
        }
    }

    #[cold]
    fn demand(&self, view: &View, question: Question, max_lag: Span) -> Result<()> {
        view.belongs_to(self.opened)?;
        // Nobody can be complete through what has not happened.
        let t = question.as_of.map_or(self.now, |t| t.min(self.now));
        let wanted = t.saturating_sub(max_lag);
        let (why, through) = match self.claim(view) {
            Claim::Through(through) if through >= wanted => return Ok(()),
            Claim::Through(through) => (
                format!("its sources are complete through {through} only"),
                Some(through),
            ),
            Claim::Silent(source) => (
                format!("source {source:?} has not reported yet how far it is complete"),
                None,
            ),
            Claim::NoSource => return Err(nobody_can_tell(view, wanted)),
        };
        Err(Error::new(
            ErrorKind::NotFresh {
                complete_through: through.map(Timestamp::micros),
            },
            format!(
                "view {:?} has to be complete through {wanted} ({max_lag} before {t}), and {why}. Ask \
                 again later, or find out where the rows are",
                view.name()
            ),
        ))
    }
}

/// Asking again would not help here.
fn nobody_can_tell(view: &View, wanted: Timestamp) -> Error {
    Error::new(
        ErrorKind::NotFresh {
            complete_through: None,
        },
        format!(
            "view {:?} has to be complete through {wanted}, and it names no source that could tell. \
             Apply it with `sources = [..]`, then ingest with `--source` and `--complete-through`; in \
             a program that is `ViewBuilder::source`, `WriteBatch::from_log` and \
             `LogStretch::complete_through`",
            view.name()
        ),
    )
}

fn claim<'v>(sources: &'v [String], complete: &Completeness) -> Claim<'v> {
    let mut least = None;
    for source in sources {
        match complete.get(source).copied().flatten() {
            None => return Claim::Silent(source),
            Some(through) => {
                least = Some(least.map_or(through, |least: Timestamp| least.min(through)));
            }
        }
    }
    least.map_or(Claim::NoSource, Claim::Through)
}
