//! Which column of the spine asks which view for what: decided once, before the first row.

use crate::args::JoinArgs;
use crate::exit::Failure;
use crate::session::Session;
use asof::{Feature, Store, Type, View};
use csv::ByteRecord;
use std::collections::HashSet;

pub(crate) struct Plan {
    /// The place of the time column, and its name.
    pub time: usize,
    pub time_name: String,
    pub known_at: Option<(usize, String)>,
    pub views: Vec<JoinedView>,
    pub status: bool,
    pub event_times: bool,
}

pub(crate) struct JoinedView {
    /// What its columns are led by: the alias, else the name of the view.
    pub prefix: String,
    pub view: View,
    pub features: Vec<Feature>,
    /// In key order.
    pub key: Vec<KeyCell>,
}

/// Where a key column stands in the spine.
pub(crate) struct KeyCell {
    pub at: usize,
    /// The spine's name for it.
    pub name: String,
    pub ty: Type,
}

impl Plan {
    pub(crate) fn new(
        session: &Session,
        store: &Store,
        args: &JoinArgs,
        header: &ByteRecord,
        spine: &str,
    ) -> Result<Self, Failure> {
        let spine = Spine {
            header,
            name: spine,
        };
        let mappings = args.key.iter().map(|text| Mapping::parse(text));
        let mappings: Vec<Mapping<'_>> = mappings.collect::<Result<_, _>>()?;
        let mut views = Vec::with_capacity(args.view.len());
        for text in &args.view {
            let wanted = Wanted::parse(text)?;
            let view = session.view(store, wanted.view)?;
            let features = wanted.features(&view)?;
            let prefix = wanted.alias.unwrap_or(wanted.view).to_owned();
            views.push(JoinedView {
                prefix,
                view,
                features,
                key: Vec::new(),
            });
        }
        for mapping in &mappings {
            mapping.check(&views)?;
        }
        for joined in &mut views {
            joined.key = key_cells(&spine, &joined.prefix, &joined.view, &mappings)?;
        }
        let known_at = args.known_at.as_ref();
        let plan = Plan {
            time: spine.column("--time", &args.time)?,
            time_name: args.time.clone(),
            known_at: known_at
                .map(|name| Ok::<_, Failure>((spine.column("--known-at", name)?, name.clone())))
                .transpose()?,
            views,
            status: args.status,
            event_times: args.event_times,
        };
        plan.check_columns(&spine)?;
        Ok(plan)
    }

    /// The names of the columns that are added.
    pub(crate) fn columns(&self) -> Vec<String> {
        let mut columns = Vec::new();
        for joined in &self.views {
            for feature in &joined.features {
                let column = format!("{}__{}", joined.prefix, feature.name());
                let status = format!("{column}__status");
                let event_time = format!("{column}__event_time");
                columns.push(column);
                columns.extend(self.status.then_some(status));
                columns.extend(self.event_times.then_some(event_time));
            }
        }
        columns
    }

    fn check_columns(&self, spine: &Spine<'_>) -> Result<(), Failure> {
        let mut seen: HashSet<Vec<u8>> = spine.header.iter().map(<[u8]>::to_vec).collect();
        for column in self.columns() {
            if !seen.insert(column.clone().into_bytes()) {
                return Err(Failure::usage(format!(
                    "the result would have the column {column:?} twice; give a view another name \
                     by --view ALIAS=VIEW"
                )));
            }
        }
        Ok(())
    }
}

struct Spine<'a> {
    header: &'a ByteRecord,
    name: &'a str,
}

impl Spine<'_> {
    fn place(&self, column: &str) -> Option<usize> {
        self.header
            .iter()
            .position(|name| name == column.as_bytes())
    }

    fn column(&self, option: &str, column: &str) -> Result<usize, Failure> {
        self.place(column).ok_or_else(|| {
            Failure::usage(format!(
                "{option} {column}: {} has no such column; it has {}",
                self.name,
                self.names()
            ))
        })
    }

    fn names(&self) -> String {
        let names: Vec<_> = self.header.iter().map(String::from_utf8_lossy).collect();
        names.join(", ")
    }
}

/// `[ALIAS=]VIEW[:f,…]`
struct Wanted<'a> {
    alias: Option<&'a str>,
    view: &'a str,
    features: Option<&'a str>,
}

impl<'a> Wanted<'a> {
    fn parse(text: &'a str) -> Result<Self, Failure> {
        let (named, features) = match text.split_once(':') {
            Some((named, features)) => (named, Some(features)),
            None => (text, None),
        };
        let (alias, view) = match named.split_once('=') {
            Some((alias, view)) => (Some(alias), view),
            None => (None, named),
        };
        if view.is_empty() || alias == Some("") || features == Some("") {
            return Err(Failure::usage(format!(
                "--view {text}: write it as [ALIAS=]VIEW[:f,…]"
            )));
        }
        Ok(Wanted {
            alias,
            view,
            features,
        })
    }

    fn features(&self, view: &View) -> Result<Vec<Feature>, Failure> {
        let Some(names) = self.features else {
            return Ok(view.contract().features().to_vec());
        };
        let feature = |name| Ok(view.contract().feature(name)?.clone());
        names.split(',').map(feature).collect()
    }
}

/// `[ALIAS.]ENTITYCOL=COL`
struct Mapping<'a> {
    text: &'a str,
    alias: Option<&'a str>,
    key_column: &'a str,
    spine_column: &'a str,
}

impl<'a> Mapping<'a> {
    fn parse(text: &'a str) -> Result<Self, Failure> {
        let (left, spine_column) = text.split_once('=').ok_or_else(|| {
            Failure::usage(format!("--key {text}: write it as [ALIAS.]ENTITYCOL=COL"))
        })?;
        let (alias, key_column) = match left.split_once('.') {
            Some((alias, key_column)) => (Some(alias), key_column),
            None => (None, left),
        };
        Ok(Mapping {
            text,
            alias,
            key_column,
            spine_column,
        })
    }

    /// Whether it is about a key column of what is joined under a prefix.
    fn is_about(&self, prefix: &str, key_column: &str) -> bool {
        self.key_column == key_column && self.alias.is_none_or(|alias| alias == prefix)
    }

    /// Refuses one that is about nothing.
    fn check(&self, views: &[JoinedView]) -> Result<(), Failure> {
        let is_about = |joined: &JoinedView| {
            let mut columns = joined.view.contract().key().iter();
            columns.any(|column| self.is_about(&joined.prefix, &column.name))
        };
        if views.iter().any(is_about) {
            return Ok(());
        }
        Err(Failure::usage(format!(
            "--key {}: no joined view has this key column under this alias",
            self.text
        )))
    }
}

/// Finds each key column: by the mapping that names the alias, else by one that names none, else by
/// its own name.
fn key_cells(
    spine: &Spine<'_>,
    prefix: &str,
    view: &View,
    mappings: &[Mapping<'_>],
) -> Result<Vec<KeyCell>, Failure> {
    let mut cells = Vec::new();
    for column in view.contract().key() {
        let about = || {
            mappings
                .iter()
                .filter(|mapping| mapping.is_about(prefix, &column.name))
        };
        let meant = about()
            .find(|mapping| mapping.alias.is_some())
            .or_else(|| about().next());
        let (name, at) = match meant {
            Some(mapping) => (mapping.spine_column, spine.column("--key", mapping.spine_column)?),
            None => (column.name.as_str(), spine.place(&column.name).ok_or_else(|| {
                Failure::usage(format!(
                    "{} has no column {:?}, which is a key column of view {:?}; say which one it \
                     is by --key {prefix}.{}=COL; there are {}",
                    spine.name, column.name, view.name(), column.name, spine.names()
                ))
            })?),
        };
        cells.push(KeyCell {
            at,
            name: name.to_owned(),
            ty: column.ty,
        });
    }
    Ok(cells)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_joined_view_and_a_key_are_said_in_one_word() {
        let wanted = Wanted::parse("w=weather:temp,dewp").ok().unwrap();
        assert_eq!(
            (wanted.alias, wanted.view, wanted.features),
            (Some("w"), "weather", Some("temp,dewp"))
        );
        let wanted = Wanted::parse("weather").ok().unwrap();
        assert_eq!(
            (wanted.alias, wanted.view, wanted.features),
            (None, "weather", None)
        );
        for text in ["", "=weather", "w=", "weather:", ":temp"] {
            assert!(Wanted::parse(text).is_err(), "{text:?}");
        }
        let mapping = Mapping::parse("w.origin=dest=x").ok().unwrap();
        assert_eq!(
            (mapping.alias, mapping.key_column, mapping.spine_column),
            (Some("w"), "origin", "dest=x")
        );
        assert!(Mapping::parse("origin").is_err());
    }
}
