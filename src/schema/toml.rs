//! A definition as a TOML file, and back.

use super::definition::{
    FeatureDefinition, MaxSkew, OnExpiry, Retention, TimePolicy, ViewBuilder, ViewDefinition,
};
use crate::error::{Error, Result, did_you_mean};
use crate::id::DEFAULT_NAMESPACE;
use crate::time::Span;
use crate::value::Type;
use std::fmt::Write;
use toml::{Table, Value};

const FILE_KEYS: [&str; 6] = ["view", "namespace", "sources", "entity", "features", "time"];
const TIME_KEYS: [&str; 4] = ["ttl", "on_expiry", "history", "max_skew"];

impl ViewDefinition {
    /// Reads a view file. Unknown keys are errors; columns and features keep the order of the file.
    ///
    /// All that a view file can say:
    ///
    /// ```
    /// # use asof::ViewDefinition;
    /// let merchants = ViewDefinition::from_toml(r#"
    ///     view = "merchants"
    ///     namespace = "shop"           # the tenant; "default" where it is not said
    ///     sources = ["orders"]         # the logs its rows come from; stands above the tables
    ///
    ///     [entity]                     # string, bytes, bool, i32, i64 or timestamp
    ///     country = "string"
    ///     merchant_id = "i64"
    ///
    ///     [features]                   # any Type; new ones come last, and are nullable
    ///     name = "string"
    ///     is_open = "bool"
    ///     opened = "timestamp"
    ///     logo = "bytes"
    ///     embedding = "vector<f32,8>"
    ///     tags = "list<string>"
    ///     risk = { type = "f64", nullable = true, finite = true }  # no NaN, no infinity
    ///     orders_7d = { type = "i64", was = "orders" }             # as it was called before
    ///
    ///     [time]
    ///     ttl = "30d"                  # how long a value lives; "none" where it is not said
    ///     on_expiry = "stale"          # show an old value, and mark it; else "expire"
    ///     history = "365d"             # how far back it is exact; else "forever"
    ///     max_skew = "5m"              # how far ahead a row's times may lie; "10m", or "forever"
    /// "#)?;
    /// assert_eq!((merchants.key().len(), merchants.features().len()), (2, 8));
    /// assert_eq!(merchants, ViewDefinition::from_toml(&merchants.to_toml())?);
    /// # Ok::<(), asof::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) names the place and what is wrong.
    pub fn from_toml(text: &str) -> Result<Self> {
        let file: Table = text.parse().map_err(|e: toml::de::Error| {
            Error::invalid(format!("the view file is not TOML: {e}"))
        })?;
        known_keys("the view file", &file, &FILE_KEYS)?;
        let name = file.get("view").ok_or_else(|| {
            Error::invalid(
                "the view file has no `view`: it begins with the name, as in view = \"weather\"",
            )
        })?;
        let mut builder = ViewDefinition::builder(string("view", name)?);
        let view = builder.0.name.clone();
        let here = |error: Error| error.at(format_args!("view {view:?}"));
        if let Some(namespace) = file.get("namespace") {
            builder = builder.namespace(string("namespace", namespace).map_err(here)?);
        }
        if let Some(named) = file.get("sources") {
            builder.0.sources = sources(named).map_err(here)?;
        }
        builder = key(builder, &file).map_err(here)?;
        builder = features(builder, &file).map_err(here)?;
        if let Some(time) = file.get("time") {
            builder.0.time = table("[time]", time).and_then(time_policy).map_err(here)?;
        }
        builder.build()
    }

    /// The view file of this definition. Reading it back gives an equal definition.
    pub fn to_toml(&self) -> String {
        let mut out = format!("view = \"{}\"\n", self.name);
        if self.namespace != DEFAULT_NAMESPACE {
            let _ = writeln!(out, "namespace = \"{}\"", self.namespace);
        }
        if !self.sources.is_empty() {
            let _ = writeln!(out, "sources = [\"{}\"]", self.sources.join("\", \""));
        }
        out.push_str("\n[entity]\n");
        for column in &self.key {
            let _ = writeln!(out, "{} = \"{}\"", column.name, column.ty);
        }
        out.push_str("\n[features]\n");
        for feature in &self.features {
            let _ = writeln!(out, "{} = {}", feature.name, feature_toml(feature));
        }
        out.push_str(&time_toml(&self.time));
        out
    }
}

fn sources(named: &Value) -> Result<Vec<String>> {
    let list = named.as_array().ok_or_else(|| {
        Error::invalid(format!(
            "sources is a list of strings, not a TOML {}",
            named.type_str()
        ))
    })?;
    let texts = list.iter().map(|source| string("a source", source));
    texts.map(|text| text.map(str::to_string)).collect()
}

fn key(mut builder: ViewBuilder, file: &Table) -> Result<ViewBuilder> {
    let entity = file
        .get("entity")
        .ok_or_else(|| Error::invalid("there is no [entity]: it names the key columns and their types, as in origin = \"string\""))?;
    for (name, ty) in table("[entity]", entity)? {
        let place = format!("key column {name:?}");
        let ty = Type::of_key(string(&place, ty)?).map_err(|e| e.at(place))?;
        builder = builder.key(name, ty);
    }
    Ok(builder)
}

fn features(mut builder: ViewBuilder, file: &Table) -> Result<ViewBuilder> {
    let features = file.get("features").ok_or_else(|| {
        Error::invalid(
            "there are no [features]: they are named with their types, as in temp = \"f64\"",
        )
    })?;
    for (name, says) in table("[features]", features)? {
        let feature = feature(name, says).map_err(|e| e.at(format_args!("feature {name:?}")))?;
        builder = builder.define(feature);
    }
    Ok(builder)
}

fn feature(name: &str, says: &Value) -> Result<FeatureDefinition> {
    if let Value::String(ty) = says {
        return Ok(FeatureDefinition::new(name, ty.parse()?));
    }
    let says = says.as_table().ok_or_else(|| {
        Error::invalid(format!(
            "a feature is a type, as in \"f64\", or a table, not a TOML {}; what belongs to no table, as \
             sources, stands above the first",
            says.type_str()
        ))
    })?;
    known_keys("a feature", says, &["type", "nullable", "finite", "was"])?;
    let ty = says.get("type").ok_or_else(|| {
        Error::invalid("there is no `type`, as in { type = \"f64\", nullable = true }")
    })?;
    let mut feature = FeatureDefinition::new(name, string("type", ty)?.parse()?);
    feature.nullable = flag(says, "nullable")?;
    feature.finite = flag(says, "finite")?;
    if let Some(was) = says.get("was") {
        feature.was = Some(string("was", was)?.to_string());
    }
    Ok(feature)
}

fn time_policy(says: &Table) -> Result<TimePolicy> {
    known_keys("[time]", says, &TIME_KEYS)?;
    let mut time = TimePolicy::default();
    let text = |key: &str| says.get(key).map(|value| string(key, value)).transpose();
    let span = |key: &str, text: &str| Span::parse(text).map_err(|e| e.at(key));
    if let Some(ttl) = text("ttl")?.filter(|ttl| *ttl != "none") {
        time.ttl = Some(span("ttl", ttl)?);
    }
    if let Some(on_expiry) = text("on_expiry")? {
        time.on_expiry = match on_expiry {
            "expire" => OnExpiry::Expire,
            "stale" => OnExpiry::Stale,
            other => {
                return Err(Error::invalid(format!(
                    "on_expiry is \"expire\" or \"stale\", not {other:?}"
                )));
            }
        };
    }
    if let Some(history) = text("history")? {
        time.history = match history {
            "forever" => Retention::Forever,
            "none" => Retention::Window(Span::ZERO),
            window => Retention::Window(span("history", window)?),
        };
    }
    if let Some(max_skew) = text("max_skew")? {
        time.max_skew = match max_skew {
            "forever" => MaxSkew::Forever,
            skew => MaxSkew::Within(span("max_skew", skew)?),
        };
    }
    Ok(time)
}

fn known_keys(place: &str, says: &Table, known: &[&str]) -> Result<()> {
    match says.keys().find(|key| !known.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => {
            let next = match key.as_str() {
                "view" | "namespace" | "sources" => "; it stands above the tables".to_string(),
                time if TIME_KEYS.contains(&time) => "; it stands in [time]".to_string(),
                _ => did_you_mean(key, known.iter().copied()),
            };
            Err(Error::invalid(format!(
                "{place} has an unknown key {key:?}{next}; it takes {}",
                known.join(", ")
            )))
        }
    }
}

fn string<'v>(place: &str, value: &'v Value) -> Result<&'v str> {
    value.as_str().ok_or_else(|| {
        Error::invalid(format!(
            "{place} is a string, not a TOML {}",
            value.type_str()
        ))
    })
}

fn table<'v>(place: &str, value: &'v Value) -> Result<&'v Table> {
    value.as_table().ok_or_else(|| {
        Error::invalid(format!(
            "{place} is a table, not a TOML {}",
            value.type_str()
        ))
    })
}

fn flag(says: &Table, key: &str) -> Result<bool> {
    says.get(key).map_or(Ok(false), |value| {
        value.as_bool().ok_or_else(|| {
            Error::invalid(format!(
                "{key} is true or false, not a TOML {}",
                value.type_str()
            ))
        })
    })
}

fn feature_toml(feature: &FeatureDefinition) -> String {
    if !feature.nullable && !feature.finite && feature.was.is_none() {
        return format!("\"{}\"", feature.ty);
    }
    let mut out = format!("{{ type = \"{}\"", feature.ty);
    if feature.nullable {
        out.push_str(", nullable = true");
    }
    if feature.finite {
        out.push_str(", finite = true");
    }
    if let Some(was) = &feature.was {
        let _ = write!(out, ", was = \"{was}\"");
    }
    out.push_str(" }");
    out
}

fn time_toml(time: &TimePolicy) -> String {
    let default = TimePolicy::default();
    let mut out = String::new();
    if let Some(ttl) = time.ttl {
        let _ = writeln!(out, "ttl = \"{ttl}\"");
    }
    if time.on_expiry == OnExpiry::Stale {
        out.push_str("on_expiry = \"stale\"\n");
    }
    if let Retention::Window(window) = time.history {
        let _ = match window {
            Span::ZERO => writeln!(out, "history = \"none\""),
            window => writeln!(out, "history = \"{window}\""),
        };
    }
    if time.max_skew != default.max_skew {
        let _ = match time.max_skew {
            MaxSkew::Forever => writeln!(out, "max_skew = \"forever\""),
            MaxSkew::Within(skew) => writeln!(out, "max_skew = \"{skew}\""),
        };
    }
    if out.is_empty() {
        out
    } else {
        format!("\n[time]\n{out}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Type;

    const WEATHER: &str = r#"view = "weather"
sources = ["airports", "weather-log"]

[entity]
origin = "string"
terminal = "i32"

[features]
temp = "f64"
wind_gust = { type = "f64", nullable = true, finite = true }
embedding = "vector<f32,3>"
gusts = { type = "f64", was = "squalls" }

[time]
ttl = "3h"
on_expiry = "stale"
history = "30d"
max_skew = "forever"
"#;

    #[test]
    fn a_view_file_reads_and_writes_the_same() {
        let view = ViewDefinition::from_toml(WEATHER).unwrap();
        assert_eq!(view.to_toml(), WEATHER);
        assert_eq!(view.features[2].ty, Type::Vector(3));
        assert_eq!(view.features[3].birth_name(), "squalls");
        assert_eq!(view.time.history, Retention::Window(Span::days(30)));
        let names: Vec<_> = view.key.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["origin", "terminal"]);
    }

    #[test]
    fn zero_is_a_time_and_none_is_not() {
        let with = |time: &str| {
            let text = format!("view='v'\n[entity]\nk='i64'\n[features]\nf='f64'\n[time]\n{time}");
            ViewDefinition::from_toml(&text).unwrap()
        };
        assert_eq!(
            with("history='none'").time.history,
            Retention::Window(Span::ZERO)
        );
        assert_eq!(with("ttl='0s'").time.ttl, Some(Span::ZERO));
        assert_eq!(with("ttl='none'").time.ttl, None);
        assert_eq!(
            with("max_skew='0s'").time.max_skew,
            MaxSkew::Within(Span::ZERO)
        );
        for time in [
            "history='none'",
            "ttl='0s'",
            "max_skew='0s'",
            "history='forever'",
        ] {
            let view = with(time);
            assert_eq!(ViewDefinition::from_toml(&view.to_toml()).unwrap(), view);
        }
    }

    #[test]
    fn a_wrong_view_file_says_where_and_why() {
        let cases = [
            ("", "has no `view`"),
            ("view = 3", "view is a string, not a TOML integer"),
            ("view = 'v'", "view \"v\": there is no [entity]"),
            (
                "view = 'v'\n[entity]\nk = 'i64'",
                "view \"v\": there are no [features]",
            ),
            (
                "views = 'v'",
                "unknown key \"views\"; did you mean \"view\"?",
            ),
            (
                "view = 'v'\n[entity]\nk = 'int'\n[features]\nf='f64'",
                "key column \"k\": type \"int\"",
            ),
            (
                "view = 'v'\n[entity]\nk = 'i64'\n[features]\nf = {type='f64', null=true}",
                "feature \"f\": a feature has an unknown key \"null\"",
            ),
            (
                "view = 'v'\n[entity]\nk = 'i64'\n[features]\nf = {nullable=true}",
                "feature \"f\": there is no `type`",
            ),
            (
                "view = 'v'\n[entity]\nk = 'i64'\n[features]\nf = 'f64'\n[time]\nttl = 3",
                "ttl is a string",
            ),
            (
                "view = 'v'\n[entity]\nk = 'i64'\n[features]\nf = 'f64'\n[time]\nttl = '3 h'",
                "ttl: duration \"3 h\"",
            ),
            (
                "view = 'v'\n[entity]\nk = 'i64'\n[features]\nf = 'f64'\nf = 'i64'",
                "not TOML",
            ),
            (
                "view = 'v'\nsources = 'a'\n[entity]\nk = 'i64'\n[features]\nf = 'f64'",
                "view \"v\": sources is a list of strings, not a TOML string",
            ),
            (
                "view = 'v'\n[entity]\nk = 'i64'\n[features]\nf = 'f64'\nsources = ['a']",
                "what belongs to no table, as sources, stands above the first",
            ),
            (
                "view = 'v'\n[entity]\nk = 'i64'\n[features]\nf = 'f64'\n[time]\nsources = ['a']",
                "[time] has an unknown key \"sources\"; it stands above the tables; it takes ttl",
            ),
            (
                "view = 'v'\nttl = '1d'",
                "the view file has an unknown key \"ttl\"; it stands in [time]; it takes view",
            ),
            (
                "view = 'V'\n[entity]\nk = 'i64'\n[features]\nf = 'f64'",
                "is not a name",
            ),
        ];
        for (text, why) in cases {
            let error = ViewDefinition::from_toml(text).unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
