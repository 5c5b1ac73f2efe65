//! What the global options mean to every command: which store, which tenant, what time, what output.

use crate::args::Global;
use crate::exit::{Exit, Failure};
use crate::output::{Format, Output};
use asof::{ErrorKind, Health, ManualClock, Store, StoreOptions, View};
use std::path::Path;

/// The tenant of views where none is named.
const DEFAULT_NAMESPACE: &str = "default";

pub(crate) struct Session {
    global: Global,
}

impl Session {
    pub(crate) fn new(global: Global) -> Self {
        Session { global }
    }

    /// Opens the store that is named; it must exist.
    pub(crate) fn open(&self) -> Result<Store, Failure> {
        let store = self.options().open(self.path()?).map_err(failed_open)?;
        for torn in store.found().iter().filter(|f| f.health == Health::Torn) {
            note(format_args!("{torn}; what was synced is all there"));
        }
        Ok(store)
    }

    /// Opens the store that is named, if there is one.
    pub(crate) fn open_if_there(&self) -> Result<Option<Store>, Failure> {
        match self.options().open(self.path()?) {
            Ok(store) => Ok(Some(store)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed_open(error)),
        }
    }

    /// Opens the store that is named, and makes it where it is missing.
    pub(crate) fn open_or_create(&self) -> Result<Store, Failure> {
        let options = self.options().create_if_missing(true);
        options.open(self.path()?).map_err(failed_open)
    }

    /// Where the store is, or would be.
    pub(crate) fn path(&self) -> Result<&Path, Failure> {
        self.global.store.as_deref().ok_or_else(|| {
            Failure::usage("no store is named; say --store DIR, or set ASOF_STORE to its directory")
        })
    }

    /// How it is opened.
    pub(crate) fn options(&self) -> StoreOptions {
        match self.global.now {
            Some(now) => StoreOptions::new().clock(ManualClock::at(now)),
            None => StoreOptions::new(),
        }
    }

    /// The tenant of the views that are named.
    pub(crate) fn namespace(&self) -> &str {
        self.global
            .namespace
            .as_deref()
            .unwrap_or(DEFAULT_NAMESPACE)
    }

    /// That tenant, if it was said.
    pub(crate) fn named_namespace(&self) -> Option<&str> {
        self.global.namespace.as_deref()
    }

    /// A view of that tenant.
    pub(crate) fn view(&self, store: &Store, name: &str) -> Result<View, Failure> {
        Ok(store.view_in(self.namespace(), name)?)
    }

    /// The view that is named; or, where none is, those of the tenant; or, where none is named
    /// either, all.
    pub(crate) fn views(&self, store: &Store, name: Option<&str>) -> Result<Vec<View>, Failure> {
        if let Some(name) = name {
            return Ok(vec![self.view(store, name)?]);
        }
        let mut views = store.views();
        if let Some(namespace) = &self.global.namespace {
            let mut known: Vec<String> = views.iter().map(|v| v.namespace().to_owned()).collect();
            known.dedup();
            views.retain(|view| view.namespace() == namespace);
            if views.is_empty() {
                let known = match known.as_slice() {
                    [] => "the store has no view yet; make one with `asof view apply`".into(),
                    names => format!("there are views in {}", names.join(", ")),
                };
                return Err(Failure::new(
                    Exit::Missing,
                    format!("no view in namespace {namespace:?}; {known}"),
                ));
            }
        }
        Ok(views)
    }

    /// The options themselves, for a command that takes only some of them.
    pub(crate) fn global(&self) -> &Global {
        &self.global
    }

    pub(crate) fn format(&self) -> Format {
        self.global.output
    }

    pub(crate) fn stdout(&self) -> Output {
        Output::stdout()
    }
}

/// A path that cannot be a store is a slip on the command line.
fn failed_open(error: asof::Error) -> Failure {
    match error.kind() {
        ErrorKind::InvalidArgument => Failure::from(error).of_usage(),
        _ => Failure::from(error),
    }
}

/// Something worth knowing that is no failure.
pub(crate) fn note(text: impl std::fmt::Display) {
    crate::progress::say(format_args!("note: {text}"));
}

/// `"namespace":"x",` at the front of an object, unless the tenant is the default one.
pub(crate) fn push_namespace(out: &mut String, namespace: &str) {
    if namespace != DEFAULT_NAMESPACE {
        out.push_str(&format!("\"namespace\":\"{namespace}\","));
    }
}

/// A view as one word for people: `weather`, `prod/weather`.
pub(crate) fn full_name(view: &View) -> String {
    named(view.namespace(), view.name())
}

/// The same, of what may be no view any more.
pub(crate) fn named(namespace: &str, view: &str) -> String {
    match namespace {
        DEFAULT_NAMESPACE => view.to_owned(),
        namespace => format!("{namespace}/{view}"),
    }
}
