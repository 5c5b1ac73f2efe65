//! A record of a table as an event: which column of a CSV file means what to a view.

use super::cells;
use super::event::Event;
use crate::error::{Error, Result, did_you_mean, nearest};
use crate::format::{Form, RecordForm};
use crate::op::Op;
use crate::schema::{Contract, Feature, KeyColumn};
use crate::time::Timestamp;
use crate::value::{Type, Value};
use std::sync::Arc;

/// So many features, and so many columns, are told where no feature has a column.
const SHOWN_FEATURES_MAX: usize = 10;

/// What the columns of a table are called that are neither key nor feature, and what means null.
#[derive(Debug, Clone, Default)]
pub struct RecordOptions {
    /// The column of event times.
    pub event_time: String,
    /// The column of recorded-at times; where a cell of it is null, the event time.
    pub recorded_at: Option<String>,
    /// The column of ops; where a cell of it is null, `put`.
    pub op: Option<String>,
    /// The text that means null. Where it is none, an empty cell does; where it is given, an empty
    /// cell is an empty string, and a violation for any other type.
    pub null: Option<String>,
}

/// The columns of a table as one view reads them.
/// It takes cells, not a file: quoting is the business of whoever reads the file.
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
/// let options = RecordOptions { event_time: "hour".into(), ..RecordOptions::default() };
/// let header = ["origin", "hour", "temp", "remark"];
/// let reader = RecordReader::new(weather.contract(), &header, &options)?;
/// assert_eq!(reader.ignored(), ["remark"]);
/// let mut raw = Vec::new(); // the record as bytes, for the quarantine
/// let event = reader.read(&[b"EWR", b"2013-01-01T06:00:00Z", b"39.02", b"fog"], &mut raw)?;
/// assert_eq!(event.features, [("temp".to_string(), Value::F64(39.02))]);
/// let mut batch = WriteBatch::new();
/// batch.push(event, Raw { bytes: raw, form: reader.form() }, None);
/// assert_eq!(store.write(batch, WriteOptions::buffered())?.applied, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct RecordReader<'a> {
    contract: &'a Contract,
    null: Option<String>,
    /// How many cells a record has.
    width: usize,
    event_time: usize,
    recorded_at: Option<usize>,
    op: Option<usize>,
    /// For each key column its place in the record.
    key: Vec<usize>,
    /// Places in the record, and in the contract, of the features that the table has.
    features: Vec<(usize, usize)>,
    ignored: Vec<String>,
    form: Arc<RecordForm>,
}

impl<'a> RecordReader<'a> {
    /// Finds the columns of a view in a table's header.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) when a column is missing or there twice,
    /// and when no feature has a column while others have that mean nothing: each record would be a
    /// whole row without features, which takes the place of the one before it. A table of key and time
    /// alone is one of such rows, and one with a column of ops may be one of deletes.
    pub fn new(contract: &'a Contract, header: &[&str], options: &RecordOptions) -> Result<Self> {
        let reader = Self::of_columns(contract, header, options)?;
        match reader.features.is_empty() && reader.op.is_none() && !reader.ignored.is_empty() {
            true => Err(reader.no_feature()),
            false => Ok(reader),
        }
    }

    fn of_columns(
        contract: &'a Contract,
        header: &[&str],
        options: &RecordOptions,
    ) -> Result<Self> {
        if header.iter().all(|column| column.is_empty()) {
            return Err(Error::invalid(
                "there is no header; the first line names the columns",
            ));
        }
        let mut sorted = header.to_vec();
        sorted.sort_unstable();
        if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(Error::invalid(format!(
                "the header has the column {:?} twice",
                pair[0]
            )));
        }
        let place = |what: &str, name: &str| {
            header
                .iter()
                .position(|column| *column == name)
                .ok_or_else(|| {
                    Error::invalid(format!(
                        "the header has no column {name:?}, which is {what}{}; it has {}{}",
                        did_you_mean(name, header.iter().copied()),
                        header.join(", "),
                        no_comma(header)
                    ))
                })
        };
        let optional = |what: &str, name: &Option<String>| {
            name.as_deref().map(|name| place(what, name)).transpose()
        };
        let key = contract
            .key()
            .iter()
            .map(|column| place("a key column", &column.name));
        let mut reader = RecordReader {
            contract,
            null: options.null.clone(),
            width: header.len(),
            event_time: place("the event time", &options.event_time)?,
            recorded_at: optional("recorded-at", &options.recorded_at)?,
            op: optional("the op", &options.op)?,
            key: key.collect::<Result<_>>()?,
            features: Vec::new(),
            ignored: Vec::new(),
            form: Arc::new(RecordForm {
                namespace: contract.namespace().to_owned(),
                view: contract.name().to_owned(),
                header: header.iter().map(ToString::to_string).collect(),
                event_time: options.event_time.clone(),
                recorded_at: options.recorded_at.clone(),
                op: options.op.clone(),
                null: options.null.clone(),
            }),
        };
        reader.find_features(header)?;
        Ok(reader)
    }

    fn find_features(&mut self, header: &[&str]) -> Result<()> {
        for (at, name) in header.iter().enumerate() {
            let Some(feature) = self.contract.find(name) else {
                if self.ignores(at) {
                    self.ignored.push((*name).to_owned());
                }
                continue;
            };
            let place = feature.id().place();
            if self.features.iter().any(|(_, known)| *known == place) {
                return Err(Error::invalid(format!(
                    "the header has feature {:?} twice, once as {name:?}",
                    feature.name()
                )));
            }
            self.features.push((at, place));
        }
        Ok(())
    }

    fn no_feature(&self) -> Error {
        let features: Vec<&str> = self.left_out().map(Feature::name).collect();
        let shown = features.len().min(SHOWN_FEATURES_MAX);
        let more = match features.len() - shown {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let columns = self.ignored.len();
        let mut ignored: String = self.ignored[..columns.min(SHOWN_FEATURES_MAX)]
            .iter()
            .map(|column| {
                let near = did_you_mean(column, features.iter().copied());
                format!("; column {column:?} is none of them{near}")
            })
            .collect();
        if columns > SHOWN_FEATURES_MAX {
            ignored += &format!("; nor are {} more columns", columns - SHOWN_FEATURES_MAX);
        }
        Error::invalid(format!(
            "no feature of view {:?} has a column, so every record would be a row without features; \
             the view has {}{more}{ignored}. Rows that are meant to have none need no other columns, or \
             say so in a column of ops (--op)",
            self.contract.name(),
            features[..shown].join(", ")
        ))
    }

    /// The columns that mean nothing to the view.
    pub fn ignored(&self) -> &[String] {
        &self.ignored
    }

    /// The features that no column says: every row leaves them out.
    pub fn left_out(&self) -> impl Iterator<Item = &Feature> {
        let features = self.contract.features().iter();
        features.filter(|feature| {
            let place = feature.id().place();
            self.features.iter().all(|(_, known)| *known != place)
        })
    }

    /// The feature without a column that an ignored column may have meant, where one has nearly its
    /// name.
    pub fn near(&self, ignored: &str) -> Option<&str> {
        nearest(ignored, self.left_out().map(Feature::name))
    }

    /// How `raw` of [`read`](Self::read) is read again.
    pub fn form(&self) -> Form {
        Form::Record(self.form.clone())
    }

    /// Reads one record. `raw` becomes its cells with commas between, byte for byte, for the
    /// quarantine; [`form`](Self::form) says how they are read again.
    ///
    /// # Errors
    /// [`ContractViolation`](crate::ErrorKind::ContractViolation) or
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) name the first bad cell.
    pub fn read(&self, cells: &[&[u8]], raw: &mut Vec<u8>) -> Result<Event> {
        raw.clear();
        cells::write(cells, raw);
        self.event(cells)
    }

    fn event(&self, cells: &[&[u8]]) -> Result<Event> {
        let cells = self.text(cells)?;
        let mut row = Row {
            reader: self,
            cells: &cells,
            bad: None,
        };
        let entity = row.entity();
        let event_time = row.time("event_time", self.event_time);
        let recorded_at = self.recorded_at.and_then(|at| row.time("recorded_at", at));
        let op = row.op();
        let features = row.features(op);
        match row.bad {
            Some(error) => Err(error.at(format_args!(
                "view {:?} v{}",
                self.contract.name(),
                self.contract.version()
            ))),
            None => Ok(Event {
                namespace: self.contract.namespace().to_owned(),
                view: self.contract.name().to_owned(),
                entity,
                event_time: event_time.expect("a row without an event time is bad"),
                recorded_at,
                op,
                schema_version: None,
                features,
            }),
        }
    }
}

// What was set aside, read again.
impl<'a> RecordReader<'a> {
    pub(crate) fn of_form(contract: &'a Contract, form: &RecordForm) -> Result<Self> {
        let header: Vec<&str> = form.header.iter().map(String::as_str).collect();
        let options = RecordOptions {
            event_time: form.event_time.clone(),
            recorded_at: form.recorded_at.clone(),
            op: form.op.clone(),
            null: form.null.clone(),
        };
        // What was set aside had a reader, so that its header was judged then.
        RecordReader::of_columns(contract, &header, &options)
    }

    /// Reads one record from its bytes: cells between commas, quoted as RFC 4180 says, without the
    /// line break that ends it.
    ///
    /// # Errors
    /// As [`read`](Self::read); also where a quote is not closed at the end of a cell.
    pub fn read_raw(&self, raw: &[u8]) -> Result<Event> {
        let cells = cells::read(raw)?;
        self.event(&cells.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }

    /// The key of a record, whatever else is wrong with it.
    pub(crate) fn key_again(
        contract: &Contract,
        form: &RecordForm,
        raw: &[u8],
    ) -> Option<Vec<Value>> {
        let cells = cells::read(raw).ok()?;
        let value = |column: &KeyColumn| {
            let at = form.header.iter().position(|name| *name == column.name)?;
            let cell = std::str::from_utf8(cells.get(at)?).ok()?;
            let is_null = cell == form.null.as_deref().unwrap_or("");
            (!is_null).then(|| Value::from_cell(cell, column.ty).ok())?
        };
        contract.key().iter().map(value).collect()
    }

    /// The event time and the recorded-at of a record, whatever else is wrong with it.
    pub(crate) fn times_again(form: &RecordForm, raw: &[u8]) -> Option<(Timestamp, Timestamp)> {
        let cells = cells::read(raw).ok()?;
        let cell = |column: &String| {
            let at = form.header.iter().position(|name| name == column)?;
            std::str::from_utf8(cells.get(at)?).ok()
        };
        let et = Timestamp::parse(cell(&form.event_time)?).ok()?;
        let rec = match &form.recorded_at {
            None => et,
            Some(column) => match cell(column)? {
                "" => et,
                text if Some(text) == form.null.as_deref() => et,
                text => Timestamp::parse(text).ok()?,
            },
        };
        Some((et, rec))
    }
}

impl RecordReader<'_> {
    /// The cells as text; cells that mean nothing may be anything.
    fn text<'c>(&self, cells: &[&'c [u8]]) -> Result<Vec<&'c str>> {
        if cells.len() != self.width {
            return Err(Error::invalid(format!(
                "the record has {} cells, the header has {}",
                cells.len(),
                self.width
            )));
        }
        let text = |(at, cell): (usize, &&'c [u8])| match std::str::from_utf8(cell) {
            Ok(text) => Ok(text),
            Err(_) if self.ignores(at) => Ok(""),
            Err(error) => Err(Error::invalid(format!(
                "cell {} of the record is not UTF-8 after byte {}",
                at + 1,
                error.valid_up_to()
            ))),
        };
        cells.iter().enumerate().map(text).collect()
    }

    fn ignores(&self, at: usize) -> bool {
        let named = [Some(self.event_time), self.recorded_at, self.op];
        let is_feature = self.features.iter().any(|(place, _)| *place == at);
        !named.contains(&Some(at)) && !self.key.contains(&at) && !is_feature
    }
}

/// What others write for null.
const OFTEN_NULL: [&str; 8] = ["NA", "N/A", "null", "NULL", "None", "nil", "\\N", "-"];

/// A record on its way to become an event.
struct Row<'r> {
    reader: &'r RecordReader<'r>,
    cells: &'r [&'r str],
    /// The first thing that is wrong with it.
    bad: Option<Error>,
}

impl<'r> Row<'r> {
    fn fail(&mut self, error: Error) {
        self.bad.get_or_insert(error);
    }

    /// The cell at a place, unless it is null.
    fn cell(&self, at: usize) -> Option<&'r str> {
        let cell = self.cells[at];
        let is_null = cell == self.reader.null.as_deref().unwrap_or("");
        (!is_null).then_some(cell)
    }

    /// The value of a cell. A null is `Value::Null`, and so is what cannot be read.
    fn value(&mut self, what: &str, name: &str, at: usize, ty: Type) -> Value {
        let Some(cell) = self.cell(at) else {
            return Value::Null;
        };
        Value::from_cell(cell, ty).unwrap_or_else(|error| {
            let error = match self.reader.null {
                None if OFTEN_NULL.contains(&cell) => Error::new(
                    error.kind(),
                    format!("{error}; if {cell:?} means null, say so (--null {cell})"),
                ),
                _ => error,
            };
            self.fail(error.at(format_args!("{what} {name:?}")));
            Value::Null
        })
    }

    fn entity(&mut self) -> Vec<(String, Value)> {
        let reader = self.reader;
        let mut entity = Vec::with_capacity(reader.key.len());
        for (column, at) in reader.contract.key().iter().zip(&reader.key) {
            let value = self.value("key column", &column.name, *at, column.ty);
            if value == Value::Null {
                let (name, ty) = (&column.name, column.ty);
                self.fail(Error::contract(format!(
                    "key column {name:?} expects {ty}, found null"
                )));
            }
            entity.push((column.name.clone(), value));
        }
        entity
    }

    /// A time; `None` where the cell is null or bad. Only an event time may not be null.
    fn time(&mut self, what: &str, at: usize) -> Option<Timestamp> {
        let Some(cell) = self.cell(at) else {
            if what == "event_time" {
                self.fail(Error::invalid("the event time is null"));
            }
            return None;
        };
        Timestamp::parse(cell)
            .map_err(|error| self.fail(error.at(what)))
            .ok()
    }

    fn op(&mut self) -> Op {
        let Some(cell) = self.reader.op.and_then(|at| self.cell(at)) else {
            return Op::Put;
        };
        cell.parse().unwrap_or_else(|error| {
            self.fail(error);
            Op::Put
        })
    }

    /// A null where none may be. A table cannot leave a cell out, so what helps is another contract,
    /// or another text for null.
    fn null_found(&self, name: &str, ty: Type) -> Error {
        let next = match &self.reader.null {
            None => {
                "an empty cell means null; declare the feature nullable, or name the text that \
                     means null (--null)"
                    .to_owned()
            }
            Some(text) => format!("{text:?} means null; declare the feature nullable"),
        };
        Error::contract(format!("feature {name:?} expects {ty}, found null: {next}"))
    }

    /// The features. A Delete says nothing about features, and a table cannot leave a cell out, so
    /// that null and empty cells of a Delete are no features.
    fn features(&mut self, op: Op) -> Vec<(String, Value)> {
        let mut features = Vec::with_capacity(self.reader.features.len());
        for &(at, place) in &self.reader.features {
            if op == Op::Delete && self.cell(at).unwrap_or("").is_empty() {
                continue;
            }
            let feature = &self.reader.contract.features()[place];
            let value = self.value("feature", feature.name(), at, feature.ty());
            if value == Value::Null && !feature.definition().is_nullable() {
                self.fail(self.null_found(feature.name(), feature.ty()));
            }
            features.push((feature.name().to_owned(), value));
        }
        features
    }
}

/// What to say of a header that is one column because something else separates its columns.
fn no_comma(header: &[&str]) -> &'static str {
    match header {
        [one] if one.contains([';', '\t', '|']) => {
            ", as one column: columns are separated by commas"
        }
        _ => "",
    }
}
