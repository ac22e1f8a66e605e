"""A disk that fails when it is told to: each call of the package to the file system has a number, and one fails.

    disk = Disk(Fault(7, "once", errno.ENOSPC))      the seventh call does not come about
    with disk.installed():
        ...
    disk.calls[6] == "write usage.jsonl"             what the seventh call was

Calls are caught where Python makes them: the functions of `os` and `fcntl`, and the files that `open` gives, for
callers in the package alone. Those that the C library or OpenSSL make for themselves are out of reach.
"""

import builtins
import contextlib
import errno
import io
import itertools
import os
import random
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

try:
    import fcntl
except ImportError:  # Windows, where nothing is locked so
    fcntl = None

PATH_CALLS = (
    "open", "stat", "lstat", "access", "mkdir", "rmdir", "replace", "rename", "link", "unlink", "chmod", "listdir",
    "scandir", "readlink",
)  # fmt: skip
DESCRIPTOR_CALLS = (
    "read", "pread", "write", "fstat", "lseek", "lockf", "ftruncate", "fsync", "dup", "close", "set_blocking",
    "get_inheritable",
)  # fmt: skip
OTHER_CALLS = ("pipe", "posix_spawn")
CALLS = PATH_CALLS + DESCRIPTOR_CALLS + OTHER_CALLS
ERRORS = ("ENOSPC", "EDQUOT", "EACCES", "EROFS", "EIO", "EMFILE", "EINTR", "ENOENT", "ESTALE")
PIPE = "(pipe)"
SHORT = ("short 1", "short part", "short last", "short full")  # how much of a write is taken
# Of a fault that stays: which calls a full disk, a read-only one, or a process without descriptors refuses.
_CHANGING = ("write", "mkdir", "rmdir", "replace", "rename", "link", "unlink", "chmod", "ftruncate")
_NEEDING_ROOM = ("write", "mkdir", "replace", "rename", "link")
_NEEDING_DESCRIPTORS = ("open", "listdir", "scandir", "dup", "pipe")
_close, _seek = os.close, os.lseek  # the system's, whatever is installed
# Through these modules the package calls, without their being the callers that are meant.
_THROUGH = {"genericpath", "posixpath", "os", "gzip", "_compression", "shutil", __name__}


class Fault(NamedTuple):
    """What happens to the call of that number, the first being 1.

    `how` is "once" (it fails), "done" (it is made, and then said to have failed), "onwards" (it and all later ones
    that such a disk refuses), "gone" (the directory is deleted before it), "slow" or "slow onwards" (it, or it and all
    later ones, take `error` seconds), or one of `SHORT`: a byte, a part, all but one, or a part and nothing of the
    next write, as on a disk that is full by then.
    """

    number: int
    how: str
    error: float = 0

    def __str__(self) -> str:
        named = errno.errorcode.get(int(self.error), "") if not self.how.startswith("slow") else f"{self.error} s"
        return f"{self.number} {self.how} {named}".strip()


def faults_of(calls: list[str]) -> list[Fault]:
    """Every fault that can befall these calls, one at a time."""
    found = []
    for number, call in enumerate(calls, 1):
        name = call.partition(" ")[0]
        for error in ERRORS:
            if error == "ENOENT" and name not in PATH_CALLS:
                continue  # no system says that of a descriptor
            if call == f"close {PIPE}":
                continue  # nor anything when a pipe is closed
            hows = ["once", "done", "onwards"]
            if error == "EINTR":
                hows = ["once"]  # what was interrupted was not done, and no call is interrupted for ever
            found += [Fault(number, how, getattr(errno, error)) for how in hows]
        found += [Fault(number, how) for how in ("gone", *(SHORT if name == "write" else ()))]
    return found


def chosen(calls: list[str], sore: tuple[str, ...], number: int, seed: object, *, each: bool = False) -> list[Fault]:
    """So many of the faults of these calls, the same each time. Besides, at the `sore` calls, where a failure once
    spoiled something or would, an I/O error: at the last of that name, or at `each`; and one write that fills the disk.
    """
    faults = faults_of(calls)
    if number >= len(faults):
        return faults
    always = {
        place if each else call: Fault(place, "once", errno.EIO) for place, call in enumerate(calls, 1) if call in sore
    }
    full = [Fault(place, "short full") for place, call in enumerate(calls, 1) if call.startswith("write ")]
    return [*always.values(), *full[:1], *random.Random(str(seed)).sample(faults, number)]


class Disk:
    """Counts the calls of the package, and lets `fault` happen. `directory` is what "gone" deletes."""

    def __init__(
        self, fault: Fault | None = None, directory: str = "", note: Callable[[str], object] = lambda _: None
    ) -> None:
        self.fault = fault
        self.calls: list[str] = []
        self._directory = directory
        self._note = note
        self._numbers = itertools.count(1)
        self._names: dict[int, str] = {}  # of open descriptors
        self._full = False  # the next write finds no room

    @contextlib.contextmanager
    def installed(self) -> Iterator["Disk"]:
        """In place of the system's, for as long as the block lasts."""
        before = {name: getattr(os, name) for name in CALLS if hasattr(os, name)}
        flock, opened = getattr(fcntl, "flock", None), builtins.open
        self.install()
        try:
            yield self
        finally:
            for name, real in before.items():
                setattr(os, name, real)
            builtins.open = opened
            if fcntl is not None:
                fcntl.flock = flock

    def install(self) -> None:
        """In place of the system's, for good."""
        for name in CALLS:
            if hasattr(os, name):
                setattr(os, name, self._wrapped(name, getattr(os, name)))
        if fcntl is not None:
            fcntl.flock = self._wrapped("flock", fcntl.flock)
        os.posix_spawn = self._wrapped("posix_spawn", lambda *_, **__: 1)  # nobody is started
        builtins.open = self._opener(builtins.open)

    def _wrapped(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            if not _ours(sys._getframe(1)):
                return real(*given, **named)
            return self.step(name, real, *given, **named)

        return call

    def _opener(self, real: Callable[..., Any]) -> Callable[..., Any]:
        """`open` for the package: the same layers, above a file whose calls are counted."""

        def opened(  # noqa: PLR0917  # as the real one
            file: Any, mode: str = "r", buffering: int = -1, encoding: Any = None, errors: Any = None,
            newline: Any = None, closefd: bool = True, opener: Any = None,
        ) -> Any:  # fmt: skip
            if not _ours(sys._getframe(1)):
                return real(file, mode, buffering, encoding, errors, newline, closefd, opener)
            how = mode.replace("b", "").replace("t", "")
            raw = _File(self, file, how, opener or (lambda path, flags: os.open(path, flags, 0o666)))
            reading = how == "r"
            layer = io.BufferedRandom if "+" in how else io.BufferedReader if reading else io.BufferedWriter
            return layer(raw) if "b" in mode else io.TextIOWrapper(layer(raw), encoding, errors, newline)

        return opened

    def step(self, name: str, real: Callable[..., Any], *given: Any, **named: Any) -> Any:
        """One call, made or not."""
        number = next(self._numbers)
        shown = f"{name} {self._shown(name, given)}"
        self.calls.append(shown)
        self._note(shown)
        fault = self.fault
        if self._full and name == "write":
            self._full = False
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if fault is None or not self._meant(fault, number, name, given):
            return self._made(name, real, given, named)
        if fault.how.startswith("slow"):
            time.sleep(fault.error)
            return self._made(name, real, given, named)
        if fault.how == "gone":
            shutil.rmtree(self._directory, ignore_errors=True)
            return self._made(name, real, given, named)
        if fault.how in SHORT:
            whole = bytes(given[1])
            size = {"short 1": 1, "short last": len(whole) - 1}.get(fault.how, len(whole) * 2 // 5)
            self._full = fault.how == "short full"
            return real(given[0], whole[: max(1, size)])
        if fault.how == "done" or name == "close":  # which has closed, whatever it says
            self._undone(name, self._made(name, real, given, named), given)
        if name == "access":
            return False  # whatever the system answers: it never raises
        raise OSError(int(fault.error), os.strerror(int(fault.error)), *(given[:1] if name in PATH_CALLS else ()))

    def _made(self, name: str, real: Callable[..., Any], given: tuple[Any, ...], named: dict[str, Any]) -> Any:
        result = real(*given, **named)
        if name == "open":
            self._names[result] = os.path.basename(str(given[0]))
        elif name == "pipe":
            self._names.update(dict.fromkeys(result, PIPE))
        elif name == "close":
            self._names.pop(given[0], None)
        return result

    def _undone(self, name: str, result: Any, given: tuple[Any, ...]) -> None:
        """What a call gave that is said to have failed, nobody has to give back; nor has such a write moved on."""
        for descriptor in {"open": (result,), "dup": (result,), "pipe": result}.get(name, ()):
            _close(descriptor)
        if name == "write":
            with contextlib.suppress(OSError):  # a pipe
                _seek(given[0], -result, os.SEEK_CUR)
        if name == "scandir":
            result.close()

    def _meant(self, fault: Fault, number: int, name: str, given: tuple[Any, ...]) -> bool:
        if name == "close" and self._names.get(given[0]) == PIPE:
            return False
        if fault.how == "slow onwards":
            return number >= fault.number
        if fault.how != "onwards" or number <= fault.number:
            return number == fault.number
        error = errno.errorcode[int(fault.error)]
        creating = name == "open" and len(given) > 1 and bool(given[1] & (os.O_CREAT | os.O_WRONLY | os.O_RDWR))
        if error in ("ENOSPC", "EDQUOT"):
            return name in _NEEDING_ROOM
        if error == "EROFS":
            return name in _CHANGING or creating
        if error == "EMFILE":
            return name in _NEEDING_DESCRIPTORS
        return name in PATH_CALLS or error != "ENOENT"

    def _shown(self, name: str, given: tuple[Any, ...]) -> str:
        """Which file a call is about, without what differs from one run to the next."""
        first = given[0] if given else ""
        base = self._names.get(first, "") if isinstance(first, int) else os.path.basename(str(first))
        head, dot, tail = base.partition(".tmp")
        return f"{head.split('.')[0]}.tmp" if dot and not tail else base


class _File(io.FileIO):
    """A file whose calls are counted."""

    def __init__(self, disk: Disk, file: Any, mode: str, opener: Any) -> None:
        self._disk = disk
        super().__init__(file, mode, opener=opener)

    def readinto(self, buffer: Any) -> Any:
        """Read."""
        return self._disk.step("read", lambda _: super(_File, self).readinto(buffer), self.fileno())

    def readall(self) -> Any:
        """Read all."""
        return self._disk.step("read", lambda _: super(_File, self).readall(), self.fileno())

    def write(self, content: Any) -> Any:
        """Write."""
        return self._disk.step("write", lambda _, part: super(_File, self).write(part), self.fileno(), content)

    def truncate(self, size: int | None = None) -> Any:
        """Cut off."""
        return self._disk.step("ftruncate", lambda _: super(_File, self).truncate(size), self.fileno())

    def close(self) -> None:
        """Close, once."""
        if not self.closed:
            self._disk.step("close", lambda _: super(_File, self).close(), self.fileno())


def _ours(frame: Any) -> bool:
    """Whether a call that comes from this frame is the package's."""
    while frame is not None and frame.f_globals.get("__name__") in _THROUGH:
        frame = frame.f_back
    return frame is not None and str(frame.f_globals.get("__name__")).startswith("discreet")
