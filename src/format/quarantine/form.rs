//! How the raw bytes of a row that was set aside are read again.

use crate::error::{Error, Result};
use crate::format::reader::{Put, Reader};
use crate::time::Timestamp;
use std::sync::Arc;

/// How raw bytes are read as a row: all that is needed beside them, so that an entry can be tried
/// again long after the file it came from is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// An event as a line of JSON, with what the reader supplied because the line does not say it.
    Line {
        /// The tenant; the default one where neither says one.
        namespace: Option<Arc<str>>,
        /// The view.
        view: Option<Arc<str>>,
    },
    /// A record of a table, its cells as in a CSV file: `EWR,39.02,"a ""b"", c"`.
    Record(Arc<RecordForm>),
    /// A version as the store encodes it. Only builds without the feature `text` keep one; the
    /// others keep the line that says the same.
    Version {
        /// When the fact was true.
        event_time: Timestamp,
        /// When the producer learned it.
        recorded_at: Option<Timestamp>,
    },
}

/// What the cells of a record mean: the header of its table, and how it was to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordForm {
    /// The tenant of the view.
    pub namespace: String,
    /// The view that the table is about.
    pub view: String,
    /// What the columns are called.
    pub header: Vec<String>,
    /// The column of event times.
    pub event_time: String,
    /// The column of recorded-at times.
    pub recorded_at: Option<String>,
    /// The column of ops.
    pub op: Option<String>,
    /// The text that means null; an empty cell where there is none.
    pub null: Option<String>,
}

impl Default for Form {
    /// A line that says everything itself.
    fn default() -> Self {
        Form::Line {
            namespace: None,
            view: None,
        }
    }
}

/// What came in, byte for byte, and how it is read again. Text and bytes are a line of JSON that
/// says everything itself.
///
/// ```
/// use asof::{Form, Raw};
/// let raw = Raw::from(r#"{"view":"weather"}"#);
/// assert_eq!(raw.form, Form::default());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Raw {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// How they are read.
    pub form: Form,
}

impl<T: Into<Vec<u8>>> From<T> for Raw {
    fn from(bytes: T) -> Self {
        Raw {
            bytes: bytes.into(),
            form: Form::default(),
        }
    }
}

const LINE: u8 = 1;
const RECORD: u8 = 2;
const VERSION: u8 = 3;

impl Form {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Form::Line { namespace, view } => {
                out.push(LINE);
                put_optional(out, namespace.as_deref().map(str::as_bytes));
                put_optional(out, view.as_deref().map(str::as_bytes));
            }
            Form::Record(form) => {
                out.push(RECORD);
                for text in [&form.namespace, &form.view, &form.event_time] {
                    out.put_long_bytes(text.as_bytes());
                }
                for text in [&form.recorded_at, &form.op, &form.null] {
                    put_optional(out, text.as_deref().map(str::as_bytes));
                }
                let columns = u32::try_from(form.header.len()).expect("fewer than 2^32 columns");
                out.extend(columns.to_le_bytes());
                for column in &form.header {
                    out.put_long_bytes(column.as_bytes());
                }
            }
            Form::Version {
                event_time,
                recorded_at,
            } => {
                out.push(VERSION);
                out.extend(event_time.micros().to_le_bytes());
                out.put_optional_i64(recorded_at.map(Timestamp::micros));
            }
        }
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self> {
        match reader.u8()? {
            LINE => Ok(Form::Line {
                namespace: optional_text(reader)?.map(Into::into),
                view: optional_text(reader)?.map(Into::into),
            }),
            RECORD => {
                let (namespace, view) = (text(reader)?, text(reader)?);
                let event_time = text(reader)?;
                let (recorded_at, op) = (optional_text(reader)?, optional_text(reader)?);
                let null = optional_text(reader)?;
                // Not reserved at once: the count is believed only as far as its columns are there.
                let columns = reader.u32()?;
                let header = (0..columns)
                    .map(|_| text(reader))
                    .collect::<Result<Vec<_>>>()?;
                Ok(Form::Record(Arc::new(RecordForm {
                    namespace,
                    view,
                    header,
                    event_time,
                    recorded_at,
                    op,
                    null,
                })))
            }
            VERSION => Ok(Form::Version {
                event_time: Timestamp::from_micros(reader.i64()?),
                recorded_at: reader.optional_i64()?.map(Timestamp::from_micros),
            }),
            0 => Err(reader.corrupt("no row is of form 0")),
            other => Err(Error::newer(format_args!(
                "a quarantine entry is read in form {other}, and this build knows {LINE} to {VERSION}"
            ))),
        }
    }
}

/// A flag, and bytes that are there if it is set.
pub(super) fn put_optional(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    out.push(u8::from(bytes.is_some()));
    if let Some(bytes) = bytes {
        out.put_long_bytes(bytes);
    }
}

pub(super) fn optional_bytes(reader: &mut Reader<'_>) -> Result<Option<Vec<u8>>> {
    Ok(if reader.flag()? {
        Some(reader.long_bytes()?.to_vec())
    } else {
        None
    })
}

pub(super) fn optional_text(reader: &mut Reader<'_>) -> Result<Option<String>> {
    Ok(if reader.flag()? {
        Some(text(reader)?)
    } else {
        None
    })
}

pub(super) fn text(reader: &mut Reader<'_>) -> Result<String> {
    let bytes = reader.long_bytes()?;
    let text = std::str::from_utf8(bytes).map_err(|_| reader.corrupt("a text is not UTF-8"))?;
    Ok(text.to_string())
}
