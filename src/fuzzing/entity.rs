//! Entities stand in the order of their columns.

use super::choices::Choices;
use crate::format::entity::{decode, encode};
use crate::format::limits::ENTITY_BYTES_MAX;
use crate::id::ViewId;
use crate::schema::{Contract, ViewDefinition};
use crate::value::{Type, Value};
use std::cmp::Ordering;

const TYPES: [Type; 6] = [
    Type::String,
    Type::Bytes,
    Type::Bool,
    Type::I32,
    Type::I64,
    Type::Timestamp,
];

/// Order of encoded entities is the order of their values; none begins another; each says again what
/// it was made of; and any bytes that are read as an entity are the encoding of what was read.
pub fn entity(data: &[u8]) {
    let mut choices = Choices(data);
    let types: Vec<Type> = (0..1 + choices.below(3))
        .map(|_| TYPES[choices.below(TYPES.len())])
        .collect();
    let mut view = ViewDefinition::builder("v").feature("f", Type::Bool);
    for (at, ty) in types.iter().enumerate() {
        view = view.key(format!("k{at}"), *ty);
    }
    let view = view.build().expect("the definition is well-formed");
    let contract = Contract::first(ViewId(1), view);
    let encoded = |columns: &[Value]| {
        let mut out = Vec::new();
        encode(&contract, columns, &mut out).map(|()| out)
    };

    let (a, b) = (columns(&types, &mut choices), columns(&types, &mut choices));
    let (of_a, of_b) = (
        encoded(&a).expect("it is short"),
        encoded(&b).expect("it is short"),
    );
    assert_eq!(of_a.cmp(&of_b), compare(&a, &b), "{a:?} {b:?}");
    assert!(
        of_a == of_b || !of_a.starts_with(&of_b),
        "{b:?} begins {a:?}"
    );
    assert_eq!(decode(&contract, &of_a).expect("it was just made"), a);

    if let Ok(columns) = decode(&contract, choices.0) {
        match encoded(&columns) {
            Ok(again) => assert_eq!(again, choices.0),
            Err(_) => assert!(choices.0.len() > ENTITY_BYTES_MAX),
        }
    }
}

fn columns(types: &[Type], choices: &mut Choices<'_>) -> Vec<Value> {
    types.iter().map(|ty| choices.value(*ty)).collect()
}

fn compare(a: &[Value], b: &[Value]) -> Ordering {
    let one = |(a, b): (&Value, &Value)| match (a, b) {
        (Value::String(a), Value::String(b)) => a.as_bytes().cmp(b.as_bytes()),
        (Value::Bytes(a), Value::Bytes(b)) => a.cmp(b),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::I32(a), Value::I32(b)) => a.cmp(b),
        (Value::I64(a), Value::I64(b)) => a.cmp(b),
        (Value::Timestamp(a), Value::Timestamp(b)) => a.cmp(b),
        _ => unreachable!("a column has one type"),
    };
    let differing = a.iter().zip(b).map(one).find(|order| order.is_ne());
    differing.unwrap_or(Ordering::Equal)
}
