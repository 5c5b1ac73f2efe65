//! Several judgements at a time: lanes that take the next job when they are done with one.

use crate::tally::Tally;
use std::path::Path;
use std::sync::{Mutex, MutexGuard};

/// How many there are where a lane computes: the machines that run this have at least two cores.
pub(crate) const BUSY: u64 = 2;
/// How many there are where a lane mostly waits: RocksDB sleeps for a second after a failed flush.
pub(crate) const WAITING: u64 = 8;

/// What the lanes share.
pub(crate) struct Lane<'a, J> {
    jobs: &'a Mutex<&'a mut (dyn Iterator<Item = J> + Send)>,
    tally: &'a Mutex<Tally>,
}

impl<J> Lane<'_, J> {
    pub(crate) fn next(&self) -> Option<J> {
        self.jobs.lock().expect("no lane panics").next()
    }

    pub(crate) fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().expect("no lane panics")
    }
}

/// Runs `lane` in so many lanes at the same time; each takes jobs until none is left.
pub(crate) fn run<J: Send>(
    lanes: u64,
    mut jobs: impl Iterator<Item = J> + Send,
    tally: Tally,
    lane: impl Fn(&Lane<'_, J>) -> Result<(), String> + Sync,
) -> Result<Tally, String> {
    let jobs = Mutex::new(&mut jobs as &mut (dyn Iterator<Item = J> + Send));
    let tally = Mutex::new(tally);
    std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..lanes.max(1))
            .map(|_| {
                scope.spawn(|| {
                    lane(&Lane {
                        jobs: &jobs,
                        tally: &tally,
                    })
                })
            })
            .collect();
        let ended = lanes
            .into_iter()
            .map(|lane| lane.join().map_err(|_| "a lane panicked".to_owned())?);
        ended
            .collect::<Vec<_>>()
            .into_iter()
            .collect::<Result<(), String>>()
    })?;
    Ok(tally.into_inner().expect("no lane panics"))
}

/// A directory for stores that nothing but a process dies under: in memory where the machine has a
/// place for that.
pub(crate) fn scratch() -> Result<tempfile::TempDir, String> {
    let memory = Path::new("/dev/shm");
    let made = match memory.is_dir() {
        true => tempfile::tempdir_in(memory),
        false => tempfile::tempdir(),
    };
    made.map_err(|e| e.to_string())
}
