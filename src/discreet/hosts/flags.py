"""Feature flags: what `Telemetry.flag` answers, from where, and what of it goes with events.

| who decides      | a flag is                                                                        |
|------------------|----------------------------------------------------------------------------------|
| the user         | what `<TOOL>_TELEMETRY_FLAG_<KEY>` says, on or off; never counted                |
| the gate         | the default, wherever telemetry is off                                           |
| the author       | with `rollout`: the share that this installation falls into, without any network |
| the receiver     | what PostHog last said, as long as that is no older than a week                  |
| nobody           | the default                                                                      |

The rule that keeps it honest: a lookup reads small files and never waits. Nothing is asked for, made or counted unless
the gate allows it. Of a variant, only what a declared row lets out goes with an event.
"""

import os
import time

from .. import names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ..sending.flags import Cache
    from ..telemetry import Recorder

EXPOSURE = "flag_exposure"  # the event that counts lookups, if the author declared it
MOST_KEYS = 1_000  # remembered in a process: a host that lives long may make keys of the names of its users


def of(recorder: "Recorder") -> "Flags":
    """The flags of a recorder, made at the first lookup."""
    return recorder.flagged or recorder.__dict__.setdefault("flagged", Flags(recorder))  # type: ignore[no-any-return]


class Flags:
    """The flags of one tool in one process. `asks` is true once one was looked up that the receiver decides."""

    def __init__(self, recorder: "Recorder") -> None:
        self.asks = False
        self._recorder = recorder
        self._cache: Cache | None = None
        self._seen: object = None  # what the cache's file looked like when it was read
        self._looked_up: dict[str, object] = {}  # by key: what the author's shares say; None for what others decide
        self._riding: dict[str, object] = {}  # by the name of the field
        self._exposed: set[tuple[str, object]] = set()

    def look(self, key: str, default: object, rollout: object, payload: bool) -> object:
        """A flag, or its payload. Never raises."""
        found = self._recorder.border("flag", self._found, key, default, rollout, payload)
        return default if found is None else found

    def known(self) -> "dict[str, object]":
        """Every flag that is known now. Never raises."""
        return self._recorder.border("flag", self._all) or {}  # type: ignore[return-value]

    def ride(self, event: object, given: "Mapping[str, object]") -> "Mapping[str, object]":
        """The `given` properties of an event, and the variants for which it has declared rows."""
        declaration = self._recorder.declaration
        if declaration is None or not self._riding:
            return given
        name = event
        if type(event) is not str:
            from ..privacy.event import Event
            from ..privacy.objects import event_name

            name = event.event_name if isinstance(event, Event) else event_name(event)
        rows = declaration.rows(name) or declaration.fields  # type: ignore[arg-type]  # a text by now
        found = {field: value for field, value in self._riding.items() if field in rows and field not in given}
        return {**given, **found}

    def _found(self, key: str, default: object, rollout: object, payload: bool) -> object:
        """A flag or its payload; None if nobody decides it."""
        said = self._override(key)
        kept = key in self._looked_up or len(self._looked_up) < MOST_KEYS
        if kept:
            self._looked_up.setdefault(key)
        if said is not None:
            return None if payload else said
        if not self._recorder.recording():
            return None
        if rollout is None:
            self.asks = True
            value = _decoded(self._read().values.get(key))  # what the receiver last said
        else:
            value = self._local(key, default, rollout)
            if kept:
                self._looked_up[key] = value
        if kept:
            self._note(key, value)
        return _decoded(self._read().payloads.get(key)) if payload else value

    def _all(self) -> "dict[str, object]":
        found: dict[str, object] = {}
        if self._recorder.recording():
            self.asks = True
            found = {key: _decoded(value) for key, value in self._read().values.items()}
            found |= {key: value for key, value in self._looked_up.items() if value is not None}
        found |= {key: said for key in (*found, *self._looked_up) if (said := self._override(key)) is not None}
        return {key: value for key, value in found.items() if value is not None}

    def _override(self, key: str) -> object:
        """What the user says of a flag in the environment: true, false, or a variant."""
        recorder, variable = self._recorder, f"FLAG_{_spelled(key).upper()}"
        said = next((value for _, value in names.said(recorder.name, recorder.environ, variable) if value), "")
        word = names.word(said)
        return True if word in names.TRUE_WORDS else False if word in names.FALSE_WORDS else said.strip() or None

    def _read(self) -> "Cache":
        """The flags on disk, read again if the file has changed; none if they are too old."""
        from ..sending import flags

        path = self._recorder.paths["flags"]
        try:
            status = os.stat(path)
            seen = (status.st_ino, status.st_size, status.st_mtime_ns)
        except OSError:
            seen = None
        if self._cache is None or seen != self._seen:
            self._cache, self._seen = flags.read(path), seen
        return flags.Cache() if self._cache.is_stale(time.time()) else self._cache

    def _local(self, key: str, default: object, rollout: object) -> object:
        """The variant whose share this installation falls into. The rest gets the default, as a variant to compare
        with, or None if that is neither a text nor a boolean. A single share means True, and False for the rest.
        """
        shares: dict[Any, Any] = rollout if isinstance(rollout, dict) else {True: rollout}
        edge, lot = 0.0, self._recorder.salted().bucket(key)
        rest = default if type(default) in (str, bool) else None
        value = rest if shares is rollout else False
        for variant, share in shares.items():
            if type(share) not in (int, float) or not 0 <= share <= 1 or type(variant) not in (str, bool):
                raise ValueError("rollout must be a share from 0 to 1, or a mapping of variants to such shares")
            if edge <= lot < edge + share:
                value = variant
            edge += share
        if edge > 1 + 1e-9:
            raise ValueError("rollout: the shares are more than 1 in all")
        return value

    def _note(self, key: str, value: object) -> None:
        """Have a variant that was looked up go with later events, and count the lookup, once."""
        field = f"flag.{_spelled(key).lower()}"
        if value is None:
            self._riding.pop(field, None)
            return
        self._riding[field] = value
        declaration, told = self._recorder.declaration, value
        if type(value) is bool:
            told = "true" if value else "false"
        if declaration is None or EXPOSURE not in declaration.events or type(told) is not str:
            return
        if (key, told) not in self._exposed and len(self._exposed) < MOST_KEYS:
            self._exposed.add((key, told))
            self._recorder.track(EXPOSURE, {"flag": key, "variant": told})


def _spelled(key: str) -> str:
    """A key as a variable or a field may have it: with `_` for what neither may hold."""
    return "".join([letter if letter in names.TOOL_CHARACTERS and letter != "-" else "_" for letter in key])


def _decoded(text: str | None) -> object:
    from ..sending.flags import decoded

    try:
        return None if text is None else decoded(text)
    except ValueError:
        return None  # the file is not as it was written
