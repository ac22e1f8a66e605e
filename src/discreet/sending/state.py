"""delivery.json: how far each destination is, and when it may be tried again.

    {"v":1,"plan":"<key> <wake> <attempt> <file> <offset>;...","period":"<signature>","destinations":{"<key>":{
      "shown":"https://example.org/t","since":"2026-11-20T10:30:00Z","offsets":{...},"anchor":[id,time],
      "wake":0,"attempt":0,"failures":0,"held":false,"status":0,"limit":500}}}

The rule that keeps it honest: written whole by temporary file and rename, only by whoever holds the lock, and read as
hostile input: what is not as drawn here counts as never seen, which sends nothing old. `plan` repeats, for each
destination, what a host at its exit needs to see whether a delivery is due, without loading `json`.
"""

import json

from .. import files, names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MOST_RECORDS = 500  # of one request
_FILES = 2 * names.LOG_FILES  # offsets kept: of the files that are there, and some that were


class Place:
    """One destination's place in the log and its fortune. Times are epoch seconds, 0 for never.

    `wake` is when it may be tried again, `attempt` when it last was, `failures` how often in a row it failed, `held`
    whether it refused us, `status` the last HTTP status, `limit` the most records of one request, `since` when it was
    first seen.
    """

    def __init__(self, shown: str, since: str) -> None:
        self.shown = shown
        self.since = since
        self.offsets: dict[str, int] = {}
        self.anchor = ("", "")
        self.wake = 0.0
        self.attempt = 0.0
        self.failures = 0
        self.held = False
        self.status = 0
        self.limit = MOST_RECORDS

    def plain(self) -> "dict[str, Any]":
        """As it is written."""
        return {**vars(self), "anchor": list(self.anchor)}


class State:
    """All of `delivery.json`. `period` is the signature of the consent that the places were made under."""

    def __init__(self) -> None:
        self.period = ""
        self.places: dict[str, Place] = {}


def load(path: str) -> State:
    """The state on disk; an empty one where it is missing, unreadable or not as drawn. Never raises."""
    state = State()
    try:
        content = json.loads(names.read_small(path, names.current_user()))
        if content["v"] != 1:
            return state
        state.period = str(content["period"])
        state.places = {str(key): _place(value) for key, value in content["destinations"].items()}
    except (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return State()
    return state


def save(path: str, state: State, newest: str) -> None:
    """Write the state; `newest` is the identity of the log's newest file. Raises `OSError`."""
    plan = ";".join(
        f"{key} {int(place.wake)} {int(place.attempt)} {newest or '-'} {place.offsets.get(newest, 0)}"
        for key, place in state.places.items()
    )
    content = {
        "v": 1,
        "plan": plan,
        "period": state.period,
        "destinations": {key: place.plain() for key, place in state.places.items()},
    }
    files.write_private(path, json.dumps(content, separators=(",", ":")).encode() + b"\n")


def _place(value: "dict[str, Any]") -> Place:
    """One destination as it was written. Raises `ValueError`, `TypeError` or `LookupError` for anything else."""
    place = Place(str(value["shown"]), str(value["since"]))
    offsets = {str(file): int(offset) for file, offset in value["offsets"].items()}
    if len(offsets) > _FILES or any(offset < 0 for offset in offsets.values()):
        raise ValueError("offsets")
    place.offsets = offsets
    last, time = value["anchor"]
    place.anchor = (str(last), str(time))
    for name in ("wake", "attempt"):
        number = float(value[name])
        if not 0 <= number < names.LARGEST_INTEGER:
            raise ValueError(name)
        setattr(place, name, number)
    place.failures = min(max(0, int(value["failures"])), 1_000)
    place.status = int(value["status"])
    place.held = value["held"] is True
    place.limit = min(max(1, int(value["limit"])), MOST_RECORDS)
    return place
