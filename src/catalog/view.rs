//! A prepared view.

use super::entity::Entity;
use super::state::ViewState;
use crate::error::{Error, Result};
use crate::id::Opened;
use crate::query::{Features, Typed, TypedFeature, TypedFeatures};
use crate::schema::Contract;
use crate::value::Value;
use std::fmt;
use std::sync::Arc;

/// A view whose names have been resolved: what reads and writes take.
///
/// It shows the contract as it was when the handle was made. A handle made before a re-definition
/// goes on to work; ask the store again to see features added since.
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
/// assert_eq!((weather.namespace(), weather.name()), ("default", "weather"));
/// assert_eq!(weather.contract().feature("temp")?.ty(), Type::F64);
/// assert_eq!(weather.entity(["EWR"])?, newark);
/// // A wrong name or type is an error here, not a null later.
/// assert_eq!(weather.feature::<f64>("tmp").unwrap_err().kind(), ErrorKind::NotFound);
/// assert_eq!(weather.feature::<i64>("temp").unwrap_err().kind(), ErrorKind::InvalidArgument);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct View {
    pub(crate) contract: Arc<Contract>,
    pub(crate) state: Arc<ViewState>,
}

impl View {
    pub(crate) fn of(state: Arc<ViewState>) -> Self {
        View {
            contract: state.contract(),
            state,
        }
    }

    /// What the view promises.
    #[inline]
    pub fn contract(&self) -> &Contract {
        &self.contract
    }

    /// Its name within the namespace.
    pub fn name(&self) -> &str {
        self.contract.name()
    }

    /// The tenant it belongs to.
    pub fn namespace(&self) -> &str {
        self.contract.namespace()
    }

    /// An entity of this view, its key columns given in order: as they are where they have one type,
    /// as [`Value`]s where they do not. Mind that Rust takes a `1` for an `i32`: a column of type `i64`
    /// wants `1i64`.
    ///
    /// ```
    /// # use asof::*;
    /// # fn main() -> Result<()> {
    /// # let store = Store::temp()?;
    /// # let shops = ViewDefinition::builder("shops").key("country", Type::String).key("id", Type::I64);
    /// # store.apply(shops.feature("open", Type::Bool).build()?)?;
    /// let shops = store.view("shops")?; // its key is (country string, id i64)
    /// let third = shops.entity([Value::from("DE"), 3i64.into()])?;
    /// let error = shops.entity([Value::from("DE"), 3.into()]).unwrap_err();
    /// assert!(error.to_string().ends_with("expects i64, found i32; write 3i64"));
    /// assert_eq!(third.to_values(), [Value::from("DE"), Value::I64(3)]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ContractViolation`](crate::ErrorKind::ContractViolation) names the column, what it expects
    /// and what was found.
    pub fn entity<V: Into<Value>>(&self, columns: impl IntoIterator<Item = V>) -> Result<Entity> {
        Entity::new(self, columns.into_iter().map(Into::into))
    }

    /// The same, in place of an entity that is needed no more, of this view or another. Once that has
    /// grown to the size of its keys nothing is allocated, and no thread waits for another: what a loop
    /// that reads millions of entities wants.
    ///
    /// ```
    /// # use asof::*;
    /// # fn main() -> Result<()> {
    /// # let store = Store::temp()?;
    /// # store.apply(ViewDefinition::builder("rider").key("id", Type::I64).feature("score", Type::F64).build()?)?;
    /// let rider = store.view("rider")?;
    /// let (mut entity, mut row) = (rider.entity([0i64])?, Row::new());
    /// for id in [7i64, 11, 13] {
    ///     rider.entity_into([id], &mut entity)?;
    ///     store.get_into(&rider, &entity, Question::latest(), &mut row)?;
    /// }
    /// assert_eq!(entity, rider.entity([13i64])?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`entity`](Self::entity); the entity is then what it was.
    pub fn entity_into<V: Into<Value>>(
        &self,
        columns: impl IntoIterator<Item = V>,
        entity: &mut Entity,
    ) -> Result<()> {
        entity.replace(self, columns.into_iter().map(Into::into))
    }

    /// A feature of this view, checked against the type it will be read and written as.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) offers the nearest name;
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) says which type it has instead.
    pub fn feature<T: Typed + ?Sized>(&self, name: &str) -> Result<TypedFeature<T>> {
        TypedFeature::new(&self.contract, name)
    }

    /// All features that a struct has as fields, checked against their types.
    ///
    /// # Errors
    /// One error names every field that does not fit: [`NotFound`](crate::ErrorKind::NotFound) offers
    /// the nearest names; [`InvalidArgument`](crate::ErrorKind::InvalidArgument) where only types differ.
    pub fn features<S: Features>(&self) -> Result<TypedFeatures<S>> {
        TypedFeatures::new(&self.contract)
    }

    /// Refuses the view in any store but the one that it was taken from.
    #[inline]
    pub(crate) fn belongs_to(&self, opened: Opened) -> Result<()> {
        if self.state.opened == opened {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "view {:?} was taken from another store; take it from the store it is used with",
            self.name()
        )))
    }

    #[inline]
    pub(crate) fn owns(&self, entity: &Entity) -> Result<()> {
        if Arc::ptr_eq(&self.state, entity.view()) {
            return Ok(());
        }
        Err(self.not_owned(entity))
    }

    #[cold]
    fn not_owned(&self, entity: &Entity) -> Error {
        let (here, there) = (self.contract(), entity.view().contract());
        let name = |contract: &Contract| match contract.namespace() == here.namespace() {
            true => format!("{:?}", contract.name()),
            false => format!(
                "{:?} of namespace {:?}",
                contract.name(),
                contract.namespace()
            ),
        };
        let of_another_store = match self.state.opened == entity.view().opened {
            true => "",
            false => " of another store, or of this one before it was opened anew",
        };
        Error::invalid(format!(
            "the entity was made by view {}{of_another_store}, and is used with view {}; make it with \
             the view it is used with",
            name(&there),
            name(here)
        ))
    }
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "View({}.{} v{})",
            self.namespace(),
            self.name(),
            self.contract.version()
        )
    }
}
