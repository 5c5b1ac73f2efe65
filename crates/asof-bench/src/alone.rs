//! A core that the readers have to themselves.
//!
//! A thread that is held to a core still shares it with whatever else the machine runs there: an agent,
//! the kernel's own threads, a disk's interrupts. Each takes milliseconds at a time, which is a tail that
//! no store can help. So the core is the one with the fewest interrupts, and `--alone` moves
//! everything off it that may be moved. What is bound to it stays.

use crate::Outcome;
use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::collections::HashSet;
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

/// While it lives, nothing else that may be moved runs on the core; then all is as it was. If the process is
/// killed meanwhile, the machine stays as it is here until it is started again.
pub struct Alone {
    core: usize,
    /// What was not to run on the core before.
    bound: HashSet<Pid>,
    /// What those that were moved are held to, and whatever they have started since.
    narrowed: Vec<CpuSet>,
    moved: usize,
    files: Vec<(PathBuf, String)>,
}

impl Alone {
    /// Threads of this process are left where they are: they are placed by what is measured.
    ///
    /// # Errors
    /// Without the right to move other users' threads and the kernel's work, and where there are too few or
    /// too many cores.
    pub fn on(core: usize, cores: usize) -> Outcome<Alone> {
        if !(2..=32).contains(&cores) {
            return Err(format!("--alone is for 2 to 32 cores, not for {cores}").into());
        }
        let mut alone = Alone {
            core,
            bound: HashSet::new(),
            narrowed: Vec::new(),
            moved: 0,
            files: Vec::new(),
        };
        let others = (0..cores).filter(|other| *other != core);
        let mask = format!("{:x}", others.map(|other| 1u64 << other).sum::<u64>());
        let may = alone.move_threads() && alone.write(UNBOUND_WORK.into(), &mask);
        if !may {
            return Err(
                "--alone moves other threads and the kernel's work off a core, and this user \
                        may not: run it as root, or leave --alone out and share the core"
                    .into(),
            );
        }
        for interrupt in std::fs::read_dir("/proc/irq")?.flatten() {
            alone.write(interrupt.path().join("smp_affinity"), &mask);
        }
        Ok(alone)
    }

    /// Says whether none was refused for want of the right to move it.
    fn move_threads(&mut self) -> bool {
        let mut may = true;
        for thread in others() {
            let Ok(mut held) = sched_getaffinity(Some(thread)) else {
                continue;
            };
            if !held.is_set(self.core) || held.count() == 1 {
                self.bound.insert(thread);
                continue;
            }
            held.unset(self.core);
            match sched_setaffinity(Some(thread), &held) {
                Ok(()) => {
                    self.moved += 1;
                    if !self.narrowed.contains(&held) {
                        self.narrowed.push(held);
                    }
                }
                Err(error) => may &= error != rustix::io::Errno::PERM,
            }
        }
        may
    }

    /// Says whether it was written: the kernel keeps some to itself, such as those of interrupts it manages.
    fn write(&mut self, path: PathBuf, value: &str) -> bool {
        let Ok(before) = std::fs::read_to_string(&path) else {
            return false;
        };
        let is_written = std::fs::write(&path, value).is_ok();
        if is_written {
            self.files.push((path, before));
        }
        is_written
    }

    pub fn told(&self) -> String {
        format!(
            "Readers on core {}; {} threads of the machine and {} masks of interrupts and of the kernel's \
             work were held to the other cores meanwhile.",
            self.core,
            self.moved,
            self.files.len()
        )
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        for thread in others().filter(|thread| !self.bound.contains(thread)) {
            // It may have ended since.
            if let Ok(mut held) = sched_getaffinity(Some(thread))
                && self.narrowed.contains(&held)
            {
                held.set(self.core);
                let _ = sched_setaffinity(Some(thread), &held);
            }
        }
        for (path, before) in &self.files {
            let _ = std::fs::write(path, before);
        }
    }
}

/// Every thread of the machine that is none of this process.
fn others() -> impl Iterator<Item = Pid> {
    let own = rustix::process::getpid().as_raw_nonzero().get();
    let ids = |path: String| {
        let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
    };
    let processes = ids("/proc".into()).filter(move |process| *process != own);
    let threads = processes.flat_map(move |process| ids(format!("/proc/{process}/task")));
    threads.filter_map(Pid::from_raw)
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
