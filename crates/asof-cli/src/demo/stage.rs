//! Where the demo plays: a directory of its own, in which the commands that it shows are run.

use crate::args::Args;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use clap::Parser;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The working directory of every command, so that what is shown is what a user would type.
pub(super) struct Stage {
    before: PathBuf,
    place: Place,
}

enum Place {
    /// Removed at the end, well or not.
    Passing(TempDir),
    Kept(PathBuf),
}

impl Stage {
    /// Makes the directory and goes there.
    pub(super) fn enter(keep: Option<&Path>) -> Result<Self, Failure> {
        let before = std::env::current_dir()?;
        let place = match keep {
            Some(keep) => Place::Kept(make(keep)?),
            None => Place::Passing(tempfile::Builder::new().prefix("asof-demo-").tempdir()?),
        };
        let stage = Stage { before, place };
        std::env::set_current_dir(stage.path())?;
        Ok(stage)
    }

    pub(super) fn path(&self) -> &Path {
        match &self.place {
            Place::Passing(dir) => dir.path(),
            Place::Kept(path) => path,
        }
    }

    pub(super) fn heading(&self, text: &str) -> Result<(), Failure> {
        self.say(&format!("\n=== {text} ===\n\n"))
    }

    /// Text on stdout, as it is.
    pub(super) fn say(&self, text: &str) -> Result<(), Failure> {
        Output::stdout().raw(text.as_bytes())
    }

    /// Writes a file that commands will name.
    pub(super) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> Result<(), Failure> {
        std::fs::write(self.path().join(name), content)
            .map_err(|error| Failure::from(error).at(name))
    }

    /// Shows a command, then runs it: by the same parser and the same code as from a shell.
    pub(super) fn run(&self, command: &str) -> Result<(), Failure> {
        self.say(&format!("$ asof {command}\n"))?;
        let words = std::iter::once("asof").chain(command.split(' '));
        let args = Args::try_parse_from(words)
            .map_err(|error| Failure::failed(format!("asof {command}: {error}")))?;
        match crate::run(args)? {
            Exit::Ok => self.say("\n"),
            exit => Err(Failure::new(
                exit,
                format!("asof {command}: ended by {exit:?}"),
            )),
        }
    }
}

/// A directory that is empty, so that nothing of the user's is written over.
fn make(keep: &Path) -> Result<PathBuf, Failure> {
    let here = |error: std::io::Error| Failure::from(error).at(keep.display());
    std::fs::create_dir_all(keep).map_err(here)?;
    if std::fs::read_dir(keep).map_err(here)?.next().is_some() {
        return Err(Failure::usage(format!(
            "--keep {}: the directory is not empty, and the demo writes over nothing; name a new one",
            keep.display()
        )));
    }
    keep.canonicalize().map_err(here)
}

impl Drop for Stage {
    fn drop(&mut self) {
        // A directory cannot be left behind by somebody who stands in it.
        let _ = std::env::set_current_dir(&self.before);
    }
}
