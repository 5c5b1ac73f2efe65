//! What can happen to a file.

use std::fmt;
use std::path::{Path, PathBuf};

/// One damage of one file.
#[derive(Debug, Clone)]
pub(crate) struct Damage {
    /// What kind of file it is: log, manifest, current, sst-index, watermark, marker and so on.
    pub(crate) role: String,
    /// The file, seen from the store's directory.
    pub(crate) file: PathBuf,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A bit is turned.
    Flip(usize),
    /// The file ends here.
    Cut(usize),
    /// So many bytes from here on are zero.
    Zero(usize, usize),
    /// The file ends here, and zeros follow to where it ended.
    ZeroTail(usize),
    /// Two pieces of 512 bytes have changed places.
    Swap(usize, usize),
    /// A piece of 512 bytes is as it was in an older generation of the file.
    Older(usize),
    /// All of the file is as it was then.
    OlderWhole,
    /// So many bytes of nonsense behind its end.
    Trailing(usize),
    /// The same file of another store.
    Foreign,
    /// It stands there a second time, under the number 999999 or another name.
    Twice,
    /// The file is gone.
    Gone,
}

const PAGE: usize = 512;

impl Damage {
    pub(crate) fn class(&self) -> String {
        let kind = match self.kind {
            Kind::Flip(_) => "flip",
            Kind::Cut(_) => "cut",
            Kind::Zero(..) => "zero",
            Kind::ZeroTail(_) => "zero-tail",
            Kind::Swap(..) => "swap",
            Kind::Older(_) => "older-page",
            Kind::OlderWhole => "older",
            Kind::Trailing(_) => "trailing",
            Kind::Foreign => "foreign",
            Kind::Twice => "twice",
            Kind::Gone => "gone",
        };
        format!("{}:{kind}", self.role)
    }

    /// Every damage of a file of this length. `role` names the part of the file that a byte is in.
    pub(crate) fn all(file: &Path, length: usize, role: impl Fn(usize) -> String) -> Vec<Damage> {
        let pages = length.div_ceil(PAGE);
        let swaps = (0..pages).flat_map(|a| (a + 1..pages.min(a + 4)).map(move |b| (a, b)));
        let steps = |step: usize| {
            (0..length)
                .step_by(step)
                .map(move |at| Kind::Zero(at, step))
        };
        let parts = (0..length * 8)
            .map(Kind::Flip)
            .chain((0..length).map(Kind::Cut))
            .chain(steps(16).chain(steps(512)).chain(steps(4_096)))
            .chain((0..length).step_by(7).map(Kind::ZeroTail))
            .chain(swaps.map(|(a, b)| Kind::Swap(a * PAGE, b * PAGE)))
            .chain((0..length).step_by(PAGE).map(Kind::Older))
            .map(|kind| (role(kind.byte().unwrap_or(0)), kind));
        let whole = [1, 7, 100, 5_000].map(Kind::Trailing).into_iter().chain([
            Kind::OlderWhole,
            Kind::Foreign,
            Kind::Twice,
            Kind::Gone,
        ]);
        let name = role(usize::MAX);
        parts
            .chain(whole.map(|kind| (name.clone(), kind)))
            .map(|(role, kind)| Damage {
                role,
                file: file.to_path_buf(),
                kind,
            })
            .collect()
    }

    /// Does the damage in a copy of the store; says whether that has changed a byte.
    pub(crate) fn inflict(&self, store: &Path, older: &Path, foreign: &Path) -> bool {
        let path = store.join(&self.file);
        let whole = std::fs::read(&path).expect("the file is there");
        let other = |store: &Path| std::fs::read(store.join(&self.file)).ok();
        let mut bytes = whole.clone();
        match self.kind {
            Kind::Flip(bit) => bytes[bit / 8] ^= 1 << (bit % 8),
            Kind::Cut(at) => bytes.truncate(at),
            Kind::Zero(at, length) => {
                let end = bytes.len().min(at + length);
                bytes[at..end].fill(0);
            }
            Kind::ZeroTail(at) => bytes[at..].fill(0),
            Kind::Swap(a, b) => {
                let length = PAGE.min(bytes.len() - b);
                let (head, tail) = bytes.split_at_mut(b);
                head[a..a + length].swap_with_slice(&mut tail[..length]);
            }
            Kind::Older(at) => {
                let end = bytes.len().min(at + PAGE);
                let mut page = other(older).unwrap_or_default().split_off_or_empty(at);
                page.resize(end - at, 0);
                bytes[at..end].copy_from_slice(&page);
            }
            Kind::OlderWhole => bytes = other(older).unwrap_or(bytes),
            Kind::Trailing(length) => bytes.extend((0..length).map(|n| (n * 37 + 11) as u8)),
            Kind::Foreign => bytes = other(foreign).unwrap_or(bytes),
            Kind::Twice => {
                std::fs::write(store.join(self.second()), &whole).expect("it can be written");
                return true;
            }
            Kind::Gone => {
                std::fs::remove_file(&path).expect("it can be removed");
                return true;
            }
        }
        let changed = bytes != whole;
        std::fs::write(&path, bytes).expect("it can be written");
        changed
    }

    /// Takes the damage back: the file is again as it is in the whole store.
    pub(crate) fn mend(&self, store: &Path, whole: &Path) {
        if self.kind == Kind::Twice {
            std::fs::remove_file(store.join(self.second())).expect("it can be removed");
        }
        let bytes = std::fs::read(whole.join(&self.file)).expect("the file is there");
        std::fs::write(store.join(&self.file), bytes).expect("it can be written");
    }

    /// The name under which a file stands a second time.
    fn second(&self) -> PathBuf {
        let name = self.file.file_name().and_then(|name| name.to_str());
        let name = name.expect("a name");
        let second = match name {
            _ if name.starts_with("MANIFEST-") => "MANIFEST-999999".into(),
            _ if name.starts_with("OPTIONS-") => "OPTIONS-999999".into(),
            _ if name.ends_with(".log") => "999999.log".into(),
            _ if name.ends_with(".sst") => "999999.sst".into(),
            "asof.store" => "asof.store.unfinished".into(),
            _ => format!("{name}.1"),
        };
        self.file.with_file_name(second)
    }
}

trait SplitOff {
    fn split_off_or_empty(self, at: usize) -> Vec<u8>;
}

impl SplitOff for Vec<u8> {
    fn split_off_or_empty(mut self, at: usize) -> Vec<u8> {
        if at < self.len() {
            self.split_off(at)
        } else {
            Vec::new()
        }
    }
}

impl Kind {
    /// Where in the file it begins.
    fn byte(self) -> Option<usize> {
        match self {
            Kind::Flip(bit) => Some(bit / 8),
            Kind::Cut(at)
            | Kind::Zero(at, _)
            | Kind::ZeroTail(at)
            | Kind::Swap(at, _)
            | Kind::Older(at) => Some(at),
            _ => None,
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.class(), self.file.display())?;
        match self.kind {
            Kind::Flip(at) | Kind::Cut(at) | Kind::ZeroTail(at) | Kind::Older(at) => {
                write!(f, ":{at}")
            }
            Kind::Zero(a, b) | Kind::Swap(a, b) => write!(f, ":{a}:{b}"),
            Kind::Trailing(length) => write!(f, ":{length}"),
            _ => Ok(()),
        }
    }
}
