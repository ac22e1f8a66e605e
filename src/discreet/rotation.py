"""Rotation of the log by size, and its end by age.

    usage.jsonl  usage.1.jsonl  usage.2.jsonl  usage.3.jsonl      newest to oldest, at most 2 MiB each

The rule that keeps it honest: one process at a time renames, and only while the log still is the file that was too
large; so no file is shifted twice. A file that nobody has written to for a year is erased; one that a dead process
left half written, after a day. A machine whose clock begins years behind, until the network sets it right, dates a file
wrongly by one append: so a file with a record of the last year, or of a time to come, stays, whatever its date.
"""

import os
import time

from . import directories, files, names

_DAY_SECONDS = 86400.0


def rotated(log_name: str, number: int) -> str:
    """The name of the log after `number` rotations: `usage.jsonl`, 2 -> `usage.2.jsonl`; 0 is the log itself."""
    if not number:
        return log_name
    stem, _, suffix = log_name.rpartition(".")
    return f"{stem}.{number}.{suffix}" if stem else f"{log_name}.{number}"


def nth(paths: names.Paths, number: int) -> str:
    """The full path of the log after `number` rotations; 0 is the log itself."""
    return f"{paths.directory}{os.sep}{rotated(paths.files['log'], number)}"


def rotate(paths: names.Paths, inode: int) -> bool:
    """Shift every file by one, and the oldest away, if the log is still the file `inode`. True if another process is
    rotating instead. Never raises OSError.
    """
    with directories.DirectoryLock(paths.directory) as held:
        try:
            if not held or os.stat(paths["log"]).st_ino != inode:
                return not held  # another process is rotating, or just has: the caller looks at the size again
        except OSError:
            return False  # it just has, and nobody has written since
        for number in range(names.LOG_FILES - 1, 0, -1):
            try:
                os.replace(nth(paths, number - 1), nth(paths, number))
            except (FileNotFoundError, NotADirectoryError):
                continue  # a gap in the row, or a directory where a file should be
            except OSError:
                if not os.path.isdir(nth(paths, number)):
                    return False  # the disk refuses: this file keeps its name, and must not be renamed over
    return False


def erase_old(paths: names.Paths, now: float, number: int = names.LOG_FILES) -> None:
    """Erase those of the newest `number` files of the log that were last written `names.LOG_FILE_DAYS` before `now`
    (epoch seconds). Never raises.
    """
    before = now - names.LOG_FILE_DAYS * _DAY_SECONDS
    for path in [nth(paths, place) for place in range(number)]:
        try:
            if _is_older(path, before) and not _holds(path, before):
                _erase(path, before)  # which looks again: somebody may have written meanwhile
        except OSError:
            pass  # not there; or it cannot be told just now what it holds


def clean_up(paths: names.Paths, now: float) -> None:
    """Erase what is too old at `now` (epoch seconds), and what processes that died a day before it, or earlier, left
    half written. Never raises.
    """
    erase_old(paths, now)
    try:
        found = os.listdir(paths.directory)
    except OSError:
        return
    for name in found:
        if files.unfinished(name) in paths.files.values():
            _erase(f"{paths.directory}{os.sep}{name}", now - _DAY_SECONDS)


def _is_older(path: str, before: float) -> bool:
    return os.lstat(path).st_mtime < before


def _holds(path: str, since: float) -> bool:
    """Whether a file has a record later than `since` (epoch seconds). Raises `OSError` if it cannot be read."""
    first = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(since)).encode()
    with open(path, "rb", opener=files.open_ours) as file:
        while line := file.readline(names.RECORD_BYTES):
            if first < line.partition(b'"time":"')[2][: len(first)] < b":":  # which follows the digits
                return True
    return False


def _erase(path: str, before: float) -> None:
    try:
        if _is_older(path, before):
            os.unlink(path)
    except OSError:
        pass  # not there, or it cannot be erased (a directory, say): recording goes on
