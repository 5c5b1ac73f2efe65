//! Answering.
//!
//! [`Read`] is one sealed trait: a live store and a snapshot of it answer the same questions in the same
//! words.

mod explain;
mod feature_set;
mod fresh;
mod history;
mod lookup;
mod many;
mod scan;

pub use feature_set::{FeatureSet, SetRow};
pub(crate) use fresh::Freshness;
pub use history::{History, Versions};
pub(crate) use lookup::{Floors, Lookup, refold};
pub use scan::Scan;

use crate::catalog::{Entity, View};
use crate::error::Result;
use crate::format::SetDigest;
use crate::law::Verdict;
use crate::query::{Explanation, HistoryRange, Question, Row};
use crate::time::Timestamp;

/// What makes something a reader: it can say what it reads from.
pub(crate) mod sealed {
    /// Gives out lookups.
    pub trait Source {
        /// What a read needs: the database, one state of it or the present one, and a time.
        fn lookup(&self) -> super::Lookup<'_>;

        /// Asks the memory for what a read of this entity looks at first.
        fn expect(&self, _entity: &super::Entity) {}
    }
}

/// What a store, or a snapshot of one, can be asked. Sealed: it grows with the crate.
///
/// Every read that touches more than one row has one snapshot, whoever is asked. Ask a
/// [`Snapshot`](crate::Snapshot) when several reads must see the same state and the same `now`.
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
/// // One entity, into a row that is used again; many; and all of which anything is known.
/// let mut row = Row::new();
/// assert_eq!(store.get_into(&weather, &newark, Question::latest(), &mut row)?, Verdict::Found);
/// let both = [newark.clone(), weather.entity(["JFK"])?];
/// let rows = store.get_many(&weather, &both, Question::latest())?;
/// assert_eq!(rows[1].verdict(), Verdict::Never);
/// for found in store.scan(&weather, Question::as_of(at(6)))? {
///     let (entity, row) = found?;
///     assert_eq!((entity, row.get(&temp)?), (newark.clone(), Some(39.02)));
/// }
///
/// // Versions as they were written, of one entity or of all; and one line that says which set it is.
/// assert_eq!(store.history(&weather, &newark, HistoryRange::default())?.count(), 2);
/// assert_eq!(store.versions(&weather)?.count(), 2);
/// assert_eq!(store.digest(&weather)?, store.snapshot().digest(&weather)?);
///
/// // Why the answer is what it is.
/// let why = store.explain(&weather, &newark, Question::latest())?;
/// assert_eq!((why.versions[0].op, why.versions[0].rule), (Op::Patch, Rule::Decides));
/// assert_eq!(why.versions[0].decides, ["gust"]);
///
/// // The view keeps everything, so any time may be asked.
/// assert_eq!((store.floor(&weather)?, store.horizon(&weather)?), (None, None));
/// # Ok(())
/// # }
/// ```
pub trait Read: sealed::Source {
    /// The present, by the store's clock; the moment a snapshot was taken, of a snapshot.
    fn now(&self) -> Timestamp {
        self.lookup().now
    }

    /// The answer for one entity.
    ///
    /// # Errors
    /// [`BeyondHistory`](crate::ErrorKind::BeyondHistory) with the floor, when `as_of` or `known_at`
    /// lies before it (never for `latest`); [`NotFresh`](crate::ErrorKind::NotFresh) when the question
    /// [demands](Question::require_fresh) more than the view's sources have reported;
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for a view or an entity of another store;
    /// [`Corrupt`](crate::ErrorKind::Corrupt), or [`UnsupportedFormat`](crate::ErrorKind::UnsupportedFormat)
    /// where a newer version of asof wrote a row, names the place.
    fn get(&self, view: &View, entity: &Entity, question: Question) -> Result<Row> {
        let mut row = Row::new();
        self.get_into(view, entity, question, &mut row)?;
        Ok(row)
    }

    /// The answer for one entity, into a row that the caller owns. Once that has grown to the size of
    /// its rows, nothing of ours is allocated.
    ///
    /// # Errors
    /// As [`get`](Self::get). The row then holds no answer, neither this one nor one of before.
    fn get_into(
        &self,
        view: &View,
        entity: &Entity,
        question: Question,
        row: &mut Row,
    ) -> Result<Verdict> {
        // While that comes, the clock is read and the question looked at.
        self.expect(entity);
        let read = self.lookup().read(view, entity, question, row);
        read.inspect_err(|_| row.forget())
    }

    /// The answers for many entities of one view, in their order, from one snapshot.
    ///
    /// # Errors
    /// As [`get`](Self::get), for the first entity that fails.
    fn get_many(&self, view: &View, entities: &[Entity], question: Question) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        self.get_many_into(view, entities, question, &mut rows)?;
        Ok(rows)
    }

    /// The same, into rows that the caller owns, of which there are then as many as entities.
    ///
    /// # Errors
    /// As [`get`](Self::get), for the first entity that fails. The rows then hold no answers.
    fn get_many_into(
        &self,
        view: &View,
        entities: &[Entity],
        question: Question,
        rows: &mut Vec<Row>,
    ) -> Result<()> {
        rows.resize_with(entities.len(), Row::new);
        let lookup = self.lookup();
        let asked: Vec<_> = entities.iter().map(|entity| (view, entity)).collect();
        let read = view
            .belongs_to(lookup.opened)
            .and_then(|()| lookup.check_fresh(view, question))
            .and_then(|()| many::read_many(&lookup, &asked, question, rows));
        read.inspect_err(|_| rows.iter_mut().for_each(Row::forget))
    }

    /// The answers of several views, for one entity of each, from one snapshot.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) when there is not one entity for each
    /// view; else as [`get`](Self::get).
    fn get_set(&self, set: &FeatureSet, entities: &[Entity], question: Question) -> Result<SetRow> {
        let mut row = SetRow::default();
        self.get_set_into(set, entities, question, &mut row)?;
        Ok(row)
    }

    /// The same, into a row that the caller owns.
    ///
    /// # Errors
    /// As [`get_set`](Self::get_set). The row then holds no answers.
    fn get_set_into(
        &self,
        set: &FeatureSet,
        entities: &[Entity],
        question: Question,
        row: &mut SetRow,
    ) -> Result<()> {
        let lookup = self.lookup();
        let mut views = set.views().iter();
        let read = views
            .try_for_each(|view| lookup.check_fresh(view, question))
            .and_then(|()| set.read(&lookup, entities, question, row));
        read.inspect_err(|_| row.forget())
    }

    /// The retained versions of one entity as they were written, in version order.
    ///
    /// Conflict losers, Deletes, future and expired versions are among them; the ttl is not applied.
    ///
    /// # Errors
    /// [`BeyondHistory`](crate::ErrorKind::BeyondHistory) when a bound lies before the floor; else as
    /// [`get`](Self::get).
    fn history(&self, view: &View, entity: &Entity, range: HistoryRange) -> Result<History<'_>> {
        History::open(self.lookup(), view, entity, range)
    }

    /// The answer for every entity of a view of which anything is known as of the question's time,
    /// from one snapshot, in the order of storage.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    fn scan(&self, view: &View, question: Question) -> Result<Scan<'_>> {
        Scan::open(self.lookup(), view, question)
    }

    /// Every retained version of a view, from one snapshot: entity by entity in the order of storage,
    /// newest first within each.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt), or [`UnsupportedFormat`](crate::ErrorKind::UnsupportedFormat)
    /// where a newer version of asof wrote a row, names the place;
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for a view of another store.
    fn versions(&self, view: &View) -> Result<Versions<'_>> {
        Versions::open(self.lookup(), view)
    }

    /// The digest of the retained set of a view. Equal sets have equal digests.
    ///
    /// # Errors
    /// As [`versions`](Self::versions).
    fn digest(&self, view: &View) -> Result<SetDigest> {
        let mut digest = SetDigest::default();
        for version in self.versions(view)? {
            version?.1.add_to(&mut digest)?;
        }
        Ok(digest)
    }

    /// Why the answer for one entity is what it is: which version decided which feature, and by
    /// which rule every other version did not. From one snapshot.
    ///
    /// ```
    /// # use asof::*;
    /// # fn main() -> Result<()> {
    /// # let store = Store::temp()?;
    /// # store.apply(ViewDefinition::builder("weather").key("origin", Type::String).feature("temp", Type::F64).build()?)?;
    /// # let weather = store.view("weather")?;
    /// # let newark = weather.entity(["EWR"])?;
    /// # let mut batch = WriteBatch::new();
    /// # for hour in [6, 7] {
    /// #     batch.put(&weather, &newark, Timestamp::from_secs(3600 * hour)).set_value("temp", 1.5).finish()?;
    /// # }
    /// # store.write(batch, WriteOptions::default())?;
    /// let why = store.explain(&weather, &newark, Question::latest())?;
    /// assert_eq!(why.features[0].because, Because::Decided);
    /// assert_eq!(why.features[0].by, Some(0)); // why.versions[0], the newest
    /// assert_eq!(why.versions[1].rule.name(), "hidden_by_put");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`get`](Self::get).
    fn explain(&self, view: &View, entity: &Entity, question: Question) -> Result<Explanation> {
        let lookup = self.lookup();
        lookup.check_fresh(view, question)?;
        lookup.under_snapshot(|lookup| explain::explain(lookup, view, entity, question))
    }

    /// The earliest time that can be asked; none while the view keeps everything.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for a view of another store.
    fn floor(&self, view: &View) -> Result<Option<Timestamp>> {
        let lookup = self.lookup();
        view.belongs_to(lookup.opened)?;
        Ok(lookup.floor(view))
    }

    /// How far the view's sources are complete: as far as the least complete of them. Everything that
    /// was true by then is stored, as far as the sources can tell; "no change" and "no news" are two
    /// different answers. None where one of them has never reported, and where the view names none.
    ///
    /// The sources are those that the view named when its handle was made. Of a snapshot it is what
    /// was claimed when it was taken, never more than the rows it sees.
    ///
    /// # Errors
    /// As [`floor`](Self::floor).
    fn complete_through(&self, view: &View) -> Result<Option<Timestamp>> {
        let lookup = self.lookup();
        view.belongs_to(lookup.opened)?;
        Ok(lookup.complete_through(view))
    }

    /// The event time before which facts are outside the view; none while there is no such time.
    ///
    /// # Errors
    /// As [`floor`](Self::floor).
    fn horizon(&self, view: &View) -> Result<Option<Timestamp>> {
        Ok(view.contract.horizon(self.floor(view)?))
    }
}
