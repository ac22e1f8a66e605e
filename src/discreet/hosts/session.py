"""The session: what a long-running process did, added up, as one event at its end, or one at each interval.

The rule that keeps it honest: but for the facts of `add`, a session holds only numbers under names from the code, at
most 32 names of a kind, and counts of declared items. It has no lock, thread or timer. If the author's rows name
something that is made of a count or of observations, only what they name leaves.

| the session ends by               | `success`                              | `error`                               |
|-----------------------------------|----------------------------------------|---------------------------------------|
| `close()`, the end of its block   | true, or as `add(success=...)` said    |                                       |
| an exception, `SystemExit` too    | as of a command                        | a built-in or declared name, `other`  |
| the end of the interpreter        | absent; false after an uncaught error  | as above, after an uncaught error     |
| SIGKILL, `os._exit`, a crash      | what an interval recorded stays; the rest is lost                              |

Known races, accepted: CPython switches threads and runs signal handlers at calls and jumps, and none lies between the
read and the write of a number here. Without its global lock, two counts in the same instant may become one. While a
part is being recorded, one call of each other thread may be left out.
"""

import atexit
import os
import sys
import time

from .. import names
from . import Silent, Unique, exit_code, meant

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, TypeAlias

    from ..telemetry import Recorder

    Number: TypeAlias = int | float

LEAST_SECONDS = 1.0  # the shortest interval: a log of 8 MiB is not for samples


class SilentSession(Silent):
    """The session of a process that records nothing."""

    __slots__ = ()

    def count(self, name: str, number: object = 1, /, *, item: object = None, success: object = None) -> None:
        """Take nothing."""

    def observe(self, name: str, value: object, /) -> None:
        """Take nothing."""

    def close(self) -> None:
        """End nothing."""


SILENT = SilentSession()


class Session(Unique):
    """One session. All of its methods return at once and never raise; what they refuse is counted as `session`."""

    silence = SilentSession

    def __init__(self, recorder: "Recorder", every: float | None, facts: "dict[str, object]") -> None:
        self._recorder = recorder
        self._rows: Mapping[str, Any] = {}
        if recorder.declaration is not None:
            self._rows = recorder.declaration.rows("session") or {}
        self._every = 0 if every is None else int(max(every, LEAST_SECONDS) * 1e9)
        self._facts: dict[str, object] = {}
        self._part = 0
        self._ended = False
        self._begin()
        self._add(facts)
        _open(recorder)[self] = None

    def count(self, name: str, number: "Number" = 1, /, *, item: object = None, success: object = None) -> None:
        """Add `number`, within 2**53 of 0, to a sum; if `success` is given and true, also to `NAME.success`, the sum of
        what worked.

        With a row `Distribution` under this name, `item` is counted, as `other` if it is not declared.
        """
        self._recorder.border("session", self._count, name, number, item, success)

    def observe(self, name: str, value: "Number", /) -> None:
        """Take one measured value, within 2**53 of 0. Recorded are `NAME.count`, `.mean`, `.min`, `.max` and `.sum`."""
        self._recorder.border("session", self._observe, name, value)

    def add(self, **facts: object) -> None:
        """Add facts to the event, later ones replacing earlier ones; they are converted when it is recorded."""
        self._recorder.border("session", self._add, facts)

    def close(self) -> None:
        """End the session and record it. A second call, and everything after it, does nothing."""
        self._recorder.border("session", self._finish, None)

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        self._recorder.border("session", self._finish, error)

    def _begin(self) -> None:
        """Begin to add up, from zero."""
        self._process = os.getpid()
        self._signature = self._recorder.signature
        self._since = time.monotonic_ns()
        self._counts: dict[str, list[Number]] = {}  # the sum, that of what worked, and whether `success` was given
        self._observed: dict[str, list[Number]] = {}  # how many, sum, least, largest
        self._spread: dict[str, dict[str, Number]] = {}  # by item

    def _open(self, table: "Mapping[str, object]", name: str) -> bool:
        """Whether `name` may be counted in `table`; if not, that is counted as dropped."""
        if os.getpid() != self._process:  # a fork: what was counted before is the parent's to record
            self._part = 0
            self._begin()
        if name in table or (names.legal_name(name) and len(table) < names.PROPERTIES):
            return not self._ended
        self._recorder.lose("too_many_fields" if names.legal_name(name) else "field_name")
        return False

    def _count(self, name: str, number: "Number", item: object, success: object) -> None:
        number = _finite(number)
        if _word(self._rows.get(name)) == "distribution":
            if self._open(self._spread, name):
                self._count_item(name, number, item)
        elif self._open(self._counts, name):
            cell = self._counts.setdefault(name, [0, 0, 0])
            cell[0] += number
            if success is not None:
                cell[2] = 1
                if success:
                    cell[1] += number
        self._look()

    def _count_item(self, name: str, number: "Number", item: object) -> None:
        from ..privacy import OTHER

        if number < 0 or number != int(number):
            raise ValueError("an item is counted by whole numbers")
        text = str.__str__(item) if isinstance(item, str) else OTHER
        text = text if text in self._rows[name].items else OTHER  # so nothing of the user's is kept
        items = self._spread.setdefault(name, {})
        items.setdefault(text, 0)
        items[text] += number

    def _observe(self, name: str, value: "Number") -> None:
        value = _finite(value)
        if self._open(self._observed, name):
            cell = self._observed.setdefault(name, [0, 0, value, value])
            cell[0] += 1
            cell[1] += value
            cell[2] = min(cell[2], value)
            cell[3] = max(cell[3], value)
        self._look()

    def _add(self, facts: "dict[str, object]") -> None:
        for name, value in facts.items():
            if self._open(self._facts, name):
                self._facts[name] = value

    def _look(self) -> None:
        """Record a part if the interval is over. Only `count` and `observe` look: an idle process records nothing."""
        if self._every and not self._ended and time.monotonic_ns() - self._since >= self._every:
            self._record({})

    def _finish(self, error: BaseException | None, closed: bool = True) -> None:
        if self._ended:
            return
        self._ended = True
        _open(self._recorder).pop(self, None)
        outcome: dict[str, object] = {}
        error = meant(error)
        if error is not None:
            outcome["success"] = exit_code(error, 0) == 0
            if not isinstance(error, SystemExit):
                outcome["error"] = type(error).__name__
        elif closed:
            outcome["success"] = self._facts.get("success", True)
        self._record(outcome)

    def _record(self, outcome: "dict[str, object]") -> None:
        forked = os.getpid() != self._process
        if forked or self._recorder.signature != self._signature:
            # Counted by the parent of a fork, or under a consent that no longer stands: not to be recorded here.
            if not forked:
                self._recorder.lose("consent")
            self._begin()
            return
        counts, observed, spread, since = self._counts, self._observed, self._spread, self._since
        self._begin()
        if self._every:
            self._part += 1
            outcome = {"part": self._part, **outcome}
        outcome = {"duration_ms": (self._since - since + 500_000) // 1_000_000, **outcome}
        made: dict[str, object] = dict(spread)
        for name, (total, worked, told) in counts.items():
            made |= self._asked(name, {name: total, **({f"{name}.success": worked} if told else {})})
        for name, (number, total, least, largest) in observed.items():
            values = {"count": number, "mean": total / number, "min": least, "max": largest, "sum": total}
            made |= self._asked(name, {f"{name}.{part}": value for part, value in values.items()}, values)
        # What was measured comes first, and no fact of the same name replaces it.
        self._recorder.track("session", {**outcome, **self._facts, **made, **outcome})

    def _asked(
        self, name: str, fields: "Mapping[str, Number]", values: "Mapping[str, Number] | None" = None
    ) -> "dict[str, object]":
        """Of the `fields` made for a name, those that the author's rows ask for; all if they ask for none.

        A row for the very name of observed `values` gets the one that its conversion is about; if it is a mapping,
        those that it names.
        """
        found = {field: _fit(self._rows[field], value) for field, value in fields.items() if field in self._rows}
        row = self._rows.get(name)
        if values is not None and row is not None:
            if isinstance(row, dict):
                found[name] = {part: _fit(row[part], value) for part, value in values.items() if part in row}
            else:
                found[name] = _fit(row, values[{"aggregate": "sum", "count": "count"}.get(row.word, "mean")])
        if found:
            return found
        declaration = self._recorder.declaration
        if declaration is not None and declaration.closed:
            return {name: 0}  # for the filter to drop and count, once
        return dict(fields)


def _open(recorder: "Recorder") -> "dict[Session, None]":
    """The open sessions of a recorder, in order. `atexit` has one function for all of them: Python 3.11 searches its
    whole list whenever a function is unregistered, and never closes a gap.
    """
    found: dict[Session, None] | None = recorder.__dict__.get("sessions")
    if found is None:
        found = recorder.__dict__.setdefault("sessions", {})
        atexit.register(_leave, found)  # runs before the log is closed, which was registered before, at the gate
    return found


def _leave(sessions: "dict[Session, None]") -> None:
    """End the sessions left open at the end: nobody closed them, so nobody said that they went well. `atexit` keeps
    its arguments alive, so the recorder, which may be gone by then, is none of them.
    """
    try:
        for session in reversed(list(sessions)):
            border = session._recorder.border
            border("close", border, "session", session._finish, getattr(sys, "last_value", None), False)
    except (KeyboardInterrupt, SystemExit):
        pass  # from a signal handler of the host: the interpreter would print it


def begin(recorder: "Recorder", every: float | None, facts: "dict[str, object]") -> "Session | SilentSession":
    """A running session; a silent one if nothing is recorded, or if `every` is no number."""
    if not recorder.recording():
        return SILENT
    made: Any = recorder.border("session", Session, recorder, every, facts)
    return made or SILENT


def _finite(value: "Number") -> "Number":
    if type(value) is not int and type(value) is not float:
        from ..privacy.numbers import plain

        value = plain(value)
    if not -names.LARGEST_INTEGER <= value <= names.LARGEST_INTEGER:
        raise ValueError("not a finite number below 2**53")
    return value


def _word(row: object) -> str:
    return getattr(row, "word", "")


def _fit(row: object, value: "Number") -> object:
    """A number as its row will read it: for a `Count`, something of that length, since any number counts as 1."""
    return range(value) if _word(row) == "count" and type(value) is int and value >= 0 else value
