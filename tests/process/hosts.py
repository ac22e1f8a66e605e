"""Host programs of one user who agreed, and the children that they leave behind.

Each `Hosts` reaches the package through a symbolic link of its own, so that its children can be told by their command
line from those of any other test.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import discreet

PACKAGE = Path(discreet.__file__).parent
HIGH = 1500
PATIENCE = 20.0  # seconds that a busy machine is given before a test says that something does not happen

WORLD = """
import os, signal, sys, time
print("to stdout, \N{SNOWMAN}", flush=True)
print("to stderr", file=sys.stderr)
"""
TELEMETRY = """
{first}
sys.path.insert(0, {library!r})
import discreet
destination = discreet.Destination({url!r}, **{{"batch_size": 1, "batch_interval": 0, **{options!r}}})
telemetry = discreet.init("mytool", version="1.0", destination=destination, **{more})
discreet.track("search", n=int(sys.argv[1]))
{then}
"""
END = "sys.exit(3)\n"
STATUS = 3


def wait_until(condition: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """Look again and again until `condition` says something true, which is returned; fails where it never does."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "this did not happen in time"
        time.sleep(0.01)
    return found


class Hosts:
    """Runs hosts of the tool `mytool` in `scratch`, with a home there."""

    def __init__(self, scratch: Path, package: Path = PACKAGE) -> None:
        self.scratch = scratch
        self.home = scratch / "home"
        self.directory = self.home / ".mytool" / "telemetry"
        self.directory.mkdir(parents=True, exist_ok=True)
        (self.directory / "opt-in").write_text("true\n")
        self.library = scratch / "library"
        self.library.mkdir()
        (self.library / "discreet").symlink_to(package)
        self.environment = {
            "HOME": str(self.home),
            "PATH": os.defpath,
            "LANG": "C.UTF-8",
            "PYTHONIOENCODING": "utf-8",
            "DISCREET_DEBUG": "1",
        }

    def program(self, url: str, *, first: str = "", then: str = "", more: str = "{}", **options: Any) -> Path:
        """A host program. `first` runs before the import, `then` after the event, which has the first argument as `n`;
        `more` is the source of further options of `init`, `options` are the destination's.
        """
        script = self.scratch / "host.py"
        telemetry = TELEMETRY.format(
            first=first, library=str(self.library), url=url, options=options, more=more, then=then
        )
        script.write_text(WORLD + telemetry + END)
        return script

    def command(self, script: Path, number: int = 1) -> list[str]:
        """How the shell starts it."""
        return [sys.executable, "-W", "error", str(script), str(number)]

    def run(self, script: Path, number: int = 1, **options: Any) -> "subprocess.CompletedProcess[bytes]":
        """Run a host to its end, which comes when all that inherited its streams have closed them."""
        environment = {**self.environment, **options.pop("env", {})}
        return subprocess.run(
            self.command(script, number), env=environment, capture_output=True, timeout=30, check=False, **options
        )

    def bare(self) -> "subprocess.CompletedProcess[bytes]":
        """Run the program without telemetry."""
        script = self.scratch / "bare.py"
        script.write_text(WORLD + END)
        return self.run(script)

    def children(self) -> list[int]:
        """The pids of the children of these hosts that live, the ones just starting included."""
        here, program = os.fsencode(f"{self.scratch}/"), b"/sending/child.py"
        parts = {pid: _of(pid, "cmdline").split(b"\0") for pid in _pids()}
        return [pid for pid in parts if any(one.startswith(here) and one.endswith(program) for one in parts[pid])]

    def child(self) -> int:
        """The pid of the one child, once it is there."""
        return int(wait_until(self.children)[0])

    def wait_for_the_end(self, seconds: float = PATIENCE) -> None:
        """Wait until no child lives; fails where one outlives that."""
        wait_until(lambda: not _somebody_starts() and not self.children(), seconds)

    def kill(self) -> None:
        """End what a test has left."""
        for pid in self.children():
            os.kill(pid, signal.SIGKILL)
        self.wait_for_the_end()

    def logged(self) -> list[str]:
        """The ids on the log, in order; fails on a line that is not whole."""
        log = self.directory / "usage.jsonl"
        return [json.loads(line)["id"] for line in log.read_bytes().splitlines()] if log.exists() else []

    def place(self) -> dict[str, Any]:
        """What `delivery.json` says of the one destination."""
        (place,) = json.loads((self.directory / "delivery.json").read_bytes())["destinations"].values()
        return dict(place)


def high(descriptor: int) -> int:
    """A copy of a descriptor that is inherited, at a number above those that a child closes by itself."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft <= HIGH:  # as for most users
        resource.setrlimit(resource.RLIMIT_NOFILE, (HIGH + 1, hard))
    return os.dup2(descriptor, HIGH, inheritable=True)


def same(result: "subprocess.CompletedProcess[bytes]", bare: "subprocess.CompletedProcess[bytes]") -> bool:
    """Whether two runs cannot be told apart by status and streams."""
    return (result.returncode, result.stdout, result.stderr) == (bare.returncode, bare.stdout, bare.stderr)


def arrived(bodies: list[Any]) -> list[str]:
    """The ids in the requests that a server has received, in order."""
    import gzip

    found = []
    for request in bodies:
        packed = request.headers.get("content-encoding") == "gzip"
        content = gzip.decompress(request.body) if packed else request.body
        found += [record["id"] for record in json.loads(content)["records"]]
    return found


def _somebody_starts() -> bool:
    """Whether some Python is between its start and its command line, which the system sets a moment later: it may be
    one of our children, and on a busy machine its host may have ended by then.
    """
    return any(_of(pid, "cmdline") == b"" and "python" in _program_of(pid) for pid in _pids())


def _program_of(pid: int) -> str:
    try:
        return os.path.basename(os.readlink(f"/proc/{pid}/exe"))
    except OSError:
        return ""  # of the system itself, or gone


def _pids() -> Iterator[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdigit())


def _of(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""  # it has just ended
