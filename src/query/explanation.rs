//! Why an answer is what it is: which version decided which feature, and by which rule every other
//! version did not.

use crate::format::ContentDigest;
use crate::law::Status;
use crate::op::Op;
use crate::time::{Span, Timestamp};
use std::fmt;

/// What was made of one version. The [names](Rule::name) are stable; scripts may compare them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// It is the newest to speak about the features it decides.
    Decides,
    /// It is the newest to speak, and what it says has outlived the ttl.
    Expired {
        /// From its event time to the time asked about.
        age: Span,
        /// How old a value of the view may be.
        ttl: Span,
    },
    /// A version of a later event time speaks about the same.
    NewerSpeaker,
    /// Of two versions of one event time the one that was recorded later counts.
    RecordedAt,
    /// Of two versions of one instant a Delete counts before a Patch, a Patch before a Put.
    Op,
    /// Of two versions alike in all else the one with the larger digest counts.
    Digest,
    /// A Put of a later event time says all there is.
    HiddenByPut,
    /// A Delete of a later event time ends what was.
    HiddenByDelete,
    /// It was recorded after the time by which things had to be known.
    NotKnownYet,
    /// Its event time lies after the time asked about.
    InTheFuture,
    /// It is older than the view's horizon.
    BeforeHorizon,
    /// It stands at or before the view's floor, and something newer there says the same things: it
    /// belongs to the view no longer and may be reclaimed any time.
    NotRetained,
}

impl Rule {
    /// The word for it in answers.
    pub fn name(self) -> &'static str {
        match self {
            Rule::Decides => "decides",
            Rule::Expired { .. } => "expired",
            Rule::NewerSpeaker => "newer_speaker",
            Rule::RecordedAt => "recorded_at",
            Rule::Op => "op",
            Rule::Digest => "digest",
            Rule::HiddenByPut => "hidden_by_put",
            Rule::HiddenByDelete => "hidden_by_delete",
            Rule::NotKnownYet => "not_known_yet",
            Rule::InTheFuture => "in_the_future",
            Rule::BeforeHorizon => "before_horizon",
            Rule::NotRetained => "not_retained",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self {
            Rule::Decides => "decides",
            Rule::Expired { age, ttl } => return write!(f, "expired: {age} old, ttl {ttl}"),
            Rule::NewerSpeaker => "a newer version speaks",
            Rule::RecordedAt => "same event time, recorded earlier",
            Rule::Op => "same instant, its op counts for less",
            Rule::Digest => "same instant and op, smaller digest",
            Rule::HiddenByPut => "hidden by a newer put",
            Rule::HiddenByDelete => "hidden by a newer delete",
            Rule::NotKnownYet => "not known yet",
            Rule::InTheFuture => "in the future",
            Rule::BeforeHorizon => "before the view's horizon",
            Rule::NotRetained => "not retained",
        };
        f.write_str(words)
    }
}

/// Why a feature has the answer it has. The [names](Because::name) are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Because {
    /// A version says so.
    Decided,
    /// A version said something, and it has outlived the ttl.
    Expired {
        /// From its event time to the time asked about.
        age: Span,
        /// How old a value of the view may be.
        ttl: Span,
    },
    /// A Delete hides what there was.
    Deleted,
    /// The newest Put does not mention it, and a Put is a whole row.
    LeftOutByPut,
    /// No version that was looked at mentions it.
    NeverSpoken,
    /// Only versions of a later event time mention it.
    OnlyInTheFuture,
    /// Only versions that were recorded later mention it.
    OnlyNotKnownYet,
    /// Only versions before the view's horizon mention it.
    OnlyBeforeHorizon,
}

impl Because {
    /// The word for it in answers.
    pub fn name(self) -> &'static str {
        match self {
            Because::Decided => "decided",
            Because::Expired { .. } => "expired",
            Because::Deleted => "deleted",
            Because::LeftOutByPut => "left_out_by_put",
            Because::NeverSpoken => "never_spoken",
            Because::OnlyInTheFuture => "only_in_the_future",
            Because::OnlyNotKnownYet => "only_not_known_yet",
            Because::OnlyBeforeHorizon => "only_before_horizon",
        }
    }
}

impl fmt::Display for Because {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self {
            Because::Decided => "decided",
            Because::Expired { age, ttl } => return write!(f, "expired: {age} old, ttl {ttl}"),
            Because::Deleted => "deleted",
            Because::LeftOutByPut => "the newest put leaves it out",
            Because::NeverSpoken => "nobody spoke about it",
            Because::OnlyInTheFuture => "only spoken of in the future",
            Because::OnlyNotKnownYet => "only spoken of later than was known",
            Because::OnlyBeforeHorizon => "only spoken of before the view's horizon",
        };
        f.write_str(words)
    }
}

/// A version that was looked at, and what was made of it.
#[derive(Debug, Clone)]
pub struct ExplainedVersion {
    /// When the fact was true.
    pub event_time: Timestamp,
    /// When the producer learned it.
    pub recorded_at: Timestamp,
    /// What the version does.
    pub op: Op,
    /// The digest of what it says.
    pub digest: ContentDigest,
    /// What was made of it as a whole.
    pub rule: Rule,
    /// The version that it lost to: its place in [`Explanation::versions`].
    pub by: Option<usize>,
    /// The features whose answer it is: a value, null, deleted, or absent because a Put leaves them
    /// out.
    pub decides: Vec<String>,
    /// The features it mentions that another version answers for.
    pub outvoted: Vec<Outvoted>,
}

/// A feature that a version mentions in vain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outvoted {
    /// Its name.
    pub feature: String,
    /// Why the other version counts.
    pub rule: Rule,
    /// The other version: its place in [`Explanation::versions`].
    pub by: usize,
}

/// A feature, and why it has the answer it has.
#[derive(Debug, Clone)]
pub struct ExplainedFeature {
    /// Its name.
    pub name: String,
    /// The status that a read gives it.
    pub status: Status,
    /// Why.
    pub because: Because,
    /// The version whose word it is: its place in [`Explanation::versions`].
    pub by: Option<usize>,
}

/// Why an answer is what it is.
///
/// Beside the versions that the read looks at, it lists up to [`MORE_MAX`](Explanation::MORE_MAX)
/// that lie in the question's future and as many that newer ones hide.
#[derive(Debug, Clone, Default)]
pub struct Explanation {
    /// Newest first.
    pub versions: Vec<ExplainedVersion>,
    /// In the order of the contract.
    pub features: Vec<ExplainedFeature>,
    /// Whether there are versions further into the future than those listed.
    pub more_in_the_future: bool,
    /// Whether there are older versions than those listed; none of them can matter.
    pub more_hidden: bool,
}

impl Explanation {
    /// How many versions are listed of those that a read does not look at, on either side.
    pub const MORE_MAX: usize = 4;
}
