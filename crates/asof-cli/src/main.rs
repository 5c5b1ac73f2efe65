//! The command line of asof: it reads arguments, runs one command, and says by its exit code how it
//! went. Data goes to stdout, everything else to stderr.

mod answer;
mod args;
mod digest;
mod doctor;
mod dump;
mod exit;
mod get;
mod history;
mod ingest;
mod join;
mod key;
mod output;
mod quarantine;
mod scan;
mod session;
mod sort;
mod source;
mod verify;
mod view;

use args::{Args, Command, QuarantineCommand, ViewCommand};
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
        Command::Quarantine(QuarantineCommand::List) => quarantine::list(&session),
        Command::Verify => verify::run(&session),
        Command::Doctor(args) => doctor::run(&session, &args),
        Command::Completions { shell } => {
            let mut out = Vec::new();
            clap_complete::generate(shell, &mut Args::command(), "asof", &mut out);
            session.stdout().raw(&out)?;
            Ok(Exit::Ok)
        }
    }
}
