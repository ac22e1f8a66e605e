"""Servers for tests: real sockets on loopback that answer as they are told, or misbehave each in a way of its own.

    with serving(answering(503)) as server:  # or serving(BEHAVIOURS["drips_head"]), or any function of a Visit
        ...
        server.url, server.requests[0].method, .target, .headers["host"], .body

A server ends with its `with`: its threads are waited for, whatever its visitors do.
"""

import contextlib
import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import trustme

DRIP_SECONDS = 0.02
GIGABYTE = 1 << 30


class Received(NamedTuple):
    """A request as it came: the target as written, header names in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    head: bytes


class Server:
    """What a test sees of a server."""

    def __init__(self, scheme: str, port: int) -> None:
        self.port = port
        self.origin = f"{scheme}://127.0.0.1:{port}"
        self.url = f"{self.origin}/t"
        self.requests: list[Received] = []
        self.visits = 0  # connections, with or without a request
        self.ended = threading.Event()

    def wait(self, number: int, seconds: float = 10.0) -> list[Received]:
        """The requests once there are `number` of them, or after `seconds`."""
        end = time.monotonic() + seconds
        while len(self.requests) < number and time.monotonic() < end:
            time.sleep(0.005)
        return self.requests


class Visit:
    """One connection, in the hands of a behaviour. An `OSError` ends it silently."""

    def __init__(self, server: Server, connection: socket.socket) -> None:
        self.server = server
        self.socket = connection

    def read(self) -> Received:
        """Read one request and write it down."""
        content = b""
        while b"\r\n\r\n" not in content:
            content += self._more()
        head, _, body = content.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        while len(body) < int(headers.get("content-length", 0)):
            body += self._more()
        received = Received(method, target, headers, body, head)
        self.server.requests.append(received)
        return received

    def send(self, content: bytes) -> None:
        """Send all of it."""
        self.socket.sendall(content)

    def repeat(self, content: bytes, pause: float = 0.0) -> None:
        """Send it again and again until one of the two is gone."""
        while not self.server.ended.wait(pause):
            self.send(content)

    def stay(self) -> None:
        """Do nothing until the server ends."""
        self.server.ended.wait(30)

    def _more(self) -> bytes:
        content = self.socket.recv(65536)
        if not content:
            raise ConnectionResetError
        return content


Behaviour = Callable[[Visit], object]


@contextlib.contextmanager
def serving(behave: Behaviour, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """A server on 127.0.0.1 that treats each visitor as `behave` says."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    listener.settimeout(0.02)
    server = Server("https" if tls else "http", listener.getsockname()[1])
    threads: list[threading.Thread] = []
    sockets: list[socket.socket] = []

    def receive(connection: socket.socket) -> None:
        with contextlib.suppress(OSError), contextlib.closing(connection):
            if tls:
                connection = tls.wrap_socket(connection, server_side=True)
                sockets.append(connection)  # whoever shakes hands for ever is woken through the plain one
            with connection:
                behave(Visit(server, connection))

    def accept() -> None:
        while not server.ended.is_set():
            with contextlib.suppress(TimeoutError):
                connection = listener.accept()[0]
                connection.settimeout(30)
                server.visits += 1
                sockets.append(connection)
                threads.append(threading.Thread(target=receive, args=(connection,)))
                threads[-1].start()

    threads.append(threading.Thread(target=accept))
    threads[0].start()
    try:
        yield server
    finally:
        server.ended.set()
        threads[0].join()
        listener.close()
        for connection in sockets:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join()


@contextlib.contextmanager
def refusing() -> Iterator[Server]:
    """A port that nobody listens on, and that nobody else is given meanwhile."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield Server("http", bound.getsockname()[1])


def answering(status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> Behaviour:
    """Read a request and answer it."""
    lines = [f"HTTP/1.1 {status} Whatever", *(f"{name}: {value}" for name, value in (headers or {}).items())]
    lines += [] if status == 204 else [f"Content-Length: {len(body)}"]

    def behave(visit: Visit) -> None:
        visit.read()
        visit.send("\r\n".join((*lines, "", "")).encode() + body)

    return behave


def saying(content: bytes, *then: Callable[[Visit], object]) -> Behaviour:
    """Read a request, send these bytes, and go on."""

    def behave(visit: Visit) -> None:
        visit.read()
        visit.send(content)
        for step in then:
            step(visit)

    return behave


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """The first visitor is treated as the first says, and so on; the last is for all who follow."""
    left = list(behaviours)
    return lambda visit: (left.pop(0) if len(left) > 1 else left[0])(visit)


def _reset(visit: Visit) -> None:
    visit.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _refuse_unread(visit: Visit) -> None:
    """Answer 413 at once, and stop listening, as a server does that has seen the Content-Length."""
    visit.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
    visit.socket.shutdown(socket.SHUT_WR)
    visit.stay()


def _drips(visit: Visit) -> None:
    visit.repeat(b"a", DRIP_SECONDS)


OK = b"HTTP/1.1 200 OK\r\n"
BEHAVIOURS: dict[str, Behaviour] = {
    "ok": answering(200, body=b"{}"),
    "ok_garbage_body": answering(200, {"Content-Type": "application/json"}, b"\xff\x00<html>{{{"),
    "ok_1_0_no_length": saying(b"HTTP/1.0 200 OK\r\n\r\nhello"),
    "ok_chunked": saying(OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", Visit.stay),
    "ok_bare_newlines": saying(b"HTTP/1.1 200 OK\nContent-Length: 0\n\n", Visit.stay),
    "ok_after_100": saying(b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 0\r\n\r\n"),
    "ok_no_end_of_body": saying(OK + b"\r\nhello", Visit.stay),
    "ok_cut_body": saying(OK + b"Content-Length: 100\r\n\r\nhello"),
    "ok_drips_body": saying(OK + b"Content-Length: 1000000\r\n\r\n", _drips),
    "ok_gigabyte": saying(OK + b"Content-Length: %d\r\n\r\n" % GIGABYTE, lambda visit: visit.repeat(b"x" * 65536)),
    "no_content": answering(204),
    "silent": lambda visit: (visit.read(), visit.stay()),
    "deaf": Visit.stay,  # does not even read
    "closes": lambda visit: visit.socket.close(),
    "closes_after_request": Visit.read,
    "resets": _reset,
    "resets_after_request": lambda visit: (visit.read(), _reset(visit)),
    "drips_status": lambda visit: (visit.read(), [visit.send(b"HTTP/1.1 2"), _drips(visit)]),
    "drips_head": saying(OK + b"X: ", _drips),
    "cut_head": saying(OK + b"Content-Length: 0\r\n"),
    "endless_head": saying(OK, lambda visit: visit.repeat(b"X: y\r\n" * 1000)),
    "endless_line": saying(OK + b"X: ", lambda visit: visit.repeat(b"y" * 8192)),
    "floods_100": saying(b"", lambda visit: visit.repeat(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)),
    "drips_100": saying(b"", lambda visit: visit.repeat(b"HTTP/1.1 100 Continue\r\n\r\n", DRIP_SECONDS)),
    "other_protocol": saying(b"SSH-2.0-OpenSSH_9.2\r\n", Visit.stay),
    "switches_protocol": saying(b"HTTP/1.1 101 Switching Protocols\r\n\r\n", Visit.stay),
    "http_2": saying(b"HTTP/2 200 OK\r\n\r\n", Visit.stay),
    "no_status": saying(b"HTTP/1.1 OK\r\n\r\n", Visit.stay),
    "status_999": saying(b"HTTP/1.1 999 Denied\r\n\r\n", Visit.stay),
    "status_2e2": saying(b"HTTP/1.1 2e2 OK\r\n\r\n", Visit.stay),
    "early_413": _refuse_unread,
}


def forwarding(upstream: Server, credentials: str = "") -> Behaviour:
    """A proxy: whatever host it is asked for, it goes to `upstream`. It may want `credentials`, a header's value."""

    def behave(visit: Visit) -> None:
        request = visit.read()
        if credentials and request.headers.get("proxy-authorization") != credentials:
            visit.send(b"HTTP/1.1 407 Who Are You\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n")
            return
        with socket.create_connection(("127.0.0.1", upstream.port), timeout=30) as onward:
            if request.method == "CONNECT":
                visit.send(b"HTTP/1.1 200 Connection Established\r\n\r\n")
            else:
                path = "/" + request.target.split("/", 3)[3]
                onward.sendall(request.head.replace(request.target.encode(), path.encode(), 1) + b"\r\n\r\n")
                onward.sendall(request.body)
            _pump(visit, onward)

    return behave


def _pump(visit: Visit, onward: socket.socket) -> None:
    other: dict[Any, socket.socket] = {visit.socket: onward, onward: visit.socket}
    while not visit.server.ended.is_set():
        for ready in select.select(list(other), [], [], 0.02)[0]:
            content = ready.recv(65536)
            if not content:
                return
            other[ready].sendall(content)


class Authority:
    """A certificate authority of this test, which nobody else trusts."""

    def __init__(self, directory: Path) -> None:
        self._authority = trustme.CA()
        self.bundle = str(directory / "authority.pem")
        self._authority.cert_pem.write_to_path(self.bundle)

    def tls(self, name: str = "127.0.0.1", **validity: Any) -> ssl.SSLContext:
        """A server's side, with a certificate for `name`; `not_after` and the like as trustme takes them."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert(name, **validity).configure_cert(context)
        return context

    def tls_signed_by_itself(self) -> ssl.SSLContext:
        """A server's side that shows the authority's own certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with self._authority.cert_pem.tempfile() as certificate, self._authority.private_key_pem.tempfile() as key:
            context.load_cert_chain(certificate, key)
        return context
