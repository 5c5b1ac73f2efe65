//! Stores that may not be written: by whose permissions, or because the file system is read-only.

use crate::world::{NOW, World};
use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Root may do everything, so that where the tests run as root the commands run as nobody.
const NOBODY: u32 = 65_534;

/// A store with one row, and a copy of the binary that anybody may run.
struct Scene {
    world: World,
    binary: PathBuf,
    is_root: bool,
}

impl Scene {
    fn new() -> Scene {
        let world = World::weather();
        world.file(
            "a.jsonl",
            r#"{"view":"weather","entity":{"origin":"EWR"},"event_time":"2013-01-01T23:00:00Z","features":{"temp":39.02}}"#,
        );
        world.run(&["ingest", "a.jsonl"]).ok();
        let is_root = fs::metadata(world.root()).unwrap().uid() == 0;
        let binary = world.path("asof");
        fs::copy(env!("CARGO_BIN_EXE_asof"), &binary).unwrap();
        allow(world.root(), 0o755);
        if is_root {
            for path in below(world.store())
                .into_iter()
                .chain([world.root().into()])
            {
                chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
            }
        }
        Scene {
            world,
            binary,
            is_root,
        }
    }

    fn run(&self, args: &[&str]) -> Output {
        let mut command = Command::new(&self.binary);
        if self.is_root {
            command.uid(NOBODY).gid(NOBODY);
        }
        let store = self.world.store();
        command.current_dir(self.world.root()).arg("--store");
        command.arg(store).args(["--now", NOW]).args(args);
        command.output().unwrap()
    }

    /// Opens it with every kind of command: each says which file and why, and changes nothing.
    #[track_caller]
    fn is_refused(&self, run: impl Fn(&[&str]) -> Output, file: &str, why: &str) {
        let before = files(self.world.store());
        for command in [
            &["get", "weather", "EWR"][..],
            &["ingest", "a.jsonl"],
            &["verify"],
        ] {
            let ended = run(command);
            let said = String::from_utf8_lossy(&ended.stderr).into_owned();
            assert_eq!(ended.status.code(), Some(1), "{command:?}: {said}");
            assert!(ended.stdout.is_empty(), "{command:?}: {said}");
            for word in [file, why, "ermissions and its disk, then try again"] {
                assert!(said.contains(word), "{word:?} is not in {said:?}");
            }
            assert!(!said.contains("restore"), "nothing is damaged: {said}");
            assert_eq!(files(self.world.store()), before, "{command:?}");
        }
    }

    #[track_caller]
    fn is_whole(&self) {
        let ended = self.run(&["get", "weather", "EWR"]);
        let told = String::from_utf8_lossy(&ended.stdout);
        assert!(told.contains("39.02"), "{ended:?}");
    }
}

fn allow(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Everything below a directory, and the directory.
fn below(directory: &Path) -> Vec<PathBuf> {
    let mut found = vec![directory.to_path_buf()];
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(below(&path)),
            false => found.push(path),
        }
    }
    found
}

/// The bytes of every file. Whoever tries to open leaves its name in the lock, and RocksDB tells people
/// what it does in its LOG.
fn files(store: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
    let paths = below(store).into_iter().filter(|path| path.is_file());
    paths
        .filter(|path| name(path) != "lock" && !name(path).starts_with("LOG"))
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect()
}

#[test]
fn a_store_that_may_not_be_written_says_which_file_and_changes_nothing() {
    // Who is hurt: whoever started a command as the wrong user, and is told that the store is damaged
    // or has half of it rewritten.
    let scene = Scene::new();
    let store = scene.world.store();
    let find = |ends: &str| {
        let paths = below(store).into_iter();
        let mut paths = paths.filter(|path| path.to_string_lossy().ends_with(ends));
        paths.next().unwrap()
    };
    for (file, mode, named) in [
        ("/lock", 0o444, "locking"),
        ("/watermark", 0o444, "watermark"),
        ("/asof.store", 0o000, "marker"),
        ("/db", 0o555, "/db"),
        ("/db", 0o000, "/db"),
        (".log", 0o000, ".log"),
        (".sst", 0o000, ".sst"),
        ("/db/CURRENT", 0o000, "CURRENT"),
    ] {
        // Every open gives the files of the database new numbers.
        let path = find(file);
        let before = fs::metadata(&path).unwrap().mode();
        // The bytes are read by whoever runs the test, who is root or is kept out as well.
        if mode == 0 && !scene.is_root {
            continue;
        }
        allow(&path, mode);
        scene.is_refused(|args| scene.run(args), named, "Permission denied");
        allow(&path, before);
        scene.is_whole();
    }
}

#[test]
fn a_store_on_a_read_only_file_system_says_so_and_changes_nothing() {
    // Who is hurt: whoever looks at yesterday's copy, mounted so that nothing can happen to it.
    let scene = Scene::new();
    let mounted = |args: &[&str]| {
        let store = scene.world.store();
        let script = r#"mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@""#;
        let mut command = Command::new("unshare");
        command.args(["-m", "sh", "-c", script]).arg(store);
        command.arg(&scene.binary).arg("--store").arg(store);
        command.current_dir(scene.world.root());
        command.args(["--now", NOW]).args(args).output()
    };
    let can = Command::new("unshare").args(["-m", "true"]).output();
    if !scene.is_root || !can.is_ok_and(|ended| ended.status.success()) {
        println!("SKIPPED: a read-only file system takes root and a mount namespace");
        return;
    }
    scene.is_refused(
        |args| mounted(args).unwrap(),
        scene.world.store().to_str().unwrap(),
        "Read-only file system",
    );
    scene.is_whole();
}
