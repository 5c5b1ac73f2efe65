//! A model is served from the store while another thread ingests into it. Reads wait for no writer,
//! and see every batch whole or not at all.
//!
//! `cargo run --release --example serve_while_ingesting`

use asof::{
    Entity, Question, Read, Result, Row, Store, Timestamp, Type, View, ViewDefinition, WriteBatch,
    WriteOptions,
};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const USERS: i64 = 500;
const BATCHES: i64 = 100;

asof::features! {
    /// Both are written together, so that a torn batch would show.
    struct User { clicks: i64, clicks_again: i64 }
}

/// Each batch raises the clicks of all users: what a stream job would write.
fn ingest(store: &Store, view: &View, users: &[Entity]) -> Result<u64> {
    let fields = view.features::<User>()?;
    let mut applied = 0;
    for clicks in 0..BATCHES {
        let mut batch = WriteBatch::new();
        for user in users {
            let now = User {
                clicks,
                clicks_again: clicks,
            };
            batch
                .put(view, user, Timestamp::from_secs(1_700_000_000 + clicks))
                .set_all(&fields, &now)
                .finish()?;
        }
        applied += store.write(batch, WriteOptions::buffered())?.applied;
    }
    store.sync()?;
    Ok(applied)
}

/// Answers one request after the other until told to stop. The row is filled again and again: a warm
/// read allocates nothing. Gives the latencies.
#[expect(
    clippy::disallowed_methods,
    reason = "latency is what is measured here"
)]
fn serve(store: &Store, view: &View, users: &[Entity], stop: &AtomicBool) -> Result<Vec<Duration>> {
    let fields = view.features::<User>()?;
    let (mut row, mut rows) = (Row::new(), Vec::new());
    let mut latencies = Vec::new();
    let mut newest = vec![0; users.len()];
    while !stop.load(Ordering::Relaxed) {
        let at = latencies.len() % users.len();
        let began = Instant::now();
        store.get_into(view, &users[at], Question::latest(), &mut row)?;
        let user = row.read(&fields)?;
        latencies.push(began.elapsed());
        assert_eq!(user.clicks, user.clicks_again);
        assert!(user.clicks >= newest[at], "an answer never goes back");
        newest[at] = user.clicks;
        // Now and then several at once: one snapshot, so one batch.
        if latencies.len() % 1_000 == 0 {
            store.get_many_into(view, &users[..100], Question::latest(), &mut rows)?;
            let first = rows[0].read(&fields)?.clicks;
            for row in &rows {
                assert_eq!(row.read(&fields)?.clicks, first);
            }
        }
    }
    Ok(latencies)
}

fn main() -> Result<()> {
    let store = Store::temp()?;
    let definition = ViewDefinition::builder("user").key("id", Type::I64);
    store.apply(definition.features::<User>().build()?)?;
    let view = store.view("user")?;
    let users = (0..USERS).map(|id| view.entity([id]));
    let users = users.collect::<Result<Vec<_>>>()?;
    let mut batch = WriteBatch::new();
    let zero = User {
        clicks: 0,
        clicks_again: 0,
    };
    for user in &users {
        let row = batch.put(&view, user, Timestamp::from_secs(1_700_000_000));
        row.set_all(&view.features()?, &zero).finish()?;
    }
    store.write(batch, WriteOptions::default())?;

    // A store is shared by reference, or cloned: every clone is the same store.
    let stop = AtomicBool::new(false);
    let (applied, served) = std::thread::scope(|scope| {
        let serving = scope.spawn(|| serve(&store, &view, &users, &stop));
        let applied = ingest(&store, &view, &users);
        stop.store(true, Ordering::Relaxed);
        (applied, serving.join().expect("the server did not panic"))
    });
    let mut latencies = served?;
    latencies.sort_unstable();
    println!(
        "{} rows ingested, {} reads beside them",
        applied?,
        latencies.len()
    );
    // Percentiles of every single read, the first and the unlucky ones included. One thread asks one
    // thing at a time, so this is service time: under a fixed rate of arrivals, waiting comes on top.
    for (name, share) in [("p50", 0.50), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)] {
        let rank = (latencies.len() as f64 * share).ceil() as usize;
        println!("{name:>6}  {:?}", latencies[rank.max(1) - 1]);
    }
    let row = store.get(&view, &users[7], Question::latest())?;
    assert_eq!(row.read(&view.features::<User>()?)?.clicks, BATCHES - 1);
    store.close()
}
