"""The log as the outbox: where each destination is in it, and what is still to be sent.

    offsets   {"<id of the file's first record>": [<bytes handled>, <CRC-32 of the line that ends there>], ...}
    away      the same for files that are gone now, and may come back
    anchor    ["<id of the last record handled>", "<its time>"]
    floor     "<the latest time of what lay on the log before this destination's first record>"

The rule that keeps it honest: a place is a file and a spot in it, and a file is known by its first record, not by its
name or inode. So it stays the same through rotation, and one that was deleted and made anew is a new one. Every file is
read each time, since a process may still append to one that another has just rotated. If the line before a spot is not
the one handled there (somebody edited the file), the spot is found again by that line, or by the anchor. If both are
gone, all lines of the file later than the floor are pending: a record may then be sent twice, under the same id, but
none from before the consent. And none is lost but those of the very second of the floor (or of the time by which the
clock that made it was ahead). What was deleted is withdrawn. A file that was away for a while (moved, or written anew
by an editor) goes on where it was.

Known, and accepted: a file that was away when a destination was first seen, and is put back, is taken for a new one.
"""

import os
from binascii import crc32

from .. import files, names, rotation
from ..log import HEAD, is_torn
from .handover import HEAD_BYTES, identity, time_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO, TypeAlias

    from .state import Place

    Spot: TypeAlias = tuple[int, int]  # the offset behind a line, and the line's CRC-32
    Offsets: TypeAlias = dict[str, Spot]
    Line: TypeAlias = tuple[str, Spot, bytes]  # (file, the spot behind the line, the line with its newline)

START = (0, 0)  # of any file
EVERYTHING = (names.LARGEST_INTEGER - 1, 0)  # handled, of a file that was away when a period began


def pending(paths: names.Paths, place: "Place") -> "Iterator[Line]":
    """The whole lines not handled yet, oldest file first. Raises `OSError` for a log that cannot be read."""
    with _Files(paths) as files:
        for name, file in files.items():
            for spot, line in _lines(file, _found(file, name, place, files)[0]):
                yield name, spot, line


def settled(paths: names.Paths, place: "Place") -> "Offsets":
    """The place's spots in the files that are there now, found again if they were lost. Raises `OSError`."""
    with _Files(paths) as files:
        return {name: _found(file, name, place, files) for name, file in files.items()}


def start(paths: names.Paths, begins: "Callable[[bytes], bool]") -> "tuple[Offsets, str]":
    """The spots before the first line for which `begins` is true, and the latest time of the lines before it.

    All later lines are behind the spots. Without such a line they are at the end of the log. Raises `OSError`.
    """
    offsets: Offsets = {}
    floor = ""
    begun = False
    with _Files(paths) as files:
        for name, file in files.items():
            offsets[name] = START
            for spot, line in () if begun else _lines(file, 0):
                begun = begins(line)
                if begun:
                    break
                offsets[name] = spot
                floor = max(floor, time_of(line))
    return offsets, floor


def close_torn(paths: names.Paths) -> None:
    """Close a last line of the log that an editor or a full disk left without a newline: the next append would make it
    a whole one, behind the place where a period begins. Raises `OSError`.
    """
    try:
        descriptor = files.open_ours(paths["log"], os.O_RDWR | os.O_APPEND | names.NO_FOLLOW)
    except FileNotFoundError:
        return
    try:
        if is_torn(descriptor, os.fstat(descriptor).st_size):
            os.write(descriptor, b"\n")
    finally:
        os.close(descriptor)


def newest(paths: names.Paths) -> str:
    """What identifies the newest file of the log; "" if there is none. Raises `OSError`."""
    with _Files(paths) as files:
        return next(reversed(files), "")


def _found(file: "BinaryIO", name: str, place: "Place", files: "dict[str, BinaryIO]") -> "Spot":
    """Where to go on in a file."""
    spot = place.offsets.get(name) or place.away.get(name)
    if spot == EVERYTHING:
        return max((after for after, _ in _lines(file, 0)), default=START)
    if spot is None and place.offsets.keys() <= files.keys():
        return START  # a new file: every known one is still there, so this is none of them, edited or made anew
    if spot is not None and (spot[0] == 0 or _line_before(file, spot[0]) == spot[1]):
        return spot
    anchor = HEAD + place.anchor[0].encode() if place.anchor[0] else None
    end, later = START, None
    for after, line in _lines(file, 0):
        if (spot is not None and after[1] == spot[1]) or (anchor is not None and line.startswith(anchor)):
            return after
        if later is None and time_of(line) > place.floor:
            later = end
        end = after
    return end if later is None else later


def _line_before(file: "BinaryIO", offset: int) -> int:
    """The CRC-32 of the line that ends at `offset`; -1, which is no CRC, if none does."""
    first = max(0, offset - names.RECORD_BYTES)
    file.seek(first)
    line = file.read(offset - first)
    if len(line) < offset - first or line[-1:] != b"\n":
        return -1
    return crc32(line[line.rfind(b"\n", 0, -1) + 1 :])


def _lines(file: "BinaryIO", offset: int) -> "Iterator[tuple[Spot, bytes]]":
    """The whole lines from `offset` on, without a torn last one. Of a line longer than a record, only its end."""
    file.seek(offset)
    while line := file.readline(names.RECORD_BYTES):
        offset += len(line)
        while not line.endswith(b"\n"):
            more = file.readline(names.RECORD_BYTES)
            if not more:
                return
            offset += len(more)
            line = (line + more)[-names.RECORD_BYTES :]
        yield (offset, crc32(line)), line


class _Files:
    """`with _Files(paths) as files:` the log's files by their `identity`, oldest first, open for reading.

    Only regular files of this user; of two with the same first record (a copy), the newer. Opened newest first, so
    that one which is rotated meanwhile is seen twice rather than missed.
    """

    def __init__(self, paths: names.Paths) -> None:
        self._paths = paths
        self._open: list[BinaryIO] = []

    def __enter__(self) -> "dict[str, BinaryIO]":
        found: dict[str, BinaryIO] = {}
        try:
            for number in range(names.LOG_FILES):
                try:
                    file = open(rotation.nth(self._paths, number), "rb", opener=files.open_ours)  # closed by `__exit__`
                except FileNotFoundError:
                    continue
                self._open.append(file)
                found.setdefault(identity(file.read(HEAD_BYTES)), file)
        except OSError:
            self.__exit__()
            raise
        return dict(reversed(found.items()))

    def __exit__(self, *_: object) -> None:
        for file in self._open:
            try:
                file.close()
            except OSError:
                pass  # nothing was written; and here, where an abandoned iteration ends, an error would be printed
