//! How a command ended: the exit code for scripts, the text for people.

use asof::ErrorKind;
use std::fmt::Display;
use std::io;
use std::process::ExitCode;

/// What scripts may rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    Ok = 0,
    Failed = 1,
    Usage = 2,
    Missing = 3,
    Damaged = 4,
    Refused = 5,
    Locked = 6,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    pub exit: Exit,
    /// What happened, where, why, and what next. Nobody is told of an empty one.
    text: String,
}

impl Failure {
    pub(crate) fn new(exit: Exit, text: impl Into<String>) -> Self {
        Failure {
            exit,
            text: text.into(),
        }
    }

    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Failure::new(Exit::Usage, text)
    }

    pub(crate) fn failed(text: impl Into<String>) -> Self {
        Failure::new(Exit::Failed, text)
    }

    /// The same failure, led by where it happened.
    pub(crate) fn at(mut self, place: impl Display) -> Self {
        if self.exit != Exit::Ok {
            self.text = format!("{place}: {}", self.text);
        }
        self
    }

    /// The same failure, followed by what is still true and what to do next.
    pub(crate) fn and(mut self, next: impl Display) -> Self {
        if self.exit != Exit::Ok {
            self.text = format!("{}\n{next}", self.text);
        }
        self
    }

    /// The same failure as one of usage: the request names something in a way that cannot be meant.
    pub(crate) fn of_usage(mut self) -> Self {
        if self.exit == Exit::Failed {
            self.exit = Exit::Usage;
        }
        self
    }

    /// Tells it on stderr.
    pub(crate) fn report(self) -> Exit {
        if !self.text.is_empty() {
            eprintln!("error: {}", self.text);
        }
        self.exit
    }
}

impl From<asof::Error> for Failure {
    fn from(error: asof::Error) -> Self {
        Failure::new(Exit::of(error.kind()), error.to_string())
    }
}

impl Exit {
    fn of(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::NotFound => Exit::Missing,
            ErrorKind::Corrupt => Exit::Damaged,
            ErrorKind::BeyondHistory { .. }
            | ErrorKind::Incompatible
            | ErrorKind::Rejected
            | ErrorKind::NotFresh { .. }
            | ErrorKind::QuarantineFull
            | ErrorKind::Backpressure { .. }
            | ErrorKind::UnsupportedFormat => Exit::Refused,
            ErrorKind::Locked => Exit::Locked,
            _ => Exit::Failed,
        }
    }
}

impl From<io::Error> for Failure {
    /// A reader that went away has seen enough: `asof dump | head` is no failure.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::new(Exit::Ok, ""),
            _ => Failure::failed(error.to_string()),
        }
    }
}

impl From<csv::Error> for Failure {
    fn from(error: csv::Error) -> Self {
        match error.into_kind() {
            csv::ErrorKind::Io(error) => error.into(),
            csv::ErrorKind::UnequalLengths {
                expected_len, len, ..
            } => Failure::failed(format!(
                "the record has {len} cells, the header has {expected_len}"
            )),
            kind => Failure::failed(format!("{kind:?}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_codes_are_those_of_the_table() {
        // Who is hurt: whoever writes a script from the table in the documentation of ErrorKind.
        let kinds = [
            ErrorKind::InvalidArgument,
            ErrorKind::ContractViolation,
            ErrorKind::TooFarAhead,
            ErrorKind::NotFound,
            ErrorKind::Incompatible,
            ErrorKind::BeyondHistory { floor: 0 },
            ErrorKind::NotFresh {
                complete_through: None,
            },
            ErrorKind::NoValue,
            ErrorKind::Rejected,
            ErrorKind::QuarantineFull,
            ErrorKind::Backpressure {
                retry_after: std::time::Duration::ZERO,
            },
            ErrorKind::Locked,
            ErrorKind::Corrupt,
            ErrorKind::UnsupportedFormat,
            ErrorKind::Io,
            ErrorKind::StorageFull,
            ErrorKind::Poisoned,
            ErrorKind::Closed,
            ErrorKind::Forked,
        ];
        let table = include_str!("../../../src/error.rs");
        for kind in kinds {
            let shown = format!("{kind:?}");
            let begins = format!("/// | `{}` |", shown.split(' ').next().unwrap());
            let row = table.lines().find(|line| line.starts_with(&begins));
            let code = row.and_then(|row| row.split('|').nth(4)?.trim().parse().ok());
            assert_eq!(code, Some(Exit::of(kind) as u8), "{shown}");
        }
    }

    #[test]
    fn a_reader_that_went_away_is_no_failure() {
        let failure = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!(failure.at("stdout").and("more").report(), Exit::Ok);
        let failure = Failure::from(io::Error::from(io::ErrorKind::NotFound));
        assert_eq!(failure.exit, Exit::Failed);
    }
}
