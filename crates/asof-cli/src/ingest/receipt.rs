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
    if session.format() == Format::Table {
        return session.stdout().raw(render(receipt).as_bytes());
    }
    session.stdout().line(&format!("{{{}}}", members(receipt)))
}

/// The counts, a line each.
pub(crate) fn render(receipt: &Receipt) -> String {
    let lines = counts(receipt).map(|(name, count)| format!("{name:11} {count}\n"));
    lines.concat()
}

/// The counts as members of a JSON object.
pub(crate) fn members(receipt: &Receipt) -> String {
    let members = counts(receipt).map(|(name, count)| format!("\"{name}\":{count}"));
    members.join(",")
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
