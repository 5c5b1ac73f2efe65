//! What cannot be taken back: without `--yes` it is shown and not done.

use crate::args::Consent;
use crate::exit::Exit;
use crate::session::note;
use std::fmt::Display;

impl Consent {
    /// What an act needs that asks for no consent in this case.
    pub(crate) fn or_if(self, is_harmless: bool) -> Self {
        Consent {
            yes: self.yes || is_harmless,
        }
    }

    /// `erased`, or `would erase`: the words with which stdout says what was done, or would be.
    pub(crate) fn says(self, done: &str, would: &str) -> String {
        match self.yes {
            true => done.to_owned(),
            false => format!("would {would}"),
        }
    }

    /// How the command ends once that has been said.
    pub(crate) fn end(self) -> Exit {
        if self.yes {
            return Exit::Ok;
        }
        withheld("say --yes to do it")
    }
}

/// How a command ends that has only shown what it would do.
pub(crate) fn withheld(what_next: impl Display) -> Exit {
    note(format_args!("nothing was changed; {what_next}"));
    Exit::Usage
}
