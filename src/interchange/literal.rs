//! One value as JSON text, and back, by its type.
//!
//! Numbers are read from their own text: an `i64` never passes through a float, an `f32` never
//! through an `f64`, so nothing is rounded twice. Floats are written as the shortest text that reads
//! back as the same bits, which Rust's `{:?}` is; JSON has no text for the three that are not
//! numbers, so they are the strings `"NaN"`, `"Infinity"` and `"-Infinity"`.

use crate::time::Timestamp;
use crate::value::{Type, Value, ValueRef};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt::{Debug, Write};

/// The most characters of a value that a message repeats.
const SHOWN_CHARS_MAX: usize = 60;

/// Reads the value of a type. The error is what was found instead.
pub(super) fn read(text: &str, ty: Type) -> Result<Value, String> {
    let found = || found(text);
    if text == "null" {
        return Ok(Value::Null);
    }
    Ok(match ty {
        Type::Bool => Value::Bool(text.parse().map_err(|_| found())?),
        Type::I32 => Value::I32(integer(text).ok_or_else(found)?),
        Type::I64 => Value::I64(integer(text).ok_or_else(found)?),
        Type::F32 => Value::F32(float(text)?),
        Type::F64 => Value::F64(float(text)?),
        Type::String => Value::String(string(text).ok_or_else(found)?.into_owned()),
        Type::Bytes => Value::Bytes(bytes(&string(text).ok_or_else(found)?)?),
        Type::Timestamp => Value::Timestamp(timestamp(text)?),
        Type::Vector(n) => {
            let elements: Vec<f32> = array(text, float)?;
            if elements.len() != n as usize {
                return Err(format!("vector<f32,{}>", elements.len()));
            }
            Value::Vector(elements)
        }
        Type::ListI64 => Value::ListI64(array(text, |text| {
            integer(text).ok_or_else(|| self::found(text))
        })?),
        Type::ListF64 => Value::ListF64(array(text, float)?),
        Type::ListString => Value::ListString(array(text, |text| {
            string(text)
                .map(Cow::into_owned)
                .ok_or_else(|| self::found(text))
        })?),
    })
}

/// Reads integer digits as they are: no fraction, no exponent, no plus.
pub(super) fn integer<T: std::str::FromStr>(text: &str) -> Option<T> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

/// What `f32` and `f64` have in common here.
pub(super) trait Float: std::str::FromStr + Debug + Copy {
    const NAN: Self;
    const INFINITY: Self;
    const NEG_INFINITY: Self;
    const NAME: &'static str;
    fn is_finite(self) -> bool;
    /// The name of a float that is no number.
    fn name(self) -> Option<&'static str>;
}

macro_rules! float {
    ($($ty:ident),*) => {$(
        impl Float for $ty {
            const NAN: Self = $ty::NAN;
            const INFINITY: Self = $ty::INFINITY;
            const NEG_INFINITY: Self = $ty::NEG_INFINITY;
            const NAME: &'static str = stringify!($ty);
            fn is_finite(self) -> bool {
                $ty::is_finite(self)
            }
            fn name(self) -> Option<&'static str> {
                match self {
                    $ty::INFINITY => Some("Infinity"),
                    $ty::NEG_INFINITY => Some("-Infinity"),
                    v => v.is_nan().then_some("NaN"),
                }
            }
        }
    )*};
}

float!(f32, f64);

fn float<T: Float>(text: &str) -> Result<T, String> {
    if let Some(inside) = text.strip_prefix('"') {
        return non_finite(inside.strip_suffix('"').unwrap_or(inside)).ok_or_else(|| found(text));
    }
    number(text)
}

/// The float that one of the three names means.
pub(super) fn non_finite<T: Float>(name: &str) -> Option<T> {
    match name {
        "NaN" => Some(T::NAN),
        "Infinity" => Some(T::INFINITY),
        "-Infinity" => Some(T::NEG_INFINITY),
        _ => None,
    }
}

/// The float nearest to a number's text.
pub(super) fn number<T: Float>(text: &str) -> Result<T, String> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let begins = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    match text.parse::<T>() {
        Ok(value) if begins && value.is_finite() => Ok(value),
        Ok(_) if begins => Err(format!(
            "{}, which is too large for {}",
            found(text),
            T::NAME
        )),
        _ => Err(found(text)),
    }
}

/// The string that a JSON text is, borrowed where it holds no escapes.
pub(super) fn string(text: &str) -> Option<Cow<'_, str>> {
    let inside = text.strip_prefix('"')?.strip_suffix('"')?;
    if inside.contains('\\') {
        return serde_json::from_str(text).ok().map(Cow::Owned);
    }
    Some(Cow::Borrowed(inside))
}

pub(super) fn bytes(text: &str) -> Result<Vec<u8>, String> {
    let why = |error| format!("text that is not base64 with padding ({error})");
    STANDARD.decode(text).map_err(why)
}

/// Reads integer microseconds or an RFC 3339 string.
pub(super) fn timestamp(text: &str) -> Result<Timestamp, String> {
    let inside = string(text);
    match &inside {
        None if integer::<i64>(text).is_none() => return Err(found(text)),
        _ => Timestamp::parse(inside.as_deref().unwrap_or(text)),
    }
    .map_err(|error| error.to_string())
}

fn array<T>(text: &str, element: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    let raw: Vec<&RawValue> = serde_json::from_str(text).map_err(|_| found(text))?;
    let numbered = raw.iter().enumerate();
    numbered
        .map(|(at, raw)| element(raw.get()).map_err(|why| format!("{why} as element {at}")))
        .collect()
}

/// What a JSON text is, in words: `string "abc"`, `number 1.5`, `null`.
pub(super) fn found(text: &str) -> String {
    let shown = match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    };
    match text.as_bytes().first() {
        Some(b'"') => format!("string {shown}"),
        Some(b'[') => format!("array {shown}"),
        Some(b'{') => format!("object {shown}"),
        Some(b't' | b'f') => format!("bool {shown}"),
        Some(b'n') => "null".into(),
        _ => format!("number {shown}"),
    }
}

/// How times are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeText {
    /// Integer microseconds: what a dump says.
    Micros,
    /// RFC 3339 in UTC, or integer microseconds outside the years 0001 to 9999.
    Rfc3339,
}

impl TimeText {
    /// Appends a time as JSON.
    pub fn write_json(self, out: &mut String, t: Timestamp) {
        let start = out.len();
        match self {
            TimeText::Micros => push(out, format_args!("{}", t.micros())),
            TimeText::Rfc3339 => push(out, format_args!("{t}")),
        }
        if out.ends_with('Z') {
            out.insert(start, '"');
            out.push('"');
        }
    }
}

impl Value {
    /// Appends this value as JSON.
    pub fn write_json(&self, out: &mut String, times: TimeText) {
        match self {
            Value::Null => out.push_str("null"),
            Value::Bool(v) => push(out, format_args!("{v}")),
            Value::I32(v) => push(out, format_args!("{v}")),
            Value::I64(v) => push(out, format_args!("{v}")),
            Value::F32(v) => write_float(out, *v),
            Value::F64(v) => write_float(out, *v),
            Value::String(v) => write_json_string(out, v),
            Value::Bytes(v) => write_bytes(out, v),
            Value::Timestamp(v) => times.write_json(out, *v),
            Value::Vector(v) => write_array(out, v.iter().copied(), write_float),
            Value::ListI64(v) => write_array(out, v, |out, v| push(out, format_args!("{v}"))),
            Value::ListF64(v) => write_array(out, v.iter().copied(), write_float),
            Value::ListString(v) => write_array(out, v, |out, v| write_json_string(out, v)),
        }
    }
}

impl ValueRef<'_> {
    /// Appends this value as JSON.
    pub fn write_json(&self, out: &mut String, times: TimeText) {
        match *self {
            ValueRef::Bool(v) => push(out, format_args!("{v}")),
            ValueRef::I32(v) => push(out, format_args!("{v}")),
            ValueRef::I64(v) => push(out, format_args!("{v}")),
            ValueRef::F32(v) => write_float(out, v),
            ValueRef::F64(v) => write_float(out, v),
            ValueRef::String(v) => write_json_string(out, v),
            ValueRef::Bytes(v) => write_bytes(out, v),
            ValueRef::Timestamp(v) => times.write_json(out, v),
            ValueRef::Vector(v) => write_array(out, v.iter(), write_float),
            ValueRef::ListI64(v) => {
                write_array(out, v.iter(), |out, v| push(out, format_args!("{v}")));
            }
            ValueRef::ListF64(v) => write_array(out, v.iter(), write_float),
            ValueRef::ListString(v) => write_array(out, v.iter(), write_json_string),
        }
    }
}

pub(super) fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a String takes everything");
}

fn write_float<T: Float>(out: &mut String, value: T) {
    match value.name() {
        Some(name) => push(out, format_args!("\"{name}\"")),
        None => push(out, format_args!("{value:?}")),
    }
}

fn write_bytes(out: &mut String, bytes: &[u8]) {
    out.push('"');
    STANDARD.encode_string(bytes, out);
    out.push('"');
}

fn write_array<T>(
    out: &mut String,
    elements: impl IntoIterator<Item = T>,
    write: impl Fn(&mut String, T),
) {
    out.push('[');
    for (at, element) in elements.into_iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write(out, element);
    }
    out.push(']');
}

/// Appends a string as JSON: quoted, with the escapes that JSON asks for and no others.
pub fn write_json_string(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c < ' ' || c == '"' || c == '\\') {
        out.push_str(&rest[..at]);
        match rest.as_bytes()[at] {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            control => push(out, format_args!("\\u{control:04x}")),
        }
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
    out.push('"');
}
