"""The store: what was received, as lines like those of the log, and the ids that came before.

    DIR/2026-11-20.mytool.jsonl     what arrived on that day (UTC) from that tool, in the order of arrival
    DIR/2026-11-20.forgotten        ids that are not to be taken again, one a line
    DIR/lock                        one collector at a time

The rules that keep it honest. An id is known only when its line is written: after a write that failed, the client's
next attempt is no repeat. What a failed write left is cut off before the next one, and a line without its end when the
collector starts: neither was acknowledged. A line is erased in place, by spaces, so that nobody reads half a file.
Written means handed to the system, which survives any end of this process; `sync` brings it to the disk itself.
"""

import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from shutil import disk_usage

from .. import files, names
from ..log import timestamp
from ..sending.lock import DeliveryLock
from .lines import blank, heads, ids_of, key_of, opened, whole

GENERATION = 1_000_000  # ids; two generations are known, the newer one growing: at most 150 MiB
FORGOTTEN = 1_000_000  # ids that can be forgotten in `_ID_DAYS`
TOOLS = 100  # each has an open file
_ID_DAYS = names.SENT_DAYS + 1  # no client sends what is older
_DAY = 86_400.0
_NAME = re.compile(r"(\d{4}-\d\d-\d\d)\.(?:([A-Za-z][A-Za-z0-9_-]{0,63})\.jsonl|forgotten)")
_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | names.NO_FOLLOW


class Store:
    """One directory, used by one collector. Raises `OSError` (`BlockingIOError` if another one uses it).

    Over `limit` bytes of all files no record is taken until there is room; `clock` gives seconds since the epoch.
    """

    def __init__(self, directory: str, limit: int = 1 << 30, clock: Callable[[], float] = time.time) -> None:
        self.directory = directory
        self._limit = limit
        self._clock = clock
        self._day = ""
        self._size = 0
        self._open: dict[str, int] = {}  # descriptors, by name
        self._torn: dict[str, int] = {}  # by name: the size before a write that failed
        self._dirty: set[str] = set()
        self._tools: set[str] = set()
        # Hashes of ids, 64 bits under a key of this process: a new id is mistaken for an old one once in 10**13.
        self._known: set[int] = set()
        self._older: set[int] = set()
        self._forgotten: set[int] = set()
        self._asked = self._erased = 0  # calls of `forget`, and how many of them are done
        self._sizes: list[tuple[str, int]] = []  # of the files at the last one
        self._lock = DeliveryLock(names.Paths("collector", {}, directory))
        if not self._lock.__enter__():
            raise BlockingIOError(11, "another collector uses this directory", directory)
        try:
            self._load()
        except OSError:
            self._lock.__exit__()
            raise

    def add(self, records: Iterable[tuple[str, str, str]]) -> int:
        """Write the records (tool, id, line) whose ids are new, and return how many those are. All are in files then.

        Raises `OSError` if one could not be written: the same records can be given again.
        """
        self._turn()
        fresh: dict[str, dict[int, str]] = {}
        for tool, one, line in records:
            key = hash(one)
            if key not in self._known and key not in self._older and key not in self._forgotten:
                fresh.setdefault(tool, {})[key] = line
        for tool, lines in fresh.items():
            self._append(f"{self._day}.{tool}.jsonl", "\n".join((*lines.values(), "")).encode())
            self._remember(lines)
            self._tools.add(tool)
        return sum(map(len, fresh.values()))

    def takes(self, tool: str) -> bool:
        """Whether records of that tool are taken: those of the first `TOOLS` tools that this is asked of are."""
        if len(self._tools) < TOOLS:
            self._tools.add(tool)  # now, since one request may name ten thousand
        return tool in self._tools

    def forget(self, ids: Iterable[str]) -> Callable[[], int]:
        """Take none of these ids from now on. Returns the rest of the work, for one other thread: to erase the lines of
        all forgotten ids, and return how many those were. One work does that of all calls before it began, and what
        waits for it holds none of their ids: many may wait.

        Raises `OSError` if the ids cannot be kept for the next start.
        """
        self._turn()
        fresh = {key: one for one in ids if (key := hash(one)) not in self._forgotten}
        if len(self._forgotten) + len(fresh) > FORGOTTEN:
            raise OSError(28, "too many ids were forgotten", self.directory)
        if fresh:
            self._append(f"{self._day}.forgotten", "\n".join((*fresh.values(), "")).encode())
            self._forgotten.update(fresh)  # `|=` with the keys of a dict would copy all
        # Beyond these sizes, no line will have one of these ids; what a failed write left will be cut off.
        self._sizes = [(path, os.path.getsize(path)) for path in self.files()]
        self._asked = mine = self._asked + 1

        def erase() -> int:
            number = 0
            if mine > self._erased:
                asked, sizes = self._asked, self._sizes  # in this order: they may be those of a later call, not earlier
                for path, size in sizes:
                    with suppress(FileNotFoundError), opened(path) as file:  # it may be moved away meanwhile
                        number += blank(file, self._forgotten, size)
                self._erased = asked
            return number

        return erase

    def files(self, tool: str = "", days: int = names.LOG_FILE_DAYS) -> list[str]:
        """The paths of the files of a tool ("" is all) of the last `days` days, oldest first."""
        first = self._before(days)
        return sorted(path for day, path, of in self._ours() if of and tool in ("", of) and day >= first)

    def tools(self) -> list[str]:
        """The tools that have files."""
        return sorted({of for _, _, of in self._ours() if of})

    def full(self) -> bool:
        """Whether there is no room for a record, within the bound or on a disk that has a size. Raises `OSError`."""
        disk = disk_usage(self.directory)
        return self._lacks(names.RECORD_BYTES) or disk.free < names.RECORD_BYTES <= disk.total

    def sync(self) -> Callable[[], None]:
        """The work, for another thread, that brings what was written to the disk. Both raise `OSError`."""
        self._turn()  # old files are erased in time although nothing comes
        with ExitStack() as work:
            for name in self._dirty & self._open.keys():
                work.callback(_bring, os.dup(self._open[name]))
            self._dirty.clear()
            for name in list(self._open):  # one that was erased takes its room until it is closed
                if not _stands(self._open[name], os.path.join(self.directory, name)):
                    work.callback(_bring, self._open.pop(name))
            kept = work.pop_all()
        return kept.close

    def close(self) -> None:
        """Bring everything to the disk and release the directory. Raises `OSError`."""
        with ExitStack() as work:
            work.callback(self._lock.__exit__)
            for name in list(self._open):
                work.callback(_bring if name in self._dirty else os.close, self._open.pop(name))

    def _load(self) -> None:
        """Read all files once: cut off torn ends, learn ids, erase the forgotten lines that a crash left."""
        first = self._before(_ID_DAYS)
        for day, path, tool in sorted(self._ours(), key=lambda entry: (entry[2], entry[0])):  # the forgotten first
            if day < first:
                continue
            with opened(path) as file:
                file.truncate(whole(file))
                file.seek(0)
                if tool:
                    blank(file, self._forgotten)
                    for _, _, head in heads(file):
                        self._remember([key_of(head)])
                else:
                    self._forgotten.update(ids_of(file))
        self._turn()

    def _turn(self) -> None:
        """If a new day has begun: close yesterday's files, erase the old ones, and measure the rest."""
        day = timestamp(self._clock())[:10]
        if day == self._day:
            return
        for name in list(self._torn):
            self._descriptor(name)  # cuts off what a failed write left
        for name in list(self._open):
            _bring(self._open.pop(name))
        oldest, forgotten = self._before(names.LOG_FILE_DAYS), self._before(_ID_DAYS)
        for then, path, tool in list(self._ours()):
            if then < (oldest if tool else forgotten):
                os.unlink(path)
                if not tool:
                    self._forgotten = self._still_forgotten()
        self._tools = set(self.tools())
        self._measure()
        self._day = day

    def _still_forgotten(self) -> set[int]:
        found: set[int] = set()
        for _, path, tool in self._ours():
            if not tool:
                with opened(path) as file:
                    found.update(ids_of(file))
        return found

    def _measure(self) -> None:
        self._size = sum(os.path.getsize(path) for _, path, _ in self._ours())

    def _lacks(self, size: int) -> bool:
        """Whether there is no room for so many bytes; looked at anew, since files may have been taken away."""
        if self._size + size > self._limit:
            self._measure()
        return self._size + size > self._limit

    def _append(self, name: str, content: bytes) -> None:
        if name.endswith(".jsonl") and self._lacks(len(content)):  # an erasure, of a few bytes, is never refused so
            raise OSError(28, f"the files would have more than {self._limit:,} bytes, their bound", self.directory)
        descriptor = self._descriptor(name)
        before = os.fstat(descriptor).st_size
        try:
            rest = memoryview(content)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        except OSError:
            self._torn[name] = before
            os.close(self._open.pop(name))
            raise
        self._size += len(content)
        self._dirty.add(name)

    def _descriptor(self, name: str) -> int:
        path = os.path.join(self.directory, name)
        if name in self._open and not _stands(self._open[name], path):  # moved away or erased, maybe to make room
            _bring(self._open.pop(name))
        if name not in self._open:
            descriptor = files.open_ours(path, _FLAGS)
            try:
                if name in self._torn and os.fstat(descriptor).st_size > self._torn[name]:  # else it is a new one
                    os.ftruncate(descriptor, self._torn[name])
                self._torn.pop(name, None)
            except OSError:
                os.close(descriptor)
                raise
            self._open[name] = descriptor
        return self._open[name]

    def _remember(self, keys: Iterable[int]) -> None:
        self._known.update(keys)
        if len(self._known) >= GENERATION:
            self._older, self._known = self._known, set()

    def _ours(self) -> Iterator[tuple[str, str, str]]:
        """Day, path and tool of each file of ours; the tool is "" for the forgotten."""
        for name in os.listdir(self.directory):
            if match := _NAME.fullmatch(name):
                yield match[1], os.path.join(self.directory, name), match[2] or ""

    def _before(self, days: int) -> str:
        return timestamp(self._clock() - days * _DAY)[:10]


def _stands(descriptor: int, path: str) -> bool:
    """Whether an open file is still the one of that name: what is written to one that was erased is nowhere."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


def _bring(descriptor: int) -> None:
    """Bring a file to the disk and close it, also if that fails. Raises `OSError`."""
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
