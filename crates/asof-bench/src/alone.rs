//! A core that the readers have to themselves.
//!
//! A thread that is held to a core still shares it with whatever else the machine runs there: an agent,
//! the kernel's own threads, a disk's interrupts. Each takes milliseconds at a time, which is a tail that
//! no store can help. So the core is the one with the fewest interrupts, and `--alone` moves
//! everything off it that may be moved. What is bound to it stays.

use crate::Outcome;
use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::path::PathBuf;

/// Work that the kernel hands to whichever core it likes.
const UNBOUND_WORK: &str = "/sys/devices/virtual/workqueue/cpumask";

/// The core that interrupts of devices went to the least; the last of those that are alike.
pub fn quietest(cores: usize) -> usize {
    let interrupts = std::fs::read_to_string("/proc/interrupts").unwrap_or_default();
    let of = counts(&interrupts, cores);
    (0..cores).rev().min_by_key(|core| of[*core]).unwrap_or(0)
}

/// How many interrupts of devices each core has had: the lines that begin with a number.
fn counts(interrupts: &str, cores: usize) -> Vec<u64> {
    let mut of = vec![0; cores];
    for line in interrupts.lines() {
        let Some((name, rest)) = line.split_once(':') else {
            continue;
        };
        if name.trim().parse::<u32>().is_err() {
            continue;
        }
        for (core, count) in rest.split_whitespace().take(cores).enumerate() {
            of[core] += count.parse().unwrap_or(0);
        }
    }
    of
}

/// While it lives, nothing else that may be moved runs on the core; then all is as it was.
pub struct Alone {
    threads: Vec<(Pid, CpuSet)>,
    files: Vec<(PathBuf, String)>,
}

impl Alone {
    /// Threads of this process are left where they are: they are placed by what is measured.
    ///
    /// # Errors
    /// Without the right to move other users' threads.
    pub fn on(core: usize, cores: usize) -> Outcome<Alone> {
        let mut alone = Alone {
            threads: Vec::new(),
            files: Vec::new(),
        };
        let refused = alone.move_threads(core);
        if refused {
            return Err("--alone moves other threads off a core, and this user may not: run it as \
                        root, or leave --alone out and share the core"
                .into());
        }
        let others = (0..cores).filter(|other| *other != core);
        let mask: u64 = others.map(|other| 1 << other).sum();
        alone.write(UNBOUND_WORK.into(), &format!("{mask:x}"));
        for interrupt in std::fs::read_dir("/proc/irq").into_iter().flatten().flatten() {
            alone.write(interrupt.path().join("smp_affinity"), &format!("{mask:x}"));
        }
        Ok(alone)
    }

    /// Whether a thread was refused for want of the right to move it.
    fn move_threads(&mut self, core: usize) -> bool {
        let own = rustix::process::getpid();
        let mut refused = false;
        for thread in threads().into_iter().filter(|(process, _)| *process != own) {
            let Ok(may) = sched_getaffinity(Some(thread.1)) else {
                continue;
            };
            let mut rest = may.clone();
            rest.unset(core);
            if !may.is_set(core) || rest.count() == 0 {
                continue;
            }
            match sched_setaffinity(Some(thread.1), &rest) {
                Ok(()) => self.threads.push((thread.1, may)),
                Err(error) => refused |= error == rustix::io::Errno::PERM,
            }
        }
        refused
    }

    /// A file that the kernel does not let be written, such as that of an interrupt it manages, is left.
    fn write(&mut self, path: PathBuf, value: &str) {
        let Ok(before) = std::fs::read_to_string(&path) else {
            return;
        };
        if std::fs::write(&path, value).is_ok() {
            self.files.push((path, before));
        }
    }

    pub fn told(&self) -> String {
        format!(
            "The readers' core was theirs alone: {} threads of the machine and {} masks of \
             interrupts and of the kernel's work were held to the other cores meanwhile.",
            self.threads.len(),
            self.files.len()
        )
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        for (thread, may) in &self.threads {
            // It may have ended since.
            let _ = sched_setaffinity(Some(*thread), may);
        }
        for (path, before) in &self.files {
            let _ = std::fs::write(path, before);
        }
    }
}

/// Every thread of the machine, with its process.
fn threads() -> Vec<(Pid, Pid)> {
    let ids = |path: PathBuf| {
        let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
    };
    let mut found = Vec::new();
    for process in ids("/proc".into()) {
        for thread in ids(format!("/proc/{process}/task").into()) {
            if let (Some(process), Some(thread)) = (Pid::from_raw(process), Pid::from_raw(thread)) {
                found.push((process, thread));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interrupts_of_devices_are_counted_and_those_of_the_processor_are_not() {
        let text = "           CPU0       CPU1\n 24:          1         10  IO-APIC\n \
                     36:  2  20 PCI-MSIX 0-edge virtio1-req.0\nLOC:    8197685    8872516   Local\n";
        assert_eq!(counts(text, 2), [3, 30]);
    }
}
