"""The events that a host would record, kept in memory.

The rule that keeps it honest: an event passes the same filter and encoder as a real one, and ends in a list. No thread
is started, nothing is sent, and no file of whoever runs the tests is touched: a tool's files, its stored answer among
them, lie in a temporary directory. Afterwards every instance is what it was before.
"""

import copy
import functools
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from .. import directories, files, names
from ..consent import OFF, PASS, Decision, Facts, decide, signature, stored
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
    """What was captured so far, in order. `dropped` counts what was dropped, by the reasons of `status`."""

    def __init__(self) -> None:
        super().__init__()
        self.dropped: dict[str, int] = {}


class _Sink:
    """Takes the place of the sender."""

    def __init__(self, recorder: Recorder, events: Events, level: str | None) -> None:
        self.encoder = Encoder(recorder.name, recorder.version)
        self._recorder = recorder
        self._events = events
        self._level = level

    def decided(self) -> Decision:
        """The decision under the answer that is stored now: by the whole gate or, if the user's yes is taken for
        granted, by the code and that answer alone, which a verb may have changed.
        """
        recorder, facts = self._recorder, facts_of(self._recorder)
        if self._level is None:
            return decide(facts)
        alone = Facts(recorder.name, recorder.mode, {})
        alone.consent_path, alone.consent = facts.consent_path, facts.consent
        found = decide(alone)
        if not found.enabled:
            return found
        return Decision(True, found.level, found.row, __package__, "stands in for a user's yes")

    def record(self, event: str, properties: "Mapping[str, object]", encoder: Encoder) -> None:
        now = self.decided()
        if not now.enabled:
            self._recorder.off, self._recorder._decision = True, now
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
    for granted, and only `consent="off"` in the code is off. With `level=None` the gate decides, its rows for test
    runners and CI lifted. Verbs find a home in which that user's yes is stored (with `level=None` the real answer), and
    `off` ends the recording.

    A `Hash` is shown as sixteen zeros, an answer by lot as the text `<by lot>`; every sampled event is recorded.
    Commands and sessions have to end inside. Several threads must not capture at once.
    """
    _check(telemetry, level)
    with tempfile.TemporaryDirectory(prefix="discreet-") as place:
        yield from _captured(telemetry, level, _Homes(place, level))


def _captured(telemetry: Recorder | None, level: str | None, homes: "_Homes") -> Iterator[Events]:
    """Do what `capture` says, with the files of all captured instances in `homes`."""
    events = Events()
    taken: list[tuple[Recorder, dict[str, Any]]] = []
    package: Any = sys.modules[__package__.rpartition(".")[0]]
    default, make = package._default, Recorder.__init__

    def take(recorder: Recorder) -> None:
        recorder.flush()  # what it recorded for real is written where it belongs
        taken.append((recorder, dict(vars(recorder))))
        _divert(recorder, events, level, homes)

    @functools.wraps(make)
    def made(recorder: Recorder, *arguments: Any, **options: Any) -> None:
        make(recorder, *arguments, **options)
        take(recorder)

    # `manifest` reads the options from it.
    made.__kwdefaults__ = make.__kwdefaults__  # type: ignore[attr-defined]  # functions have it

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


def _divert(recorder: Recorder, events: Events, level: str | None, homes: "_Homes") -> None:
    """Let `recorder` record into `events`, and nowhere else, with its files in `homes`."""
    recorder.lifted = LIFTED
    recorder.losses = events.dropped
    sink: Any = _Sink(recorder, events, level)
    recorder._sender = sink
    homes.move(recorder)
    recorder._decision = decision = sink.decided()  # what was decided for the process does not count
    recorder.off = not decision.enabled
    recorder._filter = None
    if decision.enabled:
        recorder._filter = Shown(recorder, recorder.declaration or Declaration(), decision.level)


class _Homes:
    """The homes in which the files of captured instances lie: one for each tool and real directory, below a temporary
    directory. Several threads may make objects at once.
    """

    def __init__(self, place: str, level: str | None) -> None:
        self._place = place
        self._level = level
        self._homes: dict[tuple[str, str], str] = {}
        self._answered: set[str] = set()  # the files in which an answer was put, or looked for
        self._lock = threading.RLock()  # a signal handler may make an object, too

    def move(self, recorder: Recorder) -> None:
        """Let the files of `recorder` lie in its home, with an answer in it: a yes, or the real one."""
        with self._lock:
            self._move(recorder)
        recorder.signature = signature(recorder.paths)
        vars(recorder).pop("flagged", None)  # what it knows is of another place

    def _move(self, recorder: Recorder) -> None:
        real, facts = recorder.paths, None if self._level else facts_of(recorder)
        home = self._homes.get((recorder.name, real.directory))
        if home is None:
            home = os.path.join(self._place, str(len(self._homes)), recorder.name)
            os.makedirs(home, 0o700)
            self._homes[recorder.name, real.directory] = home
        paths = recorder.located = copy.copy(real)
        paths.directory, paths.below, paths.problem = os.path.join(home, "telemetry"), home, ""
        if facts is not None:
            paths.problem = facts.home  # another place does not mend it, since the gate decides
            if not facts.home:
                self._copy(facts, real, paths)
        elif recorder.mode != "off" and self._first(paths, "consent"):
            stored.store(paths, "enhanced" if self._level == "enhanced" else "true", timestamp(time.time()))

    def _first(self, paths: names.Paths, key: str) -> bool:
        """Whether nobody has answered there yet: neither this code nor a verb."""
        first = paths[key] not in self._answered and not os.path.lexists(paths[key])
        self._answered.add(paths[key])
        return first

    def _copy(self, facts: Facts, real: names.Paths, paths: names.Paths) -> None:
        """Have the gate find in `paths` what it found in `real`."""
        answer = b"" if facts.marker[0] == OFF else _content(real["consent"])  # an empty one is a no
        found = {
            "consent": (facts.consent[0] != PASS or facts.marker[0] == OFF, answer),
            "enabled": (facts.marker[0] not in (OFF, PASS), b""),
            "notice": (facts.noticed, _content(real["notice"])),
        }
        for key, (is_there, content) in found.items():
            if self._first(paths, key) and is_there:
                directories.make_directory(paths.directory, below=paths.below)
                files.write_private(paths[key], content)


def _content(path: str) -> bytes:
    """What the gate would read of a file; nothing if it cannot be read."""
    try:
        return names.read_small(path, names.current_user())
    except OSError:
        return b""
