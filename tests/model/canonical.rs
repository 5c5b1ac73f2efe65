//! Bytes that are equal when values are the same, and columns in the order of their values.

use asof::Value;
use std::collections::BTreeMap;

/// A column of an entity, in the order of its values.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Column {
    Number(i64),
    Bytes(Vec<u8>),
}

/// What an entity is filed under.
pub(super) fn key(entity: &[Value]) -> Vec<Column> {
    entity.iter().map(column).collect()
}

fn column(value: &Value) -> Column {
    match value {
        Value::Bool(v) => Column::Number(i64::from(*v)),
        Value::I32(v) => Column::Number(i64::from(*v)),
        Value::I64(v) => Column::Number(*v),
        Value::Timestamp(v) => Column::Number(v.micros()),
        Value::String(v) => Column::Bytes(v.as_bytes().to_vec()),
        Value::Bytes(v) => Column::Bytes(v.clone()),
        other => panic!("{other:?} is no column of an entity"),
    }
}

/// "The first 128 bits of BLAKE3 over pairs (birth name, value) in bytewise order of birth name":
/// name length u8, name, value.
pub(super) fn digest(features: &BTreeMap<String, Value>) -> [u8; 16] {
    let mut bytes = Vec::new();
    for (name, value) in features {
        bytes.push(name.len() as u8);
        bytes.extend(name.as_bytes());
        bytes.extend(canonical(value));
    }
    blake3::hash(&bytes).as_bytes()[..16]
        .try_into()
        .expect("a hash has 32 bytes")
}

/// Kind u8, then the value, little-endian; the table stands in `src/format/digest.rs`.
#[allow(
    unreachable_patterns,
    reason = "outside the crate, Value is not exhaustive"
)]
pub(super) fn canonical(value: &Value) -> Vec<u8> {
    let f32_bytes = |v: &f32| {
        if v.is_nan() {
            [0, 0, 0xc0, 0x7f]
        } else {
            v.to_le_bytes()
        }
    };
    let f64_bytes = |v: &f64| {
        if v.is_nan() {
            [0, 0, 0, 0, 0, 0, 0xf8, 0x7f]
        } else {
            v.to_le_bytes()
        }
    };
    let text = |bytes: &[u8]| [&(bytes.len() as u32).to_le_bytes()[..], bytes].concat();
    let length = |n: usize| (n as u32).to_le_bytes().to_vec();
    let counted = |n: usize, elements: Vec<u8>| [length(n), elements].concat();
    let (kind, bytes): (&[u8], Vec<u8>) = match value {
        Value::Null => (&[1], vec![]),
        Value::Bool(v) => (&[2], vec![u8::from(*v)]),
        Value::I32(v) => (&[3], i64::from(*v).to_le_bytes().to_vec()),
        Value::I64(v) => (&[3], v.to_le_bytes().to_vec()),
        Value::F32(v) => (&[4], f32_bytes(v).to_vec()),
        Value::F64(v) => (&[5], f64_bytes(v).to_vec()),
        Value::String(v) => (&[6], text(v.as_bytes())),
        Value::Bytes(v) => (&[7], text(v)),
        Value::Timestamp(v) => (&[8], v.micros().to_le_bytes().to_vec()),
        Value::Vector(v) => (
            &[9],
            counted(v.len(), v.iter().flat_map(f32_bytes).collect()),
        ),
        Value::ListI64(v) => (
            &[10, 3],
            counted(v.len(), v.iter().flat_map(|n| n.to_le_bytes()).collect()),
        ),
        Value::ListF64(v) => (
            &[10, 5],
            counted(v.len(), v.iter().flat_map(f64_bytes).collect()),
        ),
        Value::ListString(v) => (
            &[10, 6],
            counted(v.len(), v.iter().flat_map(|s| text(s.as_bytes())).collect()),
        ),
        other => panic!("{other:?} has no canonical bytes"),
    };
    [kind, &bytes].concat()
}
