//! The order in which a sync does things, looked at from its named points.

use super::*;
use crate::Verdict;
use crate::format::checksum;
use crate::query::Question;
use crate::schema::Retention;
use crate::time::{ManualClock, Span};
use crate::value::Type;
use std::sync::mpsc::channel;

#[test]
fn floors_and_positions_are_in_force_once_what_they_speak_of_is_durable() {
    // Who is hurt: whoever trims a log below a position, or throws away what a floor has refused, and
    // then loses power.
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("store");
    let second = Timestamp::from_secs;
    let clock = Arc::new(ManualClock::at(second(100)));
    let options = StoreOptions::new().create_if_missing(true).clock(clock);
    let store = options.open(&path).unwrap();
    let view = ViewDefinition::builder("v")
        .key("id", Type::I64)
        .feature("n", Type::I64)
        .history(Retention::Window(Span::micros(60_000_000)));
    store.apply(view.build().unwrap()).unwrap();
    let view = store.view("v").unwrap();
    let mut batch = WriteBatch::new();
    let one = view.entity([1i64]).unwrap();
    let row = batch.put(&view, &one, second(90)).set_value("n", 1i64);
    row.finish().unwrap();
    batch.from_log("log", "0", 0..7);
    store.write(batch, WriteOptions::buffered()).unwrap();

    let rows = store.kv().sequence();
    let told = {
        let (store, path) = (store.clone(), path.clone());
        move || {
            let watermark = watermark::read(&path, None).unwrap().unwrap();
            let floor = store.catalog().get(DEFAULT_NAMESPACE, "v").unwrap().floor();
            let is_durable = watermark.sequence >= rows;
            (is_durable, floor, store.position("log", "0"))
        }
    };
    let (tell, seen) = channel();
    let watcher = {
        let told = told.clone();
        move |point| tell.send((point, told())).unwrap()
    };
    let synced = failpoint::watched::by(watcher, || sync(store.kv(), store.catalog(), second(100)));
    synced.unwrap();
    let floor = Some(second(30));
    let seen: Vec<_> = seen.try_iter().collect();
    assert_eq!(
        seen,
        [
            ("sync.before_fsync", (false, None, 0)),
            ("sync.after_fsync", (true, None, 0)),
            ("position.before_write", (true, floor, 0)),
            ("position.after_write", (true, floor, 0)),
        ]
    );
    assert_eq!(told(), (true, floor, 7));
}

/// A store of which some memory is held by an iterator alone.
fn held_by_an_iterator() -> Store {
    let store = StoreOptions::new().temp().unwrap();
    let view = ViewDefinition::builder("v")
        .key("id", Type::I64)
        .feature("pad", Type::String);
    store.apply(view.build().unwrap()).unwrap();
    write_padded(&store, 0);
    let view = store.view("v").unwrap();
    let zero = view.entity([0i64]).unwrap();
    let past = store.get(&view, &zero, Question::as_of(Timestamp::from_secs(2)));
    assert_eq!(past.unwrap().verdict(), Verdict::Found);
    assert!(in_memory(&store) > 512 << 10, "nothing is held: no test");
    store
}

/// Twice half a megabyte, in a version and in its latest row.
fn write_padded(store: &Store, id: i64) {
    let view = store.view("v").unwrap();
    let one = view.entity([id]).unwrap();
    let mut batch = WriteBatch::new();
    let row = batch.put(&view, &one, Timestamp::from_secs(1));
    row.set_value("pad", "x".repeat(512 << 10))
        .finish()
        .unwrap();
    store.write(batch, WriteOptions::buffered()).unwrap();
}

fn in_memory(store: &Store) -> u64 {
    store.kv().flush().unwrap();
    let counts = store.kv().family_counts(Family::History).unwrap();
    counts.memtable_bytes
}

#[test]
fn an_idle_iterator_lets_go_of_memory_after_some_megabytes_of_commits() {
    // Who is hurt: whoever has many threads that read the past once, and memory for none of them.
    let store = held_by_an_iterator();
    (1..=5).for_each(|id| write_padded(&store, id));
    let held = in_memory(&store);
    assert!(held < 256 << 10, "{held} bytes are held");
}

#[test]
fn an_idle_iterator_lets_go_in_time_though_nobody_reads_and_nobody_writes() {
    // Who is hurt: a store that was read once, which keeps what was written out or merged since.
    let store = held_by_an_iterator();
    let is_held = |_: &i32| {
        std::thread::sleep(std::time::Duration::from_millis(250));
        in_memory(&store) >= 256 << 10
    };
    assert!((0..60).take_while(is_held).count() < 60, "it is held");
}

#[test]
fn a_damaged_row_of_a_resident_view_is_refused_by_the_name_of_the_view() {
    // Who is hurt: whoever names several views, and is not told which of them to leave out until the store
    // is restored.
    let home = tempfile::tempdir().unwrap();
    let options = StoreOptions::new().create_if_missing(true);
    let store = options.clone().open(home.path().join("store")).unwrap();
    for name in ["left", "right"] {
        let view = ViewDefinition::builder(name)
            .key("id", Type::I64)
            .feature("n", Type::I64);
        store.apply(view.build().unwrap()).unwrap();
    }
    let right = store.view("right").unwrap();
    let one = right.entity([1i64]).unwrap();
    let mut batch = store.kv().batch();
    batch.put_sealed(Family::Latest, one.prefix(), b"no row");
    batch.commit().unwrap();
    drop((right, one));
    store.close().unwrap();
    let open = |views: &[&str]| {
        let options = options.clone().resident(views);
        options.open(home.path().join("store"))
    };
    let error = open(&["left", "right"]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    let text = error.to_string();
    assert!(text.contains("resident view \"right\""), "{text}");
    assert!(text.contains("fails its checksum"), "{text}");
    open(&["left"]).unwrap();
}

#[test]
fn a_latest_row_of_no_bytes_is_damage_and_never_an_answer() {
    // Who is hurt: whoever is told that nothing was ever said about an entity, because its row is gone.
    for row_cache in [0, 1 << 20] {
        let home = tempfile::tempdir().unwrap();
        let options = StoreOptions::new()
            .create_if_missing(true)
            .row_cache_bytes(row_cache);
        let store = options.open(home.path().join("store")).unwrap();
        let view = ViewDefinition::builder("v")
            .key("id", Type::I64)
            .feature("n", Type::I64);
        store.apply(view.build().unwrap()).unwrap();
        let view = store.view("v").unwrap();
        let one = view.entity([1i64]).unwrap();
        let mut stored = Vec::new();
        checksum::seal(one.prefix(), &mut stored, 0);
        let mut batch = store.kv().batch();
        batch.put_sealed(Family::Latest, one.prefix(), &stored);
        batch.commit().unwrap();
        for _ in 0..2 {
            let alone = store.get(&view, &one, Question::latest()).unwrap_err();
            let among = store
                .get_many(&view, std::slice::from_ref(&one), Question::latest())
                .unwrap_err();
            assert_eq!([alone.kind(), among.kind()], [ErrorKind::Corrupt; 2]);
        }
    }
}
