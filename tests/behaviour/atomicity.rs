//! A batch is seen whole or not at all, and a snapshot sees one state.

use crate::weather::{World, at, patch, put, temp, weather};
use asof::*;
use std::sync::atomic::{AtomicBool, Ordering};

/// What an account holds; nothing before its first row.
fn balance(reader: &impl Read, view: &View, entity: &Entity, question: Question) -> i64 {
    let row = reader.get(view, entity, question).unwrap();
    row.get(&view.feature::<i64>("cents").unwrap())
        .unwrap()
        .unwrap_or(0)
}

#[test]
fn readers_never_see_half_a_transfer() {
    // Who is hurt: whoever reads two views that are written together. Money moves from one account
    // to another, in two views; whoever looks must find all of it.
    let world = World::empty();
    for name in ["checking", "savings"] {
        let view = ViewDefinition::builder(name)
            .key("owner", Type::I64)
            .feature("cents", Type::I64);
        world.store.apply(view.build().unwrap()).unwrap();
    }
    let store = &world.store;
    let (checking, savings) = (
        store.view("checking").unwrap(),
        store.view("savings").unwrap(),
    );
    let owners = [
        checking.entity([1i64]).unwrap(),
        savings.entity([1i64]).unwrap(),
    ];
    let set = FeatureSet::new([checking.clone(), savings.clone()]);
    let transfer = |n: i64| {
        let mut batch = WriteBatch::new();
        let t = Timestamp::from_micros(n);
        batch
            .put(&checking, &owners[0], t)
            .set_value("cents", n)
            .finish()
            .unwrap();
        batch
            .put(&savings, &owners[1], t)
            .set_value("cents", -n)
            .finish()
            .unwrap();
        store.write(batch, WriteOptions::buffered()).unwrap();
    };
    transfer(1);
    let done = AtomicBool::new(false);
    let seen = std::thread::scope(|scope| {
        let reader = |live: bool| {
            let (done, set, owners, checking, savings) =
                (&done, &set, &owners, &checking, &savings);
            move || {
                let cents = checking.feature::<i64>("cents").unwrap();
                let other = savings.feature::<i64>("cents").unwrap();
                let mut seen = std::collections::BTreeSet::new();
                while !done.load(Ordering::SeqCst) {
                    let (a, b) = if live {
                        let row = store.get_set(set, owners, Question::latest()).unwrap();
                        let a = row.see(0, &cents).unwrap().value.unwrap();
                        (a, row.see(1, &other).unwrap().value.unwrap())
                    } else {
                        let snapshot = store.snapshot();
                        let a = balance(&snapshot, checking, &owners[0], Question::latest());
                        (
                            a,
                            balance(&snapshot, savings, &owners[1], Question::latest()),
                        )
                    };
                    assert_eq!(a + b, 0, "half a transfer was seen: {a} and {b}");
                    seen.insert(a);
                }
                seen.len()
            }
        };
        let readers = [scope.spawn(reader(true)), scope.spawn(reader(false))];
        (2..=3_000).for_each(transfer);
        done.store(true, Ordering::SeqCst);
        readers.map(|reader| reader.join().unwrap())
    });
    assert!(
        seen.iter().all(|states| *states > 1),
        "the readers saw {seen:?} states: no test"
    );
}

#[test]
fn a_snapshot_repeats_its_answers_while_writes_go_on() {
    // Who is hurt: whoever builds a training set while rows come in.
    let world = World::with(weather().max_skew(MaxSkew::Forever));
    world.write(put("EWR", at(6), 1.0));
    world.write(put("EWR", at(14), 2.0));
    world.write(put("JFK", at(6), 3.0));
    let view = world.view();
    let snapshot = world.store.snapshot();
    let ask = || {
        let scan: Vec<(Entity, Verdict)> = snapshot
            .scan(&view, Question::latest())
            .unwrap()
            .map(|item| item.map(|(entity, row)| (entity, row.verdict())).unwrap())
            .collect();
        let history = snapshot
            .history(&view, &world.entity("EWR"), HistoryRange::default())
            .unwrap();
        (
            snapshot.now(),
            temp(&snapshot, &view, &world.entity("EWR"), Question::latest()),
            temp(
                &snapshot,
                &view,
                &world.entity("EWR"),
                Question::as_of(at(20)),
            ),
            history.count(),
            scan,
            snapshot.digest(&view).unwrap(),
        )
    };
    let before = ask();
    assert_eq!(
        (before.1, before.2, before.3, before.4.len()),
        (Some(1.0), Some(2.0), 2, 2)
    );
    world.write(put("EWR", at(7), 4.0));
    world.write(put("LGA", at(7), 5.0));
    world.write(crate::weather::delete("JFK", at(8)));
    world.clock.set(at(15));
    world.store.compact().unwrap();
    assert_eq!(ask(), before);
    assert_eq!(
        world.temp("EWR"),
        Some(2.0),
        "a future row has come due, for the store"
    );
    assert_eq!(
        world
            .store
            .get(&view, &world.entity("JFK"), Question::latest())
            .unwrap()
            .verdict(),
        Verdict::Deleted
    );
}

#[test]
fn a_write_is_seen_by_the_next_read() {
    // Who is hurt: a service that writes a row and serves it in the next request.
    let world = World::with(weather());
    for n in 1..=200 {
        let t = at(6).saturating_add(Span::seconds(n));
        world.write(put("EWR", t, f64::from(n)));
        assert_eq!(world.temp("EWR"), Some(f64::from(n)));
        world.write(patch("EWR", t, f64::from(n)));
        let row = world
            .store
            .get(&world.view(), &world.entity("EWR"), Question::as_of(t))
            .unwrap();
        assert_eq!(
            row.get(&world.view().feature::<f64>("gust").unwrap())
                .unwrap(),
            Some(f64::from(n))
        );
    }
}

#[test]
fn writers_of_one_entity_lose_nothing_of_each_other() {
    // Who is hurt: two producers that enrich one row at the same time. Each entity is written by
    // both at once and never again, so that what one of them loses stays lost.
    let world = World::with(weather());
    let view = world.view();
    let together = std::sync::Barrier::new(2);
    let origins: Vec<String> = (0..1_000).map(|n| format!("origin {n}")).collect();
    std::thread::scope(|scope| {
        for name in ["temp", "gust"] {
            let (world, view, together, origins) = (&world, &view, &together, &origins);
            scope.spawn(move || {
                for origin in origins {
                    let mut batch = WriteBatch::new();
                    let row = batch.patch(view, &world.entity(origin), at(6));
                    row.set_value(name, 1.0).finish().unwrap();
                    together.wait();
                    let written = world.store.write(batch, WriteOptions::buffered()).unwrap();
                    assert_eq!(written.applied, 1);
                }
            });
        }
    });
    for origin in &origins {
        let entity = world.entity(origin);
        let row = world.store.get(&view, &entity, Question::latest()).unwrap();
        for name in ["temp", "gust"] {
            let feature = view.feature::<f64>(name).unwrap();
            assert_eq!(row.get(&feature).unwrap(), Some(1.0), "{name} of {origin}");
        }
    }
    assert!(world.store.verify(&mut |_| {}).unwrap().is_clean());
}
