//! The command line of asof: it reads arguments, runs one command, and says by its exit code how it
//! went. Data goes to stdout, everything else to stderr.

mod answer;
mod args;
mod confirm;
mod demo;
mod digest;
mod doctor;
mod dump;
mod erase;
mod exit;
mod explained;
mod freshness;
mod get;
mod history;
mod ingest;
mod join;
mod key;
mod log;
mod output;
mod progress;
mod quarantine;
mod scan;
mod session;
mod sort;
mod source;
mod stats;
mod verify;
mod view;
mod width;

use args::{Args, Command, QuarantineCommand, SourceCommand, ViewCommand};
use clap::{CommandFactory, Parser};
use exit::{Exit, Failure};
use session::Session;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // Help and version come this way too; a reader that went away is no failure.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(1));
        }
    };
    run(args).unwrap_or_else(|failure| failure.report()).into()
}

fn run(args: Args) -> Result<Exit, Failure> {
    let session = Session::new(args.global);
    match args.command {
        Command::View(ViewCommand::Apply(args)) => view::apply(&session, &args),
        Command::View(ViewCommand::List) => view::list(&session),
        Command::View(ViewCommand::Show(args)) => view::show(&session, &args),
        Command::Ingest(args) => ingest::run(&session, &args),
        Command::Get(args) => get::run(&session, &args),
        Command::History(args) => history::run(&session, &args),
        Command::Scan(args) => scan::run(&session, &args),
        Command::Join(args) => join::run(&session, &args),
        Command::Dump(args) => dump::run(&session, &args),
        Command::Digest(args) => digest::run(&session, &args),
        Command::Freshness(args) => freshness::run(&session, &args),
        Command::Source(SourceCommand::List) => log::list(&session),
        Command::Source(SourceCommand::Declare(args)) => log::declare(&session, &args),
        Command::Source(SourceCommand::Rewind(args)) => log::rewind(&session, &args),
        Command::Source(SourceCommand::Skip(args)) => log::skip(&session, &args),
        Command::Erase(args) => erase::run(&session, &args),
        Command::Quarantine(QuarantineCommand::List(args)) => quarantine::list(&session, &args),
        Command::Quarantine(QuarantineCommand::Replay(args)) => quarantine::replay(&session, &args),
        Command::Quarantine(QuarantineCommand::Drop(args)) => quarantine::drop(&session, &args),
        Command::Verify => verify::run(&session),
        Command::Stats(args) => stats::run(&session, &args),
        Command::Demo(args) => demo::run(&session, &args),
        Command::Doctor(args) => doctor::run(&session, &args),
        Command::Completions { shell } => {
            let mut out = Vec::new();
            clap_complete::generate(shell, &mut Args::command(), "asof", &mut out);
            session.stdout().raw(&out)?;
            Ok(Exit::Ok)
        }
    }
}
