"""Directories: made private, removed where they are empty, and locked for a moment.

The rule that keeps it honest: what is made has mode 0700, and nothing is made or removed at the home or above it; the
lock is never waited for, and nothing is lost where there is none.
"""

import os

from . import names


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
        if self._descriptor >= 0:
            unlock(self._descriptor)


def unlock(descriptor: int) -> None:
    """Let go of a lock, and close its file. Raises `OSError` where that cannot be closed."""
    try:
        from fcntl import LOCK_UN, flock

        # Closing alone would leave the lock to a process that was forked meanwhile, for as long as it lives.
        flock(descriptor, LOCK_UN)
    except (ImportError, OSError):
        pass  # Windows, where nothing is forked; or a file system that knows no such lock
    os.close(descriptor)
