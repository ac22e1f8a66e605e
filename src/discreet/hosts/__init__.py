"""Plug into a host. Here: the command scope, one event for each command, as a decorator and as a context manager.

The rule that keeps it honest: the host's function runs on the same line of this file whether telemetry is on or off.
Its result and its exception pass through untouched, and all of the scope's own work happens behind the recorder's
border.

| the command ends by                  | `success` | `exit_code` | `error`                               |
|--------------------------------------|-----------|-------------|---------------------------------------|
| returning, `SystemExit(None)` or (0) | true      | 0           |                                       |
| `SystemExit(n)`                      | n == 0    | n, as the system keeps it: -1 is 255 |              |
| `SystemExit("text")`                 | false     | 1           |                                       |
| `KeyboardInterrupt`                  | false     | 130         | `KeyboardInterrupt`                   |
| Ctrl-C, in a coroutine of `asyncio`  | false     | 130         | `KeyboardInterrupt`                   |
| `Exit(n)` of Click and Typer         | n == 0    | n           |                                       |
| `ClickException`, `UsageError`, ...  | false     | 1, 2, ...   | a declared name, or `other`           |
| any other exception                  | false     | 1           | a built-in or declared name, or `other` |
| returning after `add(exit_code=n)`   | n == 0    | n           |                                       |
"""

import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import ContextVar
    from typing import Any, Self, TypeVar

    from ..telemetry import Recorder

    Function = TypeVar("Function", bound=Callable[..., Any])

_COROUTINE = 0x80  # inspect.CO_COROUTINE: set in the code of an `async def`; importing `inspect` costs 20 ms
_WRITTEN_IN_PYTHON = 1 << 9  # Py_TPFLAGS_HEAPTYPE, bit 9 of the flags of a type
_INTERRUPTED = 130  # 128 + SIGINT, as shells report it
_LONG = sys.maxsize + 1 if os.name == "posix" else 2**31  # where a `long` of C ends; anything beyond becomes -1
# What `functools.update_wrapper` copies, but for the annotations (see `_dressed`); `functools` costs 4 ms.
_COPIED = ("__module__", "__name__", "__qualname__", "__doc__", "__type_params__")


class Silent:
    """The scope of a process that records nothing."""

    __slots__ = ()

    def add(self, **facts: object) -> None:
        """Take nothing."""

    def __enter__(self) -> "Self":
        return self

    def __exit__(self, *_: object) -> None:
        return None


SILENT = Silent()


class Unique:
    """What measures in this process. A copy, as within an object of the host, is itself; a pickled one is silent."""

    __slots__ = ()
    silence: "type[Silent]" = Silent

    def __copy__(self, *_: object) -> "Any":
        return self

    __deepcopy__ = __copy__

    def __reduce__(self) -> "tuple[type[Silent], tuple[()]]":
        return self.silence, ()


class Scope(Unique):
    """One run of one command. `add` gives it facts; leaving it records the event."""

    def __init__(self, recorder: "Recorder", owner: "Command", name: str, facts: "dict[str, object]") -> None:
        self._recorder = recorder
        self._owner = owner
        self._name = name
        self._facts = facts
        self._variable = _variable(recorder)
        self._outer = _running(self._variable.get())
        self._process: object = None  # the process that entered it, for `once_per_tree`
        self._signature = recorder.signature  # of the consent under which it measures
        self._started = 0
        self._ended = False

    def add(self, **facts: object) -> None:
        """Add facts to the event, later ones replacing earlier ones. What no row lets out is dropped. Never raises."""
        self._facts.update(facts)

    def __enter__(self) -> "Scope":
        if self._recorder.once_per_tree:
            from . import tree  # loaded when this was made

            self._process = self._recorder.border("command", tree.enter, self._recorder.name)
        self._started = time.monotonic_ns()
        self._variable.set(self)  # last: if a signal handler raises before, nobody will leave this scope
        return self

    def __exit__(self, kind: "type[BaseException] | None", error: "BaseException | None", _: object) -> None:
        self._recorder.border("command", self._finish, error)

    def _finish(self, error: "BaseException | None") -> None:
        ended = time.monotonic_ns()
        self._ended = True
        self._outer = _running(self._outer)  # so that scopes around it that have ended are not kept
        if self._variable.get() is self:  # else it is left in another context, or before one entered later
            self._variable.set(self._outer)
        if self._process is not None:
            from . import tree

            if not tree.leave(self._recorder.name, self._process):
                return
        if self._recorder.signature != self._signature:
            self._recorder.lose("consent")
            return
        error = meant(error)
        code = exit_code(error, self._facts.pop("exit_code", 0))
        properties: dict[str, object] = {
            "command": self._name,
            "duration_ms": (ended - self._started + 500_000) // 1_000_000,
            "success": code == 0,
            "exit_code": code,
        }
        if error is not None and not isinstance(error, SystemExit):
            properties["error"] = type(error).__name__
        # What the scope measured comes first, and no fact of the same name replaces it.
        self._recorder.track("command", {**properties, **self._facts, **properties})


class Command:
    """What `Telemetry.command` returns: decorate a function with it, or enter it."""

    kind = Scope
    silent = SILENT  # kept here, since a finalizer may run when the names of this module are gone

    def __init__(self, recorder: "Recorder", name: object, facts: "dict[str, object]") -> None:
        self._recorder = recorder
        self._name = name
        self._facts = facts
        self._entered: list[Scope | Silent] = []

    def add(self, **facts: object) -> None:
        """Add facts to the innermost run of this command in the current context; outside of one, do nothing."""
        self._innermost().add(**facts)

    def __call__(self, function: "Function") -> "Function":
        """Record each call of `function`, plain or `async`; name, signature and result stay what they are."""
        if isinstance(function, (staticmethod, classmethod)):
            return type(function)(self(function.__func__))
        name = self._name or getattr(function, "__name__", "")
        if is_coroutine(function):

            async def awaited(*arguments: "Any", **named: "Any") -> "Any":
                with self._begin(name):
                    return await function(*arguments, **named)

            return _dressed(awaited, function)

        def called(*arguments: "Any", **named: "Any") -> "Any":
            with self._begin(name):
                return function(*arguments, **named)

        return _dressed(called, function)

    def __enter__(self) -> "Scope | Silent":
        scope = self._begin(self._name)
        self._entered.append(scope)
        return scope.__enter__()

    def __exit__(self, *ending: object) -> None:
        self._recorder.border("command", self._leave, *ending)

    def _leave(self, *ending: "Any") -> None:
        scope = self._innermost()
        if scope not in self._entered:  # it was entered in another context, or records nothing
            scope = self._entered[-1]
        # Not simply the last one: another thread may have entered this object since.
        self._entered.remove(scope)
        scope.__exit__(*ending)

    def _innermost(self) -> "Scope | Silent":
        """The innermost run of this command in the current context; a silent one outside of any."""
        scope = current(self._recorder)
        while isinstance(scope, Scope) and scope._owner is not self:
            scope = _running(scope._outer) or SILENT
        return scope

    def _begin(self, name: object) -> "Scope | Silent":
        made = self._recorder.border("command", self._made, name) if self._recorder.recording() else None
        return made or self.silent  # type: ignore[return-value]  # as `_made` says

    def _made(self, name: object) -> "Scope | None":
        if self._recorder.once_per_tree:
            from . import tree

            if current(self._recorder) is not SILENT or tree.inside(self._recorder.name):
                return None
        return self.kind(self._recorder, self, name if type(name) is str else "", dict(self._facts))


def current(recorder: "Recorder") -> "Scope | Silent":
    """The innermost running command of this context; a silent one if there is none."""
    variable = recorder.scopes
    return (_running(variable.get()) if variable is not None else None) or SILENT


def _running(scope: "Scope | None") -> "Scope | None":
    """The scope itself, or else the nearest one around it, that has not ended: a task may outlive the command that
    started it, and generators are closed in any order.
    """
    while scope is not None and scope._ended:
        scope = scope._outer
    return scope


def is_coroutine(function: object) -> bool:
    """Whether a function, or a method, was written with `async def`."""
    code = getattr(function, "__code__", None)
    return code is not None and bool(code.co_flags & _COROUTINE)


def _variable(recorder: "Recorder") -> "ContextVar[Scope | None]":
    if recorder.scopes is None:
        recorder.__dict__.setdefault("scopes", context_variable()("discreet_scope", default=None))
    return recorder.scopes  # type: ignore[no-any-return]  # the facade does not know the scope's class


def context_variable() -> "type[ContextVar[Any]]":
    """The class `contextvars.ContextVar`, without its module: mostly a shared library, 0.3 ms to load.

    CPython has the class from its start. A flag tells it from one of that name written in Python.
    """
    for kind in object.__subclasses__():
        if kind.__name__ == "ContextVar" and not kind.__flags__ & _WRITTEN_IN_PYTHON:
            return kind  # type: ignore[return-value]  # as its name says
    from _contextvars import ContextVar

    return ContextVar


def exit_code(error: "BaseException | None", given: object) -> int:
    """The exit status that an exception leads to; without one, that of `given`, which the command itself stated."""
    code: object = 1
    if error is None:
        code = given
    elif isinstance(error, SystemExit):
        code = error.code
    elif isinstance(error, KeyboardInterrupt):
        code = _INTERRUPTED
    elif _is_of_click(error, "ClickException"):
        code = error.exit_code  # type: ignore[attr-defined]  # it has one
    if isinstance(code, int):
        code = int(code) if -_LONG <= code < _LONG else -1
        return code & 0xFF if os.name == "posix" else code
    return 0 if code is None else 1


def meant(error: "BaseException | None") -> "BaseException | None":
    """The error, as what it becomes in the end: Click's `Exit` as `SystemExit`, and the cancellation of a coroutine by
    which `asyncio.Runner` reacts to Ctrl-C as `KeyboardInterrupt`. On an interpreter whose runner works differently,
    that stays a cancellation.
    """
    if error is None:
        return None
    if _is_of_click(error, "Exit"):
        return SystemExit(error.exit_code)  # type: ignore[attr-defined]  # it has one
    kind, system = type(error), sys.modules.get("signal")
    if (kind.__module__, kind.__name__) != ("asyncio.exceptions", "CancelledError") or system is None:
        return error
    handler = system.getsignal(system.SIGINT)  # partial(runner._on_sigint, main_task=...)
    if not getattr(getattr(getattr(handler, "func", None), "__self__", None), "_interrupt_count", 0):
        return error
    # The runner itself decides so: a task that took the cancellation back, or is cancelled once more, has gone on.
    # Anything else cancelled while the main task ends (by a timeout, say) is taken for a part of that.
    cancelling = getattr(handler.keywords.get("main_task"), "cancelling", int)
    return KeyboardInterrupt() if cancelling() == 1 else error


def _is_of_click(error: BaseException, name: str) -> bool:
    """Whether an error is of this class of Click, by its name: Typer and asyncclick have their own."""
    return any(each.__name__ == name for each in type(error).__mro__) and hasattr(error, "exit_code")


def _dressed(wrapper: "Callable[..., Any]", function: "Function") -> "Function":
    """`wrapper` with the name, docstring and attributes of `function`, for help texts, signatures and tracebacks."""
    try:  # its code made as distinct as the function's: of equal tasks Invoke runs only the first
        code = wrapper.__code__.replace(co_consts=(*wrapper.__code__.co_consts, function.__code__))
        wrapper = type(wrapper)(code, globals(), None, None, wrapper.__closure__)  # type: ignore[misc]
    except (AttributeError, TypeError):
        pass  # a callable without code; or a compiled one, as by Nuitka, whose type makes no function like this
    for name in (*_COPIED, "__annotate__" if hasattr(function, "__annotate__") else "__annotations__"):
        if hasattr(function, name):
            setattr(wrapper, name, getattr(function, name))
    wrapper.__dict__.update(getattr(function, "__dict__", {}))
    wrapper.__wrapped__ = function  # type: ignore[attr-defined]  # where `inspect.signature` looks
    return wrapper  # type: ignore[return-value]  # it passes for `function` now
