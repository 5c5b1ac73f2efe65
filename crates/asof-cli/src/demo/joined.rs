//! What a join wrote, read back for people: its first and last rows, and how many have an answer.

use crate::exit::Failure;
use crate::output::Table;
use csv::StringRecord;
use std::path::Path;

const FIRST_ROWS: usize = 5;
const LAST_ROWS: usize = 2;

pub(super) struct Joined {
    header: StringRecord,
    rows: Vec<StringRecord>,
    /// The column that says whether there was an answer.
    status: usize,
}

impl Joined {
    pub(super) fn read(file: &Path, status: &str) -> Result<Self, Failure> {
        let mut reader = csv::Reader::from_path(file)?;
        let header = reader.headers()?.clone();
        let at = header.iter().position(|name| name == status);
        let status =
            at.ok_or_else(|| Failure::failed(format!("the join has no column {status:?}")))?;
        let rows = reader.records().collect::<Result<_, _>>()?;
        Ok(Joined {
            header,
            rows,
            status,
        })
    }

    /// The first rows and the last, with one status of several.
    pub(super) fn table(&self) -> String {
        let shown = |cells: &StringRecord| -> Vec<String> {
            let kept = self.header.iter().zip(cells.iter()).enumerate();
            let kept = kept
                .filter(|(at, (column, _))| *at == self.status || !column.ends_with("__status"));
            kept.map(|(_, (_, cell))| cell.to_owned()).collect()
        };
        let mut table = Table::new(shown(&self.header));
        let last = self.rows.len().saturating_sub(LAST_ROWS);
        let rows = self.rows.iter().enumerate();
        for (_, row) in rows.filter(|(at, _)| *at < FIRST_ROWS || *at >= last) {
            table.push(shown(row));
        }
        table.render()
    }

    pub(super) fn rows(&self) -> usize {
        self.rows.len()
    }

    /// How many rows have this status.
    pub(super) fn count(&self, status: &str) -> usize {
        let rows = self.rows.iter();
        rows.filter(|row| &row[self.status] == status).count()
    }
}
