"""Directories: made private, removed where they are empty, and locked for a moment.

The rule that keeps it honest: what is made has mode 0700, and nothing is made or removed at the home or above it.
The lock waits for nobody unless it is told to, and where there is none nothing is lost.
"""

import os
import time

from . import names

LOOKS, _PAUSE_SECONDS = 50, 0.002  # where it is worth a wait, of 0.1 s at most: nobody keeps the lock for long


def make_directory(path: str, *, below: str = "") -> None:
    """Make a directory of mode 0700, and the missing ones between it and `below`, which is never made.

    Raises `OSError` (`NotADirectoryError`, `PermissionError`, and `FileNotFoundError` if `below` is missing).
    """
    try:
        os.mkdir(path, 0o700)
        if os.stat(path).st_mode & 0o700 != 0o700:  # some daemons have a umask such as 0177, meant for files
            os.chmod(path, 0o700)
    except FileExistsError:
        if not os.path.isdir(path):
            raise NotADirectoryError(20, "not a directory", path) from None
    except FileNotFoundError:
        parent = os.path.dirname(path)
        if parent in ("", path, below):
            raise
        make_directory(parent, below=below)
        make_directory(path, below=parent)  # not `mkdir`: another process may have made it meanwhile


def remove_empty_directories(path: str, *, below: str = "") -> None:
    """Remove a directory, and those between it and `below`, as long as they are empty. Never raises OSError."""
    try:
        os.rmdir(path)
        while below and os.path.dirname(path) not in ("", below):
            path = os.path.dirname(path)
            os.rmdir(path)
    except OSError:
        pass  # not empty, or not there: both are as they should be


class DirectoryLock:
    """The advisory lock of a directory, held by one process for as long as it rotates the log or updates a file.

    `with DirectoryLock(path) as held`: `held` is False if another process has it, each of `looks` times. If the system
    or the file system knows no such lock, everybody holds it: it guards a count or a rename, never a record.
    """

    __slots__ = ("_descriptor", "_looks", "_path")

    def __init__(self, path: str, looks: int = 1) -> None:
        self._path = path
        self._looks = looks
        self._descriptor = -1

    def __enter__(self) -> bool:
        for look in range(self._looks):
            if look:
                time.sleep(_PAUSE_SECONDS)
            if self._take():
                return True
        return False

    def _take(self) -> bool:
        try:
            from fcntl import LOCK_EX, LOCK_NB, flock
        except ImportError:  # Windows
            return True
        try:
            self._descriptor = os.open(self._path, os.O_RDONLY | names.OPEN_FLAGS | names.NO_WAIT)  # a FIFO, perhaps
            flock(self._descriptor, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            self.__exit__()  # opened anew for the next look: it may be erased and made again meanwhile
            return False
        except OSError:
            return True
        return True

    def __exit__(self, *_: object) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            unlock(descriptor)


def unlock(descriptor: int) -> None:
    """Release a lock, and close its file. Raises `OSError` if that cannot be closed."""
    try:
        from fcntl import LOCK_UN, flock

        # Closing alone would leave the lock to a process that was forked meanwhile, for as long as it lives.
        flock(descriptor, LOCK_UN)
    except (ImportError, OSError):
        pass  # Windows, where nothing is forked; or a file system that knows no such lock
    os.close(descriptor)
