//! Which rows keep their contract. Pure but for the catalog it looks names up in.

use super::batch::{Draft, Pending, encode, encode_row};
use super::replay::{self, Read};
use crate::catalog::{Catalog, Entity, View};
use crate::error::{Error, Result, did_you_mean};
use crate::format::checksum;
use crate::format::digest;
use crate::format::key::{self, HISTORY_KEY_BYTES, Stamp};
use crate::format::limits::ROW_BYTES_MAX;
use crate::format::quarantine::{About, Form, Origin, QuarantineEntry, Raw};
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
    /// A history row as it is stored, its checksum at the end.
    pub(super) stored: Vec<u8>,
    /// Its number in the batch, from zero.
    pub(super) number: usize,
    pub(super) came: Came,
}

/// How a row came, in case that it is bad after all.
#[derive(Default)]
pub(super) enum Came {
    /// By handles: what there is of it is the candidate.
    #[default]
    Checked,
    Raw(Raw, Option<Origin>),
    Replayed(Box<QuarantineEntry>),
}

impl Came {
    /// The entry that is done with once the row is written.
    pub(super) fn replayed(&self) -> Option<&QuarantineEntry> {
        match self {
            Came::Replayed(entry) => Some(entry),
            _ => None,
        }
    }
}

/// A row that does not.
pub(super) struct Bad {
    pub(super) number: usize,
    pub(super) error: Error,
    pub(super) entry: QuarantineEntry,
    /// Whether the entry was there before, and has a new reason.
    pub(super) replayed: bool,
}

impl Bad {
    pub(super) fn new(
        number: usize,
        error: Error,
        came: Came,
        about: About,
        now: Timestamp,
    ) -> Self {
        let reason = error.to_string();
        let (entry, replayed) = match came {
            Came::Replayed(entry) => (entry.again(&reason, about), true),
            Came::Raw(raw, origin) => (
                QuarantineEntry::new(&reason, now, raw, origin, about),
                false,
            ),
            Came::Checked => {
                let raw = Raw::default();
                (QuarantineEntry::new(&reason, now, raw, None, about), false)
            }
        };
        Bad {
            number,
            error,
            entry,
            replayed,
        }
    }

    /// The entry that stays, or is done with where the row turns out to be fenced.
    pub(super) fn replayed(&self) -> Option<&QuarantineEntry> {
        self.replayed.then_some(&self.entry)
    }

    /// A candidate that cannot be stored after all.
    pub(super) fn of(row: &Candidate, error: Error, now: Timestamp) -> Self {
        let about = about_of(&row.view, &row.entity);
        let came = match &row.came {
            Came::Checked => Came::Raw(raw_of(row), None),
            Came::Raw(raw, origin) => Came::Raw(raw.clone(), origin.clone()),
            Came::Replayed(entry) => Came::Replayed(entry.clone()),
        };
        Bad::new(row.number, error, came, about, now)
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
        let (drafted, event, came) = match row {
            Pending::Bad { error, raw, origin } => (Err(error), None, Came::Raw(raw, origin)),
            Pending::Draft(draft) => (Ok(draft), None, Came::Checked),
            Pending::Event { event, raw, origin } => (
                draft(&event, catalog, &mut builder),
                Some(event),
                Came::Raw(raw, origin),
            ),
            Pending::Replay { entry, event } => {
                let drafted = match event.map_or_else(|| replay::read(&entry, catalog), as_read) {
                    Ok(Read::Event(event)) => draft(&event, catalog, &mut builder),
                    Ok(Read::Draft(draft)) => Ok(draft),
                    Err(error) => Err(error),
                };
                (drafted, None, Came::Replayed(entry))
            }
        };
        let draft = match drafted {
            Ok(draft) => draft,
            Err(error) => {
                let about = match (event, &came) {
                    (Some(event), _) => about_event(event, catalog),
                    (None, came) => about_raw(came, catalog),
                };
                bad.push(Bad::new(number, error, came, about, now));
                continue;
            }
        };
        match check(&draft, appended).and_then(|()| stamp(&draft)) {
            Ok(stamp) => good.push(Candidate::of(draft, stamp, number, came)),
            Err(error) => {
                let stamp = Stamp {
                    et: draft.et,
                    rec: draft.rec.unwrap_or(draft.et),
                    last: 0,
                };
                let row = Candidate::of(draft, stamp, number, came);
                bad.push(Bad::of(&row, error, now));
            }
        }
    }
    (good, bad)
}

fn as_read(event: Event) -> Result<Read> {
    Ok(Read::Event(event))
}

fn about_raw(came: &Came, catalog: &Catalog) -> About {
    match came {
        Came::Checked => About::default(),
        Came::Raw(raw, _) => replay::about(&raw.bytes, &raw.form, catalog),
        Came::Replayed(entry) => replay::about(&entry.raw, &entry.form, catalog),
    }
}

fn about_event(event: Event, catalog: &Catalog) -> About {
    let view = catalog.find(&event.namespace, &event.view).map(View::of);
    let entity = view.and_then(|view| {
        let columns = columns(view.contract(), &event.entity).ok()?;
        view.entity(columns).ok()
    });
    About {
        namespace: Some(event.namespace),
        view: Some(event.view),
        entity: entity.map(|entity| entity.bytes().to_vec()),
    }
}

fn about_of(view: &View, entity: &Entity) -> About {
    About {
        namespace: Some(view.namespace().to_owned()),
        view: Some(view.name().to_owned()),
        entity: Some(entity.bytes().to_vec()),
    }
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

/// What the quarantine keeps of a row that came by handles: the event line that says the same, or,
/// in a build without text, the version.
fn raw_of(row: &Candidate) -> Raw {
    #[cfg(feature = "text")]
    if let Ok(version) = HistoryRow::parse(row.value()) {
        return line_of(row, &version).into();
    }
    Raw {
        bytes: row.value().to_vec(),
        form: Form::Version {
            event_time: row.stamp.et,
            recorded_at: Some(row.stamp.rec),
        },
    }
}

#[cfg(feature = "text")]
fn line_of(row: &Candidate, version: &HistoryRow<'_>) -> String {
    let contract = &row.view.contract;
    let said = crate::query::Version::of(contract, row.stamp, version, row.value(), false);
    let mut line = String::new();
    let event = crate::interchange::EventLine {
        contract,
        entity: &row.entity.to_values(),
        event_time: row.stamp.et,
        recorded_at: row.stamp.rec,
        op: row.op,
        base: false,
    };
    event.write_dump(&mut line, said.features().filter_map(Result::ok));
    line
}

fn stamp(draft: &Draft) -> Result<Stamp> {
    let row = HistoryRow::parse(&draft.value)?;
    let digest = digest::content(&draft.view.contract, &row.body)?;
    let rec = draft.rec.unwrap_or(draft.et);
    Ok(Stamp::new(draft.et, rec, draft.op, digest))
}

impl Candidate {
    fn of(draft: Draft, stamp: Stamp, number: usize, came: Came) -> Self {
        let key = key::history(draft.entity.prefix(), &stamp);
        let mut stored = draft.value;
        checksum::seal(&key, &mut stored, 0);
        Candidate {
            view: draft.view,
            entity: draft.entity,
            op: draft.op,
            stamp,
            key,
            stored,
            number,
            came,
        }
    }

    /// A history row without its checksum.
    pub(super) fn value(&self) -> &[u8] {
        &self.stored[..self.stored.len() - checksum::WIDTH]
    }
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
fn draft(event: &Event, catalog: &Catalog, builder: &mut BodyBuilder) -> Result<Draft> {
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
    } = *event;
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
