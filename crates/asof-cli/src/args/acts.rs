//! Acts of an operator: sources, the quarantine, erasure, repair.

use super::{Consent, durability, examples};
use asof::{Durability, QuarantineId, Timestamp};
use clap::{ArgGroup, Subcommand};

/// A partition of a source.
#[derive(Debug, Clone)]
pub(crate) struct LogName {
    pub source: String,
    pub partition: String,
}

impl LogName {
    pub(super) fn parse(text: &str) -> Result<Self, std::convert::Infallible> {
        let (source, partition) = text.split_once('/').unwrap_or((text, "0"));
        Ok(LogName {
            source: source.into(),
            partition: partition.into(),
        })
    }
}

#[derive(Debug, Subcommand)]
#[command(after_long_help = examples::SOURCE)]
pub(crate) enum SourceCommand {
    /// Print every source and partition, and where it stands
    List,
    /// Say which partitions a source has; those left out are waited for no more
    Declare(SourceDeclareArgs),
    /// Move a position back, so that records are read again from there
    Rewind(SourceMoveArgs),
    /// Move a position forward, and give up the records between
    Skip(SourceMoveArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct SourceDeclareArgs {
    /// The source
    #[arg(value_name = "NAME")]
    pub source: String,
    /// All of its partitions
    #[arg(required = true, value_name = "PART")]
    pub partitions: Vec<String>,
    #[command(flatten)]
    pub consent: Consent,
}

#[derive(Debug, clap::Args)]
pub(crate) struct SourceMoveArgs {
    /// A source, and one of its partitions [default partition: 0]
    #[arg(value_name = "NAME[/PART]", value_parser = LogName::parse)]
    pub log: LogName,
    /// The number of the next record to read, from zero
    pub offset: u64,
    #[command(flatten)]
    pub consent: Consent,
}

#[derive(Debug, Subcommand)]
#[command(after_long_help = examples::QUARANTINE)]
pub(crate) enum QuarantineCommand {
    /// Print what was set aside, and why
    ///
    /// Where a row stands is its origin: source, partition and offset, as `ingest --source` counts
    /// them. A row that was ingested without a source has none. It is known by what it says, so that
    /// it is one entry in whatever file and line it comes again.
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
    /// All of them, or all of --namespace
    #[arg(long)]
    pub all: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct QuarantineListArgs {
    /// Those that name a view, or were read for it [default: all, or all of --namespace]
    #[arg(long, value_name = "VIEW")]
    pub view: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
}

#[derive(Debug, clap::Args)]
#[command(override_usage = "asof quarantine replay [OPTIONS] <ID>...\n       \
    asof quarantine replay [OPTIONS] --view <VIEW> | --all")]
pub(crate) struct QuarantineReplayArgs {
    #[command(flatten)]
    pub which: Quarantined,
    /// Whether each batch survives power loss, or only what was written when the command ends
    #[arg(long, value_name = "LEVEL", default_value = "buffered", value_parser = durability())]
    pub durability: Durability,
}

#[derive(Debug, clap::Args)]
#[command(override_usage = "asof quarantine drop [OPTIONS] <ID>...\n       \
    asof quarantine drop [OPTIONS] --view <VIEW> | --all")]
pub(crate) struct QuarantineDropArgs {
    #[command(flatten)]
    pub which: Quarantined,
    #[command(flatten)]
    pub consent: Consent,
}

/// Forget an entity for good, or list what was erased
///
/// Removes every version of it from history, latest rows and quarantine, and
/// keeps such versions out from then on, whatever is ingested again. Versions
/// recorded later are accepted. An entity that was never seen is fenced all the
/// same. Then the files that held it are rewritten, so that its bytes leave the
/// disk; its key columns stay in the fence, which travels in dumps. Dumps and
/// copies made before are out of reach.
#[derive(Debug, clap::Args)]
#[command(
    group = ArgGroup::new("what").required(true).args(["view", "list"]),
    verbatim_doc_comment,
    override_usage = "asof erase [OPTIONS] <VIEW> <KEY>...\n       asof erase [OPTIONS] --list",
    after_long_help = examples::ERASE
)]
pub(crate) struct EraseArgs {
    /// The view
    #[arg(requires = "key")]
    pub view: Option<String>,
    /// The entity: `col=value` for each key column; the value alone where there is one
    #[arg(allow_negative_numbers = true)]
    pub key: Vec<String>,
    /// Only what was recorded up to then, and what the view's floor has passed [default: the larger
    /// of now and the newest recorded-at of the entity]
    #[arg(long, value_name = "T", value_parser = Timestamp::parse, allow_hyphen_values = true)]
    pub recorded_at: Option<Timestamp>,
    /// Leave the bytes in the files until those are compacted
    #[arg(long)]
    pub no_reclaim: bool,
    #[command(flatten)]
    pub consent: Consent,
    /// Print what was erased when; of whom, the store knows only a hash
    #[arg(long, conflicts_with_all = ["recorded_at", "no_reclaim", "yes"])]
    pub list: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_long_help = examples::DOCTOR)]
pub(crate) struct DoctorArgs {
    /// Open the store without what cannot be read, and put that aside; needs --yes
    #[arg(long)]
    pub accept_loss: bool,
    #[command(flatten)]
    pub consent: Consent,
}
