"""Small private files, written whole or not at all.

The rule that keeps it honest: a file is written beside its name and renamed over it, with mode 0600 in a directory of
mode 0700, so that a reader sees the old or the new content, never half of one, and a symbolic link planted at the name
is replaced, never followed.
"""

import os

from . import names


def write_private(
    path: str, content: bytes, *, replace: bool = True, mode: int | None = None, patient: bool = True
) -> None:
    """Write `content` to `path` by temporary file and rename, mode 0600, or `mode` once it is whole.

    With `replace=False` an existing file wins, unless it is empty: `FileExistsError`. Over an empty one, or without
    hard links, it waits for a lock, 0.1 s at most, if `patient`. Raises `OSError` (full disk, no permission); the
    temporary file is gone then and the old content untouched.
    """
    temporary = f"{path}.{os.getpid()}.{os.urandom(4).hex()}.tmp"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | names.NO_FOLLOW | names.OPEN_FLAGS
    try:
        # If this fails, the file may have been made all the same.
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
            _link(temporary, path, patient)
    except OSError:
        _remove(temporary)
        raise


def unfinished(name: str) -> str:
    """The name of the file that `write_private` was writing under `name` when its process died; "" for other names."""
    stem, number, digits, end = ("", "", "", *name.rsplit(".", 3))[-4:]
    made = end == "tmp" and number.isascii() and number.isdigit() and len(digits) == 8
    return stem if made and not digits.strip("0123456789abcdef") else ""


def open_ours(path: str, flags: int) -> int:
    """An opener for `open`: never waits at a FIFO, and raises `OSError` unless the file is regular and this user's. A
    new file has mode 0600.
    """
    (descriptor,) = past_streams(os.open(path, flags | names.OPEN_FLAGS | names.NO_WAIT, 0o600))
    try:
        names.check_ours(os.fstat(descriptor), path, names.current_user())
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def past_streams(*descriptors: int) -> "tuple[int, ...]":
    """The same open files, at descriptors above 2: a host that has closed a standard stream would print into them.

    Known race, accepted: what it prints in the microseconds before the move lands in our file; not in a socket, which
    is not connected yet. Raises `OSError`; all are closed then.
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


def _link(temporary: str, path: str, patient: bool) -> None:
    """Give the file its name; `FileExistsError`, which no rename raises, if that is taken."""
    try:
        os.link(temporary, path)
    except OSError:
        _take(temporary, path, patient)
    else:
        os.unlink(temporary)


def _take(temporary: str, path: str, patient: bool) -> None:
    """The same by rename: over an empty file, or on a file system without hard links. The lock of the directory keeps
    others from the moment between its two steps; where there are no such locks either, the later of two wins.
    """
    from . import directories  # seldom

    with directories.DirectoryLock(os.path.dirname(path), directories.LOOKS if patient else 1) as held:
        if os.path.lexists(path) and os.lstat(path).st_size > 1:  # `echo >` leaves a newline
            raise FileExistsError(17, "exists", path)
        if not held:
            raise BlockingIOError(11, "somebody else has the lock", path)
        os.replace(temporary, path)


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass  # it was never made, or is gone already: both are what was asked for
