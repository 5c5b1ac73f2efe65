//! `stats`: how a store is doing, and what is in it.

use crate::args::StatsArgs;
use crate::exit::{Exit, Failure};
use crate::output::{Format, Table};
use crate::progress::Bar;
use crate::session::{Session, named};
use asof::{
    FamilyStats, Pressure, SourceStatus, Stats, TimeText, Timestamp, ViewCensus, ViewStats,
    write_json_string,
};
use indicatif::HumanBytes;
use std::fmt::Write;

/// From this nearness on writers are slowed down.
const SLOWED_DOWN: f64 = 0.75;

/// Prints the counters of the store and, unless it is to be quick, what is in each view.
pub(crate) fn run(session: &Session, args: &StatsArgs) -> Result<Exit, Failure> {
    let store = session.open()?;
    let (stats, pressure) = (store.stats()?, store.pressure()?);
    let census = match args.quick {
        true => None,
        false => {
            let bar = Bar::rows("counting");
            Some(store.census(&mut |told| bar.show("counting", told.rows, told.rows_estimated))?)
        }
    };
    let views: Vec<(&ViewStats, Option<&ViewCensus>)> = stats
        .views
        .iter()
        .map(|view| {
            let of_view = |counted: &&ViewCensus| {
                (&counted.namespace, &counted.name) == (&view.namespace, &view.name)
            };
            (
                view,
                census.as_deref().and_then(|all| all.iter().find(of_view)),
            )
        })
        .collect();
    match session.format() {
        Format::Table => session
            .stdout()
            .raw(render(&stats, &pressure, &views).as_bytes())?,
        Format::Json => {
            let lists = [
                (
                    "views",
                    views.iter().map(|view| view_object(view)).collect(),
                ),
                (
                    "families",
                    stats.families.iter().map(family_object).collect(),
                ),
            ];
            let lists = lists.map(|(name, objects): (_, Vec<String>)| {
                format!("\"{name}\":[{}]", objects.join(","))
            });
            session.stdout().line(&format!(
                "{{{},{}}}",
                lists.join(","),
                store_members(&stats, &pressure)
            ))?;
        }
        Format::Ndjson => {
            let mut list = session.stdout().list(Format::Ndjson);
            let mut push = |kind: &str, members: &str| {
                list.push(format!("{{\"kind\":\"{kind}\",{members}}}").as_bytes())
            };
            for view in &views {
                push("view", inside(&view_object(view)))?;
            }
            for family in &stats.families {
                push("family", inside(&family_object(family)))?;
            }
            push("store", &store_members(&stats, &pressure))?;
            list.finish()?;
        }
    }
    Ok(Exit::Ok)
}

/// An object without its braces.
fn inside(object: &str) -> &str {
    object.trim_start_matches('{').trim_end_matches('}')
}

/// `{"a":1,"b":2}` from names and JSON.
fn object<const N: usize>(members: [(&str, String); N]) -> String {
    let members = members.map(|(name, value)| format!("\"{name}\":{value}"));
    format!("{{{}}}", members.join(","))
}

fn text(value: &str) -> String {
    let mut out = String::new();
    write_json_string(&mut out, value);
    out
}

fn time(value: Option<Timestamp>) -> String {
    let Some(value) = value else {
        return "null".into();
    };
    let mut out = String::new();
    TimeText::Rfc3339.write_json(&mut out, value);
    out
}

fn view_object((view, counted): &(&ViewStats, Option<&ViewCensus>)) -> String {
    let newest = counted.map_or(view.newest_event_time, |counted| counted.newest_event_time);
    let mut out = object([
        ("namespace", text(&view.namespace)),
        ("view", text(&view.name)),
        ("schema_version", view.schema_version.to_string()),
        ("newest_event_time", time(newest)),
        ("floor", time(view.floor)),
        ("horizon", time(view.horizon)),
        ("fences", view.fences.to_string()),
    ]);
    if let Some(counted) = counted {
        let spread = counted.versions_per_entity;
        out.pop();
        let _ = write!(
            out,
            ",\"entities\":{},\"versions\":{},\"versions_reclaimable\":{},\
             \"versions_per_entity_p50\":{},\"versions_per_entity_p90\":{},\
             \"versions_per_entity_p99\":{},\"versions_per_entity_max\":{},\
             \"history_bytes\":{},\"latest_bytes\":{}}}",
            counted.entities,
            counted.versions,
            counted.versions_reclaimable,
            spread.p50,
            spread.p90,
            spread.p99,
            spread.max,
            counted.history_bytes,
            counted.latest_bytes
        );
    }
    out
}

fn family_object(family: &FamilyStats) -> String {
    object([
        ("family", text(family.name)),
        ("files", family.files.to_string()),
        ("file_bytes", family.file_bytes.to_string()),
        ("memtable_bytes", family.memtable_bytes.to_string()),
        ("keys_estimated", family.keys_estimated.to_string()),
        ("files_at_level0", family.files_at_level0.to_string()),
        (
            "memtables_immutable",
            family.memtables_immutable.to_string(),
        ),
        (
            "pending_compaction_bytes",
            family.pending_compaction_bytes.to_string(),
        ),
    ])
}

/// What is said of the store as a whole: members of an object, without its braces.
fn store_members(stats: &Stats, nearest: &Pressure) -> String {
    let (cache, pressure) = (&stats.cache, &stats.pressure);
    let (rows, resident) = (&stats.row_cache, &stats.resident);
    let poisoned = stats.poisoned.as_deref().map_or("null".into(), text);
    let members = object([
        (
            "cache",
            object([
                ("capacity_bytes", cache.capacity_bytes.to_string()),
                ("used_bytes", cache.used_bytes.to_string()),
                ("pinned_bytes", cache.pinned_bytes.to_string()),
            ]),
        ),
        (
            "row_cache",
            object([
                ("capacity_bytes", rows.capacity_bytes.to_string()),
                ("used_bytes", rows.used_bytes.to_string()),
                ("rows", rows.rows.to_string()),
                ("fills", rows.fills.to_string()),
                ("evictions", rows.evictions.to_string()),
            ]),
        ),
        (
            "resident",
            object([
                ("capacity_bytes", resident.capacity_bytes.to_string()),
                ("used_bytes", resident.used_bytes.to_string()),
                ("rows", resident.rows.to_string()),
                ("fills", resident.fills.to_string()),
                ("evicted", resident.evicted.to_string()),
                ("is_complete", resident.is_complete.to_string()),
            ]),
        ),
        (
            "pressure",
            object([
                ("nearness", format!("{:.2}", nearest.nearness)),
                ("limit", text(nearest.limit.name())),
                (
                    "pending_compaction_bytes",
                    pressure.pending_compaction_bytes.to_string(),
                ),
                ("files_at_level0", pressure.files_at_level0.to_string()),
                (
                    "memtables_immutable",
                    pressure.memtables_immutable.to_string(),
                ),
                ("is_write_stopped", pressure.is_write_stopped.to_string()),
                (
                    "delayed_write_rate",
                    pressure.delayed_write_rate.to_string(),
                ),
            ]),
        ),
        ("log_bytes", stats.log_bytes.to_string()),
        (
            "quarantine",
            object([
                ("rows", stats.quarantine_rows.to_string()),
                ("rows_max", stats.quarantine_rows_max.to_string()),
                ("bytes", stats.quarantine_bytes.to_string()),
                ("bytes_max", stats.quarantine_bytes_max.to_string()),
            ]),
        ),
        ("positions", positions(&stats.sources)),
        ("poisoned", poisoned),
    ]);
    members[1..members.len() - 1].to_owned()
}

fn bytes(count: u64) -> String {
    HumanBytes(count).to_string()
}

fn or_none(time: Option<Timestamp>) -> String {
    time.map_or("none".into(), |time| time.to_string())
}

fn render(
    stats: &Stats,
    nearest: &Pressure,
    views: &[(&ViewStats, Option<&ViewCensus>)],
) -> String {
    let mut out = views_table(views);
    if views.iter().any(|(_, counted)| counted.is_some()) {
        let _ = write!(out, "\n{}", census_table(views));
    }
    let mut table = Table::new([
        "family",
        "files",
        "on disk",
        "in memory",
        "~keys",
        "level 0",
        "immutable",
        "pending",
    ])
    .numbers(1..8);
    for family in &stats.families {
        table.push([
            family.name,
            &family.files.to_string(),
            &bytes(family.file_bytes),
            &bytes(family.memtable_bytes),
            &family.keys_estimated.to_string(),
            &family.files_at_level0.to_string(),
            &family.memtables_immutable.to_string(),
            &bytes(family.pending_compaction_bytes),
        ]);
    }
    let _ = writeln!(out, "\n{}", table.render());
    let (cache, pressure) = (&stats.cache, &stats.pressure);
    let rate = match pressure.delayed_write_rate {
        0 => "not slowed down".into(),
        rate => format!("slowed down to {}/s", bytes(rate)),
    };
    let stopped = match pressure.is_write_stopped {
        true => "stopped until compaction catches up",
        false => rate.as_str(),
    };
    let _ = writeln!(
        out,
        "cache       {} of {} used, {} pinned\n\
         row cache   {}\n\
         resident    {}\n\
         log         {}\n\
         writes      {}\n\
         pressure    {}\n\
         quarantine  {} of at most {} rows, {} of at most {}",
        bytes(cache.used_bytes),
        bytes(cache.capacity_bytes),
        bytes(cache.pinned_bytes),
        row_cache(stats),
        resident(stats),
        bytes(stats.log_bytes),
        stats.poisoned.as_deref().unwrap_or(stopped),
        nearness(nearest),
        stats.quarantine_rows,
        stats.quarantine_rows_max,
        bytes(stats.quarantine_bytes),
        bytes(stats.quarantine_bytes_max)
    );
    if !stats.sources.is_empty() {
        let _ = write!(out, "\n{}", sources_table(&stats.sources));
    }
    out
}

fn row_cache(stats: &Stats) -> String {
    let cache = &stats.row_cache;
    match cache.capacity_bytes {
        0 => "none".into(),
        capacity => format!(
            "{} of {} used by {} rows, {} driven out",
            bytes(cache.used_bytes),
            bytes(capacity),
            cache.rows,
            cache.evictions
        ),
    }
}

fn resident(stats: &Stats) -> String {
    let rows = &stats.resident;
    match rows.capacity_bytes {
        0 => "no view".into(),
        capacity => format!(
            "{} of {} used by {} rows, {} left out",
            bytes(rows.used_bytes),
            bytes(capacity),
            rows.rows,
            rows.evicted
        ),
    }
}

/// How near writes are to being held up; and why, where they are.
fn nearness(nearest: &Pressure) -> String {
    if nearest.nearness >= SLOWED_DOWN {
        return nearest.to_string();
    }
    let limit = nearest.limit.name().replace('_', " ");
    let limit = limit.replace("level0", "level 0");
    format!("{:.0} % of {limit}", nearest.nearness * 100.0)
}

/// How far each partition of each log has been taken in.
fn positions(sources: &[SourceStatus]) -> String {
    let of = |source: &SourceStatus| {
        let name = source.name.clone();
        let partitions = source.partitions.clone().into_iter();
        partitions.map(move |partition| {
            object([
                ("source", text(&name)),
                ("partition", text(&partition.name)),
                ("position", partition.position.to_string()),
            ])
        })
    };
    let all: Vec<String> = sources.iter().flat_map(of).collect();
    format!("[{}]", all.join(","))
}

fn sources_table(sources: &[SourceStatus]) -> String {
    let mut table =
        Table::new(["source", "partition", "position", "complete through"]).numbers([2]);
    for source in sources {
        for partition in &source.partitions {
            table.push([
                &source.name,
                &partition.name,
                &partition.position.to_string(),
                &or_none(partition.complete_through),
            ]);
        }
    }
    table.render()
}

fn views_table(views: &[(&ViewStats, Option<&ViewCensus>)]) -> String {
    let mut table = Table::new([
        "view",
        "schema",
        "newest event time",
        "floor",
        "horizon",
        "fences",
    ])
    .numbers([1, 5]);
    for (view, counted) in views {
        let newest = counted.map_or(view.newest_event_time, |counted| counted.newest_event_time);
        table.push([
            &named(&view.namespace, &view.name),
            &view.schema_version.to_string(),
            // Counted as rows are written where a view keeps a window, and else only by reading them.
            &match (newest, counted) {
                (None, None) => "not counted".into(),
                (newest, _) => or_none(newest),
            },
            &or_none(view.floor),
            &or_none(view.horizon),
            &view.fences.to_string(),
        ]);
    }
    table.render()
}

fn census_table(views: &[(&ViewStats, Option<&ViewCensus>)]) -> String {
    let mut table = Table::new([
        "view",
        "entities",
        "versions",
        "reclaimable",
        "p50",
        "p90",
        "p99",
        "max",
        "history",
        "latest",
    ])
    .numbers(1..10);
    for (_, counted) in views {
        let Some(counted) = counted else { continue };
        let spread = counted.versions_per_entity;
        table.push([
            &named(&counted.namespace, &counted.name),
            &counted.entities.to_string(),
            &counted.versions.to_string(),
            &counted.versions_reclaimable.to_string(),
            &spread.p50.to_string(),
            &spread.p90.to_string(),
            &spread.p99.to_string(),
            &spread.max.to_string(),
            &bytes(counted.history_bytes),
            &bytes(counted.latest_bytes),
        ]);
    }
    table.render()
}
