"""A telemetry whose events a test can read back."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from discreet import Telemetry


@pytest.fixture
def telemetry(make_telemetry: Callable[..., Telemetry]) -> Telemetry:
    """Of a user who agreed; fields `n` and `results` are declared."""
    return make_telemetry(fields={"n": "number", "results": "count"})


@pytest.fixture
def recorded(telemetry: Telemetry) -> Callable[[], list[dict[str, Any]]]:
    """The properties of each event so far."""

    def read() -> list[dict[str, Any]]:
        assert telemetry.flush(10.0)
        assert telemetry.losses == {}
        log = Path(telemetry.paths.directory) / "usage.jsonl"
        records = [json.loads(line) for line in log.read_bytes().splitlines()] if log.exists() else []
        assert {record["event"] for record in records} <= {"command"}
        return [record["properties"] for record in records]

    return read
