//! A value as it lies in a row.
//!
//! | type | bytes, little-endian |
//! |---|---|
//! | bool | 1: `00` or `01` |
//! | i32, f32 | 4 |
//! | i64, f64, timestamp | 8 |
//! | string, bytes | as they are |
//! | `vector<f32,N>` | N × 4 |
//! | `list<i64>`, `list<f64>` | count × 8 |
//! | `list<string>` | count u32 · count × end u32 · UTF-8 of all |
//!
//! There is one NaN: `7fc00000`, or `7ff8000000000000`. Null has no bytes.

use crate::time::Timestamp;
use crate::value::{Elements, Strings, Type, Value, ValueRef};

fn one_nan_f32(v: f32) -> [u8; 4] {
    if v.is_nan() {
        0x7fc0_0000u32.to_le_bytes()
    } else {
        v.to_le_bytes()
    }
}

fn one_nan_f64(v: f64) -> [u8; 8] {
    if v.is_nan() {
        0x7ff8_0000_0000_0000u64.to_le_bytes()
    } else {
        v.to_le_bytes()
    }
}

/// Appends a value. Null appends nothing.
pub(crate) fn encode(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => {}
        Value::Bool(v) => out.push(u8::from(*v)),
        Value::I32(v) => out.extend(v.to_le_bytes()),
        Value::I64(v) => out.extend(v.to_le_bytes()),
        Value::F32(v) => out.extend(one_nan_f32(*v)),
        Value::F64(v) => out.extend(one_nan_f64(*v)),
        Value::String(v) => out.extend_from_slice(v.as_bytes()),
        Value::Bytes(v) => out.extend_from_slice(v),
        Value::Timestamp(v) => out.extend(v.micros().to_le_bytes()),
        Value::Vector(v) => v.iter().for_each(|f| out.extend(one_nan_f32(*f))),
        Value::ListI64(v) => v.iter().for_each(|n| out.extend(n.to_le_bytes())),
        Value::ListF64(v) => v.iter().for_each(|f| out.extend(one_nan_f64(*f))),
        Value::ListString(v) => {
            out.extend((v.len() as u32).to_le_bytes());
            let mut end = 0;
            for text in v {
                end += text.len() as u32;
                out.extend(end.to_le_bytes());
            }
            v.iter()
                .for_each(|text| out.extend_from_slice(text.as_bytes()));
        }
    }
}

/// The value in these bytes; none when they are not a value of the type.
// Always: where the type is known, one arm is left.
#[inline(always)]
pub(crate) fn decode(ty: Type, bytes: &[u8]) -> Option<ValueRef<'_>> {
    Some(match ty {
        Type::Bool => match bytes {
            [0] => ValueRef::Bool(false),
            [1] => ValueRef::Bool(true),
            _ => return None,
        },
        Type::I32 => ValueRef::I32(i32::from_le_bytes(bytes.try_into().ok()?)),
        Type::I64 => ValueRef::I64(i64::from_le_bytes(bytes.try_into().ok()?)),
        Type::F32 => ValueRef::F32(f32::from_le_bytes(bytes.try_into().ok()?)),
        Type::F64 => ValueRef::F64(f64::from_le_bytes(bytes.try_into().ok()?)),
        Type::String => ValueRef::String(std::str::from_utf8(bytes).ok()?),
        Type::Bytes => ValueRef::Bytes(bytes),
        Type::Timestamp => {
            let micros = i64::from_le_bytes(bytes.try_into().ok()?);
            ValueRef::Timestamp(Timestamp::from_micros(micros))
        }
        Type::Vector(n) => {
            ValueRef::Vector(Elements::new(bytes).filter(|v| v.len() == n as usize)?)
        }
        Type::ListI64 => ValueRef::ListI64(Elements::new(bytes)?),
        Type::ListF64 => ValueRef::ListF64(Elements::new(bytes)?),
        Type::ListString => ValueRef::ListString(Strings::new(bytes)?),
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Any value of any type, with the odd ones more often than chance would have them.
    pub(crate) fn typed_value() -> impl Strategy<Value = (Type, Value)> {
        let f64s = || {
            prop_oneof![
                any::<f64>(),
                Just(f64::NAN),
                Just(-0.0),
                Just(f64::INFINITY)
            ]
        };
        let f32s = || prop_oneof![any::<f32>(), Just(f32::NAN), Just(-0.0f32)];
        let text = || "\\PC{0,5}";
        prop_oneof![
            any::<bool>().prop_map(|v| (Type::Bool, v.into())),
            any::<i32>().prop_map(|v| (Type::I32, v.into())),
            any::<i64>().prop_map(|v| (Type::I64, v.into())),
            f32s().prop_map(|v| (Type::F32, v.into())),
            f64s().prop_map(|v| (Type::F64, v.into())),
            text().prop_map(|v| (Type::String, v.into())),
            prop::collection::vec(any::<u8>(), 0..9).prop_map(|v| (Type::Bytes, v.into())),
            any::<i64>().prop_map(|v| (Type::Timestamp, Timestamp::from_micros(v).into())),
            prop::collection::vec(f32s(), 1..4)
                .prop_map(|v| (Type::Vector(v.len() as u32), v.into())),
            prop::collection::vec(any::<i64>(), 0..4).prop_map(|v| (Type::ListI64, v.into())),
            prop::collection::vec(f64s(), 0..4).prop_map(|v| (Type::ListF64, v.into())),
            prop::collection::vec(text(), 0..4).prop_map(|v| (Type::ListString, v.into())),
        ]
    }

    proptest! {
        #[test]
        fn every_value_survives((ty, value) in typed_value()) {
            let mut bytes = Vec::new();
            encode(&value, &mut bytes);
            let back = decode(ty, &bytes).unwrap().to_value();
            let mut again = Vec::new();
            encode(&back, &mut again);
            prop_assert_eq!(bytes, again);
            let has_nan = format!("{:?}", value).contains("NaN");
            prop_assert!(back == value || has_nan);
        }

        #[test]
        fn hostile_bytes_never_panic((ty, _) in typed_value(), bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Some(value) = decode(ty, &bytes) {
                prop_assert!(value.to_value().is_a(ty));
            }
        }
    }

    #[test]
    fn there_is_one_nan() {
        let mut bytes = Vec::new();
        encode(
            &Value::F64(f64::from_bits(0xfff8_0000_0000_0001)),
            &mut bytes,
        );
        encode(&Value::F32(f32::from_bits(0xffc0_0001)), &mut bytes);
        let one = [
            &f64::NAN.to_bits().to_le_bytes()[..],
            &f32::NAN.to_bits().to_le_bytes(),
        ]
        .concat();
        assert_eq!(bytes, one);
    }
}
