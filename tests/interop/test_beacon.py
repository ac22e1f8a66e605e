"""Beacons received by the Flask program of the fourth seed document, which nobody here wrote for us."""

import json
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from discreet.destination import Destination
from discreet.sending import wire
from interop.peers import SHARED, beacon, exchange, missing, needed, spelled
from wire.cases import RECORDS

flask = needed("flask")
serving = needed("werkzeug.serving")

SEED = SHARED / "seeds" / "4-anonymous-telemetry.md"


def seed_program() -> str:
    """The Flask program as the document has it."""
    if not SEED.is_file():
        missing(str(SEED))
    blocks = SEED.read_text(encoding="utf-8").split("```python\n")[1:]
    (program,) = [text for block in blocks if "from flask" in (text := block.partition("```")[0])]
    return program


@pytest.fixture
def seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of that program, running; it writes `telemetry.jsonl` where it stands."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "seed"}
    exec(compile(seed_program(), str(SEED), "exec"), names)
    yield from served(names["app"])


def served(app: Any) -> Iterator[str]:
    """Serve a Flask application on loopback; the URL of its `/t`."""
    server = serving.make_server("127.0.0.1", 0, app)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/t"
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_program_of_the_document_receives_every_fact(seed: str, tmp_path: Path) -> None:
    """204 for each, and what it writes down is the record: every key and every character."""
    where = Destination(seed, format="beacon")
    requests = [(record, wire.encode([record], where)) for record in RECORDS]
    gets = [(record, request) for record, request in requests if request.method == "GET"]
    assert [exchange(request) for _, request in gets] == [(204, b"")] * (len(RECORDS) - 1)
    lines = tmp_path.joinpath("telemetry.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [spelled(beacon(record)) for record, _ in gets]


def test_the_program_of_the_document_takes_no_long_ones(seed: str) -> None:
    """It has a route for GET alone: a record too long for a URL is answered 405, and delivery has to live with it."""
    (long,) = [record for record in RECORDS if record["event"] == "long"]
    assert exchange(wire.encode([long], Destination(seed, format="beacon")))[0] == 405


@pytest.fixture
def both() -> Iterator[tuple[str, list[Any]]]:
    """A receiver of both: the URL, and what it received."""
    app = flask.Flask("both")
    received: list[Any] = []

    @app.route("/t", methods=["GET", "POST"])
    def track() -> tuple[str, int]:
        received.append(flask.request.get_json() if flask.request.method == "POST" else dict(flask.request.args))
        return "", 204

    for url in served(app):
        yield url, received


def test_a_receiver_of_both_has_the_same_keys_either_way(both: tuple[str, list[Any]]) -> None:
    """Flask takes the POST for JSON as it stands; its values keep their types."""
    url, received = both
    requests = [wire.encode([record], Destination(url, format="beacon")) for record in RECORDS]
    assert {exchange(request)[0] for request in requests} == {204}
    for record, request, seen in zip(RECORDS, requests, received, strict=True):
        if request.method == "POST":
            assert seen == beacon(record)
        else:
            assert seen == spelled(beacon(record))
    assert [request.method for request in requests].count("POST") == 1
