"""Several commands at once: nested, recursive, in threads, in tasks; each has its own scope and its own facts."""

import asyncio
import contextvars
import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from discreet import Telemetry, hosts

Recorded = Callable[[], list[dict[str, Any]]]
LONG = 10.0  # seconds: a bound on hangs, never a measure


def pairs(recorded: Recorded) -> list[tuple[str, object]]:
    """Each event's command and fact, in the order in which they ended."""
    return [(properties["command"], properties.get("n")) for properties in recorded()]


def test_nested(telemetry: Telemetry, recorded: Recorded) -> None:
    """The innermost command takes the facts, and when it has ended the outer one does again."""
    with telemetry.command("outer") as outer:
        telemetry.scope.add(n=1)
        with telemetry.command("inner") as inner:
            assert telemetry.scope is inner
            telemetry.scope.add(n=2)
        assert telemetry.scope is outer
    assert pairs(recorded) == [("inner", 2), ("outer", 1)]


def test_an_inner_error_that_is_handled(telemetry: Telemetry, recorded: Recorded) -> None:
    """A command that fails inside another one is that one's failure only if it is not handled."""
    with telemetry.command("outer"), pytest.raises(ValueError, match="invalid literal"), telemetry.command("inner"):
        int("x")
    assert [(properties["command"], properties["success"]) for properties in recorded()] == [
        ("inner", False),
        ("outer", True),
    ]


def test_recursion(telemetry: Telemetry, recorded: Recorded) -> None:
    """A command that calls itself is one event a call, each with its own facts."""

    @telemetry.command
    def run(n: int) -> int:
        telemetry.scope.add(n=n)
        below = run(n - 1) if n else 0
        telemetry.scope.add(results=[0] * n)
        return below + 1

    assert run(3) == 4
    assert [(properties["n"], properties["results"]) for properties in recorded()] == [(0, 0), (1, 1), (2, 2), (3, 3)]


def test_one_object_entered_twice(telemetry: Telemetry, recorded: Recorded) -> None:
    """A command object can be entered again inside itself, and after it has ended."""
    command = telemetry.command("run")
    with command as outer:
        outer.add(n=1)
        with command as inner:
            inner.add(n=2)
            command.add(results=[1])
    with command:
        command.add(n=3)
    assert [(properties["n"], properties.get("results")) for properties in recorded()] == [(2, 1), (1, None), (3, None)]


def test_add_of_an_outer_command(telemetry: Telemetry, recorded: Recorded) -> None:
    """A command's own `add` reaches its innermost run, past other commands that are running inside it."""
    outer, inner = telemetry.command("outer"), telemetry.command("inner")
    with outer, inner, telemetry.command("innermost"):
        outer.add(n=1)
        inner.add(n=2)
    assert pairs(recorded) == [("innermost", None), ("inner", 2), ("outer", 1)]


def in_threads(work: Callable[[int], object], count: int = 8) -> None:
    """Run `work(n)` in threads at once, and wait for all."""
    threads = [threading.Thread(target=work, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)


def test_threads(telemetry: Telemetry, recorded: Recorded) -> None:
    """Threads that run the same command at once, the very first ones too, do not see one another's scope."""
    barrier = threading.Barrier(8)

    @telemetry.command
    def run(n: int) -> None:
        barrier.wait(LONG)
        telemetry.scope.add(n=n)
        barrier.wait(LONG)

    in_threads(run)
    assert sorted(pairs(recorded)) == [("run", n) for n in range(8)]


@pytest.mark.parametrize("flags", [1 << 9, ~0], ids=["found", "looked for in vain"])
def test_the_variable_is_the_interpreters_own(monkeypatch: pytest.MonkeyPatch, flags: int) -> None:
    """The class is `contextvars.ContextVar`, whether the interpreter's own list has it or only its module."""
    monkeypatch.setattr(hosts, "_WRITTEN_IN_PYTHON", flags)
    assert hosts.context_variable() is contextvars.ContextVar


def test_a_first_command_within_the_first_command(
    telemetry: Telemetry, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two that come first, in threads or in a signal handler, share one variable: neither loses sight of its scope."""
    inner = telemetry.command("inner")

    first: list[object] = []

    def making(*arguments: Any, **named: Any) -> Any:
        monkeypatch.undo()
        with inner:
            inner.add(n=1)
            first.append(telemetry.scopes)
        return contextvars.ContextVar(*arguments, **named)

    assert telemetry.scopes is None
    monkeypatch.setattr(hosts, "context_variable", lambda: making)
    with telemetry.command("outer") as outer:
        telemetry.scope.add(n=2)
        assert telemetry.scope is outer
    assert [telemetry.scopes] == first
    assert pairs(recorded) == [("inner", 1), ("outer", 2)]


def test_one_object_in_threads(telemetry: Telemetry, recorded: Recorded) -> None:
    """Threads that enter one and the same object at once, and leave it in any order, each end their own run."""
    barrier = threading.Barrier(8)
    command = telemetry.command("run")
    after: list[object] = []

    def work(n: int) -> None:
        with command:
            barrier.wait(LONG)
            command.add(n=n, exit_code=n)
            barrier.wait(LONG)
        after.append(type(telemetry.scope).__name__)

    in_threads(work)
    assert sorted((properties["n"], properties["exit_code"]) for properties in recorded()) == [(n, n) for n in range(8)]
    assert after == ["Silent"] * 8


def test_tasks(telemetry: Telemetry, recorded: Recorded) -> None:
    """Tasks that run the same command at once have a scope each, decorated or with one object entered by all."""
    shared = telemetry.command("shared")

    @telemetry.command
    async def run(n: int) -> None:
        telemetry.scope.add(n=n)
        await asyncio.sleep(0)
        with shared:
            await asyncio.sleep(0)
            shared.add(n=n)
            await asyncio.sleep(0.001 * (n % 3))
        telemetry.scope.add(results=[0] * n)

    async def main() -> None:
        await asyncio.gather(*(run(n) for n in range(9)))

    asyncio.run(main())
    events = recorded()
    for name in ("run", "shared"):
        assert sorted(properties["n"] for properties in events if properties["command"] == name) == list(range(9))
    assert all(properties["results"] == properties["n"] for properties in events if properties["command"] == "run")


def test_a_task_of_a_command(telemetry: Telemetry, recorded: Recorded) -> None:
    """A task started inside a command adds to that command: it is part of its work."""

    async def help_out(n: int) -> None:
        telemetry.scope.add(n=n)

    async def main() -> None:
        with telemetry.command("run"):
            await asyncio.create_task(help_out(5))

    asyncio.run(main())
    assert pairs(recorded) == [("run", 5)]


def test_a_cancelled_task(telemetry: Telemetry, recorded: Recorded) -> None:
    """A task cancelled inside a command ends it with an error, and the cancellation passes."""

    @telemetry.command
    async def run() -> None:
        await asyncio.sleep(LONG)

    async def main() -> None:
        task = asyncio.create_task(run())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert [(properties["success"], properties["error"]) for properties in recorded()] == [(False, "other")]


def test_entered_in_one_context_and_left_in_another(telemetry: Telemetry, recorded: Recorded) -> None:
    """A scope that is left where it was not entered, as generators of frameworks do, is recorded all the same."""

    def setup_and_teardown() -> Iterator[None]:
        with telemetry.command("run") as scope:
            scope.add(n=1)
            yield

    generator = setup_and_teardown()
    contextvars.copy_context().run(next, generator)
    contextvars.copy_context().run(next, generator, None)
    assert pairs(recorded) == [("run", 1)]


def held(telemetry: Telemetry, name: str) -> Iterator[None]:
    """A generator that holds a command open."""
    with telemetry.command(name):
        yield


def test_left_in_the_order_of_entering(telemetry: Telemetry, recorded: Recorded) -> None:
    """Of commands that overlap each one ends for itself: the one that still runs takes the facts, and after the last
    one nothing does.
    """
    first, second = held(telemetry, "first"), held(telemetry, "second")
    next(first)
    next(second)
    first.close()
    telemetry.scope.add(n=2)
    second.close()
    assert type(telemetry.scope).__name__ == "Silent"
    with telemetry.command("third"):
        telemetry.scope.add(n=3)
    assert pairs(recorded) == [("first", None), ("second", 2), ("third", 3)]


def test_a_task_that_outlives_its_command(telemetry: Telemetry, recorded: Recorded) -> None:
    """A task that goes on when the command has ended that it was started in adds to the nearest one that still runs,
    and to none after that.
    """

    async def outlive(first: asyncio.Event, outer: asyncio.Event) -> None:
        await first.wait()
        telemetry.scope.add(n=1)
        await outer.wait()
        telemetry.scope.add(n=2)
        with telemetry.command("late"):
            telemetry.scope.add(n=3)
        assert type(telemetry.scope).__name__ == "Silent"

    async def main() -> None:
        ended = asyncio.Event(), asyncio.Event()
        with telemetry.command("outer"):
            with telemetry.command("first"):
                task = asyncio.create_task(outlive(*ended))
            ended[0].set()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        ended[1].set()
        await task

    asyncio.run(main())
    assert pairs(recorded) == [("first", None), ("outer", 1), ("late", 3)]


def test_what_has_ended_is_not_kept(telemetry: Telemetry) -> None:
    """Commands that each start the task of the next one, or that overlap without end, are not held in memory."""
    seen: list[weakref.ref[Any]] = []
    tasks: list[asyncio.Task[None]] = []

    def alive() -> int:
        gc.collect()
        return sum(each() is not None for each in seen)

    async def step(n: int) -> None:
        with telemetry.command("step") as scope:
            seen.append(weakref.ref(scope))
            if n:
                tasks.append(asyncio.create_task(step(n - 1)))
            else:
                assert alive() <= 3

    async def main() -> None:
        tasks.append(asyncio.create_task(step(20)))
        while tasks:
            await tasks.pop()

    asyncio.run(main())
    running = held(telemetry, "overlapping")
    next(running)
    for _ in range(20):
        following = held(telemetry, "overlapping")
        next(following)
        seen.append(weakref.ref(telemetry.scope))
        running.close()
        running = following
    assert len(seen) == 41
    assert alive() <= 3
    running.close()
    assert alive() == 0


def test_two_tools(telemetry: Telemetry, recorded: Recorded, make_telemetry: Callable[..., Telemetry]) -> None:
    """Commands of two tools in one process are nested without seeing one another."""
    other = make_telemetry("other", fields={"n": "number"})
    with telemetry.command("run"), other.command("inner"):
        telemetry.scope.add(n=1)
        other.scope.add(n=2)
    assert pairs(recorded) == [("run", 1)]


def test_a_command_that_sees_a_no(telemetry: Telemetry, recorded: Recorded) -> None:
    """Telemetry that goes off within a command leaves the command alone, and nothing of it is recorded."""
    with telemetry.command("run"):
        telemetry.off = True
        with telemetry.command("inner"):
            pass
    telemetry.off = False
    assert recorded() == []
    assert type(telemetry.scope).__name__ == "Silent"
