//! The library that stands between a child and its file system; see `shim/shim.c`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Clone)]
pub(crate) struct Shim(PathBuf);

/// Which run of the machine a program takes itself to be in. A power cut that is only played would
/// otherwise be judged by an engine that knows that the machine was never off.
pub(crate) struct Boot(PathBuf);

impl Boot {
    /// A boot id of its own, kept in a file of this name.
    pub(crate) fn new(file: PathBuf) -> Result<Self, String> {
        let boot = Boot(file);
        boot.again().map(|()| boot)
    }

    /// The machine is started anew: whoever asks from now on gets another id.
    pub(crate) fn again(&self) -> Result<(), String> {
        static RUNS: AtomicU64 = AtomicU64::new(1);
        let run = RUNS.fetch_add(1, Ordering::Relaxed);
        let process = std::process::id();
        let id = format!("{process:08x}-0000-4000-8000-{run:012x}\n");
        std::fs::write(&self.0, id).map_err(|e| e.to_string())
    }
}

impl Shim {
    /// Compiles it into a directory. A machine without a C compiler could not have built RocksDB.
    pub(crate) fn build(into: &Path) -> Result<Self, String> {
        let source = into.join("shim.c");
        let library = into.join("shim.so");
        std::fs::write(&source, include_str!("../shim/shim.c")).map_err(|e| e.to_string())?;
        let compiled = Command::new("gcc")
            .args(["-O1", "-shared", "-fPIC", "-o"])
            .args([&library, &source])
            .args(["-ldl", "-lpthread"])
            .output()
            .map_err(|e| format!("gcc cannot be started: {e}"))?;
        match compiled.status.success() {
            true => Ok(Shim(library)),
            false => Err(String::from_utf8_lossy(&compiled.stderr).into_owned()),
        }
    }

    /// Puts it in front of a command, for files below a directory.
    pub(crate) fn before<'c>(&self, command: &'c mut Command, root: &Path) -> &'c mut Command {
        command
            .env("LD_PRELOAD", &self.0)
            .env("ASOF_SHIM_ROOT", root)
    }

    /// Puts it in front of a command that is to take itself to be in this run of the machine.
    pub(crate) fn booted<'c>(&self, command: &'c mut Command, boot: &Boot) -> &'c mut Command {
        command
            .env("LD_PRELOAD", &self.0)
            .env("ASOF_SHIM_BOOT", &boot.0)
    }
}
