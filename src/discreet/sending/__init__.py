"""The sender: a bounded queue and one daemon thread, started at the first record, which writes the log.

The rule that keeps it honest: the caller's thread only queues, and never waits for a lock, a disk or a network. Only
the daemon thread does, and the end of the process waits for it no longer than a deadline.

| what happens                         | what follows                                                             |
|--------------------------------------|--------------------------------------------------------------------------|
| the queue is full                    | the record is dropped and counted (`queue_full`)                         |
| the disk refuses                     | the batch is held and tried again; what is left at the end is counted    |
| the stored consent is off or changed | the queue is discarded and counted (`consent`)                           |
| no thread can be started             | the records wait; every later record tries again; the exit writes them   |
| `fork`                               | the thread ends before it; the child begins with an empty queue          |
| after `close`                        | a late record is written by its caller, since the thread may be gone     |

What the thread has not written when the process is killed is lost: docs/design.md, "The window".
"""

import _signal  # type: ignore[import-not-found]
import _thread
import atexit
import os
import sys
from _weakref import ref

from .. import names
from ..consent import is_first_run
from ..log import Encoder, Log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from .courier import Courier
    from .owner import Owner

QUEUE_RECORDS, QUEUE_BYTES = 10_000, 8 * 1024 * 1024
BATCH_RECORDS, BATCH_BYTES = 2048, 256 * 1024  # of one write: cheap, and little beside the size of a file
RETRY_SECONDS = (0.05, 5.0)  # the first and the longest pause after the disk refused; doubled in between
_native = getattr(_thread, "get_native_id", int)  # what the system calls a thread; not every one tells


class Ticket:
    """A place in the queue: released once everything before it is on the log (`written`), or could not be written."""

    def __init__(self, *, last: bool = False) -> None:
        self._lock = _thread.allocate_lock()
        self._lock.acquire()
        self.answer = self._lock.release  # called once: lets the waiting thread go on
        self.written, self.last = False, last

    def wait(self, timeout: float) -> bool:
        """Wait at most `timeout` seconds; whether everything before was written by then."""
        # In parts: one in which the process was stopped, or got no processor, gave the thread no time to write.
        part = min(max(0.0, timeout), _thread.TIMEOUT_MAX) / 5
        return any(map(self._lock.acquire, (True,) * 5, (part,) * 5)) and self.written


class Sender:
    """The queue and the thread of one tool in one process. With `install` records carry the id of the installation, if
    there can be one; with `show` they are printed on stderr and not recorded; a `courier` delivers what is on the log.
    """

    def __init__(
        self, owner: "Owner", *, install: bool = False, show: bool = False, courier: "Courier | None" = None
    ) -> None:
        self.owner, self.courier, self._log, self._show = owner, courier, Log(owner.paths), show
        self.install, self.id, self.closed = install, "", owner.leaving
        if install and (not show or os.path.exists(owner.paths["id"])):  # `show` makes no file
            from .installation import known_as

            self.id = known_as(owner)
        if not show and owner.delivery != "none" and is_first_run(owner.paths, owner.signature):
            from .. import first

            first.note(owner, courier.destinations if courier is not None else ())
        self.renew()
        owner.unclosed[self] = True
        atexit.register(self.leave)  # runs before what the host registered earlier, unless the end has begun already
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(before=_hook(ref(self), "rest"), after_in_child=_hook(ref(self), "renew"))
        if "multiprocessing.util" in sys.modules:
            self._fork("finish_worker")

    def leave(self) -> None:
        """What the end of the process calls, once; the interpreter would print what is raised."""
        try:
            if self.owner.unclosed.pop(self, False) and self.owner._sender is self:
                self.owner.close()  # if its sender is another, a thread tracked at the same time, and that one counts
        except (KeyboardInterrupt, SystemExit):
            pass  # a second Ctrl-C, or the host's handler of a signal: only the wait is over

    def _fork(self, when: str) -> object:
        from . import fork

        return self.owner.border("fork", getattr(fork, when), self)

    def renew(self) -> None:
        """Begin with a new run id, an empty queue and no thread: at the start, and in the child of a fork."""
        self.encoder = Encoder(self.owner.name, self.owner.version, self.id)
        # A list: `append`, a slice and its deletion are atomic, and only the holder of `running` takes from it.
        self.queue: list[bytes | Ticket] = []
        self._tickets: list[Ticket] = []  # those in the queue
        self.bytes = 0  # in the queue; see `_take` on its races
        self.held: list[bytes] = []  # taken from the queue, not yet on the log; belongs to the holder of `running`
        self._wake = _thread.allocate_lock()  # what the thread sleeps on: released to wake it
        self._wake.acquire()
        self._idle = False  # the thread sleeps because the queue is empty: a record must wake it
        self.running = _thread.allocate_lock()  # held by whoever drains: the thread for its life, or a caller
        self.thread = 0  # the system's id of the one that ended last, until it is known to be gone
        self._lost = False  # something that was queued did not reach the log; the next `flush` says so

    def record(self, event: str, properties: "Mapping[str, object]", encoder: Encoder) -> None:
        """Queue an event; `encoder` was ours when it was filtered. Never waits; raises what `Encoder.encode` raises."""
        if len(line := encoder.encode(event, properties)) > names.RECORD_BYTES:
            self.owner.lose("record_size")
        elif encoder is not self.encoder:
            self.owner.lose("consent")  # which has just changed: the line has the run, and the id, of before
        elif self._show:
            if sys.__stderr__ is not None:  # else 2 may be any file of the host
                os.write(2, line)
        elif len(self.queue) >= QUEUE_RECORDS or self.bytes >= QUEUE_BYTES:
            self.owner.lose("queue_full")
        else:
            self.bytes += len(line)
            self.queue.append(line)
            if self._idle:
                self._rouse()
            elif self.closed or not self.running.locked():
                self._drain(here=self.closed)  # without a thread, a later record or the exit writes it

    def flush(self, timeout: float) -> bool:
        """Wait, at most `timeout` seconds, until everything queued before is on the log; whether it is. Also False,
        once, if something queued since the last time was dropped. What a full queue refused was never queued.
        """
        written = not (self.queue or self.held or self.running.locked()) or self._ask(Ticket(), timeout)
        lost, self._lost = self._lost, False
        return written and not lost

    def close(self, timeout: float) -> bool:
        """End the thread once it has written all that is queued; wait at most `timeout` seconds; whether it has."""
        self.closed = True
        if (reached := self.end(timeout)) or not self.running.locked():  # else the disk hangs, for a courier as well
            self.owner.unclosed.pop(self, None)  # not before: a wait too short, interrupted or not begun is made up
            atexit.unregister(self.leave)
            if self.courier is not None:
                self.courier.leave(self.encoder.run)
        return reached and not self._lost

    def end(self, timeout: float) -> bool:
        """End the thread as `close` does; the next record starts another one."""
        return self._ask(Ticket(last=True), timeout)

    def _ask(self, ticket: Ticket, timeout: float) -> bool:
        self._tickets.append(ticket)
        self.queue.append(ticket)
        self._rouse()
        if not self._drain(here=self.closed):
            self._drain(here=True)
        return ticket.wait(timeout)

    def _rouse(self) -> None:
        """Wake the thread. A release too many only makes it look at an empty queue once."""
        self._idle = False
        try:
            self._wake.release()
        except RuntimeError:
            pass  # another caller was quicker

    def _drain(self, here: bool) -> bool:
        """Start the thread; or with `here` (no thread can be started, or it has ended) write in the caller's. Does
        nothing if another thread drains, or just has. False if no thread can be started.
        """
        # A signal handler may raise after any call, and then we must know who has the lock. `+=` of a `map` calls, and
        # notes the result, in one step: [False] is another's; [True] ours; [True, thread] the thread's until it ends,
        # where no handler runs. The thread itself need note nothing, and the child of a fork begins with a new lock.
        while self.queue:  # looked at again after each release: who queued a record meanwhile left it to us
            running, last = self.running, None
            taken: list[object] = []
            try:
                taken += map(running.acquire, (False,))
                if not taken[0]:
                    return True
                if here:
                    last = self._drain_once()
                elif self.queue:  # else another was quicker
                    try:
                        taken += map(_thread.start_new_thread, (self._run,), ((running, _native()),))
                    except RuntimeError:  # no thread can be had, or the interpreter is ending
                        return False
                    return True
            finally:
                if taken == [True]:
                    running.release()
                if last is not None:
                    last.answer()
            if here and self.held:
                return True  # the disk refuses
        return True

    def _run(self, running: "_thread.LockType", caller: int) -> None:
        """The thread's life: write what there is, then sleep until there is more, or to try again."""
        pause, ours = RETRY_SECONDS[0], True
        try:
            if _native() != caller and hasattr(_signal, "pthread_sigmask"):  # no greenlet; it took what others block
                its = {*map(vars(_signal).get, ("SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGSYS", "SIGTRAP"))}
                _signal.pthread_sigmask(_signal.SIG_BLOCK, _signal.valid_signals() - its)  # not of its own faults
            while (last := self._drain_once()) is None:
                if self.held:
                    self._wake.acquire(timeout=pause)
                    pause = min(2 * pause, RETRY_SECONDS[1])
                elif not self.queue:
                    pause = RETRY_SECONDS[0]
                    self._idle = True  # and then look again: a record queued before that woke nobody
                    woken = self.queue or self._wake.acquire(timeout=self.courier.pause() if self.courier else -1)
                    self._idle = False
                    if not woken and self.courier and not (ours := self.courier.deliver(self, running)):
                        return
        except Exception as error:
            self.owner.swallow("thread", error)  # the next record starts another thread
            return
        finally:
            if ours:
                self.thread = _native()
                running.release()
        last.answer()
        if self.queue:  # queued while this thread was ending, by a caller who left the writing to it
            self.owner.border("thread", self._drain, self.closed)

    def _drain_once(self) -> "Ticket | None":
        """Take a batch, write it and answer the ticket behind it. A `last` one is returned instead: the caller answers
        it after releasing `running`, so that the thread that waited for it can write a late record itself.
        """
        ticket = self._take()
        written = self._write(patient=ticket is not None or not self.closed)  # a caller with a late record is not
        if ticket is not None:
            ticket.written = written
            if ticket.last:
                return ticket
            ticket.answer()
        return None

    def _take(self) -> "Ticket | None":
        """Move a batch from the queue to `held`, up to and with the first ticket, which is returned."""
        batch, ticket = self.queue[:BATCH_RECORDS], None
        if self._tickets:
            for place, item in enumerate(batch):
                if type(item) is Ticket:
                    ticket = item
                    del batch[place:]
                    break
        room = BATCH_BYTES - sum(map(len, self.held))
        while (size := sum(map(len, batch))) > room and batch:  # type: ignore[arg-type]  # no ticket among them
            del batch[len(batch) // 2 :]
            ticket = None
        number = len(batch) + (ticket is not None)  # first of all: a signal handler may raise after a call
        self.held += batch  # type: ignore[arg-type]
        del self.queue[:number]
        if ticket is not None:
            self._tickets.remove(ticket)
        # `bytes` is changed by several threads without a lock, so it may drift; an empty queue sets it right.
        self.bytes = self.bytes - size if self.queue else 0
        return ticket

    def _write(self, patient: bool) -> bool:
        """Append what is held and save the losses; what the disk refuses stays held, or is counted at the end."""
        batch = self.held
        try:
            if batch and not self.owner.still_agreed():
                from .withdraw import discard

                discard(self)
            elif batch:
                self.held = batch[self._log.append(batch) :]
        except (ImportError, OSError):
            pass  # full, read-only, gone, out of sight behind a `chroot`: tried again
        if self.held and self.closed:
            self.drop("disk")
        if self.owner.losses and not self._show:
            try:
                from .losses import save_of  # a module that no process without descriptors can open

                save_of(self.owner, patient=patient)
            except (ImportError, OSError):
                pass  # they wait for the next write
        return not self.held

    def drop(self, reason: str) -> None:
        """Give up what is held, counted under `reason`."""
        self.owner.lose(reason, len(self.held))
        self.held, self._lost = [], True


def _hook(weak: "ref[Sender]", when: str) -> "Any":
    """What the interpreter calls around a fork, and keeps to its end: so it holds neither the sender nor this room."""
    hook: Any = lambda: (sender := weak()) and sender._fork(when)  # noqa: E731  # `def` would be typed, its class not
    try:
        return type(hook)(hook.__code__, {}, None, None, hook.__closure__)  # why: docs/performance.md
    except TypeError:  # a compiled function, as of Nuitka, cannot be made so
        return hook
