//! How views are defined and rows are written.

use super::{durability, examples};
use crate::source::RowFormat;
use asof::{Durability, Timestamp};
use clap::{Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum ViewCommand {
    /// Create views, or add features to them; creates the store
    Apply(ViewApplyArgs),
    /// Print the views of the store
    List,
    /// Print the contract of a view
    Show(ViewShowArgs),
}

#[derive(Debug, clap::Args)]
#[command(after_long_help = examples::APPLY)]
pub(crate) struct ViewApplyArgs {
    /// View files in TOML
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Change nothing and say what would happen
    #[arg(long)]
    pub check: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ViewShowArgs {
    /// The view
    pub view: String,
    /// Print a view file
    #[arg(long)]
    pub toml: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Reject {
    /// Set bad rows aside in the quarantine
    Row,
    /// Stop at the first batch that holds one
    Batch,
}

#[derive(Debug, clap::Args)]
#[command(after_long_help = examples::INGEST)]
pub(crate) struct IngestArgs {
    /// Files of rows; `-` is stdin; gzip is recognised
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The view of rows that name none; every row of a CSV file
    #[arg(long, value_name = "VIEW")]
    pub view: Option<String>,
    /// How rows are written [default: by extension; jsonl from stdin]
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub format: Option<RowFormat>,
    /// How many rows are written at once
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=asof::limits::BATCH_ROWS_MAX as i64))]
    pub batch: u32,
    /// Whether each batch survives power loss, or only what was written when the command ends
    #[arg(long, value_name = "LEVEL", default_value = "buffered", value_parser = durability())]
    pub durability: Durability,
    /// What becomes of bad rows
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = Reject::Row)]
    pub reject: Reject,
    /// The source that the files are, one after the other: records that were taken in already are
    /// skipped, and where it ends is where the next run begins [default partition: 0]
    #[arg(long, value_name = "NAME[/PART]", value_parser = super::LogName::parse)]
    pub source: Option<super::LogName>,
    /// Say that the source holds everything that was true by then
    #[arg(long, value_name = "T", requires = "source", value_parser = Timestamp::parse, allow_hyphen_values = true)]
    pub complete_through: Option<Timestamp>,
    /// The column of event times
    #[arg(long, value_name = "COL", help_heading = CSV)]
    pub event_time: Option<String>,
    /// The column of recorded-at times
    #[arg(long, value_name = "COL", help_heading = CSV)]
    pub recorded_at: Option<String>,
    /// The column of ops (put, patch, delete)
    #[arg(long, value_name = "COL", help_heading = CSV)]
    pub op: Option<String>,
    /// The text that means null; an empty cell is then an empty string [default: an empty cell]
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, help_heading = CSV)]
    pub null: Option<String>,
}

const CSV: &str = "CSV files";
