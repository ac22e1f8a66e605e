"""A command and what it leaves behind: timed from outside until its end and until its stdout is closed.

This process makes itself the one that inherits orphans (prctl(2), PR_SET_CHILD_SUBREAPER, Linux), so a detached child
that outlives its command is waited for like any other, and its CPU time is the kernel's own account (wait4(2)). No
sample begins before the last one has left nothing alive.
"""

import contextlib
import ctypes
import os
import resource
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter_ns

_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
_LONGEST_SECONDS = 60.0  # twice what the package's own child may live
_POLL_SECONDS = 0.005


@dataclass(frozen=True)
class Sample:
    """Milliseconds from the start of the command: to its end, and until nobody holds its stdout any more.

    `cpu` is its CPU time in milliseconds, `left` that of each process that it left behind; `printed` the bytes on its
    stderr, `status` its wait status.
    """

    ended: float
    closed: float
    cpu: float
    left: tuple[float, ...]
    printed: int
    status: int = 0


@contextlib.contextmanager
def adopting() -> Iterator[None]:
    """Orphans of the commands started in here become children of this process. Raises `OSError` where they cannot."""
    _set_subreaper(1)
    try:
        yield
    finally:
        _set_subreaper(0)


def run(command: Sequence[str], environment: Mapping[str, str], stderr: Path, longest: float | None = None) -> Sample:
    """Run the command to its end, then wait for what it left behind (only inside `adopting` is there any).

    Raises `RuntimeError` if it fails. With `longest` the sample tells that, and after so many seconds it is killed.
    """
    reading, writing = os.pipe()
    actions: list[tuple[object, ...]] = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, writing, 1),
        (os.POSIX_SPAWN_OPEN, 2, str(stderr), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
    ]
    start = perf_counter_ns()
    pid = os.posix_spawn(command[0], list(command), dict(environment), file_actions=actions)
    os.close(writing)
    watch = threading.Timer(longest, os.kill, (pid, signal.SIGKILL)) if longest else None
    if watch:
        watch.start()
    _, status, usage = os.wait4(pid, 0)
    ended = perf_counter_ns()
    if watch:
        watch.cancel()
    while os.read(reading, 65_536):
        pass
    closed = perf_counter_ns()
    os.close(reading)
    if status and longest is None:
        raise RuntimeError(f"{command} ended with wait status {status}: {stderr.read_text(errors='replace')}")
    left = tuple(_left_behind())
    return Sample((ended - start) / 1e6, (closed - start) / 1e6, _spent_ms(usage), left, stderr.stat().st_size, status)


def wait_for(program: str, seconds: float = _LONGEST_SECONDS) -> None:
    """Until no process whose command line contains `program` is alive. Raises `TimeoutError`."""
    end = time.monotonic() + seconds
    while any(program in line for line in _command_lines()):
        if time.monotonic() > end:
            raise TimeoutError(f"{program} is still alive")
        time.sleep(_POLL_SECONDS)


def _left_behind() -> Iterator[float]:
    """The CPU milliseconds of each orphan, in the order of their ends."""
    end = time.monotonic() + _LONGEST_SECONDS
    while time.monotonic() < end:
        try:
            pid, _, usage = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid:
            yield _spent_ms(usage)
        else:
            time.sleep(_POLL_SECONDS)
    raise TimeoutError(f"what a command left behind is alive after {_LONGEST_SECONDS} s")


def _spent_ms(usage: resource.struct_rusage) -> float:
    return (usage.ru_utime + usage.ru_stime) * 1e3


def _command_lines() -> Iterator[str]:
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            yield (directory / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it has ended meanwhile


def _set_subreaper(value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")
