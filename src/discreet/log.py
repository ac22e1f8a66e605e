"""The log: what a line is, and how lines get on disk, shared by any number of processes, rotated by size.

    {"v":1,"id":"<uuid4>","time":"2026-11-20T10:30:00Z","run":"<16 hex>","event":"command","tool":"mytool",
     "version":"1.4.0","py":"3.11.7","os":"linux","properties":{"command":"import.from_code","duration_ms":4280}}

The rules that keep it honest. A line has these keys in this order, compact, in UTF-8, and only the closed types that
the filter lets out, each exactly as `json.dumps` writes it (a test compares the two): loading `json` would cost a short
command more than all the rest. A batch is one `write` of whole lines to a file opened with O_APPEND, so lines
of several processes never mix. A line torn by a crash or a full disk is closed with a newline by the next append, and
counted by readers. Nothing is ever written through a symbolic link, or to anything but a regular file of this user.

A known race, accepted: a process that opened the log just before another one rotated it writes to the rotated file. The
line is still in the log, since readers look at every file. Only a process stopped between open and write for the time
of four rotations would write to a file that is gone.
"""

import os
import sys
import time

from . import names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | names.NO_FOLLOW | names.NO_WAIT | names.OPEN_FLAGS
_QUIET_SECONDS = 3600.0  # after so long without a write, the next append erases files that are too old
# Ids made at once: first so few that a command of one event does not notice; then so many that a host which tracks
# without a pause feels it less than once in a hundred calls.
_FIRST_IDS, _MORE_IDS = 8, 256
_ID = b"........-....-4...-....-............ "  # a dot for each random digit of a UUID of version 4
_DRAWN_DIGITS = 32  # hex digits drawn for one id; the last is not used, since the version digit is fixed
_DRAWN = ord(".")
_VARIANT, _VARIANTS = 19, bytes.maketrans(b"0123456789abcdef", b"89ab" * 4)  # this digit is 8, 9, a or b
_TOO_LARGE = 27  # errno.EFBIG
# Rotations tried before the log may grow to twice its size; tries after that, each after a pause. All of it takes less
# time than the end of a process waits.
_ROTATIONS, _PAUSES, _PAUSE_SECONDS = 3, 12, 0.01


HEAD = b'{"v":1,"id":"'  # what every record begins with, before its id
ID_BYTES = 36


class Encoder:
    """Writes the records of one process. `run` is random, made once, and never stored."""

    def __init__(self, tool: str, version: str, install: str = "") -> None:
        self.run = os.urandom(8).hex()
        python = ".".join(map(str, sys.version_info[:3]))
        self._head = f'","run":"{self.run}","event":"'
        self._tail = (
            f'","tool":{quote(tool)},"version":{quote(version)},"py":{quote(python)},"os":{quote(sys.platform)},'
            + (f'"install":{quote(install)},' if install else "")
            + '"properties":{'
        )
        self._second = (0, "")
        self._ids: list[str] = []

    def encode(self, event: str, properties: "Mapping[str, object]", clock: "Callable[[], float]" = time.time) -> bytes:
        """The line, newline included. `event` and the property names must be legal names (they need no escaping).

        Raises `TypeError` for a value that is not of a closed type, `UnicodeEncodeError` for a lone surrogate and
        `OverflowError` for a time that no calendar holds; the event is dropped then.
        """
        now = int(clock())
        second, stamp = self._second
        if now != second:
            stamp = timestamp(now)
            self._second = (now, stamp)
        fields = []
        for name, value in properties.items():  # spelled out: quicker than a comprehension, and no function to load
            if type(value) is int:
                fields.append(f'"{name}":{value}')
            elif value is True:
                fields.append(f'"{name}":true')
            else:
                fields.append(f'"{name}":{_value(value)}')
        try:
            event_id = self._ids.pop()  # atomic: no two threads get the same
        except IndexError:
            fresh = new_ids(_MORE_IDS if second else _FIRST_IDS)
            event_id = fresh.pop()  # before others see the rest
            self._ids = fresh
        return (
            f'{{"v":1,"id":"{event_id}","time":"{stamp}{self._head}{event}{self._tail}{",".join(fields)}}}}}\n'.encode()
        )


def new_ids(number: int) -> "list[str]":
    """`number` random UUIDs, version 4 (RFC 9562, section 5.4).

    Several at once, since the system's random source releases the interpreter lock: at each event, that would hand the
    processor to the writing thread for a write of one line.
    """
    digits = os.urandom(_DRAWN_DIGITS // 2 * number).hex().encode()
    ids = bytearray(_ID * number)
    column = 0
    for place, mark in enumerate(_ID):  # the same digit of all ids at once
        if mark == _DRAWN:
            ids[place :: len(_ID)] = digits[column::_DRAWN_DIGITS]
            column += 1
    ids[_VARIANT :: len(_ID)] = ids[_VARIANT :: len(_ID)].translate(_VARIANTS)
    return ids.decode().split()


def timestamp(seconds: float) -> str:
    """Seconds since the epoch as ISO 8601 in UTC, to the second: `2026-11-20T10:30:00Z`."""
    year, month, day, hour, minute, second = time.gmtime(seconds)[:6]
    return f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"


def quote(text: str) -> str:
    """A JSON string, non-ASCII characters as they are."""
    # Only two printable characters need an escape. For all others the import is paid when they occur.
    if text.isprintable():
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    from json.encoder import encode_basestring

    return encode_basestring(text)


def _value(value: object) -> str:
    kind = type(value)
    if kind is str:
        return quote(value)  # type: ignore[arg-type]
    if kind is int or (kind is float and value - value == 0):  # type: ignore[operator]  # JSON has no NaN, no infinity
        return repr(value)
    if kind is bool:
        return "true" if value else "false"
    if kind is dict:
        items: dict[str, object] = value  # type: ignore[assignment]  # by its type, two lines above
        return "{" + ",".join([f"{quote(name)}:{_value(inner)}" for name, inner in items.items()]) + "}"
    raise TypeError(f"a {kind.__name__} cannot be recorded")


class Log:
    """Appends to the log of one tool. `file_bytes` is the size a file is rotated at; `clock` gives epoch seconds."""

    def __init__(
        self, paths: "names.Paths", *, file_bytes: int = names.LOG_FILE_BYTES, clock: "Callable[[], float]" = time.time
    ) -> None:
        self._paths = paths
        self._clock = clock
        self._next_look = 0.0  # for files that are too old, by the steady clock
        # What follows the next write, as a slow disk may need longer for it than the end of a process waits.
        self._then: Callable[[names.Paths, float], None] | None = None
        self.file_bytes = file_bytes

    def append(self, lines: "list[bytes]") -> int:
        """Append whole lines (each ends in a newline) by one write; how many of them are on the log now.

        Fewer than were given means that the disk took only a part: the caller may try the rest again. Raises
        `OSError`: not a directory, no permission, full disk, a directory, FIFO or symbolic link in place of the log.
        """
        content = b"".join(lines)
        descriptor, size = self._open(len(content))
        try:
            # A newline closes a torn last line, of a process that crashed. If another one is writing just now (the file
            # grows by the page), it makes an empty line, which readers skip.
            torn = is_torn(descriptor, size)
            written = os.write(descriptor, b"\n" + content if torn else content) - torn
        finally:
            os.close(descriptor)
            if then := self._then:
                self._then = None
                then(self._paths, self._clock())
        if written == len(content):
            return len(lines)
        whole = 0
        for line in lines:
            written -= len(line)
            if written < -1:
                break
            whole += 1  # even without its newline: the next append closes it, and a second copy would be one too many
        return whole

    def _open(self, length: int) -> "tuple[int, int]":
        """The open log and its size, rotated first if `length` more bytes would not fit."""
        others = False
        for tries in range(_ROTATIONS + _PAUSES):  # several processes may want to rotate at once: look again
            descriptor, status = self._open_once()
            grown = status.st_size + length
            now = time.monotonic()  # by it, too: the clock may just have been set, by years
            quiet = now >= self._next_look and status.st_size > 0 and status.st_mtime < self._clock() - _QUIET_SECONDS
            self._next_look = now + _QUIET_SECONDS
            if not quiet and (status.st_size == 0 or grown <= self.file_bytes * (1 + (tries >= _ROTATIONS))):
                return descriptor, status.st_size
            os.close(descriptor)
            if tries >= _ROTATIONS:
                if not others:
                    break
                time.sleep(_PAUSE_SECONDS)  # the process that rotates was interrupted
            from . import rotation

            self._then = rotation.clean_up if quiet else self._then or rotation.erase_old
            if quiet:
                rotation.erase_old(self._paths, self._clock(), 1)  # before it is written to: then it is not old
            if grown > self.file_bytes:
                others = rotation.rotate(self._paths, status.st_ino)
        raise OSError(_TOO_LARGE, "the log cannot be rotated", self._paths["log"])

    def _open_once(self) -> "tuple[int, os.stat_result]":
        path = self._paths["log"]
        try:
            descriptor = os.open(path, _FLAGS, 0o600)
        except FileNotFoundError:
            from . import directories

            directories.make_directory(self._paths.directory, below=self._paths.below)
            descriptor = os.open(path, _FLAGS, 0o600)
        if descriptor <= 2:  # the host has closed a stream
            from . import files

            (descriptor,) = files.past_streams(descriptor)
        try:
            status = os.fstat(descriptor)
            names.check_ours(status, path, names.current_user())
        except OSError:
            os.close(descriptor)
            raise
        return descriptor, status


def is_torn(descriptor: int, size: int) -> bool:
    """Whether the last line of an open file of `size` bytes has no newline. Raises `OSError`."""
    if not size:
        return False
    if hasattr(os, "pread"):
        return os.pread(descriptor, 1, size - 1) != b"\n"
    os.lseek(descriptor, size - 1, os.SEEK_SET)  # O_APPEND writes at the end, wherever the position is
    return os.read(descriptor, 1) != b"\n"
