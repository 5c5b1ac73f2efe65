//! Everything at once: whoever meets whom, nobody waits for ever and nothing is miscounted.

use crate::weather::{World, at, put, weather};
use asof::*;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const LOG: &str = "weather-log";
const ORIGINS: [&str; 3] = ["EWR", "JFK", "LGA"];
/// Turns that each actor takes.
const TURNS: u64 = 40;
/// So long nobody may stand still together.
const PATIENCE: Duration = Duration::from_secs(120);

fn windowed() -> ViewBuilder {
    let hour = Span::micros(3_600_000_000);
    weather().source(LOG).history(Retention::Window(hour))
}

fn micros(base: Timestamp, n: u64) -> Timestamp {
    base.saturating_add(Span::micros(n as i64))
}

/// A line about an origin that names a feature which the view does not have.
fn bad(origin: &str, n: u64) -> String {
    format!(
        "{{\"view\":\"weather\",\"entity\":{{\"origin\":\"{origin}\"}},\"event_time\":{},\"features\":{{\"rain\":{n}}}}}",
        micros(at(1), n).micros()
    )
}

fn adds_up(receipt: Receipt) {
    let sum = receipt.applied + receipt.duplicate + receipt.too_late + receipt.fenced;
    assert_eq!(receipt.rows, sum + receipt.quarantined, "{receipt}");
}

fn write(world: &World, turn: u64, record: u64) {
    let (view, mut batch) = (world.view(), WriteBatch::new());
    for origin in ORIGINS {
        put(origin, micros(at(11), turn * 1_000), turn as f64).add(&mut batch, &view);
        let why = Timestamp::parse("yesterday").unwrap_err();
        batch.push_bad(why, bad(origin, turn % 10), None);
    }
    let stretch = batch.from_log(LOG, "0", record..record + 1);
    stretch.complete_through(at(11));
    let options = match turn % 2 {
        0 => WriteOptions::synced(),
        _ => WriteOptions::buffered(),
    };
    adds_up(world.store.write(batch, options.quarantine()).unwrap());
}

fn replay(world: &World, _: u64) {
    let options = WriteOptions::buffered();
    let report = world
        .store
        .replay_quarantine(&QuarantineFilter::All, options);
    adds_up(report.unwrap().receipt);
}

fn erase(world: &World, turn: u64) {
    let (view, origin) = (world.view(), ORIGINS[turn as usize % 3]);
    let until = EraseOptions::new().recorded_at(micros(at(1), turn % 10));
    let entity = world.entity(origin);
    let erased = world
        .store
        .erase(&view, &entity, until.reclaim(turn.is_multiple_of(8)));
    erased.unwrap();
    world.store.check_erase(&view, &entity, until).unwrap();
}

/// What changes the catalog.
fn administer(world: &World, turn: u64) {
    let fence = [(vec![Value::from("BOS")], micros(at(1), turn), None)];
    let bounds = world
        .store
        .restore_bounds(&world.view(), Some(at(1)), &fence);
    bounds.unwrap();
    let again = world.store.apply(windowed().build().unwrap()).unwrap();
    assert_eq!(again, Change::Unchanged);
    let ids = world.store.quarantine().take(2);
    let ids: Vec<_> = ids.map(|entry| entry.unwrap().id).collect();
    world.store.drop_quarantined(ids).unwrap();
}

/// What moves positions, floors and files.
fn move_on(world: &World, turn: u64) {
    let here = world.store.position(LOG, "0");
    match turn % 4 {
        0 => world.store.declare_source(LOG, ["0"]).unwrap(),
        1 => world.store.compact().unwrap(),
        2 => world.store.sync().unwrap(),
        // The partition may not be known yet, and others write to it.
        _ => drop(world.store.rewind(LOG, "0", here.saturating_sub(1))),
    }
    world.clock.advance(Span::micros(100));
}

fn look(world: &World, _: u64) {
    let (view, snapshot) = (world.view(), world.store.snapshot());
    let digest = snapshot.digest(&view).unwrap();
    assert_eq!(snapshot.digest(&view).unwrap(), digest);
    let newark = world.entity("EWR");
    let why = world.store.explain(&view, &newark, Question::latest());
    why.unwrap();
    assert_eq!(world.store.stats().unwrap().poisoned, None);
}

/// What somebody does in a turn.
type Act<'a> = dyn Fn(&World, u64) + Sync + 'a;

/// Counts who has come to an end, in whatever way.
struct Ends<'a>(&'a AtomicU64);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Ends the process when nobody takes another turn: who waits for ever cannot be joined.
fn watch(turns: &AtomicU64, ended: &AtomicU64, actors: u64) {
    let (mut before, mut since) = (0, Duration::ZERO);
    let step = Duration::from_millis(20);
    while ended.load(Ordering::SeqCst) < actors {
        std::thread::sleep(step);
        let now = turns.load(Ordering::SeqCst);
        since = if now == before {
            since + step
        } else {
            Duration::ZERO
        };
        before = now;
        if since > PATIENCE {
            eprintln!("after {now} turns nobody takes another");
            std::process::abort();
        }
    }
}

#[test]
fn whoever_meets_whom_nobody_waits_for_ever_and_nothing_is_miscounted() {
    // Who is hurt: the service that stands still because two locks were taken in two orders.
    let world = World::with(windowed());
    let (records, turns, ended) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let take_in = |world: &World, turn| {
        write(world, turn, records.fetch_add(1, Ordering::SeqCst));
    };
    let actors: [&Act<'_>; 8] = [
        &take_in,
        &take_in,
        &replay,
        &replay,
        &erase,
        &administer,
        &move_on,
        &look,
    ];
    std::thread::scope(|scope| {
        for act in actors {
            scope.spawn(|| {
                let _ends = Ends(&ended);
                for turn in 0..TURNS {
                    act(&world, turn);
                    turns.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        watch(&turns, &ended, actors.len() as u64);
    });
    let is_clean = |world: &World| {
        let report = world.store.verify(&mut |_| {}).unwrap();
        assert!(report.is_clean(), "{report:?}");
        let rows = world.store.stats().unwrap().quarantine_rows;
        assert_eq!(rows, world.store.quarantine().count() as u64);
    };
    is_clean(&world);
    is_clean(&world.reopen());
}

#[test]
fn what_a_refused_question_was_to_fill_holds_no_answer_of_before() {
    // Who is hurt: whoever goes on after an error, and serves rows of two questions as one.
    let world = World::with(weather());
    world.write(put("EWR", at(1), 1.0));
    let (view, newark) = (world.view(), world.entity("EWR"));
    world
        .store
        .apply(
            ViewDefinition::builder("other")
                .key("id", Type::I64)
                .feature("n", Type::I64)
                .build()
                .unwrap(),
        )
        .unwrap();
    let stranger = world.store.view("other").unwrap().entity([1i64]).unwrap();
    let (latest, demanding) = (
        Question::latest(),
        Question::latest().require_fresh(Span::hours(1)),
    );
    let set = FeatureSet::new([view.clone(), view.clone()]);
    let both = [newark.clone(), newark.clone()];
    let temp = view.feature::<f64>("temp").unwrap();
    let holds = |row: &Row| row.get(&temp).is_ok();
    let refused: [(&[Entity], Question); 2] =
        [(&[newark.clone(), stranger], latest), (&both, demanding)];
    for (entities, question) in refused {
        let (mut row, mut rows, mut in_set) = (Row::new(), Vec::new(), SetRow::default());
        world
            .store
            .get_into(&view, &newark, latest, &mut row)
            .unwrap();
        world
            .store
            .get_many_into(&view, &both, latest, &mut rows)
            .unwrap();
        world
            .store
            .get_set_into(&set, &both, latest, &mut in_set)
            .unwrap();
        let all = |row: &Row, rows: &[Row], set: &SetRow| -> Vec<bool> {
            rows.iter()
                .chain(set.rows())
                .chain([row])
                .map(holds)
                .collect()
        };
        assert_eq!(all(&row, &rows, &in_set), [true; 5]);
        world
            .store
            .get_into(&view, &entities[1], question, &mut row)
            .unwrap_err();
        world
            .store
            .get_many_into(&view, entities, question, &mut rows)
            .unwrap_err();
        world
            .store
            .get_set_into(&set, entities, question, &mut in_set)
            .unwrap_err();
        assert_eq!(all(&row, &rows, &in_set), [false; 5]);
        let error = row.by_name("temp").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(error.to_string().contains("holds no answer"), "{error}");
    }
}
