//! A conformance trace as it stands in its file: what is said to a store, and what it must answer.
//!
//! Plain text and JSON, nothing of the engine: the command line's tests read the same files by this
//! module. `tests/conformance/README.md` says what the lines mean.

use serde_json::Value as Json;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::path::Path;

/// Every trace, by name. Each is a file `tests/conformance/NAME.jsonl` and a test `NAME`.
macro_rules! every_trace {
    ($callback:ident) => {
        $callback! {
            a_clock_that_goes_back_hides_what_is_future_again;
            a_conflict_keeps_both_rows;
            a_correction_changes_the_past_and_not_what_was_known;
            a_correction_of_what_the_floor_shows_is_accepted;
            a_delete_before_the_floor_still_hides;
            a_delete_ends_the_walk;
            a_delete_that_was_not_known_hides_nothing;
            a_delete_with_features_is_bad;
            a_deletion_does_not_expire;
            a_feature_of_a_later_schema_version_is_bad;
            a_fence_moves_only_forward;
            a_fenced_row_is_a_no_op;
            a_full_quarantine_refuses_the_batch_and_drops_nothing;
            a_future_row_comes_due_though_nothing_is_written;
            a_future_row_does_not_hide_the_present;
            a_late_put_stays_behind_the_delete;
            a_later_event_time_wins;
            a_later_recording_wins_whatever_the_op;
            a_line_that_cannot_be_read_is_bad;
            a_null_expires_too;
            a_null_is_bad_where_the_feature_takes_none;
            a_number_too_large_for_its_feature_is_bad;
            a_patch_after_a_delete_stands_alone;
            a_patch_and_a_put_of_one_instant_both_count;
            a_patch_can_make_a_feature_null_and_never_absent;
            a_patch_keeps_what_it_leaves_out;
            a_patch_needs_no_put_before_it;
            a_patch_of_every_feature_is_no_whole_row;
            a_patch_that_names_nothing_is_bad;
            a_put_may_leave_out_any_feature;
            a_put_speaks_about_what_it_leaves_out;
            a_refused_batch_leaves_nothing_behind;
            a_repeated_row_is_a_duplicate;
            a_replay_adds_nothing_to_the_quarantine;
            a_replay_is_judged_by_the_time_of_its_log;
            a_replay_of_everything_changes_no_answer;
            a_row_before_the_floor_that_still_answers_is_accepted;
            a_row_recorded_after_the_erase_counts;
            a_row_written_after_a_future_row_came_due_counts_with_it;
            a_value_as_old_as_its_ttl_is_alive;
            a_value_of_another_type_is_bad;
            a_window_of_nothing_keeps_the_present;
            absent_and_null_are_different_contents;
            an_entity_must_be_whole;
            an_entity_must_not_be_too_large;
            an_erase_before_any_row_holds;
            an_erase_reaches_the_quarantine;
            an_erase_reaches_what_the_floor_has_passed;
            an_erase_spares_what_was_recorded_later;
            an_erase_touches_nobody_else;
            an_erase_without_a_time_reaches_the_newest_recording;
            an_expired_value_is_returned_as_stale_where_the_view_says_so;
            an_unknown_feature_is_bad;
            an_unknown_view_is_bad_and_the_nearest_is_named;
            as_of_after_now_shows_what_is_accepted;
            as_of_includes_its_own_instant;
            bad_rows_are_set_aside_and_the_good_ones_kept;
            duplicates_and_late_rows_are_no_bad_rows;
            each_feature_has_its_own_age;
            event_time_may_lead_recorded_at_by_max_skew;
            event_time_may_lead_the_log_by_max_skew;
            every_feature_comes_back_as_it_was_written;
            every_row_is_counted_once;
            every_type_comes_back_as_it_was_written;
            facts_before_the_horizon_are_outside_the_view;
            forecasts_are_accepted_where_the_view_allows_them;
            known_at_alone_asks_about_now;
            known_at_includes_its_own_instant;
            known_at_looks_past_every_row_recorded_later;
            late_and_latest_are_parts_of_applied;
            late_rows_land_where_they_belong;
            latest_never_shows_the_future;
            minus_zero_is_a_value_of_its_own;
            namespaces_do_not_mix;
            not_a_number_is_one_value;
            nothing_begins_in_1970;
            null_absent_expired_and_deleted_are_different_answers;
            of_one_instant_the_later_recording_wins;
            of_one_recording_a_delete_wins_over_a_patch_over_a_put;
            of_two_equal_puts_the_larger_digest_wins;
            one_batch_is_judged_by_one_floor;
            questions_begin_at_the_floor;
            recorded_at_may_lead_the_log_by_max_skew;
            rows_of_an_older_schema_version_are_read_by_the_newer;
            the_ends_of_time_are_ordinary_times;
            the_floor_follows_the_newest_fact_and_never_passes_now;
            the_floor_never_goes_back;
            the_newest_speaker_answers_feature_by_feature;
            the_place_in_the_log_is_the_identity_of_a_bad_row;
            the_ttl_belongs_to_the_question;
            what_is_not_finite_is_bad_where_it_is_forbidden;
            what_the_floor_does_not_retain_is_too_late;
            what_was_recorded_when_is_the_event_time_where_it_is_not_said;
            what_was_said_last_is_not_revived_by_what_was_said_before;
        }
    };
}
pub(crate) use every_trace;

/// The lines of one file.
#[derive(Debug)]
pub(crate) struct Trace {
    pub(crate) name: String,
    pub(crate) quarantine_rows_max: Option<u64>,
    pub(crate) steps: Vec<Step>,
}

#[derive(Debug)]
pub(crate) enum Step {
    /// A view file.
    View(String),
    Now(String),
    Batch(Batch),
    Ask(Ask),
    /// The view and the floor that it must have.
    Floor(String, String),
    /// How many rows must be set aside.
    Quarantine(u64),
    Erase(Erase),
}

/// An entity that is forgotten from here on.
#[derive(Debug)]
pub(crate) struct Erase {
    pub(crate) namespace: Option<String>,
    pub(crate) view: String,
    /// As JSON.
    pub(crate) entity: String,
    pub(crate) recorded_at: Option<String>,
    /// How many versions and how many rows of the quarantine go, where the trace says so.
    pub(crate) versions: Option<u64>,
    pub(crate) quarantined: Option<u64>,
}

/// Rows that are written at once.
#[derive(Debug)]
pub(crate) struct Batch {
    /// Lines as they would stand in a file of events.
    pub(crate) rows: Vec<String>,
    pub(crate) sets_aside: bool,
    pub(crate) appended_at: Option<String>,
    /// Source, partition, and the offset of the first row.
    pub(crate) origin: Option<(String, String, u64)>,
    pub(crate) outcome: Outcome,
}

/// What must become of a batch.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It is accepted, with at least these counts in the receipt.
    Receipt(Vec<(String, u64)>),
    /// It is refused for this reason, in a text that holds these words.
    Refused(String, Vec<String>),
}

/// A question and what must be answered; none where the question lies beyond history.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) namespace: Option<String>,
    pub(crate) view: String,
    /// As JSON.
    pub(crate) entity: String,
    pub(crate) as_of: Option<String>,
    pub(crate) known_at: Option<String>,
    pub(crate) expect: Option<Expected>,
}

/// An answer in words. Two answers are the same when these are.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Expected {
    pub(crate) verdict: String,
    /// By feature: status, value as JSON, event time.
    pub(crate) features: BTreeMap<String, (String, Option<String>, Option<String>)>,
}

type Members = BTreeMap<String, Box<RawValue>>;

impl Trace {
    /// Reads a trace of the repository whose root is given.
    pub(crate) fn read(root: &Path, name: &str) -> Trace {
        let path = root
            .join("tests/conformance")
            .join(name)
            .with_extension("jsonl");
        let text = std::fs::read_to_string(&path).unwrap();
        let mut lines = text.lines().enumerate().map(|(at, line)| {
            let members: Members = serde_json::from_str(line)
                .unwrap_or_else(|error| panic!("{name}:{}: {error}", at + 1));
            (format!("{name}:{}", at + 1), members)
        });
        let (_, head) = lines.next().expect("a trace has a first line");
        for says in ["clause", "says", "hurts"] {
            assert!(
                !string(&head[says]).is_empty(),
                "{name} does not say {says}"
            );
        }
        let mut trace = Trace {
            name: name.into(),
            quarantine_rows_max: None,
            steps: Vec::new(),
        };
        for (place, members) in lines {
            trace.line(&place, &members);
        }
        trace
    }

    fn line(&mut self, place: &str, members: &Members) {
        let keys: Vec<&str> = members.keys().map(String::as_str).collect();
        let get = |key: &str| members[key].get();
        let step = match keys[..] {
            _ if members.contains_key("batch") => Step::Batch(Batch::read(members)),
            ["view"] => Step::View(string(&members["view"])),
            ["now"] => Step::Now(string(&members["now"])),
            ["event"] => Step::Batch(Batch::of(vec![get("event").into()])),
            ["event_text"] => Step::Batch(Batch::of(vec![string(&members["event_text"])])),
            ["ask", _] => Step::Ask(Ask::read(members)),
            ["erase"] => Step::Erase(Erase::read(get("erase"))),
            ["floor"] => {
                let floor = object(get("floor"));
                Step::Floor(string(&floor["view"]), string(&floor["is"]))
            }
            ["quarantine"] => Step::Quarantine(get("quarantine").parse().unwrap()),
            ["store"] => {
                let options = object(get("store"));
                let rows = options["quarantine_rows_max"].get().parse().unwrap();
                self.quarantine_rows_max = Some(rows);
                return;
            }
            ["receipt"] | ["refused", ..] => {
                let Some(Step::Batch(batch)) = self.steps.last_mut() else {
                    panic!("{place}: no batch stands before this line");
                };
                batch.outcome = Outcome::read(members);
                return;
            }
            _ => panic!("{place}: no line has the keys {keys:?}"),
        };
        self.steps.push(step);
    }
}

impl Batch {
    fn of(rows: Vec<String>) -> Batch {
        let outcome = Outcome::Receipt(Vec::new());
        Batch {
            rows,
            sets_aside: false,
            appended_at: None,
            origin: None,
            outcome,
        }
    }

    fn read(members: &Members) -> Batch {
        let rows: Vec<Box<RawValue>> = serde_json::from_str(members["batch"].get()).unwrap();
        // A row that is a string is a line that is no event.
        let text = |row: Box<RawValue>| match serde_json::from_str::<String>(row.get()) {
            Ok(line) => line,
            Err(_) => row.get().to_string(),
        };
        let mut batch = Batch::of(rows.into_iter().map(text).collect());
        batch.sets_aside = members
            .get("on_bad")
            .is_some_and(|word| string(word) == "set_aside");
        batch.appended_at = members.get("appended_at").map(|t| string(t));
        batch.origin = members.get("origin").map(|origin| {
            let origin = object(origin.get());
            let offset = origin["offset"].get().parse().unwrap();
            (
                string(&origin["source"]),
                string(&origin["partition"]),
                offset,
            )
        });
        batch
    }
}

impl Outcome {
    fn read(members: &Members) -> Outcome {
        if let Some(receipt) = members.get("receipt") {
            let counts: BTreeMap<String, u64> = serde_json::from_str(receipt.get()).unwrap();
            return Outcome::Receipt(counts.into_iter().collect());
        }
        let says = members
            .get("says")
            .map(|says| serde_json::from_str(says.get()).unwrap());
        Outcome::Refused(string(&members["refused"]), says.unwrap_or_default())
    }
}

impl Erase {
    fn read(text: &str) -> Erase {
        let erase = object(text);
        let text = |key: &str| erase.get(key).map(|text| string(text));
        let count = |key: &str| erase.get(key).map(|n| n.get().parse().unwrap());
        Erase {
            namespace: text("namespace"),
            view: string(&erase["view"]),
            entity: erase["entity"].get().into(),
            recorded_at: text("recorded_at"),
            versions: count("versions"),
            quarantined: count("quarantined"),
        }
    }
}

impl Ask {
    fn read(members: &Members) -> Ask {
        let ask = object(members["ask"].get());
        let text = |key: &str| ask.get(key).map(|text| string(text));
        let expect = match members.get("expect") {
            Some(expect) => Some(Expected::read(expect.get())),
            None => {
                assert_eq!(string(&members["refused"]), "beyond_history");
                None
            }
        };
        Ask {
            namespace: text("namespace"),
            view: string(&ask["view"]),
            entity: ask["entity"].get().into(),
            as_of: text("as_of"),
            known_at: text("known_at"),
            expect,
        }
    }
}

impl Expected {
    /// Reads an answer as it stands in a trace, and as the command line prints it.
    pub(crate) fn read(text: &str) -> Expected {
        let answer = object(text);
        let mut features = BTreeMap::new();
        for (name, says) in object(answer["features"].get()) {
            let says = object(says.get());
            let value = says.get("value").map(|value| value_text(value.get()));
            // A null may say so twice.
            let value = value.filter(|value| value != "null");
            let event_time = says.get("event_time").map(|t| string(t));
            features.insert(name, (string(&says["status"]), value, event_time));
        }
        Expected {
            verdict: string(&answer["verdict"]),
            features,
        }
    }
}

/// A JSON value in one spelling. Numbers keep their text but for what JSON itself leaves open.
pub(crate) fn value_text(json: &str) -> String {
    serde_json::from_str::<Json>(json).unwrap().to_string()
}

fn object(text: &str) -> Members {
    serde_json::from_str(text).unwrap()
}

/// The text of a JSON string, or a number as it stands there.
fn string(raw: &RawValue) -> String {
    match serde_json::from_str::<String>(raw.get()) {
        Ok(text) => text,
        Err(_) => raw.get().to_string(),
    }
}

/// The names of the traces that have a file.
pub(crate) fn names_on_disk(root: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(root.join("tests/conformance")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names
        .filter_map(|name| Some(name.strip_suffix(".jsonl")?.to_string()))
        .collect();
    names.sort();
    names
}
