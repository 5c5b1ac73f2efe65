//! What the row cache promises whoever reads beside writers.

use crate::cache::Sought;
use crate::database::{A, B, Entity, Scene, prefix, row};
use crate::runner::{check, check_within};
use loom::thread;
use std::sync::Arc;

/// Runs something of a scene on a thread of its own.
fn beside(scene: &Arc<Scene>, act: impl FnOnce(&Scene) + 'static) -> thread::JoinHandle<()> {
    let scene = scene.clone();
    thread::spawn(move || act(&scene))
}

/// Puts a row into the cache alone.
fn put(scene: &Scene, entity: Entity, value: &[u8]) {
    let mut news = scene.cache.news();
    news.put(&prefix(entity), value);
    news.mark().publish();
}

/// Puts a row into the cache that was asked for, in the place of others if need be: a writer drives nobody out.
fn fill(scene: &Scene, entity: Entity, value: &[u8]) {
    if let Sought::Miss(stamp) = scene.cache.read(&prefix(entity), &mut Vec::new()) {
        scene.cache.fill(&prefix(entity), stamp, value);
    }
}

fn over(thread: thread::JoinHandle<()>) {
    thread.join().expect("a thread of a model ends");
}

/// The row is changed where it stands, and then grows and stands elsewhere.
pub(super) fn a_reader_never_sees_a_torn_row() {
    check(|| {
        let scene = Arc::new(Scene::warm(1));
        let writer = beside(&scene, |scene| {
            scene.write(&[A]);
            scene.write(&[A]);
        });
        // That it is whole is asserted where it is taken apart.
        scene.look(A);
        over(writer);
        scene.check_at_the_end();
    });
}

/// Who is hurt: a reader whose row is driven out under its hands, and who is answered with another.
pub(super) fn a_room_that_is_used_again_is_never_answered_from() {
    check(|| drive_out(false));
}

/// The same for a row that is given another round, so that it stands elsewhere.
pub(super) fn a_row_in_another_round_is_never_answered_in_part() {
    check(|| drive_out(true));
}

/// A row in the oldest room of the ring, which a row of another bucket is about to take.
fn drive_out(is_wanted: bool) {
    let scene = Arc::new(Scene::of_buckets(2));
    // The ring of this cache has 144 words: twice 4, eight times 16, once 7, and no room for 4 more.
    // The second is of the same bucket as the first, and is next to go.
    put(&scene, A, b"a word");
    put(&scene, 2, b"small");
    (3..=10).for_each(|n| put(&scene, n, &[9; 13 * 8]));
    put(&scene, 11, &[9; 4 * 8]);
    let mut found = Vec::new();
    if is_wanted {
        scene.cache.read(&prefix(A), &mut found);
        found.clear();
    }
    assert_eq!(scene.cache.counts().evictions, 0, "not yet");
    let writer = beside(&scene, |scene| fill(scene, 13, b"other"));
    if let Sought::Hit(_) = scene.cache.read(&prefix(A), &mut found) {
        assert_eq!(found, b"a word");
    }
    over(writer);
    assert!(scene.cache.counts().evictions > 0, "or it shows nothing");
}

/// The same of a row that stands beside its bucket: it is changed, and another is put in its place.
pub(super) fn a_row_at_home_is_never_answered_in_part() {
    check(|| {
        let scene = Arc::new(Scene::of_homes(1));
        scene.write(&[A]);
        let writer = beside(&scene, |scene| {
            scene.write(&[A]);
            scene.erase(A);
            scene.write(&[B]);
        });
        let mut found = Vec::new();
        if let Sought::Hit(_) = scene.cache.read(&prefix(A), &mut found) {
            assert!(found == row(1) || found == row(2) || found.is_empty());
        }
        over(writer);
        assert!(matches!(scene.look(B), (Sought::Hit(_), 1)));
    });
}

/// A row that was wanted comes out of the ring, and takes the room beside its bucket from one that was not.
pub(super) fn a_row_that_is_driven_from_home_is_never_answered_in_part() {
    check_within(1, || {
        let scene = Arc::new(Scene::of_homes(2));
        // At home in the two buckets.
        put(&scene, A, b"a word");
        put(&scene, B, b"a word");
        // The ring has 128 words: 4, seven times 16, 4, and 8 that are too few.
        put(&scene, 2, b"other");
        (3..=9).for_each(|n| put(&scene, n, &[9; 13 * 8]));
        put(&scene, 11, b"small");
        scene.cache.read(&prefix(2), &mut Vec::new());
        assert_eq!(scene.cache.counts().evictions, 0, "not yet");
        // The writer goes first: see the one that packs.
        let reader = beside(&scene, |scene| {
            let mut found = Vec::new();
            if let Sought::Hit(_) = scene.cache.read(&prefix(A), &mut found) {
                assert_eq!(found, b"a word");
            }
        });
        fill(&scene, 13, &[9; 13 * 8]);
        over(reader);
        // The one that was driven out is the first, unless the reader came by before and wanted it.
        assert!(scene.cache.counts().evictions > 0, "or it shows nothing");
        for (entity, value) in [(A, &b"a word"[..]), (2, b"other")] {
            let mut found = Vec::new();
            if let Sought::Hit(_) = scene.cache.read(&prefix(entity), &mut found) {
                assert_eq!(found, value);
            }
        }
    });
}

/// Who is hurt: whoever reads its own write in RocksDB, and then what was before it from memory.
pub(super) fn two_reads_in_a_row_never_go_back() {
    check(|| {
        let scene = Arc::new(Scene::warm(1));
        let writer = beside(&scene, |scene| scene.write(&[A]));
        let first = scene.read(A);
        assert!(scene.read(A) >= first, "a read went back");
        over(writer);
        scene.check_at_the_end();
    });
}

/// The same of two who tell each other, with nothing in memory at first.
pub(super) fn two_reads_of_two_readers_never_go_back() {
    check(|| {
        let scene = Arc::new(Scene::of_buckets(1));
        scene.database.commit(&[A]);
        let writer = beside(&scene, |scene| scene.write(&[A]));
        let of_another = scene.clone();
        let another = thread::spawn(move || of_another.read(A));
        let first = another.join().expect("a reader ends");
        assert!(scene.read(A) >= first, "a read went back");
        over(writer);
        scene.check_at_the_end();
    });
}

/// What a reader puts into memory is there whole, or not at all, for whoever reads beside it.
pub(super) fn a_fill_is_never_seen_in_part() {
    check(|| {
        let scene = Arc::new(Scene::of_buckets(1));
        scene.database.commit(&[A]);
        let another = beside(&scene, |scene| {
            scene.read(A);
        });
        // That it is whole is asserted where it is taken apart.
        scene.read(A);
        over(another);
        scene.check_at_the_end();
    });
}

/// Who is hurt: everybody who asks later, for ever.
pub(super) fn a_fill_of_an_old_row_never_stays() {
    check(|| {
        let scene = Arc::new(Scene::of_buckets(1));
        scene.database.commit(&[A]);
        let writer = beside(&scene, |scene| scene.write(&[A]));
        scene.read(A);
        over(writer);
        scene.check_at_the_end();
    });
}

/// The commit leaves nothing in memory, as when its row was driven out at once: no newer row tells an
/// old fill that it is late.
pub(super) fn a_fill_under_a_commit_never_stays() {
    check(|| {
        let scene = Arc::new(Scene::of_buckets(1));
        scene.database.commit(&[A]);
        let writer = beside(&scene, |scene| {
            let mut news = scene.cache.news();
            news.forget(&prefix(A));
            let marked = news.mark();
            scene.database.commit(&[A]);
            marked.publish();
        });
        scene.read(A);
        over(writer);
        scene.check_at_the_end();
    });
}

/// Who is hurt: a batch of reads that sees half of a batch of writes.
pub(super) fn a_pass_over_several_rows_is_of_one_moment() {
    check(|| {
        let scene = Arc::new(Scene::warm(2));
        // Published in the other order than they are read in.
        let writer = beside(&scene, |scene| scene.write(&[B, A]));
        let [a, b] = scene.read_both();
        assert_eq!(a, b, "half of a batch");
        over(writer);
    });
}

/// The same with one of the rows in the database alone.
pub(super) fn a_pass_with_a_row_missing_is_of_one_moment() {
    check(|| {
        let scene = Arc::new(Scene::of_buckets(2));
        scene.database.commit(&[A, B]);
        scene.read(A);
        let writer = beside(&scene, |scene| scene.write(&[B, A]));
        let [a, b] = scene.read_both();
        assert_eq!(a, b, "half of a batch");
        over(writer);
        scene.check_at_the_end();
    });
}

/// Who is hurt: a reader that sees an effect and not its cause.
pub(super) fn a_pass_never_shows_a_commit_without_the_one_before() {
    check(|| {
        let scene = Arc::new(Scene::warm(2));
        let writer = beside(&scene, |scene| {
            scene.write(&[A]);
            scene.write(&[B]);
        });
        let [a, b] = scene.read_both();
        assert!(a >= b, "the second commit without the first");
        over(writer);
    });
}

/// Who is hurt: a person who was told that they are forgotten.
pub(super) fn an_erased_row_is_never_answered_from_the_cache() {
    check(|| {
        let scene = Arc::new(Scene::warm(1));
        let reader = beside(&scene, |scene| {
            scene.read(A);
        });
        scene.erase(A);
        assert_eq!(scene.read(A), 0, "an erased row");
        over(reader);
        assert_eq!(scene.read(A), 0, "an erased row came back");
    });
}

/// The process goes on after a commit of which nobody knows whether it is there.
pub(super) fn a_commit_of_unknown_outcome_is_forgotten() {
    check(|| {
        let scene = Arc::new(Scene::warm(1));
        let writer = beside(&scene, |scene| {
            let mut news = scene.cache.news();
            news.put(&prefix(A), &row(2));
            let marked = news.mark();
            scene.database.commit(&[A]);
            drop(marked);
        });
        let first = scene.read(A);
        assert!(scene.read(A) >= first, "a read went back");
        over(writer);
        scene.check_at_the_end();
    });
}

/// Two batches share a bucket, and one of them is published before the other.
pub(super) fn a_bucket_answers_nobody_until_its_last_commit_is_published() {
    check(|| {
        let scene = Arc::new(Scene::warm(1));
        let other = beside(&scene, |scene| scene.write(&[A]));
        let mut news = scene.cache.news();
        news.put(&prefix(B), &row(2));
        let marked = news.mark();
        scene.database.commit(&[B]);
        assert_eq!(
            scene.look(B).0,
            Sought::Busy,
            "the other batch is no answer"
        );
        marked.publish();
        over(other);
        scene.check_at_the_end();
    });
}

/// The one thing that a reader writes is a bit. It comes late, or not at all.
pub(super) fn a_note_that_a_row_was_wanted_brings_no_old_row_back() {
    check(|| {
        let scene = Arc::new(Scene::of_buckets(1));
        scene.write(&[A]);
        // It grows, and so its place points elsewhere.
        let writer = beside(&scene, |scene| scene.write(&[A]));
        scene.look(A);
        over(writer);
        assert!(matches!(scene.look(A).0, Sought::Hit(_)));
        scene.check_at_the_end();
    });
}

/// Who is hurt: whoever writes an entity for the first time, and is told that there is none.
pub(super) fn what_a_complete_cache_does_not_hold_is_nowhere() {
    check(|| {
        let scene = Arc::new(Scene::resident(1));
        let writer = beside(&scene, |scene| scene.write(&[A]));
        let first = scene.read(A);
        assert!(scene.read(A) >= first, "a read went back");
        over(writer);
        assert!(matches!(scene.look(B).0, Sought::Hit(_)), "there is none");
        scene.check_at_the_end();
    });
}

/// The same where there is no room for it, so that it is in the database alone.
pub(super) fn a_row_that_found_no_room_is_never_taken_for_none() {
    check(|| {
        let scene = Arc::new(Scene::resident(1));
        // Of 72 words six times 12 are taken.
        for n in 1..=6 {
            let mut news = scene.cache.news();
            news.put(&prefix(2 * n), &[9; 8 * 8]);
            news.mark().publish();
        }
        assert!(scene.cache.is_complete(), "not yet");
        let writer = beside(&scene, |scene| scene.write(&[A]));
        let first = scene.read(A);
        assert!(scene.read(A) >= first, "a read went back");
        over(writer);
        assert!(!scene.cache.is_complete(), "or it shows nothing");
        assert_eq!(scene.read(A), 1);
        scene.check_at_the_end();
    });
}

/// Who is hurt: whoever reads a row of a resident view while a writer packs the shard that it lies in.
pub(super) fn a_row_that_is_moved_is_never_answered_in_part() {
    check_within(1, || {
        let scene = Arc::new(Scene::resident(2));
        let of_words = |words: usize| vec![9; words * 8];
        // Of 144 words 12, 6, 12 and seven times 16, four of them each for the head.
        put(&scene, 2, &of_words(8));
        put(&scene, B, &of_words(2));
        put(&scene, 3, &of_words(8));
        (4..=10).for_each(|n| put(&scene, n, &of_words(12)));
        // Room for 14 words, in two pieces: before the row that is read, and behind it.
        for entity in [2, 3] {
            let mut news = scene.cache.news();
            news.forget(&prefix(entity));
            news.mark().publish();
        }
        // The writer looks at every word before it changes it, and the checker, which knows of the last access
        // alone, would forget that a reader had looked before: so the writer goes first.
        let reader = beside(&scene, |scene| {
            let mut found = Vec::new();
            if let Sought::Hit(_) = scene.cache.read(&prefix(B), &mut found) {
                assert_eq!(found, [9; 16], "a torn row, or none");
            }
        });
        put(&scene, A, &of_words(10));
        over(reader);
        let counts = scene.cache.counts();
        assert_eq!((counts.rows, counts.evictions), (9, 0), "it was packed");
        for entity in [A, B, 4, 9] {
            let sought = scene.cache.read(&prefix(entity), &mut Vec::new());
            assert!(matches!(sought, Sought::Hit(_)));
        }
    });
}

/// Nothing was committed: what is in memory stays, beside another commit in the same bucket.
pub(super) fn a_commit_that_was_refused_changes_nothing() {
    check(|| {
        let scene = Arc::new(Scene::warm(1));
        let writer = beside(&scene, |scene| scene.write(&[A]));
        let mut news = scene.cache.news();
        news.put(&prefix(B), &row(2));
        news.mark().withdraw();
        let first = scene.read(A);
        assert!(scene.read(A) >= first, "a read went back");
        over(writer);
        assert!(matches!(scene.look(B), (Sought::Hit(_), 1)), "it is gone");
        scene.check_at_the_end();
    });
}
