"""Who delivers: a detached child at the exit, or, if that cannot be, the host's own daemon thread.

The rule that keeps it honest: a child whenever one can be started; the thread only if none can, if the author asked
for it, or in a process that has lived long enough for its thread not to be in the way. Either way nobody waits.
"""

import os
import sys
import time

from .. import names
from ..consent import MARKS, signature
from . import handover

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _thread import LockType
    from collections.abc import Mapping
    from typing import Any

    from ..destination import Destination
    from . import Sender
    from .owner import Owner
    from .plan import Plan

LONG_LIVED_SECONDS = 10.0
THREAD_SECONDS = 20.0  # the longest that the thread delivers in one go; another one writes the log meanwhile
_LOOK_SECONDS = 1.0  # the shortest pause between two looks of the thread


def engaged(owner: "Owner") -> "Courier | None":
    """The courier for the destinations in force; None if there are none."""
    destinations = owner.destinations
    head = names.prefix(owner.name)
    if owner.settings or any(name.startswith(head) for name in owner.environ):
        from .settings import Settings

        destinations = Settings(owner.name, owner.environ, owner.settings).destinations(destinations)
    destinations = tuple(one for one in destinations if one.format != "posthog" or one.api_key)  # it waits for its key
    return Courier(owner, destinations) if destinations else None


def plan_of(owner: "Owner", destinations: "tuple[Destination, ...]", run: str = "") -> "Plan":
    """What a deliverer works with, under the owner's present consent; `run` is the run id of this process."""
    from .plan import Plan

    return Plan(
        owner.name,
        owner.paths,
        destinations,
        owner.declaration,
        mode=owner.mode,
        environ=owner.environ,
        settings=owner.settings,
        lifted=owner.lifted,
        run=run,
        signature=owner.signature,
        identity=owner.identity,
        flags=_flags(owner),
        own=own_hosts(owner, destinations),
    )


def own_hosts(owner: "Owner", destinations: "tuple[Destination, ...]") -> "tuple[str, ...]":
    """The hosts that the user's environment names. And, named as by `coverage.keyed`, those of the destinations that
    have its key, if the code left one without.
    """
    if not names.addressed(owner.name, owner.environ, {}):
        return ()
    from .settings import Settings

    settings = Settings(owner.name, owner.environ, {})
    if all(one.format != "posthog" or one.api_key for one in owner.destinations) or not (key := settings.api_key()):
        return settings.hosts()
    from ..privacy.coverage import keyed

    return (*settings.hosts(), *(keyed(one.host) for one in destinations if one.api_key == key))


def plain(owner: "Owner", destinations: "tuple[Destination, ...]", run: str, signature: object) -> "dict[str, Any]":
    """The plan as plain values, for the pipe to a child, and only what that needs; `plan.restored` undoes it.

    Not made from a `Plan`, for which a host would load one more file at its end.
    """
    declaration = None
    if owner.declaration is not None:
        from ..privacy.plain import plain as plain_declaration

        declaration = plain_declaration(owner.declaration)
    return {
        "tool": owner.name,
        "directory": owner.paths.directory,
        "below": owner.paths.below,
        "files": dict(owner.paths.files),
        "destinations": [one.options() for one in destinations],
        "declaration": declaration,
        "mode": owner.mode,
        "environ": _watched(owner.name, owner.environ),
        "settings": {key: value for key, value in owner.settings.items() if type(value) in (str, int, bool, float)},
        "lifted": owner.lifted,
        "run": run,
        "signature": signature,
        "identity": owner.identity,
        "flags": _flags(owner),
        "own": own_hosts(owner, destinations),
    }


def _flags(owner: "Owner") -> str:
    """For whom to ask about feature flags, as `Plan.flags`."""
    return owner.identity if owner.flagged is not None and owner.flagged.asks else ""


def _watched(tool: str, environ: "Mapping[str, str]") -> "dict[str, str]":
    """The variables that the gate looks at."""
    head = names.prefix(tool)
    known = {*MARKS.split(), *names.SHARED_SWITCHES}
    return {
        name: value
        for name, value in environ.items()
        if name in known or name.startswith((f"{head}_TELEMETRY_", f"{head}__TELEMETRY__", f"{head}_NO_TELEMETRY"))
    }


def _has_streams() -> bool:
    """Whether the standard streams are open. If one is not, the thread does not deliver: the system's resolver may open
    a connection of its own at that number, and what the host prints would go there.
    """
    try:
        for number in (0, 1, 2):
            os.fstat(number)
    except OSError:
        return os.name == "nt"  # there sockets have no such numbers
    return True


class Courier:
    """Delivery of one process."""

    def __init__(self, owner: "Owner", destinations: "tuple[Destination, ...]") -> None:
        if sys.implementation.name != "cpython":
            # In PyPy the modules of a delivery import this, and the end of a process waits for the thread that does so
            # first: that must not be ours.
            import threading  # noqa: F401  # for its being loaded
        self._owner = owner
        self.destinations = destinations
        self._by_thread = owner.delivery == "thread" or not handover.can_start()
        # Of the consent that this process began to record under. If that has changed since, a deliverer must not take
        # all records of this run for agreed to.
        self._signature = owner.signature
        self._born = time.monotonic()
        self._next_look = 0.0
        self._at_it = 0  # the pid of the process whose thread delivers just now
        self._plan: Plan | None = None  # by which it delivers

    def pause(self) -> float:
        """Seconds until the thread should look whether a delivery is due."""
        now = time.monotonic()
        first = now if self._by_thread else self._born + LONG_LIVED_SECONDS
        return max(first - now, self._next_look - now, 0.0)

    def work(self, run: str) -> None:
        """In the thread: deliver what is due. Raises nothing that a disk or a network does."""
        shortest = min(one.batch_interval for one in self.destinations)
        self._next_look = time.monotonic() + max(shortest / 2, _LOOK_SECONDS)
        if self._due() and _has_streams():
            from .work import deliver

            plan = self._plan = plan_of(self._owner, self.destinations, run)
            plan.signature = self._signature
            deliver(plan, until=time.monotonic() + THREAD_SECONDS)

    def deliver(self, sender: "Sender", running: "LockType") -> bool:
        """In the thread: work, which may take long; whether the writing is then still this thread's task."""
        if self._at_it == os.getpid():  # another thread here does; after a fork, one of the parent's does not count
            self._next_look = time.monotonic() + _LOOK_SECONDS
            return True
        self._at_it = os.getpid()
        running.release()
        self._owner.border("delivery", self.work, sender.encoder.run)
        self._at_it = 0
        if not running.acquire(blocking=False):
            return False
        if sender.closed:  # meanwhile, by a caller who wrote the rest and left no word for this thread
            sender.end(0.0)
        return True

    def forked(self) -> None:
        """In the child of a fork, which has no thread that delivers: leave the lock to the parent."""
        if self._plan is not None and self._plan.lock is not None:
            self._plan.lock.abandon()
        self._plan = None

    def leave(self, run: str) -> None:
        """At the exit, with the log written: hand over to a child what is due. If the user's answer has changed since,
        do nothing: a later run decides. Raises nothing that a system refuses.
        """
        if self._by_thread:
            return  # a later run, or its thread, delivers
        if not self._owner.off and self._due() and signature(self._owner.paths) == self._owner.signature:
            handover.start(plain(self._owner, self.destinations, run, self._signature))

    def _due(self) -> bool:
        return handover.due(self._owner.paths, self.destinations, time.time(), flags=_flags(self._owner) != "")
