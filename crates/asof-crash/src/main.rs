//! Tries to make a store lose, tear or invent data.
//!
//! ```text
//! asof-crash kill    --cycles 1000    kill -9 at random instants, a fifth of them inside open
//! asof-crash power   --cycles 100     power cuts on a loop-mounted ext4
//! asof-crash states  --states 4000    crash states built from a recorded run
//! asof-crash faults  --runs 1000      every call that changes a file, made to fail
//! asof-crash full    --rounds 20      a file system without space
//! ```
//!
//! It is run by the hour; `tests/crash` is the quick form of `kill` that every `cargo test` runs.
//! `--ledger FILE` appends a line about the run. `README.md` says what each does and how to run it long.
//!
//! All but the last ask one oracle: `join(durable) <= recovered <= join(attempted)`, batches whole, positions
//! never ahead of rows, `verify` clean, replay leads to the clean digest, a second reopen changes
//! nothing; what was erased stays gone and a floor that was told stays. What was attempted and
//! acknowledged is kept outside the tested directory. Every failure prints the command that runs it
//! again.

#![allow(
    clippy::disallowed_methods,
    reason = "a harness reads arguments and clocks, starts threads and sets exit codes"
)]

mod arguments;
mod child;
mod disk;
mod faults;
mod full;
mod hurt;
mod ioctl;
mod kill;
mod lanes;
mod ledger;
mod oracle;
mod power;
mod random;
mod shim;
mod states;
mod tally;
mod trace;
mod worker;
mod workload;

use arguments::Arguments;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut given = std::env::args().skip(1);
    let command = given.next().unwrap_or_default();
    let arguments = match Arguments::parse(given) {
        Ok(arguments) => arguments,
        Err(why) => return usage(&why),
    };
    let tally = match command.as_str() {
        "child" => return child::main(&arguments),
        "worker" => return worker::main(),
        "kill" => kill::run(&arguments),
        "power" => power::run(&arguments),
        "states" => states::run(&arguments),
        "judge" => states::judge_kept(&arguments),
        "faults" => faults::run(&arguments),
        "full" => full::run(&arguments),
        _ => return usage("say kill, power, states, faults or full"),
    };
    let tally = match tally {
        Ok(tally) => tally,
        Err(why) => {
            eprintln!("asof-crash {command}: {why}");
            return ExitCode::from(2);
        }
    };
    if let Some(ledger) = arguments.text("ledger") {
        let told = arguments.told(&["ledger"]);
        if let Err(why) = tally.enter(Path::new(ledger), &format!("{command}{told}")) {
            eprintln!("asof-crash {command}: {ledger} cannot be written: {why}");
        }
    }
    tally.close()
}

fn usage(why: &str) -> ExitCode {
    eprintln!("asof-crash: {why}");
    ExitCode::from(2)
}
