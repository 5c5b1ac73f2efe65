//! An entity as it is named on the command line.

use crate::exit::Failure;
use asof::{Contract, Entity, TimeText, Value, View};

/// The entity that KEY arguments name.
pub(crate) fn entity(view: &View, key: &[String]) -> Result<Entity, Failure> {
    let values = values(view.contract(), key).map_err(|why| {
        let columns: Vec<String> = view
            .contract()
            .key()
            .iter()
            .map(|column| format!("{}={}", column.name, column.ty))
            .collect();
        Failure::usage(format!(
            "view {:?}: {why}; an entity of it is named by {}",
            view.name(),
            columns.join(" ")
        ))
    })?;
    // What the arguments say may still be no entity: it is the arguments that are wrong.
    view.entity(values)
        .map_err(|error| Failure::from(error).of_usage())
}

fn values(contract: &Contract, key: &[String]) -> Result<Vec<Value>, String> {
    let columns = contract.key();
    let mut values: Vec<Option<Value>> = vec![None; columns.len()];
    for argument in key {
        let (at, text) = match argument.split_once('=') {
            Some((name, text)) => {
                let at = columns.iter().position(|column| column.name == name);
                (
                    at.ok_or_else(|| format!("there is no key column {name:?}"))?,
                    text,
                )
            }
            None if columns.len() == 1 => (0, argument.as_str()),
            None => {
                return Err(format!(
                    "{argument:?} names no column, and the key has {}",
                    columns.len()
                ));
            }
        };
        let column = &columns[at];
        let value = Value::from_cell(text, column.ty)
            .map_err(|error| format!("key column {:?}: {error}", column.name))?;
        if values[at].replace(value).is_some() {
            return Err(format!("key column {:?} is given twice", column.name));
        }
    }
    let given = |(value, column): (Option<Value>, &asof::KeyColumn)| {
        value.ok_or_else(|| format!("key column {:?} is missing", column.name))
    };
    values.into_iter().zip(columns).map(given).collect()
}

/// An entity for people: `origin=EWR terminal=2`.
pub(crate) fn describe(contract: &Contract, values: &[Value]) -> String {
    let mut out = String::new();
    for (column, value) in contract.key().iter().zip(values) {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(&column.name);
        out.push('=');
        value.write_cell(&mut out);
    }
    out
}

/// An entity as JSON, times for people.
pub(crate) fn push_json(out: &mut String, contract: &Contract, values: &[Value]) {
    contract.write_entity_json(out, values, TimeText::Rfc3339);
}
