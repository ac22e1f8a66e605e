"""OTLP against its own software: official messages, strict JSON reader, Collector, official exporters."""

import base64
import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given

from discreet.sending import wire
from discreet.sending.wire.facts import apart, flat
from discreet.sending.wire.otlp import RESERVED, SDK
from interop.peers import OtelCollector, captured, exchange, needed
from wire.cases import RECORDS, batches, destination, precisions

json_format = needed("google.protobuf.json_format")
messages = needed("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
strict = needed("opentelemetry.proto_json.collector.trace.v1.trace_service")

IDS = ("traceId", "spanId", "parentSpanId")


def without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object in which no key comes twice; ids as base64, which the protobuf reader wants in place of hex."""
    found = dict(pairs)
    assert len(found) == len(pairs)
    return {
        key: base64.b64encode(bytes.fromhex(value)).decode() if key in IDS else value for key, value in found.items()
    }


def parsed(body: bytes) -> Any:
    """The body as the official message; raises for an unknown field, a wrong type and two values in one."""
    return json_format.Parse(
        json.dumps(json.loads(body, object_pairs_hook=without_repeats)),
        messages.ExportTraceServiceRequest(),
        ignore_unknown_fields=False,
    )


def values(attributes: Any) -> dict[str, Any]:
    """Attributes as Python values; fails on a key that comes twice."""
    found = {item.key: getattr(item.value, item.value.WhichOneof("value")) for item in attributes}
    assert len(found) == len(attributes)
    return found


def check_span(span: Any, record: dict[str, Any], precision: str) -> None:
    """Every field of the span against the record; what the record does not give is unset."""
    properties = record["properties"]
    assert (len(span.trace_id), len(span.span_id), span.parent_span_id) == (16, 8, b"")
    assert span.trace_id.hex() == record["id"].replace("-", "")
    assert span.trace_id.endswith(span.span_id)
    command = properties.get("command")
    named = record["event"] == "command" and isinstance(command, str) and command
    assert span.name == (command if named else record["event"])
    assert span.kind == span.SpanKind.SPAN_KIND_INTERNAL
    start = json_format.Parse(
        json.dumps(wire.cut(record["time"], precision)), needed("google.protobuf.timestamp_pb2").Timestamp()
    )
    nanoseconds = start.ToNanoseconds()
    if 0 <= nanoseconds < 2**63:
        assert span.start_time_unix_nano == nanoseconds
        duration = properties.get("duration_ms")
        if type(duration) is int and 0 <= duration < 2**40 and nanoseconds < 2**61:
            assert span.end_time_unix_nano == nanoseconds + duration * 1_000_000
    assert span.status.code == (2 if properties.get("success") is False else 0)
    set_fields = {field.name for field, _ in span.ListFields()}
    assert set_fields <= {"trace_id", "span_id", "name", "kind", "attributes", "status"} | {
        "start_time_unix_nano",
        "end_time_unix_nano",
    }
    assert not span.status.message
    expected: dict[str, Any] = {"event.name": record["event"], "session.id": record["run"]}
    if type(properties.get("exit_code")) is int:
        expected["process.exit.code"] = properties["exit_code"]
    if isinstance(properties.get("error"), str):
        expected["error.type"] = {"other": "_OTHER"}.get(properties["error"], properties["error"])
    expected |= {apart(name, RESERVED): value for name, value in flat(properties).items()}
    found = values(span.attributes)
    assert {name: (type(value), value) for name, value in found.items()} == {
        name: (type(value), value) for name, value in expected.items()
    }


def check(request: wire.Request, batch: list[dict[str, Any]], precision: str) -> None:
    """The whole request against the records."""
    by_id = {record["id"].replace("-", ""): record for record in batch}
    number = 0
    for resource_spans in parsed(request.body).resource_spans:
        resource = values(resource_spans.resource.attributes)
        (scope_spans,) = resource_spans.scope_spans
        assert (scope_spans.scope.name, scope_spans.scope.version) == ("discreet", "")
        for span in scope_spans.spans:
            number += 1
            record = by_id[span.trace_id.hex()]
            check_span(span, record, precision)
            expected = {
                "service.name": record["tool"],
                "service.version": record["version"],
                "process.runtime.version": record["py"],
                "os.type": {"win32": "windows"}.get(record["os"], record["os"]),
                "app.installation.id": record.get("install", ""),
                **SDK,
            }
            assert resource == {name: fact for name, fact in expected.items() if fact}
    assert number == len(batch)


@pytest.mark.parametrize("precision", ["second", "minute", "hour", "day"])
def test_the_official_messages_are_the_records(precision: str) -> None:
    """Parsed strictly into the protobuf messages, every field of every span equals the record's."""
    check(wire.encode(RECORDS, destination("otlp", time_precision=precision)), RECORDS, precision)


@given(batch=batches, precision=precisions)
def test_any_records_are_official_messages(batch: list[dict[str, Any]], precision: str) -> None:
    """The same for whatever records can be made."""
    check(wire.encode(batch, destination("otlp", time_precision=precision)), batch, precision)


@given(batches)
@example(RECORDS)
def test_the_strict_reader_writes_the_same_again(batch: list[dict[str, Any]]) -> None:
    """Through OpenTelemetry's own OTLP/JSON classes and back, nothing is gained, lost or spelled otherwise."""
    # They leave out a time of 0, which all times before 1970 become.
    later = [{**record, "time": max(record["time"], "1970-01-02T00:00:00Z")} for record in batch]
    body = wire.encode(later, destination("otlp")).body
    assert json.loads(strict.ExportTraceServiceRequest.from_json(body).to_json()) == json.loads(body)


def by_span(body: bytes) -> dict[str, tuple[Any, Any, Any]]:
    """Each span of a body with its resource and scope; an empty status, which Go writes, is none."""
    found = {}
    for resource in json.loads(body)["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                if span.get("status") == {}:
                    del span["status"]
                found[span["traceId"]] = (resource["resource"], scope["scope"], span)
    return found


def test_the_collector_passes_on_every_span_as_it_was(collector: OtelCollector) -> None:
    """Received by the real Collector, compressed and not, and written again by its own exporter: the same spans."""
    for batch in (RECORDS, RECORDS[4:5], RECORDS[2:3]):
        request = wire.encode(batch, collector.destination())
        assert ("Content-Encoding" in request.headers) == (batch != RECORDS[4:5])
        seen = len(collector.passed_on.received)
        status, body = exchange(request)
        assert (status, json.loads(body)) == (200, {"partialSuccess": {}})
        passed_on = collector.passed_on.wait(seen + 1)[seen]
        assert by_span(passed_on.body) == by_span(request.body)
        assert len(by_span(request.body)) == len(batch)


def test_the_collector_takes_the_largest_requests(collector: OtelCollector) -> None:
    """1,200 records of half a kilobyte and more: every batch is taken, and every span comes out once."""
    many = [
        {**RECORDS[1], "id": f"f53ef912-8765-4a51-89ab-{number:012x}", "properties": {"text": "x" * 700, "n": number}}
        for number in range(1, 1201)
    ]
    seen = len(collector.passed_on.received)
    batches = list(wire.split(many, collector.destination()))
    assert max(len(request.body) for _, request in batches) > 0.9 * wire.BODY_BYTES
    assert [exchange(request)[0] for _, request in batches] == [200] * len(batches)
    received = collector.passed_on.wait(seen + len(batches))[seen:]
    assert all(len(one.body) and len(two.body) for one, two in pairwise(received))
    spans = [span for request in received for span in by_span(request.body)]
    assert sorted(spans) == sorted(record["id"].replace("-", "") for record in many)


def keys(value: Any, path: str = "") -> set[str]:
    """The paths of a JSON value: what may be written where."""
    if isinstance(value, list):
        return {key for item in value for key in keys(item, f"{path}[]")}
    if isinstance(value, dict):
        return {key for name, item in value.items() for key in keys(item, f"{path}.{name}") | {f"{path}.{name}"}}
    return set()


@pytest.mark.parametrize("exporter", ["otel-python-json-0.66b1", "otel-js-0.223.1"])
def test_nothing_is_written_that_official_exporters_do_not_write(exporter: str) -> None:
    """Every key of ours, where it stands, is one that they send too, with the same JSON type and content type."""
    capture = json.loads(captured(f"{exporter}/plain").joinpath("001_POST_v1-traces.json").read_text())
    request = wire.encode(RECORDS, destination("otlp"))
    assert keys(json.loads(request.body)) <= keys(capture["body"])
    headers = {name.lower(): value for name, value in capture["headers"]}
    assert request.headers["Content-Type"] == headers["content-type"]
    theirs = json.loads(captured(f"{exporter}/gzip").joinpath("001_POST_v1-traces.json").read_text())
    assert (
        request.headers["Content-Encoding"]
        == {name.lower(): value for name, value in theirs["headers"]}["content-encoding"]
    )
