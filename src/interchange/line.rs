//! A version as one line of JSON: what `dump` and `history` print and `ingest` reads.

use super::literal::{TimeText, push, write_json_string};
use crate::id::DEFAULT_NAMESPACE;
use crate::op::Op;
use crate::schema::{Contract, Feature, KeyColumn};
use crate::time::Timestamp;
use crate::value::{Value, ValueRef};

/// What stands in a line beside its features.
///
/// ```text
/// {"view":"weather","entity":{"origin":"EWR"},"event_time":0,"recorded_at":0,"op":"put","features":{"temp":39.02}}
/// ```
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
/// # let mut batch = WriteBatch::new();
/// # batch.put(&weather, &newark, at(6)).set(&temp, 39.02).finish()?;
/// # batch.patch(&weather, &newark, at(7)).set(&gust, 24.2).finish()?;
/// # store.write(batch, WriteOptions::buffered())?;
///
/// // Every version as a line, and every line as an event again.
/// let mut line = String::new();
/// for version in store.versions(&weather)? {
///     let (entity, version) = version?;
///     let event = EventLine {
///         contract: weather.contract(),
///         entity: &entity.to_values(),
///         event_time: version.event_time(),
///         recorded_at: version.recorded_at(),
///         op: version.op(),
///         base: false,
///     };
///     line.clear();
///     event.write_dump(&mut line, version.features().filter_map(|feature| feature.ok()));
///     let again = JsonEvent::parse(line.as_bytes())?.resolve(weather.contract())?;
///     assert_eq!((again.op, again.event_time), (version.op(), version.event_time()));
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct EventLine<'a> {
    /// The contract of its view.
    pub contract: &'a Contract,
    /// The values of the key, in key order.
    pub entity: &'a [Value],
    /// When the fact was true.
    pub event_time: Timestamp,
    /// When the producer learned it.
    pub recorded_at: Timestamp,
    /// What the version is.
    pub op: Op,
    /// Whether the line says that the version is a base row at the floor.
    pub base: bool,
}

impl EventLine<'_> {
    /// Appends the line of a dump, without a line break: integer times, and birth names in bytewise
    /// order. Equal versions give equal bytes, whatever their features are called today.
    pub fn write_dump<'f>(
        &self,
        out: &mut String,
        features: impl IntoIterator<Item = (&'f Feature, Option<ValueRef<'f>>)>,
    ) {
        let mut features: Vec<_> = features
            .into_iter()
            .map(|(feature, value)| (feature.definition().birth_name(), value))
            .collect();
        features.sort_unstable_by_key(|(birth_name, _)| *birth_name);
        self.write(out, TimeText::Micros, features);
    }

    /// Appends the line of a history, without a line break: RFC 3339 times, present names in the
    /// order given.
    pub fn write_history<'f>(
        &self,
        out: &mut String,
        features: impl IntoIterator<Item = (&'f Feature, Option<ValueRef<'f>>)>,
    ) {
        let named = features
            .into_iter()
            .map(|(feature, value)| (feature.name(), value));
        self.write(out, TimeText::Rfc3339, named);
    }

    fn write<'f>(
        &self,
        out: &mut String,
        times: TimeText,
        features: impl IntoIterator<Item = (&'f str, Option<ValueRef<'f>>)>,
    ) {
        out.push('{');
        if self.contract.namespace() != DEFAULT_NAMESPACE {
            push(
                out,
                format_args!("\"namespace\":\"{}\",", self.contract.namespace()),
            );
        }
        push(
            out,
            format_args!("\"view\":\"{}\",\"entity\":", self.contract.name()),
        );
        write_entity(out, self.contract.key(), self.entity, times);
        out.push_str(",\"event_time\":");
        times.write_json(out, self.event_time);
        out.push_str(",\"recorded_at\":");
        times.write_json(out, self.recorded_at);
        push(
            out,
            format_args!(",\"op\":\"{}\",\"features\":{{", self.op.name()),
        );
        for (at, (name, value)) in features.into_iter().enumerate() {
            if at > 0 {
                out.push(',');
            }
            push(out, format_args!("\"{name}\":"));
            match value {
                Some(value) => value.write_json(out, times),
                None => out.push_str("null"),
            }
        }
        out.push('}');
        if self.base {
            out.push_str(",\"base\":true");
        }
        out.push('}');
    }
}

impl Contract {
    /// Appends an entity of this view as a JSON object, its values in key order.
    pub fn write_entity_json(&self, out: &mut String, entity: &[Value], times: TimeText) {
        write_entity(out, self.key(), entity, times);
    }
}

pub(super) fn write_entity(out: &mut String, key: &[KeyColumn], entity: &[Value], times: TimeText) {
    out.push('{');
    for (at, (column, value)) in key.iter().zip(entity).enumerate() {
        if at > 0 {
            out.push(',');
        }
        write_json_string(out, &column.name);
        out.push(':');
        value.write_json(out, times);
    }
    out.push('}');
}
