//! How to test a function of your own that reads features: a store that is gone afterwards, and a
//! clock that you move.
//!
//! `cargo run --release --example test_your_code` runs what would be `#[test]`s in your crate.

use asof::{
    Entity, ManualClock, Question, Read, Result, Span, Store, StoreOptions, Timestamp, Type, View,
    ViewDefinition, WriteBatch, WriteOptions,
};
use std::sync::Arc;

asof::features! {
    struct Rider { trips: i64, rating: Option<f64> }
}

/// The code under test: whether a rider may book without paying first. It knows that it may not know.
///
/// It takes any reader, so that it runs on a store in the service and on a snapshot in a report.
fn may_book_on_credit(reader: &impl Read, view: &View, rider: &Entity) -> Result<bool> {
    let fields = view.features::<Rider>()?; // a service keeps it
    let row = reader.get(view, rider, Question::latest())?;
    match row.read(&fields) {
        Ok(rider) => Ok(rider.trips >= 10 && rider.rating.is_none_or(|rating| rating > 4.0)),
        Err(error) if error.kind() == asof::ErrorKind::NoValue => Ok(false),
        Err(error) => Err(error),
    }
}

/// What each test begins with: an empty store of its own, at a time of its own.
fn world() -> Result<(Store, View, Arc<ManualClock>)> {
    let clock = Arc::new(ManualClock::at(Timestamp::parse("2024-03-01T12:00:00Z")?));
    let store = StoreOptions::new().clock(clock.clone()).temp()?;
    let definition = ViewDefinition::builder("rider").key("id", Type::I64);
    store.apply(definition.features::<Rider>().ttl(Span::days(30)).build()?)?;
    let view = store.view("rider")?;
    Ok((store, view, clock))
}

fn write(store: &Store, view: &View, id: i64, rider: &Rider) -> Result<()> {
    let mut batch = WriteBatch::new();
    batch
        .put(view, &view.entity([id])?, store.now())
        .set_all(&view.features()?, rider)
        .finish()?;
    // A test need not survive a power cut.
    store.write(batch, WriteOptions::buffered()).map(drop)
}

fn a_rider_of_ten_trips_may_and_a_stranger_may_not() -> Result<()> {
    let (store, view, _) = world()?;
    let regular = Rider {
        trips: 10,
        rating: None,
    };
    write(&store, &view, 7, &regular)?;
    assert!(may_book_on_credit(&store, &view, &view.entity([7i64])?)?);
    assert!(!may_book_on_credit(&store, &view, &view.entity([8i64])?)?);
    Ok(())
}

fn what_is_known_of_a_rider_expires_after_thirty_days() -> Result<()> {
    let (store, view, clock) = world()?;
    let regular = Rider {
        trips: 10,
        rating: Some(4.9),
    };
    write(&store, &view, 7, &regular)?;
    let rider = view.entity([7i64])?;
    // The edge: an age that equals the ttl is alive, one microsecond more is not.
    clock.advance(Span::days(30));
    assert!(may_book_on_credit(&store, &view, &rider)?);
    let held = store.snapshot();
    clock.advance(Span::micros(1));
    assert!(!may_book_on_credit(&store, &view, &rider)?);
    assert!(
        may_book_on_credit(&held, &view, &rider)?,
        "a snapshot keeps its now"
    );
    Ok(())
}

fn main() -> Result<()> {
    a_rider_of_ten_trips_may_and_a_stranger_may_not()?;
    what_is_known_of_a_rider_expires_after_thirty_days()?;
    println!("2 tests passed, with no sleep and nothing left behind");
    Ok(())
}
