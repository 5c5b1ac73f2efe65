//! `quarantine`: the rows that were set aside; look at them, try them again, give them up.

mod drop;
mod list;
mod replay;

pub(crate) use drop::drop;
pub(crate) use list::list;
pub(crate) use replay::replay;

use crate::args::Quarantined;
use crate::exit::{Exit, Failure};
use crate::session::{Session, note};
use asof::{ErrorKind, QuarantineEntry, QuarantineFilter, QuarantineId, Store};

/// Which entries are meant: those of a view of the tenant, or those of the tenant where one is named,
/// or all.
fn filter(session: &Session, view: Option<&str>) -> QuarantineFilter {
    match (view, session.named_namespace()) {
        (Some(view), _) => QuarantineFilter::View {
            namespace: session.namespace().to_owned(),
            view: view.to_owned(),
        },
        (None, Some(namespace)) => QuarantineFilter::Namespace(namespace.to_owned()),
        (None, None) => QuarantineFilter::All,
    }
}

fn which(session: &Session, args: &Quarantined) -> QuarantineFilter {
    if args.ids.is_empty() {
        filter(session, args.view.as_deref())
    } else {
        QuarantineFilter::Ids(args.ids.clone())
    }
}

/// Rows may name a view that never was, and be set aside for that. Where none does, a view that is not
/// there is a slip.
fn known(session: &Session, store: &Store, view: Option<&str>) -> Result<(), Failure> {
    view.map_or(Ok(()), |view| session.view(store, view).map(|_| ()))
}

/// Shows every entry that is meant. Damaged ones are told on stderr, and their ids are what is given
/// back; of those nobody can say which view they are about.
fn visit(
    store: &Store,
    filter: &QuarantineFilter,
    mut show: impl FnMut(&QuarantineEntry) -> Result<bool, Failure>,
) -> Result<Vec<QuarantineId>, Failure> {
    let mut damaged = Vec::new();
    let mut hear = |id: Option<QuarantineId>, error: asof::Error| match id {
        Some(id) if error.kind() == ErrorKind::Corrupt => {
            note(&error);
            damaged.push(id);
            Ok(())
        }
        _ => Err(Failure::from(error)),
    };
    if let QuarantineFilter::Ids(ids) = filter {
        for id in ids {
            match store.quarantined(id) {
                Ok(entry) => _ = show(&entry)?,
                Err(error) => hear(Some(*id), error)?,
            }
        }
        return Ok(damaged);
    }
    let mut entries = store.quarantine();
    while let Some((id, entry)) = entries.next_with_id() {
        match entry {
            Ok(entry) if filter.matches(&entry) => {
                if !show(&entry)? {
                    return Ok(damaged);
                }
            }
            Ok(_) => {}
            Err(error) => hear(id, error)?,
        }
    }
    Ok(damaged)
}

/// What a command says that met damage on its way.
fn damage(damaged: &[QuarantineId]) -> Failure {
    let ids: Vec<String> = damaged.iter().map(ToString::to_string).collect();
    Failure::new(
        Exit::Damaged,
        format!(
            "{} entries of the quarantine are damaged: {}. Run `asof verify` to see how much else is; \
             restore the store, or ingest those rows again and give the entries up with `asof \
             quarantine drop ID`",
            ids.len(),
            ids.join(" ")
        ),
    )
}
