//! First figures: `asof` beside raw RocksDB over the same bytes, in one run.
//!
//! One process, one thread, uniform keys. The store is ingested by `asof`; then the very files are
//! opened by RocksDB alone, with options of the same kind, and read by key and by seek. The ingest is
//! repeated as blind `WriteBatch`es of the same two puts a row, the bytes taken from the store.

#![allow(
    clippy::disallowed_methods,
    reason = "a benchmark reads the clock and its arguments"
)]

mod ours;
mod raw;
mod report;

use report::Report;

/// What is measured on.
#[derive(Clone, Copy)]
pub struct Plan {
    pub entities: u64,
    pub versions: u64,
    pub reads: usize,
    pub batch: usize,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let plan = plan()?;
    println!(
        "{} entities, {} versions of 12 f64 each, {} reads a path, batches of {}",
        plan.entities, plan.versions, plan.reads, plan.batch
    );
    let dir = std::env::temp_dir().join(format!("asof-bench-{}", std::process::id()));
    let mut report = Report::default();
    let measured = ours::ingest(plan, &dir.join("store"), &mut report)
        .and_then(|()| ours::read(plan, &dir.join("store"), &mut report))
        .map_err(Into::into)
        .and_then(|()| raw::read(plan, &dir.join("store/db"), &mut report))
        .and_then(|()| raw::ingest(plan, &dir.join("store/db"), &dir.join("raw"), &mut report));
    std::fs::remove_dir_all(&dir)?;
    measured?;
    report.print();
    Ok(())
}

fn plan() -> Result<Plan, String> {
    let mut plan = Plan {
        entities: 1_000_000,
        versions: 8,
        reads: 1_000_000,
        batch: 1_000,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().and_then(|value| value.parse::<u64>().ok());
        let value = value
            .filter(|v| *v > 0)
            .ok_or(format!("{name} takes a positive number"))?;
        match name.as_str() {
            "--entities" => plan.entities = value,
            "--versions" => plan.versions = value,
            "--reads" => plan.reads = value as usize,
            "--batch" => plan.batch = value as usize,
            _ => {
                return Err(format!(
                    "{name} is none of --entities, --versions, --reads, --batch"
                ));
            }
        }
    }
    Ok(plan)
}

/// The same sequence every run (xorshift64*).
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % n
    }
}
