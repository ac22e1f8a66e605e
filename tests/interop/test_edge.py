"""The Worker and the function of docs/routing.md, as they stand there, in the runtimes of their platforms."""

import http.client
import json
import shutil
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from discreet.destination import Destination
from discreet.sending import wire
from interop.peers import SHARED, beacon, exchange, missing, spelled
from interop.tool import Tool, ids
from wire.cases import RECORDS

HERE = Path(__file__).parent
ROUTING = HERE.parents[1] / "docs" / "routing.md"
SEED = SHARED / "seeds" / "4-anonymous-telemetry.md"


def block(document: Path, mark: str) -> str:
    """The one block of code of a document that has `mark` in it."""
    if not document.is_file():
        missing(str(document))
    blocks = [part.partition("\n")[2] for part in document.read_text(encoding="utf-8").split("```")[1::2]]
    (found,) = [text for text in blocks if mark in text]
    return found


class Edge:
    """A Worker or a function that runs."""

    def __init__(self, kind: str, code: str, errors: Path, settings: dict[str, Any] | None = None) -> None:
        node = shutil.which("node")
        if node is None:
            missing("Node.js (nodejs)")
        if not (HERE / "node_modules").is_dir():
            missing(f"Miniflare and edge-runtime (npm install --prefix {HERE} --no-package-lock)")
        settings = settings or tomllib.loads(block(ROUTING, "# wrangler.toml"))
        plan = {
            "kind": kind,
            "code": code,
            "date": settings["compatibility_date"],
            "binding": settings["r2_buckets" if kind == "bucket" else "kv_namespaces"][0]["binding"],
        }
        with errors.open("wb") as log:
            self._process = subprocess.Popen(
                [node, HERE / "edge.mjs"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
            )
        self.url = f"{self._ask(json.dumps(plan)).rstrip('/')}/"
        assert self.url.startswith("http://127.0.0.1:"), errors.read_text()

    def stored(self) -> dict[str, Any]:
        """What a Worker has stored, by its keys."""
        return dict(json.loads(self._ask("what is stored?")))

    def close(self) -> list[str]:
        """End it; what was printed and not yet read."""
        printed, _ = self._process.communicate(timeout=20)
        return str(printed).splitlines()

    def _ask(self, line: str) -> str:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return str(self._process.stdout.readline()).strip()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[str, str], Edge]]:
    """Start a Worker or a function with some code."""
    running: list[Edge] = []

    def started(kind: str, code: str) -> Edge:
        running.append(Edge(kind, code, tmp_path / f"{kind}.log"))
        return running[-1]

    yield started
    for edge in running:
        edge.close()


@pytest.fixture
def worker(start: Callable[[str, str], Edge]) -> Edge:
    """The Worker of the document, running."""
    return start("worker", block(ROUTING, "// worker.js"))


def function_code() -> str:
    """The function of the document."""
    return block(ROUTING, "// api/t.ts")


def sent(record: dict[str, Any]) -> dict[str, Any]:
    """What a receiver finds: texts in a URL, and values with their types in a body."""
    request = wire.encode([record], Destination("https://example.org/t", format="beacon"))
    return beacon(record) if request.method == "POST" else spelled(beacon(record))


def status(url: str, method: str = "GET", body: bytes | None = None) -> int:
    """The status of the answer to some request."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    try:
        connection.request(method, f"{parts.path}?{parts.query}", body)
        return connection.getresponse().status
    finally:
        connection.close()


def test_the_worker_stores_every_fact_once(worker: Edge) -> None:
    """204 for each, and under each id every key and every character; a repeat overwrites itself."""
    where = Destination(f"{worker.url}t", format="beacon")
    requests = [wire.encode([record], where) for record in RECORDS]
    assert {request.method for request in requests} == {"GET", "POST"}
    for _ in range(2):
        assert [exchange(request) for request in requests] == [(204, b"")] * len(RECORDS)
        assert worker.stored() == {f"{record['event']}:{record['id']}": sent(record) for record in RECORDS}


def test_the_worker_takes_nothing_else(worker: Edge) -> None:
    """Another path, another method, garbage and a beacon without an id are refused, and nothing is stored."""
    assert status(f"{worker.url}") == 404
    assert status(f"{worker.url}t?e=x&i=1", "PUT") == 405
    assert status(f"{worker.url}t") == 400
    assert [status(f"{worker.url}t", "POST", body) for body in (b"", b"{", b"null", b"[]", b"{}")] == [400] * 5
    assert worker.stored() == {}


@pytest.mark.parametrize(("columns", "numbers"), [(1, ["0", "1", "2"]), (31, [0, 1, 2])])
def test_a_tool_delivers_to_the_worker(worker: Edge, tmp_path: Path, columns: int, numbers: list[Any]) -> None:
    """With the setting of the document, by GET and by POST, all that a tool recorded is there."""
    tool = Tool(tmp_path, "https://example.org/", columns=columns)
    tool.environment |= {"MYTOOL_TELEMETRY_ENDPOINT": f"{worker.url}t", "MYTOOL_TELEMETRY_FORMAT": "beacon"}
    tool.work()
    assert tool.flush() == ["1 record, 204: delivered"] * 3
    stored = worker.stored()
    assert [stored[f"search:{one}"]["n"] for one in ids(tool.records())] == numbers
    assert len(stored) == 3


def test_the_function_logs_every_fact(start: Callable[[str, str], Edge]) -> None:
    """204 for each, and one line of JSON each."""
    function = start("function", function_code())
    where = Destination(f"{function.url}api/t", format="beacon")
    requests = [wire.encode([record], where) for record in RECORDS]
    assert [exchange(request) for request in requests] == [(204, b"")] * len(RECORDS)
    assert [json.loads(line) for line in function.close()] == [sent(record) for record in RECORDS]


def test_a_tool_delivers_to_the_function(start: Callable[[str, str], Edge], tmp_path: Path) -> None:
    """With the setting of the document each record is logged once."""
    function = start("function", function_code())
    tool = Tool(tmp_path, "https://example.org/")
    tool.environment |= {"MYTOOL_TELEMETRY_ENDPOINT": f"{function.url}api/t", "MYTOOL_TELEMETRY_FORMAT": "beacon"}
    tool.work()
    assert tool.flush() == ["1 record, 204: delivered"] * 3
    assert [json.loads(line)["i"] for line in function.close()] == ids(tool.records())


@pytest.mark.parametrize(
    ("kind", "mark", "lines"), [("worker", "env.ANALYTICS", 0), ("function", "runtime: 'edge'", 1)]
)
def test_as_the_seed_has_them_they_fail(
    start: Callable[[str, str], Edge], tmp_path: Path, kind: str, mark: str, lines: int
) -> None:
    """What the document warns of, a Worker without `env` and a 204 with a body, is answered 500: the tool keeps all."""
    edge = start(kind, block(SEED, mark))
    tool = Tool(tmp_path, f"{edge.url}t", format="beacon")
    tool.work()
    assert tool.flush() == ["1 record, 500: retry"]
    assert tool.place()["failures"] == 1
    assert tool.receipts() == []
    assert len(edge.close()) == lines
