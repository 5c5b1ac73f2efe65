//! Golden bytes: what this build writes is, byte for byte, what format 1 has always been.
//!
//! `tests/formats/v1.golden` has a line per case, `name | bytes | meaning`. The bytes are hex, in
//! which `61*70000` is one byte many times over. The test writes every case anew and compares; then
//! it reads the bytes of the file and compares what they say with the meaning.

mod meaning;
mod records;

use super::catalog::{self, Fence};
use super::checksum;
use super::digest::{self, ContentDigest, SetDigest};
use super::erasure::ErasureRecord;
use super::key::{self, HashKey, Stamp};
use super::marker::Marker;
use super::position::{self, Complete, Position};
use super::quarantine::{About, Form, Origin, QuarantineEntry, Raw, RecordForm, Totals};
use super::row::{Body, BodyBuilder, LatestParts, begin_history};
use super::watermark::{Extent, Watermark};
use super::{entity, value};
use crate::id::{FeatureId, Hex, ViewId};
use crate::op::Op;
use crate::schema::{Contract, FeatureDefinition, MaxSkew, OnExpiry, Retention, ViewDefinition};
use crate::time::{Span, Timestamp};
use crate::value::{Type, Value};
use meaning::meaning;

const GOLDEN: &str = include_str!("../../tests/formats/v1.golden");
const HASH_KEY: HashKey = HashKey(*b"a key of a store");

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

/// A feature of every type, and one more name than ids in order would give.
fn contract() -> Contract {
    let view = ViewDefinition::builder("weather")
        .namespace("acme")
        .key("origin", Type::String)
        .key("raw", Type::Bytes)
        .key("dry", Type::Bool)
        .key("terminal", Type::I32)
        .key("gate", Type::I64)
        .key("opened", Type::Timestamp)
        .feature("flag", Type::Bool)
        .feature("small", Type::I32)
        .feature("large", Type::I64)
        .feature("single", Type::F32)
        .define(
            FeatureDefinition::new("gust", Type::F64)
                .nullable()
                .finite()
                .was("squall"),
        )
        .feature("text", Type::String)
        .feature("blob", Type::Bytes)
        .feature("seen", Type::Timestamp)
        .feature("embedding", Type::Vector(2))
        .feature("counts", Type::ListI64)
        .feature("shares", Type::ListF64)
        .feature("words", Type::ListString)
        .ttl(Span::hours(3))
        .on_expiry(OnExpiry::Stale)
        .history(Retention::Window(Span::days(30)))
        .max_skew(MaxSkew::Within(Span::minutes(10)))
        .source("weather-log")
        .source("airports");
    Contract::first(
        ViewId(7),
        view.build().expect("the definition is well-formed"),
    )
}

fn columns() -> Vec<Value> {
    vec![
        "a\0b".into(),
        vec![0u8, 1, 255].into(),
        true.into(),
        Value::I32(-1),
        Value::I64(i64::MAX),
        at(-1).into(),
    ]
}

fn entity_bytes() -> Vec<u8> {
    let mut bytes = Vec::new();
    entity::encode(&contract(), columns(), &mut bytes).expect("the columns fit");
    bytes
}

fn every_value() -> Vec<(&'static str, Value)> {
    vec![
        ("flag", true.into()),
        ("small", Value::I32(-2)),
        ("large", Value::I64(i64::MIN)),
        ("single", Value::F32(-0.0)),
        ("squall", Value::F64(39.02)),
        ("text", "é".into()),
        ("blob", vec![0u8, 255].into()),
        ("seen", at(1_357_020_000_000_000).into()),
        ("embedding", vec![1.5f32, f32::NAN].into()),
        ("counts", vec![1i64, -1].into()),
        ("shares", vec![0.5f64, f64::NAN].into()),
        (
            "words",
            vec!["a".to_string(), String::new(), "bc".into()].into(),
        ),
    ]
}

fn body(features: &[(&str, Value)]) -> Vec<u8> {
    let contract = contract();
    let mut builder = BodyBuilder::default();
    for (name, value) in features {
        let id = contract.find(name).expect("the view has it").id();
        match value {
            Value::Null => builder.null(id),
            value => builder.value(id, |out| value::encode(value, out)),
        }
    }
    let mut bytes = Vec::new();
    builder.write(&mut bytes);
    bytes
}

/// A version: its stamp and its row, the checksum under its key included.
fn version(et: i64, rec: i64, op: Op, features: &[(&str, Value)]) -> (Stamp, Vec<u8>) {
    let body = body(features);
    let parsed = Body::parse(&body).expect("it was just written");
    let digest = digest::content(&contract(), &parsed).expect("the view has every feature");
    let stamp = Stamp::new(at(et), at(rec), op, digest);
    let mut row = Vec::new();
    begin_history(op, 3, &entity_bytes(), &mut row);
    row.extend(body);
    checksum::seal(&history_key(&stamp), &mut row, 0);
    (stamp, row)
}

fn prefix() -> key::Prefix {
    HASH_KEY.prefix(ViewId(7), &entity_bytes())
}

fn history_key(stamp: &Stamp) -> Vec<u8> {
    key::history(&prefix(), stamp).to_vec()
}

fn history_keys() -> Vec<(String, Vec<u8>)> {
    let digest = |n| ContentDigest([n; 16]);
    let key = |name: &str, stamp| (format!("history-key {name}"), history_key(&stamp));
    vec![
        key("put", Stamp::new(at(0), at(0), Op::Put, digest(0))),
        key("patch", Stamp::new(at(-1), at(1), Op::Patch, digest(0xab))),
        key(
            "delete",
            Stamp::new(at(1), at(-1), Op::Delete, digest(0xff)),
        ),
        key(
            "earliest",
            Stamp::new(Timestamp::MIN, Timestamp::MIN, Op::Put, digest(0)),
        ),
        key(
            "latest",
            Stamp::new(Timestamp::MAX, Timestamp::MAX, Op::Delete, digest(0xff)),
        ),
    ]
}

fn history_rows() -> Vec<(String, Vec<u8>)> {
    let row = |name: &str, op, features: &[(&str, Value)]| {
        (
            format!("history-row {name}"),
            version(60, 61, op, features).1,
        )
    };
    vec![
        row("put", Op::Put, &every_value()),
        row("put nothing", Op::Put, &[]),
        row(
            "patch",
            Op::Patch,
            &[
                ("small", Value::I32(5)),
                ("words", Value::ListString(vec![])),
            ],
        ),
        row("delete", Op::Delete, &[]),
        row("null", Op::Put, &[("squall", Value::Null)]),
        row(
            "wide",
            Op::Put,
            &[("text", "a".repeat(70_000).into()), ("flag", false.into())],
        ),
    ]
}

/// A latest row of one Put or Delete, or of none, and of the Patches that are newer.
fn latest_row(
    due: Option<i64>,
    floor: Option<(Stamp, &[(&str, Value)])>,
    patches: &[(Stamp, &[(&str, Value)])],
) -> Vec<u8> {
    let spoken: Vec<(usize, (&str, Value))> = floor
        .iter()
        .chain(patches)
        .enumerate()
        .flat_map(|(place, (_, features))| features.iter().map(move |f| (place, f.clone())))
        .collect();
    let features: Vec<(&str, Value)> = spoken.iter().map(|(_, feature)| feature.clone()).collect();
    let patches: Vec<Stamp> = patches.iter().map(|(stamp, _)| *stamp).collect();
    let floor = floor.map(|(stamp, _)| stamp);
    let stamps = floor.iter().chain(&patches);
    let parts = LatestParts {
        schema_version: 3,
        entity: &entity_bytes(),
        newest_et: stamps.clone().map(|stamp| stamp.et).max(),
        next_due: due.map(at),
        floor,
        floor_is_delete: floor.is_some_and(|floor| floor.op() == Some(Op::Delete)),
        patches: &patches,
    };
    let is_stamped = stamps.count() > 1;
    let mut bytes = Vec::new();
    parts.begin(is_stamped, &mut bytes);
    bytes.extend(body(&features));
    if is_stamped {
        let contract = contract();
        let mut places: Vec<(FeatureId, usize)> = spoken
            .iter()
            .map(|(place, (name, _))| (contract.find(name).expect("the view has it").id(), *place))
            .collect();
        places.sort();
        places
            .iter()
            .for_each(|(_, place)| bytes.extend((*place as u16).to_le_bytes()));
    }
    checksum::seal(&prefix(), &mut bytes, 0);
    bytes
}

fn latest_rows() -> Vec<(String, Vec<u8>)> {
    let stamp = |et, rec, op, features: &[(&str, Value)]| version(et, rec, op, features).0;
    let row = |name: &str, op, features: &[(&str, Value)]| {
        let bytes = latest_row(None, Some((stamp(60, 60, op, features), features)), &[]);
        (format!("latest-row {name}"), bytes)
    };
    let small = |n| [("small", Value::I32(n))];
    let first = [("small", Value::I32(1)), ("flag", true.into())];
    let last = [("squall", Value::Null), ("large", Value::I64(3))];
    let wide = [
        ("text", Value::from("a".repeat(70_000))),
        ("small", Value::I32(1)),
    ];
    // The first Put names one feature that the first Patch took from it.
    let floor = (stamp(60, 60, Op::Put, &first), &first[1..]);
    let first_patch = (stamp(61, 61, Op::Patch, &small(2)), &small(2)[..]);
    let last_patch = (stamp(62, 62, Op::Patch, &last), &last[..]);
    let one_put = (stamp(60, 61, Op::Put, &small(1)), &small(1)[..]);
    let one_patch = (stamp(60, 60, Op::Patch, &small(1)), &small(1)[..]);
    let delete = (stamp(60, 60, Op::Delete, &[]), &[][..]);
    vec![
        (
            "latest-row one put".into(),
            latest_row(Some(70), Some(one_put), &[]),
        ),
        row("put", Op::Put, &every_value()),
        (
            "latest-row patch".into(),
            latest_row(None, None, &[one_patch]),
        ),
        row("delete", Op::Delete, &[]),
        row("null", Op::Put, &[("squall", Value::Null)]),
        row("wide", Op::Put, &wide),
        (
            "latest-row nothing due".into(),
            latest_row(Some(60), None, &[]),
        ),
        (
            "latest-row stamped".into(),
            latest_row(Some(90), Some(floor), &[first_patch, last_patch]),
        ),
        (
            "latest-row stamped after a delete".into(),
            latest_row(None, Some(delete), &[first_patch]),
        ),
    ]
}

fn digests() -> Vec<(String, Vec<u8>)> {
    let row = |name: &str, features: &[(&str, Value)]| {
        let body = body(features);
        let body = Body::parse(&body).expect("it was just written");
        let digest = digest::content(&contract(), &body).expect("the view has every feature");
        (format!("digest {name}"), digest.0.to_vec())
    };
    let mut found = vec![
        row("of nothing", &[]),
        row("null", &[("squall", Value::Null)]),
        row("every kind", &every_value()),
    ];
    for (name, value) in every_value() {
        found.push(row(name, &[(name, value)]));
    }
    found
}

fn set_digest() -> SetDigest {
    let mut set = SetDigest::default();
    for (et, op, digest) in [
        (1, Op::Put, 1),
        (2, Op::Patch, 2),
        (i64::MIN, Op::Delete, 3),
    ] {
        let digest = ContentDigest([digest; 16]);
        let stamp = Stamp::new(at(et), at(et), op, digest);
        set.add(&contract(), &entity_bytes(), &stamp, op, digest);
    }
    set
}

fn cases() -> Vec<(String, Vec<u8>)> {
    [
        history_keys(),
        history_rows(),
        latest_rows(),
        digests(),
        records::records(),
    ]
    .concat()
}

const RUN: usize = 64;

/// Hex, in which a byte that repeats itself for long is written once.
fn hex(bytes: &[u8]) -> String {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    for run in bytes.chunk_by(|a, b| a == b) {
        if run.len() < RUN {
            plain += &Hex(run).to_string();
            continue;
        }
        pieces.push(std::mem::take(&mut plain));
        pieces.push(format!("{:02x}*{}", run[0], run.len()));
    }
    pieces.push(plain);
    pieces.retain(|piece| !piece.is_empty());
    pieces.join(" ")
}

fn unhex(text: &str) -> Vec<u8> {
    let byte = |text: &str| u8::from_str_radix(text, 16).expect("two hex digits");
    let bytes = text
        .split_whitespace()
        .flat_map(|piece| match piece.split_once('*') {
            Some((text, times)) => vec![byte(text); times.parse().expect("a count")],
            None => (0..piece.len())
                .step_by(2)
                .map(|at| byte(&piece[at..at + 2]))
                .collect(),
        });
    bytes.collect()
}

/// Hurt if it breaks: whoever compares two stores by their digest. The bytes are put together here
/// as the table over `SetDigest::add` has them.
#[test]
fn a_set_digest_is_a_sum_over_hashes() {
    let mut sum = 0u128;
    for (et, op, digest) in [(1i64, 1u8, 1u8), (2, 2, 2), (i64::MIN, 3, 3)] {
        let entity = entity_bytes();
        let length = (entity.len() as u32).to_le_bytes();
        let et = et.to_le_bytes();
        let names = b"\x04acme\x07weather";
        let bytes = [names, &length[..], &entity, &et, &et, &[op], &[digest; 16]].concat();
        let hash = blake3::hash(&bytes);
        sum = sum.wrapping_add(u128::from_be_bytes(
            hash.as_bytes()[..16].try_into().expect("16"),
        ));
    }
    assert_eq!(
        set_digest(),
        SetDigest {
            hash: sum,
            count: 3
        }
    );
}

/// Hurt if it breaks: the same as below. The vector is that of the reference implementation.
#[test]
fn the_entity_hash_is_sip_hash_2_4_with_128_bits() {
    let reference = HashKey(std::array::from_fn(|at| at as u8));
    let prefix = Hex(&reference.prefix(ViewId(1), b"")).to_string();
    assert_eq!(prefix, "00000001a3817f04ba25a8e66df67214c7550293");
}

/// Hurt if it breaks: everybody who has a store on disk and takes the next release.
#[test]
fn what_is_written_never_changes() {
    let golden: Vec<&str> = GOLDEN
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    let line_of = |(name, bytes): (String, Vec<u8>)| {
        let said = meaning(&name, &bytes).expect("we read what we write");
        format!("{name} | {} | {said}", hex(&bytes))
    };
    let written: Vec<String> = cases().into_iter().map(line_of).collect();
    for (at, line) in written.iter().enumerate() {
        let found = golden.get(at).copied().unwrap_or("(nothing)");
        assert!(
            line == found,
            "case {} of tests/formats/v1.golden differs.\nthe file says   {found}\n\
             this build says {line}\n\
             A format never changes: stores of it are out there. A new version joins it, with \
             golden bytes of its own",
            at + 1
        );
    }
    assert_eq!(
        golden.len(),
        written.len(),
        "nothing writes the last cases of tests/formats/v1.golden"
    );
}

/// Hurt if it breaks: the same. What lies in the file is read, and not only what was just written.
#[test]
fn what_was_written_is_read_for_ever() {
    let mut names = std::collections::BTreeSet::new();
    for line in GOLDEN.lines().filter(|line| !line.starts_with('#')) {
        let [name, bytes, said]: [&str; 3] = line
            .splitn(3, " | ")
            .collect::<Vec<_>>()
            .try_into()
            .expect("name | bytes | meaning");
        let bytes = unhex(bytes);
        assert_eq!(meaning(name, &bytes).expect("it is whole"), said, "{name}");
        assert!(names.insert(name), "two cases are called {name:?}");
    }
    let contract_bytes = |line: &&str| line.starts_with("contract |");
    let line = GOLDEN
        .lines()
        .find(contract_bytes)
        .expect("there is a contract");
    let bytes = unhex(line.split(" | ").nth(1).expect("it has bytes"));
    assert_eq!(
        catalog::decode_contract(&bytes).expect("it is whole"),
        contract()
    );
}
