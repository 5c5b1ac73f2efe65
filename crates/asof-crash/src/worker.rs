//! A process that judges one directory after another, so that one that hangs or aborts is a verdict
//! and not the end.

use crate::hurt;
use crate::ledger::Known;
use crate::oracle::{self, Survives, Trust};
use crate::shim::{Boot, Shim};
use crate::workload::Workload;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitCode, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

/// What one question asks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question<'a> {
    pub path: &'a Path,
    pub workload: Workload,
    pub known: Known,
    pub survives: Survives,
    pub replay: bool,
    pub trust: Trust,
}

/// How long one judgement may take. A hang is a failure; a machine that has much else to do is none.
const PATIENCE: Duration = Duration::from_secs(120);

/// Where judgements are made: on the machine as it is, or after a restart that is only played.
pub(crate) enum Machine {
    Same,
    Restarted(Shim, Boot),
}

pub(crate) struct Worker {
    machine: Machine,
    process: Process,
}

struct Process {
    child: Child,
    asks: ChildStdin,
    answers: Receiver<String>,
}

impl Process {
    fn start(machine: &Machine) -> Result<Self, String> {
        let program = std::env::current_exe().map_err(|e| e.to_string())?;
        let mut command = Command::new(program);
        command
            .arg("worker")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        if let Machine::Restarted(shim, boot) = machine {
            shim.booted(&mut command, boot);
        }
        let mut child = command.spawn().map_err(|e| e.to_string())?;
        let asks = child.stdin.take().expect("stdin is a pipe");
        let told = BufReader::new(child.stdout.take().expect("stdout is a pipe"));
        let (send, answers) = channel();
        std::thread::spawn(move || {
            for line in told.lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Process {
            child,
            asks,
            answers,
        })
    }
}

impl Worker {
    pub(crate) fn start(machine: Machine) -> Result<Self, String> {
        let process = Process::start(&machine)?;
        Ok(Worker { machine, process })
    }

    /// Asks, and starts over after a hang or an abort.
    pub(crate) fn judge(&mut self, question: Question<'_>) -> Result<String, String> {
        let line = format!(
            "{} {} {} {} {} {}\n",
            question.workload.name(),
            question.known.told(),
            u8::from(question.survives == Survives::Durable),
            u8::from(question.replay),
            question.trust as u8,
            question.path.display(),
        );
        if let Machine::Restarted(_, boot) = &self.machine {
            boot.again()?;
        }
        let asked = self.process.asks.write_all(line.as_bytes());
        let answer = match asked {
            Ok(()) => self.process.answers.recv_timeout(PATIENCE),
            Err(_) => Err(RecvTimeoutError::Disconnected),
        };
        match answer {
            Ok(answer) => match answer.split_once(' ') {
                Some(("ok", class)) => Ok(class.to_owned()),
                _ => Err(answer),
            },
            Err(why) => {
                let child = &mut self.process.child;
                let _gone = child.kill();
                let ended = child.wait().map_err(|e| e.to_string())?;
                self.process = Process::start(&self.machine)?;
                Err(match why {
                    RecvTimeoutError::Timeout => "opening or judging it hangs".into(),
                    RecvTimeoutError::Disconnected => format!("the process ended: {ended}"),
                })
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// The other side: reads questions, prints answers.
pub(crate) fn main() -> ExitCode {
    for line in std::io::stdin().lines().map_while(Result::ok) {
        let answer = match answer(&line) {
            Ok(class) => format!("ok {class}"),
            Err(why) => why.replace('\n', " "),
        };
        println!("{answer}");
    }
    ExitCode::SUCCESS
}

fn answer(line: &str) -> Result<String, String> {
    // The path is the last, and may have spaces in it.
    let mut words = line.splitn(5 + Known::NUMBERS, ' ');
    let workload = Workload::named(words.next().ok_or("a question is empty")?)?;
    let known = Known::hear(&mut words)?;
    let mut word = || words.next().ok_or("a question is cut short");
    let survives = match word()? {
        "0" => Survives::Acknowledged,
        _ => Survives::Durable,
    };
    let replay = word()? == "1";
    let trust = Trust::parse(word()?)?;
    let path = Path::new(word()?);
    if trust != Trust::Honest && oracle::is_reported_damage(workload, path) {
        return hurt::judge_accepted(workload, path, known, survives, replay, trust);
    }
    let known = match trust {
        Trust::Hurt => hurt::known_of_the_rest(known),
        _ => known,
    };
    let judged = oracle::judge(workload, path, known, survives, replay);
    match judged {
        // A table is read when it is asked for, and says then what has become of it.
        Err(_) if trust == Trust::Lied && oracle::is_damage_of_a_table(workload, path) => {
            Ok("a table that was never written is told by reads and by verify".into())
        }
        judged => judged,
    }
}
