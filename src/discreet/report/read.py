"""Read the log back: from files to records, in one pass.

The rule that keeps it honest: the log is hostile input. A line counts only if `sending.records` finds a record in it;
any other line is counted and skipped, costs no more memory than a record, and stops nothing.
"""

import gzip
import os
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO, TypeAlias

from .. import names, rotation
from ..sending.records import parse

Record: TypeAlias = dict[str, Any]
Tally: TypeAlias = Counter[str]
Progress: TypeAlias = Callable[[int], None]

TORN = "torn"  # not JSON: cut by a crash or a full disk, or overwritten; or a damaged file of gzip
FOREIGN = "foreign"  # JSON, but not a record of this version
TOO_LONG = "too long"  # over `names.RECORD_BYTES`, newline included

_BLOCK = 128 * 1024  # bytes read at a time
_GZIP = b"\x1f\x8b"  # RFC 1952, section 2.3.1


def log_files(directory: str, log_name: str) -> list[str]:
    """The paths that a log called `log_name` may have in `directory`, oldest records first. They need not exist."""
    return [os.path.join(directory, rotation.rotated(log_name, number)) for number in reversed(range(names.LOG_FILES))]


def lines(paths: Iterable[str], losses: Tally | None = None) -> Iterator[tuple[str, Record]]:
    """The records of the files at `paths`, in that order and in the order of their lines, each after its line as it
    stands in the file, without the newline.

    A record is a dict with the keys of a record and no other: `v` (1), `time` (`2026-11-20T10:30:00Z`, a real moment),
    `event` and `tool` (legal names), the texts `id`, `run`, `version`, `py` and `os` ("" where absent), `install` where
    it was recorded, and `properties`: legal field names to booleans, integers and floats within 2**53, printable texts
    of at most 256 characters, or one level of mappings to these.

    Every other line is skipped and, if `losses` is given, counted there as `TORN`, `FOREIGN` or `TOO_LONG`; empty lines
    are no loss. A missing file holds nothing; a gzip file is decompressed as far as it can be read. Raises `OSError`
    for a file that cannot be read or is not regular; no content of a file raises. Memory: one block, whatever the size
    of the files.

    Race: a rotation during the reading may hide the records of one file. The count is then too low, never too high, and
    right again the next time.
    """
    tally = Counter() if losses is None else losses
    for block in blocks(paths, tally):
        for line in block:
            record = record_of(line, tally)
            if record is not None:
                yield str(line, "utf-8"), record


def record_of(line: bytes, tally: Tally) -> Record | None:
    """The record of a line; else None, and one more in `tally` unless the line is empty."""
    if not line or line.isspace():
        return None
    try:
        return parse(str(line, "utf-8"))
    except ValueError:
        tally[TORN] += 1
    except LookupError:
        tally[FOREIGN] += 1
    return None


def blocks(paths: Iterable[str], tally: Tally, progress: Progress | None = None) -> Iterator[list[bytes]]:
    """The lines short enough for a record, without newlines, as many at a time as a block of a file holds.

    `progress` is called with the number of bytes read from disk so far.
    """
    before = 0
    for path in paths:
        try:
            file = _open(path)
        except FileNotFoundError:
            continue
        rest = b""
        with file:
            for block in _content(file, tally):
                *whole, rest = (rest + block).split(b"\n")
                yield _short(whole, names.RECORD_BYTES - 1, tally)
                rest = rest[: names.RECORD_BYTES + 1]  # enough to see that it is too long
                if progress is not None:
                    progress(before + file.tell())
            before += file.tell()
        if rest:
            yield _short([rest], names.RECORD_BYTES, tally)


def _short(lines: list[bytes], longest: int, tally: Tally) -> list[bytes]:
    if not lines or max(map(len, lines)) <= longest:
        return lines
    kept = [line for line in lines if len(line) <= longest]
    tally[TOO_LONG] += len(lines) - len(kept)
    return kept


def _open(path: str) -> BinaryIO:
    file = open(path, "rb", opener=lambda name, flags: os.open(name, flags | names.NO_WAIT))  # noqa: SIM115  # returned
    try:
        names.check_ours(os.fstat(file.fileno()), path, None)  # a regular one, of any user
    except OSError:
        file.close()
        raise
    return file


def _content(file: BinaryIO, tally: Tally) -> Iterator[bytes]:
    """The content, decompressed if it is gzip; it ends where a gzip file is cut off or damaged."""
    packed = file.read(len(_GZIP)) == _GZIP
    file.seek(0)
    source = gzip.GzipFile(fileobj=file) if packed else file
    try:
        while block := source.read(_BLOCK):
            yield block
    except (EOFError, zlib.error, gzip.BadGzipFile):
        tally[TORN] += 1
