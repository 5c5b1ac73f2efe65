//! What a kept iterator promises that is not refreshed while nothing is committed.

use crate::commits::{Commits, Seen};
use crate::database::{A, Database};
use crate::runner::check;
use loom::thread;
use std::sync::Arc;

struct Scene {
    commits: Commits,
    database: Database,
}

/// As in `Kv::walk_now`: what it saw, and the version of the entity that it shows.
struct Kept(Seen, u64);

impl Scene {
    fn new() -> Arc<Scene> {
        Arc::new(Scene {
            commits: Commits::default(),
            database: Database::new(),
        })
    }

    /// As `KvBatch::write` does.
    fn write(&self) {
        self.commits.during(|| self.database.commit(&[A]));
    }

    fn version(&self) -> u64 {
        self.database.snapshot().of(A)
    }

    fn keep(&self) -> Kept {
        let (seen, version) = self.commits.look(|| self.version());
        Kept(seen, version)
    }

    fn read(&self, kept: &mut Kept) -> u64 {
        if !self.commits.are_seen(kept.0) {
            *kept = self.keep();
        }
        kept.1
    }
}

/// Who is hurt: whoever reads an event as the latest, and does not find it in the past.
pub(super) fn a_kept_iterator_shows_what_was_read_elsewhere() {
    check(|| {
        let scene = Scene::new();
        let writers = [(); 2].map(|()| {
            let scene = scene.clone();
            thread::spawn(move || scene.write())
        });
        let mut kept = scene.keep();
        for _ in 0..2 {
            let elsewhere = scene.version();
            assert!(scene.read(&mut kept) >= elsewhere, "a read went back");
        }
        for writer in writers {
            writer.join().expect("a writer ends");
        }
        assert_eq!(scene.read(&mut kept), 2, "a commit was never seen");
    });
}

/// Who is hurt: whoever asks for the past right after a write.
pub(super) fn a_kept_iterator_shows_what_was_written_before() {
    check(|| {
        let scene = Scene::new();
        let mut kept = scene.keep();
        let other = {
            let scene = scene.clone();
            thread::spawn(move || scene.write())
        };
        scene.write();
        assert!(scene.read(&mut kept) >= 1, "its own write");
        other.join().expect("a writer ends");
        assert_eq!(scene.read(&mut kept), 2, "a commit was never seen");
    });
}
