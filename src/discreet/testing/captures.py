"""The events that a host would record, kept in memory.

The rule that keeps it honest: an event passes the very filter and encoder of a real one, and ends in a list; no file
is made, no thread started, nothing sent. Afterwards every instance is what it was before.
"""

import functools
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from .. import names
from ..consent import Decision
from ..hosts.serialize import Shown
from ..log import Encoder
from ..privacy.conversions import LEVELS
from ..privacy.declaration import Declaration
from ..telemetry import Recorder
from . import LIFTED


class Captured(NamedTuple):
    """One event: its name, and its properties as they would stand in the log."""

    event: str
    properties: dict[str, Any]


class Events(list[Captured]):
    """What was captured so far, in order. `dropped` counts what was not let out, by the reasons of `status`."""

    def __init__(self) -> None:
        super().__init__()
        self.dropped: dict[str, int] = {}


class _Sink:
    """Stands where the sender is."""

    def __init__(self, recorder: Recorder, events: Events) -> None:
        self._encoder = Encoder(recorder.name, recorder.version)
        self._recorder = recorder
        self._events = events

    def record(self, event: str, properties: "Mapping[str, object]") -> None:
        line = self._encoder.encode(event, properties)
        if len(line) > names.RECORD_BYTES:
            self._recorder.lose("record_size")
        else:
            self._events.append(Captured(event, json.loads(line)["properties"]))

    def flush(self, _: float) -> bool:
        return True

    close = flush


@contextmanager
def capture(telemetry: Recorder | None = None, *, level: str | None = "basic") -> Iterator[Events]:
    """Capture what `telemetry` records inside the block, by default the default instance and every one made inside.

    The list of `Captured` that it yields grows meanwhile. A user who agreed to `level` ("basic" or "enhanced") is taken
    for granted, and only `consent="off"` in the code is off; with `level=None` the gate decides, its rows for test
    runners and CI lifted. A `Hash` is shown as sixteen zeros, an answer by lot as the text `<by lot>`, and a lot falls
    on every sampled event. Commands and sessions have to end inside. Not for several threads that capture at once.
    """
    _check(telemetry, level)
    events = Events()
    taken: list[tuple[Recorder, dict[str, Any]]] = []
    package: Any = sys.modules[__package__.rpartition(".")[0]]
    default, make = package._default, Recorder.__init__

    def take(recorder: Recorder) -> None:
        taken.append((recorder, dict(vars(recorder))))
        _divert(recorder, events, level)

    @functools.wraps(make)
    def made(recorder: Recorder, *arguments: Any, **options: Any) -> None:
        make(recorder, *arguments, **options)
        take(recorder)

    # A manifest learns from it which options there are.
    made.__kwdefaults__ = make.__kwdefaults__  # type: ignore[attr-defined]  # of a function it has

    if telemetry is not None:
        take(telemetry)
    else:
        Recorder.__init__ = made  # type: ignore[assignment, method-assign]
        if isinstance(default, Recorder):
            take(default)
    try:
        yield events
    finally:
        Recorder.__init__ = make  # type: ignore[method-assign]
        package._default = default
        for recorder, state in reversed(taken):
            vars(recorder).clear()
            vars(recorder).update(state)


def _check(telemetry: object, level: object) -> None:
    if telemetry is not None and not isinstance(telemetry, Recorder):
        raise TypeError(f"capture takes a Telemetry, or nothing for the default one, not {telemetry!r}")
    if level is not None and level not in LEVELS:
        raise ValueError(f"level must be one of {', '.join(LEVELS)}, or None for what the gate says, not {level!r}")


def _divert(recorder: Recorder, events: Events, level: str | None) -> None:
    """Let `recorder` record into `events`, and nowhere else."""
    recorder.lifted = LIFTED
    recorder.losses = events.dropped
    recorder.off = False
    recorder._decision = None  # what was decided for the process is not asked
    if recorder.mode == "off":
        recorder._decision = Decision(False, "basic", "code", "consent")
    elif level is not None:
        recorder._decision = Decision(True, level, "stored consent", __package__, "stands in for a user's yes")
    sink: Any = _Sink(recorder, events)
    recorder._sender = sink
    recorder.off = not recorder.enabled
    if not recorder.off:
        recorder._filter = Shown(recorder.declaration or Declaration(), recorder.decision.level, recorder.lose)
