"""The configuration files of docs/routing, as they stand there, in the programs that they are for."""

import http.client
import json
import re
import subprocess
import time
import tomllib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from collector.conftest import Collector
from discreet.destination import Destination
from discreet.sending import wire
from interop.nginx import Nginx
from interop.peers import exchange, free_port, needed, wait_for
from interop.test_edge import Edge
from wire.cases import RECORDS, destination

PATHS = {"json": "/t", "otlp": "/v1/traces", "posthog": "/batch/"}
FILES = Path(__file__).parents[2] / "docs" / "routing"


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[Collector]:
    """Our collector, as it is behind the others."""
    made = Collector(tmp_path / "out", hosts=frozenset(("127.0.0.1", "localhost", "[::1]")))
    yield made
    made.stop()
    assert not made.complaints


@pytest.fixture
def front(otelcol: Path, ours: Collector, tmp_path: Path) -> Iterator[str]:
    """A real Collector with the file for the front, and ours behind it; its URL."""
    port = free_port()
    environment = {"RECEIVE": f"127.0.0.1:{port}", "ONWARD": f"http://127.0.0.1:{ours.port}"}
    log = tmp_path / "front.log"
    with log.open("wb") as stream:
        command = [otelcol, "--config", FILES / "otel-front.yaml"]
        process = subprocess.Popen(command, env=environment, stdout=stream, stderr=stream)
    try:
        wait_for(port, process, lambda: log.read_text(errors="replace"))
        yield f"http://127.0.0.1:{port}/v1/traces"
    finally:
        process.terminate()
        process.wait(20)


def test_a_collector_in_front(front: str, ours: Collector) -> None:
    """Our client, a real Collector, our collector: the same records as on the straight way."""
    assert exchange(wire.encode(RECORDS, destination("otlp", front)))[0] == 200
    give_up = time.monotonic() + 20
    while len(ours.records()) < len(RECORDS) and time.monotonic() < give_up:
        time.sleep(0.05)
    through = ours.records()
    straight = Collector(ours.out.parent / "straight")
    straight.send(RECORDS, "otlp")
    straight.stop()
    assert through == straight.records()
    assert len(through) == len(RECORDS)


def test_the_files_for_kafka_say_what_they_use() -> None:
    """No Kafka here: every pipeline names components that the same file, or the one it stands beside, configures."""
    yaml = needed("yaml")
    front, kafka, clickhouse = (
        yaml.safe_load((FILES / name).read_text())
        for name in ("otel-front.yaml", "otel-kafka.yaml", "otel-clickhouse.yaml")
    )
    merged = {kind: {**front.get(kind, {}), **kafka.get(kind, {})} for kind in ("receivers", "exporters", "service")}
    for configuration in (front, merged, clickhouse):
        (pipeline,) = configuration["service"]["pipelines"].values()
        for kind, names in pipeline.items():
            assert set(names) <= set(configuration[kind])
    assert kafka["exporters"]["kafka"]["traces"]["topic"] in clickhouse["receivers"]["kafka"]["traces"]["topics"]
    assert kafka["exporters"]["kafka"]["traces"]["encoding"] == clickhouse["receivers"]["kafka"]["traces"]["encoding"]


def test_nginx_in_front(nginx: Nginx, ours: Collector) -> None:
    """TLS outside, our collector inside: every format arrives, and a large body too."""
    text = (FILES / "nginx.conf").read_text().replace("127.0.0.1:4318", f"127.0.0.1:{ours.port}")
    server, location = re.fullmatch(r".*?server \{(.*)location / \{(.*?)\}\s*\}\s*", text, re.DOTALL).groups()  # type: ignore[union-attr]
    kept = [line for line in server.splitlines() if not line.strip().startswith(("listen", "server_name", "ssl_"))]
    nginx.start(location, server="\n".join(kept), tls=False)
    for form in ("json", "otlp", "posthog"):
        request = wire.encode(RECORDS, destination(form, f"http://127.0.0.1:{nginx.port}{PATHS[form]}"))
        assert exchange(request)[0] == 200
    beacon = wire.encode(RECORDS[:1], destination("beacon", f"http://127.0.0.1:{nginx.port}/t"))
    assert exchange(beacon)[0] == 204
    assert ours.desk.stored == len(RECORDS)
    assert ours.post("/t", {"records": RECORDS}).json()["repeated"] == len(RECORDS)
    large = {"records": [{**RECORDS[0], "properties": {"x": "y" * 250}}] * 8_000}
    connection = http.client.HTTPConnection("127.0.0.1", nginx.port, timeout=20)
    connection.request("POST", "/t", json.dumps(large), {"Content-Type": "application/json"})
    assert connection.getresponse().status == 200
    connection.close()


def test_a_worker_that_keeps_lines(tmp_path: Path) -> None:
    """Each request is one object of lines, whole; a repeat is the same object; what is no batch is refused."""
    settings: dict[str, Any] = tomllib.loads((FILES / "wrangler.toml").read_text())
    edge = Edge("bucket", (FILES / "worker.js").read_text(), tmp_path / "worker.log", settings)
    try:
        where = Destination(f"{edge.url}t", format="json")
        for batch in (RECORDS, RECORDS[:1], RECORDS):
            assert exchange(wire.encode(batch, where))[0] == 204
        objects = edge.stored()
        lines = sorted(len(text.splitlines()) for text in objects.values())
        assert lines == [1, len(RECORDS)]
        longest = max(objects.values(), key=len)
        sent = json.loads(wire.encode(RECORDS, where).body)["records"]
        assert [json.loads(line) for line in longest.splitlines()] == sent
        assert all(re.fullmatch(r"\d{4}-\d\d-\d\d/[0-9a-f]{64}\.jsonl", name) for name in objects)
        ask = partial(_status, edge.url)
        assert ask("POST", b"no") == 400
        assert ask("POST", b'{"records":[]}') == 422
        assert ask("POST", b"no", **{"Content-Encoding": "gzip"}) == 400
        assert ask("POST", wire.request.gzip(b" " * 5_000_000), **{"Content-Encoding": "gzip"}) == 413
        assert ask("GET", None) == 405
        assert edge.stored() == objects
    finally:
        edge.close()


def _status(url: str, method: str, body: bytes | None, **headers: str) -> int:
    connection = http.client.HTTPConnection(url.split("/")[2], timeout=20)
    try:
        connection.request(method, "/t", body, headers)
        return connection.getresponse().status
    finally:
        connection.close()
