//! Questions that are drawn once the facts are known, and asked along every path there is.
//!
//! Whoever draws them before asks mostly about nothing. A third aims at a version, a third at the
//! microsecond beside one, beside the end of its life or beside the floor, a third at where nothing is.

#![allow(
    unreachable_pub,
    reason = "this file is a module of a test and of a fuzz target"
)]

use crate::case::{ENTITIES, NAMES, Terms};
use crate::choices::Choices;
use crate::model::{Answer, FeatureAnswer, Model, Version};
use crate::world::{BESIDE, World, t};
use asof::{
    Entity, Error, ErrorKind, ExplainedVersion, Explanation, FeatureSet, HistoryRange, Op,
    Question, Read, Result, Row, Timestamp, Value, Verdict,
};
use std::collections::BTreeMap;

/// How many are asked of each order.
const QUESTIONS: usize = 16;

/// What was asked, and how many answers were compared.
#[derive(Debug, Default, Clone, Copy)]
pub struct Tally {
    pub hits: u64,
    pub near: u64,
    pub misses: u64,
    pub answers: u64,
}

impl Tally {
    pub fn add(&mut self, other: Tally) {
        self.hits += other.hits;
        self.near += other.near;
        self.misses += other.misses;
        self.answers += other.answers;
    }

    pub fn questions(&self) -> u64 {
        self.hits + self.near + self.misses
    }
}

/// One question about an entity. Without a time it is about now.
#[derive(Debug, Clone, Copy)]
struct Asked {
    entity: i64,
    at: Option<Timestamp>,
    known_at: Option<Timestamp>,
    /// It stands a microsecond beside something, or on the edge itself.
    is_near: bool,
}

fn columns(id: i64) -> [Value; 1] {
    [Value::I64(id)]
}

fn beside(t: Timestamp, by: i64) -> Timestamp {
    Timestamp::from_micros(t.micros().saturating_add(by))
}

/// Draws a question of each kind in turn.
fn draw(choices: &mut Choices<'_>, nth: usize, terms: &Terms, model: &Model) -> Asked {
    let entity = choices.below(ENTITIES as usize) as i64;
    let versions: Vec<Version> = model.versions(&columns(entity)).into_iter().collect();
    if versions.is_empty() || nth % 3 == 2 {
        return aimed_at_nothing(choices, entity, terms, &versions);
    }
    let version = &versions[choices.below(versions.len())];
    if nth % 3 == 1 {
        return aimed_beside(choices, entity, terms, model, version);
    }
    // At a version, somewhat later, or at the end of all that is known.
    let at = match choices.below(4) {
        0 => None,
        1 => Some(beside(version.et, choices.below(4) as i64)),
        _ => Some(version.et),
    };
    let at = at.map(|at| at.max(model.floor.unwrap_or(at)));
    let known_at = choices.one_in(3).then_some(version.rec.max(version.et));
    let known_at = known_at.map(|k| k.max(model.floor.unwrap_or(k)));
    Asked {
        entity,
        at,
        known_at,
        is_near: false,
    }
}

fn aimed_beside(
    choices: &mut Choices<'_>,
    entity: i64,
    terms: &Terms,
    model: &Model,
    version: &Version,
) -> Asked {
    let mut known_at = None;
    let at = match (choices.below(6), terms.ttl, model.floor) {
        (0, Some(ttl), _) => beside(version.et, ttl),
        (1, Some(ttl), _) => beside(beside(version.et, ttl), 1),
        (2, _, Some(floor)) => beside(floor, choices.below(3) as i64 - 1),
        (3, ..) => {
            known_at = Some(beside(version.rec, choices.below(2) as i64 - 1));
            version.et
        }
        (4, ..) => beside(version.et, 1),
        _ => beside(version.et, -1),
    };
    Asked {
        entity,
        at: Some(at),
        known_at,
        is_near: true,
    }
}

/// Before the first version, past the life of the last, behind a Delete, about whom nobody spoke.
fn aimed_at_nothing(
    choices: &mut Choices<'_>,
    entity: i64,
    terms: &Terms,
    versions: &[Version],
) -> Asked {
    let mut asked = Asked {
        entity,
        at: None,
        known_at: None,
        is_near: false,
    };
    let deleted = versions.iter().rfind(|version| version.op == Op::Delete);
    match (choices.below(4), versions, terms.ttl, deleted) {
        (0, [first, ..], ..) => asked.at = Some(beside(first.et, -2 - choices.below(9) as i64)),
        (1, [.., last], Some(ttl), _) => asked.at = Some(beside(beside(last.et, ttl), 9)),
        (2, _, _, Some(deleted)) => asked.at = Some(deleted.et),
        _ => {
            asked.entity = ENTITIES;
            asked.at = choices.one_in(2).then(|| t(1_000));
        }
    }
    asked
}

/// What one side of a case can be asked: a view of a store, and all its entities.
pub struct Side<'w> {
    world: &'w World,
    view: &'w str,
    model: &'w Model,
    entities: Vec<Entity>,
    /// Each entity's history, as the store tells it, in a model of its own: folded by hand.
    by_hand: Vec<Model>,
    pub tally: Tally,
}

impl<'w> Side<'w> {
    /// Reads the history of every entity, which has to be the model's.
    pub fn new(world: &'w World, view: &'w str, terms: &Terms, model: &'w Model) -> Result<Self> {
        let of = world.view(view)?;
        assert_eq!(world.store().floor(&of).unwrap(), model.floor);
        let mut side = Side {
            world,
            view,
            model,
            entities: Vec::new(),
            by_hand: Vec::new(),
            tally: Tally::default(),
        };
        for id in 0..=ENTITIES {
            let entity = world.entity(view, id)?;
            let told = side.history(&entity, false)?;
            let expected: Vec<Version> = model
                .history(&columns(id), None)
                .into_iter()
                .cloned()
                .collect();
            assert_eq!(told, expected, "history of {id}");
            let mut reversed = side.history(&entity, true)?;
            reversed.reverse();
            assert_eq!(told, reversed, "history of {id}, newest first");
            let mut by_hand = Model::new(terms.view(view));
            for version in told {
                by_hand.insert(&columns(id), version);
            }
            side.by_hand.push(by_hand);
            side.entities.push(entity);
        }
        Ok(side)
    }

    /// An entity's versions as the store tells them, their digests taken anew from what they say.
    fn history(&self, entity: &Entity, reverse: bool) -> Result<Vec<Version>> {
        let range = HistoryRange {
            reverse,
            ..HistoryRange::default()
        };
        let history = self
            .world
            .store()
            .history(&self.world.view(self.view)?, entity, range)?;
        let versions = history.map(|version| {
            let version = version?;
            let said: Vec<_> = version.features().collect::<Result<_>>()?;
            let said = said.into_iter().map(|(feature, value)| {
                let value = value.map_or(Value::Null, |value| value.to_value());
                (feature.definition().birth_name(), value)
            });
            let (et, rec) = (version.event_time(), version.recorded_at());
            let again = Version::new(et, Some(rec), version.op(), said);
            let digest = again.digest.map(|byte| format!("{byte:02x}")).concat();
            assert_eq!(version.digest()?.to_string(), digest, "{version:?}");
            Ok(again)
        });
        versions.collect()
    }

    /// Asks the questions of a seed, and what is latest.
    pub fn ask_all(&mut self, terms: &Terms, seed: u64) -> Result<()> {
        let mut choices = Choices::of_seed(seed);
        for nth in 0..QUESTIONS {
            let asked = draw(&mut choices, nth, terms, self.model);
            self.ask(asked)?;
        }
        Ok(())
    }

    fn ask(&mut self, asked: Asked) -> Result<()> {
        let view = self.world.view(self.view)?;
        let mut question = asked.at.map_or(Question::latest(), Question::as_of);
        if let Some(k) = asked.known_at {
            question = question.known_at(k);
        }
        let as_of = asked.at.unwrap_or(self.world.store().now());
        // `latest` asks about no time in particular, and is never beyond history.
        let mut given = [asked.at, asked.known_at].into_iter().flatten();
        let beyond = given.find_map(|at| self.model.floor.filter(|floor| at < *floor));
        let about = usize::try_from(asked.entity).expect("an entity has a place");
        let verdict = match beyond {
            Some(floor) => {
                self.all_refuse(&view, question, about, floor)?;
                None
            }
            None => Some(self.all_agree(&view, question, about, as_of, asked.known_at)?),
        };
        match (asked.is_near, verdict) {
            (true, _) => self.tally.near += 1,
            (false, Some(Verdict::Found)) => self.tally.hits += 1,
            (false, _) => self.tally.misses += 1,
        }
        Ok(())
    }

    /// Beyond history every path says so, and where history begins.
    fn all_refuse(
        &mut self,
        view: &asof::View,
        question: Question,
        about: usize,
        floor: Timestamp,
    ) -> Result<()> {
        let (store, entity) = (self.world.store(), &self.entities[about]);
        let scanned = || {
            store
                .scan(view, question)?
                .try_for_each(|item| item.map(drop))
        };
        let set = FeatureSet::new([view.clone()]);
        let refusals: [(&str, Option<Error>); 6] = [
            ("one", store.get(view, entity, question).err()),
            ("many", store.get_many(view, &self.entities, question).err()),
            ("scan", scanned().err()),
            (
                "set",
                store
                    .get_set(&set, &self.entities[about..=about], question)
                    .err(),
            ),
            (
                "snapshot",
                store.snapshot().get(view, entity, question).err(),
            ),
            ("explain", store.explain(view, entity, question).err()),
        ];
        self.tally.answers += refusals.len() as u64;
        let expected = ErrorKind::BeyondHistory {
            floor: floor.micros(),
        };
        for (path, error) in refusals {
            assert_eq!(
                error.map(|error| error.kind()),
                Some(expected),
                "{path}: {question:?}"
            );
        }
        Ok(())
    }

    /// Every path says what the model says of every entity. Returns what that is of the one asked about.
    fn all_agree(
        &mut self,
        view: &asof::View,
        question: Question,
        about: usize,
        as_of: Timestamp,
        known_at: Option<Timestamp>,
    ) -> Result<Verdict> {
        let store = self.world.store();
        let snapshot = store.snapshot();
        let many = store.get_many(view, &self.entities, question)?;
        let mut scanned: BTreeMap<Vec<u8>, Answer> = BTreeMap::new();
        for item in store.scan(view, question)? {
            let (entity, row) = item?;
            let twice = scanned.insert(entity.bytes().to_vec(), answer_of(&row)?);
            assert!(twice.is_none(), "scanned twice");
        }
        let mut verdict = Verdict::Never;
        for (id, (entity, row)) in self.entities.iter().zip(&many).enumerate() {
            let of = columns(id as i64);
            let expected = self.model.as_of(&of, as_of, known_at);
            let place = || format!("entity {id}, {question:?}");
            assert_eq!(answer_of(row)?, expected, "many: {}", place());
            let one = answer_of(&store.get(view, entity, question)?)?;
            assert_eq!(one, expected, "one: {}", place());
            let by_hand = self.by_hand[id].as_of(&of, as_of, known_at);
            assert_eq!(by_hand, expected, "by hand: {}", place());
            let known = (expected.verdict != Verdict::Never).then_some(&expected);
            assert_eq!(scanned.get(entity.bytes()), known, "scan: {}", place());
            self.tally.answers += 4 * NAMES.len() as u64;
            if id != about {
                continue;
            }
            let snapped = answer_of(&snapshot.get(view, entity, question)?)?;
            assert_eq!(snapped, expected, "snapshot: {}", place());
            assert_eq!(
                self.in_a_set(view, question, id)?,
                expected,
                "set: {}",
                place()
            );
            explains(&store.explain(view, entity, question)?, &expected);
            self.tally.answers += 3 * NAMES.len() as u64;
            verdict = expected.verdict;
        }
        Ok(verdict)
    }

    /// The answer as part of a set of two views, between other rows.
    fn in_a_set(&self, view: &asof::View, question: Question, id: usize) -> Result<Answer> {
        let other = self.world.view(BESIDE)?;
        // What stands beside keeps no history: it can be asked about now alone.
        let asks_now = question == Question::latest();
        let (set, entities) = if asks_now {
            let beside = other.entity([0i64])?;
            let views = [other, view.clone(), view.clone()];
            let entities = [beside, self.entities[id].clone(), self.entities[0].clone()];
            (FeatureSet::new(views), entities.to_vec())
        } else {
            let entities = [self.entities[0].clone(), self.entities[id].clone()];
            (
                FeatureSet::new([view.clone(), view.clone()]),
                entities.to_vec(),
            )
        };
        answer_of(
            &self
                .world
                .store()
                .get_set(&set, &entities, question)?
                .rows()[1],
        )
    }

    /// The digest of the view has to be the one that the model's retained set has by the byte table.
    pub fn digest(&self) -> Result<()> {
        let told = self.world.store().digest(&self.world.view(self.view)?)?;
        let (mut hash, mut count) = (0u128, 0);
        for (id, entity) in self.entities.iter().enumerate() {
            for version in self.model.history(&columns(id as i64), None) {
                hash = hash.wrapping_add(hashed(self.view, entity.bytes(), version));
                count += 1;
            }
        }
        assert_eq!(
            (told.hash, told.count),
            (hash, count),
            "digest of {}",
            self.view
        );
        Ok(())
    }
}

/// One version in a set digest: namespace and view, each length u8 | entity length u32 | entity |
/// et i64 | rec i64 | op u8 | digest 16, numbers little-endian; and of the hash
/// the first half, big-endian.
fn hashed(view: &str, entity: &[u8], version: &Version) -> u128 {
    let mut bytes = Vec::new();
    for name in ["default", view] {
        bytes.push(name.len() as u8);
        bytes.extend(name.as_bytes());
    }
    bytes.extend((entity.len() as u32).to_le_bytes());
    bytes.extend(entity);
    bytes.extend(version.et.micros().to_le_bytes());
    bytes.extend(version.rec.micros().to_le_bytes());
    bytes.push(version.op as u8);
    bytes.extend(version.digest);
    let hash = blake3::hash(&bytes);
    u128::from_be_bytes(
        hash.as_bytes()[..16]
            .try_into()
            .expect("a hash has 32 bytes"),
    )
}

/// What is latest, while things happen: the batch and the scan alone.
pub fn ask_latest(world: &World, view: &str, model: &Model) -> Result<()> {
    let of = world.view(view)?;
    let entities = (0..=ENTITIES).map(|id| world.entity(view, id));
    let entities = entities.collect::<Result<Vec<_>>>()?;
    let now = world.store().now();
    let many = world.store().get_many(&of, &entities, Question::latest())?;
    for (id, row) in many.iter().enumerate() {
        let expected = model.latest(&columns(id as i64), now);
        assert_eq!(answer_of(row)?, expected, "latest of {id}");
    }
    let scanned = world.store().scan(&of, Question::latest())?.count();
    let known = many.iter().filter(|row| row.verdict() != Verdict::Never);
    assert_eq!(scanned, known.count(), "latest: scan");
    Ok(())
}

fn answer_of(row: &Row) -> Result<Answer> {
    let mut features = BTreeMap::new();
    for (feature, answer) in row.iter() {
        let answer = answer?;
        let value = answer.value.map(|value| value.to_value());
        let (status, event_time) = (answer.status, answer.event_time);
        features.insert(
            feature.name().to_string(),
            FeatureAnswer {
                status,
                value,
                event_time,
            },
        );
    }
    Ok(Answer {
        verdict: row.verdict(),
        features,
    })
}

/// The reasons given have to be those of the answer.
fn explains(why: &Explanation, answer: &Answer) {
    for feature in &why.features {
        let expected = &answer.features[&feature.name];
        assert_eq!(feature.status, expected.status, "{why:?}");
        let by = feature.by.map(|by| &why.versions[by]);
        if let Some(event_time) = expected.event_time {
            assert_eq!(by.map(|by| by.event_time), Some(event_time), "{why:?}");
        }
        let decides = |version: &&ExplainedVersion| version.decides.contains(&feature.name);
        assert!(why.versions.iter().filter(decides).count() <= 1, "{why:?}");
    }
}
