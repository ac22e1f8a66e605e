"""A collector on loopback in a thread of this process, and a client that sends bytes as they are."""

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from discreet.collector.check import Check
from discreet.collector.desk import Desk
from discreet.collector.server import Server
from discreet.collector.store import Store
from discreet.destination import Destination
from discreet.sending import wire
from discreet.sending.wire import flat

PATHS = {"beacon": "/t", "json": "/t", "otlp": "/v1/traces", "posthog": "/batch/"}


class Answer(NamedTuple):
    """An answer as it came; `body` without its head."""

    status: int
    head: str
    body: bytes

    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body)


class Collector:
    """A running collector: its address, what it stored, and ways to talk to it."""

    def __init__(self, out: Path, *, check: Check | None = None, limit: int = 1 << 30, **options: Any) -> None:
        self.out = out
        self.complaints: list[str] = []
        self.desk = Desk(Store(str(out), limit), check or Check(), **options)
        self.server = Server(self.desk, self.complaints.append)
        self._asked = False
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        assert self._ready.wait(10)

    def _run(self) -> None:
        def ready(_: str, port: int) -> None:
            self.port = port
            self._ready.set()

        asyncio.run(self.server.serve("127.0.0.1", 0, ready))
        self.desk.store.close()

    def ask_to_stop(self) -> None:
        """As a signal would, once."""
        if not self._asked:
            self._asked = True
            self.server.stop()

    def stop(self) -> None:
        """End it and wait for that."""
        self.ask_to_stop()
        self._thread.join(20)
        assert not self._thread.is_alive()

    def records(self) -> list[dict[str, Any]]:
        """What stands in the files, in the order of their names."""
        return [
            json.loads(line)
            for path in sorted(self.out.glob("*.jsonl"))
            for line in path.read_text("utf-8").splitlines()
            if line.strip()
        ]

    def destination(self, form: str, **options: Any) -> Destination:
        """Where to send records in that format."""
        return Destination(f"http://127.0.0.1:{self.port}{PATHS[form]}", format=form, api_key="phc", **options)

    def connect(self) -> socket.socket:
        """A connection of one's own."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def ask(self, sent: bytes) -> Answer:
        """Send bytes on a connection of their own, and read until its end."""
        with self.connect() as connection:
            connection.sendall(sent)
            return read(connection)

    def get(self, target: str, *headers: str) -> Answer:
        """A GET."""
        return self.ask(head(f"GET {target} HTTP/1.1", *headers))

    def post(self, target: str, content: object, *headers: str) -> Answer:
        """A POST of JSON, or of bytes as they are."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        kind = () if any(name.startswith("Content-Type") for name in headers) else ("Content-Type: application/json",)
        return self.ask(head(f"POST {target} HTTP/1.1", f"Content-Length: {len(body)}", *kind, *headers) + body)

    def send(self, records: list[dict[str, Any]], form: str, **options: Any) -> Answer:
        """Records, as our client would send them."""
        return self.ask(written(wire.encode(records, self.destination(form, **options))))


def head(first: str, *lines: str) -> bytes:
    """The head of a request that is the last one of its connection."""
    host = () if any(line.lower().startswith("host:") for line in lines) else ("Host: 127.0.0.1",)
    return "\r\n".join((first, *host, "Connection: close", *lines, "", "")).encode("latin-1")


def written(request: wire.Request) -> bytes:
    """A request of our client as it goes over the wire."""
    length = (f"Content-Length: {len(request.sent)}",) if request.method == "POST" else ()
    headers = [f"{name}: {value}" for name, value in request.headers.items()]
    return head(f"{request.method} {request.target} HTTP/1.1", *length, *headers) + request.sent


def read(connection: socket.socket) -> Answer:
    """All that comes until the end, as one answer; `100 Continue` before it is passed over."""
    came = b""
    while piece := connection.recv(65536):
        came += piece
    came = came.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
    top, _, body = came.partition(b"\r\n\r\n")
    return Answer(int(top[9:12] or 0), top.decode("latin-1"), body)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Collector]]:
    """Start collectors; they are stopped at the end."""
    made: list[Collector] = []

    def begin(**options: Any) -> Collector:
        made.append(Collector(options.pop("out", tmp_path / "out"), **options))
        return made[-1]

    yield begin
    for one in made:
        one.stop()
        assert not one.complaints


@pytest.fixture
def collector(start: Callable[..., Collector]) -> Collector:
    """A running collector without options."""
    return start()


def typed(properties: dict[str, Any]) -> dict[str, tuple[type, Any]]:
    """Flat properties with their types: True is no 1."""
    return {name: (type(value), value) for name, value in flat(properties).items()}
