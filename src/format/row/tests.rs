//! Rows survive their bytes, and hostile bytes are an error or a row, never a panic.
//!
//! Every flipped bit is tried under a checksum that is right again, so that decoding goes as deep as
//! it can. Parsing makes views of the bytes and allocates nothing but the text of an error, so no
//! count that a row claims can cost memory.

use super::*;
use crate::error::{ErrorKind, Result};
use crate::format::checksum::seal;
use crate::format::key::Stamp;
use crate::format::key::tests::stamp;
use crate::format::value::tests::typed_value;
use crate::format::value::{decode, encode};
use crate::id::FeatureId;
use crate::op::Op;
use crate::time::Timestamp;
use crate::value::{Type, Value};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const KEY: &[u8] = b"the key of the row";
const ENTITY: &[u8] = b"entity\x00\x01";
const CHECKSUM: usize = 4;

/// By id: a type, and a value of it or null.
type Features = BTreeMap<u16, (Type, Value)>;

/// Dense ids from one, or ids with gaps up to the largest that a view may have.
fn features() -> impl Strategy<Value = Features> {
    let slot = || {
        (typed_value(), prop::bool::weighted(0.2))
            .prop_map(|((ty, value), is_null)| (ty, if is_null { Value::Null } else { value }))
    };
    let dense = prop::collection::vec(slot(), 0..8).prop_map(|slots| (1..).zip(slots).collect());
    let sparse = prop::collection::btree_map(prop_oneof![1u16..9, 1u16..=4_096], slot(), 0..8);
    prop_oneof![dense, sparse]
}

fn put(builder: &mut BodyBuilder, id: u16, value: &Value) {
    match value {
        Value::Null => builder.null(FeatureId(id)),
        value => builder.value(FeatureId(id), |out| encode(value, out)),
    }
}

fn body_of<'a>(features: impl IntoIterator<Item = (&'a u16, &'a (Type, Value))>) -> Vec<u8> {
    let mut builder = BodyBuilder::default();
    let mut out = Vec::new();
    for (id, (_, value)) in features {
        put(&mut builder, *id, value);
    }
    builder.write(&mut out);
    out
}

fn stored(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(value, &mut bytes);
    bytes
}

fn slot_of<'a>(value: &Value, bytes: &'a [u8]) -> Slot<'a> {
    if *value == Value::Null {
        Slot::Null
    } else {
        Slot::Value(bytes)
    }
}

fn check_body(features: &Features, body: &Body<'_>) -> std::result::Result<(), TestCaseError> {
    prop_assert_eq!(body.len(), features.len());
    let listed: Vec<_> = body.iter().collect::<Result<_>>()?;
    let ids: Vec<u16> = listed.iter().map(|(id, _)| id.0).collect();
    prop_assert_eq!(ids, features.keys().copied().collect::<Vec<_>>());
    for ((id, slot), (ty, value)) in listed.into_iter().zip(features.values()) {
        let bytes = stored(value);
        prop_assert_eq!(slot, slot_of(value, &bytes));
        prop_assert_eq!(body.find(id)?, Some(slot));
        if let Slot::Value(found) = slot {
            prop_assert!(decode(*ty, found).is_some());
        }
    }
    for id in (1..20)
        .chain([4_095, 4_096, 32_767])
        .filter(|id| !features.contains_key(id))
    {
        prop_assert_eq!(body.find(FeatureId(id))?, None);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Hurt if it breaks: whoever writes the same row from two places. The order in which features
    /// are added is nobody's business, and a builder that is used again remembers nothing.
    #[test]
    fn a_body_survives_whatever_the_order_of_its_features(
        (features, shuffled) in features().prop_flat_map(|features| {
            let listed: Vec<_> = features.clone().into_iter().collect();
            (Just(features), Just(listed).prop_shuffle())
        }),
    ) {
        let bytes = body_of(shuffled.iter().map(|(id, slot)| (id, slot)));
        prop_assert_eq!(&bytes, &body_of(&features));
        let body = Body::parse(&bytes)?;
        prop_assert_eq!(body.bytes(), &bytes);
        check_body(&features, &body)?;

        let mut builder = BodyBuilder::default();
        put(&mut builder, 9, &Value::I64(1));
        builder.clear();
        for (id, (_, value)) in &features {
            prop_assert!(!builder.has(FeatureId(*id)));
            put(&mut builder, *id, value);
            prop_assert!(builder.has(FeatureId(*id)));
        }
        prop_assert_eq!(builder.len(), features.len());
        let mut again = b"before".to_vec();
        builder.write(&mut again);
        prop_assert_eq!(&again[6..], &bytes);
    }

    #[test]
    fn a_version_survives(features in features(), op in some_op(), schema_version: u32) {
        let stored = history_row(op, schema_version, &body_of(&features));
        let row = HistoryRow::open(KEY, &stored)?;
        prop_assert_eq!((row.op, row.schema_version, row.entity), (op, schema_version, ENTITY));
        check_body(&features, &row.body)?;
        prop_assert!(HistoryRow::open(b"another key", &stored).is_err());
    }

    #[test]
    fn a_latest_row_survives(features in features(), parts in some_parts()) {
        let (row_bytes, stamps) = latest_row(&features, &parts);
        let row = LatestRow::open(KEY, &row_bytes)?;
        prop_assert_eq!((row.schema_version(), row.entity()), (parts.schema_version, ENTITY));
        prop_assert_eq!((row.newest_et(), row.next_due()), (parts.newest_et, parts.next_due));
        prop_assert_eq!((row.floor(), row.floor_is_delete()), (parts.floor, parts.floor_is_delete()));
        let all: Vec<Stamp> = parts.floor.iter().chain(&parts.patches).copied().collect();
        prop_assert_eq!(row.stamps().collect::<Vec<_>>(), all);
        check_body(&features, &row.body())?;
        let listed: Vec<_> = row.iter().collect::<Result<_>>()?;
        prop_assert_eq!(listed.len(), features.len());
        for ((id, stamp, slot), expected) in listed.into_iter().zip(stamps) {
            prop_assert_eq!(stamp, expected);
            prop_assert_eq!(row.find(id)?, Some((stamp.et, slot)));
        }
        prop_assert_eq!(row.find(FeatureId(32_767))?, None);
        prop_assert!(LatestRow::open(b"another key", &row_bytes).is_err());
    }

    /// Hurt if it breaks: every reader after a bad disk, or an attacker who can write files.
    #[test]
    fn hostile_rows_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..120), count in 0u16..9) {
        explore(&bytes);
        // With a header that is believed, the rest is reached.
        for (at, byte) in [(0, 1), (1, 1), (2, 0), (3, 0)] {
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
        }
        explore(&bytes);
        let body = [&count.to_le_bytes()[..], &[2, 0], &bytes].concat();
        explore(&[&[1, 1, 0, 0, 1, 0, 0, 0][..], &body].concat());
        explore(&[&[1, 23, 0, 0, 1, 0, 0, 0][..], &[0; 16], &[1, 0, 0, 0], &[7; 32], &body].concat());
        explore(&body);
    }
}

fn some_op() -> impl Strategy<Value = Op> {
    prop_oneof![Just(Op::Put), Just(Op::Patch), Just(Op::Delete)]
}

fn history_row(op: Op, schema_version: u32, body: &[u8]) -> Vec<u8> {
    let mut row = Vec::new();
    begin_history(op, schema_version, ENTITY, &mut row);
    row.extend(body);
    seal(KEY, &mut row, 0);
    row
}

#[derive(Debug)]
struct Parts {
    schema_version: u32,
    newest_et: Option<Timestamp>,
    next_due: Option<Timestamp>,
    floor: Option<Stamp>,
    patches: Vec<Stamp>,
}

impl Parts {
    fn floor_is_delete(&self) -> bool {
        self.floor
            .is_some_and(|floor| floor.op() == Some(Op::Delete))
    }
}

fn some_parts() -> impl Strategy<Value = Parts> {
    let time = || prop::option::of(any::<i64>().prop_map(Timestamp::from_micros));
    let floor = prop::option::of(stamp());
    let patches = prop::collection::btree_set(stamp(), 1..4);
    (any::<u32>(), time(), time(), floor, patches).prop_map(
        |(schema_version, newest_et, next_due, floor, mut patches): (_, _, _, _, BTreeSet<_>)| {
            patches.retain(|stamp| floor != Some(*stamp));
            let patches = patches.into_iter().collect();
            Parts {
                schema_version,
                newest_et,
                next_due,
                floor,
                patches,
            }
        },
    )
}

/// The row, sealed, and the stamp of each feature: in turn, all that there are.
fn latest_row(features: &Features, parts: &Parts) -> (Vec<u8>, Vec<Stamp>) {
    let all: Vec<Stamp> = parts.floor.iter().chain(&parts.patches).copied().collect();
    let is_stamped = all.len() > 1;
    let mut row = Vec::new();
    let latest = LatestParts {
        schema_version: parts.schema_version,
        entity: ENTITY,
        newest_et: parts.newest_et,
        next_due: parts.next_due,
        floor: parts.floor,
        floor_is_delete: parts.floor_is_delete(),
        patches: &parts.patches,
    };
    latest.begin(is_stamped, &mut row);
    row.extend(body_of(features));
    let places: Vec<usize> = (0..features.len())
        .map(|at| at % all.len().max(1))
        .collect();
    if is_stamped {
        places
            .iter()
            .for_each(|place| row.extend((*place as u16).to_le_bytes()));
    }
    seal(KEY, &mut row, 0);
    let stamps = if all.is_empty() {
        vec![]
    } else {
        places.iter().map(|at| all[*at]).collect()
    };
    (row, stamps)
}

/// Asks everything that can be asked of bytes without a checksum. What is found must agree.
fn explore(value: &[u8]) {
    if let Ok(body) = Body::parse(value) {
        explore_body(&body);
    }
    if let Ok(row) = HistoryRow::parse(value) {
        explore_body(&row.body);
    }
    if let Ok(row) = LatestRow::parse(value) {
        explore_body(&row.body());
        let _ = (row.newest_et(), row.next_due(), row.floor_is_delete());
        assert_eq!(row.floor(), row.floor().and(row.stamps().next()));
        if let Ok(listed) = row.iter().collect::<Result<Vec<_>>>() {
            for (id, stamp, slot) in listed {
                assert_eq!(row.find(id).expect("it was listed"), Some((stamp.et, slot)));
            }
        }
        for id in [1, 2, 3, 4_096, 32_767] {
            let _ = row.find(FeatureId(id));
        }
        let mut fold = crate::law::Fold::default();
        if fold.load(&row).is_ok() {
            fold.write(1, row.entity(), &mut Vec::new());
        }
    }
}

fn explore_body(body: &Body<'_>) {
    if let Ok(listed) = body.iter().collect::<Result<Vec<_>>>() {
        for (id, slot) in listed {
            assert_eq!(body.find(id).expect("it was listed"), Some(slot));
        }
    }
    for id in [1, 2, 3, 4_096, 32_767] {
        let _ = body.find(FeatureId(id));
    }
}

fn samples() -> Vec<Vec<u8>> {
    let features: Features = [
        (1, (Type::I64, Value::I64(-2))),
        (2, (Type::F64, Value::Null)),
        (3, (Type::String, "three".into())),
        (
            5,
            (Type::ListString, vec!["a".to_string(), "bc".into()].into()),
        ),
    ]
    .into();
    let stamp = |et, op| {
        let time = Timestamp::from_micros(et);
        Stamp::new(time, time, op, crate::format::ContentDigest([0xab; 16]))
    };
    let newest = Some(Timestamp::from_micros(9));
    let parts = |floor, patches| Parts {
        schema_version: 1,
        newest_et: newest,
        next_due: None,
        floor,
        patches,
    };
    let (put, delete) = (Some(stamp(7, Op::Put)), Some(stamp(7, Op::Delete)));
    let patches = || vec![stamp(8, Op::Patch), stamp(9, Op::Patch)];
    vec![
        history_row(Op::Put, 1, &body_of(&features)),
        history_row(Op::Patch, 1, &body_of(&features)),
        history_row(Op::Delete, 1, &body_of(&Features::new())),
        latest_row(&features, &parts(put, vec![])).0,
        latest_row(&features, &parts(put, patches())).0,
        latest_row(&features, &parts(delete, patches())).0,
        latest_row(&features, &parts(None, patches())).0,
        latest_row(&Features::new(), &parts(delete, vec![])).0,
    ]
}

/// Hurt if it breaks: every reader after a bad disk. A cut row is refused, by its checksum and, were
/// that right, by its lengths.
#[test]
fn every_cut_of_a_row_is_refused() {
    for row in samples() {
        for cut in 0..row.len() {
            assert!(HistoryRow::open(KEY, &row[..cut]).is_err(), "cut at {cut}");
            assert!(LatestRow::open(KEY, &row[..cut]).is_err(), "cut at {cut}");
        }
        for cut in 0..row.len() - CHECKSUM {
            let mut sealed = row[..cut].to_vec();
            seal(KEY, &mut sealed, 0);
            let errors = [
                HistoryRow::open(KEY, &sealed)
                    .map(drop)
                    .expect_err("it is cut"),
                LatestRow::open(KEY, &sealed)
                    .map(drop)
                    .expect_err("it is cut"),
            ];
            assert!(
                errors
                    .iter()
                    .all(|error| error.kind() == ErrorKind::Corrupt),
                "cut at {cut}"
            );
        }
        let mut longer = row[..row.len() - CHECKSUM].to_vec();
        longer.push(0);
        assert!(HistoryRow::parse(&longer).is_err() && LatestRow::parse(&longer).is_err());
    }
}

/// Hurt if it breaks: the same, when the damage came before the checksum was made.
#[test]
fn every_flipped_bit_is_an_error_or_a_row_and_never_a_panic() {
    for row in samples() {
        let value = &row[..row.len() - CHECKSUM];
        explore(value);
        for bit in 0..row.len() * 8 {
            let mut flipped = row.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(HistoryRow::open(KEY, &flipped).is_err(), "bit {bit}");
            assert!(LatestRow::open(KEY, &flipped).is_err(), "bit {bit}");
        }
        for at in 0..value.len() {
            for mask in [1, 2, 4, 8, 16, 32, 64, 128, 255] {
                let mut flipped = value.to_vec();
                flipped[at] ^= mask;
                explore(&flipped);
            }
        }
    }
}

/// Hurt if it breaks: a host that reads a damaged row and runs out of memory.
#[test]
fn absurd_counts_are_refused() {
    let body =
        |count: u16, width, ends: &[u8]| [&count.to_le_bytes()[..], &[width, 0], ends].concat();
    for (bytes, is_a_body) in [
        (body(0, 2, &[]), true),
        (body(0, 4, &[]), false),
        (body(0, 2, &[1]), false),
        (body(u16::MAX, 2, &[]), false),
        (body(u16::MAX, 4, &[0; 1_000]), false),
        (body(1, 4, &[1, 0, 255, 255, 255, 255]), false),
        (body(1, 2, &[1, 0, 0, 0]), true),
        (body(1, 3, &[1, 0, 0, 0, 0]), false),
        (body(1, 0, &[1, 0]), false),
        (vec![0, 0, 2, 1], false),
    ] {
        assert_eq!(Body::parse(&bytes).is_ok(), is_a_body, "{bytes:?}");
    }
    // But for what its header says, each of these rows is whole.
    let latest = |stamps: u16, entity: u16, flags, body: &[u8]| {
        let ([s0, s1], [e0, e1]) = (stamps.to_le_bytes(), entity.to_le_bytes());
        let header = [
            &[1, flags, e0, e1, 1, 0, 0, 0][..],
            &[0; 16],
            &[s0, s1, 0, 0],
        ]
        .concat();
        let after = vec![0; usize::from(stamps) * 32 + usize::from(entity)];
        [&header[..], &after, body].concat()
    };
    let (nothing, one) = (body(0, 2, &[]), body(1, 2, &[1, 0, 0, 0]));
    for (stamps, entity, flags, body, is_a_row) in [
        (0, 0, 0, &nothing, true),
        (0, 1_024, 0, &nothing, true),
        (0, 1_025, 0, &nothing, false),
        (1, 0, 4, &nothing, true),
        (0, 0, 4, &nothing, false),
        (1, 0, 12, &nothing, true),
        (1, 0, 8, &nothing, false),
        (1, 0, 16, &nothing, false),
        (2, 0, 16, &nothing, true),
        (2, 0, 0, &nothing, false),
        (1, 0, 32, &nothing, false),
        (1, 0, 128, &nothing, false),
        (1, 0, 0, &one, true),
        (0, 0, 0, &one, false),
    ] {
        let bytes = latest(stamps, entity, flags, body);
        assert_eq!(
            LatestRow::parse(&bytes).is_ok(),
            is_a_row,
            "{stamps} {entity} {flags}"
        );
    }
    let mut claims_more = latest(0, 0, 0, &nothing);
    claims_more[24..26].fill(255);
    assert!(LatestRow::parse(&claims_more).is_err());
    for (entity, is_a_version) in [(1_024u16, true), (1_025, false), (u16::MAX, false)] {
        let [e0, e1] = entity.to_le_bytes();
        let after = vec![0; usize::from(entity)];
        let bytes = [&[1, 1, e0, e1, 1, 0, 0, 0][..], &after, &nothing].concat();
        assert_eq!(HistoryRow::parse(&bytes).is_ok(), is_a_version, "{entity}");
    }
}

/// Hurt if it breaks: whoever goes back to an older build, and would read rows that it does not know.
#[test]
fn a_row_of_another_format_is_refused() {
    for row in samples() {
        let value = &row[..row.len() - CHECKSUM];
        for format in [0, 2, 255] {
            let other = [&[format], &value[1..]].concat();
            let errors = [
                HistoryRow::parse(&other).expect_err("it is of another format"),
                LatestRow::parse(&other).expect_err("it is of another format"),
            ];
            let said = format!("is of format {format}");
            assert!(errors.iter().all(|error| error.to_string().contains(&said)));
            let kind = match format {
                0 => ErrorKind::Corrupt,
                _ => ErrorKind::UnsupportedFormat,
            };
            assert!(errors.iter().all(|error| error.kind() == kind), "{format}");
        }
    }
}

/// Hurt if it breaks: a reader of damaged rows, who is told of the wrong order by a scan and is not
/// given one feature's bytes as another's.
#[test]
fn features_out_of_order_are_refused_when_listed() {
    for ids in [[2, 1], [1, 1], [0, 1]] {
        let ids: Vec<u8> = ids.iter().flat_map(|id: &u16| id.to_le_bytes()).collect();
        let bytes = [&[2, 0, 2, 0][..], &ids, &[0, 0, 0, 0]].concat();
        let body = Body::parse(&bytes).expect("its lengths are right");
        assert!(body.iter().any(|entry| entry.is_err()), "{ids:?}");
    }
}

/// Hurt if it breaks: whoever stores embeddings. Both sides of the edge at which ends take four bytes.
#[test]
fn a_payload_may_be_wider_than_two_bytes_can_say() {
    for (length, width) in [(65_535, 2), (65_536, 4), (300_000, 4)] {
        let features: Features = [
            (1, (Type::Bytes, vec![1u8; length - 3].into())),
            (2, (Type::Bytes, Value::Null)),
            (3, (Type::Bytes, vec![3u8; 3].into())),
        ]
        .into();
        let bytes = body_of(&features);
        assert_eq!(bytes[2], width, "{length}");
        check_body(&features, &Body::parse(&bytes).expect("it is whole")).expect("it survives");
    }
}

/// Hurt if it breaks: a read of one feature among thousands. It looks at nothing but this one: the
/// others may be garbage, or have impossible extents.
#[test]
fn reading_one_feature_decodes_no_other() {
    let mut builder = BodyBuilder::default();
    builder.value(FeatureId(1), |out| out.extend([0xff, 0xfe]));
    builder.value(FeatureId(2), |out| encode(&"fine".into(), out));
    builder.value(FeatureId(3), |out| out.extend([0xff; 3]));
    builder.value(FeatureId(4), |out| out.extend([0xff; 2]));
    let mut bytes = Vec::new();
    builder.write(&mut bytes);
    // The third ends before it begins.
    bytes[4 + 8 + 4..][..2].copy_from_slice(&[0, 0]);
    let body = Body::parse(&bytes).expect("the last end is right");
    let slot = body
        .find(FeatureId(2))
        .expect("it is whole")
        .expect("it is there");
    assert_eq!(slot, Slot::Value(b"fine"));
    assert!(body.find(FeatureId(3)).is_err());
    assert!(body.iter().any(|entry| entry.is_err()));
}

/// Hurt if it breaks: whoever compares stored bytes to find out whether two rows are one, as a
/// frozen file and a backup do. The fuzz target `row_decode` found all four.
#[test]
fn a_row_has_one_encoding() {
    let wide = [&[1, 0, 4, 0, 1, 0, 1, 0, 0, 0][..], b"x"].concat();
    let narrow = [&[1, 0, 2, 0, 1, 0, 1, 0][..], b"x"].concat();
    assert!(Body::parse(&narrow).is_ok());
    assert!(
        Body::parse(&wide).is_err(),
        "ends are wider than they need be"
    );

    let null_with_a_value = [&[1, 0, 2, 0, 1, 0x80, 1, 0][..], b"x"].concat();
    let body = Body::parse(&null_with_a_value).expect("its lengths are right");
    assert!(body.find(FeatureId(1)).is_err(), "a null has a payload");
    assert!(body.iter().any(|entry| entry.is_err()));

    let latest = |flags, newest: i64, due: i64, stamps: u8| {
        let header = [1, flags, 0, 0, 1, 0, 0, 0];
        let times = [newest.to_le_bytes(), due.to_le_bytes()].concat();
        let after = vec![0; usize::from(stamps) * 32];
        let body = [0, 0, 2, 0];
        let row = [&header[..], &times, &[stamps, 0, 0, 0], &after, &body].concat();
        LatestRow::parse(&row).is_ok()
    };
    assert!(latest(3, 7, 8, 0) && latest(0, 0, 0, 0));
    assert!(!latest(2, 7, 8, 0), "a newest event time without its flag");
    assert!(!latest(1, 7, 8, 0), "a next due without its flag");
    assert!(latest(16, 0, 0, 2) && latest(0, 0, 0, 1));
    assert!(
        !latest(16, 0, 0, 1),
        "stamps of features where there is one"
    );
    assert!(
        !latest(0, 0, 0, 2),
        "no stamps of features where there are two"
    );
}
