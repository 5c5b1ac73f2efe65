//! A process that judges one directory after another, so that one that hangs or aborts is a verdict
//! and not the end.

use crate::ledger::Known;
use crate::oracle::{self, Survives};
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
    /// A store that says it is damaged passes too.
    pub may_report: bool,
}

/// How long one judgement may take. A hang is a failure.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct Worker {
    child: Child,
    asks: ChildStdin,
    answers: Receiver<String>,
}

impl Worker {
    pub(crate) fn start() -> Result<Self, String> {
        let program = std::env::current_exe().map_err(|e| e.to_string())?;
        let mut child = Command::new(program)
            .arg("worker")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| e.to_string())?;
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
        Ok(Worker {
            child,
            asks,
            answers,
        })
    }

    /// Asks, and starts over after a hang or an abort.
    pub(crate) fn judge(&mut self, question: Question<'_>) -> Result<String, String> {
        let Known {
            attempted,
            acknowledged,
            durable,
            ..
        } = question.known;
        let line = format!(
            "{} {attempted} {acknowledged} {durable} {} {} {} {}\n",
            question.workload.name(),
            u8::from(question.survives == Survives::Durable),
            u8::from(question.replay),
            u8::from(question.may_report),
            question.path.display(),
        );
        let asked = self.asks.write_all(line.as_bytes());
        let answer = match asked {
            Ok(()) => self.answers.recv_timeout(PATIENCE),
            Err(_) => Err(RecvTimeoutError::Disconnected),
        };
        match answer {
            Ok(answer) => match answer.split_once(' ') {
                Some(("ok", class)) => Ok(class.to_owned()),
                _ => Err(answer),
            },
            Err(why) => {
                let _gone = self.child.kill();
                let ended = self.child.wait().map_err(|e| e.to_string())?;
                *self = Worker::start()?;
                Err(match why {
                    RecvTimeoutError::Timeout => "opening or judging it hangs".into(),
                    RecvTimeoutError::Disconnected => format!("the process ended: {ended}"),
                })
            }
        }
    }
}

impl Drop for Worker {
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
    let mut words = line.splitn(8, ' ');
    let mut word = || words.next().ok_or("a question is cut short");
    let workload = Workload::named(word()?)?;
    let mut number = || -> Result<u64, String> {
        word()?
            .parse()
            .map_err(|_| "a question has a bad number".into())
    };
    let known = Known {
        attempted: number()?,
        acknowledged: number()?,
        durable: number()?,
        errors: 0,
    };
    let survives = match number()? {
        0 => Survives::Acknowledged,
        _ => Survives::Durable,
    };
    let (replay, may_report) = (number()? == 1, number()? == 1);
    let path = Path::new(word()?);
    if may_report && oracle::is_reported_damage(workload, path) {
        return Ok("reported as damaged".into());
    }
    oracle::judge(workload, path, known, survives, replay)
}
