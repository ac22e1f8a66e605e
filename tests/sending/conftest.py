"""A directory for a log, a way to read it back, and a recorder that is none."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from discreet import names
from discreet.sending import Sender


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A data directory that nobody has made yet."""
    return tmp_path / "data"


@pytest.fixture
def paths(directory: Path) -> names.Paths:
    """The files in that directory."""
    return names.Paths("mytool", {}, str(directory))


@pytest.fixture
def read_log(directory: Path) -> Callable[..., list[dict[str, Any]]]:
    """Read the records of every file of a log, oldest file first; fails on a line that is not whole."""

    def read(where: Path = directory) -> list[dict[str, Any]]:
        files = sorted(where.glob("usage*.jsonl"), key=lambda file: file.name, reverse=True)
        files.sort(key=lambda file: file.name == "usage.jsonl")
        content = b"".join(file.read_bytes() for file in files)
        assert content.endswith(b"\n") or not content
        # An empty line is no loss: one process saw another one's line half written, and closed it.
        return [json.loads(line) for line in content.splitlines() if line]

    return read


class Owner:
    """What a sender needs of its recorder, with nothing behind it."""

    name, version, off = "mytool", "1.4.0", False

    def __init__(self, paths: names.Paths) -> None:
        self.paths = paths
        self.losses: dict[str, int] = {}
        self.agreed = True
        self.errors: list[tuple[str, Exception]] = []
        self.sender = Sender(self)

    def border(self, reason: str, work: Callable[..., object], *arguments: object) -> object:
        """Let everything through: an error is a failure here."""
        return work(*arguments)

    def close(self) -> bool:
        """What the interpreter calls at its end."""
        return self.sender.close(0.25)

    def lose(self, reason: str, number: int = 1) -> None:
        """Count."""
        self.losses[reason] = self.losses.get(reason, 0) + number

    def swallow(self, reason: str, error: Exception) -> None:
        """Keep the error for the test."""
        self.errors.append((reason, error))

    def still_agreed(self) -> bool:
        """Whatever the test says."""
        return self.agreed


@pytest.fixture
def owner(paths: names.Paths) -> Any:
    """A sender's owner; the sender is closed at the end of the test, and must have met no unexpected error."""
    made = Owner(paths)
    yield made
    assert made.sender.close(5.0) or made.losses
    assert made.errors == []
