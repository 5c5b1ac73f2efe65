//! One value as the text of a CSV cell or of a command-line argument, and back.

use super::literal::{self, TimeText};
use crate::error::{Error, Result};
use crate::value::{Type, Value, ValueRef};

impl Value {
    /// Reads a cell as a value of a type: `true` and `false`, digits, strings as they are, base64,
    /// times as everywhere, vectors and lists as JSON. What means null is the caller's to say.
    ///
    /// ```
    /// use asof::{Type, Value};
    /// assert_eq!(Value::from_cell("39.02", Type::F64)?, Value::F64(39.02));
    /// assert_eq!(Value::from_cell("[1,2]", Type::ListI64)?, Value::ListI64(vec![1, 2]));
    /// assert!(Value::from_cell("", Type::I64).is_err());
    /// # Ok::<(), asof::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ContractViolation`](crate::ErrorKind::ContractViolation) says what was expected and found.
    pub fn from_cell(text: &str, ty: Type) -> Result<Value> {
        let quoted = || literal::found(&format!("{text:?}"));
        let read = match ty {
            Type::Bool => text.parse().map(Value::Bool).map_err(|_| quoted()),
            Type::I32 => literal::integer(text).map(Value::I32).ok_or_else(quoted),
            Type::I64 => literal::integer(text).map(Value::I64).ok_or_else(quoted),
            Type::F32 => float(text).map(Value::F32),
            Type::F64 => float(text).map(Value::F64),
            Type::String => Ok(Value::String(text.to_owned())),
            Type::Bytes => literal::bytes(text).map(Value::Bytes),
            Type::Timestamp => crate::time::Timestamp::parse(text)
                .map(Value::Timestamp)
                .map_err(|e| e.to_string()),
            Type::Vector(_) | Type::ListI64 | Type::ListF64 | Type::ListString => {
                match literal::read(text.trim(), ty) {
                    Ok(Value::Null) => Err(quoted()),
                    read => read,
                }
            }
        };
        read.map_err(|found| Error::contract(format!("expected {ty}, found {found}")))
    }

    /// Appends this value as a cell; null is an empty one.
    pub fn write_cell(&self, out: &mut String) {
        match self {
            Value::Null => {}
            Value::String(text) => out.push_str(text),
            value => unquoted(out, |out| value.write_json(out, TimeText::Rfc3339)),
        }
    }
}

impl ValueRef<'_> {
    /// Appends this value as a cell.
    pub fn write_cell(&self, out: &mut String) {
        match self {
            ValueRef::String(text) => out.push_str(text),
            value => unquoted(out, |out| value.write_json(out, TimeText::Rfc3339)),
        }
    }
}

/// A cell needs no quotes around base64, a time or `NaN`; none of them holds an escape.
fn unquoted(out: &mut String, write: impl FnOnce(&mut String)) {
    let start = out.len();
    write(out);
    if out[start..].starts_with('"') {
        out.pop();
        out.remove(start);
    }
}

fn float<T: literal::Float>(text: &str) -> Result<T, String> {
    match literal::non_finite(text) {
        Some(value) => Ok(value),
        None => literal::number(text).map_err(|why| {
            if text.parse::<f64>().is_ok() {
                why
            } else {
                literal::found(&format!("{text:?}"))
            }
        }),
    }
}
