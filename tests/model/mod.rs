//! The law, told as naively as it can be told: what every other implementation is compared with.
//!
//! One view. Per entity there is a set of versions; every answer is a loop over that set, written
//! next to the sentence of the law that it takes literally (DESIGN.md, "The law"). Nothing is cached,
//! merged or stopped early, and nothing of the engine is used but its words.

#![allow(dead_code, reason = "each test uses its own part of the model")]
#![allow(
    unreachable_pub,
    reason = "this file is a module of several test binaries"
)]

mod canonical;

use asof::{OnExpiry, Op, Retention, Status, Timestamp, Value, Verdict, ViewDefinition};
use canonical::{Column, canonical, digest, key};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// One immutable fact about one entity. Greater is newer.
#[derive(Debug, Clone)]
pub struct Version {
    pub et: Timestamp,
    pub rec: Timestamp,
    pub op: Op,
    /// By birth name. What is not here, a Put makes absent and a Patch leaves alone.
    pub features: BTreeMap<String, Value>,
    pub digest: [u8; 16],
}

/// What a version says about one feature.
#[derive(Debug, Clone, Copy)]
enum Said<'a> {
    Value(&'a Value),
    Absent,
    Deleted,
}

impl Version {
    /// Absent `rec` means equal to `et`.
    pub fn new<'a>(
        et: Timestamp,
        rec: Option<Timestamp>,
        op: Op,
        features: impl IntoIterator<Item = (&'a str, Value)>,
    ) -> Self {
        let features = features
            .into_iter()
            .map(|(name, v)| (name.to_string(), v))
            .collect();
        Version {
            et,
            rec: rec.unwrap_or(et),
            op,
            digest: digest(&features),
            features,
        }
    }

    /// None when the version does not speak about the feature.
    fn says(&self, feature: &str) -> Option<Said<'_>> {
        let value = self.features.get(feature).map(Said::Value);
        match self.op {
            Op::Put => Some(value.unwrap_or(Said::Absent)),
            Op::Patch => value,
            Op::Delete => Some(Said::Deleted),
        }
    }

    /// "A Patch: each named feature; a Put or Delete: the row as a whole", which is None here.
    fn speaks_of(&self) -> Vec<Option<&str>> {
        match self.op {
            Op::Patch => self
                .features
                .keys()
                .map(|name| Some(name.as_str()))
                .collect(),
            Op::Put | Op::Delete => vec![None],
        }
    }

    /// "Put and Delete speak about everything; a Patch never speaks about the row as a whole."
    fn speaks_about(&self, thing: Option<&str>) -> bool {
        let is_named = thing.is_some_and(|feature| self.features.contains_key(feature));
        self.op != Op::Patch || is_named
    }
}

/// "Larger `et`; then larger `rec`; then op, Delete before Patch before Put; then the larger digest."
impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let rank = |op: Op| {
            [Op::Put, Op::Patch, Op::Delete]
                .iter()
                .position(|o| *o == op)
        };
        let place = |v: &Version| (v.et, v.rec, rank(v.op), v.digest);
        place(self).cmp(&place(other))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Version {}

/// What is known of an entity, feature by feature (by birth name).
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub verdict: Verdict,
    pub features: BTreeMap<String, FeatureAnswer>,
}

/// What is known of a feature.
#[derive(Debug, Clone)]
pub struct FeatureAnswer {
    pub status: Status,
    pub value: Option<Value>,
    pub event_time: Option<Timestamp>,
}

/// Values are the same when their canonical bytes are: `NaN` is one value, -0.0 another than 0.0.
impl PartialEq for FeatureAnswer {
    fn eq(&self, other: &Self) -> bool {
        let value = |answer: &Self| answer.value.as_ref().map(canonical);
        self.status == other.status
            && self.event_time == other.event_time
            && value(self) == value(other)
    }
}

/// One view of one store.
#[derive(Debug, Clone)]
pub struct Model {
    definition: ViewDefinition,
    pub floor: Option<Timestamp>,
    pub horizon: Option<Timestamp>,
    /// The largest event time ever accepted. An erase does not take it back.
    newest: Option<Timestamp>,
    /// "Exactly the versions with `rec <= R` or `et <= X` at that time": R and X of each erase.
    fences: BTreeMap<Vec<Column>, Fence>,
    entities: BTreeMap<Vec<Column>, (Vec<Value>, BTreeSet<Version>)>,
}

/// What an erase has put out of reach.
#[derive(Debug, Clone, Copy)]
pub struct Fence {
    pub recorded: Timestamp,
    pub floor: Option<Timestamp>,
}

impl Fence {
    fn keeps_out(&self, version: &Version) -> bool {
        version.rec <= self.recorded || self.floor.is_some_and(|x| version.et <= x)
    }
}

impl Model {
    pub fn new(definition: ViewDefinition) -> Self {
        Model {
            definition,
            floor: None,
            horizon: None,
            newest: None,
            fences: BTreeMap::new(),
            entities: BTreeMap::new(),
        }
    }

    /// "Writing is set insertion." Says whether the version is new.
    pub fn insert(&mut self, entity: &[Value], version: Version) -> bool {
        let fence = self.fences.get(&key(entity));
        if fence.is_some_and(|fence| fence.keeps_out(&version)) {
            return false;
        }
        self.newest = self.newest.max(Some(version.et));
        let slot = self.entities.entry(key(entity));
        slot.or_insert_with(|| (entity.to_vec(), BTreeSet::new()))
            .1
            .insert(version)
    }

    /// "Removes, and from then on fences. Fences join by maximum."
    pub fn erase(&mut self, entity: &[Value], fence: Fence) {
        let joined = self.fences.entry(key(entity)).or_insert(fence);
        joined.recorded = joined.recorded.max(fence.recorded);
        joined.floor = joined.floor.max(fence.floor);
        if let Some((_, versions)) = self.entities.get_mut(&key(entity)) {
            versions.retain(|version| !joined.keeps_out(version));
        }
    }

    /// Every entity that was ever written, in the order of their columns.
    pub fn entities(&self) -> Vec<&[Value]> {
        self.entities
            .values()
            .map(|(entity, _)| entity.as_slice())
            .collect()
    }

    /// All versions of an entity, oldest first, retained or not.
    pub fn versions(&self, entity: &[Value]) -> BTreeSet<Version> {
        self.entities
            .get(&key(entity))
            .map(|(_, versions)| versions.clone())
            .unwrap_or_default()
    }

    /// "Its floor is `X = min(now, newest accepted et) - W`, moving only forward." "The horizon is
    /// `H = X - ttl`, only forward."
    pub fn move_floor(&mut self, now: Timestamp) {
        let Retention::Window(window) = self.definition.time().history else {
            return;
        };
        let Some(newest) = self.newest else {
            return;
        };
        let floor = now.min(newest).saturating_sub(window);
        self.floor = self.floor.max(Some(floor));
        self.horizon = self.horizon.max(self.horizon_at(self.floor));
    }

    /// None where the view has none: without a ttl, or with `on_expiry = "stale"`.
    pub fn horizon_at(&self, floor: Option<Timestamp>) -> Option<Timestamp> {
        let time = self.definition.time();
        let ttl = time.ttl.filter(|_| time.on_expiry == OnExpiry::Expire)?;
        Some(floor?.saturating_sub(ttl))
    }

    /// "Questions need `t >= X` and, if given, `k >= X`, else `BeyondHistory`."
    pub fn is_beyond_history(&self, t: Timestamp, known_at: Option<Timestamp>) -> bool {
        self.floor
            .is_some_and(|floor| t < floor || known_at.is_some_and(|k| k < floor))
    }

    /// "Take the retained versions of the entity with `et <= t` and, if given, `rec <= k`. Walk them
    /// newest first. Each feature takes its answer from the first version that speaks about it; a
    /// Delete ends the walk", since it speaks about every feature.
    pub fn as_of(&self, entity: &[Value], t: Timestamp, known_at: Option<Timestamp>) -> Answer {
        let mut walk = self.retained(entity, self.floor, self.horizon);
        walk.retain(|version| version.et <= t && known_at.is_none_or(|k| version.rec <= k));
        walk.reverse();
        let verdict = match walk.first() {
            None => Verdict::Never,
            Some(newest) if newest.op == Op::Delete => Verdict::Deleted,
            Some(newest) if self.is_expired(newest.et, t) => Verdict::Expired,
            Some(_) => Verdict::Found,
        };
        let names = self
            .definition
            .features()
            .iter()
            .map(|feature| feature.birth_name());
        let features = names
            .map(|name| (name.to_string(), self.answer(&walk, name, t)))
            .collect();
        Answer { verdict, features }
    }

    fn answer(&self, newest_first: &[&Version], name: &str, t: Timestamp) -> FeatureAnswer {
        let spoken = newest_first
            .iter()
            .find_map(|v| Some((v.et, v.says(name)?)));
        let (status, value, event_time) = match spoken {
            None | Some((_, Said::Absent)) => (Status::Absent, None, None),
            Some((et, Said::Deleted)) => (Status::Deleted, None, Some(et)),
            Some((et, Said::Value(_))) if self.is_expired(et, t) => {
                (Status::Expired, None, Some(et))
            }
            Some((et, Said::Value(Value::Null))) => (Status::Null, None, Some(et)),
            Some((et, Said::Value(value))) if self.is_old(et, t) => {
                (Status::Stale, Some(value.clone()), Some(et))
            }
            Some((et, Said::Value(value))) => (Status::Present, Some(value.clone()), Some(et)),
        };
        FeatureAnswer {
            status,
            value,
            event_time,
        }
    }

    /// "A value whose age equals the ttl is alive."
    fn is_old(&self, et: Timestamp, t: Timestamp) -> bool {
        let age = i128::from(t.micros()) - i128::from(et.micros());
        self.definition
            .time()
            .ttl
            .is_some_and(|ttl| age > i128::from(ttl.as_micros()))
    }

    fn is_expired(&self, et: Timestamp, t: Timestamp) -> bool {
        self.is_old(et, t) && self.definition.time().on_expiry == OnExpiry::Expire
    }

    /// "`latest()` is `as_of(now)`, never the largest event time."
    pub fn latest(&self, entity: &[Value], now: Timestamp) -> Answer {
        self.as_of(entity, now, None)
    }

    /// What still belongs to the view at a floor and a horizon, oldest first.
    pub fn retained(
        &self,
        entity: &[Value],
        floor: Option<Timestamp>,
        horizon: Option<Timestamp>,
    ) -> Vec<&Version> {
        let Some((_, all)) = self.entities.get(&key(entity)) else {
            return Vec::new();
        };
        all.iter()
            .filter(|version| is_retained(version, all, floor, horizon))
            .collect()
    }

    /// "`history` yields retained versions as written, each once, in version order; `known_at`
    /// filters by `rec`." Oldest first.
    pub fn history(&self, entity: &[Value], known_at: Option<Timestamp>) -> Vec<&Version> {
        let mut retained = self.retained(entity, self.floor, self.horizon);
        retained.retain(|version| known_at.is_none_or(|k| version.rec <= k));
        retained
    }

    /// Whether a version that is written now would not be retained.
    pub fn is_too_late(&self, entity: &[Value], version: &Version) -> bool {
        let mut all = self.versions(entity);
        all.insert(version.clone());
        !is_retained(version, &all, self.floor, self.horizon)
    }

    /// "Two versions at one (et, rec) that give a common feature different answers", of those that
    /// are retained. A Put answers for every feature: those that it leaves out are absent.
    pub fn conflicts(&self) -> Vec<(&[Value], &Version, &Version)> {
        let mut found = Vec::new();
        for (entity, _) in self.entities.values() {
            let retained = self.retained(entity, self.floor, self.horizon);
            for (at, a) in retained.iter().enumerate() {
                let rest = retained[at + 1..].iter();
                let at_one_instant = rest.filter(|b| (a.et, a.rec) == (b.et, b.rec));
                let disagreeing = at_one_instant.filter(|b| self.disagree(a, b));
                found.extend(disagreeing.map(|b| (entity.as_slice(), *a, *b)));
            }
        }
        found
    }

    fn disagree(&self, a: &Version, b: &Version) -> bool {
        let different = |a: Said<'_>, b: Said<'_>| match (a, b) {
            (Said::Value(a), Said::Value(b)) => canonical(a) != canonical(b),
            (Said::Absent, Said::Absent) | (Said::Deleted, Said::Deleted) => false,
            _ => true,
        };
        let declared = self
            .definition
            .features()
            .iter()
            .map(|feature| feature.birth_name());
        let named = a
            .features
            .keys()
            .chain(b.features.keys())
            .map(String::as_str);
        let mut common = declared
            .chain(named)
            .filter_map(|f| Some((a.says(f)?, b.says(f)?)));
        common.any(|(a, b)| different(a, b))
    }
}

/// "A version with `et > X`. One with `et <= X` iff, for something that it speaks about, no version
/// newer in version order with `et <= X` and `rec <= max(its rec, X)` speaks about the same." And "a
/// version with `et < H` is outside the view".
fn is_retained(
    version: &Version,
    all: &BTreeSet<Version>,
    floor: Option<Timestamp>,
    horizon: Option<Timestamp>,
) -> bool {
    if horizon.is_some_and(|horizon| version.et < horizon) {
        return false;
    }
    let Some(x) = floor.filter(|floor| version.et <= *floor) else {
        return true;
    };
    version.speaks_of().iter().any(|thing| {
        !all.iter().any(|newer| {
            newer > version
                && newer.et <= x
                && newer.rec <= version.rec.max(x)
                && newer.speaks_about(*thing)
        })
    })
}
