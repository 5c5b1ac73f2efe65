//! Events as JSON lines, dumps included.

use super::writer::{Place, Writer};
use crate::args::IngestArgs;
use crate::exit::Failure;
use crate::session::{Session, note};
use crate::source::{Lines, Source};
use asof::{Change, ErrorKind, Event, Form, JsonEvent, JsonLine, Raw, Store, View, ViewLine};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

/// Writes every line of a file.
pub(crate) fn read(
    session: &Session,
    store: &Store,
    args: &IngestArgs,
    file: &Path,
    writer: &mut Writer<'_>,
) -> Result<(), Failure> {
    let source = Source::open(file)?;
    let name: Arc<str> = source.name().into();
    let mut lines = Lines::new(source);
    let mut views = Views {
        store,
        namespace: session.namespace().to_owned(),
        view: args.view.as_deref(),
        found: HashMap::new(),
    };
    while let Some((number, line)) = lines.next_line()? {
        let file = name.clone();
        let place = Place { file, line: number };
        let is_new = writer.next_record();
        match JsonLine::parse(line) {
            // A view is put in place again: the lines below it are read by what it says.
            parsed if !is_new && !matches!(parsed, Ok(JsonLine::View(_))) => {}
            Ok(JsonLine::Event(event)) => {
                let raw = views.raw(line, Some(&event));
                match views.resolve(&event) {
                    Ok(event) => writer.push(event, raw, place)?,
                    // A slip of the command line is not the row's, and would set every one aside.
                    Err(error) if views.is_missing(&event, &error) => {
                        return Err(Failure::from(error).at(place));
                    }
                    Err(error) => writer.push_bad(error, raw, place)?,
                }
            }
            Ok(JsonLine::View(view)) => {
                views.restore(&view).map_err(|failure| failure.at(place))?;
            }
            Err(error) => writer.push_bad(error, views.raw(line, None), place)?,
        }
    }
    Ok(())
}

/// The views that lines have named so far.
struct Views<'a> {
    store: &'a Store,
    /// The tenant of lines that name none.
    namespace: String,
    /// The view of lines that name none.
    view: Option<&'a str>,
    /// By namespace, then by name.
    found: HashMap<String, HashMap<String, View>>,
}

impl Views<'_> {
    /// The line, with what it leaves to the command line to say.
    fn raw(&self, line: &[u8], event: Option<&JsonEvent<'_>>) -> Raw {
        let (namespace, view) = match event {
            Some(event) => (event.namespace().is_none(), event.view().is_err()),
            None => (true, true),
        };
        let supplied = Some(self.namespace.as_str()).filter(|name| namespace && *name != "default");
        Raw {
            bytes: line.to_vec(),
            form: Form::Line {
                namespace: supplied.map(Into::into),
                view: self.view.filter(|_| view).map(Into::into),
            },
        }
    }

    /// Whether the view that is not there is the one of the command line.
    fn is_missing(&self, event: &JsonEvent<'_>, error: &asof::Error) -> bool {
        error.kind() == ErrorKind::NotFound && event.view().is_err() && self.view.is_some()
    }

    fn resolve(&mut self, event: &JsonEvent<'_>) -> asof::Result<Event> {
        let name = match (event.view(), self.view) {
            (Err(_), Some(name)) => name,
            (named, _) => named?,
        };
        let namespace = event.namespace().unwrap_or(&self.namespace);
        if let Some(view) = self.found.get(namespace).and_then(|views| views.get(name)) {
            return event.resolve(view.contract());
        }
        let view = self.store.view_in(namespace, name)?;
        let resolved = event.resolve(view.contract());
        self.found
            .entry(namespace.to_owned())
            .or_default()
            .insert(name.to_owned(), view);
        resolved
    }

    /// Makes the view with which a dump begins, where it is missing, and takes over its floor and its
    /// fences. A dump names every namespace but the default one, whatever `--namespace` says.
    fn restore(&mut self, line: &ViewLine) -> Result<(), Failure> {
        "default".clone_into(&mut self.namespace);
        let definition = &line.definition;
        let there = self
            .store
            .view_in(definition.namespace(), definition.name());
        if there.is_ok() {
            if !matches!(self.store.check(definition), Ok(Change::Unchanged)) {
                note(format_args!(
                    "view {:?} is there with another definition, by which its rows are judged",
                    definition.name()
                ));
            }
        } else {
            for step in line.steps() {
                self.store.apply(step)?;
            }
        }
        let view = self
            .store
            .view_in(definition.namespace(), definition.name())?;
        let fences: Vec<_> = line
            .fences
            .iter()
            .map(|fence| (fence.entity.clone(), fence.recorded_at, fence.floor))
            .collect();
        if line.floor.is_some() || !fences.is_empty() {
            self.store.restore_bounds(&view, line.floor, &fences)?;
        }
        Ok(())
    }
}
