"""Read the log back: from files to records, in one pass.

The rule that keeps it honest: the log is hostile input. A line is yielded only if `sending.records` finds a record in
it; any other line is counted and skipped, costs no more memory than a record, and stops nothing.
"""

import errno
import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, TypeAlias

from .. import names
from ..sending.records import parse

Record: TypeAlias = dict[str, Any]
Tally: TypeAlias = Counter[str]

TORN = "torn"  # not a line of JSON: cut by a crash or a full disk, or overwritten
FOREIGN = "foreign"  # JSON, but not a record of this version
TOO_LONG = "too long"  # over `names.RECORD_BYTES`, newline included

# A FIFO in the place of the log would be waited on for ever; opened without waiting, it is seen for what it is.
_NONBLOCK = getattr(os, "O_NONBLOCK", 0)


def log_files(directory: str, log_name: str) -> list[str]:
    """The paths that a log called `log_name` may have in `directory`, oldest records first. They need not exist."""
    return [os.path.join(directory, names.rotated(log_name, number)) for number in reversed(range(names.LOG_FILES))]


def records(paths: Iterable[str], losses: Tally | None = None) -> Iterator[Record]:
    """The records of the files at `paths`, in that order and in the order of their lines.

    Each is a dict with the keys of a record and no other: `v` (1), `time` (`2026-11-20T10:30:00Z`, a real moment),
    `event` and `tool` (legal names), the texts `id`, `run`, `version`, `py` and `os` ("" where absent), `install` where
    it was recorded, and `properties`: legal field names to booleans, integers and floats within 2**53, printable texts
    of at most 256 characters, or one level of mappings to these.

    Every other line is skipped and, where `losses` is given, counted there as `TORN`, `FOREIGN` or `TOO_LONG`; empty
    lines are no loss. A file that does not exist holds nothing. Raises `OSError` for one that cannot be read or is no
    regular file; nothing in a file's content raises. Memory: one line, whatever the size of the files.

    A rotation between two files of one reading hides the records of one file from it: what is counted is then too
    little, never too much, and right again the next time.
    """
    for _, record in lines(paths, losses):
        yield record


def lines(paths: Iterable[str], losses: Tally | None = None) -> Iterator[tuple[str, Record]]:
    """As `records`, each with its line as it stands in the file, without the newline."""
    tally = Counter() if losses is None else losses
    for path in paths:
        try:
            file = _open(path)
        except FileNotFoundError:
            continue
        with file:
            for line in _lines(file, tally):
                try:
                    text = str(line, "utf-8").rstrip("\n")
                    record = parse(text)
                except ValueError:
                    tally[TORN] += 1
                except LookupError:
                    tally[FOREIGN] += 1
                else:
                    yield text, record


def _open(path: str) -> BinaryIO:
    file = open(path, "rb", opener=lambda name, flags: os.open(name, flags | _NONBLOCK))  # noqa: SIM115  # returned
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "not a regular file", path)
    return file


def _lines(file: BinaryIO, tally: Tally) -> Iterator[bytes]:
    """The lines short enough for a record; of a longer one, no more than a record's bytes are held at a time."""
    while line := file.readline(names.RECORD_BYTES + 1):
        if len(line) > names.RECORD_BYTES:
            tally[TOO_LONG] += 1
            while line and not line.endswith(b"\n"):
                line = file.readline(names.RECORD_BYTES)
        elif not line.isspace():
            yield line
