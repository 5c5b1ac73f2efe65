//! Runs each model in a process of its own, two at a time, and says how far it got.
//!
//! A process of its own, because a model that fails unwinds through destructors that take locks again,
//! and the other models should be heard of all the same.

use crate::models::Model;
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

/// How often a thread is interrupted where it could have gone on, unless `LOOM_MAX_PREEMPTIONS` says
/// another number. Most known bugs of this kind need two.
pub(crate) const PREEMPTIONS: usize = 2;

/// What a model of two short threads may do in one run: far more than any does.
const BRANCHES: usize = 20_000;

/// How many models run beside each other.
const LANES: usize = 2;

static RUNS: AtomicU64 = AtomicU64::new(0);

pub(crate) fn main(models: &'static [Model]) -> ExitCode {
    let asked: Vec<String> = std::env::args().skip(1).collect();
    if let [only, name] = &asked[..]
        && only == "--only"
    {
        return match models.iter().find(|model| model.name == name) {
            Some(model) => run_here(model),
            None => ExitCode::from(2),
        };
    }
    let chosen: Vec<&Model> = models
        .iter()
        .filter(|model| asked.is_empty() || asked.iter().any(|name| model.name.contains(&**name)))
        .collect();
    if chosen.is_empty() {
        println!("no model is called {}", asked.join(" or "));
        return ExitCode::from(2);
    }
    run_all(&chosen)
}

/// Runs a program of a few threads in every order within the bound.
pub(crate) fn check(program: impl Fn() + Send + Sync + 'static) {
    check_within(PREEMPTIONS, program);
}

/// The same of a program that does so much that a smaller bound must do.
pub(crate) fn check_within(preemptions: usize, program: impl Fn() + Send + Sync + 'static) {
    let mut loom = builder(preemptions);
    loom.max_branches = BRANCHES;
    // Also how often it looks at its clock.
    loom.checkpoint_interval = 1_000;
    loom.check(move || {
        RUNS.fetch_add(1, Ordering::Relaxed);
        program();
    });
}

/// What the environment asks for, and else the bound that every change is held to.
fn builder(preemptions: usize) -> loom::model::Builder {
    let mut loom = loom::model::Builder::new();
    loom.preemption_bound = loom.preemption_bound.or(Some(preemptions));
    loom
}

fn run_here(model: &Model) -> ExitCode {
    let start = Instant::now();
    (model.run)();
    let (runs, took) = (RUNS.load(Ordering::Relaxed), start.elapsed());
    let was_stopped = builder(PREEMPTIONS)
        .max_duration
        .is_some_and(|limit| took >= limit);
    let how = if was_stopped { "STOPPED after" } else { "all" };
    println!("{how} {runs} runs in {:.1} s", took.as_secs_f64());
    ExitCode::SUCCESS
}

fn run_all(models: &[&Model]) -> ExitCode {
    let bound = builder(PREEMPTIONS).preemption_bound.unwrap_or_default();
    println!("{} models, at most {bound} preemptions a run", models.len());
    let (next, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..LANES {
            scope.spawn(|| {
                while let Some(model) = models.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if !run_apart(model) {
                        failed.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner();
    if failed == 0 {
        return ExitCode::SUCCESS;
    }
    println!("{failed} of {} models FAILED", models.len());
    ExitCode::FAILURE
}

/// True if the promise held.
fn run_apart(model: &Model) -> bool {
    let myself = std::env::current_exe().expect("a running program has a path");
    let start = Instant::now();
    let ended = Command::new(myself)
        .args(["--only", model.name])
        .stdin(Stdio::null())
        .output()
        .expect("this program can be started once more");
    if ended.status.success() {
        let told = String::from_utf8_lossy(&ended.stdout);
        println!("ok      {}: {}", model.name, told.trim());
        return true;
    }
    let told = String::from_utf8_lossy(&ended.stderr);
    println!(
        "FAILED: {} after {:.1} s\n{}",
        model.name,
        start.elapsed().as_secs_f64(),
        told.trim()
    );
    false
}
