"""Feature flags asked for anew: one request an hour at most, by the same deliverer, lock and consent as records.

The rule that keeps it honest: before each attempt the next one is put off on disk, and whatever goes wrong leaves the
known flags as they are.
"""

import os

from . import flags, installation, receipts
from . import state as states
from .wire import flags as wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..destination import Destination
    from .http import Outcome
    from .plan import Plan
    from .wire import Request

_ID_BYTES = 16
ANSWER_BYTES = 512 * 1024  # of an answer that are read: some hundred flags with all that is said of each


def renew(
    plan: "Plan",
    now: float,
    may_go_to: "Callable[[Destination], bool]",
    exchange: "Callable[..., Outcome]",
    tell: "Callable[[str], None]",
) -> None:
    """Ask for the flags if they are due at `now` (epoch seconds), and keep the answer.

    `may_go_to` is whether the user has agreed to a receiver; `exchange` sends a request, and raises if that is no
    longer agreed to. Raises `OSError` if the disk fails.
    """
    receiver, cache = _due(plan, now)
    if receiver is None:
        return
    agreed = may_go_to(receiver)
    cache.failures += agreed
    pause = max(flags.AGE_SECONDS, states.backoff(2 * flags.AGE_SECONDS, cache.failures))
    cache.due = int(now + (pause if agreed else states.DAY_SECONDS))
    flags.save(plan.paths, cache)
    if not agreed:
        return
    request = wire.ask(receiver, plan.tool, _who(plan))
    outcome = exchange(request, receiver, keep=ANSWER_BYTES)
    verdict = outcome.verdict
    if verdict == "delivered":
        receipt = receipts.of(request, _shown(request), "flags", now, status=outcome.status, verdict=verdict, ids=[])
        receipts.write(plan.paths, receipt)
        verdict = _take(cache, outcome.body, now)
    if verdict not in ("delivered", "retry"):
        cache.due = int(now + states.DAY_SECONDS)  # it refuses us, and would in an hour
    cache.due = max(cache.due, int(now + (outcome.retry_after or 0.0)))
    flags.save(plan.paths, cache)
    tell(f"{_shown(request)}: flags, {outcome.said}: {verdict}")


def next_request(plan: "Plan", now: float, may_go_to: "Callable[[Destination], bool]") -> "Request | None":
    """The request for flags that is due; None if none is, or if nobody wants to know. Makes no id of the installation:
    if there is none yet, a random number stands in for it.
    """
    receiver, _ = _due(plan, now)
    if receiver is None or not may_go_to(receiver):
        return None
    known = os.path.lexists(plan.paths["id"])
    return wire.ask(receiver, plan.tool, _who(plan) if known else os.urandom(_ID_BYTES).hex())


def _due(plan: "Plan", now: float) -> "tuple[Destination | None, flags.Cache]":
    """Whom to ask, if that is due, and what it last said."""
    receiver = flags.asked(plan.destinations) if plan.flags else None
    cache = flags.read(plan.paths["flags"])
    if receiver is None or not cache.is_due(receiver.key, now):
        return None, cache
    return receiver, cache if cache.source == receiver.key else flags.Cache(receiver.key)


def _who(plan: "Plan") -> str:
    """Whom the flags are decided for: the installation if the author asked for that, else a random id each time."""
    try:
        if plan.flags == "install":
            return installation.install_id(plan.paths, plan.signature)
    except OSError:
        pass  # records go without it, too
    return os.urandom(_ID_BYTES).hex()


def _take(cache: flags.Cache, body: bytes, now: float) -> str:
    """Bring what is known up to date by an answer; the verdict on that."""
    try:
        found, whole = wire.read(body)
    except ValueError:
        return "retry"
    known = {} if cache.is_stale(now) else cache.values
    kept = {key: (known[key], cache.payloads.get(key, "")) for key in known if not whole or found.get(key, "") is None}
    now_known = {**kept, **{key: flag for key, flag in found.items() if flag is not None}}
    cache.values = {key: value for key, (value, _) in now_known.items()}
    cache.payloads = {key: payload for key, (_, payload) in now_known.items() if payload}
    cache.fetched, cache.due, cache.failures = int(now), int(now) + flags.AGE_SECONDS, 0
    return "delivered"


def _shown(request: "Request") -> str:
    return request.url.partition("?")[0]
