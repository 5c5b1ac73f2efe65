//! A limit takes what is as large as it says, refuses what is one larger, and is named in the refusal.

use crate::weather::{World, at, weather};
use asof::limits::*;
use asof::*;

/// One that fits, and one that is too large by one.
fn edge<T>(limit: &str, kind: ErrorKind, fits: Result<T>, exceeds: Result<T>) {
    if let Err(error) = fits {
        panic!("at {limit}: {error}");
    }
    let Err(error) = exceeds else {
        panic!("one beyond {limit} was accepted");
    };
    assert_eq!(error.kind(), kind, "{error}");
    let text = error.to_string();
    assert!(text.contains(limit), "{limit} is not named in {text:?}");
}

fn view() -> ViewBuilder {
    ViewDefinition::builder("v").key("k", Type::I64)
}

#[test]
fn a_name_has_at_most_its_bytes() {
    let of = |bytes| view().feature("n".repeat(bytes), Type::Bool).build();
    let invalid = ErrorKind::InvalidArgument;
    edge(
        "NAME_BYTES_MAX",
        invalid,
        of(NAME_BYTES_MAX),
        of(NAME_BYTES_MAX + 1),
    );
    assert_eq!(NAME_BYTES_MAX, asof::NAME_BYTES_MAX);
}

#[test]
fn a_key_has_at_most_its_columns() {
    let of = |columns| {
        let mut builder = ViewDefinition::builder("v").feature("f", Type::Bool);
        for column in 0..columns {
            builder = builder.key(format!("k{column}"), Type::I64);
        }
        builder.build()
    };
    let invalid = ErrorKind::InvalidArgument;
    edge(
        "KEY_COLUMNS_MAX",
        invalid,
        of(KEY_COLUMNS_MAX),
        of(KEY_COLUMNS_MAX + 1),
    );
    edge("KEY_COLUMNS_MAX", invalid, of(1), of(0));
}

#[test]
fn a_view_has_at_most_its_features() {
    let of = |features| {
        let mut builder = view();
        for feature in 0..features {
            builder = builder.feature(format!("f{feature}"), Type::Bool);
        }
        builder.build()
    };
    let invalid = ErrorKind::InvalidArgument;
    edge(
        "FEATURES_MAX",
        invalid,
        of(FEATURES_MAX),
        of(FEATURES_MAX + 1),
    );
    edge("FEATURES_MAX", invalid, of(1), of(0));
}

#[test]
fn a_vector_has_at_most_its_dimensions() {
    let most = VECTOR_DIMENSIONS_MAX;
    let of = |n| view().feature("f", Type::Vector(n)).build();
    edge(
        "VECTOR_DIMENSIONS_MAX",
        ErrorKind::InvalidArgument,
        of(most),
        of(most + 1),
    );
    edge(
        "VECTOR_DIMENSIONS_MAX",
        ErrorKind::InvalidArgument,
        of(1),
        of(0),
    );
    let text = |n: u32| format!("vector<f32,{n}>").parse::<Type>();
    assert!(text(most).is_ok() && text(most + 1).is_err());
}

#[test]
fn an_entity_has_at_most_its_bytes() {
    // A string of n bytes takes n + 2, and one more for each zero byte.
    let world = World::with(weather());
    let of = |text: String| world.view().entity([text]);
    let letters = |n| of("x".repeat(n));
    let kind = ErrorKind::ContractViolation;
    edge(
        "ENTITY_BYTES_MAX",
        kind,
        letters(ENTITY_BYTES_MAX - 2),
        letters(ENTITY_BYTES_MAX - 1),
    );
    let zeros = |n| of("\0".repeat(n));
    edge(
        "ENTITY_BYTES_MAX",
        kind,
        zeros(ENTITY_BYTES_MAX / 2 - 1),
        zeros(ENTITY_BYTES_MAX / 2),
    );
}

#[test]
fn a_row_has_at_most_its_bytes_and_can_leave_and_come_back() {
    let world = World::with(
        ViewDefinition::builder("weather")
            .key("origin", Type::String)
            .feature("text", Type::String),
    );
    let view = world.view();
    let newark = world.entity("EWR");
    let mut around = WriteBatch::new();
    around
        .put(&view, &newark, at(6))
        .set_value("text", "x".repeat(100_000))
        .finish()
        .unwrap();
    let most = ROW_BYTES_MAX - (around.bytes() - 100_000);
    let of = |text: String| {
        let mut batch = WriteBatch::new();
        let row = batch.put(&view, &newark, at(6)).set_value("text", text);
        row.finish().map(|()| batch)
    };
    let letters = |n| of("x".repeat(n));
    let kind = ErrorKind::ContractViolation;
    edge("ROW_BYTES_MAX", kind, letters(most), letters(most + 1));

    // The row whose text is longest: every byte takes six characters.
    let batch = of("\u{1}".repeat(most)).unwrap();
    world.store.write(batch, WriteOptions::buffered()).unwrap();
    let version = world.store.history(&view, &newark, HistoryRange::default());
    let version = version.unwrap().next().unwrap().unwrap();
    let mut line = String::new();
    let event = EventLine {
        contract: view.contract(),
        entity: &newark.to_values(),
        event_time: version.event_time(),
        recorded_at: version.recorded_at(),
        op: version.op(),
        base: false,
    };
    event.write_dump(&mut line, version.features().map(Result::unwrap));
    assert!(line.len() > 6 * most);
    let event = JsonEvent::parse(line.as_bytes()).unwrap();
    let mut batch = WriteBatch::new();
    batch.push(event.resolve(view.contract()).unwrap(), line, None);
    let receipt = world.store.write(batch, WriteOptions::buffered()).unwrap();
    assert_eq!((receipt.applied, receipt.duplicate), (0, 1));
}

#[test]
fn a_batch_has_at_most_its_rows() {
    let world = World::with(weather());
    let (view, newark) = (world.view(), world.entity("EWR"));
    let of = |rows| {
        let mut batch = WriteBatch::new();
        for _ in 0..rows {
            batch.put(&view, &newark, at(6)).finish().unwrap();
        }
        world.store.write(batch, WriteOptions::buffered())
    };
    let exceeds = of(BATCH_ROWS_MAX + 1);
    assert_eq!(world.temp("EWR"), None);
    let history = world.store.history(&view, &newark, HistoryRange::default());
    assert_eq!(history.unwrap().count(), 0, "nothing was written");
    edge(
        "BATCH_ROWS_MAX",
        ErrorKind::InvalidArgument,
        of(BATCH_ROWS_MAX),
        exceeds,
    );
}

#[test]
fn a_batch_has_at_most_its_bytes() {
    let world = World::with(weather());
    // Bad rows count as they came, so that a line of a gigabyte cannot get in by being bad.
    let of = |bytes: usize| {
        let mut batch = WriteBatch::new();
        let error = JsonEvent::parse(b"").unwrap_err();
        let half = vec![b'x'; bytes / 2];
        batch.push_bad(error, half, None);
        let error = JsonEvent::parse(b"").unwrap_err();
        batch.push_bad(error, vec![b'y'; bytes - bytes / 2], None);
        assert_eq!(batch.bytes(), bytes);
        world
            .store
            .write(batch, WriteOptions::buffered().quarantine())
    };
    let exceeds = of(BATCH_BYTES_MAX + 1);
    assert_eq!(world.store.quarantine().count(), 0);
    edge(
        "BATCH_BYTES_MAX",
        ErrorKind::InvalidArgument,
        of(BATCH_BYTES_MAX),
        exceeds,
    );
    assert_eq!(world.store.quarantine().count(), 2);

    // And good ones as they are encoded.
    let (view, newark) = (world.view(), world.entity("EWR"));
    let wide = ViewDefinition::builder("wide").key("k", Type::I64);
    let wide = wide.feature("blob", Type::Bytes).build().unwrap();
    world.store.apply(wide).unwrap();
    let wide = world.store.view("wide").unwrap();
    let mut batch = WriteBatch::new();
    for k in 0..65 {
        let entity = wide.entity([k as i64]).unwrap();
        let row = batch.put(&wide, &entity, at(6));
        row.set_value("blob", vec![0u8; 1_040_000])
            .finish()
            .unwrap();
    }
    batch.put(&view, &newark, at(6)).finish().unwrap();
    assert!(batch.bytes() > BATCH_BYTES_MAX);
    let error = world
        .store
        .write(batch, WriteOptions::buffered())
        .unwrap_err();
    assert!(error.to_string().contains("BATCH_BYTES_MAX"), "{error}");
    let row = world.store.get(&view, &newark, Question::latest()).unwrap();
    assert_eq!(row.verdict(), Verdict::Never, "nothing was written");
}

#[test]
fn an_event_has_at_most_its_bytes_of_text() {
    let event = r#"{"view":"v","entity":{},"event_time":0,"features":{}}"#;
    let padded = |bytes: usize| format!("{event}{}", " ".repeat(bytes - event.len()));
    let of = |bytes| {
        let text = padded(bytes);
        JsonEvent::parse(text.as_bytes()).map(drop)?;
        JsonLine::parse(text.as_bytes()).map(drop)
    };
    let kind = ErrorKind::InvalidArgument;
    edge(
        "EVENT_BYTES_MAX",
        kind,
        of(EVENT_BYTES_MAX),
        of(EVENT_BYTES_MAX + 1),
    );
    let line = padded(EVENT_BYTES_MAX + 1);
    assert!(JsonLine::parse(line.as_bytes()).is_err());
}

#[test]
fn the_quarantine_has_at_most_its_rows() {
    let world = World::empty();
    let store = StoreOptions::new().quarantine_rows_max(2).temp().unwrap();
    let of = |lines: &[&str]| {
        let mut batch = WriteBatch::new();
        for line in lines {
            let error = JsonEvent::parse(line.as_bytes()).unwrap_err();
            batch.push_bad(error, *line, None);
        }
        store.write(batch, WriteOptions::buffered().quarantine())
    };
    edge(
        "2 rows",
        ErrorKind::QuarantineFull,
        of(&["a", "b"]),
        of(&["c"]),
    );
    assert_eq!(QUARANTINE_ROWS_DEFAULT, 100_000);
    drop(world);
}
