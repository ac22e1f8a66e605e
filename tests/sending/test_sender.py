"""The sender before a log that blocks, refuses and recovers: bounds, order, and the answers of `flush` and `close`."""

import errno
import time
from collections.abc import Callable
from threading import Thread
from typing import Any

import pytest

from discreet import names, sending
from discreet.sending import losses

WaitUntil = Callable[[Callable[[], object]], None]
FULL = OSError(errno.ENOSPC, "No space left on device")
LONG = 10.0  # seconds: a bound on hangs, never a measure


def block(owner: Any) -> None:
    """Let the thread hang in a write of the record 0."""
    owner.log.block()
    owner.record(0)
    assert owner.log.waiting.wait(LONG)


def test_records_reach_the_log_in_order(owner: Any) -> None:
    """What one thread records is on the log in that order, each once, when `flush` says so."""
    owner.record(*range(1000))
    assert owner.sender.flush(LONG)
    assert owner.log.numbers == list(range(1000))


def test_a_record_needs_no_flush(owner: Any, wait_until: WaitUntil) -> None:
    """The thread writes by itself, the first record and one that comes when it has long been asleep."""
    for n in range(3):
        owner.record(n)
        wait_until(lambda n=n: owner.log.numbers == list(range(n + 1)))
        time.sleep(0.01)


def test_the_queue_is_bounded_by_number(owner: Any) -> None:
    """Behind a disk that hangs 10,000 records wait; more are dropped and counted, and no call waits."""
    block(owner)
    owner.record(*range(1, sending.QUEUE_RECORDS + 6))
    assert owner.counted == {"queue_full": 5}
    owner.log.open.set()
    assert owner.sender.flush(LONG)
    assert owner.log.numbers == list(range(sending.QUEUE_RECORDS + 1))


def test_the_queue_is_bounded_by_size(owner: Any) -> None:
    """Behind a disk that hangs 8 MiB wait, and one record over it; when they are written there is room again."""
    block(owner)
    owner.log.lines.clear()
    text = "x" * 15_000
    for n in range(1000):
        owner.sender.record("search", {"n": n, "text": text})
    owner.log.open.set()
    assert owner.sender.flush(LONG)
    waited = sum(map(len, owner.log.lines[1:]))
    assert sending.QUEUE_BYTES <= waited < sending.QUEUE_BYTES + names.RECORD_BYTES
    assert owner.counted == {"queue_full": 1000 - len(owner.log.lines[1:])}
    owner.record(5000)
    assert owner.sender.flush(LONG)
    assert owner.log.numbers[-1] == 5000


def test_a_record_over_16_kib_is_dropped(owner: Any) -> None:
    """The longest line is 16 KiB, newline included; one byte more is dropped and counted, and its neighbours are not."""
    owner.record(1)
    owner.sender.flush(LONG)
    room = names.RECORD_BYTES - len(owner.log.lines[0]) - len(',"text":""')
    owner.sender.record("search", {"n": 2, "text": "x" * room})
    owner.sender.record("search", {"n": 3, "text": "x" * (room + 1)})
    assert owner.counted == {"record_size": 1}
    owner.record(4)
    assert owner.sender.flush(LONG)
    assert owner.log.numbers == [1, 2, 4]
    assert len(owner.log.lines[1]) == names.RECORD_BYTES


def test_flush_without_a_record(owner: Any) -> None:
    """Where nothing was to be written `flush` is True, and starts no thread."""
    assert owner.sender.flush(0.0)
    assert not owner.sender.running.locked()


def test_flush_waits_no_longer_than_told(owner: Any) -> None:
    """Before a disk that hangs `flush` is False at its deadline, and True once the disk goes on."""
    block(owner)
    started = time.monotonic()
    assert not owner.sender.flush(0.05)
    assert time.monotonic() - started < LONG / 2
    owner.log.open.set()
    assert owner.sender.flush(LONG)


@pytest.mark.parametrize("timeout", [0, -1, 0.0])
def test_flush_without_patience(owner: Any, timeout: float) -> None:
    """A timeout of nothing, or less, is no error."""
    block(owner)
    assert not owner.sender.flush(timeout)


@pytest.mark.parametrize("timeout", [float("inf"), 1e12])
def test_flush_with_all_the_patience(owner: Any, timeout: float) -> None:
    """A timeout beyond what a lock can wait for means to wait as long as it takes, and is no error."""
    owner.record(1)
    assert owner.sender.flush(timeout)
    assert owner.log.numbers == [1]


def test_flush_says_what_the_disk_refused(owner: Any) -> None:
    """`flush` is False as long as a record is held, also for a second one that puts nothing new."""
    owner.log.error = FULL
    owner.record(1)
    assert [owner.sender.flush(LONG) for _ in range(3)] == [False, False, False]
    owner.log.error = None
    assert owner.sender.flush(LONG)
    assert owner.log.numbers == [1]


def test_recording_goes_on_by_itself(owner: Any, wait_until: WaitUntil) -> None:
    """What the disk refused is held, tried again without any call, and written in order when the fault is over."""
    owner.log.error = FULL
    owner.record(*range(5))
    assert not owner.sender.flush(LONG)
    owner.record(*range(5, 10))
    owner.log.error = None
    wait_until(lambda: owner.log.numbers == list(range(10)))
    assert owner.counted == {}


def test_a_fault_costs_no_more_than_the_queue(owner: Any, wait_until: WaitUntil) -> None:
    """While the disk refuses, a batch is held and the queue fills up to its bound; all that was taken comes out."""
    owner.log.error = FULL
    owner.record(*range(sending.QUEUE_RECORDS + 5000))
    assert not owner.sender.flush(0.2)
    held = len(owner.sender.held) + len(owner.sender.queue)
    owner.log.error = None
    wait_until(lambda: len(owner.log.lines) == sending.QUEUE_RECORDS + 5000 - owner.counted.get("queue_full", 0))
    assert held <= sending.QUEUE_RECORDS + sending.BATCH_BYTES // 100
    assert owner.log.numbers == sorted(set(owner.log.numbers))


def test_a_disk_that_takes_a_part(owner: Any) -> None:
    """Where each write takes only some lines, the rest follows: in order, none doubled, none left."""
    owner.log.most = 7
    owner.record(*range(100))
    end = time.monotonic() + LONG
    while not owner.sender.flush(LONG) and time.monotonic() < end:
        pass
    assert owner.log.numbers == list(range(100))


def test_close_drains(owner: Any, wait_until: WaitUntil) -> None:
    """`close` is True when all is on the log, and leaves no thread."""
    owner.record(*range(500))
    assert owner.sender.close(LONG)
    assert owner.log.numbers == list(range(500))
    assert not owner.sender.running.locked()


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


def test_close_lets_go_before_it_answers(owner: Any) -> None:
    """Whoever returns from `close` finds the log free, so that a record in the next line is written at once: a process
    that ends now has no thread any more to leave it to.
    """
    for n in range(0, 400, 2):
        owner.sender.closed = False
        owner.record(n)
        assert owner.sender.close(LONG)
        owner.record(n + 1)
        assert owner.log.numbers[-1] == n + 1
    assert owner.log.numbers == list(range(400))


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
