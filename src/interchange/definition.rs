//! What a dump says of a view before its versions: definition, schema versions, floor, horizon and
//! fences. Enough to build the view anew so that the versions mean what they meant.

use super::json::{JsonLine, key as read_key};
use super::line::write_entity;
use super::literal::{self, TimeText, found, push};
use super::members::Members;
use crate::error::{Error, Result};
use crate::schema::{
    Contract, FeatureDefinition, KeyColumn, MaxSkew, OnExpiry, Retention, TimePolicy,
    ViewDefinition,
};
use crate::time::{Span, Timestamp};
use crate::value::{Type, Value};
use serde_json::value::RawValue;

/// The first line of a view in a dump.
///
/// ```text
/// {"definition":{"namespace":"default","view":"weather","schema_version":1,
///   "entity":[{"name":"origin","type":"string"}],
///   "features":[{"name":"temp","type":"f64","nullable":true,"since":1}],
///   "time":{"ttl":"3h","on_expiry":"expire","history":"forever","max_skew":"10m"},
///   "sources":["weather-log"]},
///  "floor":null,"horizon":null,"fences":[]}
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ViewLine {
    /// The view as it was declared, by its newest schema version.
    pub definition: ViewDefinition,
    /// The newest schema version.
    pub schema_version: u32,
    /// For each feature, the schema version that first had it.
    pub since: Vec<u32>,
    /// The earliest time that could still be asked.
    pub floor: Option<Timestamp>,
    /// The event time before which facts were outside the view.
    pub horizon: Option<Timestamp>,
    /// What was erased, and stays so.
    pub fences: Vec<Fence>,
}

/// The mark of an erase: versions of this entity that were recorded, or true, no later are refused.
#[derive(Debug, Clone, PartialEq)]
pub struct Fence {
    /// The values of the key, in key order.
    pub entity: Vec<Value>,
    /// Versions recorded no later are refused.
    pub recorded_at: Timestamp,
    /// Versions with an event time no later are refused.
    pub floor: Option<Timestamp>,
}

impl ViewLine {
    /// What a dump says of a view.
    pub fn new(
        contract: &Contract,
        floor: Option<Timestamp>,
        horizon: Option<Timestamp>,
        fences: Vec<Fence>,
    ) -> Self {
        ViewLine {
            definition: contract.definition(),
            schema_version: contract.version(),
            since: contract
                .features()
                .iter()
                .map(|feature| feature.since())
                .collect(),
            floor,
            horizon,
            fences,
        }
    }

    /// Reads the line that [`write`](Self::write) makes.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) says what is wrong.
    pub fn parse(line: &[u8]) -> Result<Self> {
        match JsonLine::parse(line)? {
            JsonLine::View(view) => Ok(*view),
            JsonLine::Event(_) => Err(Error::invalid("the line is an event, not a definition")),
        }
    }

    /// The definitions whose application, one after the other, leads to the same schema versions.
    pub fn steps(&self) -> Vec<ViewDefinition> {
        let until = |version| {
            let mut step = self.definition.clone();
            let mut since = self.since.iter();
            step.features
                .retain(|_| since.next().is_some_and(|since| *since <= version));
            step
        };
        (1..=self.schema_version).map(until).collect()
    }

    /// Appends the line, without a line break.
    pub fn write(&self, out: &mut String) {
        let ViewDefinition {
            namespace,
            name,
            key,
            features,
            time,
            sources,
        } = &self.definition;
        push(
            out,
            format_args!("{{\"definition\":{{\"namespace\":\"{namespace}\",\"view\":\"{name}\""),
        );
        push(
            out,
            format_args!(",\"schema_version\":{},\"entity\":", self.schema_version),
        );
        write_list(out, key, |out, KeyColumn { name, ty }| {
            push(
                out,
                format_args!("{{\"name\":\"{name}\",\"type\":\"{ty}\"}}"),
            );
        });
        out.push_str(",\"features\":");
        write_list(
            out,
            features.iter().zip(&self.since),
            |out, (feature, since)| {
                write_feature(out, feature, *since);
            },
        );
        write_time(out, time);
        if !sources.is_empty() {
            out.push_str(",\"sources\":");
            write_list(out, sources, |out, source| {
                push(out, format_args!("\"{source}\""));
            });
        }
        out.push_str("},\"floor\":");
        write_micros(out, self.floor);
        out.push_str(",\"horizon\":");
        write_micros(out, self.horizon);
        out.push_str(",\"fences\":");
        write_list(out, &self.fences, |out, fence| {
            out.push_str("{\"entity\":");
            write_entity(out, key, &fence.entity, TimeText::Micros);
            push(
                out,
                format_args!(",\"recorded_at\":{},\"floor\":", fence.recorded_at.micros()),
            );
            write_micros(out, fence.floor);
            out.push('}');
        });
        out.push('}');
    }

    pub(super) fn of(line: &Members<'_>) -> Result<Self> {
        line.only(
            "the definition line",
            &["definition", "floor", "horizon", "fences"],
        )?;
        let says = Members::read("definition", line.require("the line", "definition")?)?;
        const KNOWN: [&str; 7] = [
            "namespace",
            "view",
            "schema_version",
            "entity",
            "features",
            "time",
            "sources",
        ];
        says.only("definition", &KNOWN)?;
        let mut builder = ViewDefinition::builder(text(&says, "view")?);
        if says.get("namespace").is_some() {
            builder = builder.namespace(text(&says, "namespace")?);
        }
        for column in list(&says, "entity")? {
            let column = Members::read("a key column", column)?;
            column.only("a key column", &["name", "type"])?;
            builder = builder.key(text(&column, "name")?, ty(&column)?);
        }
        let mut since = Vec::new();
        for feature in list(&says, "features")? {
            let (feature, version) = read_feature(&Members::read("a feature", feature)?)?;
            builder = builder.define(feature);
            since.push(version);
        }
        if says.get("sources").is_some() {
            for source in list(&says, "sources")? {
                let source =
                    literal::string(source).ok_or_else(|| wrong("sources", "strings", source))?;
                builder = builder.source(source);
            }
        }
        let mut definition = builder.build()?;
        if let Some(time) = says.get("time") {
            definition.time = read_time(&Members::read("time", time)?)?;
        }
        let definition = definition.check()?;
        let schema_version = integer(&says, "schema_version")?;
        check_versions(schema_version, &since)?;
        let fences = match line.get("fences") {
            Some(_) => list(line, "fences")?,
            None => Vec::new(),
        };
        let fence = |fence| read_fence(&definition.key, &Members::read("a fence", fence)?);
        Ok(ViewLine {
            fences: fences.into_iter().map(fence).collect::<Result<_>>()?,
            definition,
            schema_version,
            since,
            floor: micros(line, "floor")?,
            horizon: micros(line, "horizon")?,
        })
    }
}

/// Versions count from one, each brought at least one feature, and features stand in the order in
/// which they came. That bounds the version by the number of features.
fn check_versions(schema_version: u32, since: &[u32]) -> Result<()> {
    let mut newest = 0;
    for &version in since {
        if version != newest && version != newest + 1 {
            return Err(Error::invalid(format!(
                "a feature is since schema version {version}, but follows one since {newest}"
            )));
        }
        newest = version;
    }
    if newest != schema_version || since.first() != Some(&1) {
        return Err(Error::invalid(format!(
            "schema_version is {schema_version}, but the features come to {newest}"
        )));
    }
    Ok(())
}

fn read_feature(says: &Members<'_>) -> Result<(FeatureDefinition, u32)> {
    says.only(
        "a feature",
        &["name", "was", "type", "nullable", "finite", "since"],
    )?;
    let mut feature = FeatureDefinition::new(text(says, "name")?, ty(says)?);
    feature.nullable = flag(says, "nullable")?;
    feature.finite = flag(says, "finite")?;
    if says.get("was").is_some() {
        feature.was = Some(text(says, "was")?);
    }
    Ok((feature, integer(says, "since")?))
}

fn read_time(says: &Members<'_>) -> Result<TimePolicy> {
    says.only("time", &["ttl", "on_expiry", "history", "max_skew"])?;
    let span = |text: &str| Span::parse(text);
    Ok(TimePolicy {
        ttl: match says.get("ttl") {
            None | Some("null") => None,
            Some(_) => Some(span(&text(says, "ttl")?)?),
        },
        on_expiry: match text(says, "on_expiry")?.as_str() {
            "expire" => OnExpiry::Expire,
            "stale" => OnExpiry::Stale,
            other => return Err(Error::invalid(format!("on_expiry {other:?} is unknown"))),
        },
        history: match text(says, "history")?.as_str() {
            "forever" => Retention::Forever,
            window => Retention::Window(span(window)?),
        },
        max_skew: match text(says, "max_skew")?.as_str() {
            "forever" => MaxSkew::Forever,
            skew => MaxSkew::Within(span(skew)?),
        },
    })
}

fn read_fence(key: &[KeyColumn], says: &Members<'_>) -> Result<Fence> {
    says.only("a fence", &["entity", "recorded_at", "floor"])?;
    let entity = Members::read("entity", says.require("a fence", "entity")?)?;
    Ok(Fence {
        entity: read_key(&entity, key)?,
        recorded_at: Timestamp::from_micros(integer(says, "recorded_at")?),
        floor: micros(says, "floor")?,
    })
}

fn wrong(key: &str, expected: &str, text: &str) -> Error {
    Error::invalid(format!("{key:?} expects {expected}, found {}", found(text)))
}

fn text(says: &Members<'_>, key: &str) -> Result<String> {
    let text = says.require("the definition line", key)?;
    literal::string(text)
        .map(Into::into)
        .ok_or_else(|| wrong(key, "a string", text))
}

fn ty(says: &Members<'_>) -> Result<Type> {
    text(says, "type")?.parse()
}

fn flag(says: &Members<'_>, key: &str) -> Result<bool> {
    let text = says.get(key).unwrap_or("false");
    text.parse().map_err(|_| wrong(key, "true or false", text))
}

fn integer<T: std::str::FromStr>(says: &Members<'_>, key: &str) -> Result<T> {
    let text = says.require("the definition line", key)?;
    literal::integer(text).ok_or_else(|| wrong(key, "an integer", text))
}

fn micros(says: &Members<'_>, key: &str) -> Result<Option<Timestamp>> {
    match says.get(key) {
        None | Some("null") => Ok(None),
        Some(_) => integer(says, key).map(|micros| Some(Timestamp::from_micros(micros))),
    }
}

fn list<'a>(says: &Members<'a>, key: &str) -> Result<Vec<&'a str>> {
    let text = says.require("the definition line", key)?;
    let list: Vec<&RawValue> =
        serde_json::from_str(text).map_err(|_| wrong(key, "a list", text))?;
    Ok(list.into_iter().map(RawValue::get).collect())
}

fn write_feature(out: &mut String, feature: &FeatureDefinition, since: u32) {
    push(out, format_args!("{{\"name\":\"{}\"", feature.name));
    if let Some(was) = &feature.was {
        push(out, format_args!(",\"was\":\"{was}\""));
    }
    push(out, format_args!(",\"type\":\"{}\"", feature.ty));
    if feature.nullable {
        out.push_str(",\"nullable\":true");
    }
    if feature.finite {
        out.push_str(",\"finite\":true");
    }
    push(out, format_args!(",\"since\":{since}}}"));
}

fn write_time(out: &mut String, time: &TimePolicy) {
    out.push_str(",\"time\":{\"ttl\":");
    match time.ttl {
        Some(ttl) => push(out, format_args!("\"{ttl}\"")),
        None => out.push_str("null"),
    }
    out.push_str(match time.on_expiry {
        OnExpiry::Expire => ",\"on_expiry\":\"expire\"",
        OnExpiry::Stale => ",\"on_expiry\":\"stale\"",
    });
    match time.history {
        Retention::Forever => out.push_str(",\"history\":\"forever\""),
        Retention::Window(window) => push(out, format_args!(",\"history\":\"{window}\"")),
    }
    match time.max_skew {
        MaxSkew::Forever => out.push_str(",\"max_skew\":\"forever\"}"),
        MaxSkew::Within(skew) => push(out, format_args!(",\"max_skew\":\"{skew}\"}}")),
    }
}

fn write_micros(out: &mut String, t: Option<Timestamp>) {
    match t {
        Some(t) => TimeText::Micros.write_json(out, t),
        None => out.push_str("null"),
    }
}

fn write_list<T>(
    out: &mut String,
    items: impl IntoIterator<Item = T>,
    write: impl Fn(&mut String, T),
) {
    out.push('[');
    for (at, item) in items.into_iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write(out, item);
    }
    out.push(']');
}
