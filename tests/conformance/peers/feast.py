"""What Feast's SQLite and Redis online stores answer to the traces of the event-time law.

    python3 -m venv VENV && VENV/bin/pip install -r tests/conformance/peers/requirements.txt
    VENV/bin/python tests/conformance/peers/feast.py            # writes RESULTS.md beside this file

Needs `redis-server` on the path: one is started on a free loopback port and ended with the run. No
part of CI. RESULTS.md says how the traces are told to Feast and what is compared; `Play` decides it.
"""

import os
import sys

# This file has the name of the package that it asks, and must not be found in its place.
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path = [path for path in sys.path if os.path.abspath(path or ".") != HERE]
os.environ.update(FEAST_USAGE="False", IS_TEST="True", FEAST_TELEMETRY="False", TZ="UTC")

import base64
import collections
import datetime as dt
import json
import logging
import pathlib
import re
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
import tomllib
import warnings

import freezegun
import numpy
import pandas
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType, types
# Before the clock is frozen: the stores register with sqlite3 how a datetime is stored, and must do so
# for the real one.
from feast.infra.online_stores import redis as _, sqlite as _  # noqa: F401,F811

sys.path.append(HERE)
import report

TRACES = pathlib.Path(__file__).resolve().parent.parent
RUN_SECONDS_MAX = 1500
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
KEY_TYPES = {
    "string": ValueType.STRING, "bytes": ValueType.BYTES, "bool": ValueType.BOOL,
    "i32": ValueType.INT32, "i64": ValueType.INT64, "timestamp": ValueType.UNIX_TIMESTAMP,
}
SCALARS = {
    "bool": types.Bool, "i32": types.Int32, "i64": types.Int64, "f32": types.Float32,
    "f64": types.Float64, "string": types.String, "bytes": types.Bytes, "timestamp": types.UnixTimestamp,
}


class CannotBeAsked(Exception):
    """Feast's API has no words for this line of the trace."""


class Refused(Exception):
    """Feast would not write the row."""


def micros(t):
    """Microseconds since the epoch, of an integer or an RFC 3339 text."""
    if isinstance(t, int):
        return t
    head, fraction = re.fullmatch(r"(.*?)(?:\.(\d{1,6}))?Z", t).groups()
    seconds = int((dt.datetime.fromisoformat(head + "+00:00") - EPOCH).total_seconds())
    return seconds * 1_000_000 + int((fraction or "0").ljust(6, "0"))


def instant(t):
    """A time as Feast takes it: pandas counts nanoseconds in 64 bits."""
    try:
        time = pandas.Timestamp(micros(t), unit="us", tz="UTC").as_unit("ns")
    except (OverflowError, ValueError, pandas.errors.OutOfBoundsDatetime):
        time = pandas.NaT
    if time is pandas.NaT:
        raise CannotBeAsked("a time outside of pandas' years 1677 to 2262")
    return time


def feature_type(name):
    if name in SCALARS:
        return SCALARS[name]
    return types.Array(SCALARS[re.fullmatch(r"(?:vector|list)<(\w+)(?:,\s*\d+)?>", name)[1]])


def has_another_length(value, kind):
    return kind.startswith("vector") and isinstance(value, list) and f",{len(value)}>" not in kind.replace(" ", "")


def python_value(value, kind):
    """A value of the trace as Python says it. What has another type is handed on as it stands."""
    try:
        if value is None:
            return None
        if kind == "bytes":
            return base64.b64decode(value, validate=True)
        if kind == "timestamp":
            return instant(value)
        if kind in ("f32", "f64") and value in ("NaN", "Infinity", "-Infinity"):
            return float(value.replace("inity", ""))
    except (ValueError, TypeError):
        pass
    if isinstance(value, list):
        return [python_value(part, re.search(r"<(\w+)", kind)[1]) for part in value]
    return value


def spelled(value, kind):
    """One spelling for a value of the trace and a value from Feast; none for no value."""
    if value is None:
        return None
    if isinstance(value, (list, tuple)):
        return [spelled(part, re.search(r"<(\w+)", kind)[1]) for part in value]
    if kind == "f32":
        return repr(float(numpy.float32(value)))
    if kind == "f64":
        return repr(float(value))
    if kind == "timestamp":
        if isinstance(value, dt.datetime) and value.tzinfo is None:
            value = value.replace(tzinfo=dt.timezone.utc)
        return pandas.Timestamp(value).value // 1000
    return value


class Peer:
    """One Feast deployment with an empty online store, and a project for each namespace."""

    def __init__(self, kind, redis_port, views, database=0):
        self.directory = tempfile.TemporaryDirectory()
        self.kind, self.redis, self.stores, self.views = kind, f"127.0.0.1:{redis_port},db={database}", {}, {}
        if kind == "redis":
            redis_cli(redis_port, f"SELECT {database}", "FLUSHDB")
        for toml in views:
            self.apply(toml)

    def store(self, namespace):
        if namespace not in self.stores:
            root = self.directory.name
            online = {"type": "sqlite", "path": f"{root}/online.db"}
            if self.kind == "redis":
                online = {"type": "redis", "connection_string": self.redis}
            config = RepoConfig(
                project=namespace, provider="local", registry=f"{root}/registry.db", online_store=online,
                offline_store={"type": "file"}, entity_key_serialization_version=3,
            )
            self.stores[namespace] = FeatureStore(config=config)
        return self.stores[namespace]

    def apply(self, toml):
        view = tomllib.loads(toml)
        kinds = {n: f if isinstance(f, str) else f["type"] for n, f in view["features"].items()}
        ttl = view.get("time", {}).get("ttl")
        unit = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
        ttl = dt.timedelta(**{unit[ttl[-1]]: int(ttl[:-1])}) if ttl else dt.timedelta(0)
        keys = [Entity(name=n, join_keys=[n], value_type=KEY_TYPES[k]) for n, k in view["entity"].items()]
        source = FileSource(
            name=f"{view['view']}_source", path=f"{self.directory.name}/none.parquet",
            timestamp_field="event_timestamp", created_timestamp_column="created",
        )
        schema = [Field(name=n, dtype=SCALARS[k]) for n, k in view["entity"].items()]
        schema += [Field(name=n, dtype=feature_type(k)) for n, k in kinds.items()]
        namespace = view.get("namespace", "default")
        self.views[namespace, view["view"]] = (view["entity"], kinds)
        feature_view = FeatureView(name=view["view"], entities=keys, ttl=ttl, schema=schema, source=source)
        self.store(namespace).apply(keys + [feature_view])

    def write(self, events, partial):
        """Writes rows of one view in the order given, by `FeatureStore.write_to_online_store`.

        Gives the warning with which Feast writes nothing, if it does that.
        """
        namespace, name = events[0].get("namespace", "default"), events[0]["view"]
        keys, kinds = self.views.get((namespace, name), ({}, {}))
        rows, named = [], None
        for event in events:
            row = {n: python_value(v, keys.get(n, "string")) for n, v in event["entity"].items()}
            row |= {n: python_value(v, kinds.get(n, "string")) for n, v in event["features"].items()}
            row["event_timestamp"] = instant(event["event_time"])
            row["created"] = instant(event.get("recorded_at", event["event_time"]))
            if event.get("op") == "patch":
                named = set(event["features"])
            else:
                # Feast takes no row with a column too few: what a Put leaves out is a null.
                row |= {n: None for n in kinds if n not in row}
            rows.append(row)
        frame = pandas.DataFrame({n: pandas.Series([r.get(n) for r in rows], dtype=object)
                                  for n in dict.fromkeys(n for r in rows for n in r)})
        for column in ("event_timestamp", "created"):
            frame[column] = pandas.to_datetime(frame[column], utc=True)
        store = self.store(namespace)
        try:
            if partial and named is not None and named < set(kinds):
                self.write_part(store, name, frame, named)
                return None
            with warnings.catch_warnings(record=True) as said:
                warnings.simplefilter("always")
                store.write_to_online_store(name, df=frame)
            return next((str(w.message) for w in said if str(w.message).startswith("Cannot write")), None)
        except Exception as error:
            raise Refused(f"{type(error).__name__}: {' '.join(str(error).split())[:120]}") from error

    @staticmethod
    def write_part(store, name, frame, named):
        """A row of a part of the features, by the interface of the online stores itself."""
        view = store.get_feature_view(name)
        for feature in view.features:
            if feature.name not in frame:
                frame[feature.name] = None
        provider = store._get_provider()
        rows = provider._prep_rows_to_write_for_ingestion(feature_view=view, df=frame)
        rows = [(k, {n: v for n, v in values.items() if n in named}, e, c) for k, values, e, c in rows]
        provider.online_write_batch(store.config, view, rows, None)

    def ask(self, namespace, name, entity, features):
        """Values and statuses of the latest row, by `FeatureStore.get_online_features`."""
        keys, kinds = self.views[namespace, name]
        row = {n: python_value(v, keys[n]) for n, v in entity.items()}
        try:
            response = self.store(namespace).get_online_features([f"{name}:{f}" for f in features], [row])
        except Exception as error:
            raise CannotBeAsked(f"{type(error).__name__}: {' '.join(str(error).split())[:100]}") from error
        given = response.to_dict()
        statuses = dict(zip(response.proto.metadata.feature_names.val, response.proto.results))
        return {f: (spelled(given[f][0], kinds[f]), statuses[f].statuses[0]) for f in features}


class Play:
    """One trace, told to one kind of store. `checks` is what came of its lines."""

    def __init__(self, lines, kind, clock, redis_port, partial):
        self.kind, self.clock, self.redis_port, self.partial = kind, clock, redis_port, partial
        self.says, lines = lines[0]["says"], lines[1:]
        self.peer, self.views = Peer(kind, redis_port, []), []
        self.accepted, self.bad, self.silent, self.now = [], set(), {}, None
        self.silent_all, self.checks, self.order = None, [], []
        for at, line in enumerate(lines):
            self.line(line, lines[at + 1] if at + 1 < len(lines) else {})

    def say(self, outcome, what, note=""):
        self.checks.append((outcome, what, note))

    def line(self, line, after):
        if "now" in line:
            self.now = micros(line["now"])
            if self.now < 10**16:
                self.clock.move_to(EPOCH.replace(tzinfo=None) + dt.timedelta(microseconds=self.now))
        elif "view" in line:
            self.views.append(line["view"])
            self.peer.apply(line["view"])
        elif "ask" in line:
            self.ask(line)
        elif {"event", "event_text", "batch"} & set(line):
            self.rows(line, after)
        elif "erase" in line:
            self.say("cannot", "erase", "nothing erases one entity of one view and fences it")
            self.silence([line["erase"]], "it was erased")
        elif "receipt" in line or "floor" in line or "quarantine" in line:
            self.say("cannot", next(iter(line)), "there is none")

    def silence(self, events, why):
        if any(isinstance(event, str) for event in events):
            self.silent_all = why  # Whom a text is about, nobody has read.
        for event in events:
            if isinstance(event, dict) and "entity" in event:
                self.silent.setdefault(entity_of(event), why)

    def unsayable(self, line, events):
        if self.says == "too large":
            return "how large is too large is each store's own"
        if line.get("on_bad") == "set_aside":
            return "there is no quarantine"
        if "event_text" in line or any(isinstance(e, str) for e in events):
            return "a line of text is no call of an API"
        if "appended_at" in line or "origin" in line:
            return "a write has no place and no time in a log"
        if any(e.get("op") == "delete" for e in events):
            return "no call deletes an entity at an event time"
        if any("schema_version" in e for e in events):
            return "a write does not say its schema version"
        if len({(e.get("namespace"), e["view"]) for e in events}) > 1:
            return "one call writes one view"
        if len(events) > 1 and any(e.get("op") == "patch" for e in events):
            return "one call writes the same columns of every row"
        keys, kinds = self.peer.views.get((events[0].get("namespace", "default"), events[0]["view"]), ({}, {}))
        if "bool" in keys.values():
            return "a bool is no key (`key_encoding_utils.py`, `_serialize_val`)"
        if any(has_another_length(v, kinds.get(n, "")) for e in events for n, v in e["features"].items()):
            return "a length is declared for vector search alone"
        if events[0].get("op") == "patch" and not set(kinds) <= set(events[0]["features"]):
            if not self.partial or not events[0]["features"]:
                return "`write_to_online_store` takes no part of a row"
        return None

    def rows(self, line, after):
        events = line.get("batch") or [line.get("event", line.get("event_text"))]
        must_fail = "refused" in after
        why = self.unsayable(line, events)
        try:
            if why:
                raise CannotBeAsked(why)
            nothing = self.peer.write(events, self.partial)
        except CannotBeAsked as error:
            self.say("cannot", "refusal" if must_fail else "write", str(error))
            return self.silence(events, str(error))
        except Refused as error:
            if must_fail:
                return self.say("same", "refusal", str(error))
            self.say("differs", "write", f"refused: {error}")
            return self.silence(events, f"its row was refused: {error}")
        if must_fail and nothing:
            return self.say("same", "refusal", f"warning: {nothing}")
        if must_fail:
            self.bad |= {entity_of(event) for event in events}
            return self.say("differs", "refusal", "a row that must be refused is accepted")
        self.accepted.append(events)

    def ask(self, line):
        ask, expect = line["ask"], line.get("expect")
        if "known_at" in ask:
            return self.say("cannot", "known_at", "a question has no known-at")
        if expect is None:
            return self.say("cannot", "beyond_history", "there is no floor")
        entity = entity_of(ask)
        if entity in self.silent or self.silent_all:
            return self.say("cannot", "latest", self.silent.get(entity, self.silent_all))
        about = self.now
        if "as_of" in ask:
            about = micros(ask["as_of"])
            # A row later than the question would make it one about the past. Without one, it is what
            # the store answers at that time of the clock.
            rows = [e for events in self.accepted for e in events if entity_of(e) == entity]
            if about >= 10**16 or any(micros(e["event_time"]) > about for e in rows):
                return self.say("cannot", "as_of", "an online store has no past")
        if not 0 <= about < 10**16:
            return self.say("cannot", "as_of", "no clock shows this time")
        namespace, name, kinds = entity[0], entity[1], self.peer.views[entity[:2]][1]
        wanted = {n: spelled(python_value(says.get("value"), kinds[n]), kinds[n])
                  for n, says in expect["features"].items()}
        words = {n: says["status"] for n, says in expect["features"].items()}
        self.clock.move_to(EPOCH.replace(tzinfo=None) + dt.timedelta(microseconds=about))
        try:
            found = self.peer.ask(namespace, name, ask["entity"], list(wanted))
        except CannotBeAsked as error:
            return self.say("cannot", "latest", str(error))
        finally:
            self.clock.move_to(EPOCH.replace(tzinfo=None) + dt.timedelta(microseconds=self.now))
        what = f"as_of {ask['as_of']}" if "as_of" in ask else "latest"
        wrong = [f"{n}: {words[n]} {show(wanted[n])}, Feast {show(found[n][0])}"
                 for n in wanted if wanted[n] != found[n][0]]
        blurred = [f"{words[n]} served as PRESENT" for n in wanted
                   if wanted[n] is None and words[n] != "null" and found[n][1] == 1]
        if wrong and entity in self.bad:
            wrong.append("after a row that must be refused was accepted")
        self.say("differs" if wrong else "same", what, "; ".join(wrong or sorted(set(blurred))))
        self.reorder(namespace, name, ask["entity"], list(wanted))

    def reorder(self, *question):
        """The accepted rows once more, into empty stores: as they came, reversed, and each twice."""
        answers = {}
        forward = [[e] for events in self.accepted for e in events]
        for way, order in (("order", forward), ("reversed", forward[::-1]), ("twice", forward + forward)):
            peer = Peer(self.kind, self.redis_port, self.views, database=1)
            for events in order:
                try:
                    peer.write(events, self.partial)
                except (Refused, CannotBeAsked):
                    pass
            try:
                answers[way] = {n: v for n, (v, _) in peer.ask(*question).items()}
            except CannotBeAsked as error:
                answers[way] = str(error)
        self.order.append({w for w in ("reversed", "twice") if answers[w] != answers["order"]})


def entity_of(said):
    return said.get("namespace", "default"), said["view"], json.dumps(said["entity"], sort_keys=True)


def show(value):
    return "no value" if value is None else str(value)


def redis_cli(port, *commands):
    """Says inline commands one by one; gives the last reply."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        for command in commands:
            connection.sendall(f"{command}\r\n".encode())
            reply = connection.recv(100)
        return reply


def start_redis(directory):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # The bound holds even where this process is killed before it ends the server.
    server = subprocess.Popen(
        ["timeout", str(RUN_SECONDS_MAX), "redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "",
         "--appendonly", "no", "--dir", directory], stdout=subprocess.DEVNULL)
    for _ in range(100):
        try:
            if redis_cli(port, "PING").startswith(b"+PONG"):
                return server, port
        except OSError:
            time.sleep(0.05)
    server.terminate()
    raise SystemExit("redis-server does not answer")


def main():
    # A frozen clock hands out datetimes of a type of its own. They are stored as Feast stores a datetime.
    sqlite3.register_adapter(freezegun.api.FakeDatetime, lambda t: int(t.timestamp()))
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    for end in (signal.SIGALRM, signal.SIGTERM):
        # An exception, so that the server is ended too.
        signal.signal(end, lambda *_: sys.exit("the run was ended before it was through"))
    signal.alarm(RUN_SECONDS_MAX)
    only = sys.argv[1:]
    today = dt.datetime.now(dt.timezone.utc)
    results = collections.defaultdict(dict)
    with tempfile.TemporaryDirectory() as directory:
        server, port = start_redis(directory)
        try:
            with freezegun.freeze_time("2013-01-01", ignore=["redis", "socket", "subprocess"]) as clock:
                for path in sorted(TRACES.glob("*.jsonl")):
                    if only and path.stem not in only:
                        continue
                    lines = [json.loads(line) for line in path.read_text().splitlines()]
                    for kind in ("sqlite", "redis"):
                        for partial in (False, True):
                            play = Play(lines, kind, clock, port, partial)
                            results[path.stem][kind, partial] = (lines[0]["clause"], play.checks, play.order)
        finally:
            server.terminate()
            server.wait(10)
    if only or os.environ.get("PRINT"):
        print(json.dumps({n: {f"{k}": v[1] for k, v in r.items()} for n, r in results.items()}, indent=1))
        print({n: {k: v[2] for k, v in r.items()} for n, r in results.items()})
    else:
        report.write(results, today)


if __name__ == "__main__":
    main()
