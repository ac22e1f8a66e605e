"""One deliverer at a time on a machine.

    lock    1234      the pid of the deliverer while it works, empty when it is about to end
            +1234     for two seconds: the pid of a host that has started one (`handover`)

The rule that keeps it honest: the lock is the kernel's (`flock`), so it ends with its holder whatever happens. The text
in the file is for hosts, which read it at their exit so as not to start a second child. As it may be stale, they also
ask the kernel.
"""

import os
import time

from .. import directories, files, names

TAKING_LEAVE_SECONDS = 1.0  # a deliverer that takes its leave keeps the lock for a moment


class DeliveryLock:
    """`with DeliveryLock(paths) as held:` `held` is False if another deliverer is still at work after `patience`
    seconds. Raises `OSError`.
    """

    def __init__(self, paths: names.Paths, *, patience: float = 0.0) -> None:
        self._paths = paths
        self._patience = patience
        self._descriptor = -1

    def __enter__(self) -> bool:
        patience = time.monotonic() + self._patience
        # Only once: `clear` may erase it meanwhile.
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
        except FileNotFoundError:  # erased since it was opened: nobody else sees this file
            held = False
        except OSError:
            self.__exit__()
            raise
        if not held:
            self.__exit__()
        return held

    def __exit__(self, *_: object) -> None:
        descriptor, self._descriptor = self._descriptor, -1  # closed once, even if that fails: the number may be reused
        if descriptor >= 0:
            directories.unlock(descriptor)

    def abandon(self) -> None:
        """In the child of a fork: close the inherited descriptor, which would hold the lock for as long as the child
        lives. But do not unlock: that would take the lock from the parent.
        """
        descriptor, self._descriptor = self._descriptor, -1
        try:
            if descriptor >= 0:  # else gevent's `close` raises something else
                os.close(descriptor)
        except OSError:
            pass  # another hook was quicker

    def announce(self) -> None:
        """Tell hosts that somebody is at work. Raises `OSError`."""
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)  # Windows has no `pwrite`
        os.write(self._descriptor, b"%d\n" % os.getpid())

    def stands(self) -> bool:
        """Whether the locked file is still the one that others see: `clear` may have erased it."""
        try:
            return os.path.samestat(os.fstat(self._descriptor), os.stat(self._paths["lock"]))
        except OSError:
            return False

    def take_leave(self) -> None:
        """Tell hosts that the holder may not see records appended from now on. Raises `OSError`."""
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
        # A byte far after the text: there others cannot read a locked byte.
        os.lseek(descriptor, 1 << 20, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]  # on Windows only
    except OSError:
        return False
    return True
