//! What can happen to a file.

use std::fmt;
use std::path::{Path, PathBuf};

/// One damage of one file.
#[derive(Debug, Clone)]
pub(crate) struct Damage {
    /// What kind of file it is: log, manifest, current, watermark, marker.
    pub(crate) role: &'static str,
    /// The file, seen from the store's directory.
    pub(crate) file: PathBuf,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// A bit is turned.
    Flip(usize),
    /// The file ends here.
    Cut(usize),
    /// Sixteen bytes from here on are zero.
    Zero(usize),
    /// The file ends here, and zeros follow to where it ended.
    ZeroTail(usize),
    /// The file is gone.
    Gone,
}

impl Damage {
    pub(crate) fn class(&self) -> String {
        let kind = match self.kind {
            Kind::Flip(_) => "flip",
            Kind::Cut(_) => "cut",
            Kind::Zero(_) => "zero",
            Kind::ZeroTail(_) => "zero-tail",
            Kind::Gone => "gone",
        };
        format!("{}:{kind}", self.role)
    }

    /// Where in the file it begins.
    pub(crate) fn byte(&self) -> Option<usize> {
        match self.kind {
            Kind::Flip(bit) => Some(bit / 8),
            Kind::Cut(at) | Kind::Zero(at) | Kind::ZeroTail(at) => Some(at),
            Kind::Gone => None,
        }
    }

    /// Every damage of a file.
    pub(crate) fn all(role: &'static str, file: &Path, length: usize) -> Vec<Damage> {
        let kinds = (0..length * 8)
            .map(Kind::Flip)
            .chain((0..length).map(Kind::Cut))
            .chain((0..length).step_by(16).map(Kind::Zero))
            .chain((0..length).step_by(7).map(Kind::ZeroTail))
            .chain([Kind::Gone]);
        kinds
            .map(|kind| Damage {
                role,
                file: file.to_path_buf(),
                kind,
            })
            .collect()
    }

    /// Does the damage in a copy of the store.
    pub(crate) fn inflict(&self, store: &Path) {
        let path = store.join(&self.file);
        let mut bytes = std::fs::read(&path).expect("the file is there");
        match self.kind {
            Kind::Flip(bit) => bytes[bit / 8] ^= 1 << (bit % 8),
            Kind::Cut(at) => bytes.truncate(at),
            Kind::Zero(at) => bytes
                .iter_mut()
                .skip(at)
                .take(16)
                .for_each(|byte| *byte = 0),
            Kind::ZeroTail(at) => bytes[at..].fill(0),
            Kind::Gone => return std::fs::remove_file(&path).expect("it can be removed"),
        }
        std::fs::write(&path, bytes).expect("it can be written");
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.class())?;
        match self.kind {
            Kind::Flip(at) | Kind::Cut(at) | Kind::Zero(at) | Kind::ZeroTail(at) => {
                write!(f, ":{at}")
            }
            Kind::Gone => Ok(()),
        }
    }
}
