"""One deliverer at a time on a machine.

    lock    1234      the pid of the deliverer while it works, empty when it is about to end
            +1234     for two seconds: the pid of a host that has started one (`handover`)

The rule that keeps it honest: the lock is the kernel's (`flock`), so it ends with its holder whatever happens. The text
in it is for hosts, which look at it at their exit and start no second child; it may be stale, and then the kernel is
asked.
"""

import os
import time

from .. import directories, files, names

TAKING_LEAVE_SECONDS = 1.0  # a deliverer that takes its leave holds the lock for a moment yet


class DeliveryLock:
    """`with DeliveryLock(paths) as held:` `held` is False where another deliverer is at work, and still is after
    `patience` seconds. Raises `OSError`.
    """

    def __init__(self, paths: names.Paths, *, patience: float = 0.0) -> None:
        self._paths = paths
        self._patience = patience
        self._descriptor = -1

    def __enter__(self) -> bool:
        patience = time.monotonic() + self._patience
        # Once: `clear` may erase it meanwhile.
        directories.make_directory(self._paths.directory, below=self._paths.below)
        while not self._take():
            if time.monotonic() >= patience:
                return False
            time.sleep(0.02)
        return True

    def _take(self) -> bool:
        path = self._paths["lock"]
        self._descriptor = files.open_ours(path, os.O_RDWR | os.O_CREAT | names.NO_FOLLOW)
        try:
            held = _lock(self._descriptor, path) and os.path.samestat(os.fstat(self._descriptor), os.stat(path))
        except FileNotFoundError:  # erased since it was opened: what is locked is no file of anybody's
            held = False
        except OSError:
            self.__exit__()
            raise
        if not held:
            self.__exit__()
        return held

    def __exit__(self, *_: object) -> None:
        descriptor, self._descriptor = self._descriptor, -1  # closed once, whatever that says: the number may be reused
        if descriptor >= 0:
            directories.unlock(descriptor)

    def abandon(self) -> None:
        """In the child of a fork: let go of the descriptor that was inherited, which would hold the lock for as long as
        the child lives. Not unlocked: that would take it from the parent.
        """
        descriptor, self._descriptor = self._descriptor, -1
        try:
            if descriptor >= 0:  # else gevent's `close` raises something else
                os.close(descriptor)
        except OSError:
            pass  # somebody else's hook was quicker

    def announce(self) -> None:
        """Tell hosts that somebody is at work. Raises `OSError`."""
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)  # Windows has no `pwrite`
        os.write(self._descriptor, b"%d\n" % os.getpid())

    def stands(self) -> bool:
        """Whether the file that is held is still the one that others ask, which `clear` may have erased."""
        try:
            return os.path.samestat(os.fstat(self._descriptor), os.stat(self._paths["lock"]))
        except OSError:
            return False

    def take_leave(self) -> None:
        """Tell hosts that a record from now on may not be seen any more by whoever holds this. Raises `OSError`."""
        os.ftruncate(self._descriptor, 0)


def _lock(descriptor: int, path: str) -> bool:
    try:
        from fcntl import LOCK_EX, LOCK_NB, flock
    except ImportError:
        return _lock_on_windows(descriptor)
    try:
        flock(descriptor, LOCK_EX | LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:  # a file system that knows no such lock: several at once would get in each other's way
        raise OSError(error.errno, f"{error.strerror}; nothing is sent without a lock", path) from None
    return True


def _lock_on_windows(descriptor: int) -> bool:
    import msvcrt

    try:
        # A byte far behind the text: a locked byte cannot be read by others there.
        os.lseek(descriptor, 1 << 20, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]  # only there
    except OSError:
        return False
    return True
