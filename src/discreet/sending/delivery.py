"""Delivery: from the log, by each destination's place in it, to a receiver: encode, exchange, classify, move on.

The rule that keeps it honest: consent is looked at again just before each socket. A place moves on only after the
receiver has answered and the receipt is on disk, so what was on the log arrives at least once. And before each attempt
the next one is put off on disk, so that attempts do not get more frequent if deliverers are killed.

| verdict   | what follows; `http.VERDICTS` says from which status it is |
|-----------|-----------------------------------------------------------|
| delivered | receipt, the place moves on                               |
| retry     | exponential backoff with jitter, Retry-After at least     |
| halve     | half as many records; a single one is skipped             |
| skip      | receipt, the place moves on                               |
| hold      | the place stays, tried again after a day                  |
"""

import time
from functools import partial

from .. import consent
from ..log import timestamp
from . import entering, http, outbox, receipts, wire
from . import state as states
from .connection import Trust
from .distrust import Distrust
from .handover import time_of
from .losses import save as save_losses

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias

    from ..destination import Destination
    from .lock import DeliveryLock
    from .plan import Plan
    from .records import Record

    # A line: its record, or None and why; its file, and the spot behind it.
    Entry: TypeAlias = tuple[Record | None, str, str, outbox.Spot]

SHORTEST_BACKOFF = 0.5  # seconds after the first failure, for a destination whose `batch_interval` is shorter
PATIENCE_SECONDS = 2.0  # a deliverer about to end waits up to this long for a destination to be tried again


class Withdrawn(Exception):
    """The consent is not what it was: nothing more is sent."""


class Delivery:
    """One deliverer at work. The lock is held by its caller, unless `dry`: then nothing is written and nothing sent.

    `until` is in monotonic seconds; with `force` all that waits is due; `tell` is given a line for each request;
    `clock` and `exchange` can be those of a test. Raises `Withdrawn` if telemetry is off, and `OSError` if a file
    cannot be read just now: a known destination must not pass for a new one, nor a consent for another one.
    """

    def __init__(
        self,
        plan: "Plan",
        *,
        until: float,
        force: bool = False,
        dry: bool = False,
        clock: "Callable[[], float]" = time.time,
        exchange: "Callable[..., http.Outcome] | None" = None,
        tell: "Callable[[str], None]" = lambda _: None,
    ) -> None:
        self._plan, self._until, self._force, self._dry = plan, until, force, dry
        self._clock, self._tell = clock, tell
        # Certificates of the system are read once, and not for each request (40 ms).
        self._exchange = exchange or partial(http.exchange, trust=Trust())
        self._losses: dict[str, int] = {}
        self._failed: set[str] = set()  # destinations that are not forced a second time
        self._signature = consent.signature(plan.paths)  # before the files are read: a change in between is seen
        decision = plan.decide()
        if not decision.enabled:
            raise Withdrawn(decision.reason)
        if consent.signature(plan.paths, strictly=True) != self._signature:
            raise Withdrawn("the stored consent has changed")
        self._state = states.load(plan.paths["delivery"], strictly=True)
        self.agreement = entering.enter(plan, self._state, self._signature, decision.row, clock(), dry=dry)
        plan.signature = self._signature  # under which files are made from here on
        if plan.flags == "install" and not self.agreement.install:
            plan.flags = "run"  # nor is the id to be used to ask for flags
        self._save()
        self._distrust = Distrust(plan.tool, plan.declaration, decision.level, self.agreement)

    def work(self, lock: "DeliveryLock") -> None:
        """Deliver what is due, look once more, and end. Raises `Withdrawn`, and `OSError` if the disk fails."""
        try:
            while time.monotonic() < self._until:
                lock.announce()
                self._round()
                lock.take_leave()
                # A host that appended before it could see this leave relies on this look; a later one starts a child.
                if not any(self._due(destination) for destination in self._plan.destinations) and not self._pause():
                    return
        finally:
            self._count()

    def next_request(self, destination: "Destination") -> "tuple[int, wire.Request | None]":
        """How many records the next request to a destination carries, and the request; None if nothing waits."""
        batch, request = _encoded(self._waiting(destination), destination)
        return len(batch), request

    def waiting(self, destination: "Destination") -> int:
        """The number of lines of the log that a destination has not been given yet."""
        return sum(1 for _ in outbox.pending(self._plan.paths, self.place(destination)))

    def place(self, destination: "Destination") -> states.Place:
        """A destination's place, and how its deliveries went."""
        return self._state.places[destination.key]

    def problem(self) -> str:
        """Why nothing can be sent to anybody just now; "" if it can."""
        return receipts.problem(self._plan.paths)

    def _round(self) -> None:
        for destination in self._plan.destinations:
            while time.monotonic() < self._until and self._due(destination) and self._send(destination):
                continue
        if self._plan.flags and time.monotonic() < self._until:
            from . import renewal

            renewal.renew(self._plan, self._clock(), self.may_go_to, self._ask, self._tell)

    def may_go_to(self, destination: "Destination") -> bool:
        """Whether the user has agreed to a destination's host, or chosen it."""
        return entering.may_go_to(destination, self._plan, self.agreement)

    def _due(self, destination: "Destination") -> bool:
        """Whether a delivery is due: enough records wait, or one has waited long enough."""
        place = self.place(destination)
        if not self.may_go_to(destination):
            return False
        now = self._clock()
        forced = self._force and destination.key not in self._failed
        if place.asleep(now) and not forced:
            return False
        lines = outbox.pending(self._plan.paths, place)
        for waiting, (_, _, line) in enumerate(lines, 1):
            if forced or waiting >= destination.batch_size:
                return True
            if waiting == 1:
                oldest = time_of(line)
                longest = timestamp(now - destination.batch_interval)
                since = timestamp(place.attempt) if place.attempt else oldest
                if not longest < since <= timestamp(now):  # long enough ago; or in the future, of a clock set back
                    return True
        return False

    def _send(self, destination: "Destination") -> bool:
        """Send one request; whether it is worth going on with this destination."""
        place = self.place(destination)
        entries = self._waiting(destination)
        batch, request = _encoded(entries, destination)
        if request is None:
            return self._move_on(place, entries, len(entries))
        place.attempt = self._clock()
        first = max(SHORTEST_BACKOFF, destination.batch_interval)
        place.wake = place.attempt + states.backoff(first, place.failures + 1)
        self._save()
        outcome = self._ask(request, destination)
        now = self._clock()
        place.status = outcome.status
        verdict = _verdict(
            outcome.verdict, len(batch), long_beacon=destination.format == "beacon" and bool(request.body)
        )
        records = f"{len(batch):,} record{'s' * (len(batch) != 1)}"
        self._tell(f"{destination.shown}: {records}, {outcome.said}: {verdict}")
        if verdict in ("delivered", "skip"):
            ids = [record["id"] for record in batch]
            about = (request, destination.shown, destination.format, self._clock())
            self._vouch(place, receipts.of(*about, status=outcome.status, verdict=verdict, ids=ids))
            if verdict == "skip":
                self._lose("receiver_refused", len(batch))
            place.failures, place.wake, place.held = 0, 0.0, False
            place.limit = min(2 * place.limit, states.MOST_RECORDS)
            return self._move_on(place, entries, len(batch))
        place.held = verdict == "hold"
        if verdict == "halve":
            place.limit, place.wake = max(1, len(batch) // 2), 0.0
        elif verdict == "hold":
            place.wake = now + states.DAY_SECONDS
        else:
            place.failures += 1
            place.wake = max(place.wake, now + min(outcome.retry_after or 0.0, states.DAY_SECONDS))
        if verdict != "halve":
            self._failed.add(destination.key)
        self._save()
        return verdict == "halve"

    def _vouch(self, place: states.Place, receipt: "dict[str, Any]") -> None:
        """Write a receipt. Raises `OSError`, which counts as a failure: the same must not be sent again at once."""
        try:
            receipts.write(self._plan.paths, receipt)
        except OSError:
            place.failures += 1
            self._save()
            raise

    def _ask(self, request: "wire.Request", destination: "Destination", **more: int) -> http.Outcome:
        """Exchange a request, unless there can be no receipt. Raises `Withdrawn` if it is no longer agreed to."""
        if self.problem():
            return http.Outcome(0, None, "receipts", 0.0)
        if consent.signature(self._plan.paths, strictly=True) != self._signature or not self._plan.decide().enabled:
            raise Withdrawn("the stored consent has changed")
        limit = min(self._until, time.monotonic() + 3 * destination.timeout)
        outcome = self._exchange(request, timeout=destination.timeout, deadline=limit, **more)
        self._check()
        return outcome

    def _waiting(self, destination: "Destination") -> "list[Entry]":
        """The next lines, up to as many records as a request may carry."""
        place = self.place(destination)
        entries: list[Entry] = []
        most = min(place.limit, wire.FORMATS[destination.format])
        for file, spot, line in outbox.pending(self._plan.paths, place):
            record, why = self._distrust.judge(line, self._clock())
            entries.append((record, why, file, spot))
            most -= record is not None
            if most == 0:
                break
        return entries

    def _move_on(self, place: states.Place, entries: "list[Entry]", number: int) -> bool:
        """Move a place behind the first `number` records of `entries`. Lines that may not leave are counted."""
        for record, why, file, spot in entries:
            place.offsets[file] = spot
            if record is None:
                if why:
                    self._lose(why, 1)
                continue
            place.anchor = (record["id"], record["time"])
            number -= 1
            if number == 0:
                break
        self._count()  # before the place: whoever is killed here counts twice rather than never
        self._save()
        return True

    def _pause(self) -> bool:
        """Wait for a destination that may be tried again soon; whether there was one."""
        now = self._clock()
        wakes = [self.place(destination).wake for destination in self._plan.destinations]
        soon = min((wake - now for wake in wakes if now < wake), default=states.DAY_SECONDS)
        if self._force or not soon <= PATIENCE_SECONDS or time.monotonic() + soon >= self._until:
            return False
        if self.problem():
            return False  # that does not end so soon
        time.sleep(soon + 0.01)
        return True

    def _lose(self, reason: str, number: int) -> None:
        self._losses[reason] = self._losses.get(reason, 0) + number

    def _count(self) -> None:
        """Save the losses, or keep them for the next time: no count is worth sending records twice."""
        try:
            if self._losses:
                save_losses(self._losses, self._plan.paths, make=False)
        except OSError:
            pass

    def _check(self) -> None:
        """Raise `Withdrawn` if `clear` has erased the files meanwhile."""
        if self._plan.lock is not None and not self._plan.lock.stands():
            raise Withdrawn("the files were erased")

    def _save(self) -> None:
        """Write the state. Raises `OSError`, and `Withdrawn` if `clear` has erased it meanwhile."""
        self._check()
        if not self._dry:
            states.save(self._plan.paths, self._state, [destination.key for destination in self._plan.destinations])


def _encoded(entries: "list[Entry]", destination: "Destination") -> "tuple[list[Record], wire.Request | None]":
    """The records of the next request, and the request; None if no entry may leave."""
    records = [record for record, _, _, _ in entries if record is not None]
    return next(wire.split(records, destination)) if records else ([], None)


def _verdict(verdict: str, records: int, *, long_beacon: bool) -> str:
    """What follows for these records. A single one is skipped, not halved; so is one that a beacon receiver refuses
    because it came as a POST, too long for a URL: it must not hold up the others.
    """
    single = verdict == "halve" and records == 1
    return "skip" if single or (verdict == "hold" and long_beacon) else verdict
