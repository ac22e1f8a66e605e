"""Peers that nobody here wrote: how they are had, and listened to.

Not part of an ordinary run: `pip install -e '.[interop]'`, then `pytest tests/interop`. A peer that cannot be had skips
its tests by name. Where `DISCREET_INTEROP_REQUIRED` says 1, as `.ci/run` does, and in CI (`CI=true`) unless it says 0,
that is a failure instead.
"""

import gzip
import http.client
import importlib
import json
import os
import socket
import subprocess
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple, NoReturn
from urllib.parse import urlsplit

import pytest

from discreet.destination import Destination
from discreet.sending import wire
from discreet.sending.wire.beacon import RESERVED
from discreet.sending.wire.facts import apart, flat

SHARED = Path(__file__).parents[2].parent / "shared"
# Read now: each test gets an environment without these.
REQUIRED = os.environ.get("DISCREET_INTEROP_REQUIRED") or os.environ.get("CI", "")
COLLECTOR = Path(os.environ.get("DISCREET_OTELCOL") or SHARED / "peers" / "otelcol.xz")


def missing(what: str) -> NoReturn:
    """Skip for want of `what`, or fail where it has to be there."""
    if REQUIRED.lower() in ("true", "1"):
        pytest.fail(f"there is no {what}; with DISCREET_INTEROP_REQUIRED=0 its tests are skipped")
    pytest.skip(f"there is no {what}", allow_module_level=True)


def needed(module: str) -> Any:
    """The module of a peer from the package index."""
    try:
        return importlib.import_module(module)
    except ImportError:
        return missing(f"{module} (pip install -e '.[interop]')")


def captured(path: str) -> Any:
    """A folder of `../shared/captures`."""
    folder = SHARED / "captures" / path
    return folder if folder.is_dir() else missing(str(folder))


class Received(NamedTuple):
    """A request as a server saw it; `body` is without its content encoding."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Recorder:
    """A server on loopback that keeps what it receives; it answers the next of `statuses`, then 200, with `answer`."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.statuses: list[int] = []
        self.answer, self.content_type = b"{}", "application/json"
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"] or 0))
                if self.headers["Content-Encoding"] == "gzip":
                    body = gzip.decompress(body)
                headers = {name.lower(): value for name, value in self.headers.items()}
                recorder.received.append(Received(self.command, self.path, headers, body))
                self.send_response(recorder.statuses.pop(0) if recorder.statuses else 200)
                self.send_header("Content-Type", recorder.content_type)
                self.end_headers()
                self.wfile.write(b'{"status":"Ok"}' if self.path.endswith("/batch/") else recorder.answer)

            do_GET = do_POST

            def log_message(self, *_: object) -> None:
                """Print nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = False  # `server_close` waits for them
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        """End the server and its thread."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def records(self) -> list[dict[str, Any]]:
        """The records of all bodies of the format json, in the order of their arrival."""
        return [record for request in self.received for record in json.loads(request.body)["records"]]

    def wait(self, number: int) -> list[Received]:
        """What was received, once there are so many requests; fails after 10 s."""
        give_up = time.monotonic() + 10
        while len(self.received) < number:
            if time.monotonic() > give_up:
                pytest.fail(f"received {len(self.received)} of {number} requests")
            time.sleep(0.01)
        return self.received


def exchange(request: wire.Request) -> tuple[int, bytes]:
    """Send a request exactly as it is, by the standard library; the status and the body of the answer."""
    url = urlsplit(request.url)
    connection = http.client.HTTPConnection(url.netloc, timeout=10)
    try:
        connection.request(request.method, request.target, request.sent or None, request.headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def beacon(record: dict[str, Any]) -> dict[str, Any]:
    """The keys and values of a record's beacon."""
    facts = {key: record[fact] for key, fact in RESERVED.items() if fact in record}
    return facts | {apart(name, RESERVED): value for name, value in flat(record["properties"]).items()}


def spelled(values: dict[str, Any]) -> dict[str, str]:
    """Values as the text of a URL; booleans as every language but Python spells them."""
    return {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in values.items()}


class OtelCollector(NamedTuple):
    """A running OpenTelemetry Collector: where it receives, and what it passes on."""

    url: str
    passed_on: Recorder

    def destination(self) -> Destination:
        """Where to send spans."""
        return Destination(self.url)


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, process: subprocess.Popen[bytes], log: Callable[[], str]) -> None:
    """Wait until `process` listens on `port`; fails after 30 s, and at once when it ends."""
    give_up = time.monotonic() + 30
    while time.monotonic() < give_up and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail(f"{process.args!r} does not listen: {log()[-2000:]}")
