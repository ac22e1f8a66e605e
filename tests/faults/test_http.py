"""One exchange with servers of every bad kind: in time, without an error, nothing smuggled in, and judged right."""

import datetime as dt
import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from discreet.sending import connection, http
from discreet.sending.http import Outcome, retry_seconds
from faults import servers
from faults.exchanges import IMPATIENT, SECRET, SLACK, attempt, seen
from faults.servers import BEHAVIOURS, Authority, answering, refusing, saying, serving

NOW = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT

EXPECTED = {
    "ok": (200, "", "delivered"),
    "ok_garbage_body": (200, "", "delivered"),
    "ok_1_0_no_length": (200, "", "delivered"),
    "ok_chunked": (200, "", "delivered"),
    "ok_bare_newlines": (200, "", "delivered"),
    "ok_after_100": (200, "", "delivered"),
    "ok_no_end_of_body": (200, "", "delivered"),
    "ok_cut_body": (200, "", "delivered"),
    "ok_drips_body": (200, "", "delivered"),
    "ok_gigabyte": (200, "", "delivered"),
    "no_content": (204, "", "delivered"),
    "silent": (0, "timeout", "retry"),
    "deaf": (0, "timeout", "retry"),
    "closes": (0, "closed", "retry"),
    "closes_after_request": (0, "closed", "retry"),
    "resets": (0, "closed", "retry"),
    "resets_after_request": (0, "closed", "retry"),
    "drips_status": (0, "timeout", "retry"),
    "drips_head": (0, "timeout", "retry"),
    "cut_head": (0, "protocol", "retry"),
    "endless_head": (0, "protocol", "retry"),
    "endless_line": (0, "protocol", "retry"),
    "floods_100": (0, "protocol", "retry"),
    "drips_100": (0, "timeout", "retry"),
    "other_protocol": (0, "protocol", "retry"),
    "switches_protocol": (0, "protocol", "retry"),
    "http_2": (0, "protocol", "retry"),
    "no_status": (0, "protocol", "retry"),
    "status_999": (0, "protocol", "retry"),
    "status_2e2": (0, "protocol", "retry"),
    "early_413": (413, "", "halve"),
}


def test_every_behaviour_is_expected() -> None:
    """No hostile server without a row in the table here."""
    assert EXPECTED.keys() == BEHAVIOURS.keys()


def patience(name: str) -> dict[str, float]:
    """As little as possible for a server that never answers."""
    return IMPATIENT if EXPECTED[name][1] == "timeout" else {}


@pytest.mark.parametrize("name", EXPECTED)
def test_hostile_server(name: str) -> None:
    """Every server, however bad, is done with in time and judged by the table."""
    with serving(BEHAVIOURS[name]) as server:
        assert seen(attempt(server.url, **patience(name))) == EXPECTED[name]


@pytest.mark.parametrize("name", ["deaf", "silent", "closes", "resets", "ok", "floods_100", "ok_gigabyte"])
def test_hostile_server_and_a_large_body(name: str) -> None:
    """A body that fits into no buffer: the same servers, and the same judgement."""
    with serving(BEHAVIOURS[name]) as server:
        assert seen(attempt(server.url, sent=b"x" * 8_000_000, **patience(name))) == EXPECTED[name]


def test_answer_before_the_request_is_read() -> None:
    """A server that has seen enough of a large body is listened to, unless its reset overtakes its answer."""
    with serving(BEHAVIOURS["early_413"]) as server:
        outcome = attempt(server.url, sent=b"x" * 8_000_000, timeout=0.5)
    assert seen(outcome) in {(413, "", "halve"), (0, "closed", "retry")}


@pytest.mark.parametrize("name", ["silent", "drips_head", "drips_100", "closes", "ok_drips_body", "ok", "no_content"])
def test_hostile_server_under_tls(name: str, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under TLS time is bounded in the same way."""
    monkeypatch.setenv("SSL_CERT_FILE", authority.bundle)
    with serving(BEHAVIOURS[name], authority.tls()) as server:
        assert seen(attempt(server.url, **patience(name))) == EXPECTED[name]


def test_refused() -> None:
    """A port that nobody listens on."""
    with refusing() as server:
        assert seen(attempt(server.url)) == (0, "refused", "retry")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ignores who knocks at a full backlog")
def test_connection_that_is_never_accepted() -> None:
    """A host that swallows the first packet costs the timeout of one phase, not the deadline."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        waiting = [socket.socket() for _ in range(4)]
        for knock in waiting:
            knock.setblocking(False)
            knock.connect_ex(full.getsockname())
        outcome = attempt(f"http://127.0.0.1:{full.getsockname()[1]}/", timeout=0.2, seconds=5.0)
        for knock in waiting:
            knock.close()
    assert seen(outcome) == (0, "timeout", "retry")
    assert outcome.seconds < 2.0


def test_dead_dns(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that cannot be looked up; it is looked up as it is written, by no other name."""
    asked = []

    def lookup(host: bytes, *arguments: Any, **options: Any) -> Any:
        asked.append(host)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(connection.socket, "getaddrinfo", lookup)
    assert seen(attempt("https://telemetry.example.org/t")) == (0, "dns", "retry")
    assert asked == [b"telemetry.example.org"]


def test_several_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dead first address leaves time for the second, as on a machine whose IPv6 leads nowhere."""
    with serving(BEHAVIOURS["ok"]) as server, refusing() as dead:
        places = [("127.0.0.1", dead.port), ("127.0.0.1", server.port)]
        found = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", place) for place in places]
        monkeypatch.setattr(connection.socket, "getaddrinfo", lambda *_, **__: found)
        assert seen(attempt("http://localhost/t")) == (200, "", "delivered")


def test_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """A resolver that finds nothing, and does not say so."""
    monkeypatch.setattr(connection.socket, "getaddrinfo", lambda *_, **__: [])
    assert seen(attempt("http://localhost/t")) == (0, "dns", "retry")


def test_no_route(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the system refuses for a reason of its own."""

    def lookup(*_: Any, **__: Any) -> Any:
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(connection.socket, "getaddrinfo", lookup)
    assert seen(attempt("http://localhost/t")) == (0, "network", "retry")


def test_deadline_that_has_passed() -> None:
    """Nothing is even looked up then."""
    with serving(BEHAVIOURS["ok"]) as server:
        assert seen(attempt(server.url, seconds=-0.1)) == (0, "timeout", "retry")
        assert server.visits == 0


def test_ipv6() -> None:
    """An address in brackets, in the URL and in the Host header."""
    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6")
    with listener:
        port = listener.getsockname()[1]
        outcome = attempt(f"http://[::1]:{port}/t", timeout=0.2)  # nobody answers; the request waits in the backlog
        visitor, _ = listener.accept()
        with visitor:
            assert f"\r\nHost: [::1]:{port}\r\n".encode() in visitor.recv(65536)
    assert outcome.error == "timeout"


# What is sent


def test_bytes_of_a_post() -> None:
    """The request, byte for byte: headers in their order, framing by us."""
    with serving(BEHAVIOURS["ok"]) as server:
        attempt(f"{server.origin}/v1/traces?a=b", headers={"X-B": "2", "X-A": "1"}, sent=b"\x1f\x8b\r\n\r\n")
    assert server.requests[0].head.decode().split("\r\n") == [
        "POST /v1/traces?a=b HTTP/1.1",
        f"Host: 127.0.0.1:{server.port}",
        "X-B: 2",
        "X-A: 1",
        "Content-Length: 6",
        "Connection: close",
    ]
    assert server.requests[0].body == b"\x1f\x8b\r\n\r\n"


def test_bytes_of_a_beacon() -> None:
    """A GET has no body and no length."""
    with serving(BEHAVIOURS["no_content"]) as server:
        attempt(f"{server.url}?e=search", method="GET", headers={"User-Agent": "mytool/1.4.0"}, sent=b"")
    assert server.requests[0].head.decode().split("\r\n") == [
        "GET /t?e=search HTTP/1.1",
        f"Host: 127.0.0.1:{server.port}",
        "User-Agent: mytool/1.4.0",
        "Connection: close",
    ]


def test_empty_post() -> None:
    """A POST without a body says so, since some servers want to be told."""
    with serving(BEHAVIOURS["ok"]) as server:
        attempt(server.url, sent=b"")
    assert server.requests[0].headers["content-length"] == "0"


def test_large_body_arrives_whole() -> None:
    """More than any buffer holds, to the last byte."""
    body = os.urandom(3_000_000)
    with serving(BEHAVIOURS["ok"]) as server:
        assert attempt(server.url, sent=body).status == 200
    assert server.requests[0].body == body


@pytest.mark.parametrize(
    "options",
    [
        {"headers": {"X-A": "1\r\nX-B: 2"}},
        {"headers": {"X-A": "1\nX-B: 2"}},
        {"headers": {"X-A": "1\rX-B: 2"}},
        {"headers": {"X-A": "1\x00"}},
        {"headers": {"X-A": "1\x0b\x85\u2028"}},
        {"headers": {"X-A": "é"}},
        {"headers": {"X-A: 1\r\nX-B": "2"}},
        {"headers": {"X-A: 1": "2"}},
        {"headers": {"X A": "1"}},
        {"headers": {"": "1"}},
        {"headers": {"X-A\x00": "1"}},
        {"headers": {"Host": "elsewhere.example"}},
        {"headers": {"content-length": "0"}},
        {"headers": {"Transfer-Encoding": "chunked"}},
        {"headers": {"Connection": "keep-alive"}},
        {"method": "GET / HTTP/1.1\r\nX-A:"},
        {"method": ""},
    ],
)
def test_smuggled_header(options: dict[str, Any]) -> None:
    """What could pass for another header, or another request, is refused before anybody is connected to."""
    with serving(BEHAVIOURS["ok"]) as server:
        assert seen(attempt(server.url, **options)) == (0, "request", "hold")
        assert server.visits == 0


@pytest.mark.parametrize("tail", ["/a b", "/a\r\nX: y", "/a\nb", "/\x00", "/é", "/\x7f", "/a#b", "/\\a"])
def test_smuggled_target(tail: str) -> None:
    """So is what could end the request line."""
    with serving(BEHAVIOURS["ok"]) as server:
        assert seen(attempt(server.origin + tail)) == (0, "request", "hold")
        assert server.visits == 0


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://127.0.0.1/",
        "http://",
        "http://127.0.0.1:0/",
        "http://127.0.0.1:99999/",
        "http://me:secret@127.0.0.1/",
    ],
)
def test_no_url(url: str) -> None:
    """What is no URL of ours fails quietly."""
    assert seen(attempt(url)) == (0, "request", "hold")


# What is answered


@pytest.mark.parametrize(
    ("statuses", "verdict"),
    [
        ((200, 201, 202, 204, 206, 299), "delivered"),
        ((408, 429, 500, 502, 503, 504), "retry"),
        ((413,), "halve"),
        ((400, 422), "skip"),
        ((300, 301, 302, 303, 304, 307, 308, 399), "hold"),
        ((401, 402, 403, 404, 405, 406, 407, 409, 410, 411, 414, 415, 418, 451, 501, 505, 511, 599), "hold"),
    ],
)
def test_verdicts(statuses: tuple[int, ...], verdict: str) -> None:
    """The design's table of statuses."""
    assert {status: http.verdict(status) for status in statuses} == dict.fromkeys(statuses, verdict)


@pytest.mark.parametrize("status", [500, 429, 401, 422])
def test_status_of_a_server(status: int) -> None:
    """The status comes through, and so does what follows from it."""
    with serving(answering(status, body=b"no")) as server:
        assert seen(attempt(server.url)) == (status, "", http.verdict(status))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(status: int) -> None:
    """Neither to another host nor back to the same one."""
    with serving(BEHAVIOURS["ok"]) as other:
        with serving(answering(status, {"Location": other.url})) as server:
            assert seen(attempt(server.url)) == (status, "", "hold")
        assert other.visits == 0
    assert server.visits == 1


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        ("86400", 86_400.0),
        ("86401", 86_400.0),
        ("9" * 5000, 86_400.0),
        ("Tue, 14 Nov 2023 22:14:20 GMT", 60.0),
        ("Tuesday, 14-Nov-23 22:14:20 GMT", 60.0),
        ("Tue Nov 14 22:14:20 2023", 60.0),
        ("Tue, 14 Nov 2033 22:14:20 GMT", 86_400.0),
        ("Tue, 14 Nov 2023 22:12:20 GMT", None),
        ("Sunday, 06-Nov-94 08:49:37 GMT", None),
        ("-1", None),
        ("+1", None),
        ("1.5", None),
        ("1e3", None),
        ("٣", None),
        ("²", None),
        ("", None),
        ("soon", None),
        ("inf", None),
        ("Tue, 14 Nov 2023 22:14:20", 60.0),  # the zone is always GMT
        ("Tue, 14 Nov 2023 22:14:20 +0100", None),
        ("Tue, 14 Nov 2023 22:13:60 GMT", 39.0),  # a leap second (RFC 9110, section 5.6.7), as the one before it
        ("Tue Nov 14 22:13:60 2023", 39.0),
        ("Tue, 14 Nov 2023 22:60:20 GMT", None),
        ("Tue, 14 Nov 2023 22:13:61 GMT", None),
        ("Tue, 31 Feb 2023 22:14:20 GMT", None),
        ("Tue, 14 Nov 99999999999999999999 22:14:20 GMT", None),
        ("Tue, 14 Nov 0000 22:14:20 GMT", None),
        ("Tue, 14 Nov 2023 22:14 GMT", None),
        ("Tue, 14 Nov 2023 99:99:99 GMT", None),
        ("Tue, 14 Brumaire 2023 22:14:20 GMT", None),
        ("a b c d e", None),
        (": : : : :", None),
    ],
)
def test_retry_after(text: str, seconds: float | None) -> None:
    """Seconds or one of the three dates, a day at most; the past and garbage are no wish at all."""
    assert retry_seconds(text, NOW) == seconds


@given(text=st.text() | st.text(alphabet="0123456789 :-,GMTNov"), now=st.floats(0, 4e9))
def test_retry_after_of_any_text(text: str, now: float) -> None:
    """Whatever a server writes, the wait is between nothing and a day."""
    seconds = retry_seconds(text, now)
    assert seconds is None or 0 <= seconds <= http.RETRY_AFTER_SECONDS


PIECES = st.sampled_from(b"HTTP/1.1 |HTTP/1.0 |200|404|100| |\r|\n|\r\n\r\n|:|\0|Retry-After: 1".split(b"|"))


@given(content=st.lists(PIECES | st.binary(max_size=20), max_size=12).map(b"".join))
@settings(max_examples=4 * settings().max_examples)
def test_head_of_any_bytes(content: bytes) -> None:
    """Whatever a server sends is an answer or a failure, and nothing of it is lost."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(content)
        theirs.shutdown(socket.SHUT_WR)
        reader = connection.Connection(5.0, time.monotonic() + 5.0)
        reader._socket = ours
        try:
            status, fields, rest = reader.head()
        except connection.Failure:
            return
    assert 200 <= status < 600
    assert content.endswith(rest)
    assert all(name == name.lower() and value == value.strip() for name, value in fields.items())


def test_retry_after_of_a_server() -> None:
    """It is read from an answer, in any case, the first of several."""
    with serving(saying(b"HTTP/1.1 429 No\r\nretry-AFTER:  99999999 \r\nRetry-After: 1\r\n\r\n")) as server:
        outcome = attempt(server.url)
    assert (outcome.verdict, outcome.retry_after) == ("retry", 86_400.0)
    date = dt.datetime.now(tz=dt.UTC) + dt.timedelta(hours=1)
    with serving(answering(503, {"Retry-After": date.strftime("%a, %d %b %Y %H:%M:%S GMT")})) as server:
        outcome = attempt(server.url)
    assert outcome.verdict == "retry"
    assert outcome.retry_after is not None
    assert 3590 < outcome.retry_after <= 3600


def test_cut_request_is_neither_delivered_nor_skipped() -> None:
    """A server that says 200 or 400 to a request it has not read has not taken it, nor judged it."""
    for status in (b"200", b"400"):

        def early(visit: servers.Visit, status: bytes = status) -> None:
            visit.send(b"HTTP/1.1 %s Early\r\nContent-Length: 0\r\n\r\n" % status)
            visit.stay()

        with serving(early) as server:
            assert seen(attempt(server.url, sent=b"x" * 8_000_000, **IMPATIENT)) == (0, "timeout", "retry")


def test_body_is_not_read_to_its_end() -> None:
    """Of a gigabyte at most a few buffers leave the server."""
    sent = 0

    def pour(visit: servers.Visit) -> None:
        nonlocal sent
        visit.read()
        visit.send(servers.OK + b"Content-Length: %d\r\n\r\n" % servers.GIGABYTE)
        while True:
            visit.send(b"x" * 65536)
            sent += 65536

    with serving(pour) as server:
        assert attempt(server.url).seconds < 3.0
    assert sent < 64 * 1024 * 1024


def test_dripping_body_costs_a_second() -> None:
    """What was answered is known: nobody waits for the deadline to throw a body away."""
    with serving(BEHAVIOURS["ok_drips_body"]) as server:
        outcome = attempt(server.url, timeout=20.0, seconds=20.0)
    assert outcome.verdict == "delivered"
    assert outcome.seconds < http.BODY_SECONDS + SLACK


SAID = b'{"flags":{"ranking":true}}'
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
# What a server sends, and what is kept of it.
KEPT = {
    "length": (servers.OK + b"Content-Length: %d\r\n\r\n%s" % (len(SAID), SAID), SAID),
    "length and more": (servers.OK + b"Content-Length: %d\r\n\r\n%smore" % (len(SAID), SAID), SAID),
    "until it closes": (servers.OK + b"\r\n" + SAID, SAID),
    "one chunk": (CHUNKED + b"%x\r\n%s\r\n0\r\n\r\n" % (len(SAID), SAID), SAID),
    "chunks": (CHUNKED + b"".join(b"1;a=b\r\n%c\r\n" % byte for byte in SAID) + b"0\r\nTrailer: x\r\n\r\n", SAID),
    "half a length": (servers.OK + b"Content-Length: 999\r\n\r\n" + SAID, SAID),
    "half a chunk": (CHUNKED + b"999\r\n" + SAID, SAID),
    "no chunk": (CHUNKED + SAID, b""),
    "a long chunk": (CHUNKED + b"f" * 5000 + b"\r\n" + SAID, b""),
    "a negative chunk": (CHUNKED + b"-1\r\n" + SAID, b""),
    "nothing": (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
}


@pytest.mark.parametrize("how", KEPT)
def test_a_body_that_is_asked_for(how: str) -> None:
    """Whole, without its chunks; what was cut short is short, and what is no chunk is none."""
    content, kept = KEPT[how]
    with serving(saying(content)) as server:
        assert attempt(server.url, keep=1000).body == kept
        assert attempt(server.url).body == b""


def test_no_more_of_a_body_than_was_asked_for() -> None:
    """Of a gigabyte as much, whether it comes at once or drips."""
    with serving(BEHAVIOURS["ok_drips_body"]) as server:
        outcome = attempt(server.url, keep=1000, **IMPATIENT)
        assert outcome.verdict == "delivered"
        assert len(outcome.body) < 1000
    for head in (servers.OK + b"\r\n", CHUNKED + b"40000000\r\n"):

        def pour(visit: servers.Visit, head: bytes = head) -> None:
            visit.read()
            visit.send(head)
            visit.repeat(b"x" * 65536)

        with serving(pour) as server:
            assert len(attempt(server.url, keep=100_000).body) <= 100_000


def test_outcome_shows_nothing() -> None:
    """No text of the server's, no header's value, no address, whatever the failure."""
    said = b"HTTP/1.1 500 hunter2-reason\r\nRetry-After: hunter2\r\n\r\nhunter2"
    with serving(saying(said)) as server, refusing() as refused:
        for url in (server.url, refused.url, "http://hunter2:hunter2@127.0.0.1:0/"):
            outcome = attempt(url, headers={"Authorization": SECRET, "X-Bad\n": SECRET} if ":0" in url else {})
            assert "hunter2" not in repr(outcome)
            assert "hunter2" not in str([getattr(outcome, name) for name in Outcome.__slots__])


# Cost


def test_what_is_loaded(run_python: Callable[..., Any]) -> None:
    """A plain exchange loads neither TLS nor `http.client`; a proxy's variable is what opens that room."""
    program = """
import sys, time
from discreet.sending import http
class Request:
    method, url, headers, sent = "GET", sys.argv[1], {}, b""
print(http.exchange(Request, timeout=5.0, deadline=time.monotonic() + 5.0).status)
heavy = {"ssl", "http.client", "email", "urllib.request", "urllib.parse", "encodings.idna", "re"}
print(sorted(heavy.intersection(sys.modules)))
"""
    with serving(BEHAVIOURS["ok"]) as server:
        result = run_python(program, server.url, flags=["-W", "error", "-S"], env={"PYTHONPATH": _source()})
    assert (result.stdout, result.stderr) == ("200\n[]\n", "")


def _source() -> str:
    return str(Path(http.__file__).parents[2])
