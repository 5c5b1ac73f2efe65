//! One event as one line of JSON, read in two steps: its shape, then, by its view's contract, its
//! types.

use super::definition::ViewLine;
use super::event::Event;
use super::literal::{self, found};
use super::members::Members;
use crate::error::{Error, Result, did_you_mean};
use crate::id::DEFAULT_NAMESPACE;
use crate::limits::EVENT_BYTES_MAX;
use crate::op::Op;
use crate::schema::{Contract, Feature, KeyColumn};
use crate::time::Timestamp;
use crate::value::Value;
use std::borrow::Cow;

/// Every field that an event may have. `base` is what `history` says of a version at the floor; it
/// is no part of the fact, and is read so that the lines of a history can be written again.
const FIELDS: [&str; 9] = [
    "namespace",
    "view",
    "entity",
    "event_time",
    "recorded_at",
    "op",
    "schema_version",
    "features",
    "base",
];

/// One line of a file of events: an event, or the definition with which a dump begins.
#[derive(Debug)]
pub enum JsonLine<'a> {
    /// An event whose values are still text.
    Event(JsonEvent<'a>),
    /// What a dump says of a view before its versions.
    View(Box<ViewLine>),
}

impl<'a> JsonLine<'a> {
    /// Reads one line.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) says what is wrong and at which column.
    pub fn parse(line: &'a [u8]) -> Result<Self> {
        let members = Members::read("the line", utf8(line)?)?;
        if members.get("definition").is_some() {
            return ViewLine::of(&members).map(|view| JsonLine::View(Box::new(view)));
        }
        check_length(line)?;
        JsonEvent::of(&members).map(JsonLine::Event)
    }
}

/// An event whose values are still text, because their types are its view's to say.
///
/// ```
/// use asof::{JsonEvent, Timestamp};
/// let line = br#"{"view":"weather","entity":{"origin":"EWR"},"event_time":0,"features":{"temp":39.02}}"#;
/// let event = JsonEvent::parse(line)?;
/// assert_eq!(event.view()?, "weather");
/// assert_eq!(event.namespace(), None);
/// # Ok::<(), asof::Error>(())
/// ```
#[derive(Debug)]
pub struct JsonEvent<'a> {
    namespace: Option<Cow<'a, str>>,
    view: Option<Cow<'a, str>>,
    entity: Members<'a>,
    event_time: Timestamp,
    recorded_at: Option<Timestamp>,
    op: Op,
    schema_version: Option<u32>,
    features: Members<'a>,
}

impl<'a> JsonEvent<'a> {
    /// Reads one line.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for what is not JSON, a field that is
    /// unknown, missing, wrong or there twice, and a line of more than
    /// [`EVENT_BYTES_MAX`](crate::limits::EVENT_BYTES_MAX) bytes.
    pub fn parse(line: &'a [u8]) -> Result<Self> {
        check_length(line)?;
        Self::of(&Members::read("the event", utf8(line)?)?)
    }

    fn of(members: &Members<'a>) -> Result<Self> {
        members.only("the event", &FIELDS)?;
        let text = |key| members.get(key).map(|text| string(key, text)).transpose();
        let time = |key| members.get(key).map(|text| time(key, text)).transpose();
        let object = |key| {
            members
                .get(key)
                .map(|text| Members::read(key, text))
                .transpose()
        };
        let event_time = members.require("the event", "event_time");
        let entity = members.require("the event", "entity");
        Ok(JsonEvent {
            namespace: text("namespace")?,
            view: text("view")?,
            entity: entity.and_then(|text| Members::read("entity", text))?,
            event_time: event_time.and_then(|text| self::time("event_time", text))?,
            recorded_at: time("recorded_at")?,
            op: text("op")?.map_or(Ok(Op::Put), |op| op.parse())?,
            schema_version: members
                .get("schema_version")
                .map(schema_version)
                .transpose()?,
            features: object("features")?.unwrap_or(Members::none()),
        })
    }

    /// The tenant it names.
    pub fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    /// The view it names.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) when it names none.
    pub fn view(&self) -> Result<&str> {
        self.view.as_deref().ok_or_else(|| {
            Error::invalid(
                "the event has no \"view\"; give it one, or say what it is read for (--view)",
            )
        })
    }

    /// The event, each value read by the type that the contract gives it.
    ///
    /// A line that names no view, or no namespace, is an event of the contract's. Whether a null may
    /// stand where it stands, and a float may be infinite, is judged where the event is written.
    ///
    /// # Errors
    /// [`ContractViolation`](crate::ErrorKind::ContractViolation) names view, schema version,
    /// entity, feature, what was expected and what was found; or the view and the namespace that the
    /// line names, where the contract is another's.
    pub fn resolve(&self, contract: &Contract) -> Result<Event> {
        self.meant_for(contract)
            .and_then(|()| Ok((self.key(contract)?, self.values(contract)?)))
            .map(|(entity, features)| Event {
                namespace: contract.namespace().to_owned(),
                view: contract.name().to_owned(),
                entity,
                event_time: self.event_time,
                recorded_at: self.recorded_at,
                op: self.op,
                schema_version: self.schema_version,
                features,
            })
            .map_err(|error| error.at(self.place(contract)))
    }

    /// Its event time and its recorded-at. All else may be anything.
    pub(crate) fn times(&self) -> (Timestamp, Timestamp) {
        (self.event_time, self.recorded_at.unwrap_or(self.event_time))
    }

    /// Refuses a contract that is not of the view that the line names: the columns of two views are
    /// often alike, and then nothing else would keep the row of one out of the other.
    fn meant_for(&self, contract: &Contract) -> Result<()> {
        let (namespace, view) = (self.namespace(), self.view.as_deref());
        if namespace.is_none_or(|named| named == contract.namespace())
            && view.is_none_or(|named| named == contract.name())
        {
            return Ok(());
        }
        let of_namespace = |named: &str| format!(" of namespace {named:?}");
        Err(Error::contract(format!(
            "the event is for view {:?}{}, so the contract of view {:?} of namespace {:?} cannot read \
             it; look up the view that the event names",
            view.unwrap_or(contract.name()),
            namespace.map(of_namespace).unwrap_or_default(),
            contract.name(),
            contract.namespace(),
        )))
    }

    fn key(&self, contract: &Contract) -> Result<Vec<(String, Value)>> {
        let values = key(&self.entity, contract.key())?;
        let names = contract.key().iter().map(|column| column.name.clone());
        Ok(names.zip(values).collect())
    }

    fn values(&self, contract: &Contract) -> Result<Vec<(String, Value)>> {
        let mut values: Vec<(String, Value)> = Vec::with_capacity(self.features.iter().len());
        for (name, text) in self.features.iter() {
            let feature = contract
                .find(name)
                .ok_or_else(|| unknown_feature(contract, name))?;
            // A feature has two names once it was renamed, so two keys can mean one feature.
            let renamed = feature.definition().birth_name() != feature.name();
            if renamed && values.iter().any(|(known, _)| known == feature.name()) {
                return Err(Error::contract(format!(
                    "feature {:?} stands there twice, also under its birth name {:?}",
                    feature.name(),
                    feature.definition().birth_name()
                )));
            }
            let value = literal::read(text, feature.ty()).map_err(|found| {
                Error::contract(format!(
                    "feature {name:?} expects {}, found {found}",
                    feature.ty()
                ))
            })?;
            values.push((feature.name().to_owned(), value));
        }
        Ok(values)
    }

    /// Where a violation happened: `view "weather" v1, entity {"origin":"EWR"}`.
    fn place(&self, contract: &Contract) -> String {
        let mut place = format!("view {:?}", contract.name());
        if contract.namespace() != DEFAULT_NAMESPACE {
            literal::push(
                &mut place,
                format_args!(" of namespace {:?}", contract.namespace()),
            );
        }
        let version = self.schema_version.unwrap_or(contract.version());
        literal::push(&mut place, format_args!(" v{version}, entity {{"));
        for (at, (name, text)) in self.entity.iter().enumerate() {
            let comma = if at > 0 { "," } else { "" };
            literal::push(&mut place, format_args!("{comma}{name:?}:{text}"));
        }
        place.push('}');
        place
    }
}

impl Contract {
    /// Reads an entity of this view from a JSON object: the values of its key, in key order.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for what is not an object,
    /// [`ContractViolation`](crate::ErrorKind::ContractViolation) for what is not this view's key.
    pub fn read_entity_json(&self, text: &str) -> Result<Vec<Value>> {
        key(&Members::read("the entity", text)?, self.key())
    }
}

pub(super) fn key(entity: &Members<'_>, columns: &[KeyColumn]) -> Result<Vec<Value>> {
    let known = || columns.iter().map(|column| column.name.as_str());
    if let Some((name, _)) = entity.iter().find(|(name, _)| !known().any(|k| k == *name)) {
        return Err(Error::contract(format!(
            "there is no key column {name:?}{}; the key is ({})",
            did_you_mean(name, known()),
            known().collect::<Vec<_>>().join(", ")
        )));
    }
    let value = |column: &KeyColumn| {
        let says = |found: &str| {
            let KeyColumn { name, ty } = column;
            Error::contract(format!("key column {name:?} expects {ty}, found {found}"))
        };
        let text = entity.get(&column.name).ok_or_else(|| says("nothing"))?;
        match literal::read(text, column.ty) {
            Ok(Value::Null) => Err(says("null")),
            Ok(value) => Ok(value),
            Err(found) => Err(says(&found)),
        }
    };
    columns.iter().map(value).collect()
}

fn unknown_feature(contract: &Contract, name: &str) -> Error {
    let near = did_you_mean(name, contract.features().iter().map(Feature::name));
    Error::contract(format!("there is no feature {name:?}{near}"))
}

/// Bounds events, and only these: the line of a view carries as many fences as there are.
fn check_length(line: &[u8]) -> Result<()> {
    if line.len() <= EVENT_BYTES_MAX {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "the event takes {} bytes of text, at most {EVENT_BYTES_MAX} (EVENT_BYTES_MAX) are read; no \
         row that fits into a store is that long",
        line.len()
    )))
}

fn utf8(line: &[u8]) -> Result<&str> {
    std::str::from_utf8(line).map_err(|error| {
        Error::invalid(format!(
            "the line is not UTF-8 after byte {}",
            error.valid_up_to()
        ))
    })
}

fn string<'a>(key: &str, text: &'a str) -> Result<Cow<'a, str>> {
    literal::string(text)
        .ok_or_else(|| Error::invalid(format!("{key:?} is a string, not {}", found(text))))
}

fn time(key: &str, text: &str) -> Result<Timestamp> {
    literal::timestamp(text).map_err(|why| {
        let is_time = text.starts_with('"');
        Error::invalid(if is_time {
            format!("{key:?}: {why}")
        } else {
            format!("{key:?} is integer microseconds or an RFC 3339 string, not {why}")
        })
    })
}

fn schema_version(text: &str) -> Result<u32> {
    literal::integer(text)
        .filter(|version| *version > 0)
        .ok_or_else(|| {
            Error::invalid(format!(
                "\"schema_version\" counts from 1, so it is not {}",
                found(text)
            ))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::id::ViewId;
    use crate::schema::ViewDefinition;
    use crate::value::Type;

    fn contract(namespace: &str, view: &str) -> Contract {
        let definition = ViewDefinition::builder(view)
            .namespace(namespace)
            .key("k", Type::I64)
            .feature("f", Type::I64);
        Contract::first(ViewId(1), definition.build().unwrap())
    }

    #[test]
    fn a_line_is_read_by_no_contract_but_of_the_view_that_it_names() {
        // Who is hurt: the tenant whose row would be written into the view of another, because both
        // have the same columns.
        let contract = contract("acme", "a");
        let resolve = |names: &str| {
            let line =
                format!(r#"{{{names}"entity":{{"k":1}},"event_time":0,"features":{{"f":2}}}}"#);
            JsonEvent::parse(line.as_bytes())
                .unwrap()
                .resolve(&contract)
        };
        for names in [
            "",
            r#""view":"a","#,
            r#""namespace":"acme","#,
            r#""namespace":"acme","view":"a","#,
        ] {
            let event = resolve(names).unwrap();
            assert_eq!((&*event.namespace, &*event.view), ("acme", "a"), "{names}");
        }
        for (names, said) in [
            (r#""view":"b","#, r#"for view "b","#),
            (
                r#""namespace":"other","#,
                r#"for view "a" of namespace "other","#,
            ),
            (
                r#""namespace":"default","view":"a","#,
                r#"for view "a" of namespace "default","#,
            ),
            (
                r#""namespace":"acme","view":"b","#,
                r#"for view "b" of namespace "acme","#,
            ),
        ] {
            let error = resolve(names).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ContractViolation, "{error}");
            let text = error.to_string();
            assert!(
                text.contains(said) && text.contains(r#"view "a" of namespace "acme" cannot read"#),
                "{names}: {text}"
            );
        }
    }
}
