"""RESULTS.md: what came of the traces, clause by clause, and how they were told."""

import collections
import importlib.metadata
import pathlib
import platform
import sqlite3
import subprocess

OUT = pathlib.Path(__file__).resolve().parent / "RESULTS.md"
WAYS = ("same", "differs", "cannot")
WORDS = {"same": "same", "differs": "**differs**", "cannot": "cannot be asked"}
# Lines that Feast has no counterpart of in any trace. They are not held against it.
NOT_ANSWERS = ("receipt", "floor", "quarantine", "write", "erase")

HOW = """\
## How the traces are told

- Each view becomes a `FeatureView` with one `Entity` a key column, the `ttl` of the view and a `FileSource`
  that names both timestamp columns; each namespace becomes a project. Rows go in with
  `FeatureStore.write_to_online_store`, in the order of the trace, with event time and `created`
  (the recorded-at). Questions about now are `FeatureStore.get_online_features`.
- The clock is frozen (`freezegun`) at the trace's `now`. Nothing is shifted. A question with `as_of` is asked
  with the clock at that time where no row of the entity lies after it, so that Feast may answer as it would
  have at that time; else it is one about the past and cannot be asked of an online store. Redis' own clock
  is not frozen; it would matter for `key_ttl_seconds`, which is not used: it counts from the last write,
  not from the event.
- Only **values** are compared: a null, an absent, an expired and a deleted feature are all "no value", because
  this path of Feast knows the statuses PRESENT and NOT_FOUND alone. Event times of answers are not compared.
  Feast takes no row with a column too few, so what a Put leaves out is written as a null.
- **Cannot be asked** is no failure: Feast does not claim it. As_of in the past, known_at, floors, delete at an
  event time, erase with a fence, quarantine, receipts, log-append time, schema version of a write, one write
  over several views, a line of text; and in the first table a part of a row. What such a line touches
  cannot be asked of from then on.
- A **refusal** is compared where the bad row can be said as a data frame. Feast documents no such checks for
  this path (`enable_validation` is for materialization): "accepted" says what happens, not that a promise
  was broken. A row that Feast does not write, with a warning, counts as refused.
- **Order**: before each comparison the accepted rows go once more into empty stores: as they came, reversed,
  and all of them twice. "Order" names the stores whose answer depends on it: where it names one that says
  "same", the answer is the law's because the rows came as they did.
"""

WHY = """\
## Why the answers differ

Read in the source of feast 0.67.0.

- **SQLite: the last write wins, whatever its times.** `infra/online_stores/sqlite.py`,
  `SqliteOnlineStore.online_write_batch`: an `INSERT … ON CONFLICT(entity_key, feature_name) DO UPDATE` without a
  look at `event_ts` or `created_ts`. A late row replaces a newer one. (Its docstring: not recommended for
  production.) Written in order of event time and recorded-at it has the law's latest row, but for the future and
  the ttl.
- **Redis: the larger event time of the whole row wins, and an equal one is dropped.**
  `infra/online_stores/redis.py`, `RedisOnlineStore.online_write_batch`: `if latest_seen_nanos and new_total_nanos <=
  latest_seen_nanos: continue`. Late and repeated rows are therefore answered as the law has it. A correction
  with the same event time and a later `created` is dropped (the fourth member of the tuple is not read),
  so the first of two rows of one instant wins: arrival decides. One stamp (`_ts:VIEW`) stands for all
  features, so a late patch of another feature is dropped too.
- **The future is served at once.** Neither store compares an event time with the clock, on write or read; in
  Redis a future row also shuts out every present one after it.
- **The `ttl` of a view is not applied online.** `utils.py`, `_populate_response_from_feature_data` sets PRESENT
  for whatever is stored; a ttl is looked at in `OnlineStore._try_precomputed_fast_path` alone
  (`infra/online_stores/online_store.py`). Upstream knows: feast-dev/feast issues 1802 (closed,
  wontfix), 4133 and 6821 (open). `on_expiry = "stale"` is therefore
  what Feast always does, without saying so.
- **Before 1970 Redis keeps no order, nor at it.** The same function writes 0 for "no stamp yet" and takes the
  larger of a stamp and 0, so that no row at or before the epoch holds off an older one.
- **NaN is a null.** `type_map.py`, `_convert_scalar_values_to_proto`: `pd.isnull(value)` gives an empty value.
- **A timestamp is whole seconds.** `type_map.py`, `_python_datetime_to_int_timestamp`.
- **A row of nulls is not written.** `feature_store.py`, `write_to_online_store`: "Cannot write dataframe with empty
  feature columns" is a warning and a return, so the values from before stay.
- **What can be turned into the type is.** `type_map.py`, `PYTHON_SCALAR_VALUE_TYPE_TO_PROTO_VALUE` names the types that a
  double, bytes or bool takes, and refuses others; for an int32 and a string it calls `int` and `str`: 1.5 becomes the integer 1, and
  1 the text "1". Columns that the view does not know are not looked at (`utils.py`, `_convert_arrow_fv_to_proto`).
- **The far future and what is not finite are taken in**: nothing on this path bounds a time or has a finite or
  nullable flag. After such a row, answers differ that would have been the same without it; the table says so.
"""


def verdict(checks):
    outcomes = {outcome for outcome, what, _ in checks if what not in NOT_ANSWERS}
    outcomes |= {outcome for outcome, what, _ in checks if what == "write" and outcome == "differs"}
    return "differs" if "differs" in outcomes else "same" if "same" in outcomes else "cannot"


def cell(checks):
    way = verdict(checks)
    counts = collections.Counter(outcome for outcome, what, _ in checks if what not in NOT_ANSWERS)
    notes = [(what, note) for outcome, what, note in checks if outcome == way and note]
    answers = [note for what, note in notes if what not in NOT_ANSWERS]
    notes = list(dict.fromkeys(answers or [note for _, note in notes]))
    if way == "same":
        # What made a refusal come about, and which kinds of no value are told as one.
        notes = [note for note in notes if "served as PRESENT" in note or "Error" in note or "warning" in note]
    text = WORDS[way]
    if sum(counts.values()) > 1:
        text += " (" + ", ".join(f"{counts[w]} {w}" for w in WAYS if counts[w]) + ")"
    text += f": {notes[0]}" if notes else ""
    text += f" (and {len(notes) - 1} more)" if len(notes) > 1 and way == "differs" else ""
    return text.replace("|", "\\|").replace("\n", " ")


def order_of(result, partial):
    """The stores of which an answer changed with the order of the rows."""
    asked = [kind for kind in ("sqlite", "redis") if result[kind, partial][2]]
    changed = [kind for kind in asked if any(result[kind, partial][2])]
    return " and ".join(changed) or ("none" if asked else "")


def table(results, partial):
    lines = ["| clause | trace | sqlite | redis | order |", "|---|---|---|---|---|"]
    for name, result in sorted(results.items(), key=lambda r: (r[1]["sqlite", False][0], r[0])):
        cells = [cell(result[kind, partial][1]) for kind in ("sqlite", "redis")]
        if partial and cells == [cell(result[kind, False][1]) for kind in ("sqlite", "redis")]:
            continue
        cells = [result["sqlite", partial][0], f"`{name}`", *cells, order_of(result, partial)]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def counts(results, partial):
    lines = ["| of | store | same | differs | cannot be asked |", "|---|---|---|---|---|"]
    for kind in ("sqlite", "redis"):
        traces = collections.Counter(verdict(r[kind, partial][1]) for r in results.values())
        checks = [c for r in results.values() for c in r[kind, partial][1]]
        answers = collections.Counter(o for o, what, _ in checks if what not in (*NOT_ANSWERS, "refusal"))
        refusals = collections.Counter(o for o, what, _ in checks if what == "refusal")
        for of, count in ((f"{len(results)} traces", traces), (f"{sum(answers.values())} questions", answers),
                          (f"{sum(refusals.values())} refusals", refusals)):
            lines.append(f"| {of} | {kind} | " + " | ".join(str(count[w]) for w in WAYS) + " |")
    for kind in ("sqlite", "redis"):
        ways = [ways for r in results.values() for ways in r[kind, partial][2]]
        lines += ["", f"{kind}: {len(ways)} answers asked again after the same rows in another order: "
                  f"{sum('reversed' in w for w in ways)} changed when reversed, "
                  f"{sum('twice' in w for w in ways)} when every row came twice."]
    return lines


def write(results, today):
    version = importlib.metadata.version
    redis = subprocess.run(["redis-server", "--version"], capture_output=True, text=True).stdout.split()[2]
    lines = [
        "# What Feast's online stores answer to the traces", "",
        "Written by `python tests/conformance/peers/feast.py` (see there for the setting up). The traces ask for",
        "more than an online store promises; what Feast has no words for is counted on its own. \"Same\" means",
        "that a model would be handed the same values as by the law.", "",
        f"{today:%Y-%m-%d}; feast {version('feast')}, redis-py {version('redis')}, redis-server {redis.removeprefix('v=')}, "
        f"SQLite {sqlite3.sqlite_version}, pandas {version('pandas')}, Python {platform.python_version()}, "
        f"freezegun {version('freezegun')}.", "",
        HOW, "## Counts", "", *counts(results, False), "", "## Clause by clause", "", *table(results, False), "",
        "## With parts of a row", "",
        "`write_to_online_store` refuses a row without all columns. The interface below it,",
        "`OnlineStore.online_write_batch`, takes a dictionary of features. The traces whose result changes when",
        "patches go in by it:", "", *table(results, True), "", "Counts of all traces, patches included:", "",
        *counts(results, True), "", WHY.rstrip(),
    ]
    OUT.write_text("\n".join(lines) + "\n")
