//! Why an answer is what it is, as `get --explain` prints it.

use crate::output::Table;
use asof::{ExplainedFeature, ExplainedVersion, Explanation, Feature, TimeText};
use std::fmt::Write;

/// Appends `,"because":{…},"versions":[…]` to an answer. A `by` is the place of a version in
/// `versions`, counted from zero.
pub(crate) fn write_json(out: &mut String, explained: &Explanation, asked: &[&Feature]) {
    out.push_str(",\"because\":{");
    for (at, feature) in asked_for(explained, asked).enumerate() {
        let comma = if at > 0 { "," } else { "" };
        let _ = write!(
            out,
            "{comma}\"{}\":{{\"rule\":\"{}\"",
            feature.name,
            feature.because.name()
        );
        if let asof::Because::Expired { age, ttl } = feature.because {
            let _ = write!(out, ",\"age\":\"{age}\",\"ttl\":\"{ttl}\"");
        }
        push_by(out, feature.by);
        out.push('}');
    }
    out.push_str("},\"versions\":[");
    for (at, version) in explained.versions.iter().enumerate() {
        out.push_str(if at > 0 { ",{" } else { "{" });
        write_version(out, version);
        out.push('}');
    }
    let _ = write!(
        out,
        "],\"more_in_the_future\":{},\"more_hidden\":{}",
        explained.more_in_the_future, explained.more_hidden
    );
}

/// The reasons of the features that were asked for, in the order in which they were.
fn asked_for<'a>(
    explained: &'a Explanation,
    asked: &'a [&Feature],
) -> impl Iterator<Item = &'a ExplainedFeature> {
    let named = |feature: &&Feature| explained.features.iter().find(|f| f.name == feature.name());
    asked.iter().filter_map(named)
}

fn write_version(out: &mut String, version: &ExplainedVersion) {
    out.push_str("\"event_time\":");
    TimeText::Rfc3339.write_json(out, version.event_time);
    out.push_str(",\"recorded_at\":");
    TimeText::Rfc3339.write_json(out, version.recorded_at);
    let _ = write!(
        out,
        ",\"op\":\"{}\",\"digest\":\"{}\",\"rule\":\"{}\"",
        version.op,
        version.digest,
        version.rule.name()
    );
    if let asof::Rule::Expired { age, ttl } = version.rule {
        let _ = write!(out, ",\"age\":\"{age}\",\"ttl\":\"{ttl}\"");
    }
    push_by(out, version.by);
    let names: Vec<String> = version.decides.iter().map(|n| format!("\"{n}\"")).collect();
    let _ = write!(out, ",\"decides\":[{}],\"outvoted\":[", names.join(","));
    for (at, outvoted) in version.outvoted.iter().enumerate() {
        let _ = write!(
            out,
            "{}{{\"feature\":\"{}\",\"rule\":\"{}\"",
            if at > 0 { "," } else { "" },
            outvoted.feature,
            outvoted.rule.name()
        );
        push_by(out, Some(outvoted.by));
        out.push('}');
    }
    out.push(']');
}

fn push_by(out: &mut String, by: Option<usize>) {
    if let Some(by) = by {
        let _ = write!(out, ",\"by\":{by}");
    }
}

/// As much of a digest as tells two versions of an entity apart.
const DIGEST_CHARS: usize = 8;

/// Appends two tables: every feature with its reason, every version with its rule. Versions are
/// numbered, newest first, so that one line can point to another.
pub(crate) fn render(out: &mut String, explained: &Explanation, asked: &[&Feature]) {
    let mut table = Table::new(["feature", "because", "by"]);
    for feature in asked_for(explained, asked) {
        let by = feature.by.map(number).unwrap_or_default();
        table.push([&feature.name, &feature.because.to_string(), &by]);
    }
    let _ = write!(out, "\n{}\n", table.render());
    if explained.versions.is_empty() {
        out.push_str("no version of the entity was looked at\n");
        return;
    }
    let mut table = Table::new(["#", "event_time", "recorded_at", "op", "digest", "rule"]);
    for (at, version) in explained.versions.iter().enumerate() {
        table.push([
            number(at),
            version.event_time.to_string(),
            version.recorded_at.to_string(),
            version.op.to_string(),
            version
                .digest
                .to_string()
                .chars()
                .take(DIGEST_CHARS)
                .collect(),
            rule(version),
        ]);
    }
    out.push_str(&table.render());
    if explained.more_in_the_future {
        out.push_str("versions further in the future are not listed\n");
    }
    if explained.more_hidden {
        out.push_str("older versions are not listed; none of them can matter\n");
    }
}

fn number(at: usize) -> String {
    format!("#{at}")
}

/// `decides temp; gust: a newer version speaks (#0)`
fn rule(version: &ExplainedVersion) -> String {
    let mut text = version.rule.to_string();
    if !version.decides.is_empty() {
        let colon = if text == "decides" {
            ""
        } else {
            "; last word on"
        };
        let _ = write!(text, "{colon} {}", version.decides.join(", "));
    } else if let Some(by) = version.by.filter(|_| version.outvoted.is_empty()) {
        let _ = write!(text, " ({})", number(by));
    } else if !version.outvoted.is_empty() {
        text.clear();
    }
    for outvoted in &version.outvoted {
        let semicolon = if text.is_empty() { "" } else { "; " };
        let _ = write!(
            text,
            "{semicolon}{}: {} ({})",
            outvoted.feature,
            outvoted.rule,
            number(outvoted.by)
        );
    }
    text
}
