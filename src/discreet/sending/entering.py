"""Entering: where each destination begins under the consent that stands now, and what that consent covers.

The rule that keeps it honest: in a period of consent nothing is sent that was recorded in another one. A destination
gets nothing from before the process that first saw it, a host that the user has not agreed to gets nothing, and none
gets finer times than were agreed to.
"""

from ..consent import stored
from ..destination import Destination
from ..log import timestamp
from ..privacy import coverage
from ..privacy.agreement import Agreement, is_finer
from . import outbox
from . import state as states
from .handover import time_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..consent import Signature
    from ..names import Paths
    from .plan import Plan

_NEVER = "~"  # after any time


def enter(
    plan: "Plan", state: states.State, signature: "tuple[Signature, ...]", row: str, now: float, *, dry: bool = False
) -> Agreement:
    """Bring the state to the consent of `signature`, by which the gate's `row` has decided, and the plan's destinations
    to the precision of times that it covers. Returns what it covers.

    Raises `OSError` for a log, or an answer, that cannot be read.
    """
    paths, signed, run = plan.paths, repr(signature), f'"run":"{plan.run}"'.encode()
    latest = timestamp(now)  # a later time was made by a clock that was ahead, and says nothing
    since = _since(state, signature, plan.paths, latest)
    # Whether all that the process of the plan has recorded is of the present period.
    known = bool(plan.run) and plan.signature == signature
    if not dry and (state.period != signed or any(one.key not in state.places for one in plan.destinations)):
        outbox.close_torn(paths)
    if state.period != signed:
        offsets, floor = outbox.start(paths, lambda line: (known and run in line) or since < time_of(line) <= latest)
        for place in state.places.values():
            place.enter(outbox.settled(paths, place), offsets, floor)
        state.begin(signed)
    for destination in plan.destinations:
        if destination.key not in state.places:
            place = states.Place(destination.shown, timestamp(now))
            place.offsets, place.floor = outbox.start(
                paths,
                lambda line: (
                    (run in line and bool(plan.run) and (known or since < time_of(line) <= latest))
                    or (state.seen != "" and (state.empty or state.seen < time_of(line) <= latest))
                ),
            )
            state.places[destination.key] = place
    covered = _covered(plan, state, row)
    for destination in plan.destinations:
        agreed = may_go_to(destination, plan, covered)
        state.places[destination.key].agree(until=0.0 if agreed else now + states.DAY_SECONDS)
    plan.destinations = tuple(_as_agreed(destination, plan, covered) for destination in plan.destinations)
    return covered


def _since(state: states.State, signature: "tuple[Signature, ...]", paths: "Paths", latest: str) -> str:
    """The second after which a record was certainly made under the present consent: that of the last answer, or never
    if one was removed since, as nobody knows when.
    """
    changed = [sign[1] for sign in signature if sign is not None]
    taken = repr(signature).count("(") < state.period.count("(")  # fewer files than there were
    if not changed or taken:
        return _NEVER
    # A file server's clock made these, and may be slow: what the answer says of itself is by the clock of records.
    return max(timestamp(max(changed) / 1e9), stored.dated(paths, latest))


def may_go_to(destination: "Destination", plan: "Plan", covered: Agreement) -> bool:
    """Whether the user has agreed to a destination's host, or has named it."""
    return destination.host in plan.own or _precision(destination, plan, covered) != ""


def _precision(destination: "Destination", plan: "Plan", covered: Agreement) -> str:
    """The precision of times that was agreed to; "" if the host was not, or only for the user's key and has another."""
    keyed = coverage.keyed(destination.host)
    return covered.precision(destination.host) or (covered.precision(keyed) if keyed in plan.own else "")


def _as_agreed(destination: "Destination", plan: "Plan", covered: Agreement) -> "Destination":
    """The destination, with its times cut to what was agreed to if they would be finer."""
    agreed = _precision(destination, plan, covered)
    if destination.host in plan.own or not agreed or not is_finer(destination.time_precision, agreed):
        return destination
    options: dict[str, Any] = {**destination.options(), "time_precision": agreed}
    return Destination(**options)


def _covered(plan: "Plan", state: states.State, row: str) -> Agreement:
    """What the consent says that it covers (in an opt-out tool, what the notice said); else what the first run under it
    disclosed. If that is lost, nothing: what is disclosed now may be more.
    """
    agreed = stored.covered(plan.paths, "notice" if row == "default" else "consent", strictly=True)
    if not agreed and not state.covered:
        hosts = coverage.hosts(plan.destinations, plan.own)
        state.covered = coverage.lines(plan.declaration, hosts, identity=plan.identity)
    return Agreement(agreed or state.covered, plan.declaration)
