//! What can be said on the command line.

use crate::output::Format;
use crate::source::RowFormat;
use asof::{Durability, QuarantineId, Span, Timestamp};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgGroup, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// An embedded feature store: event-time versioned rows, right under late, duplicate and reordered
/// events.
///
/// Times are integer microseconds, or RFC 3339 with an offset. Exit codes: 0 ok, 1 failed, 2 usage,
/// 3 no such store, view, feature, entity or entry, 4 corrupt, 5 refused, 6 locked.
#[derive(Debug, Parser)]
#[command(
    name = "asof",
    version,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub(crate) struct Args {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Global {
    /// The directory of the store
    #[arg(long, global = true, env = "ASOF_STORE", value_name = "DIR")]
    pub store: Option<PathBuf>,
    /// The tenant of the views that are named [default: default]
    #[arg(long, global = true, value_name = "NAME")]
    pub namespace: Option<String>,
    /// What time it is, for tests and replays [default: the machine's clock]
    #[arg(long, global = true, value_name = "T", value_parser = Timestamp::parse, allow_hyphen_values = true)]
    pub now: Option<Timestamp>,
    /// How data is printed
    #[arg(long, global = true, value_enum, default_value_t = Format::Table)]
    pub output: Format,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Define views, and look at them
    #[command(subcommand)]
    View(ViewCommand),
    /// Write rows from files of JSON lines or CSV
    Ingest(IngestArgs),
    /// The answer for an entity
    Get(GetArgs),
    /// The versions of an entity
    History(HistoryArgs),
    /// The answer for every entity of a view
    Scan(ScanArgs),
    /// The point-in-time join: answers for every row of a CSV file, each as of its own time
    Join(JoinArgs),
    /// Every view and every retained version as JSON lines, in one order
    Dump(DumpArgs),
    /// One line that is equal where the sets of retained versions are
    Digest(DigestArgs),
    /// Rows that were set aside
    #[command(subcommand)]
    Quarantine(QuarantineCommand),
    /// How far the sources of views are complete
    Freshness(FreshnessArgs),
    /// The logs that rows come from, and how far they have been taken in
    #[command(subcommand)]
    Source(SourceCommand),
    /// Forget an entity for good, or list what was erased
    Erase(EraseArgs),
    /// Check every file, every checksum, and latest rows against history
    Verify,
    /// How the store is doing, and what is in it
    Stats(StatsArgs),
    /// The main job on a month of shipped flights and weather, step by step
    Demo(DemoArgs),
    /// Say what is wrong with a store that does not open, and what can be done
    Doctor(DoctorArgs),
    /// Print the completions of a shell
    Completions { shell: clap_complete::Shell },
}

#[derive(Debug, clap::Args)]
pub(crate) struct DoctorArgs {
    /// Give up what cannot be read of the logs, and put it aside; needs --yes
    #[arg(long)]
    pub accept_loss: bool,
    /// Do it
    #[arg(long)]
    pub yes: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum QuarantineCommand {
    /// What was set aside, and why
    List(QuarantineListArgs),
    /// Try rows again by the views as they are now; what is bad again stays
    Replay(QuarantineReplayArgs),
    /// Give rows up for good
    Drop(QuarantineDropArgs),
}

/// Which rows: some by name, those of a view, or all of them.
#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("which").required(true).args(["ids", "view", "all"]))]
pub(crate) struct Quarantined {
    /// Entries, as `quarantine list` names them
    #[arg(value_name = "ID")]
    pub ids: Vec<QuarantineId>,
    /// Those that name a view, or were read for it
    #[arg(long, value_name = "VIEW")]
    pub view: Option<String>,
    /// All of them, of every tenant
    #[arg(long)]
    pub all: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct QuarantineListArgs {
    /// Those that name a view, or were read for it [default: all, of every tenant]
    #[arg(long, value_name = "VIEW")]
    pub view: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct QuarantineReplayArgs {
    #[command(flatten)]
    pub which: Quarantined,
    /// Whether each batch survives power loss, or only what was written when the command ends
    #[arg(long, default_value = "buffered", value_parser = durability())]
    pub durability: Durability,
}

#[derive(Debug, clap::Args)]
pub(crate) struct QuarantineDropArgs {
    #[command(flatten)]
    pub which: Quarantined,
    /// Do it; without this only what would be dropped is printed
    #[arg(long)]
    pub yes: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SourceCommand {
    /// Every source and partition, and where it stands
    List,
    /// Say which partitions a source has; those left out are waited for no more
    Declare(SourceDeclareArgs),
    /// Move a position back, so that the log is read again from there
    Rewind(SourceMoveArgs),
    /// Move a position forward and give up the records between
    Skip(SourceMoveArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct SourceDeclareArgs {
    pub source: String,
    #[arg(required = true, value_name = "PART")]
    pub partitions: Vec<String>,
    /// Do it
    #[arg(long)]
    pub yes: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct SourceMoveArgs {
    /// A source, and one of its partitions [default: partition 0]
    #[arg(value_name = "NAME[/PART]", value_parser = LogName::parse)]
    pub log: LogName,
    /// The number of the next record to read, from zero
    pub offset: u64,
    /// Do it
    #[arg(long)]
    pub yes: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct FreshnessArgs {
    /// [default: every view]
    pub view: Option<String>,
}

/// A partition of a source.
#[derive(Debug, Clone)]
pub(crate) struct LogName {
    pub source: String,
    pub partition: String,
}

impl LogName {
    fn parse(text: &str) -> Result<Self, std::convert::Infallible> {
        let (source, partition) = text.split_once('/').unwrap_or((text, "0"));
        Ok(LogName {
            source: source.into(),
            partition: partition.into(),
        })
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum ViewCommand {
    /// Create views, or add features to them; creates the store
    Apply(ViewApplyArgs),
    /// The views of the store
    List,
    /// The contract of a view
    Show(ViewShowArgs),
}

#[derive(Debug, clap::Args)]
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
    pub view: String,
    /// As a view file
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
pub(crate) struct IngestArgs {
    /// Files of rows; `-` is stdin; gzip is recognised
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The view of rows that name none; every row of a CSV file
    #[arg(long, value_name = "VIEW")]
    pub view: Option<String>,
    /// [default: by extension; jsonl from stdin]
    #[arg(long, value_enum)]
    pub format: Option<RowFormat>,
    /// Rows that are written at once
    #[arg(long, value_name = "ROWS", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=asof::limits::BATCH_ROWS_MAX as i64))]
    pub batch: u32,
    /// Whether each batch survives power loss, or only what was written when the command ends
    #[arg(long, default_value = "buffered", value_parser = durability())]
    pub durability: Durability,
    /// What becomes of bad rows
    #[arg(long, value_enum, default_value_t = Reject::Row)]
    pub reject: Reject,
    /// The log that the files are, one after the other: records that were taken in already are
    /// skipped, and where it ends is where the next run begins [default partition: 0]
    #[arg(long, value_name = "NAME[/PART]", value_parser = LogName::parse)]
    pub source: Option<LogName>,
    /// The log holds everything that was true by then
    #[arg(long, value_name = "T", requires = "source", value_parser = Timestamp::parse, allow_hyphen_values = true)]
    pub complete_through: Option<Timestamp>,
    /// CSV: the column of event times
    #[arg(long, value_name = "COL")]
    pub event_time: Option<String>,
    /// CSV: the column of recorded-at times
    #[arg(long, value_name = "COL")]
    pub recorded_at: Option<String>,
    /// CSV: the column of ops (put, patch, delete)
    #[arg(long, value_name = "COL")]
    pub op: Option<String>,
    /// CSV: the text that means null; an empty cell is then an empty string [default: an empty cell]
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub null: Option<String>,
}

fn durability() -> impl TypedValueParser<Value = Durability> {
    PossibleValuesParser::new(["buffered", "synced"]).map(|word| match word.as_str() {
        "synced" => Durability::Synced,
        _ => Durability::Buffered,
    })
}

#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("who").required(true).args(["key", "keys"]))]
pub(crate) struct GetArgs {
    pub view: String,
    /// The entity: `col=value` for each key column; the bare value where there is one
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
    #[arg(long, value_name = "a,b", value_delimiter = ',')]
    pub features: Vec<String>,
    /// Refuse unless the view's sources are complete but for this long
    #[arg(long, value_name = "D", value_parser = Span::parse)]
    pub require_fresh: Option<Span>,
    /// Say which versions the answer comes from, and why
    #[arg(long)]
    pub explain: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct HistoryArgs {
    pub view: String,
    /// The entity: `col=value` for each key column; the bare value where there is one
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
    pub view: String,
    /// As of when [default: now]
    #[arg(long, value_name = "T", value_parser = Timestamp::parse, allow_hyphen_values = true)]
    pub as_of: Option<Timestamp>,
}

#[derive(Debug, clap::Args)]
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
    #[arg(long, required = true, value_name = "[ALIAS=]VIEW[:f,…]")]
    pub view: Vec<String>,
    /// The spine column of a key column [default: the one of the same name]
    #[arg(long, value_name = "[ALIAS.]ENTITYCOL=COL")]
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
pub(crate) struct DumpArgs {
    /// [default: every view]
    pub view: Option<String>,
    /// In the order of storage, which differs between equal stores; needs no sort
    #[arg(long)]
    pub unordered: bool,
}

/// Forget an entity for good, or list what was erased.
///
/// Removes every version of it from history, latest rows and quarantine, and keeps such versions out
/// from then on, whatever is ingested again. Versions recorded later are accepted. An entity that was
/// never seen is fenced all the same. Then the files that held it are rewritten, so that its bytes
/// leave the disk; its key columns stay in the fence, which travels in dumps. Dumps and copies made
/// before are out of reach. Without --yes it says what it would do, and exits with 2.
#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("what").required(true).args(["view", "list"]))]
pub(crate) struct EraseArgs {
    #[arg(requires = "key")]
    pub view: Option<String>,
    /// The entity: `col=value` for each key column; the bare value where there is one
    #[arg(allow_negative_numbers = true)]
    pub key: Vec<String>,
    /// Only what was recorded up to then, and what the view's floor has passed [default: the larger
    /// of now and the newest recorded-at of the entity]
    #[arg(long, value_name = "R", value_parser = Timestamp::parse, allow_hyphen_values = true)]
    pub recorded_at: Option<Timestamp>,
    /// Leave the bytes in the files until those are compacted
    #[arg(long)]
    pub no_reclaim: bool,
    /// Do it
    #[arg(long)]
    pub yes: bool,
    /// What was erased when; of whom, the store knows only a hash
    #[arg(long, conflicts_with_all = ["recorded_at", "no_reclaim", "yes"])]
    pub list: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DigestArgs {
    /// [default: every view]
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
pub(crate) struct DemoArgs {
    /// Keep the stores and the files in this directory, new or empty
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
    /// One seed gives one order of arrival
    #[arg(long, value_name = "N", default_value_t = 20_130_101)]
    pub seed: u64,
}
