//! A wrong value, its correction, and both truths: what was true, and what was known.
//!
//! `cargo run --release --example correct_a_fact`

use asof::{
    HistoryRange, Question, Read, Result, Store, Timestamp, Type, ViewDefinition, WriteBatch,
    WriteOptions,
};

fn main() -> Result<()> {
    let store = Store::temp()?;
    store.apply(
        ViewDefinition::builder("account")
            .key("id", Type::I64)
            .feature("balance", Type::F64)
            .build()?,
    )?;
    let view = store.view("account")?;
    let balance = view.feature::<f64>("balance")?;
    let account = view.entity([7i64])?;
    let day = |day: u32| Timestamp::parse(&format!("2024-03-{day:02}T00:00:00Z"));

    // On the first the balance was 100: the producer knew it on the same day.
    // On the tenth it finds out that a payment had been booked to the wrong account.
    for (recorded, value) in [(day(1)?, 100.0), (day(10)?, 80.0)] {
        let mut batch = WriteBatch::new();
        batch
            .put(&view, &account, day(1)?) // the event time is that of the fact, both times
            .recorded_at(recorded)
            .set(&balance, value)
            .finish()?;
        println!("{}", store.write(batch, WriteOptions::default())?);
    }
    let ask = |question| store.get(&view, &account, question)?.get(&balance);

    // What was true on the fifth, by all that is known today.
    let truth = Question::as_of(day(5)?);
    assert_eq!(ask(truth)?, Some(80.0));
    // What a model that ran on the fifth was told. It is what it must be trained on.
    let told = truth.known_at(day(5)?);
    assert_eq!(ask(told)?, Some(100.0));
    // The correction counts from the moment it was recorded, inclusive.
    assert_eq!(ask(truth.known_at(day(10)?))?, Some(80.0));

    // A correction is a version like any other. Taking both in again, in the other order, changes
    // nothing: the larger recorded-at wins, not the later arrival.
    let before = store.digest(&view)?;
    for (recorded, value) in [(day(10)?, 80.0), (day(1)?, 100.0)] {
        let mut batch = WriteBatch::new();
        batch
            .put(&view, &account, day(1)?)
            .recorded_at(recorded)
            .set(&balance, value)
            .finish()?;
        store.write(batch, WriteOptions::default())?;
    }
    assert_eq!(store.digest(&view)?, before);
    assert_eq!(ask(truth)?, Some(80.0));

    for version in store.history(&view, &account, HistoryRange::default())? {
        let version = version?;
        println!(
            "true from {}, known from {}: {:?}",
            version.event_time(),
            version.recorded_at(),
            version
                .features()
                .next()
                .transpose()?
                .and_then(|(_, value)| value),
        );
    }
    store.close()
}
