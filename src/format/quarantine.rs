//! A bad row that was set aside.
//!
//! ```text
//! key    a byte that says of what the rest is the hash, and the first 16 bytes of a BLAKE3:
//!        1 source and partition, each after its length u64, and offset u64
//!        2 the raw bytes; where the form is not a line that says everything, of the BLAKE3 of the
//!          raw bytes and the form
//! value  format u8 = 1 | one u8 = 1 | set aside at i64
//!        reason: text | raw: length u32, bytes | how many bytes came in u64
//!        origin: flag u8, then source: text | partition: text | offset u64
//!        namespace: flag u8, text | view: flag u8, text | entity: flag u8, length u32, bytes
//!        form: u8 = 1, a line      | namespace: flag u8, text | view: flag u8, text
//!              u8 = 2, a record    | namespace, view, event time: text each
//!                                  | recorded-at, op, null: flag u8, text each
//!                                  | columns u32, each a text
//!              u8 = 3, a version   | event time i64 | recorded-at: flag u8, i64
//!        checksum u32
//!
//! key    u8 = 3
//! value  format u8 = 1 | one u8 = 1 | entries u64 | bytes u64, keys and values | checksum u32
//! ```
//!
//! A text is a length u32 and UTF-8. Because of the identity a replay adds nothing.

mod form;
mod id;

pub use form::{Form, Raw, RecordForm};
pub use id::QuarantineId;

use super::limits::{RAW_BYTES_MAX, REASON_BYTES_MAX};
use super::reader::{Put, Reader};
use crate::error::Result;
use crate::time::Timestamp;
use form::{optional_bytes, optional_text, put_optional, text};

const WHAT: &str = "a quarantine entry";
const TOTALS: &str = "the size of the quarantine";
const FORMAT: u8 = 1;

/// The key of the totals. It is the last of the family: one behind it is of a kind that this build
/// does not know.
pub(crate) const TOTALS_KEY: [u8; 1] = [3];

/// Where a row came from: a place in a log.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    /// The log: a file name, a topic.
    pub source: String,
    /// The part of it.
    pub partition: String,
    /// The number of the record in that part, from zero.
    pub offset: u64,
}

/// What a bad row is about, as far as that is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct About {
    pub(crate) namespace: Option<String>,
    pub(crate) view: Option<String>,
    pub(crate) entity: Option<Vec<u8>>,
}

/// A bad row that was set aside, with all that is needed to try it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarantineEntry {
    /// What it is called.
    pub id: QuarantineId,
    /// What was wrong with it, when it was last tried.
    pub reason: String,
    /// When it was first set aside.
    pub set_aside_at: Timestamp,
    /// What came in, byte for byte. Of more than 8 MiB only the first 8 MiB, which is no row.
    pub raw: Vec<u8>,
    /// How many bytes came in.
    pub raw_bytes: u64,
    /// How `raw` is read as a row.
    pub form: Form,
    /// Where it came from, if the writer said.
    pub origin: Option<Origin>,
    /// The tenant it named, or was read for.
    pub namespace: Option<String>,
    /// The view it named, or was read for, whether there is such a view or not.
    pub view: Option<String>,
    /// The entity it is about, encoded by the key of its view; none where that could not be read.
    pub entity: Option<Vec<u8>>,
}

impl QuarantineEntry {
    pub(crate) fn new(
        reason: &str,
        set_aside_at: Timestamp,
        raw: Raw,
        origin: Option<Origin>,
        about: About,
    ) -> Self {
        let Raw { mut bytes, form } = raw;
        let id = QuarantineId::of(&bytes, &form, origin.as_ref());
        let raw_bytes = bytes.len() as u64;
        bytes.truncate(RAW_BYTES_MAX);
        QuarantineEntry {
            id,
            reason: shortened(reason),
            set_aside_at,
            raw: bytes,
            raw_bytes,
            form,
            origin,
            namespace: about.namespace,
            view: about.view,
            entity: about.entity,
        }
    }

    /// Whether more came in than was kept, so that it can only be read again where it came from.
    pub fn is_cut(&self) -> bool {
        self.raw.len() as u64 != self.raw_bytes
    }

    /// Whether both say that the same came in.
    pub(crate) fn came_in_as(&self, other: &QuarantineEntry) -> bool {
        let came_in = |entry: &QuarantineEntry| (entry.id, entry.raw_bytes);
        came_in(self) == came_in(other)
            && self.raw == other.raw
            && self.form == other.form
            && self.origin == other.origin
    }

    /// The same entry, bad again for another reason.
    pub(crate) fn again(mut self, reason: &str, about: About) -> Self {
        self.reason = shortened(reason);
        self.namespace = about.namespace.or(self.namespace);
        self.view = about.view.or(self.view);
        self.entity = about.entity.or(self.entity);
        self
    }

    /// Whether its content says the key that it stands under. Of what was cut nobody can tell.
    pub(crate) fn fits_its_key(&self) -> bool {
        (self.is_cut() && self.origin.is_none())
            || QuarantineId::of(&self.raw, &self.form, self.origin.as_ref()) == self.id
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.extend([FORMAT, 1]);
        out.extend(self.set_aside_at.micros().to_le_bytes());
        out.put_long_bytes(self.reason.as_bytes());
        out.put_long_bytes(&self.raw);
        out.extend(self.raw_bytes.to_le_bytes());
        out.push(u8::from(self.origin.is_some()));
        if let Some(origin) = &self.origin {
            out.put_long_bytes(origin.source.as_bytes());
            out.put_long_bytes(origin.partition.as_bytes());
            out.extend(origin.offset.to_le_bytes());
        }
        put_optional(out, self.namespace.as_deref().map(str::as_bytes));
        put_optional(out, self.view.as_deref().map(str::as_bytes));
        put_optional(out, self.entity.as_deref());
        self.form.encode(out);
    }

    pub(crate) fn decode(id: QuarantineId, value: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(WHAT, value);
        check_format(&mut reader)?;
        let set_aside_at = Timestamp::from_micros(reader.i64()?);
        let reason = text(&mut reader)?;
        let raw = reader.long_bytes()?.to_vec();
        let raw_bytes = reader.u64()?;
        if raw_bytes < raw.len() as u64 {
            return Err(reader.corrupt("it keeps more than came in"));
        }
        let origin = if reader.flag()? {
            let (source, partition) = (text(&mut reader)?, text(&mut reader)?);
            Some(Origin {
                source,
                partition,
                offset: reader.u64()?,
            })
        } else {
            None
        };
        let (namespace, view) = (optional_text(&mut reader)?, optional_text(&mut reader)?);
        let entity = optional_bytes(&mut reader)?;
        let form = Form::decode(&mut reader)?;
        reader.end()?;
        Ok(QuarantineEntry {
            id,
            reason,
            set_aside_at,
            raw,
            raw_bytes,
            form,
            origin,
            namespace,
            view,
            entity,
        })
    }
}

/// How much the quarantine holds. It is written with every change, so that opening reads one value
/// and not every entry: a damaged entry keeps no store shut.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
}

impl Totals {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.extend([FORMAT, 1]);
        out.extend(self.rows.to_le_bytes());
        out.extend(self.bytes.to_le_bytes());
    }

    pub(crate) fn decode(value: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(TOTALS, value);
        check_format(&mut reader)?;
        let (rows, bytes) = (reader.u64()?, reader.u64()?);
        reader.end()?;
        Ok(Totals { rows, bytes })
    }
}

fn check_format(reader: &mut Reader<'_>) -> Result<()> {
    reader.format(FORMAT)?;
    match reader.u8()? {
        1 => Ok(()),
        other => Err(reader.corrupt(format_args!(
            "{other} is not the one that follows its format"
        ))),
    }
}

/// A reason may repeat a key of any length.
fn shortened(reason: &str) -> String {
    if reason.len() <= REASON_BYTES_MAX {
        return reason.to_owned();
    }
    let end = reason.floor_char_boundary(REASON_BYTES_MAX - "…".len());
    format!("{}…", &reason[..end])
}

#[cfg(test)]
mod tests;
