//! How much is measured.

use crate::Outcome;
use std::path::PathBuf;

/// The numbers of a run, as the command line has them.
pub struct Plan {
    pub quick: bool,
    /// Figures are medians over so many runs.
    pub runs: usize,
    pub entities: u64,
    pub versions: u64,
    /// Few entities with a long history.
    pub deep_entities: u64,
    pub deep_versions: u64,
    /// What the store grows to.
    pub grown: u64,
    /// Timed reads of a path, in a run.
    pub reads: usize,
    /// Rows of a batch of writes.
    pub batch: usize,
    /// How long a load lasts.
    pub seconds: u64,
    /// Reads a second of the open loop.
    pub rate: u64,
    pub budget_mib: u64,
    /// Rows under the budget.
    pub rows: u64,
    /// Which parts of `reads`; all where none is named.
    pub only: Vec<String>,
    /// Whether the readers' core is to be kept from everything else.
    pub alone: bool,
    pub dir: PathBuf,
    pub json: Option<PathBuf>,
    pub into: Option<PathBuf>,
}

impl Plan {
    pub fn read(command: &str, arguments: &[String]) -> Outcome<Plan> {
        let quick = arguments.iter().any(|argument| argument == "--quick");
        let mut plan = if quick {
            Plan::smoke()
        } else {
            Plan::full(command)
        };
        let mut rest = arguments.iter();
        while let Some(name) = rest.next() {
            if name == "--quick" {
                continue;
            }
            if name == "--alone" {
                if !["open-loop", "all"].contains(&command) {
                    return Err(format!("--alone is of open-loop, not of {command}").into());
                }
                plan.alone = true;
                continue;
            }
            let value = rest.next().ok_or(format!("{name} takes a value"))?;
            match name.as_str() {
                "--dir" => {
                    plan.dir =
                        PathBuf::from(value).join(format!("asof-bench-{}", std::process::id()));
                }
                "--json" => plan.json = Some(value.into()),
                "--into" => plan.into = Some(value.into()),
                "--only" => plan.only = value.split(',').map(str::to_string).collect(),
                _ => plan.number(name, value)?,
            }
        }
        Ok(plan)
    }

    fn number(&mut self, name: &str, value: &str) -> Outcome {
        let number = value.parse::<u64>().ok().filter(|number| *number > 0);
        let number = number.ok_or(format!("{name} takes a positive number, not {value:?}"))?;
        match name {
            "--runs" => self.runs = number as usize,
            "--entities" => self.entities = number,
            "--versions" => self.versions = number,
            "--deep-entities" => self.deep_entities = number,
            "--deep-versions" => self.deep_versions = number,
            "--grown" => self.grown = number,
            "--reads" => self.reads = number as usize,
            "--batch" => self.batch = number as usize,
            "--seconds" => self.seconds = number,
            "--rate" => self.rate = number,
            "--budget-mib" => self.budget_mib = number,
            "--rows" => self.rows = number,
            _ => return Err(format!("{name} is no option; see asof-bench help").into()),
        }
        Ok(())
    }

    fn full(command: &str) -> Plan {
        let (entities, versions) = match command {
            // Version 0 of each is there before the clock starts.
            "ingest" => (500_000, 5),
            "synced" => (100_000, 1),
            _ => (1_000_000, 10),
        };
        Plan {
            quick: false,
            runs: if command == "memory" { 1 } else { 5 },
            entities,
            versions,
            deep_entities: 1_000,
            deep_versions: 10_000,
            grown: 10_000_000,
            reads: 500_000,
            batch: 1_000,
            seconds: match command {
                "memory" => 600,
                "open-loop" => 60,
                _ => 5,
            },
            rate: 20_000,
            budget_mib: 512,
            rows: 10_000_000,
            only: Vec::new(),
            alone: false,
            dir: std::env::temp_dir().join(format!("asof-bench-{}", std::process::id())),
            json: None,
            into: None,
        }
    }

    /// Everything is run, and nothing is measured.
    fn smoke() -> Plan {
        Plan {
            quick: true,
            runs: 1,
            entities: 2_000,
            versions: 3,
            deep_entities: 10,
            deep_versions: 100,
            grown: 4_000,
            reads: 1_600,
            batch: 500,
            seconds: 1,
            rate: 2_000,
            rows: 10_000,
            ..Plan::full("")
        }
    }

    /// Whether a part of a command is asked for.
    pub fn wants(&self, part: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == part)
    }
}
