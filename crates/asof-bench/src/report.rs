//! Figures, and the table they end in.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// What was measured, in the order it was.
#[derive(Default)]
pub struct Report {
    reads: Vec<(&'static str, Vec<u64>)>,
    rates: Vec<(&'static str, u64, Duration, Duration)>,
    timer_ns: u64,
}

impl Report {
    /// Times each call. What a call returns goes into a sink.
    pub fn reads<T>(&mut self, name: &'static str, n: usize, mut read: impl FnMut(usize) -> T) {
        if self.timer_ns == 0 {
            self.timer_ns = timer_ns();
        }
        for at in 0..n / 10 {
            black_box(read(at));
        }
        let mut nanos = Vec::with_capacity(n);
        for at in 0..n {
            let start = Instant::now();
            black_box(read(at));
            nanos.push((start.elapsed().as_nanos() as u64).saturating_sub(self.timer_ns));
        }
        nanos.sort_unstable();
        eprintln!("{name}: done");
        self.reads.push((name, nanos));
    }

    /// Notes how long `rows` took, and how long until background work had settled.
    pub fn rate(&mut self, name: &'static str, rows: u64, took: Duration, settled: Duration) {
        eprintln!("{name}: done in {took:?}, settled in {settled:?}");
        self.rates.push((name, rows, took, settled));
    }

    pub fn print(&self) {
        println!(
            "\n{:<44} {:>9} {:>9} {:>9}   (timer of {} ns taken off)",
            "read, ns", "p50", "p99", "p99.9", self.timer_ns
        );
        for (name, nanos) in &self.reads {
            let at = |permille: usize| nanos[(nanos.len() * permille / 1_000).min(nanos.len() - 1)];
            println!("{name:<44} {:>9} {:>9} {:>9}", at(500), at(990), at(999));
        }
        println!(
            "\n{:<44} {:>9} {:>9} {:>9}",
            "ingest", "krows/s", "s", "settled s"
        );
        for (name, rows, took, settled) in &self.rates {
            let krows = *rows as f64 / took.as_secs_f64() / 1e3;
            println!(
                "{name:<44} {krows:>9.0} {:>9.1} {:>9.1}",
                took.as_secs_f64(),
                settled.as_secs_f64()
            );
        }
        println!();
        for (ours, raw) in [
            ("asof latest", "raw get_pinned_cf"),
            ("asof latest, from key columns", "raw get_pinned_cf"),
            ("asof as_of", "raw seek, iterator reused and refreshed"),
            (
                "asof as_of, snapshot",
                "raw seek, iterator reused and refreshed",
            ),
        ] {
            let p50 = |name: &str| {
                self.reads
                    .iter()
                    .find(|(n, _)| *n == name)
                    .map(|(_, ns)| ns[ns.len() / 2])
            };
            if let (Some(a), Some(b)) = (p50(ours), p50(raw)) {
                println!("{ours} / {raw}: {:.2} x in p50", a as f64 / b as f64);
            }
        }
        if let [(_, rows, ours, _), (_, raw_rows, raw, _), ..] = &self.rates[..] {
            let rate = |rows: u64, took: &Duration| rows as f64 / took.as_secs_f64();
            println!(
                "asof ingest / raw blind: {:.2} x in rows a second",
                rate(*rows, ours) / rate(*raw_rows, raw)
            );
        }
    }
}

/// What reading the clock twice costs.
fn timer_ns() -> u64 {
    let mut nanos: Vec<u64> = (0..100_001)
        .map(|_| {
            let start = Instant::now();
            start.elapsed().as_nanos() as u64
        })
        .collect();
    nanos.sort_unstable();
    nanos[50_000]
}
