"""The collector against clients nobody here wrote: what they send comes out as records, once."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from collector.conftest import Collector
from discreet.cli.collect import flags
from interop.peers import captured, missing, needed

HERE = Path(__file__).parent
FLAGS = {"new-parser": True, "old": False, "colour": "blue"}


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[Collector]:
    """Our collector, which no client makes complain."""
    made = Collector(tmp_path / "out", flags=flags(FLAGS))
    yield made
    made.stop()
    assert not made.complaints


def javascript(*arguments: str) -> Any:
    """What the JavaScript clients print; they print no error."""
    node = shutil.which("node")
    if node is None or not (HERE / "node_modules" / "posthog-node").is_dir():
        missing(f"Node.js with posthog-node (npm install --prefix {HERE} --no-package-lock)")
    done = subprocess.run(
        [node, HERE / "clients.mjs", *arguments], capture_output=True, text=True, timeout=50, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_the_opentelemetry_exporter_for_javascript(ours: Collector, compression: str) -> None:
    """Chunked bodies, numbers as numbers, several batches: every span is a record, once."""
    sent = javascript("opentelemetry", f"http://127.0.0.1:{ours.port}", compression)
    records = ours.records()
    assert len(records) == len(sent) == 1200
    assert len({record["id"] for record in records}) == 1200
    for number, record in enumerate(sorted(records, key=lambda one: one["properties"]["n"])):
        assert (record["tool"], record["version"], record["event"]) == ("demo-cli", "1.2.3", "import.from_code")
        properties = {name: value for name, value in record["properties"].items() if name != "duration_ms"}
        assert properties == {
            "n": number,
            "big": 2**53 - 1,
            "ratio": 0.5,
            "whole": 2,
            "ok": True,
            "text": "héllo ☃",
            "success": number % 2 == 0,
        }
    assert not ours.desk.refused


def test_the_posthog_client_for_node(ours: Collector) -> None:
    """Events in several batches, and a flag; the person is in no record."""
    assert javascript("posthog", f"http://127.0.0.1:{ours.port}") == "blue"
    records = [record for record in ours.records() if record["event"] == "cli_command"]
    assert sorted(record["properties"]["n"] for record in records) == list(range(120))
    assert all(record["properties"].keys() == {"n", "ok"} for record in records)
    assert "jane" not in json.dumps(ours.records())


@pytest.mark.parametrize("compressed", [False, True])
def test_the_posthog_client_for_python(ours: Collector, *, compressed: bool) -> None:
    """The same for the official Python client, which asks for flags by another version."""
    posthog = needed("posthog")
    client = posthog.Posthog("phc_key", host=f"http://127.0.0.1:{ours.port}", flush_at=50, gzip=compressed)
    for number in range(120):
        client.capture("cli_command", distinct_id="jane@example.org", properties={"n": number, "where": {"line": 3}})
    answers = client.evaluate_flags("jane@example.org")
    assert {key: answers.get_flag(key) for key in (*FLAGS, "unknown")} == {**FLAGS, "unknown": None}
    client.shutdown()
    records = [record for record in ours.records() if record["event"] == "cli_command"]
    assert sorted(record["properties"]["n"] for record in records) == list(range(120))
    assert all(record["properties"]["where"] == {"line": 3} for record in records)
    assert all(record["os"] == "linux" and record["py"].count(".") == 2 for record in records)
    assert "jane" not in json.dumps(ours.records())


CAPTURES = (
    "otel-js-0.223.1/plain/001_POST_v1-traces.json",
    "otel-python-json-0.66b1/plain/001_POST_v1-traces.json",
    "otelcol-go-0.152.0-reencoded/001_POST_v1-traces.json",
    "posthog-node-5.70.0/basic/001_POST_batch.json",
    "posthog-python-7.91.1/basic/001_POST_batch.json",
)


@pytest.mark.parametrize("capture", CAPTURES)
def test_captured_requests(ours: Collector, capture: str) -> None:
    """What official clients were seen to send is taken whole, and a repeat of it changes nothing."""
    folder, _, name = capture.rpartition("/")
    file = captured(folder) / name
    if not file.is_file():
        missing(str(file))
    content = json.loads(file.read_text())
    path = content.get("path", "/v1/traces")
    body = content.get("body", content)
    for _ in range(2):
        assert ours.post(path, body).status == 200
    number = len(ours.records())
    assert number
    assert (ours.desk.stored, ours.desk.repeated, ours.desk.refused) == (number, number, 0)


def verdicts() -> dict[str, str]:
    """Malformed and odd bodies of the captures, by name."""
    file = captured("verdicts") / "otlp-json-mutation-cases.json"
    return dict(json.loads(file.read_text()))


def test_odd_bodies(ours: Collector) -> None:
    """41 of them: each is taken, in part or whole, or refused; none is an error of ours."""
    for name, body in verdicts().items():
        answer = ours.post("/v1/traces", body.encode())
        assert answer.status in (200, 400), name
    assert ours.post("/v1/traces", verdicts()["ok"].encode()).json() == {"partialSuccess": {}}
