"""The command scope: what is recorded of a command, row by row, and that the command itself notices nothing."""

import asyncio
import contextlib
import functools
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from discreet import OneOf, Telemetry

Recorded = Callable[[], list[dict[str, Any]]]
LONG = 10.0  # seconds: a bound on hangs, never a measure


class HostError(Exception):
    """An error of the host's own."""


class HostExit(SystemExit):
    """A way out of the host's own."""


class Exit(RuntimeError):
    """As Click has it, and each copy of it."""

    def __init__(self, exit_code: int = 0) -> None:
        self.exit_code = exit_code


class ClickException(Exception):
    """The same."""

    exit_code = 1


class UsageError(ClickException):
    """Of a kind of its own."""

    exit_code = 2


class Fatal(UsageError):
    """A host's own."""


class Odd(BaseException):
    """Not even an `Exception`."""


class Unfinished(Exception):
    """A host's own, whose exit status nobody may ask for yet."""

    @property
    def exit_code(self) -> int:
        raise NotImplementedError


Other = type("Exit", (Exception,), {})

# How a command ends (an exception, or the facts that it adds), and `success`, `exit_code` and `error` (... is absent).
ROWS: dict[str, tuple[BaseException | dict[str, object] | None, bool, int, object]] = {
    "returns": (None, True, 0, ...),
    "SystemExit()": (SystemExit(), True, 0, ...),
    "SystemExit(None)": (SystemExit(None), True, 0, ...),
    "SystemExit(0)": (SystemExit(0), True, 0, ...),
    "SystemExit(False)": (SystemExit(False), True, 0, ...),
    "SystemExit(3)": (SystemExit(3), False, 3, ...),
    "SystemExit(-1)": (SystemExit(-1), False, 255, ...),
    "SystemExit(300)": (SystemExit(300), False, 44, ...),
    "SystemExit(-300)": (SystemExit(-300), False, 212, ...),
    "SystemExit(vast)": (SystemExit(2**64), False, 255, ...),
    "SystemExit(vast and negative)": (SystemExit(-(2**64)), False, 255, ...),
    "SystemExit(a little too large)": (SystemExit(sys.maxsize + 1), False, 255, ...),
    "SystemExit(as low as there is)": (SystemExit(-sys.maxsize - 1), True, 0, ...),
    "SystemExit(255)": (SystemExit(255), False, 255, ...),
    # What the shell sees; a telephone number it is not.
    "SystemExit(large)": (SystemExit(4917012345678), False, 78, ...),
    "SystemExit(256)": (SystemExit(256), True, 0, ...),
    "add(exit_code=large)": ({"exit_code": 4917012345678}, False, 78, ...),
    "SystemExit(True)": (SystemExit(True), False, 1, ...),
    "SystemExit(text)": (SystemExit("a text"), False, 1, ...),
    "SystemExit(empty text)": (SystemExit(""), False, 1, ...),
    "SystemExit(two)": (SystemExit(1, 2), False, 1, ...),
    "a subclass of SystemExit": (HostExit(4), False, 4, ...),
    "KeyboardInterrupt": (KeyboardInterrupt(), False, 130, "KeyboardInterrupt"),
    "ValueError": (ValueError("a secret"), False, 1, "ValueError"),
    "an OSError by its kind": (OSError(2, "No such file", "/home/secret"), False, 1, "FileNotFoundError"),
    "UnicodeDecodeError": (UnicodeDecodeError("utf-8", b"secret", 0, 1, "why"), False, 1, "UnicodeDecodeError"),
    "a group": (ExceptionGroup("a secret", [ValueError("a secret")]), False, 1, "ExceptionGroup"),
    "Click's Exit()": (Exit(), True, 0, ...),
    "Click's Exit(3)": (Exit(3), False, 3, ...),
    "Click's ClickException": (ClickException("a secret"), False, 1, "other"),
    "Click's UsageError": (UsageError("a secret"), False, 2, "other"),
    "of the host, by way of Click's": (Fatal("a secret"), False, 2, "other"),
    "another Exit": (Other(), False, 1, "other"),
    "an exit status that raises": (Unfinished("a secret"), False, 1, "other"),
    "GeneratorExit": (GeneratorExit(), False, 1, "GeneratorExit"),
    "of the host": (HostError("a secret"), False, 1, "other"),
    "no Exception": (Odd("a secret"), False, 1, "other"),
    "CancelledError": (asyncio.CancelledError(), False, 1, "other"),
    "add(exit_code=0)": ({"exit_code": 0}, True, 0, ...),
    "add(exit_code=2)": ({"exit_code": 2}, False, 2, ...),
    "add(exit_code=-15)": ({"exit_code": -15}, False, 241, ...),
    "add(exit_code=True)": ({"exit_code": True}, False, 1, ...),
    "add(exit_code=None)": ({"exit_code": None}, True, 0, ...),
    "add(exit_code=text)": ({"exit_code": "2"}, False, 1, ...),
}


@pytest.mark.parametrize("way", ROWS)
@pytest.mark.parametrize("form", ["with", "decorator", "async decorator"])
def test_the_table(telemetry: Telemetry, recorded: Recorded, form: str, way: str) -> None:
    """Each row of the table at the head of the module, in each form; the exception that passes is the very object."""
    end, success, exit_code, error = ROWS[way]

    def body() -> None:
        if isinstance(end, dict):
            telemetry.scope.add(**end)
        elif end is not None:
            raise end

    def run() -> None:
        if form == "with":
            with telemetry.command("run"):
                body()
        elif form == "decorator":
            telemetry.command("run")(body)()
        else:

            async def awaited() -> None:
                body()

            coroutine = telemetry.command("run")(awaited)()
            try:
                coroutine.send(None)  # no event loop: one would make its own of these exceptions
            except StopIteration:
                pass

    passed: BaseException | None = None
    try:
        run()
    except BaseException as caught:  # noqa: BLE001  # among them those that are no `Exception`
        passed = caught
    assert passed is (end if isinstance(end, BaseException) else None)
    (properties,) = recorded()
    duration = properties.pop("duration_ms")
    assert type(duration) is int
    assert 0 <= duration < LONG * 1000
    expected = {"command": "run", "success": success, "exit_code": exit_code, "error": error}
    assert properties == {name: value for name, value in expected.items() if value is not ...}


def test_nothing_of_an_error_but_its_name(telemetry: Telemetry, recorded: Recorded) -> None:
    """No message, path, argument or foreign class name of an error is on the log."""
    secretive = type("SecretProjectError", (Exception,), {})
    for error in (ValueError("secret"), secretive("secret"), OSError(2, "secret", "/home/secret")):
        with pytest.raises(type(error)), telemetry.command("run"):
            raise error
    assert "secret" not in repr(recorded()).lower()


def test_declared_error_names(make_telemetry: Callable[..., Telemetry]) -> None:
    """Names that the author declared pass, the built-in ones still do, and any other is `other`."""
    telemetry = make_telemetry(fields={"error": OneOf("HostError", "Odd")})
    seen: list[object] = []
    clean = type(telemetry).track

    def listening(self: Telemetry, event: str, properties: Any = None, /, **more: object) -> None:
        clean(self, event, properties, **more)
        cleaned = telemetry._filter.clean(event, properties)  # type: ignore[union-attr]  # it was tracked just now
        seen.append(cleaned and cleaned["error"])

    telemetry.track = functools.partial(listening, telemetry)  # type: ignore[method-assign]
    for error in (HostError(), Odd(), ValueError(), asyncio.CancelledError()):
        with pytest.raises(type(error)), telemetry.command("run"):
            raise error
    assert seen == ["HostError", "Odd", "ValueError", "other"]


@pytest.mark.parametrize(
    ("name", "as_recorded"),
    [
        ("import.from_code", "import.from_code"),
        ("a" * 64, "a" * 64),
        ("a" * 65, "other"),
        ("Import", "other"),
        ("import from", "other"),
        ("/home/secret", "other"),
        ("grün", "other"),
        (5, "other"),
        (b"import", "other"),
    ],
)
def test_names(telemetry: Telemetry, recorded: Recorded, name: Any, as_recorded: str) -> None:
    """A legal name is recorded as it is, anything else as `other`."""
    with telemetry.command(name):
        pass
    assert recorded()[0]["command"] == as_recorded


def test_without_a_name(telemetry: Telemetry, recorded: Recorded) -> None:
    """Without a name a function's own is taken; a block has none."""

    @telemetry.command
    def import_code() -> None: ...

    @telemetry.command()
    def Export() -> None: ...

    import_code()
    Export()
    telemetry.command(functools.partial(import_code.__wrapped__))()  # type: ignore[attr-defined]
    telemetry.command(lambda: None)()
    with telemetry.command():
        pass
    assert [properties["command"] for properties in recorded()] == ["import_code", "other", "other", "other", "other"]


def test_facts(telemetry: Telemetry, recorded: Recorded) -> None:
    """Facts come with the command and by `add`, later ones win, and the declaration converts them; what the scope has
    measured no fact replaces.
    """
    with telemetry.command("run", n=1, results=[1, 2]) as scope:
        scope.add(n=2)
        scope.add(n=3, command="secret", duration_ms=-1, success=False)
    (properties,) = recorded()
    assert properties.pop("duration_ms") >= 0
    assert properties == {"command": "run", "success": True, "exit_code": 0, "n": 3, "results": 2}


@pytest.mark.parametrize(
    ("end", "exit_code", "error"),
    [(None, 3, "KeyError"), (SystemExit(4), 4, "KeyError"), (ValueError("a secret"), 1, "ValueError")],
    ids=repr,
)
def test_how_it_ended_as_a_fact(
    telemetry: Telemetry, recorded: Recorded, end: BaseException | None, exit_code: int, error: str
) -> None:
    """The exit status that a command states counts where no exception has one, and the error where none names one: so
    a tool that catches its errors, and ends by `sys.exit`, can say which one it was.
    """
    with contextlib.suppress(ValueError, SystemExit), telemetry.command("run") as scope:
        scope.add(exit_code=3, error="KeyError")
        if end is not None:
            raise end
    (properties,) = recorded()
    assert (properties["exit_code"], properties["error"], properties["success"]) == (exit_code, error, False)


def test_facts_of_one_run_are_not_the_next_one_s(telemetry: Telemetry, recorded: Recorded) -> None:
    """What a run adds belongs to that run; what the decorator names belongs to each."""
    added = iter([{"results": [1]}, {}])

    @telemetry.command(n=7)
    def run() -> None:
        telemetry.scope.add(**next(added))

    run()
    run()
    assert [(properties["n"], properties.get("results")) for properties in recorded()] == [(7, 1), (7, None)]


def test_the_duration_is_monotonic(telemetry: Telemetry, recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    """The duration is that of the monotonic clock, in whole milliseconds, whatever the wall clock does."""
    elapsed = iter([5_000_000, 4_285_600_000, 0, 499_999, 0, 500_000])
    monkeypatch.setattr(time, "monotonic_ns", lambda: next(elapsed))
    for _ in range(3):
        with telemetry.command("run"), monkeypatch.context() as patch:
            patch.setattr(time, "time", lambda: 0.0)
    monkeypatch.undo()
    assert [properties["duration_ms"] for properties in recorded()] == [4281, 0, 1]


def test_outside_of_any_command(telemetry: Telemetry, recorded: Recorded) -> None:
    """`scope.add` outside of a command, before and after one, does nothing."""
    telemetry.scope.add(n=1)
    with telemetry.command("run") as scope:
        pass
    telemetry.scope.add(n=1)
    scope.add(n=1)
    command = telemetry.command("other")
    command.add(n=1)
    assert ["n" in properties for properties in recorded()] == [False]


def test_an_exception_that_breaks_when_looked_at(telemetry: Telemetry, recorded: Recorded, swallowed: Any) -> None:
    """An exception whose own attributes fail passes all the same; only its event is lost, and counted."""

    class Broken(SystemExit):
        code = property(lambda self: 1 // 0)

    error = Broken(3)
    with pytest.raises(Broken) as caught, telemetry.command("run"):
        raise error
    assert caught.value is error
    assert [(reason, type(one)) for reason, one in swallowed] == [("command", ZeroDivisionError)]
    assert type(telemetry.scope).__name__ == "Silent"
    telemetry.losses.clear()
    assert recorded() == []


def test_an_error_of_our_own(telemetry: Telemetry, recorded: Recorded, swallowed: Any) -> None:
    """A fact whose conversion fails drops the event, not the command: the host's result and exception are untouched."""

    class Bad:
        def __len__(self) -> int:
            raise ZeroDivisionError

    with telemetry.command("run", results=Bad()) as scope:
        scope.add(n=1)
    error = ValueError()
    with pytest.raises(ValueError) as caught, telemetry.command("run", results=Bad()):  # noqa: PT011  # compared below
        raise error
    assert caught.value is error
    assert [type(one) for _, one in swallowed] == [ZeroDivisionError] * 2
    telemetry.losses.clear()
    assert recorded() == []


def test_a_command_that_spans_a_no(telemetry: Telemetry, recorded: Recorded) -> None:
    """What it measured under a consent that stands no more, and during a no, is not recorded under the next one."""
    consent = Path(telemetry.paths.directory) / "opt-in"
    with telemetry.command("index") as scope:
        scope.add(n=143)
        for word in ("false", "enhanced"):
            consent.write_text(f"{word}\n")
        telemetry.track("tick", n=1)
        assert telemetry.flush(LONG) is False
    assert telemetry.losses.pop("consent", 0) == 1
    with telemetry.command("index"):
        pass
    assert [properties["command"] for properties in recorded()] == ["index"]
    assert "n" not in recorded()[0]
