//! `asof` beside raw RocksDB and its other peers: what criterion cannot measure.
//!
//! Each command is one comparison, all sides in one process over the same rows, runs interleaved so that
//! what the machine does meanwhile befalls all alike. It prints tables, says of each target whether it
//! was met, and writes both as JSON; `render` puts them into `BENCHMARKS.md`.

#![allow(
    clippy::disallowed_methods,
    reason = "a benchmark reads the clock and its arguments, and starts threads"
)]

mod alone;
mod ingest;
mod latency;
mod machine;
mod memory;
mod open_loop;
mod ours;
mod peers;
mod plan;
mod random;
mod raw;
mod reads;
mod redis;
mod render;
mod report;
mod rows;
mod synced;

use plan::Plan;
use report::Report;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

const HELP: &str = "\
asof-bench COMMAND [--quick] [--json FILE] [--runs N] [--dir DIR] [--NAME NUMBER]

  reads      latest, in the past, in batches, feature sets, two threads, growth, zipf
             (--only latest,past,batch,set,threads,growth,zipf)
  ingest     buffered, one caller, beside raw RocksDB
  synced     1 to 16 callers that share an fsync
  open-loop  reads at a fixed rate beside ingestion and compaction flat out
             (--alone, as root: everything else is kept off the readers' core)
  memory     resident memory under a budget and a mixed load
  redis      one key and 100 keys, beside Redis over loopback
  all        each of these, in a process of its own; --json names a directory
  render     puts the JSON files of --json DIR into the tables of --into FILE

Numbers: --entities, --versions, --deep-entities, --deep-versions, --grown, --reads, --batch,
--seconds, --rate, --budget-mib, --rows. --quick shrinks all of them to a few seconds.
";

fn main() -> Outcome {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next().unwrap_or_default();
    let arguments: Vec<String> = arguments.collect();
    if command.is_empty() || command.contains("help") {
        print!("{HELP}");
        return Ok(());
    }
    let plan = Plan::read(&command, &arguments)?;
    match command.as_str() {
        "all" => return each_alone(&plan, &arguments),
        "render" => return render::run(&plan),
        _ => {}
    }
    let mut report = Report::new(&command, &arguments, &plan);
    std::fs::create_dir_all(&plan.dir)?;
    let measured = match command.as_str() {
        "reads" => reads::run(&plan, &mut report),
        "ingest" => ingest::run(&plan, &mut report),
        "synced" => synced::run(&plan, &mut report),
        "open-loop" => open_loop::run(&plan, &mut report),
        "memory" => memory::run(&plan, &mut report),
        "redis" => redis::run(&plan, &mut report),
        _ => Err(format!("{command} is no command\n\n{HELP}").into()),
    };
    std::fs::remove_dir_all(&plan.dir)?;
    measured?;
    report.print();
    match &plan.json {
        Some(path) => report.write(path),
        None => Ok(()),
    }
}

/// A process for each: what one has cached or leaked is none of the next one's.
fn each_alone(plan: &Plan, arguments: &[String]) -> Outcome {
    let program = std::env::current_exe()?;
    for command in ["reads", "ingest", "synced", "open-loop", "memory", "redis"] {
        println!("\n===== {command} =====");
        let mut process = std::process::Command::new(&program);
        process.arg(command);
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            match argument.as_str() {
                "--json" => drop(rest.next()),
                "--alone" if command != "open-loop" => {}
                other => drop(process.arg(other)),
            }
        }
        if let Some(dir) = &plan.json {
            std::fs::create_dir_all(dir)?;
            process
                .arg("--json")
                .arg(dir.join(format!("{command}.json")));
        }
        if !process.status()?.success() {
            return Err(format!("{command} failed").into());
        }
    }
    Ok(())
}
