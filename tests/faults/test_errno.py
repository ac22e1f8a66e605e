"""Every call to the system on the way to the log, failing in every usual way, one at a time, at the worst moments.

What must hold: the host's calls neither raise nor print, and after the fault recording goes on.
"""

import errno
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from discreet import Telemetry, names
from discreet import log as log_module
from discreet.sending import losses

LONG = 10.0  # seconds: a bound on hangs, never a measure
CALLS = [
    "open",
    "write",
    "fstat",
    "mkdir",
    "replace",
    "unlink",
    "stat",
    "lstat",
    "read",
    "pread",
    "close",
    "link",
]
ERRORS = ["ENOSPC", "EACCES", "EROFS", "EIO", "EMFILE", "EINTR", "ENOENT", "EDQUOT", "ESTALE", "EPERM"]
BY_DESCRIPTOR = ("write", "fstat", "read", "pread", "close")  # which no system answers with ENOENT
FIELDS = {"n": "number", "word": "hash"}


class Fault:
    """A system call that fails while `on`, for callers in this package only; `hits` counts how often it was made."""

    def __init__(self, call: str, number: int) -> None:
        self.call = call
        self.number = number
        self.real: Callable[..., Any] = getattr(os, call)
        self.on = False
        self.hits = 0

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Make the call, or fail in its place; a failing `close` has closed all the same, as the system's does."""
        caller = sys._getframe(1).f_globals["__name__"]
        if not self.on or not caller.startswith("discreet"):
            return self.real(*arguments, **named)
        self.hits += 1
        if self.call == "close":
            self.real(*arguments, **named)
        raise OSError(self.number, os.strerror(self.number))


FAULTS = [(call, error) for call in CALLS for error in ERRORS if error != "ENOENT" or call not in BY_DESCRIPTOR]


@pytest.fixture(params=FAULTS, ids="-".join)
def fault(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fault]:
    """One fault of one call."""
    call, error = request.param
    if not hasattr(os, call):
        pytest.skip(f"no {call} on this system")
    made = Fault(call, getattr(errno, error))
    monkeypatch.setattr(os, call, made)
    yield made
    made.on = False


@pytest.fixture(autouse=True)
def _small_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rotations come early."""
    monkeypatch.setattr(log_module.Log.__init__, "__kwdefaults__", {"file_bytes": 1500, "clock": log_module.time.time})


@pytest.fixture(autouse=True)
def _silent(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Nothing is printed in any of these tests."""
    yield
    assert capfd.readouterr() == ("", "")


def use(telemetry: Telemetry, start: int) -> list[int]:
    """Everything that a host may do; the numbers of the events that no hash was needed for."""
    plain = list(range(start, start + 8))
    for n in plain:
        telemetry.track("search", n=n)
        telemetry.flush(0.2)
    telemetry.track("hashed", n=start, word="a word")
    telemetry.track("Not a name")
    with telemetry.command("import") as scope:
        scope.add(n=start)
    telemetry.flush(0.2)
    return plain


def logged(telemetry: Telemetry) -> Counter[tuple[str, int]]:
    """How many different records each event has: a write that failed after all may have left a line twice."""
    ids = set()
    for file in Path(telemetry.paths.directory).glob("usage*.jsonl"):
        for line in file.read_bytes().splitlines():
            if line:
                record = json.loads(line)
                ids.add((record["id"], record["event"], record["properties"].get("n", 0)))
    return Counter((event, n) for _, event, n in ids)


def looks_like_a_no(fault: Fault) -> bool:
    """Whether the fault is not to be told from a consent file that was removed, and then put back."""
    return fault.call == "stat" and fault.number == errno.ENOENT


def only_the_fault(swallowed: list[tuple[str, Exception]], fault: Fault) -> bool:
    """Whether nothing but the fault itself was swallowed."""
    return all(isinstance(error, OSError) and error.errno == fault.number for _, error in swallowed)


def test_a_fault_while_it_records(make_telemetry: Any, fault: Fault, swallowed: Any, monkeypatch: Any) -> None:
    """A fault that begins in the middle and ends: what was tracked before, during and after it is on the log, once.

    Only what needed a hash may be dropped meanwhile.
    """
    monkeypatch.setattr(names, "LOG_FILES", 100)  # so that nothing goes over the edge
    telemetry = make_telemetry(fields=FIELDS)
    telemetry.track("search", n=0)
    assert telemetry.flush(LONG)
    fault.on = True
    during = use(telemetry, 100)
    fault.on = False
    assert only_the_fault(swallowed, fault)
    assert fault.hits, "the call was never made: the test would be empty"
    telemetry.flush(LONG)
    if looks_like_a_no(fault):
        telemetry.track("search", n=-1)
        assert not telemetry.flush(LONG)
        during = []
    after = use(telemetry, 200)
    assert telemetry.flush(LONG)
    found = logged(telemetry)
    assert set(found.values()) == {1}
    assert {("search", n) for n in (0, *during, *after)} | {("hashed", 200), ("command", 100), ("command", 200)} <= set(
        found
    )


def test_a_fault_from_the_first_call_on(make_telemetry: Any, fault: Fault, swallowed: Any) -> None:
    """A fault that is there when the gate is asked: the process records or stays off, and the next one records."""
    telemetry = make_telemetry(fields=FIELDS, identity="install")
    fault.on = True
    use(telemetry, 100)
    telemetry.flush(0.2)
    fault.on = False
    during = telemetry.enabled
    use(telemetry, 200)
    telemetry.close(LONG)
    assert only_the_fault(swallowed, fault)
    if during:
        assert logged(telemetry)["search", 207] == 1
    again = make_telemetry(fields=FIELDS, identity="install")
    use(again, 300)
    assert again.flush(LONG)
    assert logged(again)["search", 307] == 1
    assert logged(again)["hashed", 300] == 1


def test_a_fault_at_the_end(make_telemetry: Any, fault: Fault, swallowed: Any) -> None:
    """A fault that comes with the end: what is not on the log then is counted, and the next process records."""
    telemetry = make_telemetry(fields=FIELDS)
    telemetry.track("search", n=0)
    assert telemetry.flush(LONG)
    fault.on = True
    telemetry.track("search", n=1)
    telemetry.close(LONG)
    telemetry.track("search", n=2)
    fault.on = False
    found = logged(telemetry)
    lost = sum(telemetry.losses.values()) + sum(losses.read(telemetry.paths["losses"]).values())
    assert only_the_fault(swallowed, fault)
    assert found["search", 1] + found["search", 2] + lost >= 2 or looks_like_a_no(fault)
    again = make_telemetry(fields=FIELDS)
    again.track("search", n=3)
    assert again.flush(LONG)
    assert logged(again)["search", 3] == 1
