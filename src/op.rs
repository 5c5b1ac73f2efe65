//! The three things a version can do.

use crate::error::{Error, Result, did_you_mean};
use std::fmt;
use std::str::FromStr;

/// What a version says about its entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Op {
    /// A whole row. It speaks about every feature the view has or will have.
    Put = 1,
    /// Some features. It speaks about those it names, and cannot make one absent.
    Patch = 2,
    /// Nothing is true from then on, until a newer Put or Patch.
    Delete = 3,
}

impl Op {
    /// The word for it in event lines.
    pub fn name(self) -> &'static str {
        match self {
            Op::Put => "put",
            Op::Patch => "patch",
            Op::Delete => "delete",
        }
    }

    /// Where it stands among versions of one instant: a Delete is newer than a Patch, and a Patch
    /// than a Put, so that a Patch and a Put of the same instant both count.
    pub(crate) fn rank(self) -> u8 {
        self as u8
    }

    pub(crate) fn from_rank(rank: u8) -> Option<Op> {
        [Op::Put, Op::Patch, Op::Delete]
            .into_iter()
            .find(|op| op.rank() == rank)
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Op {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let all = [Op::Put, Op::Patch, Op::Delete];
        all.into_iter().find(|op| op.name() == text).ok_or_else(|| {
            Error::contract(format!(
                "op {text:?} is none of put, patch, delete{}",
                did_you_mean(text, all.map(Op::name))
            ))
        })
    }
}
