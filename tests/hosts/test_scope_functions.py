"""The command scope around a function: the function stays what it was, on or off, and so does what it raises."""

import asyncio
import inspect
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from discreet import Telemetry

Recorded = Callable[[], list[dict[str, Any]]]


@pytest.mark.parametrize("parentheses", [True, False])
def test_a_decorated_function_is_what_it_was(telemetry: Telemetry, recorded: Recorded, parentheses: bool) -> None:
    """Name, signature, docstring, annotations, attributes and module stay; so do arguments, defaults and result."""

    def run(a: int, /, b: "str", *more: float, c: bool = True, **named: object) -> tuple[object, ...]:
        """Run it."""
        return a, b, more, c, named

    run.epilog = "see there"  # type: ignore[attr-defined]
    decorated = telemetry.command()(run) if parentheses else telemetry.command(run)
    assert decorated.__name__ == "run"
    assert decorated.__qualname__ == run.__qualname__
    assert decorated.__doc__ == "Run it."
    assert decorated.__module__ == __name__
    assert decorated.__wrapped__ is run
    assert decorated.epilog == "see there"
    assert decorated.__annotations__ == run.__annotations__
    assert inspect.signature(decorated) == inspect.signature(run)
    assert not inspect.iscoroutinefunction(decorated)
    result = [1]
    assert decorated(1, "b", 2.0, 3.0, c=False, d=result) == (1, "b", (2.0, 3.0), False, {"d": result})
    assert decorated(1, "b", d=result)[-1]["d"] is result
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        decorated(1)
    assert [properties["success"] for properties in recorded()] == [True, True, False]


def test_decorated_functions_are_told_apart(telemetry: Telemetry) -> None:
    """Their codes are as equal as those of the functions: Invoke takes tasks of one name and equal codes for the same
    one, and runs the first of them.
    """

    def one() -> Callable[[], str]:
        def build() -> str:
            return "documents"

        return build

    def other() -> Callable[[], str]:
        def build() -> str:
            return "wheel"

        return build

    decorated = [telemetry.command(function) for function in (one(), one(), other())]
    assert [function() for function in decorated] == ["documents", "documents", "wheel"]
    first, again, another = (function.__code__ for function in decorated)  # type: ignore[attr-defined]
    assert first == again
    assert first != another


def test_the_name_by_keyword(telemetry: Telemetry, recorded: Recorded) -> None:
    """`name=` is the name, as a decorator and as a context manager, and no fact."""
    with telemetry.command(name="import.from_code", n=1):
        pass
    telemetry.command(name="search")(lambda: None)()
    with telemetry.command("sync", name=3, n=2):  # beside a name it is a fact
        pass
    found = [(each["command"], each.get("n")) for each in recorded()]
    assert found == [("import.from_code", 1), ("search", None), ("sync", 2)]


def test_a_decorated_coroutine_function(telemetry: Telemetry, recorded: Recorded) -> None:
    """It stays a coroutine function with its signature; measured is the time until it returns, not until it waits."""

    async def run(n: int) -> int:
        """Run it."""
        await asyncio.sleep(0.03)
        return n

    decorated = telemetry.command(run)
    assert inspect.iscoroutinefunction(decorated)
    assert inspect.signature(decorated) == inspect.signature(run)
    assert decorated.__doc__ == "Run it."
    coroutine = decorated(5)
    assert recorded() == [], "it was not awaited yet"
    assert asyncio.run(coroutine) == 5
    (properties,) = recorded()
    assert properties["command"] == "run"
    assert properties["duration_ms"] >= 29


def test_methods(telemetry: Telemetry, recorded: Recorded) -> None:
    """Plain, class and static methods can be decorated, from within and from without."""

    class Host:
        @telemetry.command
        def plain(self) -> object:
            return self

        @classmethod
        @telemetry.command
        def of_class(cls) -> object:
            return cls

        @staticmethod
        @telemetry.command
        def static() -> int:
            return 5

        @telemetry.command
        @staticmethod
        def outer_static(n: int) -> int:
            return n

        @telemetry.command
        @classmethod
        async def outer_class(cls) -> object:
            return cls

        @telemetry.command("named")
        @classmethod
        def outer_named(cls, n: int) -> int:
            return n

    host = Host()
    assert (host.plain(), Host.of_class(), Host.static()) == (host, Host, 5)
    assert (host.outer_static(6), Host.outer_static(7), host.outer_named(8)) == (6, 7, 8)
    assert asyncio.run(Host.outer_class()) is Host
    names = ["plain", "of_class", "static", "outer_static", "outer_static", "named", "outer_class"]
    assert [properties["command"] for properties in recorded()] == names


def test_odd_callables(telemetry: Telemetry, recorded: Recorded) -> None:
    """Objects with `__call__`, built-in functions and classes can be decorated; a generator function's event is that
    of the call which makes the generator.
    """

    class Callable:
        def __call__(self, n: int) -> int:
            return n + 1

    def generate() -> Any:
        yield 1

    assert telemetry.command("object")(Callable())(1) == 2
    assert telemetry.command("builtin")(len)([1, 2]) == 2
    assert telemetry.command("class")(dict)(a=1) == {"a": 1}
    generator = telemetry.command("generator")(generate)()
    assert [properties["command"] for properties in recorded()] == ["object", "builtin", "class", "generator"]
    assert list(generator) == [1]
    assert len(recorded()) == 4


def frames(error: BaseException) -> list[tuple[str, str]]:
    """The functions that a traceback shows, as (file, function)."""
    return [(frame.filename, frame.name) for frame in traceback.extract_tb(error.__traceback__)]


@pytest.mark.parametrize("opted_in", [True, False])
@pytest.mark.parametrize("form", ["with", "decorator"])
def test_the_traceback(make_telemetry: Callable[..., Telemetry], form: str, opted_in: bool) -> None:
    """A traceback shows the host's frames as they are without telemetry, a decorated function one frame more, whether
    telemetry is on or off; cause, context, notes and arguments are as the host raised them.
    """
    telemetry = make_telemetry(opted_in=opted_in)
    cause = KeyError("cause")

    def inner() -> None:
        error = ValueError("a text", 5)
        error.add_note("a note")
        raise error from cause

    def body() -> None:
        inner()

    def run() -> None:
        if form == "with":
            with telemetry.command("run"):
                body()
        else:
            telemetry.command(body)()

    with pytest.raises(ValueError, match="a text") as bare:
        body()
    with pytest.raises(ValueError, match="a text") as full:
        run()
    error = full.value
    assert (error.args, error.__notes__) == (("a text", 5), ["a note"])
    assert error.__cause__ is cause
    assert error.__context__ is None
    hosts = [frame for frame in frames(error) if frame[0] == __file__]
    assert hosts[2:] == frames(bare.value)[1:]
    assert len(frames(error)) - len(hosts) == (form == "decorator")


@pytest.mark.parametrize("reason", ["no yes", "off by code"])
def test_off(make_telemetry: Callable[..., Telemetry], reason: str) -> None:
    """A disabled scope passes arguments, results and exceptions as well, takes facts, and makes no file."""
    telemetry = make_telemetry(opted_in=reason != "no yes", consent="off" if reason == "off by code" else "opt-in")
    result = [1]

    @telemetry.command
    def run(n: int) -> list[int]:
        telemetry.scope.add(n=n)
        return result

    @telemetry.command
    async def wait() -> list[int]:
        return result

    assert run(1) is result
    assert asyncio.run(wait()) is result
    with telemetry.command("block") as scope:
        scope.add(n=1)
    error = ValueError()
    with pytest.raises(ValueError) as caught, telemetry.command("block"):  # noqa: PT011  # the object is compared
        raise error
    assert caught.value is error
    assert telemetry.scopes is None
    assert telemetry._sender is None
