"""otlp: spans that a strict reader takes, equal to the records field by field."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given

import discreet
from discreet.sending import wire
from discreet.sending.wire.facts import flat
from discreet.sending.wire.otlp import RESERVED, RESOURCE, SDK, nanoseconds
from wire.cases import RECORDS, batches, destination, precisions, records, times

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
KINDS = {"stringValue": str, "boolValue": bool, "intValue": str, "doubleValue": float}


def attributes(listed: list[dict[str, Any]]) -> dict[str, Any]:
    """Attributes as a mapping of Python values; fails on a key that comes twice and on anything not strict."""
    found: dict[str, Any] = {}
    for attribute in listed:
        assert set(attribute) == {"key", "value"}
        ((kind, value),) = attribute["value"].items()
        assert type(value) is KINDS[kind]
        assert attribute["key"] not in found
        if kind == "intValue":
            assert str(int(value)) == value
            assert -(2**63) <= int(value) < 2**63
        found[attribute["key"]] = int(value) if kind == "intValue" else value
    return found


def spans(batch: list[dict[str, Any]], **options: Any) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Each span of a batch with the attributes of its resource."""
    body = json.loads(wire.encode(batch, destination("otlp", **options)).body)
    assert set(body) == {"resourceSpans"}
    found = []
    for resource in body["resourceSpans"]:
        assert set(resource) == {"resource", "scopeSpans"}
        (scope,) = resource["scopeSpans"]
        assert (set(scope), scope["scope"]) == ({"scope", "spans"}, {"name": "discreet"})
        common = attributes(resource["resource"]["attributes"])
        found += [(span, common) for span in scope["spans"]]
    return found


def one(properties: dict[str, Any], **facts: Any) -> dict[str, Any]:
    """The span of a command with those properties."""
    ((span, _),) = spans([{**RECORDS[1], **facts, "properties": properties}])
    return span


@given(batch=batches, precision=precisions)
def test_spans_are_exactly_the_records(batch: list[dict[str, Any]], precision: str) -> None:
    """Ids, times, resource and properties come back as they were, and nothing else is there."""
    found = spans(batch, time_precision=precision)
    by_id = {record["id"].replace("-", ""): record for record in batch}
    assert sorted(span["traceId"] for span, _ in found) == sorted(by_id)
    for span, resource in found:
        record = by_id[span["traceId"]]
        system = {"win32": "windows"}.get(record["os"], record["os"])
        common = {RESOURCE[fact]: record[fact] for fact in RESOURCE if record.get(fact)}
        assert resource == common | {"os.type": system} | SDK
        assert span["spanId"] == span["traceId"][16:]
        start = nanoseconds(wire.cut(record["time"], precision))
        assert int(span["startTimeUnixNano"]) == min(max(0, start), 2**63 - 1)
        facts = attributes(span["attributes"])
        assert (facts["event.name"], facts["session.id"]) == (record["event"], record["run"])
        properties = {
            name[:-1] if name.rstrip("_") in RESERVED else name: value
            for name, value in facts.items()
            if name not in RESERVED
        }
        assert repr(properties) == repr(flat(record["properties"]))


@given(records)
def test_a_property_never_replaces_a_fact_of_the_record(record: dict[str, Any]) -> None:
    """The names of the conventions hold what the record says, and are there only where it says it."""
    ((span, resource),) = spans([record])
    facts, properties = attributes(span["attributes"]), record["properties"]
    error, code = properties.get("error"), properties.get("exit_code")
    expected: dict[str, Any] = {"event.name": record["event"], "session.id": record["run"]}
    if type(code) is int:
        expected["process.exit.code"] = code
    if isinstance(error, str):
        expected["error.type"] = "_OTHER" if error == "other" else error
    assert {name: facts[name] for name in RESERVED if name in facts} == expected
    assert resource["service.name"] == record["tool"]


@given(records)
def test_a_span_is_what_strict_readers_take(record: dict[str, Any]) -> None:
    """Hex ids that are not zero, unsigned times as texts, an end at or after the start, a name, kind 1."""
    ((span, _),) = spans([record])
    assert set(span) - {"status"} == {
        "traceId", "spanId", "name", "kind", "startTimeUnixNano", "endTimeUnixNano", "attributes",
    }  # fmt: skip
    assert (len(bytes.fromhex(span["traceId"])), len(bytes.fromhex(span["spanId"]))) == (16, 8)
    assert span["traceId"] == span["traceId"].lower()
    assert int(span["spanId"], 16)
    start, end = int(span["startTimeUnixNano"]), int(span["endTimeUnixNano"])
    assert 0 <= start <= end < 2**63
    assert (type(span["startTimeUnixNano"]), span["kind"], bool(span["name"])) == (str, 1, True)


def test_records_of_one_resource_are_together() -> None:
    """One resource for each tool, version, Python, system and installation, in the order they first came."""
    found = [resource for _, resource in spans(RECORDS)]
    assert [tuple(resource.get(name, "") for name in RESOURCE.values()) for resource in found] == [
        *[("mytool", "1.4.0", "3.11.7", "linux", "")] * 13,
        ("mytool", "1.4.0", "3.11.7", "linux", "ab" * 16),
        ("Other_tool-2", "", "3.13.0", "windows", ""),
        ("mytool", "2.0.0rc1+grün (local)", "3.11.7", "darwin", ""),
    ]
    assert all(SDK.items() <= resource.items() for resource in found)
    assert "service.version" not in found[14]


@pytest.mark.parametrize(
    ("event", "properties", "name"),
    [
        ("command", {"command": "import.from_code"}, "import.from_code"),
        ("command", {"command": ""}, "command"),
        ("command", {"command": 5}, "command"),
        ("command", {}, "command"),
        ("search", {"command": "import"}, "search"),
    ],
)
def test_a_span_is_named_for_its_command_or_its_event(event: str, properties: dict[str, Any], name: str) -> None:
    """Never for anything that a user typed: both are names from the code."""
    assert one(properties, event=event)["name"] == name


@pytest.mark.parametrize(
    ("properties", "status"),
    [
        ({"success": False}, {"code": 2}),
        ({"success": True}, None),
        ({"success": 0}, None),
        ({"exit_code": 1}, None),
        ({}, None),
    ],
)
def test_only_a_failure_has_a_status(properties: dict[str, Any], status: object) -> None:
    """What did not fail is left unset, as the protocol wants it of an instrumentation."""
    assert one(properties).get("status") == status


@pytest.mark.parametrize(
    ("duration", "nanoseconds_later"),
    [
        (4280, 4_280_000_000),
        (0.25, 250_000),
        (0, 0),
        (-5, 0),
        (-0.5, 0),
        ("4280", 0),
        (True, 0),
        (None, 0),
    ],
)
def test_a_span_ends_its_duration_later(duration: object, nanoseconds_later: int) -> None:
    """Milliseconds, whole or not; what is no duration ends the span where it starts."""
    span = one({} if duration is None else {"duration_ms": duration})
    assert int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"]) == nanoseconds_later


@pytest.mark.parametrize("duration", [2**53, 9e15, 1e300, 10**30])
@pytest.mark.parametrize("time", ["2026-11-20T10:30:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"])
def test_times_stay_within_what_readers_hold(duration: float, time: str) -> None:
    """The longest duration and the furthest times end in 2262 at the latest, and begin in 1970 at the earliest."""
    span = one({"duration_ms": duration}, time=time)
    assert 0 <= int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"]) < 2**63


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**30])
def test_an_integer_beyond_64_bits_is_a_text(number: int) -> None:
    """Exact, where `intValue` would be refused with everything else in the request."""
    values = {
        item["key"]: item["value"] for item in one({"n": number, "edge": 2**63 - 1, "low": -(2**63)})["attributes"]
    }
    assert values["n"] == {"stringValue": str(number)}
    assert values["edge"] == {"intValue": "9223372036854775807"}
    assert values["low"] == {"intValue": "-9223372036854775808"}


def test_a_boolean_is_no_integer() -> None:
    """Although it is one to Python; and an exit code that is a boolean is no exit code."""
    facts = attributes(one({"yes": True, "exit_code": True})["attributes"])
    assert facts["yes"] is True
    assert "process.exit.code" not in facts


@pytest.mark.parametrize("value", [None, [1], {"deeper": {"still": 1}}, b"x"])
def test_what_no_conversion_lets_out_is_refused(value: object) -> None:
    """There is no attribute of a kind that no conversion makes."""
    with pytest.raises(TypeError, match="cannot be sent"):
        one({"field": value})


@given(times)
def test_nanoseconds_are_those_of_the_calendar(time: str) -> None:
    """Equal to the standard library's for every second of its calendar."""
    moment = datetime.strptime(time, "%Y-%m-%dT%H:%M:%S%z")
    assert nanoseconds(time) == (moment - EPOCH) // timedelta(microseconds=1) * 1000


def test_the_sdk_is_this_package() -> None:
    """The version is written a second time in `otlp`, since a deliverer does not load the first."""
    assert SDK["telemetry.sdk.version"] == discreet.__version__
