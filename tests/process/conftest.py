"""Real child programs: the log of a user who agreed, and an environment to start them in."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from process.hosts import Hosts


@pytest.fixture
def directory(home: Path) -> Path:
    """The data directory of `mytool`, of a user who agreed."""
    path = home / ".mytool" / "telemetry"
    path.mkdir(parents=True)
    (path / "opt-in").write_text("true\n")
    return path


@pytest.fixture
def read_log(home: Path) -> Callable[..., list[dict[str, Any]]]:
    """Read the records of a log that was never rotated; fails on a line that is not whole."""

    def read(tool: str = "mytool") -> list[dict[str, Any]]:
        path = home / f".{tool}" / "telemetry" / "usage.jsonl"
        content = path.read_bytes() if path.exists() else b""
        assert content.endswith(b"\n") or not content
        return [json.loads(line) for line in content.splitlines() if line]

    return read


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Hosts]:
    """Hosts of a user who agreed, whose children are ended with the test."""
    made = Hosts(tmp_path)
    yield made
    made.kill()
