//! What is read as text, written and read again says the same.

use super::choices::Choices;
use crate::format::value;
use crate::id::ViewId;
use crate::interchange::{Event, EventLine, JsonEvent, JsonLine};
use crate::schema::{Contract, FeatureDefinition, ViewDefinition};
use crate::time::Timestamp;
use crate::value::{Type, Value};

pub(super) const TYPES: [Type; 12] = [
    Type::Bool,
    Type::I32,
    Type::I64,
    Type::F32,
    Type::F64,
    Type::String,
    Type::Bytes,
    Type::Timestamp,
    Type::Vector(2),
    Type::ListI64,
    Type::ListF64,
    Type::ListString,
];

/// A view with a feature of every type, `f0` to `f11`; the last was born as `a`.
pub(super) fn contract() -> Contract {
    let mut view = ViewDefinition::builder("v")
        .key("s", Type::String)
        .key("n", Type::I64);
    for (at, ty) in TYPES.iter().enumerate() {
        let mut feature = FeatureDefinition::new(format!("f{at}"), *ty).nullable();
        if at + 1 == TYPES.len() {
            feature = feature.was("a");
        }
        view = view.define(feature);
    }
    let view = view.build().expect("the definition is well-formed");
    Contract::first(ViewId(1), view)
}

/// A view file that is read is, written, one that reads back the same.
pub fn view_toml(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(view) = ViewDefinition::from_toml(text) else {
        return;
    };
    let written = view.to_toml();
    let again = ViewDefinition::from_toml(&written).expect("it was just written");
    assert_eq!(again, view, "{written}");
    assert_eq!(again.to_toml(), written);
}

/// An event that is read is, written as the line of a dump, the same event. The first byte says
/// whether the rest is a line, or the choices from which one is made and then damaged.
pub fn json_line(data: &[u8]) {
    let mut choices = Choices(data);
    let contract = contract();
    if choices.flag() {
        return line(&contract, choices.0);
    }
    let made = made(&contract, &mut choices);
    let mut text = rendered(&contract, &made).into_bytes();
    let back = read(&contract, &text).expect("it was just written");
    assert_same(&contract, &back, &made);
    while !choices.0.is_empty() {
        let at = usize::from(u16::from_le_bytes(choices.array())) % text.len();
        text[at] = choices.byte();
    }
    line(&contract, &text);
}

fn line(contract: &Contract, text: &[u8]) {
    match JsonLine::parse(text) {
        Ok(JsonLine::View(view)) => {
            let mut written = String::new();
            view.write(&mut written);
            let Ok(JsonLine::View(again)) = JsonLine::parse(written.as_bytes()) else {
                panic!("a dump that cannot be loaded: {written}");
            };
            let mut twice = String::new();
            again.write(&mut twice);
            assert_eq!(written, twice);
        }
        Ok(JsonLine::Event(event)) => {
            if let Ok(event) = event.resolve(contract) {
                let written = rendered(contract, &event);
                let back = read(contract, written.as_bytes()).expect("it was just written");
                assert_same(contract, &back, &event);
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

pub(super) fn read(contract: &Contract, line: &[u8]) -> crate::error::Result<Event> {
    JsonEvent::parse(line)?.resolve(contract)
}

/// An event of the view, whole or not.
pub(super) fn made(contract: &Contract, choices: &mut Choices<'_>) -> Event {
    let entity = contract.key().iter();
    let entity = entity.map(|column| (column.name.clone(), choices.value(column.ty)));
    let entity = entity.collect();
    let mut features = Vec::new();
    for feature in contract.features() {
        match choices.below(4) {
            0 => {}
            1 => features.push((feature.name().to_owned(), Value::Null)),
            _ => features.push((feature.name().to_owned(), choices.value(feature.ty()))),
        }
    }
    Event {
        namespace: contract.namespace().to_owned(),
        view: contract.name().to_owned(),
        entity,
        event_time: choices.time(),
        recorded_at: choices.flag().then(|| choices.time()),
        op: choices.op(),
        schema_version: None,
        features,
    }
}

fn rendered(contract: &Contract, event: &Event) -> String {
    let entity: Vec<Value> = event.entity.iter().map(|(_, v)| v.clone()).collect();
    let values: Vec<_> = event
        .features
        .iter()
        .map(|(name, value)| {
            let feature = contract.find(name).expect("the view has it");
            (feature, (*value != Value::Null).then(|| stored(value)))
        })
        .collect();
    let features = values.iter().map(|(feature, bytes)| {
        let value = bytes.as_ref().map(|bytes| {
            value::decode(feature.ty(), bytes).expect("a value of its type was just encoded")
        });
        (*feature, value)
    });
    let mut out = String::new();
    let line = EventLine {
        contract,
        entity: &entity,
        event_time: event.event_time,
        recorded_at: recorded_at(event),
        op: event.op,
        base: false,
    };
    line.write_dump(&mut out, features);
    out
}

fn recorded_at(event: &Event) -> Timestamp {
    event.recorded_at.unwrap_or(event.event_time)
}

fn stored(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    value::encode(value, &mut bytes);
    bytes
}

/// Two events that say the same, down to the bits of a float; there is one NaN.
#[track_caller]
pub(super) fn assert_same(contract: &Contract, a: &Event, b: &Event) {
    let said = |event: &Event| {
        let features = event.features.iter().map(|(name, value)| {
            let feature = contract.find(name).expect("the view has it");
            (feature.id(), *value == Value::Null, stored(value))
        });
        let mut features: Vec<_> = features.collect();
        features.sort();
        let place = (event.entity.clone(), event.event_time, recorded_at(event));
        (place, event.op, features)
    };
    assert_eq!(said(a), said(b));
}
