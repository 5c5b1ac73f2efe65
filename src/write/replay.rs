//! Reading again what was set aside: as a row, or only as far as whom it is about.

use super::batch::Draft;
use crate::catalog::{Catalog, Entity, View};
use crate::error::{Error, Result};
use crate::format::quarantine::{About, Form, QuarantineEntry};
use crate::format::row::HistoryRow;
use crate::id::DEFAULT_NAMESPACE;
use crate::interchange::Event;
use crate::time::Timestamp;

/// A row that was read again.
#[cfg_attr(
    not(feature = "text"),
    allow(dead_code, reason = "only text is read as an event")
)]
pub(super) enum Read {
    Event(Event),
    Draft(Draft),
}

/// Reads what came in by the views as they are now.
pub(super) fn read(entry: &QuarantineEntry, catalog: &Catalog) -> Result<Read> {
    if entry.is_cut() {
        return Err(Error::invalid(format!(
            "{} bytes came in and only the first {} were kept, so the row cannot be read again; \
             mend it where it came from, ingest it, and drop this entry",
            entry.raw_bytes,
            entry.raw.len()
        )));
    }
    match &entry.form {
        Form::Version {
            event_time,
            recorded_at,
        } => version(entry, *event_time, *recorded_at, catalog).map(Read::Draft),
        #[cfg(feature = "text")]
        Form::Line { namespace, view } => {
            let event = crate::interchange::JsonEvent::parse(&entry.raw)?;
            let view = match (event.view(), view) {
                (Err(_), Some(supplied)) => supplied,
                (named, _) => named?,
            };
            let namespace = event.namespace().or(namespace.as_deref());
            let state = catalog.get(namespace.unwrap_or(DEFAULT_NAMESPACE), view)?;
            event.resolve(&state.contract()).map(Read::Event)
        }
        #[cfg(feature = "text")]
        Form::Record(form) => {
            let state = catalog.get(&form.namespace, &form.view)?;
            let contract = state.contract();
            let reader = crate::interchange::RecordReader::of_form(&contract, form)?;
            reader.read_raw(&entry.raw).map(Read::Event)
        }
        #[cfg(not(feature = "text"))]
        _ => Err(Error::invalid(
            "the row came in as text, and this build of asof reads none; replay it with a build \
             that has the feature \"text\"",
        )),
    }
}

fn version(
    entry: &QuarantineEntry,
    et: Timestamp,
    rec: Option<Timestamp>,
    catalog: &Catalog,
) -> Result<Draft> {
    let namespace = entry.namespace.as_deref().unwrap_or(DEFAULT_NAMESPACE);
    let view = entry.view.as_deref().unwrap_or_default();
    let view = View::of(catalog.get(namespace, view)?);
    let row = HistoryRow::parse(&entry.raw)?;
    crate::format::entity::decode(view.contract(), row.entity)?;
    crate::format::digest::content(view.contract(), &row.body)?;
    Ok(Draft {
        entity: Entity::of_bytes(&view.state, row.entity),
        op: row.op,
        value: entry.raw.clone(),
        view,
        et,
        rec,
    })
}

/// The event time and the recorded-at of a row that was set aside, where they can be read.
pub(super) fn times(entry: &QuarantineEntry) -> Option<(Timestamp, Timestamp)> {
    match &entry.form {
        Form::Version {
            event_time,
            recorded_at,
        } => Some((*event_time, recorded_at.unwrap_or(*event_time))),
        #[cfg(feature = "text")]
        Form::Line { .. } => {
            let event = crate::interchange::JsonEvent::parse(&entry.raw).ok()?;
            Some(event.times())
        }
        #[cfg(feature = "text")]
        Form::Record(form) => crate::interchange::RecordReader::times_again(form, &entry.raw),
        #[cfg(not(feature = "text"))]
        _ => None,
    }
}

/// Whom raw bytes are about, as far as they can be read by the views as they are now.
#[cfg(feature = "text")]
pub(crate) fn about(raw: &[u8], form: &Form, catalog: &Catalog) -> About {
    use crate::interchange::{Glance, RecordReader};
    let of = |namespace: Option<String>, view: Option<String>| {
        let found = view.as_deref().and_then(|view| {
            let namespace = namespace.as_deref().unwrap_or(DEFAULT_NAMESPACE);
            catalog.find(namespace, view).map(View::of)
        });
        let about = About {
            namespace,
            view,
            entity: None,
        };
        (about, found)
    };
    let encoded = |view: &View, columns| view.entity::<crate::value::Value>(columns).ok();
    let (about, entity) = match form {
        Form::Line { namespace, view } => {
            let glance = Glance::at(raw);
            let name = |said: Option<std::borrow::Cow<'_, str>>, supplied: &Option<_>| {
                said.map(Into::into)
                    .or_else(|| supplied.as_deref().map(str::to_owned))
            };
            let (about, view) = of(name(glance.namespace, namespace), name(glance.view, view));
            let entity = view.zip(glance.entity).and_then(|(view, entity)| {
                let columns = view.contract().read_entity_json(entity).ok()?;
                encoded(&view, columns)
            });
            (about, entity)
        }
        Form::Record(form) => {
            let (about, view) = of(Some(form.namespace.clone()), Some(form.view.clone()));
            let entity = view.and_then(|view| {
                let columns = RecordReader::key_again(view.contract(), form, raw)?;
                encoded(&view, columns)
            });
            (about, entity)
        }
        Form::Version { .. } => return About::default(),
    };
    About {
        entity: entity.map(|entity| entity.bytes().to_vec()),
        ..about
    }
}

/// Whom raw bytes are about: this build reads no text.
#[cfg(not(feature = "text"))]
pub(crate) fn about(_: &[u8], form: &Form, _: &Catalog) -> About {
    let (namespace, view) = match form {
        Form::Line { namespace, view } => (namespace.as_deref(), view.as_deref()),
        Form::Record(form) => (Some(&*form.namespace), Some(&*form.view)),
        Form::Version { .. } => (None, None),
    };
    About {
        namespace: namespace.map(str::to_owned),
        view: view.map(str::to_owned),
        entity: None,
    }
}
