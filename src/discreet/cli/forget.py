"""The verb `forget`: ask receivers to delete what they were sent, and erase what lies here.

The rule that keeps it honest: nothing is sent or erased before the exact bytes of each request and the path of each
file were shown, and ids are kept until a receiver has taken the request that names them. The gate does not matter: a no
is no reason to keep what was sent, and only ids leave, for their own deletion, because the user said so.
"""

import argparse
import errno
import time
from typing import TYPE_CHECKING

from . import data, delivery
from .session import Failure, OutputLost, Session, counted

if TYPE_CHECKING:
    from typing import TypeAlias

    from ..destination import Destination
    from ..sending.forget import Sent
    from ..sending.wire import Request

    Wanted: TypeAlias = list[tuple[Destination, list[tuple[int, Request]]]]  # (number of ids, request)

# How a receiver of each format finds a record; see the formats in sending/wire.
_KNOWN_AS = {
    "beacon": "parameter i",
    "json": "id; no destination of now has this address",
    "otlp": "trace id",
    "posthog": "uuid",
}


def forget_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `forget`."""
    parser.add_argument("--yes", action="store_true", help="show it all, and do not ask")


def forget(session: Session, arguments: argparse.Namespace) -> int:
    """Ask for the deletion of what was sent, and erase all data and the stored answer."""
    from ..sending import forget as asking
    from ..sending.lock import TAKING_LEAVE_SECONDS, DeliveryLock

    session.check_tool("forget", f"; or `{session.command} clear`, which erases what lies here and asks nobody")
    session.check_place()
    found, no = data.going(session)
    if not found:
        data.erase(session, found, no)
        return 0
    if not arguments.yes:
        data.check_terminal("forget")
    # What another deliverer sent meanwhile would not be in the requests.
    with DeliveryLock(session.paths, patience=TAKING_LEAVE_SECONDS) as held:
        if not held:
            raise Failure("another deliverer is at work; try again in a moment")
        try:
            left = _ask(session, asking.sent(session.paths), sure=arguments.yes)
        except OutputLost:
            raise OutputLost from OSError(errno.EIO, "what cannot be shown is not done")
        if left is None:
            session.say("Nothing was sent or erased.")
            return 0
        if left:
            asking.keep(session.paths, left)
        kept = [session.paths.files["receipts"]] if left else []
        found, no = data.going(session)
        found = [name for name in found if name not in kept]
        data.remove(session, [name for name in found if name != session.paths.files["lock"]])
    data.erase(session, found, no)  # only the lock is left: Windows cannot erase it while it is held
    if left:
        number = counted(sum(map(len, left.values())), "record")
        raise Failure(f"{number} could not be asked for; their ids are kept: try `{session.command} forget` again")
    return 0


def _ask(session: Session, sent: "Sent", *, sure: bool) -> "Sent | None":
    """Show all that would be done, then ask for the deletion. Returns the ids that no receiver took; None for a no."""
    wanted = _wanted(session, sent)
    _show(session, sent, wanted)
    session.flush()
    if not sure and not data.confirmed(session, "Do all this?"):
        return None
    taken = {(one.shown, one.format): _send(session, one, requests) for one, requests in wanted}
    return {key: sent[key][number:] for key, number in taken.items() if number < len(sent[key])}


def _wanted(session: Session, sent: "Sent") -> "Wanted":
    """The requests to each json destination in force that was sent something, by destination."""
    from ..sending import forget as asking

    tool, version = session.telemetry.name, session.telemetry.version
    return [
        (one, list(asking.requests(sent[one.shown, one.format], one, tool, version)))
        for one in delivery.in_force(session)
        if one.format == "json" and (one.shown, one.format) in sent
    ]


def _show(session: Session, sent: "Sent", wanted: "Wanted") -> None:
    for one, requests in wanted:
        for number, request in requests:
            session.say(f"# to be sent to {one.shown}: the deletion of {counted(number, 'record')}")
            delivery.say_request(session, request)
    asked = {(one.shown, one.format) for one, _ in wanted}
    for (where, form), ids in sent.items():
        if (where, form) not in asked:
            session.say(
                f"# cannot be asked from here: whoever runs {where} ({form}) has {counted(len(ids), 'record')}. Keep "
                f"this list, and ask them to delete, by {_KNOWN_AS.get(form, 'id')}:"
            )
            for one_id in ids:
                session.put(one_id.replace("-", "") if form == "otlp" else one_id)
    found, no = data.going(session)
    session.say(f"# to be erased: {data.described(session, found)}")
    data.say_paths(session, found)
    if no:
        session.say(f"# {no}")


def _send(session: Session, one: "Destination", requests: "list[tuple[int, Request]]") -> int:
    """Send the requests to a destination until one is not taken. Returns how many ids the taken ones name."""
    from ..sending import http

    ids = 0
    for number, request in requests:
        limit = time.monotonic() + 3 * one.timeout
        outcome = http.exchange(request, timeout=one.timeout, deadline=limit)
        taken = outcome.verdict == "delivered"
        answer = f"{outcome.said}: {'asked' if taken else 'not asked'}"
        session.say(f"{one.shown}: {counted(number, 'record')}, {answer}")
        if not taken:
            break
        ids += number
    return ids
