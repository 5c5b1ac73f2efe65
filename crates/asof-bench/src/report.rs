//! Figures of several runs, the tables they end in, and whether a target was met.

use crate::plan::Plan;
use crate::{Outcome, machine};
use serde_json::{Value, json};
use std::path::Path;

/// What a command found.
pub struct Report {
    command: String,
    arguments: Vec<String>,
    machine: Value,
    quick: bool,
    runs: usize,
    tables: Vec<Table>,
    targets: Vec<Target>,
    notes: Vec<String>,
}

/// Each cell holds a figure for each run.
struct Table {
    title: &'static str,
    columns: Vec<&'static str>,
    rows: Vec<(String, Vec<Vec<f64>>)>,
}

/// One line of what the engine must show.
struct Target {
    path: String,
    wanted: String,
    reached: f64,
    spread: (f64, f64),
    is_met: bool,
}

/// Which side of a number is good.
#[derive(Clone, Copy)]
pub enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

impl Report {
    pub fn new(command: &str, arguments: &[String], plan: &Plan) -> Report {
        Report {
            command: command.to_string(),
            arguments: arguments.to_vec(),
            machine: machine::describe(&plan.dir),
            quick: plan.quick,
            runs: plan.runs,
            tables: Vec::new(),
            targets: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Notes a figure of this run. Tables, rows and columns stand in the order in which they came.
    pub fn add(&mut self, table: &'static str, row: &str, column: &'static str, figure: f64) {
        let at = position(
            &mut self.tables,
            |t| t.title == table,
            || Table {
                title: table,
                columns: Vec::new(),
                rows: Vec::new(),
            },
        );
        let table = &mut self.tables[at];
        let column = position(&mut table.columns, |c| *c == column, || column);
        let row = position(
            &mut table.rows,
            |(name, _)| name == row,
            || (row.to_string(), Vec::new()),
        );
        let cells = &mut table.rows[row].1;
        if cells.len() <= column {
            cells.resize_with(column + 1, Vec::new);
        }
        cells[column].push(figure);
    }

    /// Says something that no number says.
    pub fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    /// The figures of all runs; empty where there are none.
    pub fn figures(&self, table: &str, row: &str, column: &str) -> Vec<f64> {
        let find = || {
            let table = self.tables.iter().find(|t| t.title == table)?;
            let column = table.columns.iter().position(|c| *c == column)?;
            let (_, cells) = table.rows.iter().find(|(name, _)| name == row)?;
            cells.get(column).cloned()
        };
        find().unwrap_or_default()
    }

    /// One figure over another, run by run: both sides of a ratio had the same machine.
    pub fn ratios(&self, table: &str, column: &str, one: &str, other: &str) -> Vec<f64> {
        let (one, other) = (
            self.figures(table, one, column),
            self.figures(table, other, column),
        );
        one.iter()
            .zip(other)
            .map(|(one, other)| one / other)
            .collect()
    }

    /// Judges the median. Nothing is judged where nothing was measured.
    pub fn target(&mut self, path: &str, wanted: &str, bound: Bound, reached: Vec<f64>) {
        if reached.is_empty() {
            return;
        }
        let low = reached.iter().copied().fold(f64::INFINITY, f64::min);
        let high = reached.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let reached = median(&reached);
        self.targets.push(Target {
            path: path.to_string(),
            wanted: wanted.to_string(),
            reached,
            spread: (low, high),
            is_met: match bound {
                Bound::AtMost(most) => reached <= most,
                Bound::AtLeast(least) => reached >= least,
            },
        });
    }

    pub fn to_json(&self) -> Value {
        let tables = self.tables.iter().map(|table| {
            let rows = table.rows.iter().map(|(name, cells)| {
                let medians: Vec<_> = cells.iter().map(|runs| median(runs)).collect();
                json!({ "name": name, "medians": medians, "runs": cells })
            });
            json!({
                "title": table.title,
                "columns": table.columns,
                "rows": rows.collect::<Vec<_>>(),
            })
        });
        let targets = self.targets.iter().map(|target| {
            json!({
                "path": target.path,
                "target": target.wanted,
                "reached": target.reached,
                "least": target.spread.0,
                "most": target.spread.1,
                "met": target.is_met,
            })
        });
        json!({
            "command": self.command,
            "arguments": self.arguments,
            "machine": self.machine,
            "quick": self.quick,
            "runs": self.runs,
            "tables": tables.collect::<Vec<_>>(),
            "targets": targets.collect::<Vec<_>>(),
            "notes": self.notes,
        })
    }

    pub fn write(&self, path: &Path) -> Outcome {
        Ok(std::fs::write(
            path,
            serde_json::to_string_pretty(&self.to_json())?,
        )?)
    }

    pub fn print(&self) {
        if self.quick {
            println!("A smoke run: everything was run, and no figure means anything.\n");
        }
        println!("{}", crate::render::tables(&self.to_json()));
        println!("{}", crate::render::targets(&[self.to_json()]));
    }
}

fn position<T>(all: &mut Vec<T>, is: impl Fn(&T) -> bool, new: impl FnOnce() -> T) -> usize {
    all.iter().position(is).unwrap_or_else(|| {
        all.push(new());
        all.len() - 1
    })
}

/// Of an even number of figures, the mean of the middle two.
pub fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        n => (sorted[n / 2 - 1] + sorted[n / 2]) / 2.0,
    }
}
