//! `digest`: one line per view that is equal where the sets of retained versions are.

use crate::args::DigestArgs;
use crate::exit::{Exit, Failure};
use crate::output::Format;
use crate::session::{Session, full_name, push_namespace};
use asof::{Read, SetDigest, Snapshot, Timestamp, View};

/// Prints `HEX COUNT VIEW` for each view.
pub(crate) fn run(session: &Session, args: &DigestArgs) -> Result<Exit, Failure> {
    let store = session.open()?;
    let views = session.views(&store, args.view.as_deref())?;
    let snapshot = store.snapshot();
    let mut lines = Vec::with_capacity(views.len());
    for view in &views {
        let digest = match args.as_of {
            None => snapshot.digest(view)?,
            Some(t) => as_of(&snapshot, view, t)?,
        };
        lines.push(match session.format() {
            Format::Table => format!("{:032x} {} {}", digest.hash, digest.count, full_name(view)),
            Format::Json | Format::Ndjson => object(view, &digest),
        });
    }
    if let (Format::Json, Some(_)) = (session.format(), &args.view) {
        session.stdout().line(&lines.concat())?;
        return Ok(Exit::Ok);
    }
    let mut list = session.stdout().list(session.format());
    lines
        .iter()
        .try_for_each(|line| list.push(line.as_bytes()))?;
    list.finish()?;
    Ok(Exit::Ok)
}

fn object(view: &View, digest: &SetDigest) -> String {
    let mut out = String::from("{");
    push_namespace(&mut out, view.namespace());
    let SetDigest { hash, count } = digest;
    out.push_str(&format!(
        "\"view\":\"{}\",\"digest\":\"{hash:032x}\",\"count\":{count}}}",
        view.name()
    ));
    out
}

/// The digest of those versions whose event time is not after `t`.
fn as_of(snapshot: &Snapshot<'_>, view: &View, t: Timestamp) -> Result<SetDigest, Failure> {
    let mut digest = SetDigest::default();
    for item in snapshot.versions(view)? {
        let (_, version) = item?;
        if version.event_time() <= t {
            version.add_to(&mut digest)?;
        }
    }
    Ok(digest)
}
