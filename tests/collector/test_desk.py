"""Who may write, what is answered, and that what was good of a request is in the files: over real sockets."""

import base64
import gzip
import json
import os
import zlib
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from collector.conftest import Collector, head, typed, written
from discreet import names
from discreet.cli.collect import flags
from discreet.collector import desk as room
from discreet.collector import store
from discreet.collector.check import Check
from discreet.collector.http import BODY_BYTES
from discreet.destination import Destination
from discreet.privacy.declaration import Declaration
from discreet.report.read import lines
from discreet.report.style import STYLE
from discreet.sending import wire
from discreet.sending.wire import cut, flat
from discreet.sending.wire.flags import ask, read
from wire.cases import RECORDS

FORMS = ("beacon", "json", "otlp", "posthog")
TOKEN = "correct-horse-battery"
JSON = "Content-Type: application/json"


def batches(form: str) -> list[list[dict[str, Any]]]:
    """The golden records, in requests as large as the format allows."""
    return [[record] for record in RECORDS] if form == "beacon" else [RECORDS]


@pytest.mark.parametrize("form", FORMS)
def test_the_same_records_come_out(collector: Collector, form: str) -> None:
    """Encoded by our client, sent, received, and read again by the report: all of them, once, also when sent twice."""
    for batch in [*batches(form), *batches(form)]:
        assert collector.send(batch, form).status in (200, 204)
    skipped: Any = {}
    found = {record["id"]: record for _, record in lines(sorted(map(str, collector.out.glob("*.jsonl"))), skipped)}
    assert not skipped
    assert len(collector.records()) == len(RECORDS)
    for record in RECORDS:
        one = found[record["id"]]
        assert {key: one[key] for key in ("event", "tool", "version", "py", "os")} == {
            key: record[key] for key in ("event", "tool", "version", "py", "os")
        }
        assert one["time"] == cut(record["time"], "hour") or form == "beacon"
        assert one.get("install") == record.get("install")
        if form in ("json", "posthog"):
            assert one["properties"] == record["properties"]
        else:
            assert set(flat(one["properties"])) == set(flat(record["properties"]))


def test_the_answers_of_each_format(collector: Collector) -> None:
    """Each in its own words, and 422 where nothing of a request was good."""
    good, bad = RECORDS[0], {**RECORDS[1], "event": "Not Legal"}
    assert collector.send([good], "json").json() == {"stored": 1, "repeated": 0, "refused": 0}
    assert collector.send([good, bad, RECORDS[2]], "json").json() == {"stored": 1, "repeated": 1, "refused": 1}
    # All that was good is here already, so it was taken: else the sender would keep it and send it again.
    answer = collector.send([good, bad], "json")
    assert (answer.status, answer.json()) == (200, {"stored": 0, "repeated": 1, "refused": 1})
    answer = collector.send([bad], "json")
    why = "record 1 is refused: not a record"
    assert (answer.status, answer.json()) == (422, {"stored": 0, "repeated": 0, "refused": 1, "why": why})
    assert collector.send([RECORDS[3]], "beacon").status == 204
    answer = collector.send([bad], "beacon")
    assert (answer.status, answer.body) == (422, f"{why}\n".encode())
    assert "Content-Type: text/plain; charset=utf-8" in answer.head
    assert collector.send([RECORDS[4]], "otlp").json() == {"partialSuccess": {}}
    told = collector.send([RECORDS[5], bad], "otlp").json()["partialSuccess"]
    assert told["rejectedSpans"] == "1"
    assert told["errorMessage"]
    assert collector.send([RECORDS[6], bad], "posthog").json() == {"status": "Ok"}
    assert len(collector.records()) == 6
    assert (collector.desk.stored, collector.desk.repeated, collector.desk.refused) == (6, 2, 6)


def test_the_path_is_the_authors(collector: Collector) -> None:
    """Where nothing else is, a record is taken whatever the path; what is no record gets a 404."""
    assert collector.post("/records", {"records": RECORDS[:1]}).json() == {"stored": 1, "repeated": 0, "refused": 0}
    assert collector.get("/some/where?t=mytool&e=search&n=1").status == 204
    assert collector.post("/records", {"forget": [RECORDS[0]["id"]]}).json() == {"forgotten": 1}
    assert collector.get("/favicon.ico").status == 404
    assert collector.get("/records?name=1&there=1").status == 404
    assert collector.ask(head("PUT /records HTTP/1.1", "Content-Length: 0")).status == 405
    assert collector.get("/v1/logs?e=search").status == 404
    assert collector.post("/v1/metrics", {"records": RECORDS[:1]}).status == 404
    assert len(collector.records()) == 1


@pytest.mark.parametrize("form", ["json", "otlp", "posthog"])
@pytest.mark.parametrize(
    "path", ["/t", "/v1/traces", "/batch/", "/telemetry/t", "/telemetry/v1/traces", "/telemetry/batch/"]
)
def test_what_was_sent_tells_its_format(collector: Collector, form: str, path: str) -> None:
    """Whatever the path, which may be a proxy's, or another format's: neither 422 nor an empty 200 costs a record."""
    where = Destination(f"http://127.0.0.1:{collector.port}{path}", format=form, api_key="phc")
    assert collector.ask(written(wire.encode(RECORDS[:3], where))).status == 200
    assert len(collector.records()) == 3


def test_a_restart_knows_what_came_before(start: Callable[..., Collector]) -> None:
    """What was acknowledged by one process is a repeat for the next."""
    first = start()
    first.send(RECORDS, "json")
    first.stop()
    second = start()
    assert second.send(RECORDS, "json").json() == {"stored": 0, "repeated": 16, "refused": 0}
    assert len(second.records()) == 16


def test_forget(collector: Collector) -> None:
    """The records of these ids are gone when it is answered, and do not come back by whichever format."""
    collector.send(RECORDS, "json")
    ids = [record["id"] for record in RECORDS[:3]]
    assert collector.post("/t", {"forget": ids}).json() == {"forgotten": 3}
    assert [record["id"] for record in collector.records()] == [
        record["id"] for record in sorted(RECORDS[3:], key=lambda record: record["tool"])
    ]
    collector.send(RECORDS, "otlp")
    assert len(collector.records()) == 13


@pytest.mark.parametrize("ids", [None, "x", [5], ["x"], [RECORDS[0]["id"].upper()], {"a": 1}])
def test_what_is_no_list_of_ids(collector: Collector, ids: object) -> None:
    """It is refused, and forgets nothing."""
    collector.send(RECORDS[:1], "json")
    assert collector.post("/t", {"forget": ids}).status == 400
    assert collector.post("/t", {"forget": [RECORDS[0]["id"]], "more": 1}).status == 422
    assert len(collector.records()) == 1


DECLARED = Declaration(
    {
        "search": {
            "purpose": "p",
            "fields": {
                "fmt": {"one_of": ["json", "12"]},
                "n": "count",
                "results": {"candidates": "number", "returned": "number"},
                "languages": {"distribution": ["py", "c++"]},
                "took.ms": "number",
            },
        },
    },
    None,
)
TAKEN = {
    "fmt": "12",
    "n": 3,
    "results": {"candidates": 40, "returned": 12},
    "languages": {"py": 3, "c++": 1, "other": 2},
    "took.ms": 0.5,
}


@pytest.mark.parametrize("form", FORMS)
def test_with_a_manifest(start: Callable[..., Collector], form: str) -> None:
    """What is declared comes out as it was recorded, by every format; what is not, and other tools, are refused."""
    collector = start(check=Check("mytool", DECLARED, declared=True), tool="mytool")
    record = {**RECORDS[0], "properties": TAKEN}
    assert collector.send([record], form).status in (200, 204)
    (one,) = collector.records()
    assert one["properties"] == TAKEN
    for number, wrong in enumerate(
        (
            {"event": "find"},
            {"tool": "Other_tool-2"},
            {"properties": {"fmt": "xml"}},
            {"properties": {"n": "three"}},
            {"properties": {"n": 1, "secret": "s"}},
            {"properties": {"results": {"candidates": 40, "secret": 1}}},
        )
    ):
        collector.send([{**record, "id": RECORDS[number + 1]["id"], **wrong}], form)
    assert collector.records() == [one]
    assert collector.desk.refused == 6


def test_fields_of_the_enhanced_level(start: Callable[..., Collector]) -> None:
    """Who sends one had its user's word for it, which is not known here."""
    rows = {"deep": {"number": True, "level": "enhanced"}, "of": {"n": {"number": True, "level": "enhanced"}}}
    check = Check("mytool", Declaration({"search": {"purpose": "p", "fields": rows}}, None), declared=True)
    collector = start(check=check, tool="mytool")
    properties = {"deep": 7, "of": {"n": 8}}
    assert collector.send([{**RECORDS[0], "properties": properties}], "json").status == 200
    assert [record["properties"] for record in collector.records()] == [properties]


def test_why_a_record_is_refused(start: Callable[..., Collector], monkeypatch: pytest.MonkeyPatch) -> None:
    """422 says which record was the first that could not be kept, and why, without anything of it."""
    collector = start(check=Check("mytool", DECLARED, declared=True), tool="mytool")
    good, other = {**RECORDS[0], "properties": TAKEN}, {**RECORDS[1], "tool": "other", "properties": {}}
    for records, why in (
        ([None, good | {"event": "find"}], "record 1 is refused: not a record"),
        ([other, None], "record 1 is refused: of another tool"),
        ([good | {"properties": {"secret": 1}}], "record 1 is refused: not declared"),
    ):
        answer = collector.post("/t", {"records": records})
        assert answer.status == 422
        assert answer.json()["why"] == why
    collector.send([good], "json")
    monkeypatch.setattr(collector.desk.store, "takes", lambda _: False)
    assert collector.get("/t?e=search&n=1").body == b"record 1 is refused: of one tool too many\n"
    monkeypatch.setattr(names, "RECORD_BYTES", 50)
    assert collector.get("/t?e=search&n=1").body == b"record 1 is refused: longer than a line of the log\n"


def test_the_kinds_of_values_with_a_manifest(start: Callable[..., Collector]) -> None:
    """In a URL everything is text, so a number may be a choice of that name; JSON says what is what."""
    collector = start(check=Check("mytool", DECLARED, declared=True), tool="mytool")
    assert collector.get("/t?t=mytool&e=search&fmt=12").status == 204
    assert collector.post("/t", {"records": [{**RECORDS[0], "properties": {"fmt": 12}}]}).status == 422
    assert [record["properties"] for record in collector.records()] == [{"fmt": "12"}]


@pytest.mark.parametrize(("text", "value"), [("true", True), ("True", True), ("false", False), ("False", False)])
def test_a_boolean_of_a_query(start: Callable[..., Collector], text: str, value: bool) -> None:
    """As our client spells it, or as `urlencode` does of Python's own; a choice that is called so stays a choice."""
    title, lower = {"one_of": ["True", "False"]}, {"one_of": ["true", "false"]}
    rows = {"success": "boolean", "answer": title, "word": lower, "more": {"answer": title}}
    check = Check("mytool", Declaration({"search": {"purpose": "p", "fields": rows}}, None), declared=True)
    collector = start(check=check, tool="mytool")
    asked = f"success={text}&answer={text.title()}&word={text.lower()}&more.answer={text.title()}"
    assert collector.get(f"/t?e=search&{asked}").status == 204
    assert [record["properties"] for record in collector.records()] == [
        {"success": value, "answer": text.title(), "word": text.lower(), "more": {"answer": text.title()}}
    ]


ROWS = {
    "c": {"one_of": ["True", "true", "x"]},
    "success": "boolean",
    "results": {"ok": "boolean", "k": {"one_of": ["True", "true", "json"]}, "n": "count"},
    "took.ok": "boolean",
    "took.k": {"one_of": ["False", "12"]},
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "properties",
    [
        {"c": "True"},
        {"c": "true"},
        {"results": {"ok": True, "k": "True", "n": 2}},
        {"results": {"ok": False, "k": "true"}},
        {"results": {"ok": True, "k": "json"}, "c": "True", "success": False},
        {"took.ok": True, "took.k": "False"},
        {"took.ok": False, "took.k": "12"},
    ],
)
def test_a_choice_called_as_a_boolean(start: Callable[..., Collector], form: str, properties: dict[str, Any]) -> None:
    """Our own client's record comes out as it was recorded, by every format, whatever stands beside the choice."""
    check = Check("mytool", Declaration({"search": {"purpose": "p", "fields": ROWS}}, None), declared=True)
    collector = start(check=check, tool="mytool")
    assert collector.send([{**RECORDS[0], "properties": properties}], form).status in (200, 204)
    assert [typed(record["properties"]) for record in collector.records()] == [typed(properties)]


def test_booleans_of_python_in_a_query(start: Callable[..., Collector]) -> None:
    """Each value of a mapping by itself: what is declared as a boolean is one, however it is spelled."""
    check = Check("mytool", Declaration({"search": {"purpose": "p", "fields": ROWS}}, None), declared=True)
    collector = start(check=check, tool="mytool")
    asked = "success=True&results.ok=False&results.k=True&took.ok=True&took.k=12"
    assert collector.get(f"/t?e=search&{asked}").status == 204
    (record,) = collector.records()
    assert typed(record["properties"]) == typed(
        {"success": True, "results": {"ok": False, "k": "True"}, "took.ok": True, "took.k": "12"}
    )
    assert collector.get("/t?e=search&success=True&results.ok=False&results.k=xml").status == 422


def test_booleans_of_python_without_a_manifest(collector: Collector) -> None:
    """`success` is one in every event of the package's own; of anything else nobody said what it is."""
    assert collector.get("/t?t=mytool&e=command&success=False&c=True&more.success=True").status == 204
    assert collector.get("/t?t=mytool&e=command&success.k=True").status == 204
    assert [record["properties"] for record in collector.records()] == [
        {"success": False, "c": "True", "more": {"success": "True"}},
        {"success": {"k": "True"}},
    ]


def test_other_software_with_a_manifest(start: Callable[..., Collector]) -> None:
    """Its undeclared properties are left out and counted, its declared ones kept; what names no tool is this tool's."""
    collector = start(check=Check("mytool", DECLARED, declared=True), tool="mytool")
    event = {"event": "search", "uuid": "x", "properties": {"n": 3, "user": "jane", "$lib": "posthog-node"}}
    assert collector.post("/batch/", {"batch": [event, {**event, "uuid": "y", "event": "identify"}]}).status == 200
    (one,) = collector.records()
    assert (one["tool"], one["event"], one["properties"]) == ("mytool", "search", {"n": 3})
    assert collector.desk.check.losses == {"a property that is not declared": 1, "not declared": 1}


def test_nothing_of_a_sender_is_kept(collector: Collector) -> None:
    """No address, no user agent, no query beside the record, in any file."""
    marks = (
        "X-Forwarded-For: 192.0.2.7",
        "User-Agent: secret-agent/1",
        "Cookie: secret-cookie",
        "Referer: secret-page",
    )
    assert collector.get("/t?t=mytool&e=search&n=1", *marks).status == 204
    assert collector.post("/t", {"records": RECORDS[:1]}, *marks).status == 200
    kept = b"".join(path.read_bytes() for path in collector.out.iterdir())
    assert kept.count(b"\n") == 2
    assert not any(word in kept for word in (b"192.0", b"127.0", b"secret"))


HOSTS = frozenset(("127.0.0.1", "localhost", "[::1]"))
WHO = {
    "this host": (204, "Host: 127.0.0.1"),
    "its port": (204, "Host: LOCALHOST:4318"),
    "the other loopback": (204, "Host: [::1]:4318"),
    "the same without a port": (204, "Host: [::1]"),
    "a page's name for this machine": (403, "Host: rebind.example.org"),
    "its port too": (403, "Host: rebind.example.org:4318"),
    "a name that begins alike": (403, "Host: localhost.example.org"),
    "an address that begins alike": (403, "Host: 127.0.0.1.example.org:80"),
    "an empty one": (403, "Host: "),
    "a page's origin": (403, "Origin: https://example.org"),
    "no page's origin": (403, "Origin: null"),
    "our own origin": (403, "Origin: http://127.0.0.1:4318"),
    "an image on a page": (403, "Sec-Fetch-Site: cross-site"),
    "a page beside ours": (403, "Sec-Fetch-Site: same-site"),
    "typed into a browser": (204, "Sec-Fetch-Site: none"),
    "Node's fetch": (204, "Sec-Fetch-Mode: cors"),
}


@pytest.mark.parametrize("name", WHO)
def test_who_may_write(start: Callable[..., Collector], name: str) -> None:
    """Programs of this machine; no web page, by whichever way it would come."""
    status, header = WHO[name]
    collector = start(hosts=HOSTS)
    assert collector.get("/t?t=mytool&e=search", header).status == status
    assert len(collector.records()) == (status == 204)
    answer = collector.get("/healthz", header)
    assert answer.status == (200 if status == 204 else 403)
    assert "access-control" not in answer.head.lower()


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /healthz HTTP/1.1\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: 127.0.0.1\r\n\r\n", 400),
        (head("OPTIONS /t HTTP/1.1", "Access-Control-Request-Method: POST"), 405),
        (head("HEAD / HTTP/1.1"), 405),
        (head("PUT /t HTTP/1.1", "Content-Length: 0"), 405),
        (head("DELETE /t HTTP/1.1"), 405),
        (head("TRACE / HTTP/1.1"), 405),
        (head("GET /v1/traces HTTP/1.1"), 405),
        (head("GET /batch/ HTTP/1.1"), 405),
        (head("POST /healthz HTTP/1.1", "Content-Length: 2", JSON) + b"{}", 405),
        (head("GET /v1/logs HTTP/1.1"), 404),
        (head("GET /../../etc/passwd HTTP/1.1"), 404),
        (head("GET /%2e%2e/lock HTTP/1.1"), 404),
        (head("GET //t HTTP/1.1"), 404),
        (head("GET /?tool=../../etc/passwd HTTP/1.1"), 404),
        (head("GET /?tool=%2e%2e HTTP/1.1"), 404),
        (head("GET /t HTTP/1.1", "Content-Length: 2") + b"{}", 400),
        (head("GET /t HTTP/1.1", "Transfer-Encoding: chunked") + b"0\r\n\r\n", 400),
        (head("POST /t HTTP/1.1", JSON), 411),
        (head("POST /t HTTP/1.1", "Content-Length: 2") + b"{}", 415),
        (head("POST /t HTTP/1.1", "Content-Length: 2", "Content-Type: text/plain") + b"{}", 415),
        (head("POST /v1/traces HTTP/1.1", "Content-Length: 2", "Content-Type: application/x-protobuf") + b"{}", 415),
        (head("POST /t HTTP/1.1", "Content-Length: 2", JSON, "Content-Encoding: br") + b"{}", 415),
        (head("POST /t HTTP/1.1", "Content-Length: 2", JSON, "Content-Encoding: gzip, gzip") + b"{}", 415),
        (head("POST /t HTTP/1.1", "Content-Length: 2", JSON, "Expect: tea") + b"{}", 417),
        (head("POST /t HTTP/1.1", f"Content-Length: {BODY_BYTES + 1}", JSON), 413),
        (head("GET /t?=%ff HTTP/1.1"), 400),
        (head("GET /t?t=mytool&e=search&" + "&".join(f"x{number}=1" for number in range(200)) + " HTTP/1.1"), 400),
    ],
)
def test_what_is_refused(collector: Collector, sent: bytes, status: int) -> None:
    """With its status, and nothing is written; whoever is told 405 is told what is allowed."""
    answer = collector.ask(sent)
    assert answer.status == status
    assert ("Allow:" in answer.head) == (status == 405)
    assert not collector.records()


def test_a_refusal_says_what_is_to_be_done(start: Callable[..., Collector]) -> None:
    """The header that is missing by its name, and the option that makes a host known."""
    collector = start(hosts=HOSTS)
    answer = collector.post("/t", {"records": RECORDS[:1]}, "Content-Type: text/plain")
    assert (answer.status, answer.body) == (
        415,
        b"a body is JSON, and a header says so: Content-Type: application/json\n",
    )
    answer = collector.get("/t?t=mytool&e=search", "Host: telemetry.example.org")
    assert answer.status == 403
    assert b"--accept-host NAME" in answer.body


@cache
def gzipped(part: bytes, times: int = 1) -> tuple[bytes, str]:
    """Body and header of a compressed request; a bomb is packed when it is first wanted, and then once."""
    return (gzip.compress(part * times), "Content-Encoding: gzip")


NEST = b'{"records":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
BODIES = {
    "no JSON": (400, (b"records",)),
    "half of it": (400, (b'{"records":[',)),
    "two values": (400, (b"{} {}",)),
    "a byte order mark": (400, (b"\xef\xbb\xbf{}",)),
    "UTF-16": (400, ("{}".encode("utf-16"),)),
    "no UTF-8": (400, (b'{"t":"\xff"}',)),
    "NaN": (400, (b'{"records":[NaN]}',)),
    "an infinity": (400, (b'{"records":[-Infinity]}',)),
    "a number of many digits": (400, (b'{"n":' + b"9" * 5000 + b"}",)),
    "brackets": (400, (NEST,)),
    "braces": (400, (b'{"a":' * 100_000,)),
    "no gzip": (400, (b"{}", "Content-Encoding: gzip")),
    "half a gzip": (400, (gzip.compress(b"{}" * 500)[:-9], "Content-Encoding: gzip")),
    "zlib": (400, (zlib.compress(b"{}"), "Content-Encoding: gzip")),
    "more behind the gzip": (400, (gzip.compress(b"{}") + b"more", "Content-Encoding: gzip")),
    "two gzips": (400, (gzip.compress(b"{}") * 2, "Content-Encoding: gzip")),
    "a bomb": (413, partial(gzipped, b" ", BODY_BYTES + 1)),
    "a large bomb": (413, partial(gzipped, b" ", 20 * BODY_BYTES)),
    "brackets in gzip": (400, partial(gzipped, NEST)),
    "a million values in gzip": (413, partial(gzipped, b'{"records":[' + b"{}," * 1_000_000 + b"{}]}")),
    "values one in another": (413, partial(gzipped, b"[" + b"[[[]]]," * 100_000 + b"[]]")),
    "an empty body": (400, (b"",)),
    "a list": (400, (b"[]",)),
}


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("path", ["/t", "/v1/traces", "/batch/"])
def test_bodies_that_are_refused(collector: Collector, name: str, path: str) -> None:
    """Without a traceback, and the next request is answered."""
    status, made = BODIES[name]
    body, *headers = made() if callable(made) else made
    assert collector.post(path, body, *headers).status == status
    assert collector.send(RECORDS, "json").status == 200


@pytest.mark.parametrize("name", ["gzip", "GZIP"])
def test_the_largest_body(collector: Collector, name: str) -> None:
    """What is as large as a body may be is taken, however its encoding is written."""
    content = json.dumps({"records": RECORDS}).encode()
    body = gzip.compress(content + b" " * (BODY_BYTES - len(content)))
    assert collector.post("/t", body, f"Content-Encoding: {name}").json()["stored"] == len(RECORDS)


SPAN = {"traceId": "1" * 32, "spanId": "2" * 16, "name": "search"}


def many(number: int) -> dict[str, object]:
    """So many records for each path, as short as they can be."""
    events = [{"event": "search", "uuid": str(one)} for one in range(number)]
    spans = [{**SPAN, "spanId": f"{one:016x}"} for one in range(number)]
    half = number // 2
    return {
        "/t": {"records": [{**RECORDS[0], "id": str(one)} for one in range(number)]},
        "/batch/": {"batch": events},
        "/v1/traces": {"resourceSpans": [{"scopeSpans": [{"spans": part}]} for part in (spans[:half], spans[half:])]},
    }


@pytest.mark.parametrize("path", ["/t", "/v1/traces", "/batch/"])
def test_only_so_many_records_in_a_request(
    start: Callable[..., Collector], monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """One too many, and nothing of it is taken: its sender is told to halve it, and each half is taken."""
    monkeypatch.setattr(room, "RECORDS", 20)
    collector = start()
    answer = collector.post(path, many(21)[path])
    assert (answer.status, answer.body) == (413, b"a request has at most 20 records\n")
    assert not collector.records()
    assert collector.post(path, many(20)[path]).status == 200
    assert len(collector.records()) == 20


def test_the_largest_batches_of_a_collector(collector: Collector) -> None:
    """A Collector of OpenTelemetry sends 8,192 spans at once; as many attributes as have room, however short, pass."""
    told = [{"key": f"app.{one}", "value": {"stringValue": "some text"}} for one in range(5)]
    spans = [{**SPAN, "spanId": f"{one:016x}", "flags": 256, "kind": 1, "attributes": told} for one in range(8192)]
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}, separators=(",", ":")).encode()
    assert 3_000_000 < len(body) < BODY_BYTES
    assert collector.post("/v1/traces", body).json() == {"partialSuccess": {}}
    assert (collector.desk.stored, collector.desk.refused) == (8192, 0)
    shortest = b'{"key":"a","value":{"intValue":"1"}}'
    room_for = (BODY_BYTES - 200) // (len(shortest) + 1)
    span = json.dumps(SPAN).encode()[:-1] + b',"attributes":[' + b",".join([shortest] * room_for) + b"]}"
    body = b'{"resourceSpans":[{"scopeSpans":[{"spans":[' + span + b"]}]}]}"
    assert 0.99 * BODY_BYTES < len(body) < BODY_BYTES
    assert collector.post("/v1/traces", body).json() == {"partialSuccess": {}}


def test_a_small_request_of_very_many_records(collector: Collector) -> None:
    """Four kilobytes that are a million events when unpacked: refused before one of them is looked at."""
    body, header = gzipped(b'{"batch":[' + b"{}," * 1_390_000 + b"{}]}")
    assert len(body) < 4200
    assert collector.post("/batch/", body, header).status == 413
    assert (collector.desk.refused, collector.records()) == (0, [])


@pytest.mark.parametrize("event", [{}, {"event": ""}, {"event": None, "uuid": "x"}, {"event": 5, "uuid": "x"}])
def test_an_event_without_a_name(collector: Collector, event: dict[str, object]) -> None:
    """It is no event, of whichever software: refused, and the one beside it is taken."""
    assert collector.post("/batch/", {"batch": [event, {"event": "search", "uuid": "y"}]}).status == 200
    assert [record["event"] for record in collector.records()] == ["search"]
    assert collector.desk.refused == 1


@pytest.mark.parametrize(
    "tool", ["../../etc/cron.d/x", "..", "a/b", "a\\b", "a.b", "", "x" * 65, "a\0", "C:", None, 5, ["mytool"]]
)
def test_a_tool_is_no_path(collector: Collector, tmp_path: Path, tool: object) -> None:
    """What is no legal name of a tool is no record, so no file is ever called by it."""
    before = sorted(os.listdir(tmp_path))
    assert collector.post("/t", {"records": [{**RECORDS[0], "tool": tool}]}).status == 422
    collector.post("/t", {"t": tool, "e": "search"})
    event = {"event": "search", "uuid": "x", "properties": {"$app_name": tool, "$lib": "posthog-node"}}
    collector.post("/batch/", {"batch": [event]})
    assert {record["tool"] for record in collector.records()} == {"unknown"}
    assert sorted(os.listdir(tmp_path)) == before
    assert {path.name.split(".", 1)[-1] for path in collector.out.iterdir()} <= {"lock", "unknown.jsonl"}


def test_how_long_a_line_may_be(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as a reader of the log takes it, its newline included."""
    first, second, third = ({**RECORDS[0], "id": f"f53ef912-8765-4a51-89ab-00000000000{one}"} for one in range(3))
    assert collector.send([first], "json").status == 200
    (path,) = collector.out.glob("*.jsonl")
    length = len(path.read_bytes())
    monkeypatch.setattr(names, "RECORD_BYTES", length)
    assert collector.send([second], "json").status == 200
    monkeypatch.setattr(names, "RECORD_BYTES", length - 1)
    assert collector.send([third], "json").status == 422
    assert [record["id"] for record in collector.records()] == [first["id"], second["id"]]


def test_a_record_that_is_no_line(collector: Collector) -> None:
    """One that a reader of the log would pass over, for its length, is refused: nothing is lost in silence."""
    big = {**RECORDS[0], "properties": {f"x{number}": "界" * 256 for number in range(30)}}
    assert collector.send([big], "json").status == 422
    assert not collector.records()


def authorized(kind: str, secret: str) -> str:
    """A header with a secret."""
    return f"Authorization: {kind} {secret}"


BASIC = base64.b64encode(f"me:{TOKEN}".encode()).decode()


@pytest.mark.parametrize(
    ("header", "writes", "reads"),
    [
        (authorized("Bearer", TOKEN), True, True),
        (authorized("bearer", TOKEN), True, True),
        (authorized("Basic", BASIC), False, True),
        ("X: y", False, False),
        (authorized("Bearer", TOKEN[:-1]), False, False),
        (authorized("Bearer", TOKEN + "x"), False, False),
        (authorized("Bearer", ""), False, False),
        (authorized("Basic", "?"), False, False),
        (authorized("Basic", TOKEN), False, False),
        (authorized("Basic", base64.b64encode(b"me:").decode()), False, False),
        (authorized("Digest", TOKEN), False, False),
        (authorized("Bearer", "\xfc" * 20), False, False),
    ],
)
def test_the_token(start: Callable[..., Collector], header: str, *, writes: bool, reads: bool) -> None:
    """Without it nothing is written or read; a browser's password only reads, for it goes with every page's request."""
    collector = start(token=TOKEN)
    assert collector.get("/t?t=mytool&e=search", header).status == (204 if writes else 401)
    assert collector.get("/?t=mytool&e=search", header).status == (204 if writes else 401)
    assert collector.post("/t", {"records": RECORDS[:1]}, header).status == (200 if writes else 401)
    assert collector.get("/", header).status == (200 if reads else 401)
    assert collector.get("/nowhere", header).status == (404 if writes else 401)
    assert collector.get("/healthz", header).status == 200
    assert len(collector.records()) == (3 if writes else 0)


def test_a_token_with_a_colon(start: Callable[..., Collector]) -> None:
    """The name of a user ends at the first one."""
    token = "correct:horse:battery"
    header = authorized("Basic", base64.b64encode(f"me:{token}".encode()).decode())
    assert start(token=token).get("/", header).status == 200


def test_a_wrong_token_is_refused_before_the_body(start: Callable[..., Collector]) -> None:
    """The answer is there although nothing of the body is, and asks for the token."""
    collector = start(token=TOKEN)
    answer = collector.ask(head("POST /t HTTP/1.1", "Content-Length: 4000000", JSON))
    assert answer.status == 401
    assert "WWW-Authenticate:" in answer.head


def test_where_there_is_no_room(start: Callable[..., Collector]) -> None:
    """503 with a time to come again, for `healthz` too; nothing is half taken."""
    collector = start(limit=100)
    for form in FORMS:
        answer = collector.send(RECORDS[:1], form)
        assert answer.status == 503
        assert "Retry-After:" in answer.head
    assert collector.get("/healthz").status == 503
    assert not collector.records()


def test_health_without_a_body(collector: Collector) -> None:
    """Some watch by `HEAD`: the head is that of a GET, but for the date, and the next request is read after it."""
    asked = collector.ask(head("HEAD /healthz HTTP/1.1"))
    got = collector.get("/healthz")
    assert (asked.status, asked.body, got.body) == (200, b"", b'{"status":"ok"}')
    undated = [[line for line in each.head.splitlines() if line[:5] != "Date:"] for each in (asked, got)]
    assert undated[0] == undated[1]
    first = head("HEAD /healthz HTTP/1.1").replace(b"Connection: close\r\n", b"")
    assert collector.ask(first + head("GET /t?t=mytool&e=search HTTP/1.1")).body.startswith(b"HTTP/1.1 204 ")


def test_the_page(collector: Collector) -> None:
    """Nothing yet, one tool, several; it may be neither framed nor run, and what was sent is text in it."""
    answer = collector.get("/")
    assert answer.status == 200
    assert b"Nothing was received yet" in answer.body
    collector.send([RECORDS[0]], "json")
    hostile = {**RECORDS[1], "version": "<script>alert(1)</script>"}
    collector.send([hostile], "json")
    answer = collector.get("/?tool=mytool")
    assert b"<script" not in answer.body
    assert b"&lt;script&gt;" in answer.body
    assert b"<dt>events</dt><dd>2</dd>" in answer.body
    assert b"It was received in the last 30 days; the page is loaded again every 15 seconds." in answer.body
    assert "Content-Security-Policy: default-src 'none'" in answer.head
    collector.send([RECORDS[12]], "json")
    listed = collector.get("/").body
    assert b'href="?tool=Other_tool-2"' in listed  # relative: a proxy may serve the page below another path
    assert b"<footer>" not in listed  # of nothing
    assert collector.get("/?tool=Other_tool-2", "Sec-Fetch-Site: same-origin").status == 200  # as it was followed
    for page in (answer.body, listed):  # the list is dressed as the pages are
        assert b'<meta name="viewport" content="width=device-width, initial-scale=1">' in page
        assert f"<style>{STYLE}</style>".encode() in page
    assert b"<dt>event</dt><dd>1</dd>" in collector.get("/?tool=Other_tool-2").body
    assert collector.get("/?tool=nobody").status == 404


def test_a_page_of_older_files_does_not_say_that_there_never_was_anything(collector: Collector) -> None:
    """Whose files are all older than what the page looks at: nothing was received since."""
    (collector.out / "2020-01-01.mytool.jsonl").write_text(json.dumps(RECORDS[0]) + "\n")
    body = collector.get("/?tool=mytool").body
    assert b"Nothing was received in the last 30 days." in body
    assert b"Nothing is recorded yet" not in body


def test_a_request_of_many_tools(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """It makes no more files than the bound, as many requests do not."""
    monkeypatch.setattr(store, "TOOLS", 2)
    many = [{**record, "tool": f"tool{number}"} for number, record in enumerate(RECORDS[:5])]
    assert collector.send(many, "json").json() == {"stored": 2, "repeated": 0, "refused": 3}
    assert collector.send(many[2:], "json").status == 422
    assert len(list(collector.out.glob("*.jsonl"))) == 2


def test_pages_of_many_tools(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is too old is not held until it is asked for again."""
    now = [100]

    def report(*_: object) -> str:
        now[0] += 2
        return "page"

    monkeypatch.setattr(room, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(room.page, "report", report)
    collector.send([{**record, "tool": f"tool{number}"} for number, record in enumerate(RECORDS[:12])], "json")
    for number in range(12):
        assert collector.get(f"/?tool=tool{number}").body == b"page"
    assert len(collector.desk._pages) < 8  # each is good for 11 seconds


def test_whoever_looks_again_and_again(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page is made anew once five times as long has passed as the making took, and a second."""
    now, made = [100], []

    def report(*_: object) -> str:
        made.append(now[0])
        now[0] += 2
        return f"page {len(made)}"

    monkeypatch.setattr(room, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(room.page, "report", report)
    collector.send(RECORDS[:1], "json")
    for step, body in ((0, b"page 1"), (0, b"page 1"), (8, b"page 1"), (1, b"page 2"), (0, b"page 2")):
        now[0] += step
        assert collector.get("/?tool=mytool").body == body
    assert made == [100, 111]


def test_a_destination_without_a_path(collector: Collector) -> None:
    """Beacons and JSON are taken at `/` as well: the page never answers 200 to a record."""
    assert collector.get("/?t=mytool&e=search&n=1").status == 204
    assert collector.post("/", {"records": RECORDS[:1]}).status == 200
    assert len(collector.records()) == 2


def test_flags(start: Callable[..., Collector]) -> None:
    """What was given, or none, as our own client reads it; and who asked is not written down."""
    collector = start(flags=flags({"new-parser": True, "old": False, "colour": "blue"}))
    answer = collector.ask(written(ask(collector.destination("posthog"), "mytool", "jane")))
    found, whole = read(answer.body)
    assert {key: flag and flag[0] for key, flag in found.items()} == {
        "new-parser": "true",
        "old": "false",
        "colour": '"blue"',
    }
    assert whole
    assert collector.post("/flags?v=4", {"api_key": "phc", "distinct_id": "jane"}).status == 200
    assert collector.post("/flags/", b"{").status == 400
    assert [path.name for path in collector.out.iterdir()] == ["lock"]


def test_the_content_type_may_say_more(collector: Collector) -> None:
    """Such as its character set; large letters and small ones are the same, there and in what is expected."""
    body = json.dumps({"records": RECORDS[:1]}).encode()
    assert collector.post("/t", body, "Content-Type: Application/JSON; charset=utf-8").status == 200
    assert collector.post("/t", body, "Expect: 100-Continue").status == 200


def test_facts_that_say_who_it_was(start: Callable[..., Collector]) -> None:
    """What stands in the place of a run, a version, a Python or a system and is none is left out, and counted."""
    collector = start(check=Check("mytool", DECLARED, declared=True), tool="mytool")
    told = {"run": "ada@example.org", "version": "/home/ada", "py": "203.0.113.9", "os": "ada-laptop.local"}
    assert collector.post("/t", {"records": [{**RECORDS[0], "properties": TAKEN, **told}]}).status == 200
    (one,) = collector.records()
    assert [one[fact] for fact in told] == ["", "", "", ""]
    assert collector.desk.check.losses == {f"a {fact} that is none": 1 for fact in told}


INSTALL = "abababababababababababababababab"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("declared", [True, False], ids=["with a manifest", "without one"])
@pytest.mark.parametrize(
    ("install", "kept"),
    [(INSTALL, INSTALL), ("ada@example.org /home/ada", ""), (INSTALL.upper(), ""), (INSTALL[1:], ""), ("", "")],
)
def test_what_an_installation_may_be(
    start: Callable[..., Collector], form: str, install: str, kept: str, *, declared: bool
) -> None:
    """The number that a client makes, and nothing else that somebody is called; without a manifest the format json,
    which is taken as it is, may hold any text.
    """
    check = Check("mytool", DECLARED, declared=True, install=True) if declared else None
    collector = start(check=check, tool="mytool")
    record = {**RECORDS[0], "properties": TAKEN, "install": install}
    assert collector.send([record], form).status in (200, 204)
    (one,) = collector.records()
    kept = install if form == "json" and not declared else kept
    assert one.get("install", "") == kept
    assert ("install" in one) == bool(kept) or (form == "json" and not declared)


@pytest.mark.parametrize("form", FORMS)
def test_an_installation_that_is_not_declared(start: Callable[..., Collector], form: str) -> None:
    """A tool whose manifest knows runs alone has no installations, whatever is sent."""
    collector = start(check=Check("mytool", DECLARED, declared=True), tool="mytool")
    collector.send([{**RECORDS[0], "properties": TAKEN, "install": INSTALL}], form)
    (one,) = collector.records()
    assert "install" not in one
    assert collector.desk.check.losses == {"an install that is none": 1}


@pytest.mark.parametrize(
    ("fact", "told", "kept"),
    [
        ("version", "1.4.0+g1a2b3c~dirty", True),
        ("version", "v" * 64, True),
        ("version", "v" * 65, False),
        ("os", "dragonflybsd", True),
        ("os", "emscripten", True),
        ("os", "sun_os5", True),
        ("os", "o" * 16, True),
        ("os", "the_laptop_of_ada", False),
    ],
)
def test_how_long_a_fact_may_be(start: Callable[..., Collector], fact: str, told: str, *, kept: bool) -> None:
    """As long as a client's own, and no longer."""
    collector = start(check=Check("mytool", DECLARED, declared=True), tool="mytool")
    collector.post("/t", {"records": [{**RECORDS[0], "properties": TAKEN, fact: told}]})
    assert [record[fact] for record in collector.records()] == [told if kept else ""]


@pytest.mark.parametrize(
    ("py", "kept"),
    [
        ("3.11.7", True), ("3.15.0rc1", True), ("node 20.1.0", True), ("openjdk 17.0.9+9", True), ("go 1.22-rc1", True),
        ("node 21.0.0-nightly2023", True), ("", True), ("ada lovelace", False), ("203.0.113.9", False),
        ("a b 3", False), ("3.1 ", False), ("3.11-adas-laptop-at-home", False), ("ada 3.1", False), ("3.11+ada", False),
        ("4915112345678", False), ("3.11rc4915112345678", False), ("2024.11.23456", False),
        ("3.15dev20261120", True), ("3.15dev202611201", False), ("bun 1.2.3", True), ("deno 2.5.0a1", True),
        ("nodejs 24.0.0-alpha", True), ("php 8.5.0beta2", True), ("pypy 7.3.20-dev", True), ("ruby 3.5.0-b1", True),
        ("dotnet 10.0.0-rc1", True), ("openjdk 26-ea", True), ("node 24.11.0+lts", True),
    ],
)  # fmt: skip
def test_what_a_python_may_be(start: Callable[..., Collector], py: str, kept: bool) -> None:
    """The version of an interpreter, ours or another, and nothing that somebody is called."""
    collector = start(check=Check("mytool", DECLARED, declared=True), tool="mytool")
    collector.post("/t", {"records": [{**RECORDS[0], "properties": TAKEN, "py": py, "run": "abad1dea"}]})
    (one,) = collector.records()
    assert (one["py"], one["run"]) == (py if kept else "", "")


@pytest.mark.parametrize("native", [True, False], ids=["ours", "of other software"])
def test_who_an_event_is_of(collector: Collector, native: bool) -> None:
    """A `distinct_id` that is no run and no installation's number is somebody's name, and is left out."""
    properties = {"$app_name": "mytool"} | ({} if native else {"$lib": "posthog-node"})
    event = {"event": "search", "uuid": "x", "distinct_id": "ada@example.org", "properties": properties}
    assert collector.post("/batch/", {"batch": [event]}).status == 200
    assert [record["run"] for record in collector.records()] == [""]


PERSONAL = (
    "client.address", "client.port", "client.socket.address", "http.client_ip", "net.host.ip", "net.peer.ip",
    "net.peer.name", "net.sock.peer.addr", "net.sock.peer.name", "net.sock.host.addr", "network.local.address",
    "network.peer.address", "network.carrier.name", "source.address", "source.port", "host.id", "host.ip", "host.mac",
    "host.name", "geo.locality.name", "geo.postal_code", "geo.location.lat", "enduser.id", "enduser.pseudo.id",
    "user.email", "user.hash", "user.id", "user.roles", "device.id", "device.model.name", "db.user",
    "process.owner", "process.command", "process.command_line", "process.executable.path", "process.user.name",
    "process.real_user.id", "process.working_directory", "exception.message", "exception.stacktrace",
    "tls.client.subject", "user_agent.original", "http.user_agent", "code.file.path", "code.filepath", "log.file.path",
    "process.title", "process.saved_user.name", "process.command_args", "code.stacktrace",
    "file.owner.name", "file.owner.id", "file.path", "file.name", "file.directory",
    "process.environment_variable.USER", "service.instance.id", "k8s.node.name",
    "k8s.pod.name", "k8s.pod.ip", "container.id", "container.name", "container.command_line", "cloud.account.id",
    "cloud.resource_id", "destination.address", "http.request.header.x_forwarded_for", "http.request.header.cookie",
    "http.response.header.location", "rpc.grpc.request.metadata.who", "url.full", "url.query", "url.path",
    "server.address", "http.url", "http.target", "http.host", "db.statement", "db.query.text", "db.query.parameter.0",
    "db.connection_string",
)  # fmt: skip
# What only begins like these, or says nothing of a person: somebody else's own names stay.
PLAIN = {
    "net": {"requests": "few"}, "fmt": "json", "host": {"arch": "arm64"}, "network": {"transport": "tcp"},
    "source": {"language": "py"}, "users": {"active": "many"}, "clients": {"kind": "cli"}, "device_count": "3",
    "file": {"extension": "py", "owners": "2"}, "url_count": "3", "servers": {"kind": "web"},
    "db": {"system": "sqlite"},
    "http": {"request.method": "GET", "route": "few"}, "cloud": {"region": "few"}, "service": {"tier": "few"},
    "exception": {"type": "ValueError"}, "process": {"runtime.name": "cpython", "command_count": "2"},
}  # fmt: skip


@pytest.mark.parametrize("path", ["/v1/traces", "/batch/"])
def test_what_other_software_says_of_a_person(collector: Collector, path: str) -> None:
    """An address, a place, a user, a device, in a span or an event, flat or nested, is not looked at."""
    told = {**dict.fromkeys(PERSONAL, "lovelace"), **flat(PLAIN)}
    nested = [{name.partition(".")[0]: {name.partition(".")[2]: "lovelace"}} for name in PERSONAL]
    attributes = [{"key": key, "value": {"stringValue": value}} for key, value in told.items()]
    body: dict[str, object] = {"resourceSpans": [{"scopeSpans": [{"spans": [{**SPAN, "attributes": attributes}]}]}]}
    if path == "/batch/":
        body = {"batch": [{"event": "search", "properties": properties} for properties in (told, *nested)]}
    assert collector.post(path, body).status == 200
    assert "lovelace" not in "".join(map(str, collector.records()))
    first = collector.records()[0]["properties"]
    assert {name: value for name, value in first.items() if name != "success"} == PLAIN


@pytest.mark.parametrize("form", FORMS)
def test_our_own_client_is_not_other_software(collector: Collector, form: str) -> None:
    """A field that an author declared and calls so is kept: nobody's convention is meant by it."""
    properties = {"user": {"roles": 3}, "client": {"port": 1}, "geo.places": 2}
    assert collector.send([{**RECORDS[0], "properties": properties}], form).status in (200, 204)
    (record,) = collector.records()
    assert flat(record["properties"]) == flat(properties)


def test_what_a_manifest_declares_is_no_convention(start: Callable[..., Collector]) -> None:
    """Of other software too: its author has said what `device.screens` is, and what leaves of it."""
    rows = {"device.screens": "count", "client.id": "count"}
    check = Check("mytool", Declaration({"search": {"purpose": "p", "fields": rows}}, None), declared=True)
    collector = start(check=check, tool="mytool")
    told = {"device.screens": {"intValue": 2}, "client.id": {"stringValue": "ada"}, "user.id": {"stringValue": "ada"}}
    span = {**SPAN, "attributes": [{"key": key, "value": value} for key, value in told.items()]}
    assert collector.post("/v1/traces", {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).status == 200
    assert [record["properties"] for record in collector.records()] == [{"device.screens": 2}]
