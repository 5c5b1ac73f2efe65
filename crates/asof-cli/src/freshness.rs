//! `freshness`: how far the sources of views are complete. No change and no news are two different
//! answers.

use crate::args::FreshnessArgs;
use crate::exit::{Exit, Failure};
use crate::log::{NEVER_REPORTED, through, write_source, write_through};
use crate::output::{Format, Table};
use crate::session::{Session, full_name, push_namespace};
use asof::{Read, SourceStatus, Span, Store, Timestamp, View, write_json_string};
use std::fmt::Write;

/// Prints every view, its sources and their partitions.
pub(crate) fn run(session: &Session, args: &FreshnessArgs) -> Result<Exit, Failure> {
    let store = session.open()?;
    let views = session.views(&store, args.view.as_deref())?;
    let now = store.now();
    let fed = views.iter().map(|view| Fed::of(&store, view));
    let fed = fed.collect::<asof::Result<Vec<Fed<'_>>>>()?;
    if session.format() == Format::Table {
        let header = [
            "view",
            "source",
            "partition",
            "position",
            "complete through",
            "lag",
        ];
        let mut table = Table::new(header);
        fed.iter().for_each(|fed| fed.push_rows(&mut table, now));
        session.stdout().raw(table.render().as_bytes())?;
        return Ok(Exit::Ok);
    }
    let mut list = session.stdout().list(session.format());
    for fed in &fed {
        list.push(fed.object(now).as_bytes())?;
    }
    list.finish()?;
    Ok(Exit::Ok)
}

/// A view and the sources it names.
struct Fed<'a> {
    view: &'a View,
    complete_through: Option<Timestamp>,
    sources: Vec<SourceStatus>,
}

impl<'a> Fed<'a> {
    fn of(store: &Store, view: &'a View) -> asof::Result<Self> {
        let known = store.sources();
        let named = view.contract().sources().iter().map(|name| {
            let status = known.iter().find(|source| source.name == *name);
            // One that nothing has come from has no partition either.
            status.cloned().unwrap_or_else(|| SourceStatus {
                name: name.clone(),
                complete_through: None,
                partitions: Vec::new(),
            })
        });
        Ok(Fed {
            view,
            complete_through: store.complete_through(view)?,
            sources: named.collect(),
        })
    }

    /// Why nothing can be said, if so.
    fn why(&self) -> Option<String> {
        if self.sources.is_empty() {
            return Some("it names no source".into());
        }
        let silent = self.sources.iter().find(|s| s.complete_through.is_none())?;
        let waited = silent.partitions.iter().filter(|p| p.is_declared);
        let partitions: Vec<&str> = waited
            .filter(|partition| partition.complete_through.is_none())
            .map(|partition| partition.name.as_str())
            .collect();
        Some(match partitions.as_slice() {
            [] => format!("source {} has {NEVER_REPORTED}", silent.name),
            names => format!(
                "source {} has not reported for partition {}",
                silent.name,
                names.join(", ")
            ),
        })
    }

    fn push_rows(&self, table: &mut Table, now: Timestamp) {
        let view = full_name(self.view);
        let why = self.why();
        let said = why.unwrap_or_else(|| through(self.complete_through));
        table.push([&view, "", "", "", &said, &lag(self.complete_through, now)]);
        for source in &self.sources {
            if source.partitions.is_empty() {
                table.push([&view, &source.name, "", "", NEVER_REPORTED, ""]);
            }
            for partition in &source.partitions {
                let said = match partition.is_declared {
                    true => through(partition.complete_through),
                    false => "not waited for".into(),
                };
                table.push([
                    &view,
                    &source.name,
                    &partition.name,
                    &partition.position.to_string(),
                    &said,
                    &lag(partition.complete_through, now),
                ]);
            }
        }
    }

    fn object(&self, now: Timestamp) -> String {
        let lag = |out: &mut String, complete_through: Option<Timestamp>| {
            let lag = complete_through.map_or("null".into(), |t| lag_us(t, now).to_string());
            let _ = write!(out, ",\"lag_us\":{lag}");
        };
        let mut out = String::from("{");
        push_namespace(&mut out, self.view.namespace());
        let _ = write!(out, "\"view\":\"{}\"", self.view.name());
        write_through(&mut out, self.complete_through, lag);
        if let Some(why) = self.why() {
            out.push_str(",\"why\":");
            write_json_string(&mut out, &why);
        }
        out.push_str(",\"sources\":[");
        for (at, source) in self.sources.iter().enumerate() {
            out.push_str(if at > 0 { "," } else { "" });
            write_source(&mut out, source, lag);
        }
        out.push_str("]}");
        out
    }
}

/// Microseconds from what is complete to now; none where it is complete beyond now.
fn lag_us(complete_through: Timestamp, now: Timestamp) -> i64 {
    let lag = now.micros_since(complete_through).max(0);
    i64::try_from(lag).unwrap_or(i64::MAX)
}

fn lag(complete_through: Option<Timestamp>, now: Timestamp) -> String {
    complete_through.map_or(String::new(), |t| for_people(lag_us(t, now)))
}

/// `3h`, `2d 4h`, `12m 30s`: two units are as much as anybody reads; JSON has it exactly.
fn for_people(lag_us: i64) -> String {
    const UNITS: [(&str, i64); 4] = [
        ("d", 86_400_000_000),
        ("h", 3_600_000_000),
        ("m", 60_000_000),
        ("s", 1_000_000),
    ];
    let Some(first) = UNITS.iter().position(|(_, us)| lag_us >= *us) else {
        return Span::micros(lag_us).to_string();
    };
    let (unit, us) = UNITS[first];
    let mut out = format!("{}{unit}", lag_us / us);
    if let Some((smaller, us_smaller)) = UNITS.get(first + 1) {
        let rest = lag_us % us / us_smaller;
        if rest > 0 {
            let _ = write!(out, " {rest}{smaller}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::for_people;

    #[test]
    fn a_lag_is_told_in_its_two_largest_units() {
        for (us, told) in [
            (0, "0s"),
            (999, "999us"),
            (1_500_000, "1s"),
            (10_800_000_000, "3h"),
            (754_500_000, "12m 34s"),
            (438_549_841_541_224, "5075d 19h"),
            (i64::MAX, "106751991d 4h"),
        ] {
            assert_eq!(for_people(us), told, "{us}");
        }
    }
}
