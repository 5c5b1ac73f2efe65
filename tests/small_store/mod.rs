//! A small store that has a bit of everything in it, and every answer it can give, in words.
//!
//! It is what the harness of damaged stores damages, and what `formats/store-v1` was written by: two
//! views, every op, late and contradicting rows, a floor, an erase and its fence, bad rows set aside, a
//! position and what a source claims.

#![allow(dead_code, reason = "each test uses its own part of it")]
#![allow(
    unreachable_pub,
    reason = "this file is a module of several test binaries"
)]

use asof::*;

/// Noon of the day that the store is about.
pub fn noon() -> Timestamp {
    at(12)
}

pub fn at(hour: i64) -> Timestamp {
    let midnight = Timestamp::parse("2013-01-01T00:00:00Z").expect("a time");
    midnight.saturating_add(Span::micros(hour * 3_600_000_000))
}

const ORIGINS: i64 = 12;

fn define(store: &Store) -> Result<()> {
    let weather = ViewDefinition::builder("weather")
        .key("origin", Type::String)
        .define(FeatureDefinition::new("temp", Type::F64).nullable())
        .define(FeatureDefinition::new("gust", Type::F64).nullable())
        .source("weather-log");
    store.apply(weather.build()?)?;
    let delays = ViewDefinition::builder("delays")
        .key("carrier", Type::String)
        .key("flight", Type::I64)
        .define(FeatureDefinition::new("minutes", Type::I64))
        .define(FeatureDefinition::new("note", Type::String).nullable())
        .history(Retention::Window(Span::hours(6)));
    store.apply(delays.build()?)?;
    Ok(())
}

/// Writes one line, as a consumer of a log would.
fn push(store: &Store, batch: &mut WriteBatch, line: &str) {
    let read = JsonEvent::parse(line.as_bytes()).and_then(|event| {
        let view = store.view(event.view()?)?;
        event.resolve(view.contract())
    });
    match read {
        Ok(event) => batch.push(event, line, None),
        Err(error) => batch.push_bad(error, line, None),
    }
}

fn weather(origin: &str, hour: i64, rest: &str) -> String {
    let et = at(hour).micros();
    format!(r#"{{"view":"weather","entity":{{"origin":"{origin}"}},"event_time":{et},{rest}}}"#)
}

fn delay(flight: i64, hour: i64, rest: &str) -> String {
    let et = at(hour).micros();
    format!(
        r#"{{"view":"delays","entity":{{"carrier":"UA","flight":{flight}}},"event_time":{et},{rest}}}"#
    )
}

/// The rows, batch by batch. `part` 0 becomes tables, part 1 stays in the log.
fn batches(part: i64, salt: i64) -> Vec<Vec<String>> {
    let mut batches = Vec::new();
    for n in 0..ORIGINS {
        let origin = format!("origin {n}");
        let temp = format!(
            r#""features":{{"temp":{},"gust":null}}"#,
            n * 10 + part + salt
        );
        let gust = format!(r#""op":"patch","features":{{"gust":{n}.5}}"#);
        let note = format!(r#""features":{{"minutes":{},"note":"of {n}"}}"#, n + salt);
        let mut batch = vec![
            weather(&origin, 6 + part, &temp),
            weather(&origin, 7 + part, &gust),
            // Late.
            weather(&origin, 2 + part, &temp),
            delay(n, 1 + part, &note),
            delay(n, 10 + part, &note),
        ];
        if n % 3 == 0 {
            batch.push(weather(&origin, 8 + part, r#""op":"delete""#));
            // Two rows of one instant that contradict each other.
            batch.push(weather(&origin, 4, r#""features":{"temp":1}"#));
            batch.push(weather(&origin, 4, r#""features":{"temp":2}"#));
        }
        if n % 4 == part {
            batch.push(weather(&origin, 5, r#""features":{"temp":"hot"}"#));
        }
        batches.push(batch);
    }
    batches
}

fn take(store: &Store, batch: &[String], offset: u64) -> Result<()> {
    let mut rows = WriteBatch::new();
    batch.iter().for_each(|line| push(store, &mut rows, line));
    let stretch = rows.from_log("weather-log", "0", offset..offset + 1);
    stretch.complete_through(at(6));
    store.write(rows, WriteOptions::synced().quarantine())?;
    Ok(())
}

/// Fills an empty store: a first part that is in tables, a second that is in the log. Everything is
/// synced. `salt` makes the values of one store differ from another's; `halfway` sees the store in the
/// middle of the second part.
///
/// # Errors
/// As the writes.
pub fn fill(store: &Store, salt: i64, halfway: impl FnOnce()) -> Result<()> {
    define(store)?;
    let mut halfway = Some(halfway);
    let mut offset = 0;
    for part in 0..2 {
        for (n, batch) in batches(part, salt).iter().enumerate() {
            take(store, batch, offset)?;
            offset += 1;
            if (part, n) == (1, 6) {
                halfway.take().into_iter().for_each(|halfway| halfway());
            }
        }
        let view = store.view("weather")?;
        let gone = view.entity([format!("origin {}", 10 + part)])?;
        store.erase(&view, &gone, EraseOptions::new().reclaim(false))?;
        if part == 0 {
            store.compact()?;
        }
    }
    store.sync()
}

/// What one question was answered: words, or the kind of the error.
pub type Answer = std::result::Result<String, ErrorKind>;

fn answer(answers: &mut Vec<(String, Answer)>, of: impl Into<String>, words: Result<String>) {
    answers.push((of.into(), words.map_err(|error| error.kind())));
}

fn bounds(store: &Store, view: &View) -> Result<String> {
    Ok(format!(
        "floor {:?}, horizon {:?}, {} fences, complete through {:?}",
        store.floor(view)?.map(Timestamp::micros),
        store.horizon(view)?.map(Timestamp::micros),
        store.fences(view)?.len(),
        store.complete_through(view)?.map(Timestamp::micros)
    ))
}

/// Every answer that a store gives about what [`fill`] has written.
pub fn answers(store: &Store) -> Vec<(String, Answer)> {
    let mut out = Vec::new();
    for name in ["weather", "delays"] {
        let view = match store.view(name) {
            Ok(view) => view,
            Err(error) => {
                answer(&mut out, name, Err(error));
                continue;
            }
        };
        let entities: Result<Vec<Entity>> = (0..=ORIGINS)
            .map(|n| match name {
                "weather" => view.entity([Value::from(format!("origin {n}"))]),
                _ => view.entity([Value::from("UA"), Value::from(n)]),
            })
            .collect();
        let entities = entities.expect("entities of its key");
        of_entities(store, &view, &entities, &mut out);
        answer(&mut out, format!("{name} dump"), dump(store, &view));
        let digest = store.digest(&view).map(|digest| digest.to_string());
        answer(&mut out, format!("{name} digest"), digest);
        let scan = store.scan(&view, Question::latest()).and_then(|scan| {
            let mut lines: Vec<String> = Vec::new();
            for item in scan {
                let (entity, row) = item?;
                lines.push(format!("{:?} {}", entity.to_values(), cells(&row)?));
            }
            lines.sort();
            Ok(lines.join("\n"))
        });
        answer(&mut out, format!("{name} scan"), scan);
        answer(&mut out, format!("{name} bounds"), bounds(store, &view));
    }
    let entries: Result<Vec<String>> = store
        .quarantine()
        .map(|entry| {
            let entry = entry?;
            let raw = String::from_utf8_lossy(&entry.raw).into_owned();
            Ok(format!("{} {raw} {}", entry.id, entry.reason))
        })
        .collect();
    answer(
        &mut out,
        "quarantine",
        entries.map(|lines| lines.join("\n")),
    );
    let position = store.position("weather-log", "0");
    answer(&mut out, "position", Ok(position.to_string()));
    let erasures = store.erasures().map(|erasures| {
        let line = |erasure: &Erasure| {
            format!(
                "{} {} of {} rows up to {} and {} set aside, done {}",
                erasure.number,
                erasure.view,
                erasure.versions,
                erasure.recorded_at.micros(),
                erasure.quarantined,
                erasure.is_done
            )
        };
        let lines: Vec<String> = erasures.iter().map(line).collect();
        lines.join("\n")
    });
    answer(&mut out, "erasures", erasures);
    out
}

fn of_entities(store: &Store, view: &View, entities: &[Entity], out: &mut Vec<(String, Answer)>) {
    let name = view.name();
    let questions = [
        ("latest", Question::latest()),
        ("as of 7", Question::as_of(at(7))),
        (
            "as of 12 known at 7",
            Question::as_of(at(12)).known_at(at(7)),
        ),
    ];
    for (n, entity) in entities.iter().enumerate() {
        for (what, question) in &questions {
            let row = store.get(view, entity, *question);
            let row = row.and_then(|row| cells(&row));
            answer(out, format!("{name} {n} {what}"), row);
        }
        let history = store.history(view, entity, HistoryRange::default());
        let history = history.and_then(|history| {
            let lines: Result<Vec<String>> = history.map(|v| line(view, entity, &v?)).collect();
            Ok(lines?.join("\n"))
        });
        answer(out, format!("{name} {n} history"), history);
    }
    let rows = store.get_many(view, entities, Question::latest());
    let rows = rows.and_then(|rows| {
        let lines: Result<Vec<String>> = rows.iter().map(cells).collect();
        Ok(lines?.join("\n"))
    });
    answer(out, format!("{name} get_many"), rows);
}

fn cells(row: &Row) -> Result<String> {
    let mut words = format!("{:?}", row.verdict());
    for (feature, answer) in row.iter() {
        let answer = answer?;
        let et = answer.event_time.map(Timestamp::micros);
        words += &format!(" {} {:?} {et:?} ", feature.name(), answer.status);
        if let Some(value) = answer.value {
            value.write_json(&mut words, TimeText::Micros);
        }
    }
    Ok(words)
}

fn line(view: &View, entity: &Entity, version: &Version) -> Result<String> {
    let mut line = String::new();
    let event = EventLine {
        contract: view.contract(),
        entity: &entity.to_values(),
        event_time: version.event_time(),
        recorded_at: version.recorded_at(),
        op: version.op(),
        base: false,
    };
    event.write_dump(&mut line, version.features().collect::<Result<Vec<_>>>()?);
    Ok(line.trim_end().to_owned())
}

/// The lines of a dump, sorted as text.
fn dump(store: &Store, view: &View) -> Result<String> {
    let mut lines = Vec::new();
    for item in store.versions(view)? {
        let (entity, version) = item?;
        lines.push(line(view, &entity, &version)?);
    }
    lines.sort();
    Ok(lines.join("\n"))
}
