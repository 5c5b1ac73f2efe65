//! Lines to type, under the help of the main commands.

pub(super) const FIRST: &str = "Examples:
  asof demo
  asof --store s view apply weather.toml
  asof --store s ingest weather.csv --view weather --event-time time_hour
  asof --store s get weather EWR --as-of 2013-01-01T12:00:00Z --explain

`asof COMMAND --help` has more of each.";

pub(super) const APPLY: &str = "A view file:
  view = \"weather\"            # sources = [\"weather-log\"]
  [entity]
  origin = \"string\"           # string bytes bool i32 i64 timestamp
  [features]                  # those, and f32 f64 vector<f32,N> list<i64> list<f64> list<string>
  temp = \"f64\"
  wind_gust = { type = \"f64\", nullable = true, finite = true }
  [time]
  ttl = \"3h\"                  # none
  on_expiry = \"expire\"        # or \"stale\"
  history = \"forever\"         # or a duration, or \"none\"
  max_skew = \"10m\"            # or \"forever\"

Examples:
  asof --store s view apply weather.toml flights.toml
  asof --store s view apply --check weather.toml";

pub(super) const INGEST: &str = "Examples:
  asof --store s ingest events.jsonl more.jsonl.gz
  asof --store s ingest weather.csv --view weather --event-time time_hour --null NA
  zcat rows.gz | asof --store s ingest - --view weather
  asof --store s ingest log.jsonl --source weather-log --complete-through 2013-02-01T00:00:00Z

A line of JSON:
  {\"view\":\"weather\",\"entity\":{\"origin\":\"EWR\"},\"event_time\":\"2013-01-01T06:00:00Z\",\"op\":\"put\",
   \"features\":{\"temp\":39.02}}";

pub(super) const GET: &str = "Examples:
  asof --store s get weather EWR
  asof --store s get weather origin=EWR --as-of 2013-01-01T12:00:00Z --features temp --explain
  asof --store s get weather EWR --require-fresh 2h
  asof --store s get weather --keys airports.csv --output ndjson";

pub(super) const HISTORY: &str = "Examples:
  asof --store s history weather EWR --from 2013-01-01T00:00:00Z --to 2013-01-02T00:00:00Z
  asof --store s history weather EWR --reverse --limit 10";

pub(super) const JOIN: &str = "Examples:
  asof --store s join --spine flights.csv --time departure --view weather:temp,visib -o set.csv
  asof --store s join --spine trips.csv --time t --view from=weather --view to=weather \\
       --key from.origin=start --key to.origin=end --status";

pub(super) const DUMP: &str = "Examples:
  asof --store s dump > all.dump
  asof --store copy view apply weather.toml && asof --store copy ingest all.dump";

pub(super) const SOURCE: &str = "Examples:
  asof --store s source list
  asof --store s source declare weather-log 0 1 2
  asof --store s source rewind weather-log/0 0 --yes";

pub(super) const QUARANTINE: &str = "Examples:
  asof --store s quarantine list --view weather --output ndjson
  asof --store s quarantine replay --all
  asof --store s quarantine drop --view weather --yes";

pub(super) const ERASE: &str = "Examples:
  asof --store s erase people id=4711
  asof --store s erase people id=4711 --yes
  asof --store s erase --list";

pub(super) const DOCTOR: &str = "Examples:
  asof --store s doctor
  asof --store s doctor --accept-loss
  asof --store s doctor --accept-loss --yes";
