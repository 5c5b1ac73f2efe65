//! Power cuts: an ext4 on a loop device loses everything that was not written out, by the file system's
//! own shutdown call.
//!
//! What a child said before the cut began is drained from its pipe first. ext4 lets an fsync that is
//! under way return success while its journal aborts, so that what is said later proves nothing; it
//! counts as attempted.

use crate::arguments::Arguments;
use crate::child;
use crate::ioctl;
use crate::ledger::Known;
use crate::oracle::{Survives, Trust};
use crate::random::Random;
use crate::shim::{Boot, Shim};
use crate::tally::Tally;
use crate::worker::{Machine, Question, Worker};
use crate::workload::Workload;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Drop all that is unwritten, the journal included; or write the journal out first, which leaves names
/// without data.
const FLAGS: [u32; 2] = [2, 1];

pub(crate) fn run(arguments: &Arguments) -> Result<Tally, String> {
    let cycles = arguments.number("cycles", 100)?;
    let seed = arguments.number("seed", 1)?;
    let what = format!("power cuts on ext4: {cycles} from seed {seed}");
    let scratch = tempfile::tempdir().map_err(|e| e.to_string())?;
    let disk = match LoopDisk::make(scratch.path()) {
        Ok(disk) => disk,
        Err(why) => return Ok(Tally::skipped(what, why)),
    };
    let mut tally = Tally::new(what);
    let shim = Shim::build(scratch.path())?;
    // The child runs on the machine as it is, and what it leaves is judged after a restart.
    let boot = Boot::new(scratch.path().join("boot"))?;
    let mut worker = Worker::start(Machine::Restarted(shim.clone(), boot))?;
    for cycle in seed..seed + cycles {
        let outcome = cycle_of(&disk, &mut worker, cycle);
        tally.note(outcome, || format!("power --cycles 1 --seed {cycle}"));
    }
    Ok(tally)
}

fn cycle_of(disk: &LoopDisk, worker: &mut Worker, seed: u64) -> Result<String, String> {
    let mut random = Random::new(seed);
    let workload = Workload::ALL[random.below(Workload::ALL.len() as u64) as usize];
    disk.mount()?;
    let store = disk.at.join("store");
    match std::fs::remove_dir_all(&store) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e.to_string()),
        _ => {}
    }
    // A cut that comes early would take the removal back, and the store of the cycle before be judged.
    File::open(&disk.at)
        .and_then(|root| root.sync_all())
        .map_err(|e| e.to_string())?;
    let known = cut(disk, &store, workload, &mut random)?;
    disk.unmount()?;
    disk.mount()?;
    let outcome = if known.acknowledged == 0 && !store.join("asof.store").exists() {
        Ok("cut before there was a store".to_owned())
    } else {
        worker.judge(Question {
            path: &store,
            workload,
            known,
            survives: Survives::Durable,
            replay: random.chance(20),
            trust: Trust::Honest,
        })
    };
    disk.unmount()?;
    outcome
}

/// Lets a child write until the power goes.
fn cut(
    disk: &LoopDisk,
    store: &Path,
    workload: Workload,
    random: &mut Random,
) -> Result<Known, String> {
    let program = std::env::current_exe().map_err(|e| e.to_string())?;
    let mut child = Command::new(program)
        .args(["child", "--stay", "1", "--workload", workload.name()])
        .arg("--store")
        .arg(store)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| e.to_string())?;
    let mut told = child.stdout.take().expect("stdout is a pipe");
    let mut before = Vec::new();
    if !random.chance(20) {
        // The first line is said when the store is open.
        let mut first = [0];
        if told.read(&mut first).map_err(|e| e.to_string())? == 1 {
            before.push(first[0]);
        }
    }
    std::thread::sleep(Duration::from_micros(random.below(200_000)));
    before.extend(drain(&mut told)?);
    disk.shut_down(FLAGS[random.below(2) as usize])?;
    child
        .kill()
        .and_then(|()| child.wait())
        .map_err(|e| e.to_string())
        .and_then(child::check_end)?;
    let mut after = Vec::new();
    told.read_to_end(&mut after).map_err(|e| e.to_string())?;
    let mut known = Known::default();
    known.read(&before);
    // The line that the drain cut in two is whole in the two together.
    let mut all = Known::default();
    all.read(&[before, after].concat());
    known.attempted = all.attempted;
    Ok(known)
}

/// What is in the pipe this moment.
fn drain(pipe: &mut std::process::ChildStdout) -> Result<Vec<u8>, String> {
    let waiting = ioctl::waiting(pipe).map_err(|e| e.to_string())?;
    let mut bytes = vec![0; waiting];
    pipe.read_exact(&mut bytes).map_err(|e| e.to_string())?;
    Ok(bytes)
}

/// An ext4 in a file. Unmounted and detached when it goes.
struct LoopDisk {
    device: String,
    at: PathBuf,
}

impl LoopDisk {
    fn make(scratch: &Path) -> Result<Self, String> {
        let file = scratch.join("disk.ext4");
        let at = scratch.join("mounted");
        std::fs::create_dir(&at).map_err(|e| e.to_string())?;
        File::create(&file)
            .and_then(|file| file.set_len(96 << 20))
            .map_err(|e| e.to_string())?;
        let text = file.display().to_string();
        said("mkfs.ext4", &["-q", "-F", &text])?;
        let device = said("losetup", &["-f", "--show", &text])?;
        let disk = LoopDisk {
            device: device.trim().to_owned(),
            at,
        };
        disk.mount()?;
        disk.unmount()?;
        Ok(disk)
    }

    fn mount(&self) -> Result<(), String> {
        said("mount", &[&self.device, &self.at.display().to_string()]).map(drop)
    }

    fn unmount(&self) -> Result<(), String> {
        // A worker may still be closing its files.
        for _ in 0..50 {
            if said("umount", &[&self.at.display().to_string()]).is_ok() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        said("umount", &[&self.at.display().to_string()]).map(drop)
    }

    fn shut_down(&self, flag: u32) -> Result<(), String> {
        File::open(&self.at)
            .and_then(|root| ioctl::shut_down(&root, flag))
            .map_err(|e| e.to_string())
    }
}

impl Drop for LoopDisk {
    fn drop(&mut self) {
        let _unmounted = said("umount", &[&self.at.display().to_string()]);
        let _detached = said("losetup", &["-d", &self.device]);
    }
}

/// What a program of the system says, if it succeeds.
pub(crate) fn said(program: &str, arguments: &[&str]) -> Result<String, String> {
    let ended = Command::new(program)
        .args(arguments)
        .output()
        .map_err(|e| format!("{program} cannot be started: {e}"))?;
    match ended.status.success() {
        true => Ok(String::from_utf8_lossy(&ended.stdout).into_owned()),
        false => Err(format!(
            "{program} failed: {}",
            String::from_utf8_lossy(&ended.stderr).trim()
        )),
    }
}
