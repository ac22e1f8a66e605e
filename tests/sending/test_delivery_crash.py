"""A deliverer that ends in the middle of anything: the next one finishes, at least once, in order, and nothing else."""

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import discreet
from discreet.sending import period, receipts
from discreet.sending.delivery import Withdrawn
from discreet.sending.lock import DeliveryLock
from sending.outboxes import OTHER_RUN, URL, Crash, World, own_world, record_id

SENDING = str(Path(discreet.__file__).parent / "sending")
CALLS = ("open", "write", "replace", "ftruncate", "lseek", "stat", "fstat", "read", "unlink")
TO_SEND = [3, 4, 5, 6, 7]


@pytest.fixture
def worlds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], World]:
    """Make worlds in which the same things wait: records from before the consent, a forged line, five to be sent."""
    made: list[World] = []
    entered: list[Iterator[World]] = []

    def make() -> World:
        place = tmp_path / str(len(made))
        place.mkdir()
        entered.append(own_world(place, monkeypatch))
        world = next(entered[-1])
        made.append(world)
        world.record(1, 2, run=OTHER_RUN)
        world.now += 10
        world.agree("true")
        period.begin(world.paths)
        world.now += 10
        world.record(3, 4)
        world.write(b"forged\n")
        world.rotate()
        world.record(5, 6, 7)
        world.answers = [413, 503, (429, 1.0), 200, 200, 200, 200, 200]
        return world

    return make


def work(world: World, dying: "contextlib.AbstractContextManager[Any] | None" = None) -> None:
    """One deliverer at work, who may die of it; its lock ends with it as the kernel ends it."""
    lock = DeliveryLock(world.paths)
    with lock as held, dying or contextlib.nullcontext():
        assert held
        world.delivery().work(lock)


def finish(world: World) -> None:
    """What the next deliverers do: they send what is missing, and all that was promised holds."""
    world.answers.clear()
    world.now += 1000
    world.deliver()
    world.now += 1000
    world.deliver()
    got = world.got()
    assert list(dict.fromkeys(got)) == TO_SEND
    vouched = [one for receipt in receipts.read(world.paths) for one in receipt["ids"]]
    assert set(vouched) == set(map(record_id, TO_SEND))


@contextlib.contextmanager
def crash_at_call(monkeypatch: pytest.MonkeyPatch, last: int, reached: list[int], *, done: bool) -> Iterator[None]:
    """Let the call number `last` of the system be the last, done or not; `reached` says whether it came to that."""
    calls = 0

    def wrap(name: str) -> Callable[..., Any]:
        original = getattr(os, name)

        def call(*given: Any, **options: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == last:
                if done:
                    with contextlib.suppress(OSError):
                        original(*given, **options)
                reached.append(last)
                raise Crash
            return original(*given, **options)

        return call

    with monkeypatch.context() as context:
        for name in CALLS:
            context.setattr(os, name, wrap(name))
        yield


@contextlib.contextmanager
def crash_at_line(last: int, reached: list[int]) -> Iterator[None]:
    """Let the line number `last` of those that are run of the package be the last."""
    lines = 0

    def trace(frame: Any, event: str, _: object) -> Any:
        nonlocal lines
        if not frame.f_code.co_filename.startswith(SENDING):
            return None
        lines += event == "line"
        if lines >= last:
            sys.settrace(None)
            reached.append(last)
            raise Crash
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)


def crash_all_along(
    worlds: Callable[[], World], crash: Callable[[int, list[int]], "contextlib.AbstractContextManager[Any]"], step: int
) -> int:
    """Crash later and later, in a world of its own each time, until a deliverer ends before; how late that was.

    Each in a thread of its own: an error that a trace function raises at the end of an `except` leaves CPython 3.11 at
    handling that exception for as long as the thread lives.
    """

    def die(world: World, last: int, reached: list[int]) -> None:
        with contextlib.suppress(Crash):
            work(world, crash(last, reached))

    for last in range(1, 100_000, step):
        world = worlds()
        reached: list[int] = []
        thread = threading.Thread(target=die, args=(world, last, reached))
        thread.start()
        thread.join()
        if not reached:
            return last
        finish(world)
    raise AssertionError("it never ended")


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("done", [False, True])
def test_a_crash_at_any_call(worlds: Callable[[], World], monkeypatch: pytest.MonkeyPatch, done: bool) -> None:
    """Whichever call of the system is a deliverer's last, done or not, the next one finishes its work."""
    assert crash_all_along(worlds, lambda *given: crash_at_call(monkeypatch, *given, done=done), 5) > 100


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_crash_at_any_line(worlds: Callable[[], World]) -> None:
    """Whichever line of the package is a deliverer's last, the next one finishes its work."""
    assert crash_all_along(worlds, crash_at_line, 97) > 1000


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("request_", [1, 2, 3, 4, 5])
def test_a_crash_during_an_exchange(worlds: Callable[[], World], request_: int, moment: str) -> None:
    """Killed before an answer or after it, a deliverer has already put off the next attempt, so nothing hurries."""
    world = worlds()
    world.destinations[0].batch_interval = 60.0
    exchange = world.exchange

    def dying(request: Any, **bounds: Any) -> Any:
        last = len(world.requests) == request_ - 1
        if last and moment == "before":
            raise Crash
        outcome = exchange(request, **bounds)
        if last:
            raise Crash
        return outcome

    world.exchange = dying  # type: ignore[method-assign]  # the network of one run
    try:
        work(world)
    except Crash:
        assert world.state().wake >= world.now + 30 - 1
        seen = len(world.requests)
        world.exchange = exchange  # type: ignore[method-assign]  # as it was
        world.deliver()
        assert len(world.requests) == seen
    world.exchange = exchange  # type: ignore[method-assign]  # as it was
    finish(world)


@pytest.mark.parametrize("name", ["write", "replace", "open"])
def test_a_full_disk(worlds: Callable[[], World], monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Wherever the disk refuses, the work ends with an `OSError`, and is finished once there is room."""
    for at in range(1, 60, 4):
        world = worlds()
        with monkeypatch.context() as context:
            original = getattr(os, name)
            calls = iter(range(1, 10_000))

            def full(*given: Any, original: Any = original, calls: Any = calls, at: int = at, **options: Any) -> Any:
                if next(calls) >= at:
                    raise OSError(28, "No space left on device")
                return original(*given, **options)

            context.setattr(os, name, full)
            try:
                work(world)
            except (OSError, Withdrawn):  # the latter where it was the consent that could not be read
                pass
        finish(world)
    assert world.got(URL)
