//! What the `default` family holds: views, floors, fences, positions and counters.
//!
//! | key | value |
//! |---|---|
//! | `01` | store identity: id 16. Binds the database to the marker beside it |
//! | `10` view id u32 BE | a contract, see below |
//! | `11` | the next view id u32 |
//! | `20` view id u32 BE | the newest accepted event time i64 |
//! | `21` view id u32 BE | the floor: X i64, horizon (flag u8, i64 if set) |
//! | `22` prefix 20 | a fence: R i64, X (flag u8, i64 if set), entity length u32, entity |
//! | `30` source, partition | a position, see `position.rs` |
//! | `40` number u64 BE | the record of an erase, see `erasure.rs` |
//!
//! A contract:
//!
//! ```text
//! format u8 = 1 | view id u32 | schema version u32 | namespace | name
//! column count u8  | per column: name, type
//! feature count u16 | per feature: id u16, since u32, name, birth name, type, flags u8 (1 nullable, 2 finite)
//! ttl (flag, i64) | on_expiry u8 (1 expire, 2 stale) | window (flag, i64) | max_skew (flag, i64)
//! source count u8 | per source: name
//! ```
//!
//! Where no format stands in a value, the tag of its key is the format: another layout takes another tag,
//! and a tag that a build does not know keeps it from opening the store.
//!
//! A name is a length u8 and UTF-8; a type is its name as in a view file. Little-endian where it does
//! not say BE. Every value ends with its checksum.

use super::key::Prefix;
use super::reader::{Put, Reader};
use super::{erasure, position};
use crate::error::{Error, RESTORE, Result};
use crate::id::{FeatureId, Hex, ViewId};
use crate::schema::{
    Contract, Feature, FeatureDefinition, KeyColumn, MaxSkew, OnExpiry, Retention, TimePolicy,
    ViewDefinition,
};
use crate::time::{Span, Timestamp};
use crate::value::Type;

const FORMAT: u8 = 1;
const WHAT: &str = "a contract in the catalog";

pub(crate) const IDENTITY_KEY: [u8; 1] = [0x01];
pub(crate) const NEXT_VIEW_KEY: [u8; 1] = [0x11];

const VIEW: u8 = 0x10;
const NEWEST: u8 = 0x20;
const FLOOR: u8 = 0x21;
const FENCE: u8 = 0x22;
const ERASURE: u8 = 0x40;

fn of_view(tag: u8, view: ViewId) -> [u8; 5] {
    let [a, b, c, d] = view.0.to_be_bytes();
    [tag, a, b, c, d]
}

pub(crate) fn view_key(view: ViewId) -> [u8; 5] {
    of_view(VIEW, view)
}

pub(crate) fn newest_key(view: ViewId) -> [u8; 5] {
    of_view(NEWEST, view)
}

pub(crate) fn floor_key(view: ViewId) -> [u8; 5] {
    of_view(FLOOR, view)
}

pub(crate) fn fence_key(prefix: &Prefix) -> Vec<u8> {
    [&[FENCE][..], prefix].concat()
}

pub(crate) fn erasure_key(number: u64) -> [u8; 9] {
    let mut key = [ERASURE; 9];
    key[1..].copy_from_slice(&number.to_be_bytes());
    key
}

/// What a key of the `default` family is about.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum CatalogKey {
    Identity,
    NextView,
    View(ViewId),
    Newest(ViewId),
    Floor(ViewId),
    Fence(Prefix),
    Position(String, String),
    Erasure(u64),
}

/// None for a key that this build does not know.
pub(crate) fn parse_key(key: &[u8]) -> Option<CatalogKey> {
    let (tag, rest) = key.split_first()?;
    let view = || Some(ViewId(u32::from_be_bytes(rest.try_into().ok()?)));
    Some(match *tag {
        _ if *key == IDENTITY_KEY => CatalogKey::Identity,
        _ if *key == NEXT_VIEW_KEY => CatalogKey::NextView,
        VIEW => CatalogKey::View(view()?),
        NEWEST => CatalogKey::Newest(view()?),
        FLOOR => CatalogKey::Floor(view()?),
        FENCE => CatalogKey::Fence(rest.try_into().ok()?),
        position::TAG => {
            let (source, partition) = position::split_key(rest)?;
            CatalogKey::Position(source, partition)
        }
        ERASURE => CatalogKey::Erasure(u64::from_be_bytes(rest.try_into().ok()?)),
        _ => return None,
    })
}

/// Refuses a row, of which the checksum is right, that a newer version wrote. What is otherwise wrong
/// with it is told by whoever reads it.
pub(crate) fn check_known(key: &[u8], value: &[u8]) -> Result<()> {
    let checked = match parse_key(key) {
        Some(CatalogKey::View(_)) => Reader::new(WHAT, value).format(FORMAT),
        Some(CatalogKey::Erasure(_)) => Reader::new(erasure::WHAT, value).format(erasure::FORMAT),
        Some(_) => Ok(()),
        None => Err(unknown(key)),
    };
    checked.map_err(|error| {
        error.at(format_args!(
            "the row of the catalog under key {}",
            Hex(key)
        ))
    })
}

/// A key that this build does not know: of a kind that came later, or of a known kind and damaged.
fn unknown(key: &[u8]) -> Error {
    const KNOWN: [u8; 9] = [
        IDENTITY_KEY[0],
        NEXT_VIEW_KEY[0],
        VIEW,
        NEWEST,
        FLOOR,
        FENCE,
        position::TAG,
        ERASURE,
        0,
    ];
    match key.first() {
        Some(tag) if !KNOWN.contains(tag) => Error::newer(format_args!(
            "its kind is {tag:#04x}, which this build does not know"
        )),
        _ => Error::corrupt(format!("it is no key of the catalog; {RESTORE}")),
    }
}

/// How much an erase has put out of reach of one entity: versions with `rec <= recorded` or
/// `et <= floor`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fence {
    pub(crate) recorded: Timestamp,
    pub(crate) floor: Option<Timestamp>,
    pub(crate) entity: Vec<u8>,
}

impl Fence {
    /// Joins another erase of the same entity: the larger of each bound.
    pub(crate) fn join(&mut self, recorded: Timestamp, floor: Option<Timestamp>) {
        self.recorded = self.recorded.max(recorded);
        self.floor = self.floor.max(floor);
    }
}

pub(crate) fn encode_fence(fence: &Fence, out: &mut Vec<u8>) {
    out.extend(fence.recorded.micros().to_le_bytes());
    out.put_optional_i64(fence.floor.map(Timestamp::micros));
    out.put_long_bytes(&fence.entity);
}

pub(crate) fn decode_fence(value: &[u8]) -> Result<Fence> {
    let mut reader = Reader::new("a fence in the catalog", value);
    let fence = Fence {
        recorded: Timestamp::from_micros(reader.i64()?),
        floor: reader.optional_i64()?.map(Timestamp::from_micros),
        entity: reader.long_bytes()?.to_vec(),
    };
    reader.end()?;
    Ok(fence)
}

pub(crate) fn encode_floor(floor: Timestamp, horizon: Option<Timestamp>, out: &mut Vec<u8>) {
    out.extend(floor.micros().to_le_bytes());
    out.put_optional_i64(horizon.map(Timestamp::micros));
}

pub(crate) fn decode_floor(value: &[u8]) -> Result<(Timestamp, Option<Timestamp>)> {
    let mut reader = Reader::new("a floor in the catalog", value);
    let floor = Timestamp::from_micros(reader.i64()?);
    let horizon = reader.optional_i64()?.map(Timestamp::from_micros);
    reader.end()?;
    Ok((floor, horizon))
}

pub(crate) fn encode_contract(contract: &Contract, out: &mut Vec<u8>) {
    out.push(FORMAT);
    out.extend(contract.id.0.to_le_bytes());
    out.extend(contract.version.to_le_bytes());
    out.put_short_str(&contract.namespace);
    out.put_short_str(&contract.name);
    out.push(contract.key.len() as u8);
    for column in &contract.key {
        out.put_short_str(&column.name);
        out.put_short_str(&column.ty.to_string());
    }
    out.extend((contract.features.len() as u16).to_le_bytes());
    for feature in &contract.features {
        let definition = &feature.definition;
        out.extend(feature.id.0.to_le_bytes());
        out.extend(feature.since.to_le_bytes());
        out.put_short_str(&definition.name);
        out.put_short_str(definition.birth_name());
        out.put_short_str(&definition.ty.to_string());
        out.push(u8::from(definition.nullable) | u8::from(definition.finite) << 1);
    }
    let time = &contract.time;
    out.put_optional_i64(time.ttl.map(Span::as_micros));
    out.push(match time.on_expiry {
        OnExpiry::Expire => 1,
        OnExpiry::Stale => 2,
    });
    out.put_optional_i64(match time.history {
        Retention::Forever => None,
        Retention::Window(window) => Some(window.as_micros()),
    });
    out.put_optional_i64(match time.max_skew {
        MaxSkew::Forever => None,
        MaxSkew::Within(skew) => Some(skew.as_micros()),
    });
    out.push(contract.sources.len() as u8);
    for source in &contract.sources {
        out.put_short_str(source);
    }
}

pub(crate) fn decode_contract(value: &[u8]) -> Result<Contract> {
    let mut reader = Reader::new(WHAT, value);
    reader.format(FORMAT)?;
    let (id, version) = (ViewId(reader.u32()?), reader.u32()?);
    let namespace = reader.short_str()?.to_string();
    let name = reader.short_str()?.to_string();
    let mut key = Vec::new();
    for _ in 0..reader.u8()? {
        let name = reader.short_str()?.to_string();
        key.push(KeyColumn {
            name,
            ty: decode_type(&mut reader)?,
        });
    }
    let mut features = Vec::new();
    for place in 1..=reader.u16()? {
        features.push(decode_feature(&mut reader, place, version)?);
    }
    let time = decode_time(&mut reader)?;
    let mut sources = Vec::new();
    for _ in 0..reader.u8()? {
        sources.push(reader.short_str()?.to_string());
    }
    reader.end()?;
    let contract = Contract::of(id, version, namespace, name, key, features, time).fed_by(sources);
    let checked: Result<ViewDefinition> = contract.definition().check();
    checked.map_err(|e| reader.corrupt(e))?;
    Ok(contract)
}

fn decode_type(reader: &mut Reader<'_>) -> Result<Type> {
    let text = reader.short_str()?;
    text.parse().map_err(|e| reader.corrupt(e))
}

fn decode_feature(reader: &mut Reader<'_>, place: u16, version: u32) -> Result<Feature> {
    let (id, since) = (reader.u16()?, reader.u32()?);
    if id != place || since == 0 || since > version {
        return Err(reader.corrupt(format_args!(
            "feature {id} of version {since} at place {place}"
        )));
    }
    let name = reader.short_str()?.to_string();
    let birth = reader.short_str()?.to_string();
    let ty = decode_type(reader)?;
    let flags = reader.u8()?;
    if flags > 3 {
        return Err(reader.corrupt(format_args!("flags {flags} of feature {name:?}")));
    }
    let was = (birth != name).then_some(birth);
    let (nullable, finite) = (flags & 1 != 0, flags & 2 != 0);
    let definition = FeatureDefinition {
        name,
        was,
        ty,
        nullable,
        finite,
    };
    Ok(Feature::new(FeatureId(id), since, definition))
}

fn decode_time(reader: &mut Reader<'_>) -> Result<TimePolicy> {
    fn span(reader: &mut Reader<'_>) -> Result<Option<Span>> {
        match reader.optional_i64()? {
            Some(micros) if micros < 0 => Err(reader.corrupt("a negative span")),
            micros => Ok(micros.map(Span::micros)),
        }
    }
    let ttl = span(reader)?;
    let on_expiry = match reader.u8()? {
        1 => OnExpiry::Expire,
        2 => OnExpiry::Stale,
        other => return Err(reader.corrupt(format_args!("on_expiry {other}"))),
    };
    let history = span(reader)?.map_or(Retention::Forever, Retention::Window);
    let max_skew = span(reader)?.map_or(MaxSkew::Forever, MaxSkew::Within);
    Ok(TimePolicy {
        ttl,
        on_expiry,
        history,
        max_skew,
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(crate) fn sample() -> Contract {
        let view = ViewDefinition::builder("weather")
            .namespace("acme")
            .key("origin", Type::String)
            .key("terminal", Type::I32)
            .feature("temp", Type::F64)
            .define(
                FeatureDefinition::new("gust", Type::F64)
                    .nullable()
                    .finite()
                    .was("squall"),
            )
            .feature("embedding", Type::Vector(3))
            .ttl(Span::hours(3))
            .history(Retention::Window(Span::days(30)))
            .max_skew(MaxSkew::Forever)
            .source("weather-log")
            .source("airports");
        Contract::first(ViewId(7), view.build().unwrap())
    }

    #[test]
    fn a_contract_survives_and_every_cut_of_it_is_refused() {
        let mut bytes = Vec::new();
        encode_contract(&sample(), &mut bytes);
        assert_eq!(decode_contract(&bytes).unwrap(), sample());
        for cut in 0..bytes.len() {
            assert!(decode_contract(&bytes[..cut]).is_err(), "cut at {cut}");
        }
        bytes.push(0);
        assert!(decode_contract(&bytes).is_err());
    }

    proptest! {
        #[test]
        fn a_flipped_contract_never_panics(at in 0usize..200, bit in 0u8..8) {
            let mut bytes = Vec::new();
            encode_contract(&sample(), &mut bytes);
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            let _ = decode_contract(&bytes);
        }

        #[test]
        fn hostile_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = (decode_contract(&bytes), decode_fence(&bytes), decode_floor(&bytes), parse_key(&bytes));
        }
    }

    #[test]
    fn every_key_is_known_again() {
        let prefix = [9; 20];
        for (key, is) in [
            (IDENTITY_KEY.to_vec(), CatalogKey::Identity),
            (NEXT_VIEW_KEY.to_vec(), CatalogKey::NextView),
            (view_key(ViewId(3)).to_vec(), CatalogKey::View(ViewId(3))),
            (
                newest_key(ViewId(3)).to_vec(),
                CatalogKey::Newest(ViewId(3)),
            ),
            (floor_key(ViewId(3)).to_vec(), CatalogKey::Floor(ViewId(3))),
            (fence_key(&prefix), CatalogKey::Fence(prefix)),
            (
                position::key("log", "0"),
                CatalogKey::Position("log".into(), "0".into()),
            ),
            (erasure_key(258).to_vec(), CatalogKey::Erasure(258)),
        ] {
            assert_eq!(parse_key(&key), Some(is));
        }
        assert_eq!(parse_key(&[0]), None);
    }
}
