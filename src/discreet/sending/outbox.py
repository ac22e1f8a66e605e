"""The log as the outbox: where each destination is in it, and what is still to be sent.

    offsets   {"<id of the file's first record>": <bytes handled>, ...}
    anchor    ["<id of the last record handled>", "<its time>"]

The rule that keeps it honest: a place is a file and an offset, and a file is known by its first record, not by its name
or inode: so it stays itself through rotation, and one deleted and made anew is a new one. Every file is looked at each
time, since a process may still append to one that another has just rotated. Where an offset no longer stands behind a
whole line (somebody edited the file), the place is found again by the anchor; where that is gone too, everything in the
file is pending: a record may then be sent twice, under the same id, but none is lost. What was deleted is withdrawn.
"""

from .. import names
from .log import HEAD, HEAD_BYTES, identity, time_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import BinaryIO, TypeAlias

    Offsets: TypeAlias = dict[str, int]
    Line: TypeAlias = tuple[str, int, bytes]  # (file, offset behind the line, the line with its newline)


def ends(paths: names.Paths) -> "Offsets":
    """The end of each file of the log, behind its last whole line: where nothing is pending. Raises `OSError`."""
    found: Offsets = {}
    for file in _files(paths):
        with file:
            name = identity(file.read(HEAD_BYTES))
            file.seek(0)
            found[name] = sum(len(line) for line in _lines(file))
    return found


def pending(paths: names.Paths, offsets: "Mapping[str, int]", anchor: "tuple[str, str]") -> "Iterator[Line]":
    """The whole lines not handled yet, oldest file first. Raises `OSError` for a log that cannot be read."""
    for file in _files(paths):
        with file:
            name = identity(file.read(HEAD_BYTES))
            place = _place(file, offsets.get(name), anchor)
            file.seek(place)
            for line in _lines(file):
                place += len(line)
                yield name, place, line


def start_of(paths: names.Paths, run: str, floor: str = "") -> "Offsets":
    """The places before the first record that is of the process `run`, or later than `floor` (a time, "" for none).

    All later records lie behind. Where there is no such record, the end of the log. Raises `OSError`.
    """
    mark = f'"run":"{run}"'.encode() if run else b"\n\n"  # the latter is in no line
    found: Offsets = {}
    begun = False
    for file in _files(paths):
        with file:
            name = identity(file.read(HEAD_BYTES))
            file.seek(0)
            found[name] = 0
            for line in () if begun else _lines(file):
                if mark in line or (floor and time_of(line) > floor):
                    begun = True
                    break
                found[name] += len(line)
    return found


def identities(paths: names.Paths) -> "list[str]":
    """What the files of the log are known by, oldest first. Raises `OSError`."""
    found = []
    for file in _files(paths):
        with file:
            found.append(identity(file.read(HEAD_BYTES)))
    return found


def _place(file: "BinaryIO", offset: int | None, anchor: "tuple[str, str]") -> int:
    """Where to go on reading in a file of which `offset` bytes were handled (None: it is not known)."""
    if offset == 0:
        return 0
    if offset is not None:
        file.seek(offset - 1)
        if file.read(1) == b"\n":  # and so the file is as long as that
            return offset
    if anchor[0]:
        mark = HEAD + anchor[0].encode()
        file.seek(0)
        place = 0
        for line in _lines(file):
            place += len(line)
            if line.startswith(mark):
                return place
    return 0


def _files(paths: names.Paths) -> "Iterator[BinaryIO]":
    """The files of the log that are there, oldest first; only regular files of this user."""
    for number in reversed(range(names.LOG_FILES)):
        try:
            yield open(paths.log(number), "rb", opener=names.open_ours)  # noqa: SIM115  # the caller closes it
        except FileNotFoundError:
            continue


def _lines(file: "BinaryIO") -> "Iterator[bytes]":
    """The whole lines from here; a torn last one is not yet a line. A line longer than a record comes in pieces."""
    while line := file.readline(names.RECORD_BYTES + 1):
        if not line.endswith(b"\n") and len(line) <= names.RECORD_BYTES:
            return
        yield line
