//! Which rows keep their contract. Pure but for the catalog it looks names up in.

use super::batch::{Draft, Pending, encode, encode_row};
use crate::catalog::{Catalog, Entity, View};
use crate::error::{Error, Result, did_you_mean};
use crate::format::digest;
use crate::format::key::{self, HISTORY_KEY_BYTES, Stamp};
use crate::format::limits::ROW_BYTES_MAX;
use crate::format::quarantine::{Origin, QuarantineEntry};
use crate::format::row::{BodyBuilder, HistoryRow};
use crate::interchange::Event;
use crate::law::check_times;
use crate::op::Op;
use crate::schema::Contract;
use crate::time::Timestamp;
use crate::value::Value;
use std::fmt::Write;

/// A row that keeps its contract: everything that is written of it, before any lock is taken.
pub(super) struct Candidate {
    pub(super) view: View,
    pub(super) entity: Entity,
    pub(super) op: Op,
    pub(super) stamp: Stamp,
    pub(super) key: [u8; HISTORY_KEY_BYTES],
    /// A history row without its checksum.
    pub(super) value: Vec<u8>,
    /// Its number in the batch, from zero.
    pub(super) number: usize,
    pub(super) raw: Vec<u8>,
    pub(super) origin: Option<Origin>,
}

/// A row that does not.
pub(super) struct Bad {
    pub(super) number: usize,
    pub(super) error: Error,
    pub(super) entry: QuarantineEntry,
}

impl Bad {
    pub(super) fn new(
        number: usize,
        error: Error,
        raw: Vec<u8>,
        origin: Option<Origin>,
        now: Timestamp,
    ) -> Self {
        let entry = QuarantineEntry {
            reason: error.to_string(),
            set_aside_at: now,
            raw,
            origin,
        };
        Bad {
            number,
            error,
            entry,
        }
    }
}

/// Judges a batch: one `now`, one catalog.
pub(super) fn judge(
    rows: Vec<Pending>,
    catalog: &Catalog,
    now: Timestamp,
    appended: Timestamp,
) -> (Vec<Candidate>, Vec<Bad>) {
    let (mut good, mut bad) = (Vec::with_capacity(rows.len()), Vec::new());
    let mut builder = BodyBuilder::default();
    for (number, row) in rows.into_iter().enumerate() {
        let (judged, raw, origin) = match row {
            Pending::Bad { error, raw, origin } => (Err(error), raw, origin),
            Pending::Draft(draft) => match check(&draft, appended) {
                Ok(()) => (candidate(draft, number), Vec::new(), None),
                Err(error) => (Err(error), raw_of(&draft), None),
            },
            Pending::Event { event, raw, origin } => {
                let drafted = draft(event, catalog, &mut builder);
                let judged = drafted.and_then(|draft| {
                    check(&draft, appended)?;
                    candidate(draft, number)
                });
                (judged, raw, origin)
            }
        };
        match judged {
            Ok(candidate) => good.push(Candidate {
                raw,
                origin,
                ..candidate
            }),
            Err(error) => bad.push(Bad::new(number, error, raw, origin, now)),
        }
    }
    (good, bad)
}

fn check(draft: &Draft, appended: Timestamp) -> Result<()> {
    let Draft {
        view,
        entity,
        et,
        rec,
        ..
    } = draft;
    check_times(&view.contract, *et, *rec, appended)
        .map_err(|e| e.at(place(&view.contract, &entity.to_values())))
}

/// What the quarantine keeps of a row that came by handles: the event line that says the same.
#[cfg(feature = "text")]
fn raw_of(draft: &Draft) -> Vec<u8> {
    let Draft {
        view,
        entity,
        et,
        rec,
        op,
        value,
    } = draft;
    let Ok(row) = HistoryRow::parse(value) else {
        return value.clone();
    };
    let stamp = Stamp {
        et: *et,
        rec: rec.unwrap_or(*et),
        last: 0,
    };
    let version = crate::query::Version::of(&view.contract, stamp, &row, value, false);
    let mut line = String::new();
    let event = crate::interchange::EventLine {
        contract: view.contract(),
        entity: &entity.to_values(),
        event_time: *et,
        recorded_at: rec.unwrap_or(*et),
        op: *op,
        base: false,
    };
    event.write_dump(&mut line, version.features().filter_map(Result::ok));
    line.into_bytes()
}

#[cfg(not(feature = "text"))]
fn raw_of(draft: &Draft) -> Vec<u8> {
    draft.value.clone()
}

fn candidate(draft: Draft, number: usize) -> Result<Candidate> {
    let Draft {
        view,
        entity,
        et,
        rec,
        op,
        value,
    } = draft;
    let row = HistoryRow::parse(&value)?;
    let digest = digest::content(&view.contract, &row.body)?;
    let stamp = Stamp::new(et, rec.unwrap_or(et), op, digest);
    let key = key::history(entity.prefix(), &stamp);
    Ok(Candidate {
        view,
        entity,
        op,
        stamp,
        key,
        value,
        number,
        raw: Vec::new(),
        origin: None,
    })
}

/// Where a message is about: the view, its schema version and the entity.
pub(super) fn place(contract: &Contract, entity: &[Value]) -> String {
    let mut out = format!("view {:?} v{}", contract.name(), contract.version());
    let columns = contract.key().iter().zip(entity);
    for (at, (column, value)) in columns.enumerate() {
        let _ = write!(
            out,
            "{}{}={}",
            if at == 0 { ", entity " } else { " " },
            column.name,
            shown(value)
        );
    }
    out
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(v) => v.to_string(),
        Value::I32(v) => v.to_string(),
        Value::I64(v) => v.to_string(),
        Value::Timestamp(v) => v.to_string(),
        Value::String(v) => format!("{v:?}"),
        Value::Bytes(v) => crate::id::Hex(v).to_string(),
        other => other.describe(),
    }
}

pub(super) fn check_op(op: Op, features: usize) -> Result<()> {
    match (op, features) {
        (Op::Patch, 0) => Err(Error::contract(
            "a patch names at least one feature, this one names none; to say that nothing is left, \
             write a put or a delete",
        )),
        (Op::Delete, 1..) => Err(Error::contract(format!(
            "a delete has no features, this one has {features}; write a put or a patch for them"
        ))),
        _ => Ok(()),
    }
}

pub(super) fn check_size(bytes: usize) -> Result<()> {
    if bytes <= ROW_BYTES_MAX {
        return Ok(());
    }
    Err(Error::contract(format!(
        "the row takes {bytes} bytes encoded, at most {ROW_BYTES_MAX} fit (ROW_BYTES_MAX)"
    )))
}

/// Resolves an event's names and checks its values.
fn draft(event: Event, catalog: &Catalog, builder: &mut BodyBuilder) -> Result<Draft> {
    let state = catalog.get(&event.namespace, &event.view)?;
    let view = View::of(state);
    let contract = view.contract();
    let columns = columns(contract, &event.entity)?;
    let here = |error: Error| error.at(place(contract, &columns));
    let version = event.schema_version.unwrap_or(contract.version());
    if version == 0 || version > contract.version() {
        return Err(here(Error::contract(format!(
            "schema version {version} is unknown; the view has versions 1 to {}",
            contract.version()
        ))));
    }
    let entity = view.entity(columns.iter().cloned()).map_err(here)?;
    builder.clear();
    for (name, value) in &event.features {
        set(contract, version, name, value, builder).map_err(here)?;
    }
    check_op(event.op, builder.len()).map_err(here)?;
    let value = encode_row(&view, event.op, &entity, builder);
    check_size(value.len()).map_err(here)?;
    let Event {
        event_time: et,
        recorded_at: rec,
        op,
        ..
    } = event;
    Ok(Draft {
        view: view.clone(),
        entity,
        et,
        rec,
        op,
        value,
    })
}

/// The key columns of an event, in the order of the key.
fn columns(contract: &Contract, named: &[(String, Value)]) -> Result<Vec<Value>> {
    let mut columns = vec![Value::Null; contract.key().len()];
    let mut given = vec![false; columns.len()];
    let here = |text: String| Error::contract(text).at(place(contract, &[]));
    for (name, value) in named {
        let at = contract
            .key()
            .iter()
            .position(|column| column.name == *name)
            .ok_or_else(|| {
                let names = contract.key().iter().map(|column| column.name.as_str());
                here(format!(
                    "no entity column {name:?}{}",
                    did_you_mean(name, names)
                ))
            })?;
        if std::mem::replace(&mut given[at], true) {
            return Err(here(format!(
                "entity column {name:?} is given twice; keep one"
            )));
        }
        columns[at] = value.clone();
    }
    for (column, given) in contract.key().iter().zip(given) {
        if !given {
            return Err(here(format!(
                "entity column {:?} is missing; it is a {}",
                column.name, column.ty
            )));
        }
    }
    Ok(columns)
}

fn set(
    contract: &Contract,
    version: u32,
    name: &str,
    value: &Value,
    builder: &mut BodyBuilder,
) -> Result<()> {
    let feature = contract
        .find(name)
        .filter(|f| f.since() <= version)
        .ok_or_else(|| {
            let names = contract
                .features()
                .iter()
                .filter(|f| f.since() <= version)
                .map(|f| f.name());
            Error::contract(format!(
                "no feature {name:?} in schema version {version}{}",
                did_you_mean(name, names)
            ))
        })?;
    contract.check_value(feature, value)?;
    if builder.has(feature.id()) {
        return Err(Error::contract(format!(
            "feature {name:?} is given twice; a row says one thing of it"
        )));
    }
    encode(builder, feature.id(), value);
    Ok(())
}
