"""Time and number: slow clients, many clients, and the end. Over real sockets."""

import errno
import json
import os
import re
import socket
import threading
import time
import tracemalloc
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from collector.conftest import Collector, head, read, written
from discreet.collector import page
from discreet.collector import server as room
from discreet.collector.desk import Desk, Work
from discreet.collector.http import BODY_BYTES, Answer, Request
from discreet.collector.store import Store
from discreet.sending import wire
from wire.cases import RECORDS

JSON = "Content-Type: application/json"
BEACON = b"GET /t?t=mytool&e=search HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """All times are short."""
    for name in ("REQUEST_SECONDS", "IDLE_SECONDS", "LINGER_SECONDS"):
        monkeypatch.setattr(room, name, 0.2)
    monkeypatch.setattr(room, "_TICK_SECONDS", 0.02)


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize(
    "begun",
    [
        b"G",
        b"GET /t HTTP/1.1\r\nX: ",
        head("POST /t HTTP/1.1", JSON, "Content-Length: 100"),
        head("POST /t HTTP/1.1", JSON, "Content-Length: 100") + b'{"records"',
        head("POST /t HTTP/1.1", JSON, "Transfer-Encoding: chunked") + b"5\r\nab",
    ],
)
def test_a_request_that_does_not_come_in_time(collector: Collector, begun: bytes) -> None:
    """It is told so and cut off, wherever it stopped."""
    assert collector.ask(begun).status == 408


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize(
    ("begun", "drop"),
    [
        (b"GET /t HTTP/1.1\r\nX: ", b"X"),
        (head("POST /t HTTP/1.1", JSON, "Transfer-Encoding: chunked"), b"1\r\n \r\n"),  # of which nothing is held
    ],
)
def test_a_client_that_drips(collector: Collector, begun: bytes, drop: bytes) -> None:
    """Each piece in time does not make the request in time."""
    with collector.connect() as connection:
        stop = threading.Event()

        def drip() -> None:
            try:
                while not stop.wait(0.02):
                    connection.sendall(drop)
            except OSError:
                pass  # cut off, as it should be

        connection.sendall(begun)
        dripping = threading.Thread(target=drip)
        dripping.start()
        try:
            assert read(connection).status == 408
        except ConnectionResetError:
            pass  # a drop that came after the end
        finally:
            stop.set()
            dripping.join()


@pytest.mark.usefixtures("hasty")
def test_an_idle_connection_is_closed(collector: Collector) -> None:
    """Before its first request and after one, without a word."""
    with collector.connect() as connection:
        assert connection.recv(1) == b""
    with collector.connect() as connection:
        connection.sendall(BEACON)
        assert read(connection).status == 204


def test_many_requests_of_one_connection(collector: Collector) -> None:
    """One after the other, all at once, and in pieces; each has its answer, in their order."""
    with collector.connect() as connection:
        connection.sendall(BEACON * 100)
        post = written(wire.encode(RECORDS, collector.destination("json"))).replace(b"Connection: close\r\n", b"")
        for piece in (post[:30], post[30:200], post[200:], BEACON.replace(b"search", b"Search")):
            connection.sendall(piece)
        connection.sendall(head("GET /healthz HTTP/1.1"))
        came = b""
        while part := connection.recv(65536):
            came += part
    statuses = [int(part[:3]) for part in came.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [204] * 100 + [200, 422, 200]
    assert len(collector.records()) == 116


def test_others_have_their_turn(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two requests of one connection, however many came at once, everybody else is looked at."""
    turns: list[str] = []
    real = collector.desk.answer

    def answer(request: Request) -> Answer | Work:
        turns.append("request")
        collector.server.loop.call_soon(turns.append, "another")
        return real(request)

    monkeypatch.setattr(collector.desk, "answer", answer)
    with collector.connect() as connection:
        connection.sendall(BEACON * 3 + head("GET /healthz HTTP/1.1"))
        while connection.recv(65536):
            pass
    assert turns == ["request", "another"] * 4


def test_a_slow_answer_keeps_the_order(collector: Collector) -> None:
    """The page and an erasure are made elsewhere; what comes behind them waits."""
    collector.send(RECORDS[:2], "json")
    forget = json.dumps({"forget": [RECORDS[0]["id"]]}).encode()
    erase = f"POST /t HTTP/1.1\r\nHost: 127.0.0.1\r\n{JSON}\r\nContent-Length: {len(forget)}\r\n\r\n".encode() + forget
    page = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with collector.connect() as connection:
        connection.sendall(page + BEACON + erase + BEACON + page + head("GET /healthz HTTP/1.1"))
        came = b""
        while part := connection.recv(65536):
            came += part
    assert [part[:3] for part in came.split(b"HTTP/1.1 ")[1:]] == [b"200", b"204", b"200", b"204", b"200", b"200"]


def test_a_long_page_keeps_nothing_from_the_disk(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it is made, what is written is brought to the disk as ever."""
    begun, go_on, brought = threading.Event(), threading.Event(), threading.Event()
    real = os.fsync

    def report(*_: object) -> str:
        begun.set()
        go_on.wait(20)
        return ""

    def fsync(descriptor: int) -> None:
        real(descriptor)
        brought.set()

    collector.send(RECORDS[:1], "json")
    monkeypatch.setattr(page, "report", report)
    with collector.connect() as connection:
        connection.sendall(head("GET / HTTP/1.1"))
        assert begun.wait(20)
        monkeypatch.setattr(os, "fsync", fsync)
        assert collector.send(RECORDS[1:2], "json").status == 200
        assert brought.wait(20)
        go_on.set()
        assert read(connection).status == 200


def test_the_date_of_an_answer(collector: Collector) -> None:
    """An HTTP date (RFC 9110, section 5.6.7), which ends in GMT."""
    (line,) = [line for line in collector.get("/healthz").head.splitlines() if line.startswith("Date: ")]
    assert re.fullmatch(r"Date: [A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT", line)


def test_it_says_to_go_on(collector: Collector) -> None:
    """A client that asks before it sends a body is told to, once the head was looked at."""
    body = json.dumps({"records": RECORDS[:1]}).encode()
    with collector.connect() as connection:
        connection.sendall(head("POST /t HTTP/1.1", JSON, f"Content-Length: {len(body)}", "Expect: 100-continue"))
        assert connection.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert read(connection).status == 200
    refused = collector.ask(head("POST /v1/no HTTP/1.1", JSON, "Content-Length: 9", "Expect: 100-continue"))
    assert refused.status == 404


def test_why_it_was_refused_can_be_read(collector: Collector) -> None:
    """Also by a client that sends its whole body first: no reset overtakes the answer."""
    body = b" " * BODY_BYTES
    for _ in range(5):
        with collector.connect() as connection:
            connection.sendall(head("POST /v1/nowhere HTTP/1.1", JSON, f"Content-Length: {len(body)}") + body)
            assert read(connection).status == 404


def test_only_so_many_connections(start: Callable[..., Collector], monkeypatch: pytest.MonkeyPatch) -> None:
    """One too many is told to come again, and those before it go on."""
    monkeypatch.setattr(room, "CONNECTIONS", 3)
    collector = start()
    held = [collector.connect() for _ in range(3)]
    for connection in held:
        connection.sendall(BEACON)
        connection.recv(100)
    answer = collector.ask(b"")
    assert answer.status == 503
    assert "Retry-After: 1" in answer.head
    for connection in held:
        connection.sendall(BEACON)
        assert connection.recv(12) == b"HTTP/1.1 204"
        connection.close()


def test_only_so_much_is_read_at_once(start: Callable[..., Collector], monkeypatch: pytest.MonkeyPatch) -> None:
    """Bodies that have no room beside others come again later; the room of a client that is gone is free."""
    monkeypatch.setattr(room, "HELD_BYTES", BODY_BYTES)
    collector = start()
    large = head("POST /t HTTP/1.1", JSON, f"Content-Length: {BODY_BYTES}")
    with collector.connect() as connection:
        connection.sendall(large + b"{")
        while collector.server.held != BODY_BYTES:
            pass
        assert collector.send(RECORDS, "json").status == 503
        assert collector.get("/t?t=mytool&e=search").status == 204
    while collector.server.held:
        pass
    assert collector.send(RECORDS, "json").status == 200


@pytest.mark.usefixtures("hasty")
def test_a_client_that_does_not_read(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not read either, gets no further answer, and is cut off at last; others are answered meanwhile."""
    answers = []

    def index(*_: object) -> str:  # long: the system's buffers hold thousands of short ones
        answers.append("x" * 65536)
        return answers[-1]

    monkeypatch.setattr(page, "index", index)
    ask = head("GET / HTTP/1.1").replace(b"Connection: close\r\n", b"")
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        connection.connect(("127.0.0.1", collector.port))
        connection.settimeout(20)
        try:
            for _ in range(20_000):  # 100 MB
                connection.sendall(ask * 100)
        except ConnectionError:
            pass  # cut off
        else:
            pytest.fail("what nobody reads was answered without end")
    assert len(answers) < 500  # some dozens; what is read at a time asks for thousands
    assert collector.send(RECORDS, "json").status == 200


def look(collector: Collector) -> None:
    """Let the time pass that the only connection has, and the server look at it."""
    (one,) = collector.server.connections
    one.deadline = 0.0
    while not one.deadline and one in collector.server.connections:
        time.sleep(0.001)


@pytest.mark.parametrize("keep", [True, False])
def test_a_client_that_reads_slowly(collector: Collector, monkeypatch: pytest.MonkeyPatch, keep: bool) -> None:
    """It gets the whole page, however long that takes, since its reading shows soon."""
    monkeypatch.setattr(room, "_TICK_SECONDS", 0.01)
    monkeypatch.setattr(room, "LINGER_SECONDS", 0.0)  # for a client that has read all
    monkeypatch.setattr(page, "index", lambda *_: "#" * (8 << 20))
    ask = head("GET / HTTP/1.1")
    came, looks = bytearray(), 0
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        connection.connect(("127.0.0.1", collector.port))
        connection.sendall(ask.replace(b"Connection: close\r\n", b"") if keep else ask)
        came += connection.recv(1)
        (one,) = collector.server.connections
        while not one.unread():
            time.sleep(0.001)
        time.sleep(0.1)
        while (left := one.unread()) > 1 << 20:
            while one.unread() > left - room.READ_BYTES:
                came += connection.recv(4096)
            look(collector)
            looks += 1
        if keep:
            connection.sendall(head("GET /healthz HTTP/1.1"))
        while piece := connection.recv(1 << 20):
            came += piece
    assert came.count(b"#") == 8 << 20
    assert came.count(b"HTTP/1.1 200 OK") == 1 + keep
    assert looks > 10


@pytest.mark.skipif(not hasattr(socket, "TCP_NOTSENT_LOWAT"), reason="this system bounds only all that it holds")
def test_slow_reading_shows(collector: Collector) -> None:
    """Of what waits the system holds little: twice what is looked for, so that no step of it is taken for a stop."""
    with collector.connect() as connection:
        connection.sendall(BEACON)
        connection.recv(12)
        (one,) = collector.server.connections
        held = one._transport.get_extra_info("socket")
        assert held.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT) == room._SENT_BYTES == 2 * room.READ_BYTES


def test_a_client_that_reads_too_slowly(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is cut off, so that what waits for it is not held for ever."""
    monkeypatch.setattr(room, "_TICK_SECONDS", 0.01)
    monkeypatch.setattr(room, "READ_BYTES", 4 << 20)
    monkeypatch.setattr(page, "index", lambda *_: "#" * (8 << 20))
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        connection.connect(("127.0.0.1", collector.port))
        connection.sendall(head("GET / HTTP/1.1"))
        connection.recv(1 << 20, socket.MSG_WAITALL)
        look(collector)
        assert not collector.server.connections


def test_pages_that_nobody_reads(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once the answers that wait have as many bytes as are held, the next page has to be asked for again."""
    collector.send(RECORDS[:1], "json")
    monkeypatch.setattr(room, "HELD_BYTES", 20 << 20)
    monkeypatch.setattr(page, "report", lambda *_: "x" * (16 << 20))  # of which the system's buffers take 4 MiB at most
    ask = head("GET /?tool=mytool HTTP/1.1")
    with ExitStack() as stack:
        for number in (1, 2):
            silent = stack.enter_context(socket.socket())
            silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            silent.connect(("127.0.0.1", collector.port))
            silent.sendall(ask)
            while sum(one._unread for one in list(collector.server.connections)) < number:
                pass
        answer = collector.ask(ask)
        assert (answer.status, "Retry-After: 1" in answer.head) == (503, True)
        assert collector.send(RECORDS[1:2], "json").status == 200
    while any(one._unread for one in list(collector.server.connections)):
        pass
    assert collector.ask(ask).status == 200


def test_erasures_wait_without_their_ids(collector: Collector) -> None:
    """What a request asks to forget is held while it is read, and not until its turn comes."""
    go_on = threading.Event()
    collector.server._pool.submit(go_on.wait, 20)
    body = json.dumps({"forget": [f"f53ef912-8765-4a51-89ab-{number:012x}" for number in range(5000)]}).encode()
    ask = head("POST /t HTTP/1.1", JSON, f"Content-Length: {len(body)}") + body
    held = []
    tracemalloc.start()
    try:
        with ExitStack() as stack:
            for number in range(1, 21):
                connection = stack.enter_context(collector.connect())
                connection.sendall(ask)
                while sum(one._busy for one in list(collector.server.connections)) < number:
                    pass
                held.append(tracemalloc.get_traced_memory()[0])
            go_on.set()
            assert read(connection).json() == {"forgotten": 5000}
    finally:
        go_on.set()
        tracemalloc.stop()
    assert held[-1] - held[0] < 4 << 20  # 19 lists would be 20 MB


def test_a_client_that_reads_late(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """What had to wait for it is answered once it reads."""
    monkeypatch.setattr(page, "index", lambda *_: "x" * 65536)
    ask = head("GET / HTTP/1.1").replace(b"Connection: close\r\n", b"")
    with collector.connect() as connection:
        connection.sendall(ask * 99 + head("GET / HTTP/1.1"))
        while not any(one._unread for one in list(collector.server.connections)):
            pass
        came = b""
        while part := connection.recv(1 << 20):
            came += part
    assert came.count(b"HTTP/1.1 200 OK") == 100
    assert came.count(b"x" * 65536) == 100


def test_the_last_answer_after_a_long_one(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given once the long one is read, and the connection ends without an error (which the fixture looks for)."""
    monkeypatch.setattr(page, "index", lambda *_: "x" * (64 << 20))  # more than the system's buffers hold
    first, long = (head(f"GET {path} HTTP/1.1").replace(b"Connection: close\r\n", b"") for path in ("/healthz", "/"))
    with collector.connect() as connection:
        connection.sendall(first)
        assert b" 200 " in connection.recv(1000)
        (one,) = collector.server.connections
        collector.server.loop.call_soon_threadsafe(one._transport.set_write_buffer_limits, 0)  # read means all of it
        connection.sendall(long + head("GET /healthz HTTP/1.1"))
        came = b"".join(iter(lambda: connection.recv(1 << 22), b""))
    assert came.count(b"HTTP/1.1 200 OK") == 2


def test_a_client_that_asks_faster_than_it_is_answered(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the system gives at once is held, and no more, however much is on its way; and all of it is answered."""
    held = []
    real = collector.desk.answer

    def answer(request: Request) -> Answer | Work:
        held.append(max(len(one._reader._held) for one in collector.server.connections))
        return real(request)

    monkeypatch.setattr(collector.desk, "answer", answer)
    ask = BEACON.replace(b"\r\n\r\n", b"\r\nX: " + b"x" * 4000 + b"\r\n\r\n")
    with collector.connect() as connection:
        sending = threading.Thread(target=connection.sendall, args=(ask * 1000 + head("GET /healthz HTTP/1.1"),))
        sending.start()
        came = b""
        while part := connection.recv(65536):
            came += part
        sending.join()
    assert came.count(b"HTTP/1.1 204") == 1000
    assert max(held) < 300_000  # a read of asyncio's has at most 256 KiB


@pytest.mark.parametrize("held", [0, 10], ids=["head alone", "some of the body"])
def test_a_request_under_way_is_answered_at_the_end(collector: Collector, held: int) -> None:
    """Whoever stops the collector does not lose what is just arriving; idle connections are closed."""
    post = written(wire.encode(RECORDS, collector.destination("json")))
    first = post.index(b"\r\n\r\n") + 4 + held
    with collector.connect() as idle, collector.connect() as connection:
        idle.sendall(BEACON)
        idle.recv(100)
        connection.sendall(post[:first])
        while not any(one._request for one in list(collector.server.connections)):
            pass
        collector.ask_to_stop()
        assert idle.recv(1) == b""
        connection.sendall(post[first:])
        assert read(connection).status == 200
    collector.stop()
    assert len(collector.records()) == 17


def test_the_end_does_not_wait_for_ever(start: Callable[..., Collector], monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that never comes is cut off."""
    monkeypatch.setattr(room, "STOP_SECONDS", 0.05)
    collector = start()
    with collector.connect() as connection:
        connection.sendall(b"GET /")
        while not collector.server.connections:
            pass
        collector.stop()
        assert connection.recv(1) == b""


def test_a_disk_that_refuses(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """503, by whichever thread finds out; the connection and the collector live on."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Store, "add", refuse)
        patched.setattr(Store, "forget", lambda *_: refuse)
        answer = collector.send(RECORDS, "json")
        assert (answer.status, b"No space" in answer.body) == (503, True)
        assert collector.post("/t", {"forget": [RECORDS[0]["id"]]}).status == 503
    assert collector.send(RECORDS, "json").status == 200


def test_an_error_nobody_expected(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told with its place and without its words, which may hold what was sent; others are answered."""

    def fail(*_: object) -> None:
        raise RuntimeError("jane@example.org")

    with monkeypatch.context() as patched:
        patched.setattr(Desk, "_take", fail)
        with collector.connect() as connection:
            connection.sendall(BEACON)
            assert connection.recv(1) == b""
    (said,) = collector.complaints
    collector.complaints.clear()
    assert "RuntimeError at " in said
    assert "test_server.py" in said
    assert not any(word in said for word in ("jane", "127.0.0.1"))
    assert collector.send(RECORDS, "json").status == 200


def test_the_same_error_many_times(start: Callable[..., Collector], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without descriptors, asyncio tries hundreds of times at once: it is told once a minute."""
    monkeypatch.setattr(room, "_TICK_SECONDS", 60)
    collector = start()

    def fail() -> None:
        raise OSError(errno.EMFILE, "jane@example.org")

    for _ in range(100):
        collector.server.loop.call_soon_threadsafe(fail)
    assert collector.send(RECORDS, "json").status == 200
    (said,) = collector.complaints
    collector.complaints.clear()
    assert "OSError (Too many open files) at " in said
    assert "jane" not in said


@pytest.mark.parametrize("late", [False, True], ids=["to begin", "to end"])
def test_a_disk_that_does_not_keep_it(
    start: Callable[..., Collector], monkeypatch: pytest.MonkeyPatch, late: bool
) -> None:
    """What was taken may be lost with the machine then: whoever runs it is told, whichever thread finds out."""
    monkeypatch.setattr(room, "_TICK_SECONDS", 0.02)
    collector, told, said = start(), threading.Event(), []

    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(collector.server, "_complain", lambda what: (said.append(what), told.set()))
    with monkeypatch.context() as patched:
        patched.setattr(Store, "sync", (lambda _: refuse) if late else refuse)
        assert told.wait(20)
    assert set(said) == {"the disk did not take what was written: [Errno 5] Input/output error"}


def test_nobody_reads_what_is_told(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """The terminal is gone, or stderr is a file on the same full disk: it is no reason to end, nor is it told."""
    tried = threading.Event()

    def lost(_: str) -> None:
        tried.set()
        raise OSError(errno.ENOSPC, "No space left on device")

    def refuse(_: Store) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patched:
        patched.setattr(collector.server, "_complain", lost)
        patched.setattr(Store, "sync", refuse)
        assert tried.wait(20)
        assert collector.send(RECORDS[:1], "json").status == 200
    assert collector.send(RECORDS[1:2], "json").status == 200
