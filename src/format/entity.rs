//! An entity as bytes, in the order of its columns.
//!
//! Bytewise order of the encoding is the order of the values, column by column, and no encoding is a
//! prefix of another of the same view.
//!
//! | type | bytes |
//! |---|---|
//! | bool | `00` or `01` |
//! | i32, i64, timestamp | 8, big-endian, sign bit flipped |
//! | string, bytes | each `00` becomes `00 ff`; ended by `00 01` |

use super::limits::ENTITY_BYTES_MAX;
use crate::error::{Error, RESTORE, Result};
use crate::schema::{Contract, KeyColumn};
use crate::time::Timestamp;
use crate::value::{Type, Value};
use std::borrow::Borrow;

const SIGN: u64 = 1 << 63;

/// An i64 whose bytewise order is its order.
#[inline]
pub(crate) fn ascending(value: i64) -> [u8; 8] {
    ((value as u64) ^ SIGN).to_be_bytes()
}

pub(crate) fn from_ascending(bytes: [u8; 8]) -> i64 {
    (u64::from_be_bytes(bytes) ^ SIGN) as i64
}

/// Appends one column. The value is known to be of its column's type.
#[inline]
fn encode_column(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Bool(v) => out.push(u8::from(*v)),
        Value::I32(v) => out.extend_from_slice(&ascending(i64::from(*v))),
        Value::I64(v) => out.extend_from_slice(&ascending(*v)),
        Value::Timestamp(v) => out.extend_from_slice(&ascending(v.micros())),
        Value::String(v) => encode_bytes(v.as_bytes(), out),
        Value::Bytes(v) => encode_bytes(v, out),
        other => unreachable!("a key column cannot hold a {}", other.describe()),
    }
}

fn encode_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    for &byte in bytes {
        out.push(byte);
        if byte == 0 {
            out.push(0xff);
        }
    }
    out.extend([0, 1]);
}

/// Appends an entity, its columns given in the order of the key.
///
/// # Errors
/// `ContractViolation` names the column, what was expected and what was found.
pub(crate) fn encode<V: Borrow<Value>>(
    contract: &Contract,
    columns: impl IntoIterator<Item = V>,
    out: &mut Vec<u8>,
) -> Result<()> {
    let from = out.len();
    let mut given = columns.into_iter();
    for (at, column) in contract.key().iter().enumerate() {
        let Some(value) = given.next() else {
            return Err(miscounted(contract, at));
        };
        let value = value.borrow();
        if !value.is_a(column.ty) {
            return Err(mistyped(contract, column, value));
        }
        encode_column(value, out);
    }
    if given.next().is_some() {
        let given = contract.key().len() + 1 + given.count();
        return Err(miscounted(contract, given));
    }
    let length = out.len() - from;
    if length > ENTITY_BYTES_MAX {
        return Err(too_long(contract, length));
    }
    Ok(())
}

#[cold]
fn mistyped(contract: &Contract, column: &KeyColumn, value: &Value) -> Error {
    // A number without a suffix is an i32 in Rust.
    let next = match (column.ty, value) {
        (Type::I64, Value::I32(number)) => format!("; write {number}i64"),
        (Type::I32, Value::I64(number)) => format!("; write {number}i32"),
        _ => String::new(),
    };
    Error::contract(format!(
        "entity column {:?} of view {:?} expects {}, found {}{next}",
        column.name,
        contract.name(),
        column.ty,
        value.describe()
    ))
}

#[cold]
fn too_long(contract: &Contract, length: usize) -> Error {
    Error::contract(format!(
        "an entity of view {:?} takes {length} bytes encoded, at most {ENTITY_BYTES_MAX} fit \
         (ENTITY_BYTES_MAX)",
        contract.name()
    ))
}

#[cold]
fn miscounted(contract: &Contract, given: usize) -> Error {
    Error::contract(format!(
        "the entity key of view {:?} has {} columns ({}), {given} were given",
        contract.name(),
        contract.key().len(),
        names(contract),
    ))
}

fn names(contract: &Contract) -> String {
    let names: Vec<&str> = contract.key().iter().map(|c| c.name.as_str()).collect();
    names.join(", ")
}

/// The columns of an encoded entity.
pub(crate) fn decode(contract: &Contract, mut bytes: &[u8]) -> Result<Vec<Value>> {
    let mut columns = Vec::with_capacity(contract.key().len());
    for column in contract.key() {
        let value = decode_column(column.ty, &mut bytes).ok_or_else(|| {
            Error::corrupt(format!(
                "a stored entity of view {:?} is damaged at column {:?}; {RESTORE}",
                contract.name(),
                column.name
            ))
        })?;
        columns.push(value);
    }
    if !bytes.is_empty() {
        let name = contract.name();
        return Err(Error::corrupt(format!(
            "a stored entity of view {name:?} is too long; {RESTORE}"
        )));
    }
    Ok(columns)
}

fn decode_column(ty: Type, bytes: &mut &[u8]) -> Option<Value> {
    let number = |bytes: &mut &[u8]| {
        let (taken, rest) = bytes.split_first_chunk::<8>()?;
        *bytes = rest;
        Some(from_ascending(*taken))
    };
    Some(match ty {
        Type::Bool => {
            let (flag, rest) = bytes.split_first()?;
            *bytes = rest;
            match flag {
                0 => Value::Bool(false),
                1 => Value::Bool(true),
                _ => return None,
            }
        }
        Type::I32 => Value::I32(i32::try_from(number(bytes)?).ok()?),
        Type::I64 => Value::I64(number(bytes)?),
        Type::Timestamp => Value::Timestamp(Timestamp::from_micros(number(bytes)?)),
        Type::String => Value::String(String::from_utf8(decode_bytes(bytes)?).ok()?),
        Type::Bytes => Value::Bytes(decode_bytes(bytes)?),
        _ => return None,
    })
}

fn decode_bytes(bytes: &mut &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    loop {
        let zero = bytes.iter().position(|b| *b == 0)?;
        out.extend_from_slice(&bytes[..zero]);
        let after = *bytes.get(zero + 1)?;
        *bytes = &bytes[zero + 2..];
        match after {
            0xff => out.push(0),
            1 => return Some(out),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::ViewId;
    use crate::schema::ViewDefinition;
    use proptest::prelude::*;

    fn contract() -> Contract {
        let view = ViewDefinition::builder("v")
            .key("s", Type::String)
            .key("b", Type::Bytes)
            .key("n", Type::I32)
            .key("t", Type::Timestamp)
            .key("f", Type::Bool)
            .feature("x", Type::F64);
        Contract::first(ViewId(1), view.build().unwrap())
    }

    type Columns = (String, Vec<u8>, i32, i64, bool);

    fn columns() -> impl Strategy<Value = Columns> {
        let bytes =
            prop::collection::vec(prop_oneof![Just(0), Just(1), Just(255), any::<u8>()], 0..6);
        (
            "[\\x00ab]{0,4}",
            bytes,
            any::<i32>(),
            any::<i64>(),
            any::<bool>(),
        )
    }

    fn encoded((s, b, n, t, f): Columns) -> Vec<u8> {
        let values = [
            s.into(),
            b.into(),
            n.into(),
            Timestamp::from_micros(t).into(),
            f.into(),
        ];
        let mut out = Vec::new();
        encode(&contract(), &values, &mut out).unwrap();
        out
    }

    proptest! {
        #[test]
        fn order_and_round_trip(a in columns(), b in columns()) {
            let (ea, eb) = (encoded(a.clone()), encoded(b.clone()));
            prop_assert_eq!(ea.cmp(&eb), a.cmp(&b));
            prop_assert!(a == b || !ea.starts_with(&eb));
            let (s, bytes, n, t, f) = a;
            let values: Vec<Value> =
                vec![s.into(), bytes.into(), n.into(), Timestamp::from_micros(t).into(), f.into()];
            prop_assert_eq!(decode(&contract(), &ea).unwrap(), values);
        }

        #[test]
        fn hostile_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = decode(&contract(), &bytes);
        }

        #[test]
        fn a_cut_entity_is_refused(a in columns()) {
            let whole = encoded(a);
            for cut in 0..whole.len() {
                prop_assert!(decode(&contract(), &whole[..cut]).is_err());
            }
        }
    }

    #[test]
    fn a_wrong_column_says_which() {
        let refused = |values: &[Value], why: &str| {
            let error = encode(&contract(), values, &mut Vec::new())
                .unwrap_err()
                .to_string();
            assert!(error.contains(why), "{error}");
        };
        refused(&[], "has 5 columns (s, b, n, t, f), 0 were given");
        let t = Value::Timestamp(Timestamp::MIN);
        let good = ["a".into(), vec![1u8].into(), 1i32.into(), t, true.into()];
        for (at, column) in ["s", "b", "n", "t", "f"].iter().enumerate() {
            let mut values = good.clone();
            values[at] = Value::Null;
            refused(
                &values,
                &format!("entity column {column:?} of view \"v\" expects"),
            );
        }
        let mut long = good.clone();
        long[0] = "x".repeat(2_000).into();
        refused(&long, "at most 1024 fit");
    }
}
