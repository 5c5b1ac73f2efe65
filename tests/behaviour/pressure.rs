//! Writes that outrun the disk: slowed down or told so, never lost, and nobody else's trouble.

use crate::weather::{World, at, put, weather};
use asof::*;
use std::sync::atomic::{AtomicBool, Ordering};

/// Rows that fill a memtable of 64 KiB, the smallest there is, many times over.
fn wide() -> ViewBuilder {
    ViewDefinition::builder("wide")
        .key("id", Type::I64)
        .feature("text", Type::String)
}

fn store(options: StoreOptions) -> (Store, View) {
    let store = options.temp().unwrap();
    store.apply(wide().build().unwrap()).unwrap();
    let view = store.view("wide").unwrap();
    (store, view)
}

/// Rows `n × 8` up to `(n + 1) × 8`, of 4 KiB that do not compress.
fn batch(view: &View, n: i64) -> WriteBatch {
    let mut batch = WriteBatch::new();
    for id in n * 8..(n + 1) * 8 {
        let mut state = id as u64 + 1;
        let text: String = std::iter::repeat_with(|| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            char::from(b' ' + (state >> 57) as u8 % 95)
        })
        .take(4 << 10)
        .collect();
        let entity = view.entity([id]).unwrap();
        batch
            .put(view, &entity, at(1))
            .set_value("text", text)
            .finish()
            .unwrap();
    }
    batch
}

fn has(store: &Store, view: &View, id: i64) -> bool {
    let entity = view.entity([id]).unwrap();
    let row = store.get(view, &entity, Question::latest()).unwrap();
    row.verdict() == Verdict::Found
}

/// Writes without waiting, again and again.
fn insist(store: &Store, view: &View, n: i64) {
    let options = WriteOptions::buffered().non_blocking();
    for _ in 0..1_000 {
        match store.write(batch(view, n), options).map_err(|e| e.kind()) {
            Ok(receipt) => return assert_eq!(receipt.applied, 8),
            Err(ErrorKind::Backpressure { retry_after }) => std::thread::sleep(retry_after),
            Err(kind) => panic!("{kind:?}"),
        }
    }
    panic!("there was never room again");
}

#[test]
fn who_does_not_wait_is_told_at_the_limit_and_gets_in_later() {
    // Who is hurt: a service with a deadline, whose thread sleeps inside a write instead.
    let (store, view) = store(StoreOptions::new().memtable_bytes(64 << 10));
    let options = WriteOptions::buffered().non_blocking();
    let mut refused = None;
    let mut n = 0;
    while n < 20_000 && refused.is_none() {
        match store.write(batch(&view, n), options) {
            Ok(receipt) => assert_eq!(receipt.applied, 8),
            Err(error) => refused = Some(error),
        }
        n += 1;
    }
    let error = refused.expect("writes never outran the disk");
    assert!(
        matches!(error.kind(), ErrorKind::Backpressure { .. }),
        "{error:?}"
    );
    assert!(error.is_retryable());
    assert!(
        error
            .to_string()
            .contains("Nothing of the batch was written")
    );
    let last = n - 1;
    assert!(!has(&store, &view, last * 8), "nothing of it was written");
    insist(&store, &view, last);
    for id in 0..n * 8 {
        assert!(has(&store, &view, id), "{id}");
    }
    assert!(store.verify(&mut |_| {}).unwrap().is_clean());
}

#[test]
fn who_waits_loses_nothing_and_readers_go_on() {
    // Who is hurt: whoever loads a store with small memory, and whoever reads meanwhile.
    let (store, view) = store(StoreOptions::new().memtable_bytes(64 << 10));
    let of_all = 400;
    store
        .write(batch(&view, 0), WriteOptions::buffered())
        .unwrap();
    let done = AtomicBool::new(false);
    let reads = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut reads = 0u64;
            while !done.load(Ordering::Relaxed) {
                assert!(has(&store, &view, (reads % 8) as i64));
                reads += 1;
            }
            reads
        });
        let writers: Vec<_> = (0..2)
            .map(|writer| {
                let (store, view) = (&store, &view);
                scope.spawn(move || {
                    for n in (1 + writer..of_all).step_by(2) {
                        let written = store.write(batch(view, n), WriteOptions::buffered());
                        assert_eq!(written.unwrap().applied, 8);
                    }
                })
            })
            .collect();
        writers
            .into_iter()
            .for_each(|writer| writer.join().unwrap());
        done.store(true, Ordering::Relaxed);
        reader.join().unwrap()
    });
    assert!(reads > 100, "{reads} reads beside {of_all} batches");
    for id in 0..of_all * 8 {
        assert!(has(&store, &view, id), "{id}");
    }
    assert!(store.verify(&mut |_| {}).unwrap().is_clean());
}

#[test]
fn a_writer_that_holds_an_iterator_does_not_wait_for_itself() {
    // Who is hurt: whoever copies a view while reading it. Memtables that a reader holds stay in
    // memory, and no write can make them go away.
    let (store, view) = store(StoreOptions::new().memtable_bytes(64 << 10));
    store
        .write(batch(&view, 0), WriteOptions::buffered())
        .unwrap();
    let snapshot = store.snapshot();
    let mut held = Vec::new();
    for n in 1..100 {
        held.push(snapshot.scan(&view, Question::latest()).unwrap());
        insist(&store, &view, n);
    }
    assert!(has(&store, &view, 99 * 8));
}

#[test]
fn pressure_says_how_near_the_limit_is_and_why() {
    let world = World::with(weather());
    world.write(put("EWR", at(1), 1.0));
    let calm = world.store.pressure().unwrap();
    assert!(calm.nearness < 0.75, "{calm}");
    let (store, view) = store(StoreOptions::new().memtable_bytes(64 << 10));
    let mut nearest = store.pressure().unwrap();
    for n in 0..2_000 {
        store
            .write(batch(&view, n), WriteOptions::buffered())
            .unwrap();
        let pressure = store.pressure().unwrap();
        if pressure.nearness > nearest.nearness {
            nearest = pressure;
        }
        if nearest.nearness >= 0.75 {
            break;
        }
    }
    assert!((0.75..=1.0).contains(&nearest.nearness), "{nearest}");
    assert!(nearest.why.contains(" of "), "{nearest}");
    assert!(!nearest.retry_after.is_zero());
    assert!(nearest.to_string().contains(" %: "), "{nearest}");
}

#[test]
fn a_budget_of_64_mib_holds_while_writes_pour_in() {
    // Who is hurt: whoever runs beside others on a machine that kills what grows too large.
    let budget = 64 << 20;
    let options = StoreOptions::new().memory_budget(budget);
    let shares = options.shares().unwrap();
    assert_eq!(shares.total(), budget);
    let (store, view) = store(options);
    let (mut memtables_max, mut cached_max) = (0, 0);
    for n in 0..2_500 {
        store
            .write(batch(&view, n), WriteOptions::buffered())
            .unwrap();
        if n % 10 == 0 {
            let stats = store.stats().unwrap();
            let memtables: u64 = stats.families.iter().map(|f| f.memtable_bytes).sum();
            memtables_max = memtables.max(memtables_max);
            cached_max = stats.cache.used_bytes.max(cached_max);
            has(&store, &view, n / 2 * 8);
        }
    }
    assert!(
        memtables_max > shares.memtables as u64 / 8,
        "{memtables_max} is no load"
    );
    assert!(memtables_max <= shares.memtables as u64, "{memtables_max}");
    assert!(cached_max <= shares.block_cache as u64, "{cached_max}");
}

#[test]
fn a_budget_that_no_store_can_keep_opens_none() {
    let error = StoreOptions::new()
        .memory_budget(1 << 20)
        .temp()
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert!(error.to_string().contains("32 MiB"), "{error}");
}

#[test]
fn a_store_that_was_killed_under_pressure_opens_and_its_tables_can_be_examined() {
    // Who is hurt: whoever runs `doctor` on what a kill has left. Where several logs wait to be written
    // out, the manifest remembers those that are closed; whoever only looked at such a database, and did
    // not ask RocksDB to hold the logs against that, ended with a segmentation fault.
    let options = || StoreOptions::new().memtable_bytes(64 << 10);
    let (store, view) = store(options());
    let mut several = 0;
    for n in 0..2_000 {
        // A machine that has much else to do may take a while to get there.
        if n >= 60 && several > 0 {
            break;
        }
        store
            .write(batch(&view, n), WriteOptions::buffered().non_blocking())
            .ok();
        if n % 8 != 7 {
            continue;
        }
        let killed = crate::legitimate::copy(store.path());
        let files = crate::opening::files(&killed.path().join("db")).into_keys();
        let logs = files.filter(|path| path.extension().is_some_and(|e| e == "log"));
        several += usize::from(logs.count() > 1);
        let tables = Store::examine_tables(killed.path()).unwrap();
        assert!(tables.iter().all(|table| table.health == Health::Healthy));
        let again = options().open(killed.path()).unwrap();
        assert!(again.verify(&mut |_| {}).unwrap().is_clean());
    }
    assert!(several > 0, "no copy had several logs");
}
