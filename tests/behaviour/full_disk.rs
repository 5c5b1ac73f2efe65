//! What still works when the disk is full. `/dev/full`, where every write finds no space, stands where
//! the reserve should; `asof-crash full` asks the same of a file system that is really full.

use crate::weather::{World, at, put, weather};
use asof::*;

fn write(store: &Store, origin: &str) -> Result<Receipt> {
    let view = store.view("weather")?;
    let mut batch = WriteBatch::new();
    let entity = view.entity([origin])?;
    batch
        .put(&view, &entity, at(1))
        .set_value("temp", 1.0)
        .finish()?;
    store.write(batch, WriteOptions::synced())
}

fn verdict(store: &Store, origin: &str) -> Verdict {
    let view = store.view("weather").unwrap();
    let entity = view.entity([origin]).unwrap();
    let row = store.get(&view, &entity, Question::latest());
    row.unwrap().verdict()
}

#[test]
fn a_store_without_room_for_its_reserve_is_read_and_erased_from_and_takes_no_rows() {
    // Who is hurt: whoever must forget a person today, on a disk that somebody else has filled; and
    // whoever frees it, when a producer that tries again and again has used up what was kept for that.
    let world = World::with(weather());
    world.write(put("EWR", at(1), 1.0));
    world.write(put("JFK", at(1), 1.0));
    let (path, options) = (world.path(), world.options().reserve_bytes(64 << 10));
    let World {
        store,
        directory: _home,
        ..
    } = world;
    store.close().unwrap();
    let reserve = path.join("reserve");
    std::fs::remove_file(&reserve).unwrap();
    std::os::unix::fs::symlink("/dev/full", &reserve).unwrap();

    let store = options.clone().open(&path).unwrap();
    for _ in 0..3 {
        let error = write(&store, "LGA").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageFull, "{error}");
        assert!(error.to_string().contains("Nothing was written"), "{error}");
    }
    assert_eq!(verdict(&store, "LGA"), Verdict::Never);
    assert_eq!(verdict(&store, "EWR"), Verdict::Found);
    let view = store.view("weather").unwrap();
    let newark = view.entity(["EWR"]).unwrap();
    let erased = store.erase(&view, &newark, EraseOptions::new()).unwrap();
    assert_eq!(erased.versions, 1);
    store.close().unwrap();

    // There is space again.
    std::fs::remove_file(&reserve).unwrap();
    let store = options.clone().open(&path).unwrap();
    assert_eq!(reserve.metadata().unwrap().len(), 64 << 10);
    assert_eq!(write(&store, "LGA").unwrap().applied, 1);
    let verdicts = ["EWR", "JFK", "LGA"].map(|origin| verdict(&store, origin));
    assert_eq!(verdicts, [Verdict::Never, Verdict::Found, Verdict::Found]);
    store.close().unwrap();

    // Whoever wants none has none, and is not held up.
    std::fs::remove_file(&reserve).unwrap();
    std::os::unix::fs::symlink("/dev/full", &reserve).unwrap();
    let store = options.reserve_bytes(0).open(&path).unwrap();
    assert_eq!(write(&store, "SWF").unwrap().applied, 1);
}
