//! Which new definition may follow a stored one.
//!
//! Adding a nullable feature makes a new schema version. Anything else is refused for now, and the
//! refusal names every difference, so that one reading is enough to see what to undo.

use super::contract::{Contract, Feature};
use super::definition::{
    FeatureDefinition, KeyColumn, MaxSkew, OnExpiry, Retention, TimePolicy, ViewDefinition,
};
use crate::error::{Error, ErrorKind, Result};
use crate::id::FeatureId;

/// What applying a definition does, or would do.
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
/// let wider = || {
///     let now = weather.contract().definition();
///     let wider = now.features().iter().fold(
///         ViewDefinition::builder("weather").key("origin", Type::String),
///         |builder, feature| builder.define(feature.clone()),
///     );
///     wider.define(FeatureDefinition::new("humidity", Type::F64).nullable())
/// };
/// let added = Change::Added { version: 2, features: vec!["humidity".into()] };
/// assert_eq!(store.apply(wider().build()?)?, added);
/// assert_eq!(store.apply(wider().build()?)?, Change::Unchanged);
/// // What stored rows could not follow is refused, and the text names every difference.
/// let error = store.apply(wider().ttl(Span::hours(3)).build()?).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Incompatible);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The view is new.
    Created,
    /// The stored view says the same already.
    Unchanged,
    /// The view names other sources now. Rows mean what they meant, so its schema version stays.
    Sourced {
        /// The sources it names from now on.
        added: Vec<String>,
        /// The sources it names no more.
        removed: Vec<String>,
    },
    /// A new schema version adds these features. Its sources are those of the new definition.
    Added {
        /// The new schema version.
        version: u32,
        /// The names of the new features.
        features: Vec<String>,
    },
}

impl Contract {
    /// The contract that this one becomes under a new definition, and what changes.
    pub(crate) fn redefine(&self, next: &ViewDefinition) -> Result<(Contract, Change)> {
        let differences = self.incompatibilities(next);
        if !differences.is_empty() {
            return Err(Error::new(
                ErrorKind::Incompatible,
                format!(
                    "view {:?} cannot take this definition: {}. Adding nullable features at the end \
                     is the change that stored rows can follow; for anything else define a new view, \
                     such as {:?}, and write the rows to it",
                    self.name,
                    differences.join("; "),
                    successor(&self.name)
                ),
            ));
        }
        let added = &next.features[self.features.len()..];
        if added.is_empty() {
            let change = sourced(&self.sources, &next.sources);
            return Ok((self.clone().fed_by(next.sources.clone()), change));
        }
        let version = self.version + 1;
        let mut features = self.features.clone();
        for (definition, id) in added.iter().zip(self.features.len() as u16 + 1..) {
            features.push(Feature::new(FeatureId(id), version, definition.clone()));
        }
        let change = Change::Added {
            version,
            features: added.iter().map(|f| f.name.clone()).collect(),
        };
        let contract = Contract::of(
            self.id,
            version,
            self.namespace.clone(),
            self.name.clone(),
            self.key.clone(),
            features,
            self.time,
        )
        .fed_by(next.sources.clone());
        Ok((contract, change))
    }

    fn incompatibilities(&self, next: &ViewDefinition) -> Vec<String> {
        let mut found = Vec::new();
        let key = |columns: &[KeyColumn]| {
            let columns: Vec<_> = columns
                .iter()
                .map(|c| format!("{} {}", c.name, c.ty))
                .collect();
            columns.join(", ")
        };
        if self.key != next.key {
            found.push(format!(
                "the entity key is ({}), not ({})",
                key(&self.key),
                key(&next.key)
            ));
        }
        for (at, feature) in self.features.iter().enumerate() {
            let name = feature.name();
            match next.features.iter().position(|f| f.name == name) {
                None => found.push(format!("feature {name:?} is missing")),
                Some(place) if place != at => found.push(format!(
                    "feature {name:?} stands at place {}, not at {}; new features come last",
                    at + 1,
                    place + 1
                )),
                Some(place) if next.features[place] != feature.definition => found.push(format!(
                    "feature {name:?} is {}, not {}",
                    feature.definition.describe(),
                    next.features[place].describe()
                )),
                Some(_) => {}
            }
        }
        for feature in &next.features {
            if self.features.iter().any(|f| f.name() == feature.name) {
                continue;
            }
            if !feature.nullable {
                found.push(format!("new feature {:?} is not nullable", feature.name));
            }
            if feature.was.is_some() {
                found.push(format!(
                    "new feature {:?} says it was another",
                    feature.name
                ));
            }
        }
        let times = self.time.describe().into_iter().zip(next.time.describe());
        for ((name, ours), (_, theirs)) in times {
            if ours != theirs {
                found.push(format!("{name} is {ours}, not {theirs}"));
            }
        }
        found
    }
}

/// The name of a view that comes after: `weather_v2`, `weather_v3`.
fn successor(name: &str) -> String {
    let numbered = name.rsplit_once("_v");
    match numbered.and_then(|(stem, n)| Some((stem, n.parse::<u32>().ok()?))) {
        Some((stem, n)) => format!("{stem}_v{}", n.saturating_add(1)),
        None => format!("{}_v2", name.trim_end_matches('_')),
    }
}

/// What a change of the sources alone is.
fn sourced(old: &[String], new: &[String]) -> Change {
    let without = |these: &[String], those: &[String]| -> Vec<String> {
        let kept = these.iter().filter(|source| !those.contains(source));
        kept.cloned().collect()
    };
    let (added, removed) = (without(new, old), without(old, new));
    if added.is_empty() && removed.is_empty() {
        Change::Unchanged
    } else {
        Change::Sourced { added, removed }
    }
}

impl FeatureDefinition {
    /// What a message says of it.
    fn describe(&self) -> String {
        let was = self
            .was
            .as_ref()
            .map(|was| format!(" was {was:?}"))
            .unwrap_or_default();
        let nullable = if self.nullable { " nullable" } else { "" };
        let finite = if self.finite { " finite" } else { "" };
        format!("{}{nullable}{finite}{was}", self.ty)
    }
}

impl TimePolicy {
    /// What a message says of it.
    fn describe(&self) -> [(&'static str, String); 4] {
        let ttl = self.ttl.map_or("none".into(), |ttl| ttl.to_string());
        let on_expiry = match self.on_expiry {
            OnExpiry::Expire => "expire",
            OnExpiry::Stale => "stale",
        };
        let history = match self.history {
            Retention::Forever => "forever".into(),
            Retention::Window(window) => window.to_string(),
        };
        let max_skew = match self.max_skew {
            MaxSkew::Forever => "forever".into(),
            MaxSkew::Within(skew) => skew.to_string(),
        };
        [
            ("ttl", ttl),
            ("on_expiry", on_expiry.into()),
            ("history", history),
            ("max_skew", max_skew),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::ViewId;
    use crate::schema::ViewBuilder;
    use crate::time::Span;
    use crate::value::Type;

    fn v() -> ViewBuilder {
        ViewDefinition::builder("v")
            .key("k", Type::I64)
            .feature("a", Type::F64)
    }

    fn stored() -> Contract {
        Contract::first(ViewId(7), v().feature("b", Type::String).build().unwrap())
    }

    #[test]
    fn a_nullable_feature_makes_a_new_version_with_a_new_id() {
        let next = v()
            .feature("b", Type::String)
            .define(FeatureDefinition::new("c", Type::I64).nullable())
            .build()
            .unwrap();
        let (contract, change) = stored().redefine(&next).unwrap();
        assert_eq!(
            change,
            Change::Added {
                version: 2,
                features: vec!["c".into()]
            }
        );
        assert_eq!(contract.version, 2);
        assert_eq!(contract.feature("c").unwrap().id, FeatureId(3));
        assert_eq!(contract.feature("c").unwrap().since, 2);
        assert_eq!(contract.features[..2], stored().features[..]);
        assert_eq!(contract.redefine(&next).unwrap().1, Change::Unchanged);
    }

    #[test]
    fn sources_come_and_go_and_rows_mean_what_they_meant() {
        let full = || v().feature("b", Type::String);
        let of = |sources: &[&str]| {
            let named = sources.iter().fold(full(), |view, s| view.source(*s));
            named.build().unwrap()
        };
        let (contract, change) = stored().redefine(&of(&["b", "a"])).unwrap();
        let (added, removed) = (vec!["a".into(), "b".into()], Vec::new());
        assert_eq!(change, Change::Sourced { added, removed });
        assert_eq!((contract.version, contract.sources.len()), (1, 2));
        let again = contract.redefine(&of(&["a", "b"])).unwrap().1;
        assert_eq!(again, Change::Unchanged, "their order means nothing");
        let (contract, change) = contract.redefine(&of(&["a", "c"])).unwrap();
        let (added, removed) = (vec!["c".into()], vec!["b".into()]);
        assert_eq!(change, Change::Sourced { added, removed });
        let c = FeatureDefinition::new("c", Type::I64).nullable();
        let more = full().define(c).source("d").build().unwrap();
        let (contract, change) = contract.redefine(&more).unwrap();
        assert!(matches!(change, Change::Added { version: 2, .. }));
        assert_eq!(contract.sources, ["d"]);
    }

    #[test]
    fn anything_else_is_refused_and_named() {
        let refused = |next: ViewBuilder, why: &str| {
            let error = stored().redefine(&next.build().unwrap()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Incompatible);
            assert!(error.to_string().contains(why), "{error}");
        };
        let full = || v().feature("b", Type::String);
        refused(v(), "feature \"b\" is missing");
        refused(
            v().feature("b", Type::Bytes),
            "feature \"b\" is string, not bytes",
        );
        refused(
            v().define(FeatureDefinition::new("b", Type::String).nullable()),
            "not string nullable",
        );
        refused(
            full().feature("c", Type::I64),
            "new feature \"c\" is not nullable",
        );
        refused(
            full().key("l", Type::I64),
            "the entity key is (k i64), not (k i64, l i64)",
        );
        refused(
            full().ttl(Span::hours(1)),
            "definition: ttl is none, not 1h. A",
        );
        refused(v(), "such as \"v_v2\"");
        assert_eq!(successor("weather_v9"), "weather_v10");
        let swapped = ViewDefinition::builder("v").key("k", Type::I64);
        refused(
            swapped.feature("b", Type::String).feature("a", Type::F64),
            "at place 1, not at 2",
        );
        let renamed = FeatureDefinition::new("c", Type::String)
            .was("b")
            .nullable();
        refused(v().define(renamed), "feature \"b\" is missing");
    }
}
