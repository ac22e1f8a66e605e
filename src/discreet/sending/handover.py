"""The exit of a host: is a delivery due, and who makes it?

The rule that keeps it honest: the host never opens a socket and never waits. It looks at two small files, and if a
delivery is due starts a detached child, to which it passes the plan through a pipe, or in memory. If no child can be
started (frozen, zipped or embedded applications, a sandbox that refuses), a later run or the host's own thread
delivers.
"""

import marshal
import os
import sys
import time

from .. import names
from ..log import HEAD, ID_BYTES, timestamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..destination import Destination

ALIVE_SECONDS = 35.0  # if the kernel cannot be asked: a deliverer lives 30 at most, an older text is a dead one's
_STARTING, _STARTING_SECONDS = b"+", 2.0  # what a host's note in the lock begins with, and how long it counts
_CLAIM_FLAGS = os.O_RDWR | os.O_CREAT | names.NO_FOLLOW | names.NO_WAIT | names.OPEN_FLAGS
PIPE_BYTES = 16 * 1024  # a pipe takes them at once everywhere, so writing never waits for the child
MEMORY_BYTES = 1 << 20  # of a plan that is handed over in memory; the child takes no more
GUARD = "DISCREET_CHILD"  # in the child's environment: who finds it starts no other
HEAD_BYTES = len(HEAD) + ID_BYTES  # of a log file, which identify it
SANE_SECONDS = 87_000.0  # a day, and ten minutes for a clock that is corrected: no wake is further ahead
_PLAN_BYTES = 4096  # the head of delivery.json, of which the plan is the first part
_LOOK_BYTES = 1 << 20  # of the log that are looked at for waiting records; more than that is due anyway
# What configures the child's HTTPS and proxies, and what some systems need to start a program at all.
_KEPT = (
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "LD_LIBRARY_PATH",
    "SYSTEMROOT",
    "PATH",
)


def due(paths: names.Paths, destinations: "tuple[Destination, ...]", now: float, *, flags: bool = False) -> bool:
    """Whether a deliverer should be started, found out as cheaply as possible: in doubt, yes. With `flags` also if only
    feature flags are due. Never raises OSError.
    """
    plan = _plan(paths)
    wanted = any(_is_due(plan.get(one.key), one, paths, now) for one in destinations)
    if flags and not wanted:
        from .flags import due as flags_due

        wanted = flags_due(paths, destinations, now)
    return wanted and not somebody_at_work(paths, now)


def _plan(paths: names.Paths) -> "dict[str, list[str]]":
    """What the head of `delivery.json` says of each destination, by its key."""
    try:
        head = names.read_small(paths["delivery"], names.current_user())[:_PLAN_BYTES].decode("ascii", "replace")
    except OSError:
        return {}
    entries = [entry.split(" ") for entry in head.partition('"plan":"')[2].partition('"')[0].split(";")]
    return {entry[0]: entry[1:] for entry in entries if len(entry) == 5}


def _is_due(entry: "list[str] | None", destination: "Destination", paths: names.Paths, now: float) -> bool:
    if entry is None:
        return True  # never seen: the child gives it its place
    try:
        wake, attempt, offset = int(entry[0]), int(entry[1]), int(entry[3])
    except ValueError:
        return True
    if min(wake, attempt, offset) < 0 or max(wake, attempt, offset) > names.LARGEST_INTEGER:
        return True  # nothing that a deliverer ever wrote
    if now < wake < now + SANE_SECONDS:
        return False
    waiting = _waiting(paths, entry[2], offset)
    if not waiting:
        return False
    since = timestamp(attempt) if attempt else time_of(waiting)
    in_time = timestamp(now - destination.batch_interval) < since <= timestamp(now)
    return waiting.count(b"\n") >= destination.batch_size or not in_time


def _waiting(paths: names.Paths, file: str, offset: int) -> bytes:
    """The lines of the newest file of the log behind `offset`; all of them if it is another file than `file`."""
    try:
        descriptor = os.open(paths["log"], os.O_RDONLY | names.OPEN_FLAGS | names.NO_WAIT)
    except OSError:
        return b""
    try:
        if identity(os.read(descriptor, HEAD_BYTES)) != file:
            offset = 0
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.read(descriptor, _LOOK_BYTES)
    except OSError:
        return b""
    finally:
        os.close(descriptor)


def identity(head: bytes) -> str:
    """What identifies a log file, from its first bytes: the id of its first record; "" for an empty file."""
    first = head[:HEAD_BYTES]
    if len(first) < HEAD_BYTES or not first.startswith(HEAD) or first[len(HEAD) :].strip(b"0123456789abcdef-"):
        # No record of ours comes first (but a torn or foreign line): the first bytes must do.
        return "?" + first.hex() if head else ""
    return first[len(HEAD) :].decode("ascii")


def time_of(line: bytes) -> str:
    """The time in a line as it stands there; "" if there is none."""
    return line.partition(b'"time":"')[2][:20].decode("ascii", "replace")


def somebody_at_work(paths: names.Paths, now: float) -> bool:
    """Whether the text in the lock says that a deliverer is at work, and the kernel agrees. Never raises OSError.

    The kernel is asked, since the pid may be a zombie's, by now another program's, or of another container.
    """
    try:
        descriptor = os.open(paths["lock"], os.O_RDONLY | names.OPEN_FLAGS | names.NO_WAIT)
    except OSError:
        return False
    try:
        status = os.fstat(descriptor)
        if not status.st_size:
            return False
        if _is_starting(descriptor, status, now):
            return True
        from fcntl import LOCK_NB, LOCK_SH, flock

        flock(descriptor, LOCK_SH | LOCK_NB)  # for a moment: a deliverer waits so long
    except ImportError:  # Windows
        return abs(now - status.st_mtime) < ALIVE_SECONDS  # else the clock was set back since
    except BlockingIOError:
        return True
    except OSError:
        return False  # a file system that knows no such lock
    finally:
        os.close(descriptor)
    return False


def _is_starting(descriptor: int, status: os.stat_result, now: float) -> bool:
    """Whether a host has just started a child that has not taken the lock yet."""
    return os.read(descriptor, 1) == _STARTING and abs(now - status.st_mtime) < _STARTING_SECONDS


def _claim(path: str) -> bool:
    """Tell other hosts, in the lock file, that a child is about to come; False if one of them was quicker.

    Else each of several that end at once would start one. Never raises OSError: what is wrong with the file is for the
    child to find out.
    """
    try:
        (descriptor,) = _past_streams(os.open(path, _CLAIM_FLAGS, 0o600))
    except OSError:
        return True
    try:
        names.check_ours(os.fstat(descriptor), path, names.current_user())
        if hasattr(os, "lockf"):  # for this look and note, until the file is closed; not on Windows
            os.lockf(descriptor, os.F_TLOCK, 0)
        status = os.fstat(descriptor)
        if status.st_size:
            if _is_starting(descriptor, status, time.time()):
                return False
            os.ftruncate(descriptor, 0)  # for an empty file this would cost as much as the rest
            os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, _STARTING + b"%d\n" % os.getpid())
    except BlockingIOError:
        return False
    except OSError:
        return True  # no such locks here; or not our file, and nothing was written to it
    finally:
        os.close(descriptor)
    return True


def can_start() -> bool:
    """Whether this interpreter can be started again to run a file of this package."""
    python = sys.executable
    return (
        bool(python)
        and os.path.isabs(python)
        # An application with Python inside is named there, and would be started a second time.
        and "py" in os.path.basename(python).lower()
        and not getattr(sys, "frozen", False)
        and GUARD not in os.environ
        and os.path.isfile(_program())
    )


def start(plan: "dict[str, Any]") -> bool:
    """Start a detached child for a plan in its plain form; False if that cannot be done, or another host just does it.
    Never raises OSError, never waits.
    """
    if not can_start():
        return False
    try:  # paths as the bytes they are: the child knows no locale, and takes every text for UTF-8
        paths: dict[str, Any] = {key: os.fsencode(plan[key]) for key in ("directory", "below")}
        paths["files"] = {key: os.fsencode(name) for key, name in plan["files"].items()}
        content = marshal.dumps({**plan, **paths})
    except ValueError:  # a value that is not plain
        return False
    large, most = len(content) > PIPE_BYTES, MEMORY_BYTES if hasattr(os, "memfd_create") else PIPE_BYTES
    if len(content) > most:
        return False
    try:
        if large:
            from .plan import in_memory

        reading, writing = _past_streams(*(in_memory(content) if large else os.pipe()))
    except OSError:
        return False
    try:
        if ahead := os.name != "nt":  # where a pipe takes less at once
            # The whole plan before there is a child: if the host is killed meanwhile, as `with Pool()` kills its
            # workers, the child still works. A user with many pipes gets small ones, which do not take it.
            os.set_blocking(writing, False)
            if not large and os.write(writing, content) != len(content):
                return False
        if not _claim(f"{plan['directory']}{os.sep}{plan['files']['lock']}"):
            return False
        _spawn([sys.executable, "-I", "-S", *_bytecode(), _program()], _environment(), reading)
        return ahead or os.write(writing, content) == len(content)
    except OSError:
        return False
    finally:
        os.close(reading)
        os.close(writing)


def _past_streams(*descriptors: int) -> "tuple[int, ...]":
    if min(descriptors) > 2:
        return descriptors
    from .. import files  # seldom: the host has closed a stream

    return files.past_streams(*descriptors)


def _environment() -> "dict[str, str]":
    kept = {name: value for name, value in os.environ.items() if name in _KEPT or name.lower().endswith("_proxy")}
    if "REQUEST_METHOD" in os.environ:  # a CGI script, in which this one is a header from the visitor
        kept.pop("HTTP_PROXY", None)
    return {**kept, GUARD: "1"}


def _bytecode() -> "list[str]":
    """The options that put the child's byte code where the host's goes, or nowhere: `-I` ignores the variables."""
    prefix = sys.pycache_prefix
    if sys.dont_write_bytecode or (prefix and not os.path.isabs(prefix)):  # the child is at `/`
        return ["-B"]
    return ["-X", f"pycache_prefix={prefix}"] if prefix else []


def _program() -> str:
    file = globals().get("__file__", "")  # none if an application carries its modules inside itself
    return os.path.join(os.path.dirname(os.path.abspath(file)), "child.py") if file else ""


def _spawn(command: "list[str]", environment: "dict[str, str]", reading: int) -> None:
    """Start it: a session of its own, the pipe as stdin, nothing else of ours. Raises `OSError`."""
    if not hasattr(os, "posix_spawn"):
        from . import elsewhere

        elsewhere.spawn(command, environment, reading)
        return
    actions: list[tuple[object, ...]] = [
        (os.POSIX_SPAWN_DUP2, reading, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
        # The kernel closes Python's own descriptors; those inherited from a shell or a make must be closed here.
        *((os.POSIX_SPAWN_CLOSE, descriptor) for descriptor in _inheritable()),
    ]
    try:
        os.posix_spawn(command[0], command, environment, file_actions=actions, setsid=True, setsigmask=())
    except NotImplementedError:  # an old C library: the child makes its own session
        os.posix_spawn(command[0], command, environment, file_actions=actions, setsigmask=())


def _inheritable() -> "list[int]":
    for directory in ("/proc/self/fd", "/dev/fd"):
        try:
            found = [int(name) for name in os.listdir(directory)]
        except (OSError, ValueError):
            continue
        return [descriptor for descriptor in found if descriptor > 2 and _is_inheritable(descriptor)]
    return []  # the child closes what it finds


def _is_inheritable(descriptor: int) -> bool:
    try:
        return os.get_inheritable(descriptor)
    except OSError:
        return False  # that of the directory, closed by now
