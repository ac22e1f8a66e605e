"""Every decoder against its encoder, and what other software writes in the same formats."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given

from collector.conftest import typed
from discreet.collector import decode
from discreet.collector.check import FLAT, FOREIGN
from discreet.collector.values import Malformed, moment
from discreet.sending import wire
from discreet.sending.records import checked
from discreet.sending.wire import cut, flat
from wire.cases import RECORDS, batches, destination, precisions

KEYS = ["v", "id", "time", "run", "event", "tool", "version", "py", "os", "install", "properties"]


def decoded(form: str, request: wire.Request) -> Iterator[decode.Decoded]:
    """What the decoder of a format makes of a request."""
    if form == "beacon" and request.method == "GET":
        return decode.query(request.target.partition("?")[2])
    reader = {"beacon": decode.own, "json": decode.own, "otlp": decode.spans, "posthog": decode.batch}[form]
    return reader(json.loads(request.body))


def spelled(properties: dict[str, Any]) -> dict[str, str]:
    """Flat properties as the texts of a URL."""
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in properties.items()}


@given(batch=batches, precision=precisions)
@example(batch=RECORDS, precision="hour")
def test_json_is_read_as_it_was_written(batch: list[dict[str, Any]], precision: str) -> None:
    """The records of the log, key by key, but for what the client cut off their time."""
    request = wire.encode(batch, destination("json", time_precision=precision))
    found = [checked(record) for record, _ in decoded("json", request)]
    assert found == [{**record, "time": cut(record["time"], precision)} for record in batch]
    assert all(list(record) == [key for key in KEYS if key in record] for record in found if record)


@given(batch=batches, precision=precisions)
@example(batch=RECORDS, precision="second")
def test_spans_are_read_as_they_were_written(batch: list[dict[str, Any]], precision: str) -> None:
    """Nothing but the nesting is lost, for any time that a span can have."""
    batch = [{**record, "time": min(max(record["time"], "1970-01-01"), "2262-01-01T00:00:00Z")} for record in batch]
    batch = [{**record, "time": record["time"].ljust(20, "0")} for record in batch if len(record["time"]) == 20]
    if not batch:
        return
    request = wire.encode(batch, destination("otlp", time_precision=precision))
    found = {record["id"]: record for record, manner in decoded("otlp", request) if record and manner == FLAT}
    for record in batch:
        one = found[record["id"]]
        assert checked(one)
        assert typed(one["properties"]) == typed(record["properties"])
        assert {**one, "properties": 0} == {**record, "properties": 0, "time": cut(record["time"], precision)}


@given(batch=batches, precision=precisions)
@example(batch=RECORDS, precision="day")
def test_posthog_is_read_as_it_was_written(batch: list[dict[str, Any]], precision: str) -> None:
    """All but the run of a record that names its installation, in the place of which that stands."""
    request = wire.encode(batch, destination("posthog", time_precision=precision))
    for record, (one, manner) in zip(batch, decoded("posthog", request), strict=True):
        run = "" if "install" in record else record["run"]
        assert manner == FLAT
        assert checked(one) == {**record, "run": run, "time": cut(record["time"], precision)}


@given(batch=batches)
@example(batch=RECORDS)
def test_a_beacon_is_read_as_it_was_written(batch: list[dict[str, Any]]) -> None:
    """It has no time and no run; in a URL, what looks like a number is one; of a POST the kinds are kept."""
    for record in batch:
        request = wire.encode([record], destination("beacon"))
        ((one, _),) = decoded("beacon", request)
        assert checked(one)
        assert one["time"].endswith(":00:00Z")
        assert {**one, "time": 0, "properties": 0} == {**record, "time": 0, "run": "", "properties": 0}
        if request.method == "POST":
            assert typed(one["properties"]) == typed(record["properties"])
        else:
            assert spelled(flat(one["properties"])) == spelled(flat(record["properties"]))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12),
        ("-3", -3),
        ("0.5", 0.5),
        ("2.0", 2.0),
        ("-0.0", -0.0),
        ("1e-300", 1e-300),
        ("true", True),
        ("false", False),
        ("True", "True"),
        ("False", "False"),
        ("TRUE", "TRUE"),
        ("tRUE", "tRUE"),
        ("012", "012"),
        ("1e5", "1e5"),
        ("%2B1", "+1"),
        ("1_000", "1_000"),
        ("nan", "nan"),
        ("1.10", "1.10"),
        ("3.11.7", "3.11.7"),
        ("9007199254740993", "9007199254740993"),
        ("", ""),
        ("a+b", "a b"),
        ("a%2Bb", "a+b"),
        ("%C3%BC", "ü"),
    ],
)
def test_values_of_a_query(text: str, value: object) -> None:
    """A number is read where it is spelled as the client spells one, and so is a boolean: `True` may be a choice's
    name; a plus is a space, as forms have it.
    """
    ((record, _),) = decode.query(f"t=mytool&e=search&x={text}")
    assert record
    assert repr(record["properties"]["x"]) == repr(value)


@pytest.mark.parametrize(
    ("runtime", "told"),
    [("py=3.11.7", "3.11.7"), ("node=v20.1.0", "node 20.1.0"), ("go=go1.21", "go 1.21"), ("go=1.21", "go 1.21")],
)
def test_other_languages_name_their_runtime(runtime: str, told: str) -> None:
    """`node` and `go` stand in place of `py`, and are no properties then."""
    ((record, _),) = decode.query(f"t=mytool&e=search&{runtime}&n=1")
    assert record
    assert (record["py"], record["properties"]) == (told, {"n": 1})


def test_the_runtime_of_json() -> None:
    """A record of the format json may say `node` as well."""
    record = {key: value for key, value in RECORDS[0].items() if key != "py"}
    ((found, _),) = decode.own({"records": [{**record, "node": "v20.1.0"}]})
    assert checked(found)
    assert found["py"] == "node 20.1.0"


def test_an_id_is_kept_derived_or_made() -> None:
    """A UUID stays; another text becomes the same UUID each time, and is not in it; without one it is random."""
    kept, derived, again, other, random, second = (
        record["id"]
        for given in (RECORDS[0]["id"].upper(), "order-77", "order-77", "order-78", None, "")
        for record, _ in decode.own({"records": [{**RECORDS[0], "id": given}]})
        if record
    )
    assert kept == RECORDS[0]["id"]
    assert derived == again != other
    assert len({derived, other, random, second}) == 4
    assert all(len(one) == 36 and one.count("-") == 4 for one in (derived, other, random, second))


SPAN: dict[str, Any] = {
    "traceId": "46CEF6E623E0D880DC8F4573072E01F0",
    "spanId": "10bc0f682572d1c4",
    "name": "import.from_code",
    "startTimeUnixNano": 1795217715796000000,
    "endTimeUnixNano": "1795217718796400000",
    "attributes": [
        {"key": "files", "value": {"intValue": 143}},
        {"key": "big", "value": {"intValue": "9007199254740993"}},
        {"key": "whole", "value": {"doubleValue": 2}},
        {"key": "endless", "value": {"doubleValue": "Infinity"}},
        {"key": "tags", "value": {"arrayValue": {"values": []}}},
        {"key": "both", "value": {"intValue": 1, "stringValue": "a"}},
        {"key": "http.route", "value": {"stringValue": "/users"}},
        {"key": "HTTP-Method", "value": {"stringValue": "GET"}},
        {"key": "note", "value": {"stringValue": "two\nlines"}},
        {"key": "session.id", "value": {"stringValue": "jane@example.org"}},
    ],
    "status": {"code": 2},
}


def traced(*spans: Any, **resource: str) -> dict[str, Any]:
    """A request for traces."""
    facts = [{"key": name.replace("_", "."), "value": {"stringValue": value}} for name, value in resource.items()]
    return {"resourceSpans": [{"resource": {"attributes": facts}, "scopeSpans": [{"spans": list(spans)}]}]}


def test_a_span_of_other_software() -> None:
    """What a record may hold is taken, the rest left out; no text stands in for a run or an installation."""
    ((record, manner),) = decode.spans(
        traced(SPAN, service_name="demo-cli", service_version="1.2.3", os_type="linux", app_installation_id="jane")
    )
    assert manner == FOREIGN
    assert checked(record)
    assert {key: record[key] for key in ("time", "run", "event", "tool", "version", "os")} == {
        "time": "2026-11-20T23:35:15Z",
        "run": "",
        "event": "import.from_code",
        "tool": "demo-cli",
        "version": "1.2.3",
        "os": "linux",
    }
    assert record["properties"] == {
        "files": 143,
        "whole": 2.0,
        "http": {"route": "/users"},
        "duration_ms": 3000,
        "success": False,
    }
    assert "install" not in record


def test_a_span_without_names_of_ours() -> None:
    """Where tool and event have no legal name they are `unknown` and `other`, and what they were called is not kept."""
    odd = {**SPAN, "name": "GET /users/jane", "attributes": [], "startTimeUnixNano": "soon"}
    ((record, _),) = decode.spans(traced(odd, service_name="unknown_service:node"))
    assert record
    assert (record["tool"], record["event"], record["properties"]) == ("unknown", "other", {"success": False})
    assert "jane" not in json.dumps(record)


def test_a_span_that_lasts_for_ever() -> None:
    """A duration beyond any float is no property, and no error."""
    ((record, _),) = decode.spans(traced({**SPAN, "endTimeUnixNano": 10**400}))
    assert record
    assert "duration_ms" not in record["properties"]


def test_spans_of_one_trace_are_told_apart() -> None:
    """Their ids differ, and a repeat has the same ones."""
    other = {**SPAN, "spanId": "3afe07c233b7e01c"}
    first, second = ([record["id"] for record, _ in decode.spans(traced(SPAN, other)) if record] for _ in range(2))
    assert first == second
    assert len(set(first)) == 2


@pytest.mark.parametrize("ids", [{"traceId": SPAN["traceId"][1:]}, {"spanId": "jane"}, {"spanId": None}])
def test_a_span_without_its_ids(ids: dict[str, object]) -> None:
    """It is none: by what does not name a span, no repeat could be told."""
    assert list(decode.spans(traced({**SPAN, **ids}))) == [(None, FOREIGN)]


def test_an_event_of_another_posthog_client() -> None:
    """No name of PostHog's own is kept, and no person: not as a run, not as a property."""
    event = {
        "event": "User Signed Up",
        "distinct_id": "jane@example.org",
        "timestamp": "2026-11-21T01:34:50.237+02:00",
        "uuid": "01a1fb50-0e99-7243-a543-6d5d13bc9035",
        "properties": {"n": 3, "tags": ["a"], "nested": {"x": None, "y": 1}, "$ip": "192.0.2.7", "$os": "Mac OS X"},
    }
    ((record, manner),) = decode.batch({"api_key": "phc", "batch": [event]})
    assert manner == FOREIGN
    assert checked(record)
    assert (record["id"], record["time"], record["os"]) == (event["uuid"], "2026-11-20T23:34:50Z", "darwin")
    assert (record["event"], record["properties"]) == ("other", {"n": 3, "nested": {"y": 1}})
    assert "jane" not in json.dumps(record)
    assert "192.0.2.7" not in json.dumps(record)


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z"),
        ("2016-12-31T23:59:60.5+00:00", "2016-12-31T23:59:59Z"),
        ("2017-01-01T10:29:60+10:30", "2016-12-31T23:59:59Z"),
        ("2028-02-29T23:59:59.999Z", "2028-02-29T23:59:59Z"),
        ("2026-02-29T12:00:00Z", ""),
        ("2016-12-31T23:60:00Z", ""),
        ("2016-12-31T23:59:61Z", ""),
    ],
)
def test_moments(told: str, found: str) -> None:
    """In UTC, a leap second as the second before it; what no calendar has is no moment."""
    assert moment(told) == found


@pytest.mark.parametrize(
    "content",
    [
        [],
        {"records": {}},
        {"records": 5},
        "text",
    ],
)
def test_a_body_of_no_format(content: object) -> None:
    """It is malformed, as a whole."""
    with pytest.raises(Malformed):
        list(decode.own(content))


@pytest.mark.parametrize(
    "content",
    [
        {"resourceSpans": {}},
        {"resourceSpans": [5]},
        {"resourceSpans": [{"scopeSpans": [{"spans": ["x"]}]}]},
        traced({**SPAN, "attributes": {}}),
        traced({**SPAN, "status": 2}),
    ],
)
def test_a_request_for_traces_of_another_shape(content: object) -> None:
    """It is malformed, as a Collector says too."""
    with pytest.raises(Malformed):
        list(decode.spans(content))


ODD = [None, True, 1, 1e300, "", "x" * 5000, "\ud800", [], {}, {"a": {}}, [[]], -(2**70)]


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
def test_odd_values_raise_nothing_else(odd: object) -> None:
    """Whatever stands in a place: a record that the check can judge, none, or `Malformed`."""
    event = {"event": odd, "distinct_id": odd, "timestamp": odd, "uuid": odd, "properties": {"$os": odd, "x": odd}}
    span = dict.fromkeys(("traceId", "spanId", "name", "startTimeUnixNano", "endTimeUnixNano"), odd)
    value = {"intValue": odd}
    for reader, content in (
        (decode.batch, {"batch": [event]}),
        (decode.batch, {"batch": [{"properties": odd}]}),
        (decode.batch, {"batch": odd}),
        (decode.spans, traced(span)),
        (decode.spans, traced({**SPAN, "startTimeUnixNano": odd, "endTimeUnixNano": odd})),
        (decode.spans, traced({**SPAN, "attributes": [{"key": odd, "value": odd}, {"key": "k", "value": value}]})),
        (decode.spans, {"resourceSpans": [{"resource": {"attributes": [{"key": "os.type", "value": value}]}}]}),
        (decode.own, {"records": [odd, {"id": odd, "node": odd}]}),
        (decode.own, dict.fromkeys(("t", "e", "v", "node", "os", "i", "install", "x"), odd)),
    ):
        try:
            found = [record for record, _ in reader(content)]
        except Malformed:
            continue
        assert all(record is None or checked(record) is None or checked(record) for record in found)


def test_the_longest_name_of_another_library() -> None:
    """A field of 64 characters is kept, a longer one left out."""
    event = {"event": "search", "uuid": RECORDS[0]["id"], "properties": {"a" * 64: 1, "b" * 65: 2}}
    ((found, manner),) = decode.batch({"batch": [event]})
    assert found is not None
    assert (manner, found["properties"]) == (FOREIGN, {"a" * 64: 1})
