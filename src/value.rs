//! What a feature or a key column can hold.
//!
//! [`Type`] is what a contract declares, [`Value`] is a value that somebody owns, [`ValueRef`] is a
//! value that still lies in the bytes it was read from.

use crate::error::{Error, Result, did_you_mean};
use crate::limits::VECTOR_DIMENSIONS_MAX;
use crate::time::Timestamp;
use std::fmt;
use std::str::FromStr;

/// The type of a feature or a key column.
///
/// ```
/// use asof::Type;
/// assert_eq!("vector<f32,128>".parse::<Type>()?, Type::Vector(128));
/// assert_eq!(Type::ListI64.to_string(), "list<i64>");
/// # Ok::<(), asof::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Type {
    /// `bool`
    Bool,
    /// `i32`
    I32,
    /// `i64`
    I64,
    /// `f32`
    F32,
    /// `f64`
    F64,
    /// `string`: UTF-8
    String,
    /// `bytes`
    Bytes,
    /// `timestamp`: microseconds since the Unix epoch
    Timestamp,
    /// `vector<f32,N>`: exactly N floats
    Vector(u32),
    /// `list<i64>`
    ListI64,
    /// `list<f64>`
    ListF64,
    /// `list<string>`
    ListString,
}

impl Type {
    /// Whether an entity key column may have this type.
    pub(crate) fn can_be_key(self) -> bool {
        use Type::*;
        matches!(self, String | Bytes | Bool | I32 | I64 | Timestamp)
    }

    /// Whether values of this type hold floats, so that `finite` means something.
    pub(crate) fn has_floats(self) -> bool {
        matches!(
            self,
            Type::F32 | Type::F64 | Type::Vector(_) | Type::ListF64
        )
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Type::Bool => "bool",
            Type::I32 => "i32",
            Type::I64 => "i64",
            Type::F32 => "f32",
            Type::F64 => "f64",
            Type::String => "string",
            Type::Bytes => "bytes",
            Type::Timestamp => "timestamp",
            Type::Vector(n) => return write!(f, "vector<f32,{n}>"),
            Type::ListI64 => "list<i64>",
            Type::ListF64 => "list<f64>",
            Type::ListString => "list<string>",
        })
    }
}

/// What a misspelt type may have meant, those of key columns first. A vector is not among them: it
/// needs its dimension.
const NAMES: [&str; 11] = [
    "string",
    "bytes",
    "bool",
    "i32",
    "i64",
    "timestamp",
    "f32",
    "f64",
    "list<i64>",
    "list<f64>",
    "list<string>",
];

const KEY_NAMES: &[&str] = NAMES.split_at(6).0;

/// What other systems call our types.
const FOREIGN: [(&str, &[&str]); 8] = [
    ("string", &["str", "text", "varchar", "utf8"]),
    ("bytes", &["binary", "blob", "bytea"]),
    ("bool", &["boolean"]),
    ("i32", &["int32"]),
    ("i64", &["int64", "int", "integer", "long", "bigint"]),
    ("timestamp", &["datetime", "date", "time", "timestamptz"]),
    ("f32", &["float32"]),
    ("f64", &["float64", "float", "double", "real", "number"]),
];

/// `; did you mean "…"?` of a type, or nothing.
fn meant(text: &str, names: &'static [&'static str]) -> String {
    let lower = text.to_ascii_lowercase();
    let foreign = FOREIGN.iter().find(|(_, others)| others.contains(&&*lower));
    match foreign.filter(|(name, _)| names.contains(name)) {
        Some((name, _)) => format!("; did you mean {name:?}?"),
        None => did_you_mean(&lower, names.iter().copied()),
    }
}

impl Type {
    /// The type of a key column.
    ///
    /// # Errors
    /// `InvalidArgument` offers what a key column may be, and nothing else.
    #[cfg(feature = "text")]
    pub(crate) fn of_key(text: &str) -> Result<Type> {
        match text.parse() {
            Ok(ty) => Ok(ty),
            Err(_) => Err(Error::invalid(format!(
                "type {text:?} is none that a key column can have: {}{}",
                KEY_NAMES.join(", "),
                meant(text, KEY_NAMES)
            ))),
        }
    }
}

impl FromStr for Type {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Ok(match text {
            "bool" => Type::Bool,
            "i32" => Type::I32,
            "i64" => Type::I64,
            "f32" => Type::F32,
            "f64" => Type::F64,
            "string" => Type::String,
            "bytes" => Type::Bytes,
            "timestamp" => Type::Timestamp,
            "list<i64>" => Type::ListI64,
            "list<f64>" => Type::ListF64,
            "list<string>" => Type::ListString,
            _ => {
                let dimensions = text
                    .strip_prefix("vector<f32,")
                    .and_then(|rest| rest.strip_suffix('>'))
                    .and_then(|n| n.trim().parse().ok())
                    .filter(|n| (1..=VECTOR_DIMENSIONS_MAX).contains(n));
                Type::Vector(dimensions.ok_or_else(|| {
                    Error::invalid(format!(
                        "type {text:?} is none of bool, i32, i64, f32, f64, string, bytes, \
                         timestamp, vector<f32,N> with N from 1 to {VECTOR_DIMENSIONS_MAX}, \
                         list<i64>, list<f64>, list<string>{}",
                        meant(text, &NAMES)
                    ))
                })?)
            }
        })
    }
}

/// A value that somebody owns.
///
/// Equality is that of the floats within: `NaN` differs from itself, `-0.0` equals `0.0`.
/// Versions are told apart by their digest instead, where `NaN` is one value and `-0.0` another.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// Known to be nothing. Not the same as absent.
    Null,
    /// `bool`
    Bool(bool),
    /// `i32`
    I32(i32),
    /// `i64`
    I64(i64),
    /// `f32`
    F32(f32),
    /// `f64`
    F64(f64),
    /// `string`
    String(String),
    /// `bytes`
    Bytes(Vec<u8>),
    /// `timestamp`
    Timestamp(Timestamp),
    /// `vector<f32,N>`
    Vector(Vec<f32>),
    /// `list<i64>`
    ListI64(Vec<i64>),
    /// `list<f64>`
    ListF64(Vec<f64>),
    /// `list<string>`
    ListString(Vec<String>),
}

impl Value {
    /// What this value is, for messages: its type, or `null`.
    pub(crate) fn describe(&self) -> String {
        match self {
            Value::Null => "null".into(),
            Value::Bool(_) => Type::Bool.to_string(),
            Value::I32(_) => Type::I32.to_string(),
            Value::I64(_) => Type::I64.to_string(),
            Value::F32(_) => Type::F32.to_string(),
            Value::F64(_) => Type::F64.to_string(),
            Value::String(_) => Type::String.to_string(),
            Value::Bytes(_) => Type::Bytes.to_string(),
            Value::Timestamp(_) => Type::Timestamp.to_string(),
            Value::Vector(v) => format!("vector<f32,{}>", v.len()),
            Value::ListI64(_) => Type::ListI64.to_string(),
            Value::ListF64(_) => Type::ListF64.to_string(),
            Value::ListString(_) => Type::ListString.to_string(),
        }
    }

    /// Whether this value may stand where `ty` is declared. Null may not: that is a question of
    /// nullability, not of type.
    #[inline]
    pub(crate) fn is_a(&self, ty: Type) -> bool {
        match (self, ty) {
            (Value::Vector(v), Type::Vector(n)) => v.len() == n as usize,
            (Value::Bool(_), Type::Bool)
            | (Value::I32(_), Type::I32)
            | (Value::I64(_), Type::I64)
            | (Value::F32(_), Type::F32)
            | (Value::F64(_), Type::F64)
            | (Value::String(_), Type::String)
            | (Value::Bytes(_), Type::Bytes)
            | (Value::Timestamp(_), Type::Timestamp)
            | (Value::ListI64(_), Type::ListI64)
            | (Value::ListF64(_), Type::ListF64)
            | (Value::ListString(_), Type::ListString) => true,
            _ => false,
        }
    }

    /// Whether every float in this value is finite.
    pub(crate) fn is_finite(&self) -> bool {
        match self {
            Value::F32(v) => v.is_finite(),
            Value::F64(v) => v.is_finite(),
            Value::Vector(v) => v.iter().all(|f| f.is_finite()),
            Value::ListF64(v) => v.iter().all(|f| f.is_finite()),
            _ => true,
        }
    }
}

macro_rules! value_from {
    ($($source:ty => $variant:ident $(, $convert:ident)?;)*) => {$(
        impl From<$source> for Value {
            #[inline]
            fn from(value: $source) -> Self {
                Value::$variant(value$(.$convert())?)
            }
        }
    )*};
}

value_from! {
    bool => Bool; i32 => I32; i64 => I64; f32 => F32; f64 => F64;
    String => String; &str => String, into; Vec<u8> => Bytes; &[u8] => Bytes, into;
    Timestamp => Timestamp; Vec<f32> => Vector; Vec<i64> => ListI64; Vec<f64> => ListF64;
    Vec<String> => ListString;
}

impl<T: Into<Value>> From<Option<T>> for Value {
    /// `None` is null.
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

/// A value that still lies in the bytes it was read from. Lists are read one element at a time.
///
/// ```
/// # use asof::*;
/// # fn main() -> Result<()> {
/// # let store = Store::temp()?;
/// # store.apply(ViewDefinition::builder("song").key("id", Type::I64).feature("embedding", Type::Vector(2)).feature("tags", Type::ListString).build()?)?;
/// # let song = store.view("song")?;
/// # let seven = song.entity([7i64])?;
/// let (embedding, tags) = (song.feature::<[f32]>("embedding")?, song.feature::<[String]>("tags")?);
/// let mut batch = WriteBatch::new();
/// batch.put(&song, &seven, Timestamp::from_secs(0))
///     .set(&embedding, [0.5, -1.0].as_slice())
///     .set(&tags, ["jazz".to_string()].as_slice())
///     .finish()?;
/// store.write(batch, WriteOptions::buffered())?;
///
/// // Read in place: nothing is copied out of the row.
/// let row = store.get(&song, &seven, Question::latest())?;
/// let vector = row.get(&embedding)?.expect("it was written");
/// assert_eq!(vector.iter().map(|x| x * x).sum::<f32>(), 1.25);
/// assert_eq!(row.get(&tags)?.and_then(|tags| tags.iter().next()), Some("jazz"));
/// assert_eq!(row.by_name("tags")?.value.map(|v| v.to_value()), Some(Value::ListString(vec!["jazz".into()])));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum ValueRef<'a> {
    /// `bool`
    Bool(bool),
    /// `i32`
    I32(i32),
    /// `i64`
    I64(i64),
    /// `f32`
    F32(f32),
    /// `f64`
    F64(f64),
    /// `string`
    String(&'a str),
    /// `bytes`
    Bytes(&'a [u8]),
    /// `timestamp`
    Timestamp(Timestamp),
    /// `vector<f32,N>`
    Vector(Elements<'a, f32>),
    /// `list<i64>`
    ListI64(Elements<'a, i64>),
    /// `list<f64>`
    ListF64(Elements<'a, f64>),
    /// `list<string>`
    ListString(Strings<'a>),
}

impl ValueRef<'_> {
    /// A copy that owns what it holds.
    pub fn to_value(&self) -> Value {
        match *self {
            ValueRef::Bool(v) => Value::Bool(v),
            ValueRef::I32(v) => Value::I32(v),
            ValueRef::I64(v) => Value::I64(v),
            ValueRef::F32(v) => Value::F32(v),
            ValueRef::F64(v) => Value::F64(v),
            ValueRef::String(v) => Value::String(v.into()),
            ValueRef::Bytes(v) => Value::Bytes(v.into()),
            ValueRef::Timestamp(v) => Value::Timestamp(v),
            ValueRef::Vector(v) => Value::Vector(v.iter().collect()),
            ValueRef::ListI64(v) => Value::ListI64(v.iter().collect()),
            ValueRef::ListF64(v) => Value::ListF64(v.iter().collect()),
            ValueRef::ListString(v) => Value::ListString(v.iter().map(String::from).collect()),
        }
    }
}

/// Numbers of one width that still lie in the bytes they were read from.
#[derive(Clone, Copy)]
pub struct Elements<'a, T> {
    bytes: &'a [u8],
    element: std::marker::PhantomData<T>,
}

/// A number that can be an element of a vector or a list.
pub trait Element: Copy + fmt::Debug + sealed::Sealed {
    /// Its width in bytes.
    const WIDTH: usize;
    /// Reads it from exactly [`WIDTH`](Element::WIDTH) little-endian bytes.
    #[doc(hidden)]
    fn read(bytes: &[u8]) -> Self;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
    impl Sealed for i64 {}
}

macro_rules! element {
    ($($ty:ty),*) => {$(
        impl Element for $ty {
            const WIDTH: usize = size_of::<$ty>();
            fn read(bytes: &[u8]) -> Self {
                <$ty>::from_le_bytes(bytes.try_into().expect("an element has its width"))
            }
        }
    )*};
}

element!(f32, f64, i64);

impl<'a, T: Element> Elements<'a, T> {
    /// `None` when the bytes are not a whole number of elements.
    pub(crate) fn new(bytes: &'a [u8]) -> Option<Self> {
        let whole = bytes.len().is_multiple_of(T::WIDTH);
        whole.then_some(Elements {
            bytes,
            element: std::marker::PhantomData,
        })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.bytes.len() / T::WIDTH
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The elements in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = T> + use<'a, T> {
        self.bytes.chunks_exact(T::WIDTH).map(T::read)
    }
}

impl<T: Element> fmt::Debug for Elements<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Strings that still lie in the bytes they were read from.
///
/// ```text
/// count u32 | count × end u32 | UTF-8 of all, one after the other
/// ```
#[derive(Clone, Copy)]
pub struct Strings<'a> {
    ends: &'a [u8],
    text: &'a str,
}

impl<'a> Strings<'a> {
    /// `None` when the bytes are not a list of strings.
    pub(crate) fn new(bytes: &'a [u8]) -> Option<Self> {
        let (count, rest) = bytes.split_first_chunk::<4>()?;
        let ends_len = (u32::from_le_bytes(*count) as usize).checked_mul(4)?;
        let (ends, text) = rest.split_at_checked(ends_len)?;
        let strings = Strings {
            ends,
            text: std::str::from_utf8(text).ok()?,
        };
        let mut start = 0;
        for end in strings.ends() {
            strings.text.get(start..end)?;
            start = end;
        }
        (start == text.len()).then_some(strings)
    }

    fn ends(&self) -> impl ExactSizeIterator<Item = usize> + use<'a> {
        self.ends
            .chunks_exact(4)
            .map(|end| u32::from_le_bytes(end.try_into().expect("chunks of four")) as usize)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len() / 4
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The strings in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &'a str> + use<'a> {
        let text = self.text;
        let mut start = 0;
        self.ends()
            .map(move |end| &text[std::mem::replace(&mut start, end)..end])
    }
}

impl fmt::Debug for Strings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_survives_its_text() {
        use Type::*;
        let all = [
            Bool,
            I32,
            I64,
            F32,
            F64,
            String,
            Bytes,
            Timestamp,
            Vector(1),
            Vector(65_536),
            ListI64,
            ListF64,
            ListString,
        ];
        for ty in all {
            assert_eq!(ty.to_string().parse::<Type>().unwrap(), ty);
        }
        for text in [
            "",
            "int",
            "F64",
            "vector<f32,0>",
            "vector<f32,65537>",
            "vector<f64,3>",
            "list<f32>",
        ] {
            assert!(text.parse::<Type>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_hostile_list_of_strings_is_none() {
        let good = [
            &2u32.to_le_bytes()[..],
            &1u32.to_le_bytes(),
            &3u32.to_le_bytes(),
            b"abc",
        ]
        .concat();
        let strings = Strings::new(&good).unwrap();
        assert_eq!(strings.iter().collect::<Vec<_>>(), ["a", "bc"]);
        for cut in 0..good.len() {
            assert!(Strings::new(&good[..cut]).is_none(), "cut at {cut}");
        }
        let absurd = [&u32::MAX.to_le_bytes()[..], b"abc"].concat();
        assert!(Strings::new(&absurd).is_none());
        let descending = [
            &2u32.to_le_bytes()[..],
            &3u32.to_le_bytes(),
            &1u32.to_le_bytes(),
            b"abc",
        ]
        .concat();
        assert!(Strings::new(&descending).is_none());
        let split_char = [
            &2u32.to_le_bytes()[..],
            &1u32.to_le_bytes(),
            &2u32.to_le_bytes(),
            "é".as_bytes(),
        ]
        .concat();
        assert!(Strings::new(&split_char).is_none());
    }
}
