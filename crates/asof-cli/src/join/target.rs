//! Where a result goes: stdout, or a file that is there only when it is whole.

use crate::exit::Failure;
use std::io::{BufWriter, Stdout, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

pub(crate) enum Target {
    Stdout(BufWriter<Stdout>),
    /// A file beside the one that is meant, which takes its name at the end.
    File {
        beside: BufWriter<NamedTempFile>,
        path: PathBuf,
    },
}

impl Target {
    pub(crate) fn open(path: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = path else {
            return Ok(Target::Stdout(BufWriter::with_capacity(
                1 << 16,
                std::io::stdout(),
            )));
        };
        let here = |error: std::io::Error| Failure::from(error).at(path.display());
        // A link stays a link: what it points to is what is replaced.
        let path = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        if path.exists() && !path.is_file() {
            return Err(Failure::usage(format!(
                "{} is no file that could be replaced; leave -o out to write to stdout",
                path.display()
            )));
        }
        let directory = match path.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        // The permissions of a file that anybody makes, the umask taken off by the system.
        let beside = tempfile::Builder::new()
            .prefix(".asof-join-")
            .permissions(std::fs::Permissions::from_mode(0o666))
            .tempfile_in(directory)
            .map_err(here)?;
        Ok(Target::File {
            beside: BufWriter::with_capacity(1 << 16, beside),
            path,
        })
    }

    /// Ends the result well. Without this a file is removed again.
    pub(crate) fn keep(self) -> Result<(), Failure> {
        match self {
            Target::Stdout(mut out) => Ok(out.flush()?),
            Target::File { beside, path } => {
                let here = |error: std::io::Error| Failure::from(error).at(path.display());
                let beside = beside
                    .into_inner()
                    .map_err(|error| here(error.into_error()))?;
                beside.as_file().sync_all().map_err(here)?;
                beside.persist(&path).map_err(|error| here(error.error))?;
                Ok(())
            }
        }
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Target::Stdout(out) => out.write(bytes),
            Target::File { beside, .. } => beside.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Target::Stdout(out) => out.flush(),
            Target::File { beside, .. } => beside.flush(),
        }
    }
}
