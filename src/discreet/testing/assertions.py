"""What an author's CI can hold a whole command to: no network, the same behaviour, no cost, and a true disclosure.

The rule that keeps it honest: a command that recorded nothing fails, since nothing was tested; so does one that cannot
be started. A user's home, answer and files are never touched: each command has a fresh home, where the environment
turns telemetry on or off. Nothing is delivered from there, since we hold the lock that a deliverer needs.
"""

import io
import os
import shlex
import shutil
import site
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from typing import Any, NamedTuple

from .. import names
from ..consent import environments
from ..log import HEAD
from ..sending.lock import DeliveryLock
from .network import Watch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypedDict, Unpack

    from .. import Telemetry

    class Options(TypedDict, total=False):
        """How a command is run, see `_Trial`."""

        tool: str
        env: Mapping[str, str] | None
        cwd: str | os.PathLike[str] | None
        input: bytes
        timeout: float


_SHOWN = 2000  # bytes of an output that are shown


class _Done(NamedTuple):
    status: int
    stdout: bytes
    stderr: bytes
    seconds: float


class _Trial:
    """One command, run with telemetry on and off in a home of its own inside `place`.

    `tool` is the name of the tool, by default that of the first word that is neither Python nor an option. `env` adds
    variables, `cwd` is where it runs, `input` is its stdin. A command that takes longer than `timeout` seconds is
    ended, and `subprocess.TimeoutExpired` is raised.
    """

    def __init__(
        self,
        place: str,
        command: Sequence[str],
        *,
        tool: str = "",
        env: Mapping[str, str] | None = None,
        cwd: str | os.PathLike[str] | None = None,
        input: bytes = b"",  # noqa: A002  # as `subprocess.run` calls it
        timeout: float = 60.0,
    ) -> None:
        self.place = place
        self.command = list(command)
        self.shown = shlex.join(self.command)
        self._tool = tool or _tool(self.command)
        self._home = os.path.join(place, "home")
        self._data = os.path.join(place, "data")
        self._environ = {**_clean(self._tool), **(env or {})}
        self._options: dict[str, Any] = {"cwd": cwd, "input": input, "timeout": timeout}
        self.renew()

    def renew(self) -> None:
        """Begin with an empty home."""
        for path in (self._home, self._data):
            shutil.rmtree(path, ignore_errors=True)
            os.mkdir(path, 0o700)

    def run(self, *, on: bool, watch: Watch | None = None) -> _Done:
        """Run it once. Raises `OSError` if it cannot be started."""
        head = names.prefix(self._tool)
        yes = {f"{head}_TELEMETRY_OPT_IN": "true", f"{head}_TELEMETRY_CI": "true"}
        said = yes if on else {f"{head}_NO_TELEMETRY": "1"}
        here = {"HOME": self._home, "USERPROFILE": self._home, f"{head}_TELEMETRY_DIR": self._data}
        environ = {**self._environ, **here, **said}
        command = self.command
        if watch is not None:
            command, environ = [*watch.prefix, *command], watch.environment(environ)
        lock = DeliveryLock(names.Paths(self._tool, here))
        with lock:
            lock.announce()
            begun = time.perf_counter()
            done = subprocess.run(command, env=environ, capture_output=True, check=False, **self._options)  # noqa: S603  # the author's own command
            return _Done(done.returncode, done.stdout, done.stderr, time.perf_counter() - begun)

    def require_record(self, last: _Done) -> None:
        """Raise `AssertionError` unless something was recorded since `renew`; `last` is the run with telemetry on."""
        for path in filter(os.path.isfile, (os.path.join(self._data, name) for name in os.listdir(self._data))):
            with open(path, "rb") as file:
                if any(line.startswith(HEAD) for line in file):
                    return
        raise AssertionError(
            f"{self.shown} recorded nothing with telemetry on (exit status {last.status}), so nothing was tested. Is "
            f"the tool's name {self._tool!r}? Say `tool=` if not.\n{_cut(last.stderr)}"
        )


def assert_no_network(command: Sequence[str], **options: "Unpack[Options]") -> None:
    """Assert that `command` opens no connection, not even on loopback, with telemetry off and on.

    An audit hook sees every connection, datagram and name lookup of each Python process that it starts, except those
    started with -I, -E or -S. On Linux, as root or where users may create namespaces, the command also runs without any
    network interface, and the kernel counts what any program wanted to send over IPv4, name lookups included. Never
    seen: Unix sockets, and IPv6 of programs without the hook. Without such a namespace nothing of these programs is
    seen.

    On Windows a loop of `asyncio` counts, as it connects to itself. Deliveries, which come later and in a process of
    their own, are not tested: none is made meanwhile. `options` are `tool`, `env`, `cwd`, `input` and `timeout`.
    """
    with tempfile.TemporaryDirectory() as place:
        trial = _Trial(place, command, **options)
        watch = Watch(place)
        for on in (False, True):
            trial.renew()
            done = trial.run(on=on, watch=watch)
            if seen := watch.seen():
                raise AssertionError(
                    f"{trial.shown} opened a connection with telemetry {'on' if on else 'off'}:\n" + "\n".join(seen)
                )
        trial.require_record(done)


def assert_same_behaviour(
    command: Sequence[str], *, normalize: Callable[[bytes], bytes] = bytes, **options: "Unpack[Options]"
) -> None:
    """Assert that stdout, stderr and the exit status of `command` are the same with telemetry off and on, byte by byte.

    `normalize` takes each output and returns what is compared of it, for a command that prints times, say. The streams
    are pipes; the behaviour on a terminal is not tested. `options` are `tool`, `env`, `cwd`, `input` and `timeout`.
    """
    with tempfile.TemporaryDirectory() as place:
        trial = _Trial(place, command, **options)
        runs = []
        for on in (False, True, False):
            trial.renew()
            done = trial.run(on=on)
            if on:
                trial.require_record(done)
            runs.append((done.status, normalize(done.stdout), normalize(done.stderr)))
    off, on_, again = runs
    for what, one, other, third in zip(("exit status", "stdout", "stderr"), off, on_, again, strict=True):
        if one != third:
            raise AssertionError(
                f"{what} of {trial.shown} differs from run to run with telemetry off; normalize= can mend that\n"
                f"{_cut(one)}\n{_cut(third)}"
            )
        if one != other:
            raise AssertionError(
                f"{what} of {trial.shown} is another one with telemetry on\noff: {_cut(one)}\non:  {_cut(other)}"
            )


def assert_overhead(command: Sequence[str], ms: float, *, pairs: int = 15, **options: "Unpack[Options]") -> float:
    """Assert that telemetry makes `command` at most `ms` milliseconds longer, in the median. Returns that median.

    The command runs `pairs` times (at least 3) off and on, or on and off, by turns, so that other load on the machine
    meets both alike. A pair before them, which fills caches and makes directories, is not counted. The time is that of
    the whole process, its start and end included; nothing is sent. `options` are `tool`, `env`, `cwd`, `input` and
    `timeout`.
    """
    with tempfile.TemporaryDirectory() as place:
        trial = _Trial(place, command, **options)
        trial.run(on=False)
        trial.require_record(trial.run(on=True))
        times: dict[bool, list[float]] = {False: [], True: []}
        for pair in range(max(pairs, 3)):
            for on in (pair % 2 == 0, pair % 2 == 1):
                times[on].append(1000 * trial.run(on=on).seconds)
    differences = [on - off for off, on in zip(times[False], times[True], strict=True)]
    low, more, high = statistics.quantiles(differences, n=4)
    if more > ms:
        raise AssertionError(
            f"{trial.shown} takes {more:.1f} ms more with telemetry on, and {ms:g} are allowed: median of "
            f"{len(differences)} pairs, the middle half from {low:.1f} to {high:.1f} ms; off "
            f"{statistics.median(times[False]):.1f} ms, on {statistics.median(times[True]):.1f} ms"
        )
    return more


def assert_disclosed(telemetry: "Telemetry", path: str | os.PathLike[str]) -> None:
    """Assert that the section between the markers in the file `path` is the disclosure of `telemetry`, as `mytool
    telemetry disclosure --check` does. The error says how to renew it, and shows the differences.
    """
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        status = telemetry.main(["disclosure", "--check", os.fspath(path)])
    if status:
        raise AssertionError(said.getvalue())


def _tool(command: list[str]) -> str:
    for word in command:
        name = os.path.basename(word).removesuffix(".exe").removesuffix(".py").partition(".")[0]
        if names.legal_tool(name) and not name.startswith("python"):
            return name
    raise ValueError(f"tool: no name of a tool is seen in {command!r}")


def _clean(tool: str) -> dict[str, str]:
    """This process's environment, without the switches of telemetry and the variables of test runners."""
    head = names.prefix(tool)
    runners = {
        condition.partition("=")[0] for _, rule in environments.rows(environments.TEST_RUNNERS) for condition in rule
    }
    ours = (f"{head}_TELEMETRY_", f"{head}__TELEMETRY__", f"{head}_NO_TELEMETRY")
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in runners and name not in names.SHARED_SWITCHES and not name.startswith(ours)
    }
    # Packages of the user alone are found by the home, which is another one here.
    return {"PYTHONUSERBASE": site.getuserbase(), **kept}


def _cut(shown: object) -> str:
    text = shown.decode("utf-8", "backslashreplace") if isinstance(shown, bytes) else str(shown)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}... and {len(text) - _SHOWN} more characters"
