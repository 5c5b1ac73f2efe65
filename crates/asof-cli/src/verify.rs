//! `verify`: every checksum, and every latest row against its history.

use crate::exit::{Exit, Failure};
use crate::session::Session;

/// Checks the store and prints what was found.
pub fn run(session: &Session) -> Result<Exit, Failure> {
    let store = session.open()?;
    let report = store.verify(&mut |_| {})?;
    session.stdout().line(&format!("{report:?}"))?;
    Ok(if report.is_clean() { Exit::Ok } else { Exit::Damaged })
}
