"""How a session ends with its process: closed or not, by an error, by a signal, by `os._exit`, and across a fork."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ReadLog = Callable[..., list[dict[str, Any]]]
BEGIN = """
import os, signal, sys, time
import discreet
telemetry = discreet.init("mytool")
session = telemetry.session(*map(float, sys.argv[1:]))
session.count("n", 3)
"""
# How a program goes on, its exit status, and what its session says.
ENDS: dict[str, tuple[str, int, dict[str, Any]]] = {
    "left open": ("", 0, {"n": 3}),
    "sys.exit": ("sys.exit(3)", 3, {"n": 3}),
    "an error": ("int('x')", 1, {"n": 3, "success": False, "error": "ValueError"}),
    "closed, then an error": ("session.close(); int('x')", 1, {"n": 3, "success": True}),
    "an error that is handled": ("try:\n    int('x')\nexcept ValueError:\n    pass", 0, {"n": 3}),
    "counted at the exit": ("import atexit; atexit.register(lambda: session.count('n'))", 0, {"n": 4}),
}


def run(environment: dict[str, str], program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program with a session."""
    command = [sys.executable, "-W", "error", "-c", BEGIN + program, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=30)


def said(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The properties of each session, without its duration."""
    assert {record["event"] for record in records} <= {"session"}
    return [{k: v for k, v in record["properties"].items() if k != "duration_ms"} for record in records]


@pytest.mark.parametrize("end", ENDS)
def test_the_end(end: str, directory: Path, environment: dict[str, str], read_log: ReadLog) -> None:
    """A session that nobody closed is recorded when the interpreter ends, and says what is known of how it went."""
    program, status, expected = ENDS[end]
    done = run(environment, program)
    assert done.returncode == status
    assert "Traceback" not in done.stderr or status == 1
    assert said(read_log()) == [expected]


def test_several_left_open(directory: Path, environment: dict[str, str], read_log: ReadLog) -> None:
    """Of several sessions the end of the interpreter records each that is still open, the last one first."""
    program = """
closed, *others = (telemetry.session(n=n) for n in range(1, 4))
closed.close()
telemetry.close()
another = discreet.Telemetry("mytool").session(n=4)
"""
    done = run(environment, program)
    assert (done.returncode, done.stderr) == (0, "")
    assert [each["n"] for each in said(read_log())] == [1, 4, 3, 2, 3]


def test_a_signal_at_the_end(directory: Path, environment: dict[str, str]) -> None:
    """What a handler of the host's raises while a session that was left open is recorded is printed by nobody."""
    program = """
class Interrupts:
    def __len__(self):
        raise KeyboardInterrupt
left_open = discreet.Telemetry("mytool", fields={"x": "count"}).session()
left_open.add(x=Interrupts())
"""
    done = run(environment, program)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("end", ["os.kill(os.getpid(), signal.SIGKILL)", "os._exit(0)"])
def test_what_an_interval_recorded_stays(
    end: str, directory: Path, environment: dict[str, str], read_log: ReadLog
) -> None:
    """Killed, a session leaves what an interval had recorded and nothing of what came after."""
    middle = "\ntime.sleep(1.01)\nsession.count('n')\nassert telemetry.flush(10.0)\nsession.count('n', 100)\n"
    done = run(environment, middle + end, "1")
    assert done.returncode in (0, -signal.SIGKILL)
    assert done.stderr == ""
    assert said(read_log()) == [{"part": 1, "n": 4}]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork")
@pytest.mark.parametrize(
    ("child", "expected"),
    [("pass", [{"n": 3}]), ("session.count('n', 50)", [{"n": 50}, {"n": 3}]), ("session.close()", [{"n": 3}])],
)
def test_a_fork(
    child: str, expected: list[dict[str, Any]], directory: Path, environment: dict[str, str], read_log: ReadLog
) -> None:
    """The child of a fork records what it counted itself, and nothing that its parent had."""
    program = f"\nchild = os.fork()\nif child:\n    os.waitpid(child, 0)\nelse:\n    {child}\n    sys.exit()\n"
    done = run(environment, program)
    assert (done.returncode, done.stderr) == (0, "")
    assert said(read_log()) == expected


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="timers")
def test_a_signal_handler_counts(directory: Path, environment: dict[str, str], read_log: ReadLog) -> None:
    """A handler that counts waits for no lock, whatever it interrupts, and nothing is lost."""
    program = """
hits = 0
def handler(*_):
    global hits
    hits += 1
    session.count("n")
    session.observe("ms", 1)
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
for n in range(40000):
    session.count("n")
    session.observe("ms", 1)
signal.setitimer(signal.ITIMER_REAL, 0)
session.add(hits=hits)
"""
    done = run(environment, program)
    assert (done.returncode, done.stderr) == (0, "")
    (found,) = said(read_log())
    assert found["hits"] > 0
    assert found["n"] == 3 + 40000 + found["hits"]
    assert found["ms.count"] == 40000 + found["hits"]
