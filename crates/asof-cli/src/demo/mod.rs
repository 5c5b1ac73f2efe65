//! `demo`: the main job on a month of real data, each step as a command that can be typed again.
//!
//! It plays in a directory of its own and needs no network. Nothing is left behind, unless a
//! directory to keep is named.

mod arrival;
mod joined;
mod latency;
mod month;
mod stage;

use crate::args::{DemoArgs, Global};
use crate::exit::{Exit, Failure};
use crate::output::Format;
use crate::session::{Session, note};
use arrival::scramble;
use asof::{Read, SetDigest, Store, StoreOptions};
use joined::Joined;
use month::Line;
use stage::Stage;
use std::collections::BTreeMap;
use std::path::Path;

const AIRPLANE: &str = "N14228";
const DEPARTURE: &str = "2013-01-01T10:15:00Z";
const COLUMNS: &str = "flight,dest,sched_dep_time,dep_delay,arr_delay,air_time";

/// Rows that are wrong in three ways: a word for a number, a day that no calendar has, a year that has
/// not come.
const WRONG: &str = "origin,temp,time_hour\n\
    EWR,warm,2013-01-05T06:00:00Z\n\
    EWR,39.02,2013-01-32T06:00:00Z\n\
    EWR,39.02,2113-01-05T06:00:00Z\n";

/// Two questions that the month cannot answer: when its last observation is too old, and about an
/// airport of which it knows nothing.
const MORE_QUESTIONS: &str = "27005,,EWR,2013-02-01T09:00:00Z\n27006,,BOS,2013-01-15T12:00:00Z\n";

/// Plays every step and leaves nothing, or what `--keep` asks for.
pub(crate) fn run(session: &Session, args: &DemoArgs) -> Result<Exit, Failure> {
    judge(session.global())?;
    let stage = Stage::enter(args.keep.as_deref())?;
    views(&stage)?;
    ingest(&stage, args.seed)?;
    digests(&stage)?;
    join(&stage)?;
    airplane(&stage)?;
    bad_rows(&stage)?;
    latencies(&stage, args.seed)?;
    match &args.keep {
        Some(keep) => stage.say(&format!(
            "\nKept: {0}. To ask more:\n\n    cd {0}\n    asof --store store history flights {AIRPLANE}\n",
            keep.display()
        ))?,
        None => stage.say(
            "\nNothing is left behind; `asof demo --keep DIR` keeps the stores and the files.\n",
        )?,
    }
    Ok(Exit::Ok)
}

/// The demo shows its own store, at the times of its data, to people.
fn judge(global: &Global) -> Result<(), Failure> {
    if let Some(store) = &global.store {
        note(format_args!(
            "the demo makes stores of its own and does not touch {}",
            store.display()
        ));
    }
    let foreign = global.now.is_some() || global.namespace.is_some();
    if foreign || global.output != Format::Table {
        return Err(Failure::usage(
            "the demo takes no --now, --namespace or --output; its options are --keep and --seed",
        ));
    }
    Ok(())
}

fn views(stage: &Stage) -> Result<(), Failure> {
    stage.say(
        "The flights that were to leave New York's airports in January 2013, and the hourly weather\n\
         there (nycflights13, CC0). Lines that begin with $ are commands; what follows is their output.\n",
    )?;
    stage.heading("Two views: what is kept, under which key, and for how long it is true")?;
    stage.file("weather.toml", month::WEATHER_VIEW)?;
    stage.file("flights.toml", month::FLIGHTS_VIEW)?;
    stage.run("--store store view apply weather.toml flights.toml")?;
    stage.run("--store store view list")
}

/// Takes everything in twice: badly into `store`, well into `clean`.
fn ingest(stage: &Stage, seed: u64) -> Result<(), Failure> {
    let (header, weather) = month::weather()?;
    let flights = month::flight_events()?;
    let bad_weather = scramble(&weather, seed)?;
    let bad_flights = scramble(&flights, seed)?;
    stage.file("weather.csv", text(&header, &bad_weather.first))?;
    stage.file("weather-late.csv", text(&header, &bad_weather.late))?;
    stage.file("flights.jsonl", text("", &bad_flights.first))?;
    stage.file("flights-late.jsonl", text("", &bad_flights.late))?;
    stage.file("weather-ordered.csv", text(&header, &weather))?;
    stage.file("flights-ordered.jsonl", text("", &flights))?;

    let csv = "--view weather --event-time time_hour --null NA";
    stage.heading("The worst arrival: shuffled, every third row twice")?;
    stage.run(&format!("--store store ingest weather.csv {csv}"))?;
    stage.run("--store store ingest flights.jsonl")?;
    stage.heading("Two days in the middle of the month arrive last")?;
    stage.run(&format!("--store store ingest weather-late.csv {csv}"))?;
    stage.run("--store store ingest flights-late.jsonl")?;
    stage.say(
        "A receipt calls a row a duplicate where the latest row or its own batch can tell. Whatever it\n\
         could not tell falls on its own key and changes nothing, as the digests below show.\n",
    )?;
    stage.heading("The same rows in order, once, in a second store")?;
    stage.run("--store clean view apply weather.toml flights.toml")?;
    stage.run(&format!("--store clean ingest weather-ordered.csv {csv}"))?;
    stage.run("--store clean ingest flights-ordered.jsonl")
}

/// The lines of a file, below a header where there is one.
fn text(header: &str, lines: &[Line]) -> String {
    let header = std::iter::once(header).filter(|header| !header.is_empty());
    let lines = lines.iter().map(|line| line.text.as_str());
    header.chain(lines).fold(String::new(), |mut out, line| {
        out.push_str(line);
        out.push('\n');
        out
    })
}

fn digests(stage: &Stage) -> Result<(), Failure> {
    stage.heading("Did the order of arrival leave a trace?")?;
    stage.run("--store store digest")?;
    stage.run("--store clean digest")?;
    if digests_of("store")? != digests_of("clean")? {
        return Err(Failure::new(
            Exit::Damaged,
            "the digests differ: an answer depends on the order of arrival. That is a defect of asof; \
             please report it with the seed",
        ));
    }
    stage.say("The digests are equal: order and repetition leave no trace.\n")
}

fn digests_of(store: &str) -> Result<Vec<(String, SetDigest)>, Failure> {
    let store = StoreOptions::new().open(store)?;
    let views = store.views();
    let digest = |view: &asof::View| Ok((view.name().to_owned(), store.snapshot().digest(view)?));
    views.iter().map(digest).collect()
}

fn join(stage: &Stage) -> Result<(), Failure> {
    stage.heading("A training set: every flight with the weather as of its scheduled departure")?;
    stage.file("spine.csv", month::spine()? + MORE_QUESTIONS)?;
    stage.run(
        "--store store join --spine spine.csv --time departure \
         --view weather:temp,wind_speed,visib --status -o joined.csv",
    )?;
    // `visib` is never null in these data, so its status is that of the observation.
    let joined = Joined::read(&stage.path().join("joined.csv"), "weather__visib__status")?;
    stage.say(&joined.table())?;
    stage.say(&format!(
        "\n{} rows: weather present for {}, expired for {}, absent for {}.\n\
         An observation is good for three hours (ttl in weather.toml). The last two questions were added by\n\
         hand: nobody is given yesterday's wind, and nobody knows Boston's.\n",
        joined.rows(),
        joined.count("present"),
        joined.count("expired"),
        joined.count("absent"),
    ))
}

fn airplane(stage: &Stage) -> Result<(), Failure> {
    let get = format!("--store store get flights {AIRPLANE} --features {COLUMNS} --explain");
    stage.heading("One airplane, three questions")?;
    stage.say(
        "At its departure, by what was known then: a schedule, and no outcome that could leak.\n\n",
    )?;
    stage.run(&format!("{get} --as-of {DEPARTURE} --known-at {DEPARTURE}"))?;
    stage.say(
        "The same departure with hindsight: the outcome was recorded after the landing.\n\n",
    )?;
    stage.run(&format!("{get} --as-of {DEPARTURE}"))?;
    stage.say("At the end of the month: its last flight.\n\n")?;
    stage.run(&format!("{get} --as-of 2013-02-01T05:00:00Z"))
}

/// Sets three more rows aside, then says what was set aside so far, by reason.
fn bad_rows(stage: &Stage) -> Result<(), Failure> {
    stage.heading("Bad rows are set aside, each with its reason")?;
    stage.file("wrong.csv", WRONG)?;
    stage.say(&indented(WRONG))?;
    stage.run("--store store ingest wrong.csv --view weather --event-time time_hour")?;
    let store = StoreOptions::new().open("store")?;
    let mut reasons: BTreeMap<String, (u64, Vec<u8>)> = BTreeMap::new();
    for entry in store.quarantine() {
        let entry = entry?;
        reasons.entry(entry.reason).or_insert((0, entry.raw)).0 += 1;
    }
    store.close()?;
    stage.say("`asof --store store quarantine list` shows them all. By reason they are:\n\n")?;
    let mut out = String::new();
    for (reason, (count, raw)) in reasons {
        let rows = if count == 1 { "row" } else { "rows" };
        let raw = String::from_utf8_lossy(&raw);
        out.push_str(&format!("{count} {rows}: {reason}\n    {raw}\n"));
    }
    stage.say(&out)
}

fn indented(text: &str) -> String {
    let lines = text.lines().map(|line| format!("    {line}\n"));
    lines.chain(["\n".to_owned()]).collect()
}

fn latencies(stage: &Stage, seed: u64) -> Result<(), Failure> {
    stage.heading("What a read costs in the process that owns the store")?;
    let store: Store = StoreOptions::new().open(Path::new("store"))?;
    let measured = latency::measure(&store, &store.view("flights")?, seed)?;
    stage.say(&measured)?;
    Ok(store.close()?)
}
