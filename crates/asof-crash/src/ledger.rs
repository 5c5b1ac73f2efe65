//! What was attempted and what was acknowledged, kept outside the tested directory.
//!
//! One line an event, written in one call and never buffered: `I n` before batch `n` is handed to the
//! store, `B n` when it was acknowledged as buffered, `S n` when everything up to batch `n` was
//! acknowledged as durable, `R n` when batch `n` was refused and nothing of it written, `E` when a call failed; `X 0` before the erase is asked for, `Y 0` when it was
//! acknowledged, and `F n` for a floor that was told, in microseconds.

use std::fs::File;
use std::io::Write;
use std::path::Path;

/// What a ledger says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Known {
    /// Batches below this may be there.
    pub attempted: u64,
    /// The same before the last attempt, which a refusal takes back.
    pub attempted_before: u64,
    /// Batches that were refused, each time that one was.
    pub refused: u64,
    /// Batches below this were acknowledged.
    pub acknowledged: u64,
    /// Batches below this were acknowledged as durable.
    pub durable: u64,
    /// Calls that failed.
    pub errors: u64,
    /// How far the erase has come: not asked for, asked for, acknowledged.
    pub erased: u64,
    /// The highest floor that was told, in microseconds; zero before the first.
    pub floor: u64,
}

impl Known {
    /// How many numbers [`told`](Self::told) says.
    pub(crate) const NUMBERS: usize = 7;

    /// Takes in whole lines; what follows the last line break was never said.
    pub(crate) fn read(&mut self, bytes: &[u8]) {
        for line in bytes.split_inclusive(|b| *b == b'\n') {
            if let Some(line) = line.strip_suffix(b"\n") {
                self.line(line);
            }
        }
    }

    fn line(&mut self, line: &[u8]) {
        let text = std::str::from_utf8(line).unwrap_or_default();
        let (tag, number) = text.split_once(' ').unwrap_or((text, "0"));
        let next = number.parse::<u64>().map_or(0, |n| n + 1);
        match tag {
            "I" => {
                self.attempted_before = self.attempted;
                self.attempted = self.attempted.max(next);
            }
            "R" => {
                self.attempted = self.attempted_before;
                self.refused += 1;
            }
            "B" => self.acknowledged = self.acknowledged.max(next),
            "S" => {
                self.acknowledged = self.acknowledged.max(next);
                self.durable = self.durable.max(next);
            }
            "E" => self.errors += 1,
            "X" => self.erased = self.erased.max(1),
            "Y" => self.erased = 2,
            "F" => self.floor = self.floor.max(next.saturating_sub(1)),
            _ => {}
        }
    }

    /// All of it in one line.
    pub(crate) fn told(&self) -> String {
        let Known {
            attempted,
            attempted_before: _,
            refused,
            acknowledged,
            durable,
            errors,
            erased,
            floor,
        } = self;
        format!("{attempted} {acknowledged} {durable} {errors} {erased} {floor} {refused}")
    }

    /// What [`told`](Self::told) said.
    pub(crate) fn hear<'w>(words: &mut impl Iterator<Item = &'w str>) -> Result<Self, String> {
        let mut number = || -> Result<u64, String> {
            let word = words.next().ok_or("what was known is cut short")?;
            word.parse().map_err(|_| format!("{word:?} is no number"))
        };
        let attempted = number()?;
        Ok(Known {
            attempted,
            attempted_before: attempted,
            acknowledged: number()?,
            durable: number()?,
            errors: number()?,
            erased: number()?,
            floor: number()?,
            refused: number()?,
        })
    }

    pub(crate) fn of_file(path: &Path) -> Self {
        let mut known = Known::default();
        known.read(&std::fs::read(path).unwrap_or_default());
        known
    }
}

/// Where a child writes it.
pub(crate) struct Ledger {
    to: Box<dyn Write>,
    /// Says every line on stdout too.
    echo: bool,
}

impl Ledger {
    pub(crate) fn file(path: &Path, echo: bool) -> std::io::Result<Self> {
        let file = File::options().append(true).create(true).open(path)?;
        let to = Box::new(file);
        Ok(Ledger { to, echo })
    }

    pub(crate) fn stdout() -> Self {
        let to = Box::new(std::io::stdout());
        Ledger { to, echo: false }
    }

    pub(crate) fn say(&mut self, line: &str) {
        let line = format!("{line}\n");
        let said = self
            .to
            .write_all(line.as_bytes())
            .and_then(|()| self.to.flush());
        said.expect("the ledger can be written");
        if self.echo {
            print!("{line}");
        }
    }
}
