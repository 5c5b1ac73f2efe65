//! What the catalog and the quarantine hold, the marker and the watermark: the records of the golden
//! file that are no rows.

use super::*;

pub(super) fn records() -> Vec<(String, Vec<u8>)> {
    let written = |name: &str, write: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = Vec::new();
        write(&mut bytes);
        (name.to_string(), bytes)
    };
    let fence = |floor: Option<i64>| Fence {
        recorded: at(61),
        floor: floor.map(at),
        entity: entity_bytes(),
    };
    let erasure = |is_done, floor: Option<i64>| ErasureRecord {
        is_done,
        at: at(70),
        prefix: prefix(),
        recorded: at(61),
        floor: floor.map(at),
        versions: if is_done { 3 } else { 0 },
        quarantined: u64::from(is_done),
    };
    let origin = Origin {
        source: "events".into(),
        partition: "0".into(),
        offset: 7,
    };
    let entry = |bytes: &[u8], form, origin, about| {
        let raw = Raw {
            bytes: bytes.to_vec(),
            form,
        };
        QuarantineEntry::new("feature \"gust\" expects f64", at(60), raw, origin, about)
    };
    let line = b"{\"gust\":\"x\"}";
    let nobody = About::default;
    let from_log = entry(line, Form::default(), Some(origin), nobody());
    let from_nowhere = entry(line, Form::default(), None, nobody());
    let supplied = Form::Line {
        namespace: Some("acme".into()),
        view: Some("weather".into()),
    };
    let about = || About {
        namespace: Some("acme".into()),
        view: Some("weather".into()),
        entity: Some(b"EWR".to_vec()),
    };
    let from_reader = entry(line, supplied, None, about());
    let record = Form::Record(std::sync::Arc::new(RecordForm {
        namespace: "acme".into(),
        view: "weather".into(),
        header: vec!["origin".into(), "at".into(), "gust".into()],
        event_time: "at".into(),
        recorded_at: None,
        op: None,
        null: Some("NA".into()),
    }));
    let from_table = entry(b"EWR,0,\xff", record, None, about());
    let version = Form::Version {
        event_time: at(61),
        recorded_at: Some(at(62)),
    };
    let from_handles = entry(&[1, 2], version, None, about());
    let totals = Totals {
        rows: 2,
        bytes: 300,
    };
    let marker = Marker {
        store_id: *b"an id of a store",
        hash_key: HASH_KEY,
    };
    let watermark = Watermark {
        generation: 3,
        sequence: 300,
        manifest: Extent {
            number: 5,
            bytes: 700,
        },
        log: Extent {
            number: 8,
            bytes: 1 << 20,
        },
        boot: *b"a run of machine",
        store: *b"an id of a store",
    };
    let set = set_digest();
    vec![
        ("entity".into(), entity_bytes()),
        ("prefix".into(), prefix().to_vec()),
        (
            "catalog-key identity".into(),
            catalog::IDENTITY_KEY.to_vec(),
        ),
        (
            "catalog-key next view".into(),
            catalog::NEXT_VIEW_KEY.to_vec(),
        ),
        (
            "catalog-key view".into(),
            catalog::view_key(ViewId(7)).to_vec(),
        ),
        (
            "catalog-key newest".into(),
            catalog::newest_key(ViewId(7)).to_vec(),
        ),
        (
            "catalog-key floor".into(),
            catalog::floor_key(ViewId(7)).to_vec(),
        ),
        ("catalog-key fence".into(), catalog::fence_key(&prefix())),
        ("catalog-key position".into(), position::key("events", "0")),
        (
            "catalog-key erasure".into(),
            catalog::erasure_key(258).to_vec(),
        ),
        written("contract", &|out| {
            catalog::encode_contract(&contract(), out)
        }),
        written("floor without horizon", &|out| {
            catalog::encode_floor(at(-1), None, out)
        }),
        written("floor", &|out| {
            catalog::encode_floor(at(60), Some(at(50)), out)
        }),
        written("fence without floor", &|out| {
            catalog::encode_fence(&fence(None), out)
        }),
        written("fence", &|out| catalog::encode_fence(&fence(Some(50)), out)),
        written("position without a claim", &|out| {
            let (offset, complete, counts) = (7, None, false);
            Position {
                offset,
                complete,
                counts,
            }
            .encode(out);
        }),
        written("position", &|out| {
            let complete = Complete {
                at: 6,
                through: at(60),
            };
            Position {
                offset: 7,
                complete: Some(complete),
                counts: true,
            }
            .encode(out);
        }),
        written("erasure pending", &|out| erasure(false, None).encode(out)),
        written("erasure done", &|out| erasure(true, Some(50)).encode(out)),
        ("marker".into(), marker.encode()),
        ("watermark".into(), watermark.encode()),
        written("quarantine from a log", &|out| from_log.encode(out)),
        written("quarantine from nowhere", &|out| from_nowhere.encode(out)),
        written(
            "quarantine of a line and what its reader supplied",
            &|out| from_reader.encode(out),
        ),
        written("quarantine of a record", &|out| from_table.encode(out)),
        written("quarantine of a version", &|out| from_handles.encode(out)),
        (
            "quarantine-key of a place in a log".into(),
            from_log.id.key().to_vec(),
        ),
        (
            "quarantine-key of raw bytes".into(),
            from_nowhere.id.key().to_vec(),
        ),
        (
            "quarantine-key of raw bytes and their form".into(),
            from_table.id.key().to_vec(),
        ),
        written("quarantine-totals", &|out| totals.encode(out)),
        (
            "set-digest".into(),
            [&set.hash.to_be_bytes()[..], &set.count.to_le_bytes()].concat(),
        ),
        ("set-digest of nothing".into(), vec![0; 24]),
        written("checksum of nothing", &|out| checksum::seal(b"", out, 0)),
        written("checksum of a key", &|out| {
            checksum::seal(b"123456789", out, 0)
        }),
        written("checksum of a key and a value", &|out| {
            out.extend(b"56789");
            checksum::seal(b"1234", out, 0);
        }),
    ]
}
