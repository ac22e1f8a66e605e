"""A file system on which a call takes seconds: a home on a network, a disk that spins up, one that hangs.

What must hold: where the sending thread meets it, the host ends long before the call does; where the host's own thread
has to look (at the gate, and whether a delivery is due), it takes what the file system takes, once, and no more; and
either way output and status are those of the program without telemetry, and the next run records.
"""

import contextlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from faults.disk import Fault
from process.hosts import Hosts

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="looks at processes through /proc")

TESTS = str(Path(__file__).parent.parent)
SECONDS = 30.0  # that a call takes; no test waits so long
BRIEFLY = 0.3  # seconds, where the host waits for it
IN_TIME = 20.0  # a bound on hangs: the end waits for 0.25 s, and the machine may be busy
SHIM = """
sys.path.insert(0, {tests!r})
import _thread
from faults.disk import Disk, Fault
trace, main = open({trace!r}, "w", buffering=1), _thread.get_ident()
def note(text):
    print("main" if _thread.get_ident() == main else "thread", text, file=trace)
Disk({fault}, note=note).install()
"""
URL = "http://127.0.0.1:9/t"
TRACKING = "discreet._default.lose('record_size')\ndiscreet.track('search', n=2)"  # so that there is a count to write


class World:
    """Hosts that run at once, each in a home of its own, on a slow file system each."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self.hosts: list[Hosts] = []
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self, fault: Fault | None, **options: Any) -> Hosts:
        """Start one; the time that it takes counts from the start of the last of them."""
        place = self.scratch / str(len(self.hosts))
        place.mkdir()
        hosts = Hosts(place)
        first = SHIM.format(tests=TESTS, trace=str(place / "trace"), fault=f"Fault{tuple(fault)}" if fault else None)
        script = hosts.program(URL, first=first, then=TRACKING, **options)
        self.hosts.append(hosts)
        self.running.append(
            subprocess.Popen(
                hosts.command(script), env=hosts.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
        )
        return hosts

    def ends(self) -> list[tuple[int | None, bytes, bytes]]:
        """How each one ended within the bound; a status of None for one that did not."""
        limit = time.monotonic() + IN_TIME
        found = []
        for process in self.running:
            status = None
            with contextlib.suppress(subprocess.TimeoutExpired):
                status = process.wait(max(0.01, limit - time.monotonic()))
            process.kill()
            found.append((status, *process.communicate()))
        return found


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Nobody runs yet."""
    made = World(tmp_path)
    yield made
    for process in made.running:
        process.kill()
        process.communicate()


@pytest.fixture
def calls(world: World) -> list[tuple[str, str]]:
    """The calls of such a host where nothing is slow: by which thread, and what."""
    hosts = world.start(None)
    ((status, _, err),) = world.ends()
    assert (status, err) == (3, b"to stderr\n")
    world.running.clear()
    lines = (hosts.scratch / "trace").read_text().splitlines()
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1]) for line in lines]


def same(world: World) -> list[str]:
    """What of these hosts differs from the program without telemetry."""
    bare = world.hosts[0].bare()
    return [repr(end) for end in world.ends() if end != (bare.returncode, bare.stdout, bare.stderr)]


def test_the_thread_meets_it(world: World, calls: Any, size: Any) -> None:
    """Whichever call of the thread takes seconds, the host does not."""
    mine = [number for number, (who, _) in enumerate(calls, 1) if who == "thread"]
    assert {"stat opt-in", "open usage.jsonl", "write usage.jsonl", "write losses.tmp"} <= {
        what for who, what in calls if who == "thread"
    }
    for number in mine[:: size(len(mine) // 3, 1)]:
        world.start(Fault(number, "slow", SECONDS))
    assert same(world) == []


def test_it_hangs(world: World, calls: Any, size: Any) -> None:
    """Where every call from one of the thread's on takes seconds, the host does not, though a delivery is due."""
    mine = [number for number, (who, _) in enumerate(calls, 1) if who == "thread"]
    for number in mine[:: size(len(mine) // 2, 1)]:
        world.start(Fault(number, "slow onwards", SECONDS))
    assert same(world) == []


def test_the_caller_meets_it(world: World, calls: Any, size: Any) -> None:
    """A call of the host's own thread that takes long, at the gate or at the exit, makes the host as much later, and
    changes nothing else: both events are on the log.
    """
    main = [number for number, (who, _) in enumerate(calls, 1) if who == "main"]
    for number in main[:: size(len(main) // 4, 1)]:
        world.start(Fault(number, "slow", BRIEFLY))
    assert same(world) == []
    for hosts in world.hosts[1:]:
        assert len(hosts.logged()) == 2
