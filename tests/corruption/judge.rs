//! Judges damages in processes of their own, so that one that hangs or dies takes no other with it.

use crate::damage::Damage;
use crate::world::{Outcome, Told, World, damages};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// For so long one damaged store may keep a process busy.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a damage has come to.
pub(crate) type Judged = Result<Option<Told>, String>;

/// How far a damaged store is looked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Where the pre-flight refuses it, that is the verdict; what it lets pass is opened and asked.
    Examined,
    /// It is opened, whatever the pre-flight says, and both must say the same.
    Opened,
}

/// A process that judges.
pub(crate) struct Worker<'a> {
    directory: &'a Path,
    name: String,
    process: Option<(Child, ChildStdin, Receiver<String>)>,
}

impl<'a> Worker<'a> {
    pub(crate) fn new(directory: &'a Path, name: String) -> Worker<'a> {
        Worker {
            directory,
            name,
            process: None,
        }
    }

    /// Judges the damage of this number; what hangs is tried once more, because machines stall.
    pub(crate) fn judge(&mut self, number: usize, depth: Depth) -> Judged {
        match self.once(number, depth) {
            Err(why) if why.starts_with("HANG") => self.once(number, depth),
            judged => judged,
        }
    }

    fn once(&mut self, number: usize, depth: Depth) -> Judged {
        let (child, stdin, stdout) = self.process.get_or_insert_with(|| {
            let process = start(self.directory, &self.name);
            // Its store has been opened once when it says so.
            let ready = process.2.recv_timeout(Duration::from_secs(60));
            ready.expect("a process that judges starts");
            process
        });
        writeln!(stdin, "{depth:?} {number}").expect("it listens");
        let told = stdout.recv_timeout(PATIENCE);
        let Ok(told) = told else {
            let dead = child.try_wait().ok().flatten();
            let _ = child.kill();
            let _ = child.wait();
            self.process = None;
            return Err(match dead {
                Some(status) => format!("CRASH: the process ended with {status}"),
                None => format!("HANG: it took over {PATIENCE:?}"),
            });
        };
        match told.strip_prefix('!') {
            Some(why) => Err(why.to_owned()),
            None => {
                let (outcome, words) = told.split_once('\t').unwrap_or((&told, ""));
                Ok(Outcome::parse(outcome).map(|outcome| (outcome, words.to_owned())))
            }
        }
    }
}

impl Drop for Worker<'_> {
    fn drop(&mut self) {
        if let Some((child, _, _)) = &mut self.process {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn start(directory: &Path, name: &str) -> (Child, ChildStdin, Receiver<String>) {
    let exe = std::env::current_exe().expect("a program");
    let mut child = Command::new(exe)
        .arg("--child")
        .arg(directory)
        .arg(name)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let stdin = child.stdin.take().expect("a pipe");
    let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
    let (send, receive) = channel();
    std::thread::spawn(move || {
        for line in stdout.lines().map_while(Result::ok) {
            if send.send(line).is_err() {
                break;
            }
        }
    });
    (child, stdin, receive)
}

/// What such a process does: for each number on stdin one line on stdout.
pub(crate) fn child(directory: &Path, name: &str) {
    let damages: Vec<Damage> = damages(directory);
    let world = World::at(directory, name);
    println!("ready");
    for line in std::io::stdin().lines().map_while(Result::ok) {
        let (depth, number) = line.split_once(' ').expect("two words");
        let damage = &damages[number.parse::<usize>().expect("a number")];
        let outcome = match depth == "Examined" {
            true => world.examined(damage),
            false => world.outcome(damage),
        };
        match outcome {
            Ok(Some((outcome, words))) => {
                println!("{outcome}\t{}", words.replace(['\n', '\t'], " "));
            }
            Ok(None) => println!("-"),
            Err(why) => println!("!{}", why.replace('\n', " ")),
        }
    }
}
