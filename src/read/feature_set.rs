//! Features of several views in one answer.

use super::lookup::Lookup;
use super::many::read_many;
use crate::catalog::{Entity, View};
use crate::error::{Error, Result, counted};
use crate::query::{Question, Row, Seen, Typed, TypedFeature};

/// Several views that a model reads together, resolved once.
///
/// ```
/// # use asof::*;
/// # fn main() -> Result<()> {
/// # let store = Store::temp()?;
/// # for view in ["rider", "city"] {
/// #     store.apply(ViewDefinition::builder(view).key("id", Type::I64).feature("score", Type::F64).build()?)?;
/// # }
/// let (rider, city) = (store.view("rider")?, store.view("city")?);
/// let set = FeatureSet::new([rider.clone(), city.clone()]);
/// let row = store.get_set(&set, &[rider.entity([7i64])?, city.entity([1i64])?], Question::latest())?;
/// assert_eq!(row.rows().len(), 2);
/// assert_eq!(row.rows()[0].verdict(), Verdict::Never);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct FeatureSet {
    views: Vec<View>,
}

/// One row per view of a [`FeatureSet`], all of one snapshot and one time.
#[derive(Debug, Default)]
pub struct SetRow {
    rows: Vec<Row>,
}

impl FeatureSet {
    /// A set of these views. A view may stand in it more than once, for different entities.
    pub fn new(views: impl IntoIterator<Item = View>) -> Self {
        FeatureSet {
            views: views.into_iter().collect(),
        }
    }

    /// Its views, in order.
    pub fn views(&self) -> &[View] {
        &self.views
    }

    pub(crate) fn read(
        &self,
        lookup: &Lookup<'_>,
        entities: &[Entity],
        question: Question,
        row: &mut SetRow,
    ) -> Result<()> {
        if entities.len() != self.views.len() {
            return Err(Error::invalid(format!(
                "the feature set has {} and was given {}; give one entity for each view",
                counted(self.views.len() as u64, "view", "views"),
                counted(entities.len() as u64, "entity", "entities")
            )));
        }
        row.rows.resize_with(entities.len(), Row::new);
        let asked: Vec<_> = self.views.iter().zip(entities).collect();
        read_many(lookup, &asked, question, &mut row.rows).map_err(|error| misplaced(&asked, error))
    }
}

/// The error, with the place in the set where it is about one.
#[cold]
fn misplaced(asked: &[(&View, &Entity)], error: Error) -> Error {
    let refused = asked.iter().map(|(view, entity)| view.owns(entity));
    match refused.enumerate().find(|(_, owned)| owned.is_err()) {
        Some((place, Err(of_place))) => of_place.at(at_place(place)),
        _ => error,
    }
}

fn at_place(place: usize) -> String {
    format!("place {place} of the feature set, counted from 0")
}

impl SetRow {
    /// Holds no answer any more.
    pub(super) fn forget(&mut self) {
        self.rows.iter_mut().for_each(Row::forget);
    }

    /// The rows, in the order of the set's views.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// What is known of a feature of the view at a place of the set.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) when there is no such place, or the
    /// feature is of another view or of another store; else as [`Row::see`].
    pub fn see<T: Typed + ?Sized>(
        &self,
        place: usize,
        feature: &TypedFeature<T>,
    ) -> Result<Seen<T::Ref<'_>>> {
        let row = self.rows.get(place).ok_or_else(|| {
            Error::invalid(format!(
                "the feature set has {}, counted from 0, and so no view {place}",
                counted(self.rows.len() as u64, "view", "views")
            ))
        })?;
        row.see(feature).map_err(|error| error.at(at_place(place)))
    }
}
