//! What can be asked of a store.

use super::examples;
use asof::{Span, Timestamp};
use clap::ArgGroup;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
#[command(
    group = ArgGroup::new("who").required(true).args(["key", "keys"]),
    override_usage = "asof get [OPTIONS] <VIEW> <KEY>...\n       asof get [OPTIONS] <VIEW> --keys <FILE>",
    after_long_help = examples::GET
)]
pub(crate) struct GetArgs {
    /// The view
    pub view: String,
    /// The entity: `col=value` for each key column; the value alone where there is one
    #[arg(allow_negative_numbers = true)]
    pub key: Vec<String>,
    /// Entities from a file: CSV with a header, or one entity per line, as JSON or as tab-separated
    /// KEYs; `-` is stdin
    #[arg(long, value_name = "FILE")]
    pub keys: Option<PathBuf>,
    /// As of when [default: now]
    #[arg(long, value_name = "T", value_parser = Timestamp::parse, allow_hyphen_values = true)]
    pub as_of: Option<Timestamp>,
    /// Only what had been recorded by then
    #[arg(long, value_name = "T", value_parser = Timestamp::parse, allow_hyphen_values = true)]
    pub known_at: Option<Timestamp>,
    /// Only these features
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    pub features: Vec<String>,
    /// Refuse unless the view's sources are complete but for this long
    #[arg(long, value_name = "D", value_parser = Span::parse)]
    pub require_fresh: Option<Span>,
    /// Say which versions the answer comes from, and why
    #[arg(long)]
    pub explain: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_long_help = examples::HISTORY)]
pub(crate) struct HistoryArgs {
    /// The view
    pub view: String,
    /// The entity: `col=value` for each key column; the value alone where there is one
    #[arg(required = true, allow_negative_numbers = true)]
    pub key: Vec<String>,
    /// Event times from here on
    #[arg(long, value_name = "T", value_parser = Timestamp::parse, allow_hyphen_values = true)]
    pub from: Option<Timestamp>,
    /// Event times up to here
    #[arg(long, value_name = "T", value_parser = Timestamp::parse, allow_hyphen_values = true)]
    pub to: Option<Timestamp>,
    /// Only what had been recorded by then
    #[arg(long, value_name = "T", value_parser = Timestamp::parse, allow_hyphen_values = true)]
    pub known_at: Option<Timestamp>,
    /// At most so many
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
    /// Newest first
    #[arg(long)]
    pub reverse: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ScanArgs {
    /// The view
    pub view: String,
    /// As of when [default: now]
    #[arg(long, value_name = "T", value_parser = Timestamp::parse, allow_hyphen_values = true)]
    pub as_of: Option<Timestamp>,
}

#[derive(Debug, clap::Args)]
#[command(after_long_help = examples::JOIN)]
pub(crate) struct JoinArgs {
    /// The CSV file whose rows are answered; `-` is stdin
    #[arg(long, value_name = "FILE")]
    pub spine: PathBuf,
    /// The column that says as of when
    #[arg(long, value_name = "COL")]
    pub time: String,
    /// The column that says by when it had to be recorded
    #[arg(long, value_name = "COL")]
    pub known_at: Option<String>,
    /// A view to join, and which of its features
    #[arg(long, required = true, value_name = "[ALIAS=]VIEW[:NAME,…]")]
    pub view: Vec<String>,
    /// The spine column of a key column [default: the one of the same name]
    #[arg(long, value_name = "[ALIAS.]KEYCOL=COL")]
    pub key: Vec<String>,
    /// Add a column for the status of each feature
    #[arg(long)]
    pub status: bool,
    /// Add a column for the event time of each feature
    #[arg(long)]
    pub event_times: bool,
    /// Where the result goes [default: stdout]
    #[arg(short = 'o', value_name = "FILE")]
    pub file: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
#[command(after_long_help = examples::DUMP)]
pub(crate) struct DumpArgs {
    /// The view [default: every view]
    pub view: Option<String>,
    /// In the order of storage, which differs between equal stores; needs no sort
    #[arg(long)]
    pub unordered: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DigestArgs {
    /// The view [default: every view]
    pub view: Option<String>,
    /// Only versions with an event time up to then
    #[arg(long, value_name = "T", value_parser = Timestamp::parse, allow_hyphen_values = true)]
    pub as_of: Option<Timestamp>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct StatsArgs {
    /// Read no row: only what is counted anyway
    #[arg(long)]
    pub quick: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct FreshnessArgs {
    /// The view [default: every view]
    pub view: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DemoArgs {
    /// Keep the stores and the files in this directory, new or empty
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
    /// One seed gives one order of arrival
    #[arg(long, value_name = "N", default_value_t = 20_130_101)]
    pub seed: u64,
}
