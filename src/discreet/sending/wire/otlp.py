"""otlp: records as spans, for any OpenTelemetry receiver. OTLP/HTTP with JSON.

    POST https://collector.example.org/v1/traces
    {"resourceSpans":[{
      "resource":{"attributes":[                    one for each tool, version, Python, system and installation
        {"key":"service.name","value":{"stringValue":"mytool"}},
        {"key":"service.version","value":{"stringValue":"1.4.0"}},
        {"key":"process.runtime.version","value":{"stringValue":"3.11.7"}},
        {"key":"os.type","value":{"stringValue":"linux"}},
        {"key":"app.installation.id",...},          where the author asked for it
        telemetry.sdk.name, telemetry.sdk.language, telemetry.sdk.version]},
      "scopeSpans":[{"scope":{"name":"discreet"},"spans":[{
        "traceId":"<id, 32 hex>","spanId":"<its last 16>",
        "name":"import.from_code",                  the command, or else the event
        "kind":1,                                   SPAN_KIND_INTERNAL
        "startTimeUnixNano":"1795168800000000000",  the time, cut to the destination's precision
        "endTimeUnixNano":"1795168804280000000",    and `duration_ms` later
        "attributes":[
          {"key":"event.name","value":{"stringValue":"command"}},
          {"key":"session.id","value":{"stringValue":"<run>"}},
          {"key":"process.exit.code","value":{"intValue":"1"}},             as `exit_code`, where there is one
          {"key":"error.type","value":{"stringValue":"ValueError"}},        as `error`, where there is one
          {"key":"duration_ms","value":{"intValue":"4280"}}, ...],          and every property under its own name
        "status":{"code":2}}]}]}]}                  STATUS_CODE_ERROR where `success` is false, else left out

The rule that keeps it honest: what a strict reader of the protocol refuses is never written. Ids are lower-case hex of
16 and 8 bytes, 64-bit integers are decimal strings, an integer beyond 64 bits is a text, a span ends no earlier than it
starts, and no attribute comes twice: a property with the name of one of the first four gets a `_` at its end.

Source: opentelemetry-proto, docs/specification.md ("JSON Protobuf Encoding"); the OpenTelemetry semantic conventions
for service, process, os, app, session, error and telemetry.sdk.
"""

from .facts import apart, cut, flat
from .request import post

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ...destination import Destination
    from ..records import Record
    from .request import Request

# `discreet.__version__` once more, since a deliverer does not load that module; a test compares the two.
SDK = {"telemetry.sdk.name": "discreet", "telemetry.sdk.language": "python", "telemetry.sdk.version": "0.1.0"}
SCOPE = "discreet"
RESOURCE = {
    "tool": "service.name",
    "version": "service.version",
    "py": "process.runtime.version",
    "os": "os.type",
    "install": "app.installation.id",
}
RESERVED = ("event.name", "session.id", "process.exit.code", "error.type")
_KINDS: "dict[type, str]" = {bool: "boolValue", float: "doubleValue", str: "stringValue"}  # of an `AnyValue`
_OS_TYPES = {"win32": "windows"}  # the conventions' name, if it is not Python's
_UNNAMED_ERROR = "_OTHER"  # what the conventions call an error without a name; `other` in a record
_LATEST = 2**63 - 1  # nanoseconds, in the year 2262: times are unsigned 64-bit integers, but signed in many readers
_LONGEST = _LATEST // 1_000_000  # milliseconds


def encode(records: "list[Record]", destination: "Destination") -> "Request":
    """The request that carries the records, those of one resource together."""
    resources: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for record in records:
        resource = tuple([record.get(fact, "") for fact in RESOURCE])
        resources.setdefault(resource, []).append(_span(record, destination.time_precision))
    spans = [
        {
            "resource": {"attributes": _attributes(_resource(resource))},
            "scopeSpans": [{"scope": {"name": SCOPE}, "spans": spans}],
        }
        for resource, spans in resources.items()
    ]
    return post({"resourceSpans": spans}, records, destination)


def _resource(facts: tuple[str, ...]) -> "dict[str, Any]":
    found = {name: fact for name, fact in zip(RESOURCE.values(), facts, strict=True) if fact}
    if "os.type" in found:
        found["os.type"] = _OS_TYPES.get(found["os.type"], found["os.type"])
    return found | SDK


def _span(record: "Record", precision: str) -> "dict[str, Any]":
    properties = record["properties"]
    trace = record["id"].replace("-", "")
    start = min(max(0, nanoseconds(cut(record["time"], precision))), _LATEST)
    command = properties.get("command")
    span = {
        "traceId": trace,
        "spanId": trace[16:],
        "name": command if record["event"] == "command" and command and type(command) is str else record["event"],
        "kind": 1,
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(min(start + _elapsed(properties), _LATEST)),
        "attributes": _attributes(_facts(record)),
    }
    if properties.get("success") is False:
        span["status"] = {"code": 2}
    return span


def _facts(record: "Record") -> "dict[str, Any]":
    """The attributes of a span: facts of the record under the conventions' names, then every property under its own."""
    properties = record["properties"]
    facts = {"event.name": record["event"], "session.id": record["run"]}
    if type(properties.get("exit_code")) is int:
        facts["process.exit.code"] = properties["exit_code"]
    error = properties.get("error")
    if type(error) is str:
        facts["error.type"] = _UNNAMED_ERROR if error == "other" else error
    return facts | {apart(name, RESERVED): value for name, value in flat(properties).items()}


def _attributes(facts: "Mapping[str, Any]") -> "list[dict[str, Any]]":
    return [{"key": name, "value": _any_value(value)} for name, value in facts.items()]


def _any_value(value: object) -> "dict[str, Any]":
    """An `AnyValue`: exactly one of its kinds."""
    kind = type(value)
    if kind is int:
        return {"intValue" if -(2**63) <= value < 2**63 else "stringValue": str(value)}  # type: ignore[operator]
    if kind not in _KINDS:
        raise TypeError(f"a {kind.__name__} cannot be sent")
    return {_KINDS[kind]: value}


def _elapsed(properties: "Mapping[str, Any]") -> int:
    """Nanoseconds of the property `duration_ms`; 0 if it is missing, negative, or no number."""
    duration = properties.get("duration_ms")
    if type(duration) not in (int, float):
        return 0
    return int(min(max(0, duration), _LONGEST) * 1_000_000)  # type: ignore[type-var, operator]  # a number, as seen above


def nanoseconds(time: str) -> int:
    """Nanoseconds since 1970 of a time like `2026-11-20T10:30:00Z`; negative before.

    By hand, since `calendar` costs 4 ms: days since March 1st of year 0 of the proleptic Gregorian calendar, counted so
    that a leap day is the last one of its year.
    """
    year, month, day = int(time[:4]), int(time[5:7]), int(time[8:10])
    years, months = (year, month - 3) if month > 2 else (year - 1, month + 9)
    days = 365 * years + years // 4 - years // 100 + years // 400 + (153 * months + 2) // 5 + day - 1 - 719_468
    seconds = int(time[11:13]) * 3600 + int(time[14:16]) * 60 + int(time[17:19])
    return (days * 86_400 + seconds) * 1_000_000_000
