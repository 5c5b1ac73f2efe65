//! A plain struct as the features of a view: names and types are checked once, and no kind of nothing
//! is taken for another.
//!
//! `cargo run --release --example typed_rows`

use asof::{
    ErrorKind, FeatureDefinition, Question, Read, Result, Seen, Status, Store, Timestamp, Type,
    ViewDefinition, WriteBatch, WriteOptions,
};

asof::features! {
    /// What the model reads. It cannot do without a temperature, can do without a gust, and wants to
    /// know why the visibility is missing when it is.
    #[derive(Debug, Clone, PartialEq)]
    struct Weather {
        temp: f64,
        wind_gust: Option<f64>,
        visibility: Seen<f64>,
    }
}

fn main() -> Result<()> {
    let store = Store::temp()?;
    // The struct may define the view, or fit a view that is defined elsewhere, as here.
    let nullable = |name| FeatureDefinition::new(name, Type::F64).nullable();
    store.apply(
        ViewDefinition::builder("weather")
            .key("origin", Type::String)
            .define(nullable("temp"))
            .define(nullable("wind_gust"))
            .define(nullable("visibility"))
            .build()?,
    )?;
    let view = store.view("weather")?;
    let fields = view.features::<Weather>()?;
    let newark = view.entity(["EWR"])?;
    let at = |hour: i64| Timestamp::from_secs(1_356_998_400 + 3_600 * hour);

    // A put of a struct: what is none is left out, which is absent and not null.
    let mut batch = WriteBatch::new();
    let six = Weather {
        temp: 39.02,
        wind_gust: None,
        visibility: Seen {
            status: Status::Null, // the instrument was read and showed nothing
            value: None,
            event_time: None,
        },
    };
    batch
        .put(&view, &newark, at(6))
        .set_all(&fields, &six)
        .finish()?;
    // A patch of a struct: only what is some is named, the rest stays as it was.
    asof::features! {
        struct Gust { wind_gust: Option<f64> }
    }
    let gust = view.features::<Gust>()?;
    batch
        .patch(&view, &newark, at(7))
        .set_all(
            &gust,
            &Gust {
                wind_gust: Some(24.2),
            },
        )
        .finish()?;
    store.write(batch, WriteOptions::default())?;

    let now = store
        .get(&view, &newark, Question::latest())?
        .read(&fields)?;
    println!(
        "temp {}, gust {:?}, visibility {} since {:?}",
        now.temp,
        now.wind_gust,
        now.visibility.status.name(),
        now.visibility.event_time.map(|et| et.to_string())
    );
    assert_eq!((now.temp, now.wind_gust), (39.02, Some(24.2)));
    assert_eq!(now.visibility.status, Status::Null);
    assert_eq!(now.visibility.event_time, Some(at(6)));

    // Where a plain field has no value, that is an error, which says of which kind of nothing.
    let before = store.get(&view, &newark, Question::as_of(at(5)))?;
    let error = before.read(&fields).unwrap_err();
    println!("{error}");
    assert_eq!(error.kind(), ErrorKind::NoValue);

    // A struct that does not fit is an error before anything is read, with every reason at once.
    asof::features! {
        struct Misspelt { temperature: f64, wind_gusts: Option<f64>, visibility: Option<i64> }
    }
    let error = view.features::<Misspelt>().unwrap_err();
    println!("{error}");
    assert!(error.to_string().contains("did you mean \"wind_gust\"?"));
    store.close()
}
