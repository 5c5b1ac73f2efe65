//! Crash states: a run is recorded call by call, and the disk is rebuilt as a power cut could have left
//! it at any moment of the run, with what was not synced lost, torn and reordered.
//!
//! One in twenty states is opened under the recorder again and loses power during its recovery, and
//! that once more: crashes of crashes, to depth three.

use crate::arguments::Arguments;
use crate::disk::{Disk, Image, Journal, Kept, lay_out};
use crate::hurt;
use crate::lanes::{self, Lane};
use crate::ledger::Known;
use crate::oracle::{Survives, Trust};
use crate::random::Random;
use crate::shim::{Boot, Shim};
use crate::tally::Tally;
use crate::trace::{Event, parse};
use crate::worker::{Machine, Question, Worker};
use crate::workload::Workload;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

const DEPTH_MAX: u32 = 3;
/// How many states are built from one recorded run before another is recorded.
const STATES_OF_A_RUN: u64 = 150;
const STATES_OF_A_LIE: u64 = 15;

pub(crate) fn run(arguments: &Arguments) -> Result<Tally, String> {
    let wanted = arguments.number("states", 4_000)?;
    let seed = arguments.number("seed", 1)?;
    let trust = match (arguments.text("lie"), arguments.text("hurt")) {
        (Some(_), _) => Trust::Lied,
        (None, Some(_)) => Trust::Hurt,
        (None, None) => Trust::Honest,
    };
    let what = match trust {
        Trust::Honest => "crash states",
        Trust::Lied => "crash states of a disk that lied about one sync",
        Trust::Hurt => "crash states with a bit of a log turned",
    };
    let tally = Tally::new(format!("{what}: {wanted} from run {seed}"));
    let lanes = arguments.number("lanes", lanes::BUSY)?;
    lanes::run(lanes, seed.., tally, |lane| {
        let scratch = lanes::scratch()?;
        let shim = Shim::build(scratch.path())?;
        let judge = Boot::new(scratch.path().join("boot-of-judge"))?;
        let mut worker = Worker::start(Machine::Restarted(shim.clone(), judge))?;
        loop {
            let left = wanted.saturating_sub(lane.tally().count());
            let (Some(run), true) = (lane.next(), left > 0) else {
                return Ok(());
            };
            let workload = match arguments.text("workload") {
                Some(name) => Workload::named(name)?,
                None => Workload::ALL[(run % Workload::ALL.len() as u64) as usize],
            };
            let mut explorer = Explorer {
                random: Random::new(run),
                run,
                shim: &shim,
                boot: Boot::new(scratch.path().join("boot"))?,
                scratch: scratch.path(),
                worker: &mut worker,
                seen: HashSet::new(),
                trust,
                lane,
            };
            // A run has one lie.
            let states = match trust {
                Trust::Lied => STATES_OF_A_LIE,
                Trust::Honest | Trust::Hurt => STATES_OF_A_RUN,
            };
            explorer.explore(workload, left.min(states))?;
        }
    })
}

/// Judges one image that an earlier run has kept.
pub(crate) fn judge_kept(arguments: &Arguments) -> Result<Tally, String> {
    let at = PathBuf::from(arguments.text("image").ok_or("say --image DIR")?);
    let text = std::fs::read_to_string(at.join("question")).map_err(|e| e.to_string())?;
    let mut words = text.split_whitespace();
    let workload = Workload::named(words.next().ok_or("the question is empty")?)?;
    let known = Known::hear(&mut words)?;
    let trust = Trust::parse(words.next().unwrap_or("0"))?;
    let image = read_image(&at.join("store"))?;
    let scratch = lanes::scratch()?;
    let path = scratch.path().join("store");
    lay_out(&image, &path).map_err(|e| e.to_string())?;
    let mut tally = Tally::new(format!("the image in {}", at.display()));
    let shim = Shim::build(scratch.path())?;
    let boot = Boot::new(scratch.path().join("boot"))?;
    let outcome = Worker::start(Machine::Restarted(shim.clone(), boot))?.judge(Question {
        path: &path,
        workload,
        known,
        survives: Survives::Durable,
        replay: true,
        trust,
    });
    tally.note(outcome, || format!("judge --image {}", at.display()));
    Ok(tally)
}

/// Explores one recorded run.
struct Explorer<'a, 'l> {
    random: Random,
    /// The number of the run, from which everything else follows.
    run: u64,
    shim: &'a Shim,
    boot: Boot,
    scratch: &'a Path,
    worker: &'a mut Worker,
    seen: HashSet<[u8; 32]>,
    trust: Trust,
    lane: &'a Lane<'l, u64>,
}

impl Explorer<'_, '_> {
    /// Records one run of a workload and judges states of it.
    fn explore(&mut self, workload: Workload, states: u64) -> Result<(), String> {
        let root = self.scratch.join("recorded");
        lay_out(&Image::new(), &root).map_err(|e| e.to_string())?;
        let events = self.record(workload, &root, 0)?;
        let first = events.iter().position(|e| matches!(e, Event::Create(_)));
        let first = first.ok_or("the child wrote nothing")?;
        let journal = match self.random.chance(50) {
            true => Journal::Ordered,
            false => Journal::Strict,
        };
        let recorded = Recorded {
            root,
            journal,
            base: Image::new(),
            known: Known::default(),
            events,
        };
        self.judge_states(workload, &recorded, first, states, 1)
    }

    /// Crashes a recorded run at random moments. Returns when enough new states were judged, or none
    /// turned up for a while.
    fn judge_states(
        &mut self,
        workload: Workload,
        recorded: &Recorded,
        first: usize,
        states: u64,
        depth: u32,
    ) -> Result<(), String> {
        let lie = match self.trust {
            Trust::Lied => recorded.any_sync(&mut self.random),
            Trust::Honest | Trust::Hurt => None,
        };
        let end = recorded.events.len();
        let mut points: Vec<usize> = (0..states)
            .map(|_| {
                // Where a lie matters: before the same file is synced the next time.
                let (from, to) = match lie {
                    Some(lie) if self.random.chance(70) => (lie + 1, recorded.synced_again(lie)),
                    _ => (first, end),
                };
                from + self.random.below((to - from + 1) as u64) as usize
            })
            .collect();
        points.sort_unstable();
        let mut disk = Disk::new(&recorded.root, recorded.journal, &recorded.base);
        let mut known = recorded.known;
        let mut before_lie = None;
        let mut done = 0;
        for point in points {
            for (place, event) in recorded.events[done..point].iter().enumerate() {
                if let Event::Acknowledge(line) = event {
                    known.read(line);
                }
                if lie == Some(done + place) {
                    before_lie = Some(known);
                } else {
                    disk.apply(event);
                }
            }
            done = point;
            let kept = Kept::any(&mut self.random);
            let mut image = disk.crash(kept, &mut self.random);
            if self.trust == Trust::Hurt && hurt::turn_a_bit(&mut image, &mut self.random).is_none()
            {
                continue;
            }
            if !self.seen.insert(fingerprint(&image, known)) {
                continue;
            }
            let path = self.scratch.join("crashed");
            lay_out(&image, &path).map_err(|e| e.to_string())?;
            let outcome = self.worker.judge(Question {
                path: &path,
                workload,
                known,
                survives: Survives::Durable,
                replay: self.random.chance(5),
                trust: self.trust,
            });
            let outcome = match (outcome, lie.zip(before_lie)) {
                (Err(why), Some((lie, before))) if recorded.is_only_witness(lie, point) => {
                    let known = Known {
                        attempted: known.attempted,
                        ..before
                    };
                    self.excuse(workload, &image, known, why)
                }
                (outcome, _) => outcome,
            };
            let class = format!("{} kept, depth {depth}", kept.name());
            match outcome {
                Ok(how) => self.lane.tally().pass(&format!("{class}: {how}")),
                Err(why) => {
                    let kept = self.keep(workload, &image, known)?;
                    let (run, name) = (self.run, workload.name());
                    let why = format!("run {run}, {name}, call {point}, {class}: {why}");
                    let replay = format!("judge --image {}", kept.display());
                    self.lane.tally().fail(&why, &replay);
                }
            }
            if depth < DEPTH_MAX && self.random.chance(5) && self.trust == Trust::Honest {
                self.crash_again(workload, &image, known, recorded.journal, depth)?;
            }
        }
        Ok(())
    }

    /// A log that was called durable and is not, while nothing else that remembers it has come to the
    /// disk: what is there is what an honest disk shows that lost power before that sync, and nobody
    /// can tell the two apart. Then everything that was durable before is there, and no more is lost
    /// than what that one sync covered.
    fn excuse(
        &mut self,
        workload: Workload,
        image: &Image,
        known: Known,
        why: String,
    ) -> Result<String, String> {
        let path = self.scratch.join("crashed");
        lay_out(image, &path).map_err(|e| e.to_string())?;
        let judged = self.worker.judge(Question {
            path: &path,
            workload,
            known,
            survives: Survives::Durable,
            replay: false,
            trust: Trust::Honest,
        });
        match judged {
            Ok(_) => Ok("lost what that sync covered, and no witness of it is left".into()),
            Err(also) => Err(format!("{why}; and as if cut before the lie: {also}")),
        }
    }

    /// Opens a crashed image under the recorder, goes on with the workload, and crashes that.
    fn crash_again(
        &mut self,
        workload: Workload,
        image: &Image,
        known: Known,
        journal: Journal,
        depth: u32,
    ) -> Result<(), String> {
        let root = self.scratch.join(format!("again-{depth}"));
        lay_out(image, &root).map_err(|e| e.to_string())?;
        // Whoever lost batches writes them again: a source goes back to what is durable.
        let events = self.record(workload, &root, known.durable.min(workload.batches() - 1))?;
        let recorded = Recorded {
            root,
            journal,
            base: image.clone(),
            known,
            events,
        };
        self.judge_states(workload, &recorded, 0, 10, depth + 1)
    }

    fn record(&self, workload: Workload, root: &Path, first: u64) -> Result<Vec<Event>, String> {
        let (ledger, log) = (self.scratch.join("ledger"), self.scratch.join("trace"));
        let _old = std::fs::remove_file(&ledger);
        let program = std::env::current_exe().map_err(|e| e.to_string())?;
        let mut command = Command::new(program);
        command
            .args(["child", "--workload", workload.name()])
            .args(["--first", &first.to_string()])
            .arg("--store")
            .arg(root)
            .arg("--ledger")
            .arg(&ledger)
            .env("ASOF_SHIM_ACKS", &ledger)
            .env("ASOF_SHIM_LOG", &log)
            .stderr(Stdio::piped());
        // Whatever is recorded was started after a restart.
        self.boot.again()?;
        self.shim.booted(&mut command, &self.boot);
        let ended = self.shim.before(&mut command, root).output();
        let ended = ended.map_err(|e| e.to_string())?;
        if !ended.status.success() {
            let why = String::from_utf8_lossy(&ended.stderr).into_owned();
            return Err(format!("the recorded run failed, {}: {why}", ended.status));
        }
        std::fs::read(&log)
            .map(|bytes| parse(&bytes))
            .map_err(|e| e.to_string())
    }

    /// Keeps an image that failed, with what was asked about it.
    fn keep(&self, workload: Workload, image: &Image, known: Known) -> Result<PathBuf, String> {
        static KEPT: AtomicU64 = AtomicU64::new(0);
        let at = std::env::temp_dir().join(format!(
            "asof-crash-{}-{}",
            std::process::id(),
            KEPT.fetch_add(1, Ordering::Relaxed)
        ));
        lay_out(image, &at.join("store")).map_err(|e| e.to_string())?;
        let question = format!(
            "{} {} {}\n",
            workload.name(),
            known.told(),
            self.trust as u8
        );
        std::fs::write(at.join("question"), question).map_err(|e| e.to_string())?;
        Ok(at)
    }
}

/// A run: what was on the disk before it, what was known, and what it did.
struct Recorded {
    root: PathBuf,
    journal: Journal,
    base: Image,
    known: Known,
    events: Vec<Event>,
}

impl Recorded {
    /// Where the file that is synced here is synced the next time, or the end.
    fn synced_again(&self, at: usize) -> usize {
        let later =
            (at + 1..self.events.len()).find(|place| self.events[*place] == self.events[at]);
        later.unwrap_or(self.events.len())
    }

    /// Whether, at this moment, a sync that was a lie is the newest that a log has seen.
    fn is_only_witness(&self, lie: usize, now: usize) -> bool {
        let of_log = |event: &Event| matches!(event, Event::Sync(path) if path.ends_with(".log"));
        of_log(&self.events[lie]) && now <= self.synced_again(lie)
    }

    fn any_sync(&self, random: &mut Random) -> Option<usize> {
        let syncs: Vec<usize> = (0..self.events.len())
            .filter(|at| matches!(self.events[*at], Event::Sync(_)))
            .collect();
        (!syncs.is_empty()).then(|| syncs[random.below(syncs.len() as u64) as usize])
    }
}

/// RocksDB's text log tells times, and says nothing about data.
fn fingerprint(image: &Image, known: Known) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&known.durable.to_le_bytes());
    hasher.update(&known.attempted.to_le_bytes());
    for (name, bytes) in image {
        if !name.contains("/LOG") {
            hasher.update(name.as_bytes());
            hasher.update(blake3::hash(bytes).as_bytes());
        }
    }
    *hasher.finalize().as_bytes()
}

fn read_image(root: &Path) -> Result<Image, String> {
    let mut image = Image::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).map_err(|e| e.to_string())? {
            let path = entry.map_err(|e| e.to_string())?.path();
            let name = path.strip_prefix(root).expect("it is below");
            let name = name.display().to_string();
            if path.is_dir() {
                image.insert(format!("{name}/"), Vec::new());
                folders.push(path);
            } else {
                let bytes = std::fs::read(&path).map_err(|e| e.to_string())?;
                image.insert(name, bytes);
            }
        }
    }
    Ok(image)
}
