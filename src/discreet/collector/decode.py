"""From requests to records: the inverse of `sending/wire`, and what other software sends in the same formats.

    beacon     GET ...?t=mytool&e=search&...; also with `node=` or `go=` in place of `py=`, or as one JSON object
    json       {"records": [...]}
    otlp       {"resourceSpans": [...]}; of JavaScript too, which writes 64-bit integers as numbers
    posthog    {"batch": [...]}

The rule that keeps it honest: what is not said is left empty, never made up, but for two things that a record must
have: a moment, which is this hour, and an id. An id that is no UUID becomes one by its hash, so that a repeat stays a
repeat; where there is none it is random. What other software knows of a person, an address above all, is not looked at.

Flat names are nested at their first dot, as they most likely were: `results.returned=5` is `{"results":{"returned":5}}`.
"""

import math
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

from .. import names
from ..privacy.accept import is_hex
from ..sending.log import ID_BYTES, timestamp
from ..sending.records import is_flat
from ..sending.wire import beacon, cut, otlp, posthog
from .check import EXACT, FLAT, FOREIGN

Decoded: TypeAlias = tuple[dict[str, Any] | None, str]  # a record to be checked, and how far its sender is trusted

UNKNOWN = "unknown"  # the tool of an event that names none
OTHER = "other"  # the event of other software's span or event whose name none of ours can have
_KEYS = ("v", "id", "time", "run", "event", "tool", "version", "py", "os", "install", "properties")
_RUNTIMES = ("node", "go")
_LARGEST_SECOND = 253_402_300_799  # of the year 9999
_SYSTEMS = {"windows": "win32", "mac os x": "darwin", "macos": "darwin"}  # of OpenTelemetry and PostHog


class Malformed(ValueError):
    """A body that is not of its format at all."""


def query(text: str) -> Iterator[Decoded]:
    """The record of a beacon's query, whose values are texts; numbers and booleans are read back."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=100)
    except ValueError:  # UnicodeDecodeError is one
        raise Malformed("the query is not one of pairs in UTF-8") from None
    yield _beacon({name: value if name in beacon.RESERVED else _typed(value) for name, value in pairs}), FLAT


def own(content: object) -> Iterator[Decoded]:
    """The records of a body of the format json, or of a beacon that was too long for a URL."""
    if not isinstance(content, dict):
        raise Malformed("a body is an object")
    if "records" not in content:
        yield _beacon(content), FLAT
        return
    for record in _list(content["records"]):
        if not isinstance(record, dict):
            yield None, EXACT
            continue
        found = {**record, "id": identity(record.get("id"))}
        _take_runtime(found)
        yield {key: found[key] for key in (*_KEYS, *(found.keys() - _KEYS)) if key in found}, EXACT


def spans(content: object) -> Iterator[Decoded]:
    """The records of an OTLP request for traces."""
    if not isinstance(content, dict):
        raise Malformed("a body is an object")
    for group in _list(content.get("resourceSpans")):
        resource = _attributes(_dict(_dict(group).get("resource")).get("attributes"))
        scopes = [_dict(scope) for scope in _list(_dict(group).get("scopeSpans"))]
        for scope in scopes:
            for span in _list(scope.get("spans")):
                yield _span(_dict(span), resource)


def batch(content: object) -> Iterator[Decoded]:
    """The records of a PostHog batch."""
    if not isinstance(content, dict):
        raise Malformed("a body is an object")
    for event in _list(content.get("batch")):
        yield _event(_dict(event))


def identity(given: object) -> str:
    """A UUID: the one given, one by the hash of what was given, or a random one."""
    if isinstance(given, str) and given:
        text = given.lower()
        bare = text.replace("-", "")
        if len(text) == ID_BYTES and is_hex(bare, 32) and text == _uuid(bare):
            return text
        digits = blake2b(given.encode(errors="replace"), digest_size=16).hexdigest()
        return _uuid(f"{digits[:12]}8{digits[13:16]}8{digits[17:]}")  # version 8 of RFC 9562: custom
    digits = os.urandom(16).hex()
    return _uuid(f"{digits[:12]}4{digits[13:16]}8{digits[17:]}")


def _beacon(content: Mapping[str, Any]) -> dict[str, Any] | None:
    facts = {fact: content.get(key, "") for key, fact in beacon.RESERVED.items() if key != "install"}
    if "install" in content:
        facts["install"] = content["install"]
    rest = {name: value for name, value in content.items() if name not in beacon.RESERVED}
    if not facts["py"]:
        for runtime in _RUNTIMES:
            if runtime in rest:
                facts[runtime] = rest.pop(runtime)
                break
        _take_runtime(facts)
    return _record(facts, {_unmarked(name, beacon.RESERVED): value for name, value in rest.items()})


def _span(span: dict[str, Any], resource: dict[str, Any]) -> Decoded:
    native = resource.get("telemetry.sdk.name") == otlp.SCOPE
    attributes = _attributes(span.get("attributes"))
    trace, place = span.get("traceId"), span.get("spanId")
    if not (is_hex(trace, 32) and is_hex(place, 16)):
        return None, FOREIGN
    facts = {fact: resource.get(name, "") for fact, name in otlp.RESOURCE.items()}
    runtime = resource.get("process.runtime.name", "cpython")
    if facts["py"] and runtime != "cpython":
        facts["py"] = f"{runtime} {facts['py']}"
    facts["os"] = _SYSTEMS.get(facts["os"], facts["os"])
    # Many spans of other software share one trace; ours are alone in theirs.
    facts["id"] = identity(_uuid(trace) if native and trace[16:] == place else f"{trace}-{place}")
    facts["run"] = attributes.get("session.id", "")
    facts["event"] = attributes.get("event.name", span.get("name"))
    start = _integer(span.get("startTimeUnixNano"))
    if start is not None and 0 <= start // 1_000_000_000 <= _LARGEST_SECOND:
        facts["time"] = timestamp(start // 1_000_000_000)
    properties = {
        _unmarked(name, otlp.RESERVED): value for name, value in attributes.items() if name not in otlp.RESERVED
    }
    if native:
        return _record(facts, properties), FLAT
    for field, name in (("exit_code", "process.exit.code"), ("error", "error.type")):
        if name in attributes:
            properties.setdefault(field, attributes[name])
    end = _integer(span.get("endTimeUnixNano"))
    if start and end and end >= start:
        properties.setdefault("duration_ms", round((end - start) / 1_000_000))
    properties.setdefault("success", _dict(span.get("status")).get("code") != 2)
    return _foreign(facts, properties), FOREIGN


def _event(event: dict[str, Any]) -> Decoded:
    told = _dict(event.get("properties"))
    native = "$app_name" in told and "$lib" not in told
    facts = {fact: told.get(name, "") for fact, name in posthog.FACTS.items()}
    if not native:
        system = str(facts["os"]).lower()
        facts["os"] = _SYSTEMS.get(system, system)
    facts["id"] = identity(event.get("uuid"))
    facts["event"] = event.get("event")
    who = event.get("distinct_id")
    facts["install" if is_hex(who, 32) else "run"] = who
    moment = event.get("timestamp")
    if isinstance(moment, str):
        facts["time"] = _moment(moment)
    properties = {name: value for name, value in told.items() if not name.startswith("$")}
    if native:
        return _record(facts, {}) | {"properties": properties}, FLAT
    return _foreign(facts, properties), FOREIGN


def _record(facts: Mapping[str, Any], properties: Mapping[str, Any]) -> dict[str, Any]:
    """A record of these facts; the rest of it is empty."""
    found = {"v": 1, **{key: facts.get(key, "") for key in _KEYS[1:-1] if key != "install"}}
    found["id"] = identity(found["id"])
    found["time"] = found["time"] or cut(timestamp(time.time()), "hour")
    if facts.get("install"):
        found["install"] = facts["install"]
    found["properties"] = _nested(properties)
    return found


def _foreign(facts: dict[str, Any], properties: Mapping[str, Any]) -> dict[str, Any]:
    """A record of other software: what a record may not hold is left out, since nobody told it."""
    if not names.legal_tool(facts.get("tool")):
        facts["tool"] = UNKNOWN
    if not names.legal_name(facts.get("event")):
        facts["event"] = OTHER
    if not is_hex(facts.get("run"), 16):
        facts["run"] = ""
    if not is_hex(facts.get("install"), 32):
        facts.pop("install", None)
    for fact in ("version", "py", "os"):
        if not (isinstance(facts.get(fact), str) and is_flat(facts[fact])):
            facts[fact] = ""
    return _record(facts, _legal(properties))


def _legal(properties: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in properties.items():
        if isinstance(value, dict):
            value = {inner: held for inner, held in value.items() if is_flat(inner) and is_flat(held)}  # noqa: PLW2901
            fits = bool(value)
        else:
            fits = is_flat(value)
        head = name if isinstance(value, dict) else name.partition(".")[0]
        if fits and names.legal_name(head) and len(name) <= names.NAME_LENGTH:
            found[name] = value
    return found


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Names nested at their first dot, where nothing else has that name."""
    found: dict[str, Any] = {name: value for name, value in flat.items() if "." not in name}
    for name, value in flat.items():
        head, dot, inner = name.partition(".")
        if not dot:
            continue
        if not isinstance(value, dict) and isinstance(found.setdefault(head, {}), dict):
            found[head][inner] = value
        elif names.legal_name(name):
            found[name] = value
    return found


def _unmarked(name: str, reserved: Iterable[str]) -> str:
    """The inverse of `wire.facts.apart`."""
    return name[:-1] if name.endswith("_") and name.rstrip("_") in reserved else name


def _take_runtime(facts: dict[str, Any]) -> None:
    """`node` or `go` in place of `py`: `node=v20.1.0` is `node 20.1.0`."""
    for runtime in _RUNTIMES:
        if runtime in facts and not facts.get("py"):
            version = str(facts.pop(runtime)).removeprefix("v").removeprefix("go")
            facts["py"] = f"{runtime} {version}"


def _typed(text: str) -> bool | int | float | str:
    """The number or boolean whose text this is, in its one spelling; else the text."""
    if text in ("true", "false"):
        return text == "true"
    if not text or len(text) > 24 or text.strip("0123456789.e+-"):
        return text
    for kind in (int, float):
        try:
            number = kind(text)
        except (ValueError, OverflowError):
            continue
        if str(number) == text and abs(number) <= names.LARGEST_INTEGER:
            return number
    return text


def _attributes(content: object) -> dict[str, Any]:
    """OTLP's attributes by their keys; values of kinds that no record holds are left out."""
    found = {}
    for attribute in _list(content):
        key, value = _dict(attribute).get("key"), _dict(_dict(attribute).get("value"))
        if isinstance(key, str) and len(value) == 1:
            ((kind, held),) = value.items()
            read = _value(kind, held)
            if read is not None:
                found[key] = read
    return found


def _value(kind: str, held: object) -> bool | int | float | str | None:
    if kind == "intValue":
        return _integer(held)
    if kind == "doubleValue":
        # JavaScript writes 2.0 as 2; the protocol also has texts, for what JSON cannot say.
        return float(held) if type(held) in (int, float) and abs(held) <= names.LARGEST_INTEGER else None  # type: ignore[arg-type, operator]
    if (kind == "stringValue" and isinstance(held, str)) or (kind == "boolValue" and isinstance(held, bool)):
        return held
    return None


def _integer(held: object) -> int | None:
    """A 64-bit integer as a text, as the protocol writes it, or as a number, as JavaScript does."""
    if isinstance(held, str) and len(held) <= 20 and held.isascii() and held.removeprefix("-").isdigit():
        return int(held)
    if isinstance(held, float) and math.isfinite(held) and held.is_integer():
        return int(held)
    return held if type(held) is int else None


def _moment(text: str) -> str:
    """A moment in ISO 8601 as a record has it; "" where it is none."""
    try:
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0")
    except (ValueError, OverflowError):
        return ""


def _uuid(digits: str) -> str:
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _list(content: object) -> list[Any]:
    if content is None:
        return []
    if not isinstance(content, list):
        raise Malformed("a list was expected")
    return content


def _dict(content: object) -> dict[str, Any]:
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise Malformed("an object was expected")
    return content
