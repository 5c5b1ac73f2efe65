//! What the figures were measured on, and what the process takes of it.

use rustix::thread::CpuSet;
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use std::path::Path;

/// One line each, for the foot of a table.
pub fn describe(dir: &Path) -> Value {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        let value = line.and_then(|line| line.split_once(':'));
        value.map_or_else(String::new, |(_, value)| value.trim().to_string())
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let kib: f64 = field(&read("/proc/meminfo"), "MemTotal")
        .trim_end_matches(" kB")
        .parse()
        .unwrap_or(0.0);
    json!({
        "cpu": field(&read("/proc/cpuinfo"), "model name"),
        "cores": cores,
        "memory_gib": (kib / 1048576.0).round(),
        "kernel": read("/proc/sys/kernel/osrelease").trim().split('-').next(),
        "filesystem": filesystem(dir),
        "load": read("/proc/loadavg").split(' ').next().unwrap_or_default(),
        "overflow_checks": overflow_is_checked(),
    })
}

/// Of the longest mount point that the directory lies under.
fn filesystem(dir: &Path) -> String {
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap_or_default();
    let mounts = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        Some((words.next()?, words.next()?))
    });
    let under = mounts.filter(|(point, _)| dir.starts_with(point));
    under
        .max_by_key(|(point, _)| point.len())
        .map_or_else(String::new, |(_, kind)| kind.to_string())
}

/// Whether this build notices an overflow.
pub fn overflow_is_checked() -> bool {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let sum = std::panic::catch_unwind(|| std::hint::black_box(u8::MAX) + std::hint::black_box(1));
    std::panic::set_hook(hook);
    sum.is_err()
}

/// Seconds of processor that all threads of the process have had.
pub fn cpu_seconds() -> f64 {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    spent.tv_sec as f64 + spent.tv_nsec as f64 / 1e9
}

/// Bytes of the process that are in memory.
pub fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or(0) * rustix::param::page_size() as u64
}

/// Holds this thread, and those that it starts from now on, to one core.
pub fn pin(core: usize) -> crate::Outcome {
    let mut set = CpuSet::new();
    set.set(core);
    Ok(rustix::thread::sched_setaffinity(None, &set)?)
}

/// How many cores there are to pin to.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
