"""The lines of a file of the store: found, and erased in place.

The rule that keeps it honest: a line may be of any length, and is read in pieces no larger than a record. Nobody who
reads meanwhile sees half a file: where a line was erased, there are spaces.
"""

import os
from collections.abc import Iterator
from typing import BinaryIO

from .. import files, names
from ..log import HEAD, ID_BYTES

_ID = slice(len(HEAD), len(HEAD) + ID_BYTES)


def opened(path: str) -> BinaryIO:
    """A file to be read and written. If somebody else made the directory, a link in it must not lead us elsewhere."""
    return open(path, "rb+", opener=lambda name, flags: files.open_ours(name, flags | names.NO_FOLLOW))


def key_of(line: bytes) -> int:
    """The hash of the id that a record's line has at its place."""
    return hash(line[_ID].decode("ascii", "replace"))


def heads(file: BinaryIO) -> Iterator[tuple[int, int, bytes]]:
    """Each line: its place, its length in bytes, and its first bytes, at most as many as a record may have."""
    at = 0
    while head := file.readline(names.RECORD_BYTES):
        length, piece = len(head), head
        while not piece.endswith(b"\n") and (piece := file.readline(names.RECORD_BYTES)):
            length += len(piece)
        yield at, length, head
        at += length


def ids_of(file: BinaryIO) -> Iterator[int]:
    """The hashes of the ids in a file of them, one a line."""
    return (hash(line.decode("ascii", "replace").strip()) for _, _, line in heads(file))


def whole(file: BinaryIO) -> int:
    """How many bytes of a file are whole lines."""
    at = file.seek(0, os.SEEK_END)
    while at:
        step = min(at, names.RECORD_BYTES)
        file.seek(at - step)
        end = file.read(step).rfind(b"\n")
        at -= step
        if end >= 0:
            return at + end + 1
    return 0


def blank(file: BinaryIO, keys: set[int], size: int | None = None) -> int:
    """Write spaces over the lines in the first `size` bytes whose ids have these hashes. Returns their number."""
    if not keys:
        return 0
    found = [
        (at, length - 1)
        for at, length, line in heads(file)
        if (size is None or at < size) and line.startswith(HEAD) and key_of(line) in keys
    ]
    for at, length in found:
        file.seek(at)
        file.writelines(b" " * min(length - done, names.RECORD_BYTES) for done in range(0, length, names.RECORD_BYTES))
    file.flush()
    file.seek(0)
    return len(found)
