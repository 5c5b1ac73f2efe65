//! Events that come late, twice and out of order, and the answers that do not care.
//!
//! `cargo run --release --example late_and_twice`

use asof::{
    HistoryRange, ManualClock, Question, Read, Result, Span, Status, StoreOptions, Timestamp, Type,
    Verdict, ViewDefinition, WriteBatch, WriteOptions,
};
use std::sync::Arc;

fn main() -> Result<()> {
    // A store of one's own and a clock that we move by hand. In a service:
    // `StoreOptions::new().create_if_missing(true).open(path)`.
    let clock = Arc::new(ManualClock::at(Timestamp::parse("2013-01-01T12:00:00Z")?));
    let store = StoreOptions::new()
        .clock(clock.clone())
        .exact_receipts(true)
        .temp()?;
    store.apply(
        ViewDefinition::builder("weather")
            .key("origin", Type::String)
            .feature("temp", Type::F64)
            .feature("wind_speed", Type::F64)
            .ttl(Span::hours(3))
            .build()?,
    )?;

    // Names are resolved once.
    let weather = store.view("weather")?;
    let temp = weather.feature::<f64>("temp")?;
    let newark = weather.entity(["EWR"])?;
    let at = |hour: u32| -> Result<Timestamp> {
        Timestamp::parse(&format!("2013-01-01T{hour:02}:00:00Z"))
    };

    // Eleven o'clock arrives first, nine o'clock later, and nine o'clock once more.
    for (hour, degrees) in [(11, 41.0), (9, 37.4), (9, 37.4)] {
        let mut batch = WriteBatch::new();
        batch
            .put(&weather, &newark, at(hour)?)
            .set(&temp, degrees)
            .finish()?;
        println!("{}", store.write(batch, WriteOptions::default())?);
    }

    // The present is what is newest by event time, not what arrived last.
    let row = store.get(&weather, &newark, Question::latest())?;
    assert_eq!(row.get(&temp)?, Some(41.0));

    // The past is what was true then.
    let row = store.get(&weather, &newark, Question::as_of(at(10)?))?;
    assert_eq!(row.get(&temp)?, Some(37.4));
    assert_eq!(row.see(&temp)?.event_time, Some(at(9)?));

    // A fact is corrected by writing it again, recorded later. What was known before stays askable.
    let mut batch = WriteBatch::new();
    batch
        .put(&weather, &newark, at(9)?)
        .recorded_at(at(12)?)
        .set(&temp, 37.9)
        .finish()?;
    store.write(batch, WriteOptions::default())?;
    let ten = Question::as_of(at(10)?);
    assert_eq!(store.get(&weather, &newark, ten)?.get(&temp)?, Some(37.9));
    assert_eq!(
        store
            .get(&weather, &newark, ten.known_at(at(10)?))?
            .get(&temp)?,
        Some(37.4)
    );

    // A value older than the ttl is expired, online as in training: one function answers both.
    clock.advance(Span::hours(3));
    let row = store.get(&weather, &newark, Question::latest())?;
    assert_eq!(
        (row.verdict(), row.see(&temp)?.status),
        (Verdict::Expired, Status::Expired)
    );

    for version in store.history(&weather, &newark, HistoryRange::default())? {
        let version = version?;
        println!(
            "{} recorded {}",
            version.event_time(),
            version.recorded_at()
        );
    }
    store.close()
}
