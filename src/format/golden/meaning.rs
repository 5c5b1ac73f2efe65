//! What the bytes of a golden case say, read by the code that reads a store.

use super::{at, columns, contract, entity_bytes, history_key, prefix, unhex};
use crate::error::Result;
use crate::format::catalog::{self, CatalogKey};
use crate::format::digest::{self, SetDigest};
use crate::format::erasure::ErasureRecord;
use crate::format::key::{self, Stamp};
use crate::format::marker::Marker;
use crate::format::position::Position;
use crate::format::quarantine::{Form, QuarantineEntry, QuarantineId, Totals};
use crate::format::row::{HistoryRow, LatestRow, Slot};
use crate::format::watermark::Watermark;
use crate::format::{checksum, entity, value};
use crate::id::{FeatureId, Hex};
use crate::schema::{Contract, MaxSkew, OnExpiry, Retention, TimePolicy};
use crate::time::Timestamp;
use crate::value::Value;

/// The meaning of a case, by the format that its name begins with.
pub(super) fn meaning(name: &str, bytes: &[u8]) -> Result<String> {
    let format = name.split(' ').next().unwrap_or_default();
    Ok(match format {
        "history-key" => {
            let (prefix, stamp) = key::split_history(bytes)?;
            format!("prefix {} {}", Hex(&prefix), stamp_text(&stamp))
        }
        "history-row" => history_row_text(bytes)?,
        "latest-row" => latest_row_text(bytes)?,
        "digest" => digest_text(name, bytes),
        "entity" => {
            assert_eq!(entity::decode(&contract(), bytes)?, columns());
            let columns = columns();
            let texts: Vec<String> = columns.into_iter().map(value_text).collect();
            format!("[{}]", texts.join(", "))
        }
        "prefix" => format!(
            "view {} and SipHash-2-4 of the entity",
            key::view_of(bytes)?
        ),
        "catalog-key" => match catalog::parse_key(bytes).expect("the key is known") {
            CatalogKey::Identity => "the identity of the store".into(),
            CatalogKey::NextView => "the next view id".into(),
            CatalogKey::View(id) => format!("the contract of view {id}"),
            CatalogKey::Newest(id) => format!("the newest event time of view {id}"),
            CatalogKey::Floor(id) => format!("the floor of view {id}"),
            CatalogKey::Fence(prefix) => format!("the fence of {}", Hex(&prefix)),
            CatalogKey::Position(source, partition) => {
                format!("the position of {source} {partition}")
            }
            CatalogKey::Erasure(number) => format!("the record of erase {number}"),
        },
        "contract" => contract_text(&catalog::decode_contract(bytes)?),
        "floor" => {
            let (floor, horizon) = catalog::decode_floor(bytes)?;
            format!("X {} H {}", floor.micros(), time_text(horizon))
        }
        "fence" => {
            let fence = catalog::decode_fence(bytes)?;
            let (recorded, floor) = (fence.recorded.micros(), time_text(fence.floor));
            format!("R {recorded} X {floor} entity {}", Hex(&fence.entity))
        }
        "position" => {
            let position = Position::decode(bytes)?;
            let complete = position.complete.map_or("none".into(), |complete| {
                format!("{} at {}", complete.through.micros(), complete.at)
            });
            let counts = position.counts;
            format!("{} complete {complete} counts {counts}", position.offset)
        }
        "erasure" => {
            let record = ErasureRecord::decode(bytes)?;
            let state = if record.is_done { "done" } else { "pending" };
            format!(
                "{state} at {} of {} R {} X {} versions {} quarantined {}",
                record.at.micros(),
                Hex(&record.prefix),
                record.recorded.micros(),
                time_text(record.floor),
                record.versions,
                record.quarantined
            )
        }
        "marker" => {
            let marker = Marker::decode(bytes)?;
            let [id, key] =
                [marker.store_id, marker.hash_key.0].map(|b| b.escape_ascii().to_string());
            format!("store {id:?} hash key {key:?}")
        }
        "watermark" => {
            let mark = Watermark::decode(bytes)?;
            let (manifest, log) = (mark.manifest, mark.log);
            format!(
                "generation {} sequence {} manifest {} to {} log {} to {} boot {:?} store {:?}",
                mark.generation,
                mark.sequence,
                manifest.number,
                manifest.bytes,
                log.number,
                log.bytes,
                mark.boot.escape_ascii().to_string(),
                mark.store.escape_ascii().to_string()
            )
        }
        "quarantine" => {
            let id = QuarantineId::of(b"", &Form::default(), None);
            let entry = QuarantineEntry::decode(id, bytes)?;
            let (set_aside, raw) = (entry.set_aside_at.micros(), entry.raw.escape_ascii());
            let from = entry.origin.map_or("nowhere".into(), |origin| {
                format!("{} {} {}", origin.source, origin.partition, origin.offset)
            });
            let about = [entry.namespace, entry.view].map(|name| name.unwrap_or("-".into()));
            let entity = entry.entity.unwrap_or_default();
            format!(
                "{} at {set_aside} raw {raw} of {} bytes from {from} about {} {:?} as {}",
                entry.reason,
                entry.raw_bytes,
                about.join(" "),
                entity.escape_ascii().to_string(),
                form_text(&entry.form)
            )
        }
        "quarantine-totals" => {
            let totals = Totals::decode(bytes)?;
            format!("{} rows of {} bytes", totals.rows, totals.bytes)
        }
        "quarantine-key" => {
            let of = if bytes[0] == 1 {
                "source, partition and offset"
            } else {
                "the raw bytes"
            };
            format!("BLAKE3 of {of}")
        }
        "set-digest" => {
            let (hash, count) = bytes.split_first_chunk().expect("it begins with the hash");
            let count = u64::from_le_bytes(count.try_into().expect("a count has eight bytes"));
            SetDigest {
                hash: u128::from_be_bytes(*hash),
                count,
            }
            .to_string()
        }
        "checksum" => checksum_text(bytes),
        other => panic!("nobody reads {other:?}"),
    })
}

fn time_text(time: Option<Timestamp>) -> String {
    time.map_or("none".into(), |time| time.micros().to_string())
}

/// Times as the numbers that are stored.
fn value_text(value: Value) -> String {
    match value {
        Value::Timestamp(time) => format!("Timestamp(Timestamp({}))", time.micros()),
        other => format!("{other:?}"),
    }
}

fn form_text(form: &Form) -> String {
    let time = |time: Timestamp| format!("Timestamp({})", time.micros());
    match form {
        Form::Version {
            event_time,
            recorded_at,
        } => {
            let (at, recorded) = (time(*event_time), recorded_at.map(time));
            let recorded = recorded.map_or("None".into(), |text| format!("Some({text})"));
            format!("Version {{ event_time: {at}, recorded_at: {recorded} }}")
        }
        other => format!("{other:?}"),
    }
}

fn stamp_text(stamp: &Stamp) -> String {
    let op = stamp.op().expect("the op is one");
    let digest = (stamp.last << 2).to_be_bytes();
    format!(
        "et {} rec {} {op} {}",
        stamp.et.micros(),
        stamp.rec.micros(),
        Hex(&digest)
    )
}

fn listed(texts: Vec<String>) -> String {
    if texts.is_empty() {
        "nothing".into()
    } else {
        texts.join(", ")
    }
}

fn slot_text(id: FeatureId, slot: Slot<'_>) -> String {
    let contract = contract();
    let feature = contract.by_id(id).expect("the view has it");
    let text = match slot {
        Slot::Null => "null".into(),
        Slot::Value(bytes) if bytes.len() > 100 => format!("{} bytes", bytes.len()),
        Slot::Value(bytes) => {
            let value = value::decode(feature.ty(), bytes).expect("it is of its type");
            value_text(value.to_value())
        }
    };
    format!("{id} {} {text}", feature.name())
}

fn history_row_text(bytes: &[u8]) -> Result<String> {
    // The key holds the digest, which is that of the body: a row says under which key it stands.
    let body = HistoryRow::parse(&bytes[..bytes.len() - 4])?;
    let digest = digest::content(&contract(), &body.body)?;
    let key = history_key(&Stamp::new(at(60), at(61), body.op, digest));
    let row = HistoryRow::open(&key, bytes)?;
    assert_eq!(row.entity, entity_bytes());
    let slots = row
        .body
        .iter()
        .map(|entry| entry.map(|(id, slot)| slot_text(id, slot)));
    let slots = listed(slots.collect::<Result<_>>()?);
    Ok(format!(
        "{} of schema version {}: {slots}",
        row.op, row.schema_version
    ))
}

fn latest_row_text(bytes: &[u8]) -> Result<String> {
    let row = LatestRow::open(&prefix(), bytes)?;
    assert_eq!(row.entity(), entity_bytes());
    let floor = match row.floor() {
        None => "none".into(),
        Some(floor) => format!(
            "({}, delete: {})",
            stamp_text(&floor),
            row.floor_is_delete()
        ),
    };
    let slots = row.iter().map(|entry| {
        let (id, stamp, slot) = entry?;
        Ok(format!(
            "{} since ({})",
            slot_text(id, slot),
            stamp_text(&stamp)
        ))
    });
    Ok(format!(
        "schema version {} newest {} next due {} floor {floor} stamps {}: {}",
        row.schema_version(),
        time_text(row.newest_et()),
        time_text(row.next_due()),
        row.stamps().count(),
        listed(slots.collect::<Result<_>>()?)
    ))
}

/// The canonical bytes whose BLAKE3 begins with the digest, spelled out here by hand.
fn digest_text(name: &str, bytes: &[u8]) -> String {
    let canonical = [
        ("blob", "04 626c6f62 07 02000000 00ff"),
        (
            "counts",
            "06 636f756e7473 0a 03 02000000 0100000000000000 ffffffffffffffff",
        ),
        (
            "embedding",
            "09 656d62656464696e67 09 02000000 0000c03f 0000c07f",
        ),
        ("flag", "04 666c6167 02 01"),
        ("large", "05 6c61726765 03 0000000000000080"),
        ("seen", "04 7365656e 08 00980dd733d20400"),
        (
            "shares",
            "06 736861726573 0a 05 02000000 000000000000e03f 000000000000f87f",
        ),
        ("single", "06 73696e676c65 04 00000080"),
        ("small", "05 736d616c6c 03 feffffffffffffff"),
        ("squall", "06 737175616c6c 05 c3f5285c8f824340"),
        ("text", "04 74657874 06 02000000 c3a9"),
        (
            "words",
            "05 776f726473 0a 06 03000000 01000000 61 00000000 02000000 6263",
        ),
    ];
    let asked = name.strip_prefix("digest ").unwrap_or_default();
    let text = match asked {
        "of nothing" => String::new(),
        "null" => "06 737175616c6c 01".into(),
        "every kind" => canonical.map(|(_, text)| text).join(" "),
        one => {
            let found = canonical.iter().find(|(name, _)| *name == one);
            found.expect("every value has its bytes here").1.into()
        }
    };
    let hash = blake3::hash(&unhex(&text));
    assert_eq!(
        Hex(&hash.as_bytes()[..16]).to_string(),
        Hex(bytes).to_string(),
        "{name}: {text}"
    );
    format!(
        "BLAKE3 of {}",
        if text.is_empty() { "nothing" } else { &text }
    )
}

fn contract_text(contract: &Contract) -> String {
    let key: Vec<String> = contract
        .key()
        .iter()
        .map(|c| format!("{} {}", c.name, c.ty))
        .collect();
    let features = contract.features().iter().map(|feature| {
        let definition = feature.definition();
        format!(
            "{} {} (born {}) {} since {} nullable {} finite {}",
            feature.id(),
            feature.name(),
            definition.birth_name(),
            feature.ty(),
            feature.since(),
            definition.is_nullable(),
            definition.is_finite()
        )
    });
    let TimePolicy {
        ttl,
        on_expiry,
        history,
        max_skew,
        ..
    } = *contract.time();
    let history = match history {
        Retention::Forever => "forever".into(),
        Retention::Window(window) => window.to_string(),
    };
    let max_skew = match max_skew {
        MaxSkew::Forever => "forever".into(),
        MaxSkew::Within(skew) => skew.to_string(),
    };
    let on_expiry = match on_expiry {
        OnExpiry::Expire => "expire",
        OnExpiry::Stale => "stale",
    };
    format!(
        "view {} {}/{} version {} key ({}) features ({}) ttl {} on_expiry {on_expiry} history \
         {history} max_skew {max_skew} sources ({})",
        contract.id(),
        contract.namespace(),
        contract.name(),
        contract.version(),
        key.join(", "),
        features.collect::<Vec<_>>().join(", "),
        ttl.map_or("none".into(), |ttl| ttl.to_string()),
        contract.sources().join(", "),
    )
}

/// The check value that every description of CRC-32 (IEEE) gives for "123456789" is `cbf43926`.
fn checksum_text(bytes: &[u8]) -> String {
    let (value, sum) = bytes
        .split_last_chunk::<4>()
        .expect("it ends with the checksum");
    let keys: [&[u8]; 3] = [b"", b"123456789", b"1234"];
    let key = keys
        .into_iter()
        .find(|key| checksum::open("it", key, bytes).is_ok());
    let [key, value] = [key.expect("one of the keys is right"), value].map(|b| b.escape_ascii());
    format!(
        "CRC-32 {:08x} of key \"{key}\" and value \"{value}\"",
        u32::from_le_bytes(*sum)
    )
}
