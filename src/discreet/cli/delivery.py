"""The verbs about what leaves: sent, flush, and `preview --wire`.

The rule that keeps it honest: the request that is shown is made by the very code that sends it, and the value of a
header is never shown. The rooms of delivery are loaded only by functions that need them.
"""

import argparse
import os
import time
from collections import deque
from typing import TYPE_CHECKING

from ..telemetry import facts_of
from .session import Failure, Session, counted, positive

if TYPE_CHECKING:
    from ..consent import Decision
    from ..destination import Destination
    from ..privacy.agreement import Agreement
    from ..sending.delivery import Delivery
    from ..sending.plan import Plan
    from ..sending.wire import Request

_SHOWN = 20  # receipts of `sent`
_SECONDS = 120.0  # the longest that a person waits for `flush`
# What to say at the end about requests that were not delivered, by verdict.
_ENDINGS = {
    "skip": "what was refused for good (skip) is not sent again",
    "hold": "a receiver that takes nothing of it (hold) is left alone for a day: is its address right, and its key?",
    "retry": "what still waits (retry) is tried again later",
}


def sent_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `sent`."""
    parser.add_argument("-n", type=positive, default=_SHOWN, metavar="N", help="how many (default: %(default)s)")
    parser.add_argument("--ids", action="store_true", help="and the ids of the records")


def sent(session: Session, arguments: argparse.Namespace) -> int:
    """The receipts: what went where, when, how much, and what the receiver said."""
    from ..sending import receipts

    found = deque(receipts.read(session.paths), arguments.n)
    if not found:
        session.say("Nothing has been sent.")
        return 0
    session.say(f"{'when (UTC)':<21}{'records':>7}{'bytes':>9}  {'status':<15}{'sha256':<17}where")
    for one in found:
        verdict = one.get("verdict", "")
        status = f"{one.get('status', '')}" + ("" if verdict == "delivered" else f" {verdict}")
        session.say(
            f"{one.get('time', '')!s:<21}{one.get('records', 0)!s:>7}{one.get('bytes', 0)!s:>9}  {status:<15}"
            f"{str(one.get('sha256', ''))[:16]:<17}{one.get('destination', '')} ({one.get('format', '')})"
        )
        ids = one.get("ids")
        for record in ids if arguments.ids and isinstance(ids, list) else ():
            session.say(f"    {record}")
    return 0


def flush(session: Session, arguments: argparse.Namespace) -> int:
    """Deliver what waits now, in the foreground."""
    from ..sending.delivery import Withdrawn
    from ..sending.work import run

    plan = _plan(session, "flush")
    if debugged := session.debugged():
        raise Failure(debugged)
    told: list[str] = []

    def tell(line: str) -> None:
        told.append(line)
        session.say(line)
        session.flush()

    try:
        at_it = run(plan, until=time.monotonic() + _SECONDS, force=True, tell=tell)
    except Withdrawn as reason:
        raise Failure(f"nothing is sent: {reason}") from None
    if not at_it:
        raise Failure("another deliverer is at work; try again in a moment")
    decision = session.decide()
    added = additions(session, decision)
    for each in added:
        session.say(f"Not sent, being new since {since(decision)}: {each}.")
    if not told:
        session.say(f"Nothing {'else ' if added else ''}waits to be sent.")
        return 0
    verdicts = {line.rpartition(": ")[2] for line in told}
    endings = [text for verdict, text in _ENDINGS.items() if verdict in verdicts]
    if endings:
        raise Failure(f"not everything was delivered; {'; '.join(endings)}")
    return 0


def preview_wire(session: Session) -> int:
    """The next request to each destination, as it would be sent, and the one for feature flags if it is due."""
    from ..sending import renewal
    from ..sending.delivery import Delivery, Withdrawn

    plan = _plan(session, "preview --wire")
    try:
        delivery = Delivery(plan, until=time.monotonic() + _SECONDS, dry=True)
    except Withdrawn as reason:
        raise Failure(f"nothing would be sent: {reason}") from None
    for destination in plan.destinations:
        where = f"{destination.shown} ({destination.format})"
        number, request = delivery.next_request(destination)
        if not delivery.may_go_to(destination):
            session.say(f"# {where}: {_fortune(delivery, destination)}")
        elif request is None:
            session.say(f"# {where}: nothing waits")
        else:
            session.say(f"# {where}: {counted(number, 'record')}")
            say_request(session, request)
    asking = renewal.next_request(plan, time.time(), delivery.may_go_to)
    if asking is not None:
        who = "the id of the installation" if plan.flags == "install" else "a random number, another one each time"
        if plan.flags == "install" and not os.path.lexists(session.paths["id"]):
            who += ", which is made by the first request: here a random number"
        session.say(f"# feature flags; the distinct_id is {who}")
        say_request(session, asking)
    return 0


def say_request(session: Session, request: "Request") -> None:
    """Print a request as it would be sent: address, names of headers, body."""
    session.say(f"{request.method} {request.shown}")
    session.say("headers: " + ", ".join(request.headers))
    if request.body:
        session.put(request.body.decode(), exactly=True)


def destinations(session: Session) -> "tuple[tuple[Destination, ...], list[str]]":
    """The destinations in force, and sentences about settings that were refused."""
    from ..sending import settings

    found = settings.of(session.telemetry)
    return found.ready, found.problems


def in_force(session: Session) -> "tuple[Destination, ...]":
    """The destinations in force. Complains of settings that were refused."""
    found, problems = destinations(session)
    for problem in problems:
        session.complain(problem)
    return found


def disclosed(session: Session) -> "list[str]":
    """What a yes now covers: all that the tool's disclosure says; nothing without the tool, which alone knows it."""
    from .. import first

    return [] if session.alone else first.disclosed(session.telemetry, destinations(session)[0])


def since(decision: "Decision") -> str:
    """What additions are counted from, in words: the notice of an opt-out tool, else the user's yes."""
    return "its notice" if decision.row == "default" else "you agreed"


def additions(session: Session, decision: "Decision") -> "list[str]":
    """The events, fields and hosts that are new since the user agreed, and so not sent; `decision` as in `waiting`."""
    found, _ = destinations(session)
    if not found or session.alone:
        return []
    delivery = _looking(session, found, decision)
    return [] if delivery is None else _beyond(session, delivery.agreement)


def additions_while_off(session: Session) -> "list[str]":
    """The same for a stored yes that lists what it covers, while something else says off."""
    from ..consent import ON, stored
    from ..privacy.agreement import Agreement

    found, _ = destinations(session)
    if not found or session.alone or facts_of(session.telemetry).consent[0] != ON:
        return []
    agreed = stored.covered(session.paths)
    return _beyond(session, Agreement(agreed, session.telemetry.declaration)) if agreed else []


def _beyond(session: Session, agreement: "Agreement") -> "list[str]":
    from .. import first

    hosts = first.declared_hosts(session.telemetry, destinations(session)[0])
    return agreement.additions(hosts, identity=session.telemetry.identity)


def waiting(session: Session, decision: "Decision") -> "list[tuple[Destination, int, str]]":
    """Each destination in force with the number of records that wait for it (0 while telemetry is off), and its state
    in words. `decision` is what the user was told of the gate.
    """
    found, _ = destinations(session)
    if not found:
        return []
    delivery = _looking(session, found, decision)
    if delivery is None:
        return [(one, 0, "nothing is sent while it is off") for one in found]
    told = []
    for one in found:
        number = delivery.waiting(one)
        told.append((one, number, f"{number:,} waiting, {_fortune(delivery, one)}"))
    return told


def _looking(session: Session, found: "tuple[Destination, ...]", decision: "Decision") -> "Delivery | None":
    """A deliverer that only looks; None while telemetry is off. Raises `Failure` if that contradicts `decision`."""
    from ..sending.courier import plan_of
    from ..sending.delivery import Delivery, Withdrawn

    try:
        return Delivery(plan_of(session.telemetry, found), until=0.0, dry=True)
    except Withdrawn as reason:
        if decision.enabled:
            raise Failure(f"try again: {reason}") from None
        return None


def _fortune(delivery: "Delivery", destination: "Destination") -> str:
    place = delivery.place(destination)
    if not delivery.may_go_to(destination):
        return "its host is new, so nothing is sent there until you agree"
    now = time.time()
    seconds = int(place.wake - now) if place.asleep(now) else 0
    left = counted(seconds // 3600 + 1, "hour") if place.held else counted(seconds, "second")
    when = f"in {left}" if seconds else "by the next run"
    if place.held:
        return f"it refuses us (status {place.status}); tried again {when}"
    if place.failures:
        why = f" ({problem})" if (problem := delivery.problem()) else ""
        return f"failed {counted(place.failures, 'time')} in a row{why}; tried again {when}"
    return f"last answer {place.status}" if place.status else "nothing sent yet"


def _plan(session: Session, verb: str) -> "Plan":
    from ..sending.courier import plan_of

    session.check_tool(verb)
    session.check_place()
    found = in_force(session)
    if not found:
        why = "no destination is set"
        if session.telemetry.mode == "local":
            why = 'with consent="local" all stays on this machine'
        elif destinations(session)[1]:
            why = "no destination can be used"
        raise Failure(f"{session.telemetry.name} sends nothing anywhere: {why}")
    plan = plan_of(session.telemetry, found)
    if os.path.lexists(session.paths["flags"]):  # a run of the tool has looked up a flag
        plan.flags = session.telemetry.identity
    return plan
