//! How long a read takes.
//!
//! One read of the fast sides is shorter than the timer, so the median comes from blocks of reads, and
//! each read waits for the value of the one before: what overlaps is a batch, and is measured as one.
//! The tail comes from reads that are timed alone. The cost of the timer is taken off both.

use crate::report::Report;
use hdrhistogram::Histogram;
use std::hint::black_box;
use std::time::Instant;

/// Reads that are timed together.
const BLOCK: usize = 16;
/// A histogram counts tenths of nanoseconds, so that a block of fast reads keeps its digits.
const TENTHS: f64 = 10.0;

/// Percentiles of one run, in nanoseconds.
#[derive(Clone, Copy)]
pub struct Latency {
    /// Of blocks, a read.
    pub p50: f64,
    pub alone_p50: f64,
    pub p99: f64,
    pub p999: f64,
}

pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 1_000_000_000_000, 3).expect("the bounds are well")
}

/// A percentile of a histogram of tenths.
pub fn percentile(of: &Histogram<u64>, percent: f64) -> f64 {
    of.value_at_percentile(percent) as f64 / TENTHS
}

/// Notes nanoseconds, less what the timer cost.
pub fn note(into: &mut Histogram<u64>, nanos: f64) {
    into.saturating_record((nanos * TENTHS).max(1.0) as u64);
}

/// What reading the clock twice costs, in nanoseconds.
pub fn timer() -> f64 {
    let mut costs = histogram();
    for _ in 0..20_000 {
        let start = Instant::now();
        note(&mut costs, start.elapsed().as_nanos() as f64);
    }
    percentile(&costs, 50.0)
}

/// Reads 0 to n: half in blocks, half alone, after a tenth to warm up.
pub fn measure(n: usize, mut read: impl FnMut(usize) -> f64) -> Latency {
    let timer = timer();
    let zero = black_box(0u64);
    let mut before = 0u64;
    let mut next = |at: usize| before = read(at + (before & zero) as usize).to_bits();
    for at in 0..n / 10 {
        next(at);
    }
    let half = n / 2 / BLOCK * BLOCK;
    let mut blocks = histogram();
    for block in (0..half).step_by(BLOCK) {
        let start = Instant::now();
        for at in block..block + BLOCK {
            next(at);
        }
        let nanos = start.elapsed().as_nanos() as f64 - timer;
        note(&mut blocks, nanos / BLOCK as f64);
    }
    let mut alone = histogram();
    for at in half..n {
        let start = Instant::now();
        next(at);
        note(&mut alone, start.elapsed().as_nanos() as f64 - timer);
    }
    black_box(before);
    Latency {
        p50: percentile(&blocks, 50.0),
        alone_p50: percentile(&alone, 50.0),
        p99: percentile(&alone, 99.0),
        p999: percentile(&alone, 99.9),
    }
}

/// Batches 0 to n of one size, each timed alone; nanoseconds of a batch.
pub fn measure_batches(n: usize, mut read: impl FnMut(usize) -> f64) -> Histogram<u64> {
    let timer = timer();
    let mut found = histogram();
    for at in 0..n.div_ceil(10) {
        black_box(read(at));
    }
    for at in 0..n {
        let start = Instant::now();
        black_box(read(at));
        note(&mut found, start.elapsed().as_nanos() as f64 - timer);
    }
    found
}

impl Latency {
    pub fn note(self, report: &mut Report, table: &'static str, row: &str) -> Latency {
        report.add(table, row, "p50", self.p50);
        report.add(table, row, "p50 alone", self.alone_p50);
        report.add(table, row, "p99", self.p99);
        report.add(table, row, "p99.9", self.p999);
        self
    }
}
