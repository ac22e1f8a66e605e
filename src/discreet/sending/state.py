"""delivery.json: how far each destination is, and when it may be tried again.

    {"v":1,"plan":"<key> <wake> <attempt> <file> <offset>;...","period":"<signature>","covered":[...],
     "destinations":{"<key>":{
      "shown":"https://example.org/t","since":"2026-11-20T10:30:00Z","offsets":{...},"away":{...},"anchor":[id,time],
      "floor":time,"wake":0,"attempt":0,"failures":0,"held":false,"status":0,"limit":500}}}

`offsets`, `away`, `anchor` and `floor` are explained in `outbox`, `covered` in privacy/coverage.py: what a consent
covers, if it does not say so itself. Before the first deliverer there is only what the first process noted before its
first record (`first`): with destinations `seen`, when that was, and `empty`, whether there was no log yet.

The rule that keeps it honest: written whole by temporary file and rename, only by whoever holds the lock, never longer
than what is read, and read as hostile input. A file that is not as drawn here counts as `lost`: no place was ever seen,
so nothing old is sent; and nobody knows what the consent covered, so it covers nothing. `plan` repeats, for each
destination, what a host needs at its exit to see whether a delivery is due, without loading `json`.
"""

import errno
import json
import os
import re

from .. import files, names
from ..privacy import coverage
from . import outbox
from .handover import SANE_SECONDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DAY_SECONDS = 86_400.0
MOST_RECORDS = 500  # of one request
MOST_PLACES = 16  # kept: of the destinations in force, and of those that were tried last
_MOST_AWAY = 2 * names.LOG_FILES  # files remembered that are gone: they come back soon, or not at all
_TEXT = 256  # characters of any text in the file
_PERIOD = re.compile(r"\((?:(?:None|\(\d+, -?\d+\))(?:, |\)$)){3}")  # as `consent.signature` tells it
_NONE_OF_OURS = (names.NOT_OURS, errno.EINVAL)  # the latter is raised for anything but a regular file


class Place:
    """One destination's place in the log, and how its deliveries went. Times are epoch seconds, 0 for never.

    `wake` is when it may be tried again, `attempt` when it last was, `failures` how often in a row it failed, `held`
    whether it refused us, `agreed` whether the consent covers its host, `status` the last HTTP status, `limit` the most
    records of one request, `since` when it was first seen.
    """

    def __init__(self, shown: str, since: str) -> None:
        self.shown = shown[:_TEXT]
        self.since = since
        self.offsets: dict[str, tuple[int, int]] = {}
        self.away: dict[str, tuple[int, int]] = {}
        self.anchor = ("", "")
        self.floor = ""
        self.wake = 0.0
        self.attempt = 0.0
        self.failures = 0
        self.held = False
        self.agreed = True
        self.status = 0
        self.limit = MOST_RECORDS

    def asleep(self, now: float) -> bool:
        """Whether it may not be tried yet."""
        return now < self.wake < now + SANE_SECONDS

    def enter(self, here: "outbox.Offsets", offsets: "outbox.Offsets", floor: str) -> None:
        """Go on from `offsets`, where a period of consent begins, but in no file from before its spot `here`."""
        self.away = dict.fromkeys([*self.away, *(self.offsets.keys() - here.keys())], outbox.EVERYTHING)
        self.offsets = {file: max(spot, here.get(file, outbox.START)) for file, spot in offsets.items()}
        self.anchor = ("", "")
        self.floor = max(self.floor, floor)
        self.agree()

    def settle(self, offsets: "outbox.Offsets") -> None:
        """Go on from `offsets`, those of the files that are there now; of the other files, remember the last ones."""
        away = {file: spot for file, spot in {**self.away, **self.offsets}.items() if file not in offsets}
        self.away = dict(list(away.items())[-_MOST_AWAY:])
        self.offsets = offsets

    def agree(self, *, until: float = 0.0) -> None:
        """The consent covers the host; or, with `until`, it does not, and nobody need look again before that time."""
        if until:
            self.agreed, self.wake = False, until
        elif not self.agreed:
            self.agreed, self.wake = True, 0.0


class State:
    """All of `delivery.json`. `period` is the signature of the consent that the places were made under, `covered` what
    the first run under it disclosed; `noted` and `told` are the same for a later one, which no deliverer has seen yet.
    `lost` is whether there is a file, but not as drawn above.
    """

    def __init__(self) -> None:
        self.period = self.noted = self.seen = ""
        self.covered: list[str] = []
        self.told: list[str] = []
        self.places: dict[str, Place] = {}
        self.empty = self.lost = False

    def begin(self, period: str, *, anew: bool = False) -> None:
        """Take up the consent of this signature, `anew` if it is certainly another one than before, with what its first
        run has noted.
        """
        told = self.told if self.noted == period else [] if anew else self.known()
        self.period, self.covered, self.seen = period, told, ""
        self.noted, self.told = "", []

    def known(self) -> "list[str]":
        """All that a consent may cover which none of its runs has noted; empty for what is disclosed now. If it cannot
        be told whether this is the answer that stood before, that is what was covered then: a version that tells
        answers apart by something else wrote the file, or it is lost.
        """
        last = self.noted or self.period
        if self.lost or not last or _PERIOD.fullmatch(last):
            return [coverage.LOST] if self.lost else []
        return self.told if self.noted else self.covered


def backoff(first: float, failures: int) -> float:
    """Seconds until the next attempt: doubled with each failure, at most a day; by chance, between half and all."""
    jitter = 0.5 + int.from_bytes(os.urandom(2), "big") / 131_072
    return min(first * 2.0 ** min(failures - 1, 20), DAY_SECONDS) * jitter


def load(path: str, *, strictly: bool = False) -> State:
    """The state on disk; an empty one if it is missing, a lost one if it is not as drawn. Never raises, unless
    `strictly`: then `OSError` for a file that seems to be ours, and cannot be read just now.
    """
    state = State()
    try:
        return _state(json.loads(names.read_small(path, names.current_user())))
    except (FileNotFoundError, NotADirectoryError):
        return state
    except OSError as error:
        if error.errno not in _NONE_OF_OURS:
            if strictly:
                raise
            return state
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError):
        pass  # torn, or cut off, or somebody else's
    state.lost = True
    return state


def save(paths: names.Paths, state: State, first: "list[str]") -> None:
    """Write the state, the destinations `first` before the others, as far as there is room. Raises `OSError`."""
    others = sorted(state.places.keys() - set(first), key=lambda key: -state.places[key].attempt)
    kept = [key for key in first if key in state.places] + others
    state.places = {key: state.places[key] for key in kept[: max(MOST_PLACES, len(first))]}
    for place in state.places.values():
        place.settle(outbox.settled(paths, place))
    newest = outbox.newest(paths)
    while (over := len(content := _written(state, newest)) - names.SMALL_BYTES) > 0:
        lines = state.told if state.noted else state.covered
        if len(state.places) > len(first):
            state.places.popitem()  # of those that nobody named, the one tried longest ago
        elif lines not in ([], [coverage.LOST]):
            lines[:] = coverage.bounded(lines, coverage.size(lines) - over)
        else:
            raise OSError(errno.EFBIG, "so many destinations have no room", paths["delivery"])
    files.write_private(paths["delivery"], content)


def _written(state: State, newest: str) -> bytes:
    """The file, `newest` being the newest of the log. In UTF-8, as `first` writes it: an escape is thrice as long."""
    plan = ";".join(
        f"{key} {int(place.wake)} {int(place.attempt)} {newest or '-'} {place.offsets.get(newest, outbox.START)[0]}"
        for key, place in state.places.items()
    )
    content = {
        "v": 1,
        "plan": plan,
        "period": state.period,
        "covered": state.covered,
        **({"noted": state.noted, "told": state.told} if state.noted else {}),
        "destinations": {key: vars(place) for key, place in state.places.items()},
    }
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def _lines(value: "list[object]") -> "list[str]":
    """The lines of a consent, without those that are not printable, which UTF-8 may not hold. If none of them is left,
    what was agreed to is lost, which is not the same as never noted.
    """
    return [line for line in value if isinstance(line, str) and line.isprintable()] or [coverage.LOST] * bool(value)


def _state(content: "dict[str, Any]") -> State:
    """All of it as it was written; raises as `_place` does, and `AttributeError`, for anything else."""
    state = State()
    if content["v"] != 1:
        raise ValueError("another version")
    state.period, state.covered = _text(content["period"]), _lines(content["covered"])
    state.noted, state.told = _text(content.get("noted", "")), _lines(content.get("told", []))
    if not content["destinations"] and "seen" in content:
        state.seen, state.empty = _text(content["seen"]), content["empty"] is True
    state.places = {_text(key): _place(value) for key, value in content["destinations"].items()}
    return state


def _place(value: "dict[str, Any]") -> Place:
    """One destination as it was written. Raises `ValueError`, `TypeError` or `LookupError` for anything else."""
    place = Place(_text(value["shown"]), _text(value["since"]))
    for spots, found in ((place.offsets, value["offsets"]), (place.away, value.get("away", {}))):
        for file, (offset, mark) in found.items():
            spots[_text(file)] = (_whole(offset), _whole(mark))
    last, time = value["anchor"]
    place.anchor = (_text(last), _text(time))
    place.floor = _text(value["floor"])
    for name in ("wake", "attempt"):
        number = float(value[name])
        if not 0 <= number < names.LARGEST_INTEGER:
            raise ValueError(name)
        setattr(place, name, number)
    place.failures = min(_whole(value["failures"]), 1_000)
    place.status = _whole(value["status"])
    place.held = value["held"] is True
    place.agreed = value.get("agreed") is not False
    place.limit = min(max(1, _whole(value["limit"])), MOST_RECORDS)
    return place


def _whole(value: object) -> int:
    if type(value) is not int or not 0 <= value < names.LARGEST_INTEGER:
        raise ValueError("not a whole number in range")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.isascii() or len(value) > _TEXT:
        raise ValueError("not a plain text")
    return value
