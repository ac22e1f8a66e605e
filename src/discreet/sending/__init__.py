"""The sender: a bounded queue and one daemon thread, started at the first record, which writes the log.

The rule that keeps it honest: the caller's thread only puts; it never waits for a lock, a disk or a network. All
waiting is the thread's, and the end of the process waits for it no longer than a deadline.

| what happens                         | what follows                                                             |
|--------------------------------------|--------------------------------------------------------------------------|
| the queue is full                    | the record is dropped and counted (`queue_full`)                         |
| the disk refuses                     | the batch is held and tried again; what is left at the end is counted    |
| the stored consent is off or changed | the queue is discarded and counted (`consent`)                           |
| no thread can be started             | the records wait; every later record tries again; the exit writes itself |
| `fork`                               | the thread ends before; the child begins with an empty queue             |
| after `close`                        | a late record is written by its caller, since the thread may be gone     |

What the thread has not written when the process is killed is lost: docs/design.md, "The window".
"""

import _thread
import atexit
import os
import sys
import time
from _weakref import ref

from .. import names
from .log import Encoder, Log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable, Mapping
    from typing import Protocol

    class Owner(Protocol):
        """What the sender needs of the recorder that it sends for."""

        name: str
        version: str
        off: bool
        paths: names.Paths
        losses: dict[str, int]

        def border(self, reason: str, work: Callable[..., object], *arguments: object) -> object: ...
        def close(self) -> bool: ...
        def lose(self, reason: str, number: int = 1) -> None: ...
        def swallow(self, reason: str, error: Exception) -> None: ...
        def still_agreed(self) -> bool: ...


else:
    from _collections import deque  # the same class; `collections` itself costs a command 2 ms


QUEUE_RECORDS = 10_000
QUEUE_BYTES = 8 * 1024 * 1024
BATCH_BYTES = 256 * 1024  # one write: long enough to be cheap, short enough not to overshoot a rotation
RETRY_SECONDS = (0.05, 5.0)  # the first and the longest pause after the disk refused; doubled in between
FORK_SECONDS = 0.05  # the longest that a fork waits for the thread, which a disk may hold up
_FAREWELL_SECONDS = 0.001  # what the system takes to do away with a thread that has ended, several times over


class Ticket:
    """A place in the queue: released once everything before it is on the log (`written`), or was found not to be."""

    def __init__(self, *, last: bool = False) -> None:
        self._lock = _thread.allocate_lock()
        self._lock.acquire()
        self.answer = self._lock.release  # called once: lets the waiting thread go on
        self.written = False
        self.last = last

    def wait(self, timeout: float) -> bool:
        """Wait at most `timeout` seconds; whether everything before was written by then."""
        return self._lock.acquire(timeout=min(max(0.0, timeout), _thread.TIMEOUT_MAX)) and self.written


class Sender:
    """The queue and the thread of one tool in one process.

    With `install` records carry the id of the installation (raises `OSError` where none can be made); with `show` they
    are printed on stderr instead of recorded.
    """

    def __init__(self, owner: "Owner", *, install: bool = False, show: bool = False) -> None:
        self._owner = owner
        self._show = show
        self._log = Log(owner.paths)
        self._install = ""
        if install:
            from .installation import install_id

            self._install = install_id(owner.paths)
        self._closed = False
        self._renew()
        atexit.register(owner.close)
        if hasattr(os, "register_at_fork"):
            weak = ref(self)  # the interpreter keeps the functions for ever, and must not keep the sender
            os.register_at_fork(before=lambda: _rest(weak()), after_in_child=lambda: _renew_child(weak()))

    def _renew(self) -> None:
        """Begin with a run of its own, an empty queue and no thread: at the start, and in the child of a fork."""
        self._encoder = Encoder(self._owner.name, self._owner.version, self._install)
        self._queue: deque[bytes | Ticket] = deque()
        self._bytes = 0  # in the queue; see `_take` on its races
        self._held: list[bytes] = []  # taken from the queue, not yet on the log; belongs to whoever holds `_running`
        self._wake = _thread.allocate_lock()  # what the thread sleeps on: released to wake it
        self._wake.acquire()
        self._idle = False  # the thread sleeps because the queue is empty, and a record shall wake it
        self._running = _thread.allocate_lock()  # held by whoever drains: the thread for its life, or the exit
        self._lost = False  # something that was queued did not reach the log; the next `flush` says so

    def record(self, event: str, properties: "Mapping[str, object]") -> None:
        """Queue a filtered event for the log. Never waits; raises what `Encoder.encode` raises."""
        line = self._encoder.encode(event, properties)
        if len(line) > names.RECORD_BYTES:
            self._owner.lose("record_size")
        elif self._show:
            if sys.__stderr__ is not None:  # else 2 may be any file of the host's
                os.write(2, line)
        elif len(self._queue) >= QUEUE_RECORDS or self._bytes >= QUEUE_BYTES:
            self._owner.lose("queue_full")
        else:
            self._bytes += len(line)
            self._queue.append(line)
            if self._idle:
                self._rouse()
            elif self._closed:
                self._drain_here()
            elif not self._running.locked():
                self._start()  # or wait in the queue for a later record, or for the exit

    def flush(self, timeout: float) -> bool:
        """Wait until everything put before is on the log; whether it is, at most `timeout` seconds later.

        False, once, also where something put since the last time was dropped instead. What a full queue refused was
        never put.
        """
        at_rest = not (self._queue or self._held or self._running.locked())
        written = at_rest or self._ask(Ticket(), timeout)
        lost, self._lost = self._lost, False
        return written and not lost

    def close(self, timeout: float) -> bool:
        """End the thread once it has written all that is queued; whether it had, at most `timeout` seconds later."""
        atexit.unregister(self._owner.close)
        self._closed = True
        return self._ask(Ticket(last=True), timeout) and not self._lost

    def rest(self) -> None:
        """Let the thread end before a fork; the next record starts another one.

        Python 3.12 prints a warning where a process with threads forks, and the child would inherit what is open.
        """
        if self._running.locked() and not self._closed:
            self._ask(Ticket(last=True), FORK_SECONDS)
            time.sleep(_FAREWELL_SECONDS)

    def _ask(self, ticket: Ticket, timeout: float) -> bool:
        self._queue.append(ticket)
        self._rouse()
        if self._closed or not self._start():
            self._drain_here()
        return ticket.wait(timeout)

    def _rouse(self) -> None:
        """Wake the thread. A release too many only makes it look at an empty queue once."""
        self._idle = False
        try:
            self._wake.release()
        except RuntimeError:
            pass  # another caller was quicker

    def _start(self) -> bool:
        """Start the thread unless somebody drains already; False where none can be started."""
        if not self._running.acquire(blocking=False):
            return True
        try:
            _thread.start_new_thread(self._run, (self._running,))
        except RuntimeError:  # no thread to be had, or the interpreter is ending
            self._running.release()
            return False
        return True

    def _run(self, running: "_thread.LockType") -> None:
        """The thread's life: write what there is, then sleep until there is more, or to try again."""
        pause = RETRY_SECONDS[0]
        try:
            while (last := self._drain_once()) is None:
                if self._held:
                    self._wake.acquire(timeout=pause)
                    pause = min(2 * pause, RETRY_SECONDS[1])
                elif not self._queue:
                    pause = RETRY_SECONDS[0]
                    self._idle = True
                    # Looked at again, since a record put before `_idle` was set woke nobody.
                    if not self._queue:
                        self._wake.acquire()
                    self._idle = False
        except Exception as error:
            self._owner.swallow("thread", error)  # the next record starts another thread
            return
        finally:
            running.release()
        last.answer()
        if self._queue:  # put while this thread was ending, by somebody who saw it and left the writing to it
            self._owner.border("thread", self._drain_here if self._closed else self._start)

    def _drain_here(self) -> None:
        """Write what is queued in the caller's thread: where no thread is to be had, and after the end."""
        # Looked at again after each release: a record put meanwhile found somebody at it.
        while self._queue and self._running.acquire(blocking=False):
            last = None
            try:
                last = self._drain_once()
            finally:
                self._running.release()
                if last is not None:
                    last.answer()
            if self._held:
                return  # the disk refuses

    def _drain_once(self) -> Ticket | None:
        """Take a batch, write it and answer the ticket behind it, unless it is the last: that one is returned.

        Its caller answers it after letting go of `_running`, so that whoever waited may write a late record itself.
        """
        ticket = self._take()
        written = self._write()
        if ticket is None:
            return None
        ticket.written = written
        if ticket.last:
            return ticket
        ticket.answer()
        return None

    def _take(self) -> Ticket | None:
        """Move a batch from the queue to `_held`, up to and with the first ticket, which is returned."""
        size = sum(map(len, self._held))
        try:
            while size < BATCH_BYTES:
                item = self._queue.popleft()
                if isinstance(item, Ticket):
                    return item
                self._held.append(item)
                size += len(item)
                self._bytes -= len(item)
        except IndexError:
            # `_bytes` is changed by several threads without a lock, so it may drift; an empty queue sets it right.
            self._bytes = 0
        return None

    def _write(self) -> bool:
        """Append what is held and save the losses; what the disk refuses stays held, or is counted at the end."""
        batch = self._held
        try:
            if batch and not self._owner.still_agreed():
                self._discard()
            elif batch:
                self._held = batch[self._log.append(batch) :]
        except OSError:
            pass  # full, read-only, gone: tried again
        if self._held and self._closed:
            self._drop("disk")
        if self._owner.losses:
            from .losses import save

            try:
                save(self._owner.losses, self._owner.paths, make=not self._owner.off)
            except OSError:
                pass  # they wait for the next write
        return not self._held

    def _discard(self) -> None:
        """Drop all that was queued under a consent that has changed. The tickets stay, in their order."""
        for _ in range(len(self._queue)):
            item = self._queue.popleft()
            if isinstance(item, Ticket):
                self._queue.append(item)
            else:
                self._bytes -= len(item)
                self._held.append(item)
        self._drop("consent")

    def _drop(self, reason: str) -> None:
        self._owner.lose(reason, len(self._held))
        self._held = []
        self._lost = True


def _rest(sender: Sender | None) -> None:
    if sender is not None:
        sender._owner.border("fork", sender.rest)


def _renew_child(sender: Sender | None) -> None:
    if sender is not None:
        sender._owner.losses.clear()  # the parent's, which the parent saves
        sender._renew()
