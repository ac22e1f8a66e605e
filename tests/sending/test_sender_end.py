"""The end of a sender: what `close` waits for and gives up, late records, and systems without a thread to give."""

import _thread
import errno
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

import pytest

from discreet import Destination
from discreet.sending import fork, losses
from faults.servers import Visit, serving
from sending.conftest import block

WaitUntil = Callable[[Callable[[], object]], None]
FULL = OSError(errno.ENOSPC, "No space left on device")
LONG = 10.0  # seconds: a bound on hangs, never a measure


def test_close_drains(owner: Any, wait_until: WaitUntil) -> None:
    """`close` is True when all is on the log, and leaves no thread."""
    owner.record(*range(500))
    assert owner.sender.close(LONG)
    assert owner.log.numbers == list(range(500))
    assert not owner.sender.running.locked()


def test_close_while_the_thread_delivers(make_telemetry: Any, wait_until: WaitUntil) -> None:
    """It waits for no answer, and leaves no thread: one that delivers just then ends with that."""
    answered, before = Event(), _thread._count()

    def late(visit: Visit) -> None:
        visit.read()
        answered.wait(LONG)
        visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with serving(late) as server:
        to = Destination(server.url, batch_size=1)
        telemetry = make_telemetry(destination=to, delivery="thread")
        telemetry.track("search", n=1)
        wait_until(lambda: server.visits)
        assert telemetry.close(LONG)
        answered.set()
        server.wait(1)
    wait_until(lambda: _thread._count() <= before)


def test_close_waits_no_longer_than_told(owner: Any) -> None:
    """Before a disk that hangs `close` is False at its deadline: the end of the host's process is not held up."""
    block(owner)
    started = time.monotonic()
    assert not owner.sender.close(0.05)
    assert time.monotonic() - started < LONG / 2


def test_close_counts_what_it_gives_up(owner: Any) -> None:
    """What the disk still refuses at the end is counted, and `close` is False."""
    owner.log.error = FULL
    owner.record(*range(3))
    assert not owner.sender.close(LONG)
    assert owner.counted == losses.read(owner.paths["losses"]) == {"disk": 3}


def test_close_twice(owner: Any) -> None:
    """A second `close` is no error, and waits for nothing."""
    owner.record(1)
    assert owner.sender.close(LONG)
    assert owner.sender.close(LONG)
    assert owner.log.numbers == [1]


def test_a_late_record_is_written_by_its_caller(owner: Any) -> None:
    """After `close` a record is on the log when `record` returns: no thread is left that could write it."""
    owner.record(1)
    owner.sender.close(LONG)
    owner.record(2)
    assert owner.log.numbers == [1, 2]
    assert not owner.sender.running.locked()


def test_a_late_record_that_is_refused_is_counted(owner: Any) -> None:
    """After `close` nobody will try again: what the disk refuses then is counted, and the next `flush` says so once."""
    owner.sender.close(LONG)
    owner.log.error = FULL
    owner.record(1)
    assert owner.counted == {"disk": 1}
    assert [owner.sender.flush(LONG), owner.sender.flush(LONG)] == [False, True]


def test_a_thread_that_was_quicker(owner: Any, wait_until: WaitUntil) -> None:
    """Where the thread has ended before its end was waited for no second one is started, to be there at a fork."""
    rouse = owner.sender._rouse

    def late() -> None:
        rouse()
        wait_until(lambda: not owner.sender.running.locked())

    owner.sender._rouse = late
    owner.record(1)
    assert owner.sender.end(LONG)
    assert not owner.sender.running.locked()
    assert owner.log.numbers == [1]


@pytest.mark.parametrize(("there", "sleeps"), [("", 1), ("tasks", 0), ("tasks/7", 100)])
def test_a_fork_waits_so_long_until_a_thread_is_gone(
    there: str, sleeps: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A moment where the system does not tell; not at all where it says that it is gone; and never for ever."""
    (tmp_path / there).mkdir(parents=True, exist_ok=True)
    slept: list[float] = []
    monkeypatch.setattr(fork, "_THREADS", str(tmp_path / "tasks"))
    monkeypatch.setattr(fork.time, "sleep", slept.append)
    fork._see_off(7)
    assert len(slept) == sleeps
    assert sum(slept) <= fork.FORK_SECONDS + 1e-9


class Contested:
    """A lock that somebody held a moment ago, who drained the queue; while we hold it somebody puts a record."""

    def __init__(self, owner: Any) -> None:
        self._lock = Lock()
        self._owner = owner
        self.free = False

    def acquire(self, blocking: bool) -> bool:
        if not self.free:
            self._owner.sender.queue.clear()
        return self._lock.acquire(blocking)

    def release(self) -> None:
        if not self.free:
            self.free = True
            self._owner.record(2)
        self._lock.release()

    def locked(self) -> bool:
        return self._lock.locked()


def test_nobody_is_left_behind(owner: Any, wait_until: WaitUntil) -> None:
    """Who finds the queue drained by somebody quicker starts no thread, but for what was put meanwhile."""
    owner.sender.running = Contested(owner)
    owner.record(1)
    wait_until(lambda: owner.log.numbers == [2])


@pytest.mark.usefixtures("no_threads")
def test_without_threads_the_end_writes(owner: Any) -> None:
    """Where no thread can be started the records wait in the queue, and `close` writes them in the caller's thread."""
    owner.record(*range(3))
    assert owner.log.numbers == []
    assert owner.sender.close(LONG)
    assert owner.log.numbers == [0, 1, 2]


@pytest.mark.usefixtures("no_threads")
def test_without_threads_flush_writes(owner: Any) -> None:
    """`flush` writes them too, and is False, again and again, as long as the disk refuses."""
    owner.record(*range(3))
    owner.log.error = FULL
    assert [owner.sender.flush(0.01) for _ in range(3)] == [False, False, False]
    owner.log.error = None
    assert owner.sender.flush(LONG)
    assert owner.log.numbers == [0, 1, 2]


@pytest.mark.usefixtures("no_threads")
def test_without_threads_and_disk_flush_returns(owner: Any) -> None:
    """With more queued than one batch and a disk that refuses, `flush` gives up instead of trying for ever."""
    owner.record(*range(5000))
    owner.log.error = FULL
    assert not owner.sender.flush(0.05)
    owner.log.error = None
    assert owner.sender.flush(LONG)
    assert owner.log.numbers == list(range(5000))


def test_a_thread_is_asked_for_again(owner: Any, monkeypatch: pytest.MonkeyPatch, wait_until: WaitUntil) -> None:
    """A later record starts the thread that an earlier one could not have, and both are written."""

    def refuse(*_: object) -> int:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr("_thread.start_new_thread", refuse)
        owner.record(1)
    owner.record(2)
    wait_until(lambda: owner.log.numbers == [1, 2])


@pytest.mark.usefixtures("no_threads")
def test_a_record_put_while_the_caller_drains(owner: Any) -> None:
    """A record from a signal handler in the middle of the last write finds somebody at it, and is not left behind."""
    owner.record(1)
    late = iter([2])
    owner.log.during = lambda: owner.record(*late)
    assert owner.sender.close(LONG)
    assert owner.log.numbers == [1, 2]


def test_a_record_put_while_the_thread_ends(owner: Any, wait_until: WaitUntil) -> None:
    """A record put when the thread has taken its last batch finds it still there, and is not left behind."""
    block(owner)
    owner.record(1)
    closing = Thread(target=owner.sender.close, args=(LONG,))
    closing.start()
    wait_until(lambda: len(owner.sender.queue) == 2)  # the record and the last ticket: one batch
    late = iter([2])
    owner.log.during = lambda: owner.record(*late) if owner.log.lines else None
    owner.log.open.set()
    closing.join(LONG)
    wait_until(lambda: owner.log.numbers == [0, 1, 2])


class SlowLock:
    """A lock that takes its time to be given back."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.acquire = self._lock.acquire
        self.locked = self._lock.locked

    def release(self) -> None:
        """Give it back, some time later."""
        time.sleep(0.05)
        self._lock.release()


def test_close_lets_go_before_it_answers(owner: Any) -> None:
    """Whoever returns from `close` finds the log free, so that a record in the next line is written at once: a process
    that ends now has no thread any more to leave it to.
    """
    owner.sender.running = SlowLock()
    owner.record(1)
    assert owner.sender.close(LONG)
    owner.record(2)
    assert owner.log.numbers == [1, 2]


def test_an_error_of_the_thread_is_swallowed(owner: Any, wait_until: WaitUntil) -> None:
    """An error nobody expected ends the thread, counted; the next record starts another one, and nothing was lost."""
    failures = iter([ZeroDivisionError("a bug")])

    def fail_once() -> None:
        for failure in failures:
            raise failure

    owner.log.during = fail_once
    owner.record(1)
    wait_until(lambda: owner.errors and not owner.sender.running.locked())
    owner.record(2)
    assert owner.sender.flush(LONG)
    assert owner.log.numbers == [1, 2]
    assert [(reason, type(error)) for reason, error in owner.errors] == [("thread", ZeroDivisionError)]
    owner.errors.clear()
