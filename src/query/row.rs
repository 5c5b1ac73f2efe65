//! An answer: the row of one entity as of one time.

use super::feature::{Typed, TypedFeature};
use crate::error::{Error, Result};
use crate::format::row::{LatestLayout, LatestRow, not_a};
use crate::format::value;
use crate::id::{FeatureId, OpenedView};
use crate::law::{self, Answer, Fold, Standing, Status, Told, Verdict};
use crate::schema::{Contract, Feature};
use crate::time::Timestamp;
use std::sync::Arc;

/// The row of one entity as of one time. A caller may keep one and have it filled again and again:
/// once it has grown to the size of its rows, a read into it allocates nothing.
///
/// Features are read in place, one at a time, without decoding the others.
///
/// ```
/// # use asof::*;
/// # fn main() -> Result<()> {
/// # let store = Store::temp()?;
/// # store.apply(ViewDefinition::builder("weather").key("origin", Type::String).feature("temp", Type::F64).define(FeatureDefinition::new("gust", Type::F64).nullable()).build()?)?;
/// # let weather = store.view("weather")?;
/// # let (temp, gust) = (weather.feature::<f64>("temp")?, weather.feature::<f64>("gust")?);
/// # let newark = weather.entity(["EWR"])?;
/// # let at = |hour: i64| Timestamp::from_secs(3600 * hour);
/// # let mut batch = WriteBatch::new();
/// # batch.put(&weather, &newark, at(6)).set(&temp, 39.02).finish()?;
/// # batch.patch(&weather, &newark, at(7)).set(&gust, 24.2).finish()?;
/// # store.write(batch, WriteOptions::buffered())?;
///
/// let row = store.get(&weather, &newark, Question::latest())?;
/// assert_eq!(row.get(&temp)?, Some(39.02));
/// let seen = row.see(&gust)?;
/// assert_eq!((seen.status, seen.event_time), (Status::Present, Some(at(7))));
///
/// // By name, where the names come from outside; and all of them.
/// assert_eq!(row.by_name("gust")?.status, Status::Present);
/// for (feature, answer) in row.iter() {
///     println!("{}: {}", feature.name(), answer?.status.name());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct Row {
    contract: Option<Arc<Contract>>,
    t: Timestamp,
    horizon: Option<Timestamp>,
    verdict: Option<Verdict>,
    /// A latest row without its checksum; empty when nothing is known.
    bytes: Vec<u8>,
    /// Where its parts are; none when nothing is known, or nothing was judged yet.
    layout: Option<LatestLayout>,
    /// How all that it says stands and since when, where one version alone says it.
    standing: Option<(Standing, Timestamp)>,
    /// Room to fold in.
    pub(crate) fold: Fold,
}

/// What a typed read of a feature saw.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Seen<T> {
    /// Which of the six it is.
    pub status: Status,
    /// The value, of a feature that is present or stale.
    pub value: Option<T>,
    /// When it became true; for a deleted feature, when it was deleted. None when absent.
    pub event_time: Option<Timestamp>,
}

impl Row {
    /// An empty row, to be filled by a read.
    pub fn new() -> Self {
        Row::default()
    }

    /// Forgets what it held and gives room for the bytes of the next answer.
    #[inline]
    pub(crate) fn begin(
        &mut self,
        contract: &Arc<Contract>,
        t: Timestamp,
        horizon: Option<Timestamp>,
    ) -> (&mut Vec<u8>, &mut Fold) {
        if !self
            .contract
            .as_ref()
            .is_some_and(|held| Arc::ptr_eq(held, contract))
        {
            self.contract = Some(contract.clone());
        }
        self.t = t;
        self.horizon = horizon;
        self.verdict = None;
        self.bytes.clear();
        self.layout = None;
        self.standing = None;
        self.fold.clear();
        (&mut self.bytes, &mut self.fold)
    }

    /// Judges what was filled in.
    #[inline]
    pub(crate) fn finish(&mut self) -> Result<Verdict> {
        let mut verdict = Verdict::Never;
        if let (Some(contract), false) = (&self.contract, self.bytes.is_empty()) {
            let latest = LatestRow::parse(&self.bytes)?;
            let standing = |et| Standing::of(contract, self.horizon, et, self.t);
            verdict = law::verdict(&latest, standing);
            self.standing = latest.only_et().map(|et| (standing(et), et));
            self.layout = Some(latest.layout());
        }
        self.verdict = Some(verdict);
        Ok(verdict)
    }

    /// Holds no answer any more, neither that of a read that failed nor one of before.
    #[cold]
    pub(crate) fn forget(&mut self) {
        self.verdict = None;
        self.layout = None;
        self.standing = None;
    }

    /// What was judged; none when nothing is known.
    #[inline]
    pub(crate) fn latest(&self) -> Option<LatestRow<'_>> {
        Some(LatestRow::at(self.layout?, &self.bytes))
    }

    /// The contract of the view that was asked, if there is an answer.
    #[inline]
    fn answered(&self) -> Result<&Contract> {
        match (&self.contract, self.verdict) {
            (Some(contract), Some(_)) => Ok(contract),
            _ => Err(no_answer()),
        }
    }

    /// What is known of a feature of this contract.
    #[inline]
    fn told(&self, contract: &Contract, feature: &Feature) -> Result<Told<'_>> {
        match self.latest() {
            None => Ok(Told::ABSENT),
            Some(latest) => law::told(&latest, feature.id(), |et| match self.standing {
                Some((standing, _)) => standing,
                None => Standing::of(contract, self.horizon, et, self.t),
            }),
        }
    }

    pub(super) fn view_name(&self) -> Option<&str> {
        self.contract.as_ref().map(|contract| contract.name())
    }

    /// What is known of the entity as a whole.
    #[inline]
    pub fn verdict(&self) -> Verdict {
        self.verdict.unwrap_or(Verdict::Never)
    }

    /// The time it answers for, microseconds since the Unix epoch.
    pub fn as_of(&self) -> Timestamp {
        self.t
    }

    /// What is known of a feature, by the view's contract.
    ///
    /// # Errors
    /// As [`see`](Self::see).
    pub fn answer(&self, feature: &Feature) -> Result<Answer<'_>> {
        let contract = self.answered()?;
        let feature = known(contract, feature.view.0, feature.id())?;
        let told = self.told(contract, feature)?;
        let value = told
            .bytes
            .map(|bytes| value::decode(feature.ty(), bytes).ok_or_else(|| not_a(feature, bytes)));
        Ok(Answer {
            status: told.status,
            value: value.transpose()?,
            event_time: told.event_time,
        })
    }

    /// What is known of a feature, by name.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) offers the nearest name; else as
    /// [`answer`](Self::answer).
    pub fn by_name(&self, name: &str) -> Result<Answer<'_>> {
        self.answer(self.answered()?.feature(name)?)
    }

    /// The value of a feature that is present or stale; none otherwise.
    ///
    /// # Errors
    /// As [`see`](Self::see).
    #[inline]
    pub fn get<T: Typed + ?Sized>(&self, feature: &TypedFeature<T>) -> Result<Option<T::Ref<'_>>> {
        Ok(self.see(feature)?.value)
    }

    /// What is known of a feature: status, value and event time.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for a feature of another view or of
    /// another store, or one that is younger than the view handle that the row was read with, and where
    /// no read has filled the row, or the last one failed;
    /// [`Corrupt`](crate::ErrorKind::Corrupt) when the stored value is not of the feature's type.
    // Always: a caller that wants the value alone then makes nothing else.
    #[inline(always)]
    pub fn see<T: Typed + ?Sized>(&self, feature: &TypedFeature<T>) -> Result<Seen<T::Ref<'_>>> {
        let contract = self.answered()?;
        let known = known(contract, feature.view(), feature.id)?;
        // Mostly it is this, of which the law is that it is present since then.
        if let (Some(layout), Some((Standing::Alive, et))) = (&self.layout, self.standing)
            && let Some(bytes) = layout.body(&self.bytes).value_in_place(feature.id)
            && let Some(value) = T::decode(known.ty(), bytes)
        {
            return Ok(Seen {
                status: Status::Present,
                value: Some(value),
                event_time: Some(et),
            });
        }
        self.see_told::<T>(contract, known)
    }

    /// The same by the law's table, whatever is known of the feature.
    #[inline(never)]
    fn see_told<T: Typed + ?Sized>(
        &self,
        contract: &Contract,
        known: &Feature,
    ) -> Result<Seen<T::Ref<'_>>> {
        let told = self.told(contract, known)?;
        let value = match told.bytes {
            None => None,
            Some(bytes) => Some(T::decode(known.ty(), bytes).ok_or_else(|| not_a(known, bytes))?),
        };
        Ok(Seen {
            status: told.status,
            value,
            event_time: told.event_time,
        })
    }

    /// Every feature of the view with what is known of it, in the order of the contract.
    pub fn iter(&self) -> impl Iterator<Item = (&Feature, Result<Answer<'_>>)> {
        let features = self
            .contract
            .as_ref()
            .map_or(&[][..], |contract| contract.features());
        features
            .iter()
            .map(|feature| (feature, self.answer(feature)))
    }
}

/// The feature of this number, in the contract that a row was read by. Something may be stored of one
/// that is not known, so "absent" could be a lie.
#[inline]
fn known(contract: &Contract, view: OpenedView, id: FeatureId) -> Result<&Feature> {
    contract.check_owns(view, Some(id))?;
    contract.by_id(id).ok_or_else(|| younger(contract))
}

#[cold]
fn no_answer() -> Error {
    Error::invalid(
        "the row holds no answer: nothing was read into it yet, or the read into it failed; read into it \
         first, and look at what that returns",
    )
}

#[cold]
fn younger(contract: &Contract) -> Error {
    Error::invalid(format!(
        "the feature was added to view {:?} after the view handle was made that the row was read with; \
         ask the store for the view again, and read with that",
        contract.name()
    ))
}
