//! `quarantine drop`: rows that nobody will mend.

use super::list::{object, push, table};
use super::{known, visit, which};
use crate::args::QuarantineDropArgs;
use crate::exit::{Exit, Failure};
use crate::output::Format;
use crate::session::{Session, note};
use asof::QuarantineFilter;

/// Prints the entries that are meant and, once it is told to, gives them up for good.
pub(crate) fn drop(session: &Session, args: &QuarantineDropArgs) -> Result<Exit, Failure> {
    let store = session.open()?;
    let filter = which(session, &args.which);
    let mut ids = Vec::new();
    let damaged = if session.format() == Format::Table {
        let mut table = table();
        let damaged = visit(&store, &filter, |entry| {
            push(&mut table, entry);
            ids.push(entry.id);
            Ok(true)
        })?;
        session.stdout().raw(table.render().as_bytes())?;
        damaged
    } else {
        let mut list = session.stdout().list(session.format());
        let damaged = visit(&store, &filter, |entry| {
            list.push(object(entry).as_bytes())?;
            ids.push(entry.id);
            Ok(true)
        })?;
        list.finish()?;
        damaged
    };
    // Nobody can say which view a damaged entry is about.
    if !matches!(
        filter,
        QuarantineFilter::View { .. } | QuarantineFilter::Namespace(_)
    ) {
        ids.extend(damaged);
    }
    known(
        session,
        &store,
        args.which.view.as_deref().filter(|_| ids.is_empty()),
    )?;
    let consent = args.consent.or_if(ids.is_empty());
    let mut count = ids.len() as u64;
    if consent.yes {
        count = store.drop_quarantined(ids)?;
        store.close()?;
    }
    let entries = if count == 1 { "entry" } else { "entries" };
    note(format_args!(
        "{} {count} {entries} of the quarantine for good",
        consent.says("dropped", "drop")
    ));
    Ok(consent.end())
}
