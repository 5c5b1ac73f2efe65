//! A directory with a store in it, and the binary to run on it.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// What time it is for every command.
pub(crate) const NOW: &str = "2013-01-02T00:00:00Z";

pub(crate) const WEATHER: &str = r#"view = "weather"

[entity]
origin = "string"

[features]
temp = "f64"
wind_gust = { type = "f64", nullable = true, finite = true }

[time]
ttl = "3h"
"#;

pub(crate) struct World {
    dir: TempDir,
    store: PathBuf,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    /// Stdout of a command that went well.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.stdout
    }

    /// A command that failed with this code and said this.
    #[track_caller]
    pub(crate) fn failed(self, code: i32, why: &str) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        assert!(self.stderr.contains(why), "{why:?} is not in {self:?}");
        self
    }

    #[track_caller]
    pub(crate) fn noted(self, note: &str) -> Self {
        assert!(self.stderr.contains(note), "{note:?} is not in {self:?}");
        self
    }
}

impl World {
    /// No store yet.
    pub(crate) fn empty() -> Self {
        let dir = TempDir::new().unwrap();
        let store = dir.path().join("store");
        World { dir, store }
    }

    /// A store with the view `weather`.
    pub(crate) fn weather() -> Self {
        let world = World::empty();
        world.file("weather.toml", WEATHER);
        world.run(&["view", "apply", "weather.toml"]).ok();
        world
    }

    pub(crate) fn store(&self) -> &std::path::Path {
        &self.store
    }

    pub(crate) fn root(&self) -> &std::path::Path {
        self.dir.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// What lies in the directory, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.dir.path()).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// The binary, in the directory, without a store.
    pub(crate) fn bare(&self, args: &[&str]) -> Ended {
        self.feed(args, b"")
    }

    /// The binary on the store, at the usual time.
    pub(crate) fn run(&self, args: &[&str]) -> Ended {
        self.pipe(args, b"")
    }

    /// The same, with something on stdin.
    pub(crate) fn pipe(&self, args: &[&str], stdin: &[u8]) -> Ended {
        let store = self.store.to_str().unwrap();
        self.feed(&[&["--store", store, "--now", NOW], args].concat(), stdin)
    }

    fn feed(&self, args: &[&str], stdin: &[u8]) -> Ended {
        let mut child = Command::new(env!("CARGO_BIN_EXE_asof"))
            .args(args)
            .current_dir(self.dir.path())
            .env_remove("ASOF_STORE")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that needs no stdin may be gone before it is written.
        let _ = child.stdin.take().unwrap().write_all(stdin);
        Ended::of(child.wait_with_output().unwrap())
    }
}

impl Ended {
    fn of(output: Output) -> Self {
        Ended {
            code: output.status.code().expect("no signal"),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}
