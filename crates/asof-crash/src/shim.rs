//! The library that stands between a child and its file system; see `shim/shim.c`.

use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) struct Shim(PathBuf);

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
}
