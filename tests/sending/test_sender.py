"""The sender before a log that blocks, refuses and recovers: bounds, order, and the answers of `flush` and `close`."""

import errno
import time
from collections.abc import Callable
from typing import Any

import pytest

from discreet import names, sending
from sending.conftest import block

WaitUntil = Callable[[Callable[[], object]], None]
FULL = OSError(errno.ENOSPC, "No space left on device")
LONG = 10.0  # seconds: a bound on hangs, never a measure


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
        owner.sender.record("search", {"n": n, "text": text}, owner.sender.encoder)
    owner.log.open.set()
    assert owner.sender.flush(LONG)
    waited = sum(map(len, owner.log.lines[1:]))
    assert sending.QUEUE_BYTES <= waited < sending.QUEUE_BYTES + names.RECORD_BYTES
    assert owner.counted == {"queue_full": 1000 - len(owner.log.lines[1:])}
    owner.record(5000)
    assert owner.sender.flush(LONG)
    assert owner.log.numbers[-1] == 5000


def test_a_record_over_16_kib_is_dropped(owner: Any) -> None:
    """The longest line is 16 KiB, newline included; one byte more is dropped and counted, its neighbours are not."""
    owner.record(1)
    owner.sender.flush(LONG)
    room = names.RECORD_BYTES - len(owner.log.lines[0]) - len(',"text":""')
    encoder = owner.sender.encoder
    owner.sender.record("search", {"n": 2, "text": "x" * room}, encoder)
    owner.sender.record("search", {"n": 3, "text": "x" * (room + 1)}, encoder)
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
