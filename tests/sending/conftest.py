"""A directory for a log, a way to read it back, a recorder that is none, and a log that does as it is told."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from discreet import consent, names
from discreet.sending import Sender

LONG = 10.0  # seconds: a bound on hangs, never a measure


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

    def read(where: Path | str = directory) -> list[dict[str, Any]]:
        files = sorted(Path(where).glob("usage*.jsonl"), key=lambda file: file.name, reverse=True)
        files.sort(key=lambda file: file.name == "usage.jsonl")
        content = b"".join(file.read_bytes() for file in files)
        assert content.endswith(b"\n") or not content
        # An empty line is no loss: one process saw another one's line half written, and closed it.
        return [json.loads(line) for line in content.splitlines() if line]

    return read


@pytest.fixture
def wait_until() -> Callable[[Callable[[], object]], None]:
    """Wait for something to come true; fails if it does not for a long time."""

    def wait(condition: Callable[[], object]) -> None:
        end = time.monotonic() + LONG
        while not condition():
            assert time.monotonic() < end, "it never came true"
            time.sleep(0.001)

    return wait


class FakeLog:
    """A log in memory. It fails with `error` while that is set, takes `most` lines at a time, and waits for `open`."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.error: OSError | None = None
        self.most: int | None = None
        self.open = Event()
        self.open.set()
        self.waiting = Event()
        self.calls = 0
        self.during: Callable[[], object] = lambda: None  # something that happens in the middle of a write

    def append(self, lines: list[bytes]) -> int:
        """Take lines, or not."""
        self.calls += 1
        self.waiting.set()
        assert self.open.wait(LONG), "nobody opened the log"
        self.during()
        if self.error is not None:
            raise self.error
        taken = lines[: self.most]
        self.lines += taken
        return len(taken)

    def block(self) -> None:
        """Let the next append wait."""
        self.open.clear()
        self.waiting.clear()

    @property
    def numbers(self) -> list[int]:
        """The property `n` of each record, in the order in which they came."""
        return [json.loads(line)["properties"]["n"] for line in self.lines]


class Owner:
    """What a sender needs of its recorder, with nothing behind it but a fake log."""

    name, version = "mytool", "1.4.0"
    declaration = None
    mode, identity, delivery = "opt-in", "run", "auto"
    destinations = ()

    def __init__(self, paths: names.Paths) -> None:
        self.paths = paths
        self.signature = consent.signature(paths)
        self.environ: dict[str, str] = {}
        self.off, self.leaving, self.unclosed = False, False, {}
        self.losses: dict[str, int] = {}  # until they are saved
        self.counted: dict[str, int] = {}  # all of them
        self.agreed = True
        self.errors: list[tuple[str, Exception]] = []
        self.sender = self._sender = Sender(self)
        self.log = FakeLog()
        self.sender._log = self.log  # type: ignore[assignment]  # all that the sender asks of a log is `append`

    def border(self, reason: str, work: Callable[..., object], *arguments: object) -> object:
        """Let everything through: an error is a failure here."""
        return work(*arguments)

    def close(self) -> bool:
        """What the interpreter calls at its end."""
        return self.sender.close(0.25)

    def lose(self, reason: str, number: int = 1) -> None:
        """Count."""
        for counts in (self.losses, self.counted):
            counts[reason] = counts.get(reason, 0) + number

    def swallow(self, reason: str, error: Exception) -> None:
        """Keep the error for the test."""
        self.errors.append((reason, error))

    def still_agreed(self) -> bool:
        """Whatever the test says."""
        return self.agreed

    def record(self, *numbers: int) -> None:
        """Record events that can be told apart."""
        for n in numbers:
            self.sender.record("search", {"n": n}, self.sender.encoder)


@pytest.fixture
def owner(paths: names.Paths) -> Iterator[Owner]:
    """A sender's owner; at the end of the test the sender is closed, and must have met no unexpected error."""
    made = Owner(paths)
    yield made
    made.log.open.set()
    made.log.error = None
    made.sender.close(LONG)
    assert made.errors == []


def block(owner: Any) -> None:
    """Let the thread hang in a write of the record 0."""
    owner.log.block()
    owner.record(0)
    assert owner.log.waiting.wait(LONG)


def refuse(*_: object) -> int:
    """In place of `_thread.start_new_thread`."""
    raise RuntimeError("can't start new thread")


@pytest.fixture
def no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that has no thread to give."""
    monkeypatch.setattr("_thread.start_new_thread", refuse)
