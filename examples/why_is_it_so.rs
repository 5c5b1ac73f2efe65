//! A value looks wrong: which write is it from, what lost against it, and by which rule.
//!
//! `cargo run --release --example why_is_it_so`

use asof::{
    ManualClock, Question, Read, Result, Span, StoreOptions, Timestamp, Type, ViewDefinition,
    WriteBatch, WriteOptions,
};
use std::sync::Arc;

fn main() -> Result<()> {
    let at = |hour: u32| Timestamp::parse(&format!("2013-01-01T{hour:02}:00:00Z"));
    let clock = Arc::new(ManualClock::at(at(12)?));
    let store = StoreOptions::new().clock(clock.clone()).temp()?;
    store.apply(
        ViewDefinition::builder("weather")
            .key("origin", Type::String)
            .feature("temp", Type::F64)
            .feature("wind_speed", Type::F64)
            .ttl(Span::hours(6))
            .build()?,
    )?;
    let view = store.view("weather")?;
    let temp = view.feature::<f64>("temp")?;
    let wind = view.feature::<f64>("wind_speed")?;
    let newark = view.entity(["EWR"])?;

    // A whole row at nine, the wind at ten, and a whole row of eight that arrived last.
    let mut batch = WriteBatch::new();
    batch
        .put(&view, &newark, at(9)?)
        .set(&temp, 41.0)
        .set(&wind, 10.0)
        .finish()?;
    batch
        .patch(&view, &newark, at(10)?)
        .set(&wind, 12.0)
        .finish()?;
    batch
        .put(&view, &newark, at(8)?)
        .set(&temp, 99.0)
        .finish()?;
    println!("{}", store.write(batch, WriteOptions::default())?);

    // Why is the temperature 41, when 99 was written last?
    let row = store.get(&view, &newark, Question::latest())?;
    assert_eq!((row.get(&temp)?, row.get(&wind)?), (Some(41.0), Some(12.0)));
    // The status and the event time say from when each value is.
    assert_eq!(row.see(&temp)?.event_time, Some(at(9)?));
    assert_eq!(row.see(&wind)?.event_time, Some(at(10)?));

    // And the explanation goes through the versions as the read does, newest first.
    let explained = store.explain(&view, &newark, Question::latest())?;
    for version in &explained.versions {
        println!(
            "{} recorded {} {}: {} {:?}",
            version.event_time,
            version.recorded_at,
            version.op,
            version.rule.name(),
            version.decides
        );
    }
    let [patch, put, late] = &explained.versions[..] else {
        panic!("three versions were written: {explained:?}");
    };
    assert_eq!(patch.decides, ["wind_speed"]);
    assert_eq!(put.decides, ["temp"]);
    assert_eq!(put.outvoted[0].feature, "wind_speed");
    // What arrived last is hidden: a newer Put speaks about everything.
    assert!(late.decides.is_empty() && late.by == Some(1));

    // Later: why is there no temperature at all? It is as old as before, and now too old.
    clock.set(at(16)?);
    let row = store.get(&view, &newark, Question::latest())?;
    for (feature, answer) in row.iter() {
        let answer = answer?;
        println!(
            "at {}: {} is {} (from {:?})",
            row.as_of(),
            feature.name(),
            answer.status.name(),
            answer.event_time
        );
    }
    assert_eq!(row.see(&temp)?.status, asof::Status::Expired); // seven hours of six
    assert_eq!(row.see(&wind)?.status, asof::Status::Present); // exactly six: alive
    store.close()
}
