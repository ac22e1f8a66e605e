"""Servers on loopback that are far away, slow, broken or down, and know every event they were sent by its id.

Distance is made of round trips, as a network makes them: one until a connection stands, one for the handshake of TLS
1.3, one for each request and its answer. Loopback lets a client write before that; so a client that is gone when its
connection would have stood has sent nothing: its connection is `abandoned`, whatever lies in the buffer.
"""

import contextlib
import gzip
import json
import re
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple, Self
from urllib.parse import parse_qs, urlsplit

SILENCE_SECONDS = 0.5  # long after every command has ended; then its child need not be waited for any longer
_BACKLOG = 128
_NUMBER = re.compile(r'"n": ?"?(\d+)')


class Request(NamedTuple):
    """One request: the target as written, the body without its content encoding."""

    target: str
    body: bytes


class Manner(NamedTuple):
    """How a server behaves: its distance and its slowness in seconds, its status, and whether it answers at all."""

    away: float = 0.0
    slow: float = 0.0
    status: int = 200
    silent: bool = False
    tls: ssl.SSLContext | None = None


class Receiver:
    """A server on 127.0.0.1 with a port of its own; down (connections are refused) until `open`."""

    def __init__(self, manner: Manner, decode: Callable[[Request], list[str]]) -> None:
        self.manner = manner
        self.ids: list[str] = []  # of every event that was accepted, repeats included
        self.requests = 0
        self.abandoned = 0
        self._decode = decode
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))  # not listening: the port is ours and refuses
        scheme = "https" if manner.tls else "http"
        self.origin = f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}"

    def open(self) -> Self:
        """Answer from now on."""
        self._listener.listen(_BACKLOG)
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def close(self) -> None:
        """Answer nobody any more. Connections that stand are left to their threads."""
        with contextlib.suppress(OSError):  # one that was never opened
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._visit, args=(connection,), daemon=True).start()

    def _visit(self, connection: socket.socket) -> None:
        manner = self.manner
        with contextlib.suppress(OSError), contextlib.closing(connection):
            time.sleep(manner.away)
            if _is_gone(connection):
                self.abandoned += 1
                return
            if manner.tls:
                time.sleep(manner.away)
                connection = manner.tls.wrap_socket(connection, server_side=True)
            with connection, connection.makefile("rb") as stream:
                for request in _requests(stream):
                    self.requests += 1
                    if manner.silent:
                        time.sleep(SILENCE_SECONDS)
                        return
                    if manner.status == 200:
                        self.ids += self._decode(request)
                    time.sleep(manner.away + manner.slow)
                    connection.sendall(f"HTTP/1.1 {manner.status} -\r\nContent-Length: 0\r\n\r\n".encode())


def json_ids(request: Request) -> list[str]:
    """Of the package's own format."""
    return [record["id"] for record in json.loads(request.body)["records"]]


def posthog_ids(request: Request) -> list[str]:
    """Of PostHog's batches; requests for anything else hold no event."""
    return [event["uuid"] for event in json.loads(request.body or b"{}").get("batch", [])]


def numbers(request: Request) -> list[str]:
    """Of those whose events have no id: the number that the command was told to send, in a query or in JSON."""
    query = parse_qs(urlsplit(request.target).query)
    return query.get("n", []) + _NUMBER.findall(request.body.decode(errors="replace"))


def otlp_ids(request: Request) -> list[str]:
    """The span ids of an `ExportTraceServiceRequest` (opentelemetry/proto: resource_spans 1, scope_spans 2, spans 2).

    By hand, since the interpreter of the benchmarks need not have protobuf.
    """
    spans = (
        span for resource in _fields(request.body, 1) for scope in _fields(resource, 2) for span in _fields(scope, 2)
    )
    return [span_id.hex() for span in spans for span_id in _fields(span, 2)]


def _fields(message: bytes, wanted: int) -> Iterator[bytes]:
    """The length-delimited fields of that number (protobuf.dev, "Encoding")."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        kind = tag & 7
        if kind == 0:
            _, at = _varint(message, at)
            continue
        size, at = _varint(message, at) if kind == 2 else ({1: 8, 5: 4}[kind], at)
        if kind == 2 and tag >> 3 == wanted:
            yield message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def _requests(stream: BinaryIO) -> Iterator[Request]:
    """The requests of one connection until its client ends it."""
    while first := stream.readline():
        headers = {}
        while (line := stream.readline().strip()) and b":" in line:
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        body = stream.read(int(headers.get("content-length", 0)))
        if headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        yield Request(first.decode("latin-1").split(" ")[1], body)


def _is_gone(connection: socket.socket) -> bool:
    """Whether the other end has closed, even with its bytes still unread."""
    poll = select.poll()
    poll.register(connection, select.POLLRDHUP)
    return bool(poll.poll(0))
