"""Small private files, written whole or not at all; directories; and the lock of a directory.

The rule that keeps it honest: a file is written beside its name and renamed over it, with mode 0600 in a directory of
mode 0700, so that a reader sees the old or the new content, never half of one, and a symbolic link planted at the name
is replaced, never followed.
"""

import os

from . import names


def write_private(path: str, content: bytes, *, replace: bool = True, mode: int | None = None) -> None:
    """Write `content` to `path` by temporary file and rename, mode 0600, or `mode` once it is whole.

    With `replace=False` an existing file wins: `FileExistsError`. Raises `OSError` (full disk, no permission); the
    temporary file is gone then and the old content untouched.
    """
    temporary = f"{path}.{os.getpid()}.{os.urandom(4).hex()}.tmp"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | names.NO_FOLLOW | names.OPEN_FLAGS
    try:
        # Where it fails the file may have been made all the same.
        (descriptor,) = past_streams(os.open(temporary, flags, 0o600))
        try:
            rest = memoryview(content)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        finally:
            os.close(descriptor)
        if mode is not None:
            os.chmod(temporary, mode)
        if replace:
            os.replace(temporary, path)
        else:
            _link(temporary, path)
    except OSError:
        _remove(temporary)
        raise


def unfinished(name: str) -> str:
    """The name of the file that `write_private` was writing under `name` when its process died; "" for other names."""
    stem, number, digits, end = ("", "", "", *name.rsplit(".", 3))[-4:]
    made = end == "tmp" and number.isascii() and number.isdigit() and len(digits) == 8
    return stem if made and not digits.strip("0123456789abcdef") else ""


def open_ours(path: str, flags: int) -> int:
    """An opener for `open`: never waits at a FIFO, and raises `OSError` unless the file is regular and this user's. One
    that is made has mode 0600.
    """
    (descriptor,) = past_streams(os.open(path, flags | names.OPEN_FLAGS | names.NO_WAIT, 0o600))
    try:
        names.check_ours(os.fstat(descriptor), path, names.current_user())
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def past_streams(*descriptors: int) -> "tuple[int, ...]":
    """The same open files, at numbers that are no standard stream's: a host that has closed one would print into them.

    Known race, accepted: what it prints in the microseconds before lands in a file of ours; not in a socket, which is
    not connected yet. Raises `OSError`, and then they are closed.
    """
    if min(descriptors) > 2 or os.name == "nt":
        return descriptors
    moved: list[int] = []
    try:
        import fcntl

        copy = getattr(fcntl, "F_DUPFD_CLOEXEC", fcntl.F_DUPFD)  # PyPy has the second only
        for descriptor in descriptors:
            moved.append(fcntl.fcntl(descriptor, copy, 3))
            os.set_inheritable(moved[-1], False)
    except OSError:
        for descriptor in moved:
            os.close(descriptor)
        raise
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
    return tuple(moved)


def _link(temporary: str, path: str) -> None:
    """Give the file its name unless that exists: `FileExistsError`, as no rename says."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links: the moment between the two lines is accepted there
        if os.path.lexists(path):
            raise FileExistsError(17, "exists", path) from None
        os.rename(temporary, path)
    else:
        os.unlink(temporary)


def make_directory(path: str, *, below: str = "") -> None:
    """Make a directory of mode 0700, and the missing ones above it down to, but never with, `below`.

    Raises `OSError` (`NotADirectoryError`, `PermissionError`, and `FileNotFoundError` where `below` itself is missing).
    """
    try:
        os.mkdir(path, 0o700)
        if os.stat(path).st_mode & 0o700 != 0o700:  # a umask such as 0177, of some daemons, which is meant for files
            os.chmod(path, 0o700)
    except FileExistsError:
        if not os.path.isdir(path):
            raise NotADirectoryError(20, "not a directory", path) from None
    except FileNotFoundError:
        parent = os.path.dirname(path)
        if parent in ("", path, below):
            raise
        make_directory(parent, below=below)
        make_directory(path, below=parent)  # again, since another process may have been as quick


def remove_empty_directories(path: str, *, below: str = "") -> None:
    """Remove a directory and, up to `below`, those above it, as long as they are empty. Never raises OSError."""
    try:
        os.rmdir(path)
        while below and os.path.dirname(path) not in ("", below):
            path = os.path.dirname(path)
            os.rmdir(path)
    except OSError:
        pass  # not empty, or not there: either way as it should be


class DirectoryLock:
    """The advisory lock of a directory, for the moment of a rotation or of adding up a file; held by one process.

    `with DirectoryLock(path) as held`: `held` is False where another process has it. Where the system or the file
    system knows no such lock, everybody holds it: what it guards is a count or a rename, never a record.
    """

    __slots__ = ("_descriptor", "_path")

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor = -1

    def __enter__(self) -> bool:
        try:
            from fcntl import LOCK_EX, LOCK_NB, flock
        except ImportError:  # Windows
            return True
        try:
            self._descriptor = os.open(self._path, os.O_RDONLY | names.OPEN_FLAGS | names.NO_WAIT)  # or a FIFO
            flock(self._descriptor, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True

    def __exit__(self, *_: object) -> None:
        if self._descriptor < 0:
            return
        try:
            from fcntl import LOCK_UN, flock

            # Closing alone would leave the lock to a child that was forked meanwhile, for as long as it lives.
            flock(self._descriptor, LOCK_UN)
        except OSError:
            pass  # a file system that knows no such lock
        os.close(self._descriptor)


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass  # it was never made, or is gone already: both are what was asked for
