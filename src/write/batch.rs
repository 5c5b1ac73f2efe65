//! Rows on their way in.

use crate::catalog::{Entity, Taken, View};
use crate::error::{Error, Result};
use crate::format::quarantine::{Origin, QuarantineEntry, Raw};
use crate::format::row::{BodyBuilder, begin_history};
use crate::interchange::Event;
use crate::op::Op;
use crate::query::{Features, Typed, TypedFeature, TypedFeatures};
use crate::time::Timestamp;
use crate::value::Value;
use std::borrow::Borrow;

/// Rows that are written together: seen together, surviving together, across views.
///
/// ```
/// # use asof::*;
/// # fn main() -> Result<()> {
/// # let store = Store::temp()?;
/// # store.apply(ViewDefinition::builder("weather").key("origin", Type::String).feature("temp", Type::F64).build()?)?;
/// let weather = store.view("weather")?;
/// let temp = weather.feature::<f64>("temp")?;
/// let newark = weather.entity(["EWR"])?;
///
/// let mut batch = WriteBatch::new();
/// batch.put(&weather, &newark, Timestamp::parse("2013-01-01T06:00:00Z")?).set(&temp, 39.02).finish()?;
/// let receipt = store.write(batch, WriteOptions::default())?;
/// assert_eq!(receipt.applied, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct WriteBatch {
    pub(super) rows: Vec<Pending>,
    /// Which stretches of which logs it is.
    pub(super) taken: Vec<Taken>,
    bytes: usize,
    builder: BodyBuilder,
}

/// A row, as far as it has come.
#[derive(Debug)]
pub(super) enum Pending {
    /// Checked and encoded by handles.
    Draft(Draft),
    /// By names; not judged yet.
    Event {
        event: Event,
        raw: Raw,
        origin: Option<Origin>,
    },
    /// It could not even be read.
    Bad {
        error: Error,
        raw: Raw,
        origin: Option<Origin>,
    },
    /// It was set aside before; read as this event, or else as it came in.
    Replay {
        entry: Box<QuarantineEntry>,
        event: Option<Event>,
    },
}

/// A row that breaks no contract but may still have impossible times.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) view: View,
    pub(super) entity: Entity,
    pub(super) et: Timestamp,
    pub(super) rec: Option<Timestamp>,
    pub(super) op: Op,
    /// A history row without its checksum.
    pub(super) value: Vec<u8>,
}

impl WriteBatch {
    /// An empty batch.
    pub fn new() -> Self {
        WriteBatch::default()
    }

    /// How many rows it has.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// About how many bytes it takes: rows by handles as they are encoded, events as they came. Who
    /// fills batches from a stream begins the next one well below
    /// [`BATCH_BYTES_MAX`](crate::limits::BATCH_BYTES_MAX).
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Begins a whole row: what it leaves out is absent.
    pub fn put(&mut self, view: &View, entity: &Entity, et: Timestamp) -> RowWriter<'_> {
        RowWriter::new(self, view, entity, et, Op::Put)
    }

    /// Begins a part of a row: what it leaves out stays as it was.
    pub fn patch(&mut self, view: &View, entity: &Entity, et: Timestamp) -> RowWriter<'_> {
        RowWriter::new(self, view, entity, et, Op::Patch)
    }

    /// Begins the end of a row: nothing is true from then on.
    pub fn delete(&mut self, view: &View, entity: &Entity, et: Timestamp) -> RowWriter<'_> {
        RowWriter::new(self, view, entity, et, Op::Delete)
    }

    /// Adds an event by names. It is judged where it is written; `raw` and `origin` are kept if it
    /// ends in the quarantine.
    pub fn push(&mut self, event: Event, raw: impl Into<Raw>, origin: Option<Origin>) {
        let raw = raw.into();
        self.bytes += raw.bytes.len();
        self.rows.push(Pending::Event { event, raw, origin });
    }

    /// Adds what could not be read as an event, so that it is counted and kept like any bad row.
    pub fn push_bad(&mut self, error: Error, raw: impl Into<Raw>, origin: Option<Origin>) {
        let raw = raw.into();
        self.bytes += raw.bytes.len();
        self.rows.push(Pending::Bad { error, raw, origin });
    }

    /// Adds a row that was set aside, as it came in, to be judged by the views as they are now. The
    /// batch that writes it also takes its entry away; where the row is bad again the entry stays and
    /// tells the new reason.
    ///
    /// An entry that is gone when the batch is written, because somebody else has replayed or dropped
    /// it, or an erase took it, is left out, and is no row of the receipt. Nor is one of another store,
    /// which tells nobody where it was read: it stays there, and [`Receipt::rows`](crate::Receipt::rows)
    /// is less than [`len`](Self::len) was. One that was changed since it was read refuses the batch:
    /// give what was mended to [`replay_as`](Self::replay_as).
    ///
    /// ```
    /// # use asof::*;
    /// # fn main() -> Result<()> {
    /// # let store = Store::temp()?;
    /// let weather = || ViewDefinition::builder("weather").key("origin", Type::String);
    /// store.apply(weather().feature("temp", Type::F64).build()?)?;
    /// let line = br#"{"view":"weather","entity":{"origin":"EWR"},"event_time":0,"features":{"gust":3}}"#;
    /// let mut batch = WriteBatch::new();
    /// let event = JsonEvent::parse(line)?.resolve(store.view("weather")?.contract());
    /// batch.push_bad(event.unwrap_err(), &line[..], None);
    /// assert_eq!(store.write(batch, WriteOptions::synced().quarantine())?.quarantined, 1);
    ///
    /// let gust = FeatureDefinition::new("gust", Type::F64).nullable();
    /// store.apply(weather().feature("temp", Type::F64).define(gust).build()?)?;
    /// let mut batch = WriteBatch::new();
    /// for entry in store.quarantine() {
    ///     batch.replay(entry?);
    /// }
    /// assert_eq!(store.write(batch, WriteOptions::default())?.applied, 1);
    /// assert_eq!(store.quarantine().count(), 0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn replay(&mut self, entry: QuarantineEntry) {
        self.bytes += entry.raw.len();
        self.rows.push(Pending::Replay {
            entry: Box::new(entry),
            event: None,
        });
    }

    /// The same for a row that was mended: what is written is this event. Where it is bad too, the
    /// entry keeps what came in.
    pub fn replay_as(&mut self, entry: QuarantineEntry, event: Event) {
        self.bytes += entry.raw.len();
        self.rows.push(Pending::Replay {
            entry: Box::new(entry),
            event: Some(event),
        });
    }
}

/// A row in the making. Nothing is added to the batch before [`finish`](Self::finish).
///
/// ```
/// # use asof::*;
/// # fn main() -> Result<()> {
/// # let store = Store::temp()?;
/// # store.apply(ViewDefinition::builder("weather").key("origin", Type::String).feature("temp", Type::F64).define(FeatureDefinition::new("gust", Type::F64).nullable()).build()?)?;
/// # let weather = store.view("weather")?;
/// # let (temp, gust) = (weather.feature::<f64>("temp")?, weather.feature::<f64>("gust")?);
/// # let newark = weather.entity(["EWR"])?;
/// # let at = |hour: i64| Timestamp::from_secs(3600 * hour);
/// let mut batch = WriteBatch::new();
/// // A whole row: what it leaves out is absent. A part of one: what it leaves out stays.
/// batch.put(&weather, &newark, at(6)).set(&temp, 39.02).finish()?;
/// batch.patch(&weather, &newark, at(7)).set_null(&gust).finish()?;
/// // A correction of six o'clock, learned at eight; and the end of the row.
/// batch.put(&weather, &newark, at(6)).recorded_at(at(8)).set(&temp, 39.2).finish()?;
/// batch.delete(&weather, &newark, at(9)).finish()?;
/// // What breaks the contract does not get in.
/// let error = batch.put(&weather, &newark, at(6)).set_value("tmp", 1.0).finish().unwrap_err();
/// assert!(error.to_string().ends_with("did you mean \"temp\"?"));
/// assert_eq!(batch.len(), 4);
/// # store.write(batch, WriteOptions::buffered())?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a row is added to its batch by finish()"]
pub struct RowWriter<'b> {
    batch: &'b mut WriteBatch,
    view: View,
    entity: Entity,
    et: Timestamp,
    rec: Option<Timestamp>,
    op: Op,
    error: Option<Error>,
}

impl<'b> RowWriter<'b> {
    fn new(batch: &'b mut WriteBatch, view: &View, entity: &Entity, et: Timestamp, op: Op) -> Self {
        batch.builder.clear();
        let error = view.owns(entity).err();
        let (view, entity) = (view.clone(), entity.clone());
        RowWriter {
            batch,
            view,
            entity,
            et,
            rec: None,
            op,
            error,
        }
    }

    /// When the producer learned the fact; the event time where it is not said.
    pub fn recorded_at(mut self, rec: Timestamp) -> Self {
        self.rec = Some(rec);
        self
    }

    /// Sets a feature.
    pub fn set<T: Typed + ?Sized>(self, feature: &TypedFeature<T>, value: impl Borrow<T>) -> Self {
        self.set_feature(feature, &value.borrow().to_value())
    }

    /// Sets a feature to null: known to be nothing, which is not absent.
    pub fn set_null<T: Typed + ?Sized>(self, feature: &TypedFeature<T>) -> Self {
        self.set_feature(feature, &Value::Null)
    }

    /// Sets a feature for each field of a struct that has something to say: a put of it leaves out
    /// the fields that are none, a patch of it names only those that are some.
    pub fn set_all<S: Features>(self, features: &TypedFeatures<S>, all: &S) -> Self {
        // Of a struct that has nothing to say too.
        if let Err(error) = self.view.contract.check_owns(features.view(), None) {
            return self.fail(error);
        }
        let mut row = Some(self);
        features.speak(all, &mut |feature, value| {
            row = row.take().map(|row| row.set_feature(&feature, &value));
        });
        row.expect("it was put back after each field")
    }

    fn set_feature<T: ?Sized>(self, feature: &TypedFeature<T>, value: &Value) -> Self {
        match self
            .view
            .contract
            .check_owns(feature.view(), Some(feature.id))
        {
            Ok(()) => self.set_place(feature.id.place(), value),
            Err(error) => self.fail(error),
        }
    }

    /// Sets a feature by name.
    pub fn set_value(self, name: &str, value: impl Into<Value>) -> Self {
        match self
            .view
            .contract
            .feature(name)
            .map(|feature| feature.id().place())
        {
            Ok(place) => self.set_place(place, &value.into()),
            Err(error) => self.fail(error),
        }
    }

    fn set_place(self, place: usize, value: &Value) -> Self {
        let Some(feature) = self.view.contract.features().get(place) else {
            return self.fail(Error::invalid(
                "the feature was added after this view handle was made; ask the store for the view again",
            ));
        };
        let id = feature.id();
        if let Err(error) = self.view.contract.check_value(feature, value) {
            return self.fail(error);
        }
        if self.batch.builder.has(id) {
            let name = feature.name().to_string();
            return self.fail(Error::contract(format!(
                "feature {name:?} is set twice; a row says one thing of it"
            )));
        }
        encode(&mut self.batch.builder, id, value);
        self
    }

    fn fail(mut self, error: Error) -> Self {
        self.error.get_or_insert(error);
        self
    }

    /// Adds the row to its batch.
    ///
    /// # Errors
    /// The first thing that was wrong with it: a
    /// [`ContractViolation`](crate::ErrorKind::ContractViolation) names view, schema version, entity,
    /// feature, what was expected and what was found;
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for an entity or a feature of another view or
    /// of another store. The batch is as it was.
    pub fn finish(self) -> Result<()> {
        let place = || super::judge::place(&self.view.contract, &self.entity.to_values());
        if let Some(error) = self.error {
            return Err(error.at(place()));
        }
        let builder = &mut self.batch.builder;
        super::judge::check_op(self.op, builder.len()).map_err(|e| e.at(place()))?;
        let value = encode_row(&self.view, self.op, &self.entity, builder);
        super::judge::check_size(value.len()).map_err(|e| e.at(place()))?;
        self.batch.bytes += value.len();
        let (et, rec, op) = (self.et, self.rec, self.op);
        let draft = Draft {
            view: self.view,
            entity: self.entity,
            et,
            rec,
            op,
            value,
        };
        self.batch.rows.push(Pending::Draft(draft));
        Ok(())
    }
}

pub(super) fn encode(builder: &mut BodyBuilder, id: crate::id::FeatureId, value: &Value) {
    match value {
        Value::Null => builder.null(id),
        value => builder.value(id, |out| crate::format::value::encode(value, out)),
    }
}

pub(super) fn encode_row(view: &View, op: Op, entity: &Entity, body: &mut BodyBuilder) -> Vec<u8> {
    let mut value = Vec::with_capacity(256);
    begin_history(op, view.contract.version(), entity.bytes(), &mut value);
    body.write(&mut value);
    value
}
