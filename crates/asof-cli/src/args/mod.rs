//! What can be said on the command line. One word means one thing everywhere: a FILE is read, a DIR
//! holds a store, a T is a time, a KEY names an entity.

mod acts;
mod examples;
mod reads;
mod rows;

pub(crate) use acts::*;
pub(crate) use reads::*;
pub(crate) use rows::*;

use crate::output::Format;
use asof::{Durability, Timestamp};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// An embedded feature store: rows by event time, whatever order they arrive in
///
/// Versions of rows are kept by event time; late, duplicate and reordered events
/// leave the same answers. Data goes to stdout, everything else to stderr.
///
/// T    a time: integer microseconds, or RFC 3339 with an offset
/// D    a duration: an integer and us, ms, s, m, h or d
/// KEY  an entity: `col=value` for each key column; the value alone where there
///      is one column
///
/// Exit codes: 0 ok, 1 failed, 2 usage, or --yes is missing, 3 no such store,
/// view, feature, entity or entry, 4 corrupt, 5 refused, 6 locked.
#[derive(Debug, Parser)]
#[command(
    name = "asof",
    version,
    subcommand_required = true,
    arg_required_else_help = true,
    verbatim_doc_comment,
    after_help = examples::FIRST
)]
pub(crate) struct Args {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Global {
    /// The directory of the store; goes before ASOF_STORE
    #[arg(
        long,
        global = true,
        env = "ASOF_STORE",
        value_name = "DIR",
        hide_env = true
    )]
    pub store: Option<PathBuf>,
    /// The namespace of the views that are named [default: default]
    #[arg(long, global = true, value_name = "NAME")]
    pub namespace: Option<String>,
    /// What time it is, for tests and replays [default: the machine's clock]
    #[arg(long, global = true, value_name = "T", value_parser = Timestamp::parse, allow_hyphen_values = true)]
    pub now: Option<Timestamp>,
    /// How data is printed
    #[arg(long, global = true, value_enum, value_name = "FORMAT", default_value_t = Format::Table)]
    pub output: Format,
}

/// From what shows the whole, over what is used daily, to what is needed when something is wrong.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// See the main job on a month of shipped flights and weather, step by step
    Demo(DemoArgs),
    /// Define views, and look at them
    #[command(subcommand)]
    View(ViewCommand),
    /// Write rows from files of JSON lines or CSV
    Ingest(IngestArgs),
    /// Print the answer for an entity
    Get(GetArgs),
    /// Print the versions of an entity
    History(HistoryArgs),
    /// Print the answer for every entity of a view
    Scan(ScanArgs),
    /// Print the point-in-time join: answers for every row of a CSV file, each as of its own time
    Join(JoinArgs),
    /// Print every view and every retained version as JSON lines, in one order
    Dump(DumpArgs),
    /// Print one line per view that is equal where the retained versions are
    Digest(DigestArgs),
    /// Check every file, every checksum, and latest rows against history
    Verify,
    /// Print how the store is doing, and what is in it
    Stats(StatsArgs),
    /// Print how far the sources of views are complete
    Freshness(FreshnessArgs),
    /// Look at the sources that rows come from, and move their positions
    #[command(subcommand)]
    Source(SourceCommand),
    /// Look at the rows that were set aside, try them again, give them up
    #[command(subcommand)]
    Quarantine(QuarantineCommand),
    Erase(EraseArgs),
    /// Say what is wrong with a store that does not open, and what can be done
    Doctor(DoctorArgs),
    /// Print the completions of a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// What a command that cannot be taken back has to be told.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Consent {
    /// Do it; without this only what would be done is printed, and the exit code is 2
    #[arg(long)]
    pub yes: bool,
}

fn durability() -> impl TypedValueParser<Value = Durability> {
    PossibleValuesParser::new(["buffered", "synced"]).map(|word| match word.as_str() {
        "synced" => Durability::Synced,
        _ => Durability::Buffered,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn every(command: &clap::Command, told: &mut Vec<(String, clap::Command)>, before: &str) {
        let name = format!("{before}{}", command.get_name());
        told.push((name.clone(), command.clone()));
        for below in command.get_subcommands() {
            every(below, told, &format!("{name} "));
        }
    }

    fn commands() -> Vec<(String, clap::Command)> {
        let mut told = Vec::new();
        every(&Args::command(), &mut told, "");
        told
    }

    #[test]
    fn every_option_says_what_it_is_in_a_sentence_without_a_full_stop() {
        // Who is hurt: whoever reads a help page of which one line is empty.
        for (name, command) in commands() {
            assert!(command.get_about().is_some(), "{name} says nothing");
            for argument in command.get_arguments() {
                let help = argument.get_help().map(ToString::to_string);
                let help = help.unwrap_or_default();
                let id = argument.get_id();
                assert!(!help.is_empty(), "{name}: {id} says nothing");
                assert!(!help.ends_with('.'), "{name}: {id}: {help}");
                let first = help.chars().next().unwrap_or_default();
                assert!(!first.is_lowercase(), "{name}: {id}: {help}");
            }
        }
    }

    #[test]
    fn one_option_means_one_thing_in_every_command() {
        // Who is hurt: whoever learned that T is a time, and meets a TIME, a WHEN and an R.
        let named = ["T", "VIEW", "KEY", "FILE", "DIR", "N", "COL", "NAME", "D"];
        let more = [
            "FORMAT",
            "TEXT",
            "ID",
            "SHELL",
            "PART",
            "OFFSET",
            "NAME[/PART]",
            "NAME,…",
            "WHAT",
            "LEVEL",
            "[ALIAS=]VIEW[:NAME,…]",
            "[ALIAS.]KEYCOL=COL",
        ];
        for (name, command) in commands() {
            for argument in command.get_arguments() {
                for value in argument.get_value_names().unwrap_or_default() {
                    let takes = argument.get_action().takes_values();
                    let known = named.contains(&value.as_str()) || more.contains(&value.as_str());
                    assert!(!takes || known, "{name}: a value is called {value}");
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_taken_back_asks_for_the_same_word() {
        for name in [
            "erase",
            "doctor",
            "quarantine drop",
            "source declare",
            "source rewind",
            "source skip",
        ] {
            let command = commands()
                .into_iter()
                .find(|(known, _)| *known == format!("asof {name}"));
            let (_, command) = command.expect(name);
            let yes = command
                .get_arguments()
                .find(|argument| argument.get_id() == "yes");
            let help = yes.and_then(clap::Arg::get_help).map(ToString::to_string);
            assert!(
                help.is_some_and(|help| help.starts_with("Do it;")),
                "{name}"
            );
        }
    }
}
