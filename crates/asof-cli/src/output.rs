//! What goes to stdout: a table for people, JSON for programs.

use crate::exit::Failure;
use crate::width::columns;
use clap::ValueEnum;
use std::io::{BufWriter, Stdout, Write};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Aligned columns, for people
    Table,
    /// One JSON document
    Json,
    /// One JSON object per line
    Ndjson,
}

/// Stdout, buffered. What is not flushed by [`raw`](Self::raw), [`line`](Self::line) or the end of a
/// list is lost, so that a failure to write is never overlooked.
pub(crate) struct Output(BufWriter<Stdout>);

impl Output {
    pub(crate) fn stdout() -> Self {
        Output(BufWriter::with_capacity(1 << 16, std::io::stdout()))
    }

    /// Writes bytes and flushes.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.0.write_all(bytes)?;
        Ok(self.0.flush()?)
    }

    /// Writes a line and flushes.
    pub(crate) fn line(&mut self, line: &str) -> Result<(), Failure> {
        self.0.write_all(line.as_bytes())?;
        self.raw(b"\n")
    }

    /// The lines of what is one JSON object each, one after the other.
    pub(crate) fn list(self, format: Format) -> List {
        List {
            out: self.0,
            format,
            items: 0,
        }
    }
}

/// JSON objects on their way out: as an array, or one per line.
pub(crate) struct List {
    out: BufWriter<Stdout>,
    format: Format,
    items: usize,
}

impl List {
    pub(crate) fn push(&mut self, object: &[u8]) -> Result<(), Failure> {
        if self.format == Format::Json {
            self.out
                .write_all(if self.items == 0 { b"[\n" } else { b",\n" })?;
        }
        self.out.write_all(object)?;
        if self.format != Format::Json {
            self.out.write_all(b"\n")?;
        }
        self.items += 1;
        Ok(())
    }

    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        if self.format == Format::Json {
            self.out
                .write_all(if self.items == 0 { b"[]\n" } else { b"\n]\n" })?;
        }
        Ok(self.out.flush()?)
    }
}

/// A wider cell does not widen its column: a vector of a thousand numbers would push all that stands
/// to its right out of every other row. It is printed whole, and only its own row is out of line.
const COLUMN_CHARS_MAX: usize = 64;

/// Rows of text under a header, each column as wide as its widest cell.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
    /// Columns whose cells end in line.
    numbers: Vec<usize>,
    /// Rows, and what stands under them.
    below: Vec<(usize, String)>,
}

impl Table {
    pub(crate) fn new<S: Into<String>>(header: impl IntoIterator<Item = S>) -> Self {
        Table {
            rows: vec![header.into_iter().map(Into::into).collect()],
            numbers: Vec::new(),
            below: Vec::new(),
        }
    }

    /// Columns, counted from zero, that hold numbers: they are set to the right.
    pub(crate) fn numbers(mut self, columns: impl IntoIterator<Item = usize>) -> Self {
        self.numbers.extend(columns);
        self
    }

    pub(crate) fn push<S: AsRef<str>>(&mut self, row: impl IntoIterator<Item = S>) {
        self.rows
            .push(row.into_iter().map(|cell| visible(cell.as_ref())).collect());
    }

    /// A line of its own under the row that was pushed last, for a text that no column could hold.
    pub(crate) fn below(&mut self, text: &str) {
        self.below.push((self.rows.len() - 1, visible(text)));
    }

    /// The lines, each with a line break, none with spaces at its end.
    pub(crate) fn render(&self) -> String {
        let header = self.rows[0].len();
        let width = |column| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            let widths = cells.map(|cell: &String| columns(cell));
            let widths = widths.filter(|width| *width <= COLUMN_CHARS_MAX);
            widths.max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..header).map(width).collect();
        let mut out = String::new();
        for (at, row) in self.rows.iter().enumerate() {
            let start = out.len();
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                // By hand: a format width ends at 65,535.
                let spaces = width.saturating_sub(columns(cell));
                let (before, after) = match self.numbers.contains(&column) {
                    true => (spaces, 2),
                    false => (0, spaces + 2),
                };
                out.extend(std::iter::repeat_n(' ', before));
                out.push_str(cell);
                out.extend(std::iter::repeat_n(' ', after));
            }
            out.truncate(start + out[start..].trim_end_matches(' ').len());
            out.push('\n');
            for (_, below) in self.below.iter().filter(|(row, _)| *row == at) {
                out.push_str("    ");
                out.push_str(below);
                out.push('\n');
            }
        }
        out
    }
}

/// A cell as one line that cannot steer a terminal.
fn visible(cell: &str) -> String {
    if !cell.contains(char::is_control) {
        return cell.to_owned();
    }
    let escape = |c: char| {
        if c.is_control() {
            c.escape_default().to_string()
        } else {
            c.into()
        }
    };
    cell.chars().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_aligned_and_cannot_steer_a_terminal() {
        let mut table = Table::new(["feature", "value"]);
        table.push(["temp", "39.02"]);
        table.push(["é", "a\u{1b}[2J\nb"]);
        table.push(["東京", "x"]);
        table.below("\u{7}under");
        table.push(["x", ""]);
        assert_eq!(
            table.render(),
            "feature  value\ntemp     39.02\né        a\\u{1b}[2J\\nb\n東京     x\n    \\u{7}under\nx\n"
        );
    }
    #[test]
    fn numbers_end_in_line_and_a_wide_cell_moves_only_its_own_row() {
        let mut table = Table::new(["n", "value", "at"]).numbers([0]);
        let wide = "x".repeat(COLUMN_CHARS_MAX + 1);
        table.push(["7", "short", "a"]);
        table.push(["1234", &wide, "b"]);
        assert_eq!(
            table.render(),
            format!("   n  value  at\n   7  short  a\n1234  {wide}  b\n")
        );
    }
}
