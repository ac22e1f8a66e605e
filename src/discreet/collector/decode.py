"""From requests to records: the inverse of `sending/wire`, and what other software sends in the same formats.

    beacon     GET ...?t=mytool&e=search&...; also with `node=` or `go=` in place of `py=`, or as one JSON object
    json       {"records": [...]}
    otlp       {"resourceSpans": [...]}; also from JavaScript, which writes 64-bit integers as numbers
    posthog    {"batch": [...]}

The rule that keeps it honest: what is missing stays empty and is never made up, except for two things that a record
must have: a time, which is this hour, and an id. The id of a run or an installation is left out if its form is wrong.

Flat names are nested at their first dot, as they most likely were: `results.size=5` is `{"results":{"size":5}}`.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

from .. import names
from ..log import timestamp
from ..privacy.accept import is_hex
from ..sending.records import is_flat
from ..sending.wire import beacon, cut, otlp, posthog
from ..sending.wire.json import KEYS
from .check import EXACT, FLAT, FOREIGN
from .values import Malformed, attributes, identity, integer, items, mapping, moment, typed, uuid

Decoded: TypeAlias = tuple[dict[str, Any] | None, str]  # a record to be checked, and how far its sender is trusted

UNKNOWN = "unknown"  # the tool of an event that names none
OTHER = "other"  # the event of other software's spans and events whose names are not legal here
_ORDERS = (KEYS, tuple(key for key in KEYS if key != "install"))
_RUNTIMES = ("node", "go")
_LARGEST_SECOND = 253_402_300_799  # of the year 9999
_SYSTEMS = {"windows": "win32", "mac os x": "darwin", "macos": "darwin"}  # of OpenTelemetry and PostHog


def query(text: str) -> Iterator[Decoded]:
    """The record of a beacon's query, whose values are texts; numbers and booleans are read back."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=100)
    except ValueError:  # UnicodeDecodeError is one
        raise Malformed("the query is not one of pairs in UTF-8") from None
    yield _beacon({name: value if name in beacon.RESERVED else typed(value) for name, value in pairs}), FLAT


def own(content: object) -> Iterator[Decoded]:
    """The records of a body of the format json, or of a beacon that was too long for a URL."""
    found = mapping(content)
    if "records" not in found:
        yield _beacon(found), FLAT
        return
    for record in items(found["records"]):
        if not isinstance(record, dict):
            yield None, EXACT
            continue
        made = {**record, "id": identity(record.get("id"))}
        if tuple(made) not in _ORDERS:
            _take_runtime(made, made)
            made = {key: made[key] for key in KEYS if key in made} | made
        yield made, EXACT


def spans(content: object) -> Iterator[Decoded]:
    """The records of an OTLP request for traces."""
    for group in items(mapping(content).get("resourceSpans")):
        resource = attributes(mapping(mapping(group).get("resource")).get("attributes"))
        scopes = [mapping(scope) for scope in items(mapping(group).get("scopeSpans"))]
        for scope in scopes:
            for span in items(scope.get("spans")):
                yield _span(mapping(span), resource)


def batch(content: object) -> Iterator[Decoded]:
    """The records of a PostHog batch."""
    for event in items(mapping(content).get("batch")):
        yield _event(mapping(event))


def _beacon(content: Mapping[str, Any]) -> dict[str, Any] | None:
    facts = {fact: content.get(key, "") for key, fact in beacon.RESERVED.items()}
    rest = {name: value for name, value in content.items() if name not in beacon.RESERVED}
    _take_runtime(facts, rest)
    return _record(facts, {_unmarked(name, beacon.RESERVED): value for name, value in rest.items()})


def _span(span: dict[str, Any], resource: dict[str, Any]) -> Decoded:
    native = resource.get("telemetry.sdk.name") == otlp.SCOPE
    told = attributes(span.get("attributes"))
    trace, place = str(span.get("traceId")).lower(), str(span.get("spanId")).lower()
    if not (is_hex(trace, 32) and is_hex(place, 16)):
        return None, FOREIGN
    facts = {fact: resource.get(name, "") for fact, name in otlp.RESOURCE.items()}
    runtime = resource.get("process.runtime.name", "cpython")
    if facts["py"] and runtime != "cpython":
        facts["py"] = f"{runtime} {facts['py']}"
    facts["os"] = _SYSTEMS.get(facts["os"], facts["os"])
    # Many spans of other software share one trace; ours are alone in theirs.
    facts["id"] = identity(uuid(trace) if native and trace[16:] == place else f"{trace}-{place}")
    facts["run"] = told.get("session.id", "")
    facts["event"] = told.get("event.name", span.get("name"))
    start = integer(span.get("startTimeUnixNano"))
    if start is not None and 0 <= start // 1_000_000_000 <= _LARGEST_SECOND:
        facts["time"] = timestamp(start // 1_000_000_000)
    properties = {_unmarked(name, otlp.RESERVED): value for name, value in told.items() if name not in otlp.RESERVED}
    if native:
        return _record(facts, properties), FLAT
    for field, name in (("exit_code", "process.exit.code"), ("error", "error.type")):
        if name in told:
            properties.setdefault(field, told[name])
    end = integer(span.get("endTimeUnixNano"))
    if start and end and end >= start:
        properties.setdefault("duration_ms", (end - start + 500_000) // 1_000_000)  # no float: it rounds large ones
    properties.setdefault("success", mapping(span.get("status")).get("code") != 2)
    return _foreign(facts, properties), FOREIGN


def _event(event: dict[str, Any]) -> Decoded:
    told = mapping(event.get("properties"))
    native = "$app_name" in told and "$lib" not in told
    facts = {fact: told.get(name, "") for fact, name in posthog.FACTS.items()}
    if not native:
        system = str(facts["os"]).lower()
        facts["os"] = _SYSTEMS.get(system, system)
    facts["id"] = identity(event.get("uuid"))
    facts["event"] = event.get("event")
    who = event.get("distinct_id")
    facts["install" if is_hex(who, 32) else "run"] = who
    facts["time"] = moment(event.get("timestamp"))
    properties = {name: value for name, value in told.items() if not name.startswith("$")}
    if native:
        return _record(facts, {}) | {"properties": properties}, FLAT
    if not (isinstance(facts["event"], str) and facts["event"]):
        return None, FOREIGN  # a span may have no name, but no client of PostHog sends an event without one
    return _foreign(facts, properties), FOREIGN


def _record(facts: Mapping[str, Any], properties: Mapping[str, Any]) -> dict[str, Any]:
    """A record of these facts, empty where there is none. An id of a run or an installation that has another form is
    left out: it may say who it was.
    """
    found = {"v": 1, **{key: facts.get(key, "") for key in KEYS[1:-1] if key != "install"}}
    found["id"] = identity(found["id"])
    found["run"] = found["run"] if is_hex(found["run"], 16) else ""
    found["time"] = found["time"] or cut(timestamp(time.time()), "hour")
    if is_hex(facts.get("install"), 32):
        found["install"] = facts["install"]
    found["properties"] = _nested(properties)
    return found


def _foreign(facts: dict[str, Any], properties: Mapping[str, Any]) -> dict[str, Any]:
    """A record of other software, which does not know what a record may hold: what it may not is left out."""
    if not names.legal_tool(facts.get("tool")):
        facts["tool"] = UNKNOWN
    if not names.legal_name(facts.get("event")):
        facts["event"] = OTHER
    for fact in ("version", "py", "os"):
        if not (isinstance(facts.get(fact), str) and is_flat(facts[fact])):
            facts[fact] = ""
    return _record(facts, _legal(properties))


def _legal(properties: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in properties.items():
        if isinstance(value, dict):
            # Under the same name, so that no code below can take what was left out.
            value = {inner: held for inner, held in value.items() if is_flat(inner) and is_flat(held)}  # noqa: PLW2901
            fits, head = bool(value), name
        else:
            fits, head = is_flat(value), name.partition(".")[0]
        if fits and names.legal_name(head) and len(name) <= names.NAME_LENGTH:
            found[name] = value
    return found


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Names nested at their first dot whose head is not the name of another value."""
    found: dict[str, Any] = {name: value for name, value in flat.items() if "." not in name}
    for name, value in flat.items():
        at = name.find(".")
        while at >= 0 and not isinstance(value, dict):
            held = found.setdefault(name[:at], {})
            if isinstance(held, dict):
                held[name[at + 1 :]] = value
                break
            at = name.find(".", at + 1)
        else:
            if names.legal_name(name):
                found[name] = value
    return found


def _unmarked(name: str, reserved: Iterable[str]) -> str:
    """The inverse of `wire.facts.apart`."""
    return name[:-1] if name.endswith("_") and name.rstrip("_") in reserved else name


def _take_runtime(facts: dict[str, Any], told: dict[str, Any]) -> None:
    """Take `node` or `go` from `told` as the fact `py`: `node=v20.1.0` is `node 20.1.0`."""
    for runtime in _RUNTIMES:
        if runtime in told and not facts.get("py"):
            version = str(told.pop(runtime)).removeprefix("v").removeprefix("go")
            facts["py"] = f"{runtime} {version}"
