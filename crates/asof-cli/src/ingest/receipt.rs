//! What became of the rows.

use crate::exit::Failure;
use crate::output::Format;
use crate::session::Session;
use asof::Receipt;

/// The counts, in the order in which they add up: rows are the sum of the next five, and the last
/// three are parts of applied.
fn counts(receipt: &Receipt) -> [(&'static str, u64); 9] {
    [
        ("rows", receipt.rows),
        ("applied", receipt.applied),
        ("duplicate", receipt.duplicate),
        ("too_late", receipt.too_late),
        ("fenced", receipt.fenced),
        ("quarantined", receipt.quarantined),
        ("latest", receipt.latest),
        ("late", receipt.late),
        ("conflict", receipt.conflict),
    ]
}

pub(crate) fn print(session: &Session, receipt: &Receipt) -> Result<(), Failure> {
    let counts = counts(receipt);
    if session.format() == Format::Table {
        let lines = counts.map(|(name, count)| format!("{name:11} {count}\n"));
        return session.stdout().raw(lines.concat().as_bytes());
    }
    let members = counts.map(|(name, count)| format!("\"{name}\":{count}"));
    session.stdout().line(&format!("{{{}}}", members.join(",")))
}

/// `2000 rows were written: applied 1990, duplicate 10`.
pub(crate) fn describe(receipt: &Receipt) -> String {
    let counts = counts(receipt);
    let parts = counts[1..6].iter().filter(|(_, count)| *count > 0);
    let parts: Vec<String> = parts
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    match receipt.rows {
        0 => "nothing was written".into(),
        rows => format!("{rows} rows were written ({})", parts.join(", ")),
    }
}
