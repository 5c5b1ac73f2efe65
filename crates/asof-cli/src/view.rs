//! `view apply`, `view list`, `view show`: the contracts of a store.

use crate::args::{ViewApplyArgs, ViewShowArgs};
use crate::dump::view_line;
use crate::exit::{Exit, Failure};
use crate::output::{Format, Table};
use crate::session::{Session, full_name};
use crate::source::open;
use asof::{Change, MaxSkew, OnExpiry, Read, Retention, View, ViewDefinition};
use std::fmt::Write;
use std::io::Read as _;
use std::path::Path;

/// Defines the views of all files, or of none: every file is read and judged before the first is
/// applied.
pub(crate) fn apply(session: &Session, args: &ViewApplyArgs) -> Result<Exit, Failure> {
    let read = args
        .files
        .iter()
        .map(|file| Ok((file.as_path(), read_definition(file)?)));
    let definitions: Vec<(&Path, ViewDefinition)> = read.collect::<Result<_, Failure>>()?;
    let store = match args.check {
        true => session.open_if_there()?,
        false => Some(session.open_or_create()?),
    };
    let mut changes = Vec::with_capacity(definitions.len());
    for (file, definition) in &definitions {
        let change = match &store {
            Some(store) => store.check(definition),
            None => Ok(Change::Created),
        };
        changes.push(change.map_err(|error| Failure::from(error).at(file.display()))?);
    }
    if let Some(store) = store.filter(|_| !args.check) {
        for ((file, definition), change) in definitions.iter().zip(&mut changes) {
            let applied = store.apply(definition.clone());
            *change = applied.map_err(|error| Failure::from(error).at(file.display()))?;
        }
        store.close()?;
    }
    print_changes(session, args.check, &definitions, &changes)?;
    Ok(Exit::Ok)
}

fn read_definition(file: &Path) -> Result<ViewDefinition, Failure> {
    let mut text = String::new();
    let read = open(file)?.read_to_string(&mut text);
    read.map_err(|error| Failure::from(error).at(file.display()))?;
    ViewDefinition::from_toml(&text).map_err(|error| Failure::from(error).at(file.display()))
}

fn print_changes(
    session: &Session,
    check: bool,
    definitions: &[(&Path, ViewDefinition)],
    changes: &[Change],
) -> Result<(), Failure> {
    let format = session.format();
    let mut list = session.stdout().list(format);
    for ((_, definition), change) in definitions.iter().zip(changes) {
        let (word, version, features) = match change {
            Change::Created => ("created", 1, Vec::new()),
            Change::Unchanged => ("unchanged", 0, Vec::new()),
            Change::Added { version, features } => ("added", *version, features.clone()),
            Change::Sourced { .. } => ("sourced", 0, Vec::new()),
        };
        let mut line = String::new();
        let _ = if format == Format::Table {
            let would = if check { "would be " } else { "" };
            let added = match change {
                Change::Added { .. } => {
                    format!(" {} in schema version {version}", features.join(", "))
                }
                Change::Sourced { added, removed } => sources_changed(added, removed),
                _ => String::new(),
            };
            write!(line, "{}: {would}{word}{added}", definition.name())
        } else {
            let features: Vec<String> = features.iter().map(|name| format!("\"{name}\"")).collect();
            let sources = match change {
                Change::Sourced { .. } => {
                    format!(",\"sources\":{}", json_list(definition.sources()))
                }
                _ => String::new(),
            };
            write!(
                line,
                "{{\"namespace\":\"{}\",\"view\":\"{}\",\"change\":\"{word}\",\"features\":[{}]{sources}}}",
                definition.namespace(),
                definition.name(),
                features.join(",")
            )
        };
        list.push(line.as_bytes())?;
    }
    list.finish()
}

fn json_list(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    format!("[{}]", names.join(","))
}

/// ` anew: from a, no more from b`.
fn sources_changed(added: &[String], removed: &[String]) -> String {
    let parts = [("from", added), ("no more from", removed)];
    let parts = parts.iter().filter(|(_, sources)| !sources.is_empty());
    let parts = parts.map(|(word, sources)| format!("{word} {}", sources.join(", ")));
    format!(" anew: {}", parts.collect::<Vec<_>>().join("; "))
}

/// Prints one line per view.
pub(crate) fn list(session: &Session) -> Result<Exit, Failure> {
    let store = session.open()?;
    let views = session.views(&store, None)?;
    if session.format() == Format::Table {
        let mut table = Table::new(["namespace", "view", "entity", "features", "schema_version"]);
        for view in &views {
            let contract = view.contract();
            let features = contract.features().len().to_string();
            table.push([
                view.namespace(),
                view.name(),
                &key_columns(view).join(", "),
                &features,
                &contract.version().to_string(),
            ]);
        }
        session.stdout().raw(table.render().as_bytes())?;
        return Ok(Exit::Ok);
    }
    let mut list = session.stdout().list(session.format());
    for view in &views {
        let columns: Vec<String> = view
            .contract()
            .key()
            .iter()
            .map(|column| format!("\"{}\"", column.name))
            .collect();
        let line = format!(
            "{{\"namespace\":\"{}\",\"view\":\"{}\",\"entity\":[{}],\"features\":{},\"schema_version\":{}}}",
            view.namespace(),
            view.name(),
            columns.join(","),
            view.contract().features().len(),
            view.contract().version()
        );
        list.push(line.as_bytes())?;
    }
    list.finish()?;
    Ok(Exit::Ok)
}

fn key_columns(view: &View) -> Vec<String> {
    view.contract()
        .key()
        .iter()
        .map(|column| format!("{} {}", column.name, column.ty))
        .collect()
}

/// Prints one view: for people, as a view file, or as the line with which its dump begins.
pub(crate) fn show(session: &Session, args: &ViewShowArgs) -> Result<Exit, Failure> {
    let store = session.open()?;
    let view = session.view(&store, &args.view)?;
    if args.toml {
        session
            .stdout()
            .raw(view.contract().definition().to_toml().as_bytes())?;
        return Ok(Exit::Ok);
    }
    let snapshot = store.snapshot();
    if session.format() == Format::Table {
        let floor = snapshot
            .floor(&view)?
            .map_or("none yet".into(), |floor| floor.to_string());
        session.stdout().raw(render(&view, &floor).as_bytes())?;
    } else {
        let mut line = String::new();
        view_line(&store, &snapshot, &view)?.write(&mut line);
        session.stdout().line(&line)?;
    }
    Ok(Exit::Ok)
}

fn render(view: &View, floor: &str) -> String {
    let contract = view.contract();
    let time = contract.time();
    let mut out = format!(
        "{}, schema version {}, entity ({})\n",
        full_name(view),
        contract.version(),
        key_columns(view).join(", ")
    );
    let ttl = time.ttl.map_or("none".into(), |ttl| ttl.to_string());
    let on_expiry = match time.on_expiry {
        OnExpiry::Expire => "expire",
        OnExpiry::Stale => "stale",
    };
    let history = match time.history {
        Retention::Forever => "forever".into(),
        Retention::Window(window) => window.to_string(),
    };
    let max_skew = match time.max_skew {
        MaxSkew::Forever => "forever".into(),
        MaxSkew::Within(skew) => skew.to_string(),
    };
    let _ = writeln!(
        out,
        "ttl {ttl}, on_expiry {on_expiry}, history {history}, max_skew {max_skew}, floor {floor}"
    );
    let _ = match contract.sources() {
        [] => writeln!(out),
        sources => writeln!(out, "sources {}\n", sources.join(", ")),
    };
    let mut table = Table::new(["feature", "type", "nullable", "finite", "was", "since"]);
    for feature in contract.features() {
        let definition = feature.definition();
        let yes = |flag: bool| if flag { "yes" } else { "" };
        let was = Some(definition.birth_name()).filter(|birth| *birth != feature.name());
        table.push([
            feature.name(),
            &feature.ty().to_string(),
            yes(definition.is_nullable()),
            yes(definition.is_finite()),
            was.unwrap_or(""),
            &feature.since().to_string(),
        ]);
    }
    out.push_str(&table.render());
    out
}
