use super::*;
use crate::catalog::Entity;
use crate::format::catalog::Fence;
use crate::format::key::Prefix;
use crate::format::quarantine::{RecordForm, TOTALS_KEY};
use crate::format::{Form, Raw};
use crate::kv::Family;
use crate::schema::ViewDefinition;
use crate::store::StoreOptions;
use crate::time::Timestamp;
use crate::value::Type;
use crate::write::{WriteBatch, WriteOptions, entries_behind};
use std::sync::Arc;

fn weather() -> ViewDefinition {
    let view = ViewDefinition::builder("weather")
        .key("origin", Type::String)
        .key("gate", Type::I64)
        .feature("temp", Type::F64);
    view.build().unwrap()
}

fn set_aside(store: &Store, rows: impl IntoIterator<Item = Raw>) {
    let mut batch = WriteBatch::new();
    for raw in rows {
        batch.push_bad(Error::invalid("it is bad"), raw, None);
    }
    let options = WriteOptions::buffered().quarantine();
    store.write(batch, options).unwrap();
}

fn record(cells: &[u8]) -> Raw {
    let header = ["at", "gate", "origin", "temp"];
    Raw {
        bytes: cells.to_vec(),
        form: Form::Record(Arc::new(RecordForm {
            namespace: "default".into(),
            view: "weather".into(),
            header: header.map(str::to_owned).to_vec(),
            event_time: "at".into(),
            recorded_at: None,
            op: None,
            null: None,
        })),
    }
}

/// Rows about gate 4 of Newark, each broken in another way.
fn about_newark() -> Vec<Raw> {
    let line = |rest: &str| {
        let line = format!(r#"{{"view":"weather","entity":{{"gate":4,"origin":"EWR"}},{rest}"#);
        Raw::from(line)
    };
    let nameless = Raw {
        bytes: br#"{"entity":{"origin":"EWR","gate":4},"event_time":0}"#.to_vec(),
        form: Form::Line {
            namespace: None,
            view: Some("weather".into()),
        },
    };
    vec![
        line(r#""event_time":0,"features":{"temp":"hot"}}"#),
        line(r#""event_time":0,"features":{"temp":1"#),
        line(r#""event_time":"yesterday"}"#),
        line(r#""event_time":0,"event_time":0}"#),
        nameless,
        record(b"0,4,EWR,hot"),
        record(b"0,4,EWR"),
        record(b"0,4,EWR,\xff"),
    ]
}

fn not_about_newark() -> Vec<Raw> {
    vec![
        r#"{"view":"weather","entity":{"gate":5,"origin":"EWR"},"event_time":"x"}"#.into(),
        r#"{"view":"wether","entity":{"gate":4,"origin":"EWR"},"event_time":0}"#.into(),
        r#"{"namespace":"prod","view":"weather","entity":{"gate":4,"origin":"EWR"}}"#.into(),
        r#"{"entity":{"gate":4,"origin":"EWR"},"event_time":0}"#.into(),
        "nonsense".into(),
        record(b"4,0,EWR,hot"),
        record(b"\"0,4,EWR,1"),
    ]
}

/// What an erase of everything about an entity takes.
fn about(store: &Store, entity: &Entity) -> Vec<QuarantineId> {
    let fence = Fence {
        recorded: Timestamp::MAX,
        floor: None,
        entity: entity.bytes().to_vec(),
    };
    let of_it = |prefix: &Prefix| (prefix == entity.prefix()).then_some(&fence);
    let found = entries_behind(store.kv(), store.catalog(), of_it).unwrap();
    found.into_iter().map(|(_, id)| id).collect()
}

#[test]
fn what_is_about_an_entity_is_found_however_broken_it_is() {
    // Who is hurt: whoever asked to be forgotten, and stays in the quarantine.
    for view_comes_later in [false, true] {
        let store = Store::temp().unwrap();
        if !view_comes_later {
            store.apply(weather()).unwrap();
        }
        set_aside(&store, about_newark());
        set_aside(&store, not_about_newark());
        if view_comes_later {
            store.apply(weather()).unwrap();
        }
        let view = store.view("weather").unwrap();
        let newark = view
            .entity([crate::value::Value::from("EWR"), 4i64.into()])
            .unwrap();
        let known = |entry: &QuarantineEntry| entry.entity.is_some();
        let known = store.quarantine().map(Result::unwrap).filter(known).count();
        assert_eq!(known > 0, !view_comes_later, "{known} entities were known");
        let found = about(&store, &newark).into_iter();
        let mut found: Vec<_> = found
            .map(|id| store.quarantined(&id).unwrap().raw)
            .collect();
        let mut expected: Vec<_> = about_newark().into_iter().map(|raw| raw.bytes).collect();
        found.sort();
        expected.sort();
        assert_eq!(found, expected);
    }
}

#[test]
fn a_damaged_entry_keeps_nothing_shut_and_can_be_dropped() {
    // Who is hurt: whoever cannot open a store because of a row that was bad anyway.
    let directory = tempfile::TempDir::new().unwrap();
    let path = directory.path().join("store");
    let options = || StoreOptions::new().create_if_missing(true);
    let store = options().open(&path).unwrap();
    store.apply(weather()).unwrap();
    set_aside(&store, ["a", "b", "c"].map(Raw::from));
    let id = store.quarantine().nth(1).unwrap().unwrap().id;
    let mut batch = store.kv().batch();
    // Without a checksum: what has one and is unknown is of a newer format.
    batch.put_sealed(Family::Quarantine, id.key(), b"damage");
    batch.put_sealed(Family::Quarantine, &TOTALS_KEY, b"too");
    batch.commit().unwrap();
    store.close().unwrap();

    // Counted anew: three rows, so that a fourth is one too many.
    let store = options().quarantine_rows_max(3).open(&path).unwrap();
    let seen: Vec<bool> = store.quarantine().map(|entry| entry.is_ok()).collect();
    assert_eq!(seen, [true, false, true]);
    let view = store.view("weather").unwrap();
    let entity = view.entity([crate::value::Value::from("EWR"), 4i64.into()]);
    assert_eq!(about(&store, &entity.unwrap()), []);
    let report = store
        .replay_quarantine(&QuarantineFilter::All, WriteOptions::buffered())
        .unwrap();
    assert_eq!((report.receipt.quarantined, report.damaged), (2, vec![id]));
    let found = store.verify(&mut |_| {}).unwrap();
    assert_eq!((found.quarantined, found.is_clean()), (2, false));
    let mut batch = WriteBatch::new();
    batch.push_bad(Error::invalid("bad"), "d", None);
    let full = store.write(batch, WriteOptions::buffered().quarantine());
    assert_eq!(full.unwrap_err().kind(), ErrorKind::QuarantineFull);

    assert_eq!(store.drop_quarantined([id]).unwrap(), 1);
    set_aside(&store, [Raw::from("d")]);
    let report = store.verify(&mut |_| {}).unwrap();
    assert!(report.is_clean(), "{report:?}");
}

#[test]
fn the_row_that_comes_again_heals_its_damaged_entry() {
    let store = Store::temp().unwrap();
    set_aside(&store, [Raw::from("a")]);
    let whole = store.quarantine().next().unwrap().unwrap();
    let mut batch = store.kv().batch();
    batch.put(Family::Quarantine, whole.id.key(), |out| {
        whole.encode(out);
        out[0] ^= 0x10;
    });
    batch.commit().unwrap();
    assert!(store.quarantined(&whole.id).is_err());
    set_aside(&store, [Raw::from("a")]);
    assert_eq!(store.quarantined(&whole.id).unwrap().raw, whole.raw);
    assert!(store.verify(&mut |_| {}).unwrap().is_clean());
}

#[test]
fn stats_wait_for_nobody_who_is_at_the_quarantine() {
    // Who is hurt: an exporter that asks every second, while an erase reads the whole quarantine.
    let store = Store::temp().unwrap();
    let held = store.0.writer.quarantine.hold();
    let (told, heard) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        let store = &store;
        scope.spawn(move || told.send(store.stats().unwrap().quarantine_rows));
        let heard = heard.recv_timeout(std::time::Duration::from_secs(20));
        drop(held);
        assert_eq!(heard, Ok(0));
    });
}
