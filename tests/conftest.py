"""What every test gets: a home of its own, a clean environment, loopback only, and no silence about silent errors.

A test fails if the package swallowed an error that it does not expect (take the fixture `swallowed` to expect one), or
if it leaves a thread behind.
"""

import _thread
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from discreet import Telemetry
from discreet.consent import Facts, environments
from discreet.telemetry import Recorder
from discreet.testing import allow

# No case fails for being slow on a busy machine. In the ordinary run they are the same each time.
hypothesis.settings.register_profile("ordinary", max_examples=50, derandomize=True, deadline=None, print_blob=False)
hypothesis.settings.register_profile("thorough", max_examples=1_000, database=None, deadline=None)

# A shell that starts the tests in the background has them ignore Ctrl-C, and what they start would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# And `nohup` has them ignore a closed window. Handled here, so that they go on, it is what it was in what they start.
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, lambda *_: None)

MEMORY = "/dev/shm"  # a file system in memory, as Linux has it
ROOM = 1 << 30  # bytes that have to be free there; the tests need some ten million
LOOPBACK = ("127.", "::1", "localhost")
ROWS = environments.rows(environments.VENDORS + environments.TEST_RUNNERS + environments.AGENTS)
LOOKED_AT = {condition.partition("=")[0] for _, rule in ROWS for condition in rule}
LOOKED_AT |= {"DO_NOT_TRACK", "TELEMETRY_DISABLED", "DISABLE_TELEMETRY", "DISCREET_DEBUG", "PYTHONPATH"}
LOOKED_AT |= {"PYTHONUNBUFFERED"}  # few users have it, and with it nothing comes in the wrong order
LOOKED_AT |= {"PYTHONDONTWRITEBYTECODE"}  # nor this: with it each of thousands of children compiles what it imports


def pytest_addoption(parser: pytest.Parser) -> None:
    """How thorough the long proofs are."""
    parser.addoption("--canaries", type=int, default=200_000, help="events with secrets in them (default: 200000)")
    parser.addoption("--thorough", action="store_true", help="the campaigns in full: minutes each, for a release")


def pytest_configure(config: pytest.Config) -> None:
    """Before the tests are read, whose decorators start from the profile."""
    hypothesis.settings.load_profile("thorough" if config.option.thorough else "ordinary")
    # A seventh of the time: ten thousand homes are made and removed. A disk of one's own: PYTEST_DEBUG_TEMPROOT=/tmp.
    if in_memory():
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", MEMORY)


def in_memory() -> bool:
    """Whether temporary files have room in memory, and programs among them may be run there."""
    if not os.access(MEMORY, os.W_OK):
        return False
    found = os.statvfs(MEMORY)
    return found.f_bavail * found.f_frsize >= ROOM and not found.f_flag & os.ST_NOEXEC


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Half as many workers again as cores: much of a test is to wait for a process or a socket."""
    return max(2, (os.cpu_count() or 2) * 3 // 2)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In full, a campaign takes its time: an hour is a hang."""
    if config.option.thorough:
        for item in items:
            item.add_marker(pytest.mark.timeout(3600), append=False)


def case(value: object) -> str:
    """A case's name, the same in each worker of a parallel run: without an address in memory, and sets in order."""
    shown = f"{{{sorted(map(ascii, value))}}}" if isinstance(value, (set, frozenset)) else ascii(value)
    return re.sub(r" at 0x[0-9a-f]+", "", shown)[:60]


def clean_environment(home: Path) -> dict[str, str]:
    """This process's environment without anything that the gate looks at, and with a home of its own."""
    return {name: value for name, value in os.environ.items() if not looked_at(name)} | own_variables(home)


def looked_at(name: str) -> bool:
    """Whether the gate, or a child's Python, may look at that variable."""
    return name in LOOKED_AT or "TELEMETRY" in name


def own_variables(home: Path) -> dict[str, str]:
    """What is another's in each test."""
    # A pytest that a test starts must not clean up behind earlier runs of this one: 24,000 directories, it may be.
    return {"HOME": str(home), "USERPROFILE": str(home), "PYTEST_DEBUG_TEMPROOT": str(home.parent)}


def kept_in(folder: Path) -> bytes:
    """All that the files there hold; read again if a child, which may still be at work, renames one meanwhile."""
    while True:
        try:
            return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())
        except FileNotFoundError:
            continue


def agreed() -> Facts:
    """What the gate looks at, of a user who said yes."""
    return Facts("mytool", "opt-in", {"MYTOOL_TELEMETRY_OPT_IN": "1"})


@pytest.fixture(scope="session")
def size(request: pytest.FixtureRequest) -> Callable[[int, int], int]:
    """How large a campaign is: `size(ordinary, full)` is the second number under `--thorough`, else the first."""
    return lambda ordinary, full: full if request.config.option.thorough else ordinary


@pytest.fixture
def with_make() -> None:
    """For tests of Makefiles: there is a make."""
    if shutil.which("make") is None:
        pytest.skip("there is no make here")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The home directory of this test's user."""
    path = tmp_path / "home"
    path.mkdir(exist_ok=True)
    return path


@pytest.fixture(autouse=True)
def _own_world(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the machine's environment reaches a test, and no test reaches the network."""
    for name in filter(looked_at, list(os.environ)):
        monkeypatch.delenv(name)
    for name, value in own_variables(home).items():
        monkeypatch.setenv(name, value)
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple) and not str(address[0]).startswith(LOOPBACK):
            pytest.fail(f"a test wanted to connect to {address[0]}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture
def swallowed() -> list[tuple[str, Exception]]:
    """The errors that the package swallowed in this test, as (reason, error); taking it means to look at them."""
    return []


@pytest.fixture(autouse=True)
def _no_silent_error(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    expected = "swallowed" in request.fixturenames
    seen: list[tuple[str, Exception]] = request.getfixturevalue("swallowed") if expected else []

    def swallow(self: Recorder, reason: str, error: Exception) -> None:
        seen.append((reason, error))
        self.lose(reason)

    monkeypatch.setattr(Recorder, "swallow", swallow)
    yield
    if seen and not expected:
        pytest.fail(f"swallowed: {seen!r}")


@pytest.fixture(autouse=True)
def _no_leaked_thread() -> Iterator[None]:
    before = _thread._count()
    yield
    for _ in range(200):
        if _thread._count() <= before:
            return
        time.sleep(0.01)
    pytest.fail(f"{_thread._count() - before} thread(s) left behind")


@pytest.fixture
def make_telemetry(home: Path) -> Iterator[Callable[..., Telemetry]]:
    """Make a `Telemetry` of a user who opted in (unless `opted_in=False`), closed at the end of the test."""
    made: list[Telemetry] = []

    def make(name: str = "mytool", *, opted_in: bool = True, **options: Any) -> Telemetry:
        telemetry = Telemetry(name, **options)
        allow(telemetry)
        if opted_in:
            directory = Path(telemetry.paths.directory)
            directory.mkdir(parents=True, exist_ok=True)
            (directory / "opt-in").write_text("true\n")
        made.append(telemetry)
        return telemetry

    yield make
    for telemetry in made:
        telemetry.close(5.0)


@pytest.fixture
def environment() -> dict[str, str]:
    """For child processes: this one's, which is clean already, without the traces of pytest; swallowed errors show."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    return {**kept, "DISCREET_DEBUG": "1"}


@pytest.fixture
def run_python(home: Path, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a program text as a real child process in a clean environment; swallowed errors show on its stderr."""

    def run(program: str, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        script = tmp_path / "program.py"
        script.write_text(program)
        flags = options.pop("flags", ["-W", "error"])
        environment = {**clean_environment(home), "DISCREET_DEBUG": "1", **options.pop("env", {})}
        return subprocess.run(
            [sys.executable, *flags, str(script), *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=options.pop("timeout", 30),
            check=False,
            **options,
        )

    return run
