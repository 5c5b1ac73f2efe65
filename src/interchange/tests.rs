//! A row means the same after it has been text. Whoever moves a store by dump and ingest is hurt if
//! one bit of one value changes on the way; whoever ingests is hurt if a line can stop the process.

use super::*;
use crate::error::ErrorKind;
use crate::id::ViewId;
use crate::op::Op;
use crate::schema::{
    Contract, Feature, FeatureDefinition, MaxSkew, OnExpiry, Retention, TimePolicy, ViewDefinition,
};
use crate::time::{Span, Timestamp};
use crate::value::{Type, Value};
use proptest::prelude::*;

const TYPES: [Type; 12] = [
    Type::Bool,
    Type::I32,
    Type::I64,
    Type::F32,
    Type::F64,
    Type::String,
    Type::Bytes,
    Type::Timestamp,
    Type::Vector(3),
    Type::ListI64,
    Type::ListF64,
    Type::ListString,
];

/// A view with a key of two columns and one nullable feature of every type, named `f_0`, `f_1`, …
/// The last was born as `a_first`.
fn contract() -> Contract {
    let mut builder = ViewDefinition::builder("all")
        .key("k", Type::String)
        .key("n", Type::Timestamp);
    for (at, ty) in TYPES.iter().enumerate() {
        let mut feature = FeatureDefinition::new(format!("f_{at}"), *ty).nullable();
        if at + 1 == TYPES.len() {
            feature = feature.was("a_first");
        }
        builder = builder.define(feature);
    }
    Contract::first(ViewId(1), builder.build().unwrap())
}

fn any_value(ty: Type) -> BoxedStrategy<Value> {
    use proptest::collection::vec;
    // Any bits: every NaN, every subnormal.
    let f32s = || any::<u32>().prop_map(f32::from_bits);
    let f64s = || any::<u64>().prop_map(f64::from_bits);
    let text = || "[\\PC\u{0}-\u{20}\"\\\\\u{7f}\u{2028}]{0,12}";
    match ty {
        Type::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        Type::I32 => any::<i32>().prop_map(Value::I32).boxed(),
        Type::I64 => any::<i64>().prop_map(Value::I64).boxed(),
        Type::F32 => f32s().prop_map(Value::F32).boxed(),
        Type::F64 => f64s().prop_map(Value::F64).boxed(),
        Type::String => text().prop_map(Value::String).boxed(),
        Type::Bytes => vec(any::<u8>(), 0..20).prop_map(Value::Bytes).boxed(),
        Type::Timestamp => {
            let near = -60_000_000_000_000_000..253_000_000_000_000_000_i64;
            let micros = prop_oneof![any::<i64>(), near];
            micros
                .prop_map(|micros| Value::Timestamp(Timestamp::from_micros(micros)))
                .boxed()
        }
        Type::Vector(n) => vec(f32s(), n as usize).prop_map(Value::Vector).boxed(),
        Type::ListI64 => vec(any::<i64>(), 0..5).prop_map(Value::ListI64).boxed(),
        Type::ListF64 => vec(f64s(), 0..5).prop_map(Value::ListF64).boxed(),
        Type::ListString => vec(text(), 0..5).prop_map(Value::ListString).boxed(),
    }
}

fn any_typed() -> impl Strategy<Value = (Type, Value)> {
    proptest::sample::select(&TYPES[..])
        .prop_flat_map(|ty| any_value(ty).prop_map(move |value| (ty, value)))
}

/// A value down to its bits, with the one NaN that there is.
fn bits(value: &Value) -> String {
    let f64s = |v: f64| {
        if v.is_nan() {
            "NaN".into()
        } else {
            format!("{:016x}", v.to_bits())
        }
    };
    let f32s = |v: f32| {
        if v.is_nan() {
            "NaN".into()
        } else {
            format!("{:08x}", v.to_bits())
        }
    };
    match value {
        Value::F32(v) => f32s(*v),
        Value::F64(v) => f64s(*v),
        Value::Vector(v) => v
            .iter()
            .map(|v| f32s(*v))
            .collect::<Vec<String>>()
            .join(" "),
        Value::ListF64(v) => v
            .iter()
            .map(|v| f64s(*v))
            .collect::<Vec<String>>()
            .join(" "),
        other => format!("{other:?}"),
    }
}

fn json(value: &Value, times: TimeText) -> String {
    let mut out = String::new();
    value.write_json(&mut out, times);
    out
}

proptest! {
    #[test]
    fn every_value_survives_json((ty, value) in any_typed()) {
        for times in [TimeText::Micros, TimeText::Rfc3339] {
            let text = json(&value, times);
            prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{}", text);
            let back = literal::read(&text, ty).unwrap();
            prop_assert_eq!(bits(&back), bits(&value), "{}", text);
        }
    }

    #[test]
    fn every_value_survives_a_cell((ty, value) in any_typed()) {
        let mut cell = String::new();
        value.write_cell(&mut cell);
        let back = Value::from_cell(&cell, ty).unwrap();
        prop_assert_eq!(bits(&back), bits(&value), "{}", cell);
    }

    #[test]
    fn every_event_survives_its_line(
        key in any_value(Type::String),
        n in any_value(Type::Timestamp),
        values in TYPES.map(any_value),
        (et, rec) in any::<(i64, i64)>(),
    ) {
        let contract = contract();
        let text: Vec<String> = values.iter().enumerate()
            .map(|(at, value)| format!("\"f_{at}\":{}", json(value, TimeText::Micros)))
            .collect();
        let line = format!(
            "{{\"view\":\"all\",\"entity\":{{\"n\":{},\"k\":{}}},\"recorded_at\":{rec},\"event_time\":{et},\"features\":{{{}}}}}",
            json(&n, TimeText::Rfc3339), json(&key, TimeText::Micros), text.join(",")
        );
        let event = JsonEvent::parse(line.as_bytes()).unwrap().resolve(&contract).unwrap();
        prop_assert_eq!(event.event_time.micros(), et);
        prop_assert_eq!(event.recorded_at.map(Timestamp::micros), Some(rec));
        prop_assert_eq!(&event.entity, &vec![("k".to_string(), key), ("n".to_string(), n)]);
        for ((_, read), value) in event.features.iter().zip(&values) {
            prop_assert_eq!(bits(read), bits(value));
        }
    }

    #[test]
    fn no_bytes_stop_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = JsonLine::parse(&bytes);
        if let Ok(text) = std::str::from_utf8(&bytes) {
            for ty in TYPES {
                let _ = Value::from_cell(text, ty);
            }
        }
    }

    #[test]
    fn no_json_like_text_stops_the_reader(
        parts in proptest::collection::vec(proptest::sample::select(vec![
            "{", "}", "[", "]", ":", ",", "\"", "\\", "\\ud800", "null", "true", "-", "0", "1e999",
            "\"view\":", "\"all\"", "\"entity\":{\"k\":\"a\",\"n\":0}", "\"event_time\":", "\"features\":{",
            "\"f_0\":", "\"f_8\":[", "\"definition\":{", "\"fences\":[", "\"é\"", " ", "\u{feff}",
        ]), 0..24)
    ) {
        let line = parts.concat();
        if let Ok(JsonLine::Event(event)) = JsonLine::parse(line.as_bytes()) {
            let _ = event.resolve(&contract());
        }
    }
}

#[test]
fn floats_are_the_shortest_text_of_their_width() {
    for (value, text) in [
        (Value::F64(39.02), "39.02"),
        (Value::F64(10.0), "10.0"),
        (Value::F64(-0.0), "-0.0"),
        (Value::F64(1e300), "1e300"),
        (Value::F64(5e-324), "5e-324"),
        (Value::F32(0.1), "0.1"),
        (Value::F32(16_777_216.0), "16777216.0"),
        (Value::F64(f64::NAN), "\"NaN\""),
        (Value::F32(f32::NEG_INFINITY), "\"-Infinity\""),
        (
            Value::Vector(vec![0.1, f32::INFINITY]),
            "[0.1,\"Infinity\"]",
        ),
    ] {
        assert_eq!(json(&value, TimeText::Micros), text);
    }
}

#[test]
fn an_f32_is_read_from_its_own_text() {
    // Halfway between two f32 as an f64, above halfway as text: by way of f64 it would round down.
    let text = "1.00000017881393432617187499";
    assert_eq!(
        literal::read(text, Type::F32).unwrap(),
        Value::F32(text.parse().unwrap())
    );
    assert_ne!(
        text.parse::<f32>().unwrap(),
        text.parse::<f64>().unwrap() as f32
    );
}

#[test]
fn a_wrong_value_is_named() {
    for (ty, text, why) in [
        (Type::I32, "2147483648", "number 2147483648"),
        (Type::I64, "1.0", "number 1.0"),
        (Type::I64, "1e3", "number 1e3"),
        (Type::I64, "\"1\"", "string \"1\""),
        (Type::F64, "1e999", "too large for f64"),
        (Type::F32, "1e39", "too large for f32"),
        (Type::F64, "\"nan\"", "string \"nan\""),
        (Type::F64, "\"1.5\"", "string \"1.5\""),
        (Type::Bool, "1", "number 1"),
        (Type::String, "true", "bool true"),
        (Type::String, "\"\\ud800\"", "string \"\\ud800\""),
        (Type::Bytes, "\"YQ\"", "not base64 with padding"),
        (Type::Timestamp, "1.5", "number 1.5"),
        (Type::Timestamp, "\"2013-01-01\"", "RFC 3339"),
        (
            Type::Timestamp,
            "9223372036854775808",
            "number 9223372036854775808",
        ),
        (Type::Vector(3), "[1,2]", "vector<f32,2>"),
        (Type::Vector(3), "[1,null,3]", "null as element 1"),
        (Type::ListI64, "{\"a\":[]}", "object {\"a\":[]}"),
    ] {
        let found = literal::read(text, ty).unwrap_err();
        assert!(found.contains(why), "{ty} {text}: {found}");
    }
}

#[test]
fn a_wrong_cell_is_named() {
    for (ty, cell, why) in [
        (Type::I64, "", "expected i64, found string \"\""),
        (Type::I64, "+1", "found string \"+1\""),
        (Type::I64, " 1", "found string \" 1\""),
        (Type::F64, "abc", "expected f64, found string \"abc\""),
        (Type::F64, "inf", "found"),
        (Type::F64, "1e999", "too large for f64"),
        (Type::Bool, "TRUE", "found string \"TRUE\""),
        (Type::ListI64, "null", "found string \"null\""),
        (
            Type::Vector(2),
            "[1]",
            "expected vector<f32,2>, found vector<f32,1>",
        ),
    ] {
        let error = Value::from_cell(cell, ty).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ContractViolation);
        assert!(error.to_string().contains(why), "{ty} {cell:?}: {error}");
    }
    assert_eq!(
        Value::from_cell("-Infinity", Type::F32).unwrap(),
        Value::F32(f32::NEG_INFINITY)
    );
    assert_eq!(Value::from_cell(".5", Type::F64).unwrap(), Value::F64(0.5));
}

const GOOD: &str = r#""view":"all","entity":{"k":"a","n":0},"event_time":0"#;

#[track_caller]
fn shape_refused(line: &str, why: &str) {
    let error = JsonEvent::parse(line.as_bytes()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{line}: {error}");
    assert!(error.to_string().contains(why), "{line}: {error}");
}

#[test]
fn a_line_of_the_wrong_shape_is_named() {
    shape_refused("", "not a JSON object");
    shape_refused("[]", "not a JSON object");
    shape_refused("{} x", "at column");
    shape_refused(
        "{",
        "the event is not a JSON object: EOF while parsing an object at column 1",
    );
    assert!(
        !JsonEvent::parse(b"{")
            .unwrap_err()
            .to_string()
            .contains("line")
    );
    shape_refused(r#"{"view":"all","event_time":0}"#, "no \"entity\"");
    shape_refused(r#"{"view":"all","entity":{}}"#, "no \"event_time\"");
    let upsert = format!("{{{GOOD},\"op\":\"upsert\"}}");
    let error = JsonEvent::parse(upsert.as_bytes()).unwrap_err();
    assert!(
        error.to_string().contains("none of put, patch, delete"),
        "{error}"
    );
    shape_refused(
        &format!("{{{GOOD},\"op\":null}}"),
        "\"op\" is a string, not null",
    );
    shape_refused(
        &format!("{{{GOOD},\"feature\":{{}}}}"),
        "did you mean \"features\"?",
    );
    shape_refused(
        &format!("{{{GOOD},\"features\":[]}}"),
        "features is not a JSON object",
    );
    shape_refused(
        &format!("{{{GOOD},\"view\":\"b\"}}"),
        "the key \"view\" twice",
    );
    shape_refused(
        &format!("{{{GOOD},\"features\":{{\"a\":1,\"\\u0061\":2}}}}"),
        "the key \"a\" twice",
    );
    shape_refused(
        &format!("{{{GOOD},\"recorded_at\":null}}"),
        "\"recorded_at\" is integer micro",
    );
    shape_refused(
        &format!("{{{GOOD},\"recorded_at\":\"2013-01-01T00:00:00.0000001Z\"}}"),
        "finer than",
    );
    shape_refused(&format!("{{{GOOD},\"schema_version\":0}}"), "counts from 1");
    let nameless = JsonEvent::parse(br#"{"entity":{"k":"a"},"event_time":0}"#).unwrap();
    assert!(
        nameless
            .view()
            .unwrap_err()
            .to_string()
            .contains("no \"view\"")
    );
    let error = JsonEvent::parse(b"{\"view\":\"\xff\"}").unwrap_err();
    assert!(
        error.to_string().contains("not UTF-8 after byte 9"),
        "{error}"
    );
}

#[track_caller]
fn contract_refused(line: &str, why: &str) {
    let event = JsonEvent::parse(line.as_bytes()).unwrap();
    let error = event.resolve(&contract()).unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::ContractViolation,
        "{line}: {error}"
    );
    assert!(error.to_string().contains(why), "{line}: {error}");
}

#[test]
fn a_violation_names_view_version_entity_feature_expected_and_found() {
    contract_refused(
        &format!("{{{GOOD},\"features\":{{\"f_4\":\"x\"}}}}"),
        r#"view "all" v1, entity {"k":"a","n":0}: feature "f_4" expects f64, found string "x""#,
    );
    contract_refused(
        &format!("{{{GOOD},\"features\":{{\"f4\":1}}}}"),
        "there is no feature \"f4\"; did you mean \"f_4\"?",
    );
    contract_refused(
        &format!("{{{GOOD},\"features\":{{\"f_11\":[],\"a_first\":[]}}}}"),
        "\"f_11\" stands there twice, also under its birth name \"a_first\"",
    );
    let keyed = |entity: &str| format!(r#"{{"view":"all","event_time":0,"entity":{entity}}}"#);
    contract_refused(
        &keyed(r#"{"k":"a"}"#),
        "key column \"n\" expects timestamp, found nothing",
    );
    contract_refused(
        &keyed(r#"{"k":null,"n":0}"#),
        "key column \"k\" expects string, found null",
    );
    contract_refused(&keyed(r#"{"k":"a","n":0,"m":1}"#), "no key column \"m\"");
}

#[test]
fn a_renamed_feature_is_read_under_both_names() {
    for name in ["f_11", "a_first"] {
        let line = format!("{{{GOOD},\"features\":{{\"{name}\":[\"x\"]}}}}");
        let event = JsonEvent::parse(line.as_bytes())
            .unwrap()
            .resolve(&contract())
            .unwrap();
        assert_eq!(
            event.features,
            [("f_11".into(), Value::ListString(vec!["x".into()]))]
        );
    }
}

#[test]
fn a_depth_bomb_is_refused_and_not_followed() {
    let deep = "[".repeat(1_000_000);
    assert!(JsonLine::parse(deep.as_bytes()).is_err());
    let closed = format!("{deep}{}", "]".repeat(1_000_000));
    let line = format!("{{{GOOD},\"features\":{{\"f_8\":{closed}}}}}");
    contract_refused(
        &line,
        "feature \"f_8\" expects vector<f32,3>, found array [[[",
    );
    let objects = format!("{}{}", "{\"a\":".repeat(200_000), "}".repeat(200_000));
    assert!(JsonLine::parse(objects.as_bytes()).is_err());
}

#[test]
fn a_line_is_written_in_one_way() {
    let contract = contract();
    let entity = [
        Value::String("é\"\n\u{1}".into()),
        Value::Timestamp(Timestamp::from_secs(-1)),
    ];
    let line = EventLine {
        contract: &contract,
        entity: &entity,
        event_time: Timestamp::from_secs(1),
        recorded_at: Timestamp::MAX,
        op: Op::Patch,
        base: true,
    };
    let features = || {
        contract.features()[8..]
            .iter()
            .map(|feature| (feature, None))
    };
    let mut dump = String::new();
    EventLine {
        base: false,
        ..line
    }
    .write_dump(&mut dump, features());
    assert_eq!(
        dump,
        r#"{"view":"all","entity":{"k":"é\"\n\u0001","n":-1000000},"event_time":1000000,"recorded_at":9223372036854775807,"op":"patch","features":{"a_first":null,"f_10":null,"f_8":null,"f_9":null}}"#
    );
    let mut history = String::new();
    line.write_history(&mut history, features());
    assert_eq!(
        history,
        r#"{"view":"all","entity":{"k":"é\"\n\u0001","n":"1969-12-31T23:59:59Z"},"event_time":"1970-01-01T00:00:01Z","recorded_at":9223372036854775807,"op":"patch","features":{"f_8":null,"f_9":null,"f_10":null,"f_11":null},"base":true}"#
    );
    for text in [dump, history] {
        let event = JsonEvent::parse(text.as_bytes())
            .unwrap()
            .resolve(&contract)
            .unwrap();
        assert_eq!(event.entity[1].1, entity[1]);
        assert_eq!(
            (event.op, event.recorded_at),
            (Op::Patch, Some(Timestamp::MAX))
        );
    }
}

fn view_line() -> ViewLine {
    let definition = ViewDefinition::builder("weather")
        .namespace("prod")
        .key("origin", Type::String)
        .key("terminal", Type::I32)
        .feature("temp", Type::F64)
        .define(
            FeatureDefinition::new("gust", Type::F32)
                .was("squall")
                .nullable()
                .finite(),
        )
        .define(FeatureDefinition::new("v", Type::Vector(3)).nullable())
        .ttl(Span::hours(3))
        .on_expiry(OnExpiry::Stale)
        .history(Retention::Window(Span::days(30)))
        .max_skew(MaxSkew::Forever)
        .build()
        .unwrap();
    ViewLine {
        definition,
        schema_version: 2,
        since: vec![1, 1, 2],
        floor: Some(Timestamp::from_micros(-5)),
        horizon: None,
        fences: vec![Fence {
            entity: vec![Value::String("EWR".into()), Value::I32(-1)],
            recorded_at: Timestamp::MIN,
            floor: None,
        }],
    }
}

#[test]
fn a_definition_survives_its_line() {
    let view = view_line();
    let mut line = String::new();
    view.write(&mut line);
    assert_eq!(
        line,
        concat!(
            r#"{"definition":{"namespace":"prod","view":"weather","schema_version":2,"entity":[{"name":"origin","type":"string"},{"name":"terminal","type":"i32"}],"#,
            r#""features":[{"name":"temp","type":"f64","since":1},{"name":"gust","was":"squall","type":"f32","nullable":true,"finite":true,"since":1},{"name":"v","type":"vector<f32,3>","nullable":true,"since":2}],"#,
            r#""time":{"ttl":"3h","on_expiry":"stale","history":"30d","max_skew":"forever"}},"floor":-5,"horizon":null,"fences":[{"entity":{"origin":"EWR","terminal":-1},"recorded_at":-9223372036854775808,"floor":null}]}"#
        )
    );
    assert_eq!(ViewLine::parse(line.as_bytes()).unwrap(), view);
    let mut plain = view;
    plain.definition.time = TimePolicy::default();
    let mut line = String::new();
    plain.write(&mut line);
    assert_eq!(ViewLine::parse(line.as_bytes()).unwrap(), plain);
}

#[test]
fn the_steps_of_a_definition_lead_to_its_contract() {
    let view = view_line();
    let [first, second] = view.steps().try_into().unwrap();
    let (contract, _) = Contract::first(ViewId(1), first).redefine(&second).unwrap();
    assert_eq!(contract.version(), 2);
    assert_eq!(
        ViewLine::new(&contract, view.floor, None, view.fences.clone()),
        view
    );
}

#[test]
fn a_wrong_definition_line_is_named() {
    let mut line = String::new();
    view_line().write(&mut line);
    for (from, to, why) in [
        (
            "\"since\":2",
            "\"since\":3",
            "since schema version 3, but follows one since 1",
        ),
        (
            "\"schema_version\":2",
            "\"schema_version\":4000000000",
            "the features come to 2",
        ),
        ("\"type\":\"i32\"", "\"type\":\"int\"", "type \"int\""),
        (
            "\"view\":\"weather\"",
            "\"view\":\"Weather\"",
            "is not a name",
        ),
        (
            "\"ttl\":\"3h\"",
            "\"ttl\":null",
            "says nothing without a ttl",
        ),
        ("\"fences\"", "\"fence\"", "did you mean \"fences\"?"),
        (
            "\"EWR\"",
            "null",
            "key column \"origin\" expects string, found null",
        ),
        (
            "\"floor\":-5",
            "\"floor\":\"-5\"",
            "\"floor\" expects an integer",
        ),
    ] {
        let wrong = line.replacen(from, to, 1);
        assert_ne!(wrong, line, "{from}");
        let error = ViewLine::parse(wrong.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(why), "{to}: {error}");
    }
}

fn read_record(
    header: &[&str],
    cells: &[&str],
    null: Option<&str>,
) -> (String, Result<Event, String>) {
    let contract = contract();
    let options = RecordOptions {
        event_time: "at".into(),
        recorded_at: header.contains(&"rec").then(|| "rec".into()),
        op: header.contains(&"op").then(|| "op".into()),
        null: null.map(Into::into),
    };
    let reader = RecordReader::new(&contract, header, &options).unwrap();
    let mut raw = Vec::new();
    let bytes: Vec<&[u8]> = cells.iter().map(|cell| cell.as_bytes()).collect();
    let event = reader
        .read(&bytes, &mut raw)
        .map_err(|error| error.to_string());
    // What the quarantine keeps says the same as the record, good or bad.
    let crate::format::Form::Record(form) = reader.form() else {
        panic!("a record is kept as a record");
    };
    let again = RecordReader::of_form(&contract, &form)
        .and_then(|reader| reader.read_raw(&raw))
        .map_err(|error| error.to_string());
    assert_eq!(again, event);
    let raw = String::from_utf8(raw).unwrap();
    (raw, event)
}

#[test]
fn an_empty_cell_is_null_unless_another_text_is() {
    let header = ["n", "k", "at", "f_1", "f_5"];
    let (_, event) = read_record(&header, &["0", "a", "5", "", ""], None);
    assert_eq!(
        event.unwrap().features,
        [("f_1".into(), Value::Null), ("f_5".into(), Value::Null)]
    );
    let (_, event) = read_record(&header, &["0", "", "5", "NA", ""], Some("NA"));
    let event = event.unwrap();
    assert_eq!(event.entity[0].1, Value::String(String::new()));
    assert_eq!(
        event.features,
        [
            ("f_1".into(), Value::Null),
            ("f_5".into(), Value::String(String::new()))
        ]
    );
    let (raw, event) = read_record(&header, &["0", "a", "5", "", "NA"], Some("NA"));
    assert_eq!(
        event.unwrap_err(),
        "view \"all\" v1: feature \"f_1\": expected i32, found string \"\""
    );
    assert_eq!(raw, "0,a,5,,NA");
    let (_, event) = read_record(&header, &["0", "", "5", "1", "x"], None);
    assert!(
        event
            .unwrap_err()
            .contains("key column \"k\" expects string, found null")
    );
    let (_, event) = read_record(&header, &["0", "a", "", "1", "x"], None);
    assert!(event.unwrap_err().contains("the event time is null"));
    let (raw, event) = read_record(&header, &["0", "a"], None);
    assert_eq!(
        event.unwrap_err(),
        "the record has 2 cells, the header has 5"
    );
    assert_eq!(raw, "0,a");
}

#[test]
fn a_record_says_its_op_and_when_it_was_recorded() {
    let header = ["k", "n", "at", "rec", "op", "f_1"];
    let (_, event) = read_record(&header, &["a", "0", "5", "6", "delete", ""], None);
    let event = event.unwrap();
    assert_eq!(
        (event.op, event.recorded_at.map(Timestamp::micros)),
        (Op::Delete, Some(6))
    );
    assert_eq!(event.features, []);
    let (_, event) = read_record(&header, &["a", "0", "5", "", "", "7"], None);
    let event = event.unwrap();
    assert_eq!((event.op, event.recorded_at), (Op::Put, None));
    assert_eq!(event.features, [("f_1".into(), Value::I32(7))]);
    let (_, event) = read_record(&header, &["a", "0", "5", "", "upsert", "7"], None);
    assert!(event.unwrap_err().contains("none of put, patch, delete"));
}

#[test]
fn columns_that_mean_nothing_are_named_and_missing_ones_refused() {
    let contract = contract();
    let options = RecordOptions {
        event_time: "at".into(),
        ..RecordOptions::default()
    };
    let reader =
        RecordReader::new(&contract, &["x", "at", "k", "n", "a_first", "y"], &options).unwrap();
    assert_eq!(reader.ignored(), ["x", "y"]);
    let left_out: Vec<&str> = reader.left_out().map(Feature::name).collect();
    assert!(left_out.contains(&"f_1"));
    assert!(!left_out.contains(&"n") && !left_out.contains(&"a_first"));
    assert_eq!(left_out.len() + 1, contract.features().len());
    assert_eq!((reader.near("f1"), reader.near("x")), (Some("f_1"), None));
    for (header, why) in [
        (&[][..], "no header; the first line names the columns"),
        (&[""], "no header; the first line names the columns"),
        (
            &["at;k;n"],
            "it has at;k;n, as one column: columns are separated by commas",
        ),
        (
            &["att", "k", "n"],
            "no column \"at\", which is the event time; did you mean \"att\"?",
        ),
        (&["at", "n"], "no column \"k\", which is a key column"),
        (&["at", "k", "n", "k"], "the column \"k\" twice"),
        (
            &["at", "k", "n", "f1"],
            "f_8, f_9 and 2 more; column \"f1\" is none of them; did you mean \"f_1\"?",
        ),
        (
            &["at", "k", "n", "f_11", "a_first"],
            "feature \"f_11\" twice, once as \"a_first\"",
        ),
    ] {
        let error = RecordReader::new(&contract, header, &options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(error.to_string().contains(why), "{error}");
    }
}

#[test]
fn a_cell_that_is_no_text_is_bad_where_it_means_something() {
    let contract = contract();
    let options = RecordOptions {
        event_time: "at".into(),
        ..RecordOptions::default()
    };
    let reader = RecordReader::new(&contract, &["k", "n", "at", "other", "f_1"], &options).unwrap();
    let mut raw = Vec::new();
    assert!(
        reader
            .read(&[b"a", b"0", b"0", b"\xff", b"1"], &mut raw)
            .is_ok()
    );
    let error = reader
        .read(&[b"a\xff", b"0", b"0", b"", b"1"], &mut raw)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "cell 1 of the record is not UTF-8 after byte 1"
    );
    // Two records that differ in what is no text are two, also for the quarantine.
    assert_eq!(raw, b"a\xff,0,0,,1");
}
