//! What a process that serves a model does: a memory budget, writes that never wait, the features of
//! several views in one answer, many candidates at once, and one state for a whole request.
//!
//! `cargo run --release --example serve_a_model`

use asof::{
    ErrorKind, FeatureSet, Question, Read, Receipt, Result, Store, StoreOptions, Timestamp, Type,
    View, ViewDefinition, WriteBatch, WriteOptions,
};

const DRIVERS: i64 = 200;

/// One fact about each of these entities. A write consumes its batch, so it is made anew for each try.
fn batch(view: &View, feature: &str, at: Timestamp, values: &[f64]) -> Result<WriteBatch> {
    let mut batch = WriteBatch::new();
    for (id, &value) in (0i64..).zip(values) {
        let row = batch.put(view, &view.entity([id])?, at);
        row.set_value(feature, value).finish()?;
    }
    Ok(batch)
}

/// Writes without ever waiting for the disk inside the store: told to come back, the thread is free to do
/// something else meanwhile. Here it has nothing else to do.
fn write(store: &Store, batch: impl Fn() -> Result<WriteBatch>) -> Result<Receipt> {
    loop {
        match store.write(batch()?, WriteOptions::buffered().non_blocking()) {
            Ok(receipt) => return Ok(receipt),
            Err(error) => match error.kind() {
                ErrorKind::Backpressure { retry_after } => std::thread::sleep(retry_after),
                _ => return Err(error),
            },
        }
    }
}

fn main() -> Result<()> {
    // One number for memtables, rows and blocks. In a service: `.create_if_missing(true).open("features")`.
    let store = StoreOptions::new().memory_budget(64 << 20).temp()?;
    for (view, feature) in [("driver", "rating"), ("city", "demand")] {
        let definition = ViewDefinition::builder(view).key("id", Type::I64);
        store.apply(definition.feature(feature, Type::F64).build()?)?;
    }
    let (driver, city) = (store.view("driver")?, store.view("city")?);
    let rating = driver.feature::<f64>("rating")?;
    let demand = city.feature::<f64>("demand")?;

    let at = |minute: i64| Timestamp::from_secs(1_700_000_000 + 60 * minute);
    let ratings: Vec<f64> = (0..DRIVERS)
        .map(|id| 3.0 + (id % 20) as f64 / 10.0)
        .collect();
    println!(
        "{}",
        write(&store, || batch(&driver, "rating", at(0), &ratings))?
    );
    println!(
        "{}",
        write(&store, || batch(&city, "demand", at(0), &[0.4]))?
    );
    println!("pressure: {}", store.pressure()?);

    // A request sees one state, however many questions it asks and whoever writes meanwhile.
    let request = store.snapshot();
    write(&store, || batch(&city, "demand", at(1), &[0.9]))?;

    // What one prediction needs of all views, in one answer: one entity for each view of the set.
    let set = FeatureSet::new([driver.clone(), city.clone()]);
    let (driver_7, city_0) = (driver.entity([7i64])?, city.entity([0i64])?);
    let entities = [driver_7, city_0];
    let of_request = request.get_set(&set, &entities, Question::latest())?;
    let of_now = store.get_set(&set, &entities, Question::latest())?;
    let rated = of_request.see(0, &rating)?.value;
    let [before, now] =
        [&of_request, &of_now].map(|row| row.see(1, &demand).map(|seen| seen.value));
    let features = [rated, before?, now?];
    assert_eq!(features, [Some(3.7), Some(0.4), Some(0.9)]);
    println!("driver 7, demand in the request, demand since: {features:?}");

    // Candidates are asked for together. One that nobody has written about is told apart, not made up.
    let candidates = [19i64, 7, 4_711].map(|id| driver.entity([id]));
    let candidates = candidates.into_iter().collect::<Result<Vec<_>>>()?;
    for row in request.get_many(&driver, &candidates, Question::latest())? {
        let seen = row.see(&rating)?;
        println!("candidate: {} {:?}", seen.status.name(), seen.value);
    }
    drop(request); // a snapshot keeps what it sees, and holds compaction off it
    store.close()
}
