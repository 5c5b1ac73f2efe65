//! How many pairs of versions of one instant contradict each other.
//!
//! Comparing every pair would take the square of their number, and one careless producer can put a
//! hundred thousand versions on one instant. Versions that mention the same features are gathered;
//! two of one gathering always differ somewhere, or they would be one version. Across two gatherings
//! those agree that say the same about what both mention, which is a join by hash. The cost is that
//! of the versions times the number of different sets of features, of which there are few.

use crate::error::Result;
use crate::format::row::{Body, Slot};
use crate::op::Op;
use std::collections::{BTreeMap, HashMap};

/// What a version says about one feature, as a fingerprint.
type Said = [u8; 16];

/// The versions of one entity, event time and recorded-at.
#[derive(Debug, Default)]
pub(crate) struct Instant {
    versions: u64,
    deletes: u64,
    /// By the features they mention, in the order of ids.
    puts: Gatherings,
    patches: Gatherings,
}

type Gatherings = BTreeMap<Vec<u16>, Vec<Vec<Said>>>;

impl Instant {
    pub(crate) fn clear(&mut self) {
        self.versions = 0;
        self.deletes = 0;
        self.puts.clear();
        self.patches.clear();
    }

    /// One more version, different from all before it.
    pub(crate) fn add(&mut self, op: Op, body: &Body<'_>) -> Result<()> {
        let (mut ids, mut says) = (Vec::new(), Vec::new());
        for entry in body.iter() {
            let (id, slot) = entry?;
            ids.push(id.0);
            says.push(fingerprint(slot));
        }
        self.versions += 1;
        let gatherings = match op {
            Op::Delete => {
                self.deletes += 1;
                return Ok(());
            }
            Op::Put => &mut self.puts,
            Op::Patch => &mut self.patches,
        };
        gatherings.entry(ids).or_default().push(says);
        Ok(())
    }

    /// How many pairs give a common feature different answers.
    pub(crate) fn conflicts(&self) -> u64 {
        if self.versions < 2 {
            return 0;
        }
        // A Delete contradicts whatever else is said, and two Puts that are not one differ.
        let mut agreeing = 0;
        let mut others = self.patches.iter();
        while let Some(one) = others.next() {
            for other in others.clone() {
                agreeing += agreeing_patches(one, other);
            }
            for put in &self.puts {
                agreeing += agreeing_put(put, one);
            }
        }
        pairs(self.versions) - agreeing
    }
}

fn pairs(n: u64) -> u64 {
    n * n.saturating_sub(1) / 2
}

fn fingerprint(slot: Slot<'_>) -> Said {
    let hash = match slot {
        Slot::Null => return [0; 16],
        Slot::Value(bytes) => blake3::hash(bytes),
    };
    let mut said = [0; 16];
    said.copy_from_slice(&hash.as_bytes()[..16]);
    said
}

type Gathering<'a> = (&'a Vec<u16>, &'a Vec<Vec<Said>>);

/// Two Patches agree where they say the same about every feature that both mention.
fn agreeing_patches(one: Gathering<'_>, other: Gathering<'_>) -> u64 {
    let common: Vec<u16> = one
        .0
        .iter()
        .filter(|id| other.0.contains(id))
        .copied()
        .collect();
    joined(one, other, &common)
}

/// A Put answers for every feature, so a Patch agrees with it where it mentions nothing else and
/// says the same.
fn agreeing_put(put: Gathering<'_>, patch: Gathering<'_>) -> u64 {
    match patch.0.iter().all(|id| put.0.contains(id)) {
        true => joined(put, patch, patch.0),
        false => 0,
    }
}

/// How many pairs say the same about these features.
fn joined(one: Gathering<'_>, other: Gathering<'_>, about: &[u16]) -> u64 {
    if about.is_empty() {
        return one.1.len() as u64 * other.1.len() as u64;
    }
    let mut counts: HashMap<Vec<Said>, u64> = HashMap::new();
    let places = places(one.0, about);
    for says in one.1 {
        *counts.entry(pick(says, &places)).or_default() += 1;
    }
    let places = self::places(other.0, about);
    let agreeing = |says: &Vec<Said>| counts.get(&pick(says, &places)).copied().unwrap_or(0);
    other.1.iter().map(agreeing).sum()
}

fn places(ids: &[u16], about: &[u16]) -> Vec<usize> {
    let place = |wanted: &u16| ids.iter().position(|id| id == wanted);
    about.iter().filter_map(place).collect()
}

fn pick(says: &[Said], places: &[usize]) -> Vec<Said> {
    places.iter().map(|place| says[*place]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::row::BodyBuilder;
    use crate::id::FeatureId;
    use crate::law::contradict;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    type Version = (u8, BTreeMap<u16, Option<u8>>);

    fn version() -> impl Strategy<Value = Version> {
        let features = prop::collection::btree_map(1u16..4, prop::option::of(0u8..2), 0..4);
        (0u8..7, features).prop_map(|(op, features)| match op {
            0 => (0, BTreeMap::new()),
            1..3 => (1, features),
            // A Patch names something.
            _ if features.is_empty() => (2, BTreeMap::from([(1, None)])),
            _ => (2, features),
        })
    }

    fn bytes(features: &BTreeMap<u16, Option<u8>>) -> Vec<u8> {
        let mut builder = BodyBuilder::default();
        for (id, value) in features {
            match value {
                None => builder.null(FeatureId(*id)),
                Some(value) => builder.value(FeatureId(*id), |out| out.push(*value)),
            }
        }
        let mut out = Vec::new();
        builder.write(&mut out);
        out
    }

    proptest! {
        #[test]
        fn pairs_are_counted_as_if_each_were_compared(
            versions in prop::collection::vec(version(), 0..12)
        ) {
            let versions: BTreeSet<Version> = versions.into_iter().collect();
            let versions: Vec<(Op, Vec<u8>)> = versions
                .iter()
                .map(|(op, features)| {
                    let op = [Op::Delete, Op::Put, Op::Patch][usize::from(*op)];
                    (op, bytes(features))
                })
                .collect();
            let mut instant = Instant::default();
            let mut expected = 0;
            for (at, (op, bytes)) in versions.iter().enumerate() {
                let body = Body::parse(bytes).unwrap();
                instant.add(*op, &body).unwrap();
                for (other_op, other) in &versions[..at] {
                    let other = Body::parse(other).unwrap();
                    let conflict = contradict((*op, &body), (*other_op, &other)).unwrap();
                    expected += u64::from(conflict);
                }
            }
            prop_assert_eq!(instant.conflicts(), expected);
        }
    }
}
