//! What somebody declares of a view, before a store has seen it.

use crate::error::{Error, Result};
use crate::id::{DEFAULT_NAMESPACE, check_name, check_source};
use crate::limits::{FEATURES_MAX, KEY_COLUMNS_MAX, SOURCES_MAX, VECTOR_DIMENSIONS_MAX};
use crate::time::Span;
use crate::value::Type;
use std::collections::HashSet;

/// The `max_skew` of a view that names none.
pub(super) const MAX_SKEW_DEFAULT: Span = Span::minutes(10);

/// A view as somebody declares it: entity key, features, and what time means to it.
///
/// A definition that exists is well-formed: both ways to make one, [`builder`](Self::builder) and
/// [`from_toml`](Self::from_toml), end in the same checks with the same errors.
///
/// ```
/// use asof::{FeatureDefinition, Span, Type, ViewDefinition};
///
/// let weather = ViewDefinition::builder("weather")
///     .key("origin", Type::String)
///     .feature("temp", Type::F64)
///     .define(FeatureDefinition::new("wind_gust", Type::F64).nullable().finite())
///     .ttl(Span::hours(3))
///     .build()?;
/// # #[cfg(feature = "text")]
/// assert_eq!(
///     weather,
///     ViewDefinition::from_toml(
///         r#"
///         view = "weather"
///         [entity]
///         origin = "string"
///         [features]
///         temp = "f64"
///         wind_gust = { type = "f64", nullable = true, finite = true }
///         [time]
///         ttl = "3h"
///         "#,
///     )?
/// );
/// # Ok::<(), asof::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewDefinition {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) key: Vec<KeyColumn>,
    pub(crate) features: Vec<FeatureDefinition>,
    pub(crate) time: TimePolicy,
    /// Sorted: their order means nothing.
    pub(crate) sources: Vec<String>,
}

/// One column of an entity key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyColumn {
    /// Its name.
    pub name: String,
    /// Its type: string, bytes, bool, i32, i64 or timestamp.
    pub ty: Type,
}

/// One feature as somebody declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeatureDefinition {
    pub(crate) name: String,
    pub(crate) was: Option<String>,
    pub(crate) ty: Type,
    pub(crate) nullable: bool,
    pub(crate) finite: bool,
}

impl FeatureDefinition {
    /// A feature that takes neither null nor, unless it is said otherwise, minds infinities.
    pub fn new(name: impl Into<String>, ty: Type) -> Self {
        FeatureDefinition {
            name: name.into(),
            was: None,
            ty,
            nullable: false,
            finite: false,
        }
    }

    /// Null is a value of this feature.
    #[must_use]
    pub fn nullable(mut self) -> Self {
        self.nullable = true;
        self
    }

    /// `NaN` and the infinities are violations.
    #[must_use]
    pub fn finite(mut self) -> Self {
        self.finite = true;
        self
    }

    /// The first name this feature ever had, for a view that is defined anew from one where it was called
    /// otherwise. In a stored view nothing is renamed: [`Store::apply`](crate::Store::apply) refuses it.
    #[must_use]
    pub fn was(mut self, birth_name: impl Into<String>) -> Self {
        self.was = Some(birth_name.into());
        self
    }

    /// The first name this feature ever had.
    pub fn birth_name(&self) -> &str {
        self.was.as_deref().unwrap_or(&self.name)
    }

    /// Its present name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its type.
    #[inline]
    pub fn ty(&self) -> Type {
        self.ty
    }

    /// Whether null is one of its values.
    pub fn is_nullable(&self) -> bool {
        self.nullable
    }

    /// Whether `NaN` and the infinities are violations.
    pub fn is_finite(&self) -> bool {
        self.finite
    }
}

impl<N: Into<String>> From<(N, Type)> for FeatureDefinition {
    fn from((name, ty): (N, Type)) -> Self {
        FeatureDefinition::new(name, ty)
    }
}

/// What time means to a view.
///
/// ```
/// use asof::{MaxSkew, OnExpiry, Retention, Span, Type, ViewDefinition};
///
/// let forecast = ViewDefinition::builder("forecast")
///     .key("origin", Type::String)
///     .feature("temp", Type::F64)
///     .ttl(Span::hours(3))
///     .on_expiry(OnExpiry::Stale) // an old value is shown, and marked
///     .history(Retention::Window(Span::days(30)))
///     .max_skew(MaxSkew::Forever) // its event times lie ahead on purpose
///     .build()?;
/// assert_eq!(forecast.time().ttl, Some(Span::hours(3)));
/// # Ok::<(), asof::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimePolicy {
    /// How long a value lives. It belongs to the question: an answer as of `t` shows a value of
    /// event time `et` while `t - et <= ttl`.
    pub ttl: Option<Span>,
    /// What becomes of a value older than the ttl.
    pub on_expiry: OnExpiry,
    /// How far back the view keeps exact history.
    pub history: Retention,
    /// How far ahead of the log a row's times may lie.
    pub max_skew: MaxSkew,
}

impl Default for TimePolicy {
    /// No ttl, history for ever, ten minutes of skew.
    fn default() -> Self {
        TimePolicy {
            ttl: None,
            on_expiry: OnExpiry::Expire,
            history: Retention::Forever,
            max_skew: MaxSkew::Within(MAX_SKEW_DEFAULT),
        }
    }
}

/// What becomes of a value older than the ttl.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OnExpiry {
    /// It is withheld; its status is `expired`.
    Expire,
    /// It is returned; its status is `stale`.
    Stale,
}

/// How far back a view keeps exact history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Retention {
    /// For ever.
    Forever,
    /// Over a window that ends at the newest accepted event time, or now if that is earlier.
    Window(Span),
}

/// How far ahead of the log a row's times may lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MaxSkew {
    /// At most this far.
    Within(Span),
    /// Any distance: the view holds forecasts.
    Forever,
}

impl ViewDefinition {
    /// Begins a definition in the default namespace.
    pub fn builder(name: impl Into<String>) -> ViewBuilder {
        ViewBuilder(ViewDefinition {
            namespace: DEFAULT_NAMESPACE.into(),
            name: name.into(),
            key: Vec::new(),
            features: Vec::new(),
            time: TimePolicy::default(),
            sources: Vec::new(),
        })
    }

    /// The tenant it belongs to.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Its name within the namespace.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The columns of its entity key, in order.
    pub fn key(&self) -> &[KeyColumn] {
        &self.key
    }

    /// Its features, in order.
    pub fn features(&self) -> &[FeatureDefinition] {
        &self.features
    }

    /// What time means to it.
    pub fn time(&self) -> &TimePolicy {
        &self.time
    }

    /// The logs its rows come from, sorted by name: the view is as fresh as the least complete.
    pub fn sources(&self) -> &[String] {
        &self.sources
    }

    pub(crate) fn check(mut self) -> Result<Self> {
        self.sources.sort();
        self.check_names()
            .and_then(|()| self.check_shape())
            .and_then(|()| self.check_sources())
            .map_err(|error| error.at(format_args!("view {:?}", self.name)))?;
        Ok(self)
    }

    fn check_names(&self) -> Result<()> {
        check_name("namespace", &self.namespace)?;
        check_name("view", &self.name)?;
        let mut seen = HashSet::new();
        for column in &self.key {
            check_name("key column", &column.name)?;
            if !seen.insert(column.name.as_str()) {
                return Err(Error::invalid(format!(
                    "key column {:?} is declared twice; leave one out",
                    column.name
                )));
            }
        }
        for feature in &self.features {
            check_name("feature", &feature.name)?;
            if !seen.insert(feature.name.as_str()) {
                return Err(Error::invalid(format!(
                    "feature {:?} has the name of another feature or key column; rename one",
                    feature.name
                )));
            }
        }
        let mut births = HashSet::new();
        for feature in &self.features {
            check_name("birth name", feature.birth_name())?;
            let birth = feature.birth_name();
            let taken = self
                .features
                .iter()
                .any(|f| f.name == birth && f.name != feature.name);
            if !births.insert(birth) || taken {
                return Err(Error::invalid(format!(
                    "birth name {birth:?} belongs to two features; names are never reused, so give \
                     the newer feature a name that none ever had"
                )));
            }
        }
        Ok(())
    }

    fn check_sources(&self) -> Result<()> {
        for source in &self.sources {
            check_source("source", source)?;
        }
        if let Some(twice) = self.sources.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(Error::invalid(format!(
                "source {:?} is named twice",
                twice[0]
            )));
        }
        if self.sources.len() > SOURCES_MAX {
            return Err(Error::invalid(format!(
                "a view names at most {SOURCES_MAX} sources, this one names {}",
                self.sources.len()
            )));
        }
        Ok(())
    }

    fn check_shape(&self) -> Result<()> {
        let columns = self.key.len();
        if columns == 0 || columns > KEY_COLUMNS_MAX {
            return Err(Error::invalid(format!(
                "an entity key has 1 to {KEY_COLUMNS_MAX} columns (KEY_COLUMNS_MAX), this one has \
                 {columns}"
            )));
        }
        let features = self.features.len();
        if features == 0 || features > FEATURES_MAX {
            return Err(Error::invalid(format!(
                "a view has 1 to {FEATURES_MAX} features (FEATURES_MAX), this one has {features}"
            )));
        }
        for column in &self.key {
            if !column.ty.can_be_key() {
                return Err(Error::invalid(format!(
                    "key column {:?} is a {}; a key column is a string, bytes, bool, i32, i64 or \
                     timestamp",
                    column.name, column.ty
                )));
            }
        }
        for feature in &self.features {
            if let Type::Vector(n) = feature.ty
                && !(1..=VECTOR_DIMENSIONS_MAX).contains(&n)
            {
                return Err(Error::invalid(format!(
                    "feature {:?} is a vector of {n} dimensions; a vector has 1 to \
                     {VECTOR_DIMENSIONS_MAX} (VECTOR_DIMENSIONS_MAX); a struct says how many as \
                     [f32; N]",
                    feature.name
                )));
            }
            if feature.finite && !feature.ty.has_floats() {
                return Err(Error::invalid(format!(
                    "feature {:?} is a {}, which holds no floats that could be finite",
                    feature.name, feature.ty
                )));
            }
        }
        if self.time.on_expiry == OnExpiry::Stale && self.time.ttl.is_none() {
            return Err(Error::invalid(
                "on_expiry = \"stale\" says nothing without a ttl; set one, or leave on_expiry out",
            ));
        }
        Ok(())
    }
}

/// Declares a view step by step. Nothing is checked before [`build`](Self::build).
#[derive(Debug, Clone)]
#[must_use]
pub struct ViewBuilder(pub(super) ViewDefinition);

impl ViewBuilder {
    /// The tenant it belongs to; `default` where none is named.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.0.namespace = namespace.into();
        self
    }

    /// One more column of the entity key.
    pub fn key(mut self, name: impl Into<String>, ty: Type) -> Self {
        self.0.key.push(KeyColumn {
            name: name.into(),
            ty,
        });
        self
    }

    /// One more feature that is neither nullable nor finite.
    pub fn feature(mut self, name: impl Into<String>, ty: Type) -> Self {
        self.0.features.push(FeatureDefinition::new(name, ty));
        self
    }

    /// One more feature, said in full.
    pub fn define(mut self, feature: FeatureDefinition) -> Self {
        self.0.features.push(feature);
        self
    }

    /// How long a value lives.
    pub fn ttl(mut self, ttl: Span) -> Self {
        self.0.time.ttl = Some(ttl);
        self
    }

    /// What becomes of a value older than the ttl.
    pub fn on_expiry(mut self, on_expiry: OnExpiry) -> Self {
        self.0.time.on_expiry = on_expiry;
        self
    }

    /// How far back the view keeps exact history.
    pub fn history(mut self, history: Retention) -> Self {
        self.0.time.history = history;
        self
    }

    /// How far ahead of the log a row's times may lie.
    pub fn max_skew(mut self, max_skew: MaxSkew) -> Self {
        self.0.time.max_skew = max_skew;
        self
    }

    /// One more log that its rows come from. What a view can say about its freshness is what its
    /// sources have reported.
    pub fn source(mut self, source: impl Into<String>) -> Self {
        self.0.sources.push(source.into());
        self
    }

    /// The definition, checked.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) names the view and what is wrong.
    pub fn build(self) -> Result<ViewDefinition> {
        self.0.check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(builder: ViewBuilder, why: &str) {
        let error = builder.build().unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
        assert!(error.contains("view \"v\""), "{error}");
    }

    #[test]
    fn a_definition_that_says_nonsense_is_refused() {
        let v = || ViewDefinition::builder("v");
        let good = || v().key("k", Type::I64).feature("f", Type::F64);
        assert!(good().build().is_ok());
        refused(v().feature("f", Type::F64), "1 to 16 columns");
        refused(v().key("k", Type::I64), "1 to 4096 features");
        refused(
            v().key("k", Type::F64).feature("f", Type::F64),
            "key column \"k\" is a f64",
        );
        refused(good().key("k", Type::I64), "declared twice");
        refused(good().feature("f", Type::I64), "name of another");
        refused(good().feature("k", Type::I64), "name of another");
        refused(good().feature("F", Type::I64), "is not a name");
        refused(good().feature("a__b", Type::I64), "is not a name");
        refused(
            good().define(FeatureDefinition::new("g", Type::I64).was("f")),
            "never reused",
        );
        let was_z = v()
            .key("k", Type::I64)
            .define(FeatureDefinition::new("x", Type::I64).was("z"));
        refused(
            was_z.define(FeatureDefinition::new("y", Type::I64).was("x")),
            "never reused",
        );
        refused(
            good().define(FeatureDefinition::new("g", Type::I64).finite()),
            "no floats",
        );
        refused(good().on_expiry(OnExpiry::Stale), "without a ttl");
        refused(good().namespace("Default"), "is not a name");
        refused(good().source("a/b"), "source \"a/b\" cannot be called so");
        refused(good().source("a").source("b").source("a"), "named twice");
    }
}
