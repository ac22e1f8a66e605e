"""The events that a host would record, kept in memory.

The rule that keeps it honest: an event passes the very filter and encoder of a real one, and ends in a list; no thread
is started, nothing sent, and no file of whoever runs the tests is touched: meanwhile the files of a tool, its stored
answer among them, lie in a directory that is gone afterwards. Then every instance is what it was before.
"""

import copy
import functools
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from .. import names
from ..consent import ON, Decision, decide, signature, stored
from ..hosts.serialize import Shown
from ..log import Encoder, timestamp
from ..privacy.conversions import LEVELS
from ..privacy.declaration import Declaration
from ..telemetry import Recorder, facts_of
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

    def __init__(self, recorder: Recorder, events: Events, level: str | None) -> None:
        self.encoder = Encoder(recorder.name, recorder.version)
        self._recorder = recorder
        self._events = events
        self._level = level

    def agreed(self) -> bool:
        """Whether the answer that is stored now is still a yes."""
        facts = facts_of(self._recorder)
        return decide(facts).enabled if self._level is None else facts.consent[0] == ON

    def record(self, event: str, properties: "Mapping[str, object]", encoder: Encoder) -> None:
        if not self.agreed():
            self._recorder.off = True
            self._recorder.lose("consent")
            return
        line = encoder.encode(event, properties)
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
    on every sampled event. Commands and sessions have to end inside. Verbs find a home in which that user's yes is
    stored, and `off` ends the recording. Not for several threads that capture at once.
    """
    _check(telemetry, level)
    with tempfile.TemporaryDirectory(prefix="discreet-") as place:
        yield from _captured(telemetry, level, place)


def _captured(telemetry: Recorder | None, level: str | None, place: str) -> Iterator[Events]:
    """What `capture` does, with the files of whatever is captured below `place`."""
    events = Events()
    taken: list[tuple[Recorder, dict[str, Any]]] = []
    package: Any = sys.modules[__package__.rpartition(".")[0]]
    default, make = package._default, Recorder.__init__

    def take(recorder: Recorder) -> None:
        recorder.flush()  # what it recorded for real is written where it belongs
        taken.append((recorder, dict(vars(recorder))))
        _divert(recorder, events, level, place)

    @functools.wraps(make)
    def made(recorder: Recorder, *arguments: Any, **options: Any) -> None:
        make(recorder, *arguments, **options)
        take(recorder)

    # A manifest learns from it which options there are.
    made.__kwdefaults__ = make.__kwdefaults__  # type: ignore[attr-defined]  # of a function it has

    try:
        if telemetry is not None:
            take(telemetry)
        else:
            Recorder.__init__ = made  # type: ignore[assignment, method-assign]
            if isinstance(default, Recorder):
                take(default)
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


def _divert(recorder: Recorder, events: Events, level: str | None, place: str) -> None:
    """Let `recorder` record into `events`, and nowhere else, with its files below `place`."""
    recorder.lifted = LIFTED
    recorder.losses = events.dropped
    recorder.off = False
    recorder._decision = None  # what was decided for the process is not asked
    if recorder.mode == "off":
        recorder._decision = Decision(False, "basic", "code", "consent")
    elif level is not None:
        recorder._decision = Decision(True, level, "stored consent", __package__, "stands in for a user's yes")
    sink: Any = _Sink(recorder, events, level)
    recorder._sender = sink
    _move(recorder, place, recorder.decision)
    recorder.off = not (recorder.enabled and sink.agreed())
    if not recorder.off:
        recorder._filter = Shown(recorder.declaration or Declaration(), recorder.decision.level, recorder.lose)


def _move(recorder: Recorder, place: str, decision: Decision) -> None:
    """Let the files of `recorder` lie in a home below `place`, one for all of its name; whoever is recorded has said
    yes there.
    """
    home = os.path.join(place, recorder.name)
    paths = recorder.located = copy.copy(recorder.paths)
    paths.directory, paths.below, paths.problem = os.path.join(home, "telemetry"), home, ""
    if not os.path.isdir(home):
        os.mkdir(home, 0o700)
        if decision.enabled:
            word = "enhanced" if decision.level == "enhanced" else "true"
            stored.store(paths, word, timestamp(time.time()))
    recorder.signature = signature(paths)
    vars(recorder).pop("flagged", None)  # what it knows is of another place
