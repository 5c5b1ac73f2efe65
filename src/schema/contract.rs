//! What a store made of a definition: numbered, versioned, never forgetting a name.

use super::definition::{FeatureDefinition, KeyColumn, OnExpiry, TimePolicy, ViewDefinition};
use crate::error::{Error, Result, did_you_mean};
use crate::id::{Aside, FeatureId, Opened, OpenedView, ViewId};
use crate::time::Timestamp;
use crate::value::{Type, Value};

/// One feature of a view as the store knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feature {
    pub(crate) id: FeatureId,
    /// The view that it is a feature of.
    pub(crate) view: Aside<OpenedView>,
    pub(crate) since: u32,
    pub(crate) definition: FeatureDefinition,
}

impl Feature {
    /// A feature of no view yet.
    pub(crate) fn new(id: FeatureId, since: u32, definition: FeatureDefinition) -> Self {
        let nowhere = OpenedView {
            opened: Opened::NEVER,
            id: ViewId(0),
        };
        Feature {
            id,
            view: Aside(nowhere),
            since,
            definition,
        }
    }

    /// Its number in the view. Never reused.
    #[inline]
    pub fn id(&self) -> FeatureId {
        self.id
    }

    /// The schema version that first had it.
    pub fn since(&self) -> u32 {
        self.since
    }

    /// What was declared of it.
    pub fn definition(&self) -> &FeatureDefinition {
        &self.definition
    }

    /// Its present name.
    #[inline]
    pub fn name(&self) -> &str {
        &self.definition.name
    }

    /// Its type.
    #[inline]
    pub fn ty(&self) -> Type {
        self.definition.ty
    }
}

/// A view as the store knows it, at one schema version.
///
/// Features stand in the order of their ids, which count from one without a gap: an id is a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contract {
    pub(crate) id: ViewId,
    /// The store that keeps it, from when it is in force there.
    opened: Aside<Opened>,
    /// Counts from one; each re-definition that adds a feature makes the next.
    pub(crate) version: u32,
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) key: Vec<KeyColumn>,
    pub(crate) features: Vec<Feature>,
    pub(crate) time: TimePolicy,
    /// Sorted by name.
    pub(crate) sources: Vec<String>,
    /// The ids in bytewise order of birth name: the order in which a digest speaks of them.
    pub(crate) by_birth_name: Vec<FeatureId>,
}

impl Contract {
    /// The first schema version of a view.
    pub(crate) fn first(id: ViewId, definition: ViewDefinition) -> Self {
        let features = definition
            .features
            .into_iter()
            .zip(1..)
            .map(|(definition, id)| Feature::new(FeatureId(id), 1, definition))
            .collect();
        Contract::of(
            id,
            1,
            definition.namespace,
            definition.name,
            definition.key,
            features,
            definition.time,
        )
        .fed_by(definition.sources)
    }

    /// Puts the parts together and derives the rest.
    pub(crate) fn of(
        id: ViewId,
        version: u32,
        namespace: String,
        name: String,
        key: Vec<KeyColumn>,
        features: Vec<Feature>,
        time: TimePolicy,
    ) -> Self {
        let mut by_birth_name: Vec<FeatureId> = features.iter().map(|f| f.id).collect();
        by_birth_name.sort_by_key(|id| features[id.place()].definition.birth_name().as_bytes());
        let contract = Contract {
            id,
            opened: Aside(Opened::NEVER),
            version,
            namespace,
            name,
            key,
            features,
            time,
            sources: Vec::new(),
            by_birth_name,
        };
        contract.of_store(Opened::NEVER)
    }

    /// The same contract, in force in an open store: so are its features.
    pub(crate) fn of_store(mut self, opened: Opened) -> Self {
        self.opened = Aside(opened);
        let view = Aside(self.opened_view());
        for feature in &mut self.features {
            feature.view = view;
        }
        self
    }

    /// The view that this is the contract of, which no other store has.
    #[inline]
    pub(crate) fn opened_view(&self) -> OpenedView {
        OpenedView {
            opened: self.opened.0,
            id: self.id,
        }
    }

    /// Refuses a feature, or a struct of them, that belongs to any view but this one.
    #[inline]
    pub(crate) fn check_owns(&self, feature_of: OpenedView, id: Option<FeatureId>) -> Result<()> {
        if self.opened_view() == feature_of {
            return Ok(());
        }
        Err(self.not_owned(feature_of, id))
    }

    // A handle holds numbers alone, and so the text has no better names for what is not this view's.
    #[cold]
    fn not_owned(&self, feature_of: OpenedView, id: Option<FeatureId>) -> Error {
        let what = id.map_or("a struct of features".into(), |id| format!("feature {id}"));
        let (name, number) = (&self.name, self.id);
        Error::invalid(if feature_of.opened == self.opened.0 {
            format!(
                "{what} of view {} belongs to another view than {name:?}, which is view {number} \
                 and whose row this is (the numbers are those of `Feature::id` and `Contract::id`); \
                 resolve it with the view it is used with",
                feature_of.id
            )
        } else {
            format!(
                "{what} of view {} was resolved in another store than view {name:?}, whose row \
                 this is, or before that store was opened anew; resolve it with the view it is used with",
                feature_of.id
            )
        })
    }

    /// The same contract, with these sources.
    pub(crate) fn fed_by(mut self, sources: Vec<String>) -> Self {
        self.sources = sources;
        self
    }

    /// The definition that this contract now has.
    pub fn definition(&self) -> ViewDefinition {
        ViewDefinition {
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            key: self.key.clone(),
            features: self.features.iter().map(|f| f.definition.clone()).collect(),
            time: self.time,
            sources: self.sources.clone(),
        }
    }

    /// Its number in the store. Never reused.
    #[inline]
    pub fn id(&self) -> ViewId {
        self.id
    }

    /// Its schema version. Counts from one.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// The tenant it belongs to.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Its name within the namespace.
    #[inline]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The columns of its entity key, in order.
    #[inline]
    pub fn key(&self) -> &[KeyColumn] {
        &self.key
    }

    /// Its features, in order.
    #[inline]
    pub fn features(&self) -> &[Feature] {
        &self.features
    }

    /// What time means to it.
    pub fn time(&self) -> &TimePolicy {
        &self.time
    }

    /// The logs its rows come from, sorted by name.
    pub fn sources(&self) -> &[String] {
        &self.sources
    }

    /// The feature of this name.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) offers the nearest name.
    pub fn feature(&self, name: &str) -> Result<&Feature> {
        self.find(name).ok_or_else(|| {
            let names = self.features.iter().map(Feature::name);
            Error::not_found(format!(
                "view {:?} has no feature {name:?}{}",
                self.name,
                did_you_mean(name, names)
            ))
        })
    }

    /// The feature that a writer means by this name: its present name, or the one it was born with.
    pub(crate) fn find(&self, name: &str) -> Option<&Feature> {
        let present = self.features.iter().find(|f| f.definition.name == name);
        present.or_else(|| {
            self.features
                .iter()
                .find(|f| f.definition.birth_name() == name)
        })
    }

    #[inline]
    pub(crate) fn by_id(&self, id: FeatureId) -> Option<&Feature> {
        self.features.get(usize::from(id.0).checked_sub(1)?)
    }

    /// Whether a value may be written to a feature under this contract.
    pub(crate) fn check_value(&self, feature: &Feature, value: &Value) -> Result<()> {
        let FeatureDefinition {
            name,
            ty,
            nullable,
            finite,
            ..
        } = &feature.definition;
        let expected = || {
            format!(
                "{ty}{}{}",
                if *nullable { " or null" } else { "" },
                if *finite { ", finite" } else { "" }
            )
        };
        let accepted = match value {
            Value::Null => *nullable,
            value => value.is_a(*ty) && (!finite || value.is_finite()),
        };
        if accepted {
            return Ok(());
        }
        if *value == Value::Null {
            return Err(Error::contract(format!(
                "feature {name:?} expects {}, found null; declare it nullable, or leave it out",
                expected()
            )));
        }
        let found = match value {
            value if value.is_a(*ty) => "a float that is not finite".to_string(),
            value => value.describe(),
        };
        Err(Error::contract(format!(
            "feature {name:?} expects {}, found {found}",
            expected()
        )))
    }

    /// How an age is judged by this view: whether a value of event time `et` has outlived the ttl
    /// in a question as of `t`.
    #[inline]
    pub(crate) fn has_outlived(&self, et: Timestamp, t: Timestamp) -> bool {
        let Some(ttl) = self.time.ttl else {
            return false;
        };
        match t.micros().checked_sub(et.micros()) {
            Some(age) => age > ttl.as_micros(),
            // Further apart than any ttl is long.
            None => et < t,
        }
    }

    /// The event time before which facts are outside the view, given its floor: nothing that old
    /// can be asked for any more, not even as expired.
    #[inline]
    pub(crate) fn horizon(&self, floor: Option<Timestamp>) -> Option<Timestamp> {
        match (self.time.on_expiry, self.time.ttl, floor) {
            (OnExpiry::Expire, Some(ttl), Some(floor)) => Some(floor.saturating_sub(ttl)),
            _ => None,
        }
    }
}
