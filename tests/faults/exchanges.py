"""One exchange, and what holds of every one, whatever the server."""

import time
from typing import Any, NamedTuple

from discreet.sending.http import Outcome, Trust, exchange

TIMEOUT = 5.0  # seconds of one phase: far more than any server needs that answers at all
DEADLINE = 5.0  # of the whole exchange
IMPATIENT = {"timeout": 0.2, "seconds": 0.35}  # for those that do not
SLACK = 2.0  # what a busy machine may add
SECRET = "Bearer hunter2"  # what no outcome may show


class Request(NamedTuple):
    """What `exchange` reads of a `wire.Request`."""

    url: str
    method: str = "POST"
    # Nobody changes it.
    headers: dict[str, str] = {"Content-Type": "application/json", "User-Agent": "mytool/1.4.0"}  # noqa: RUF012
    sent: bytes = b'{"records":[]}'


def attempt(
    url: str,
    *,
    timeout: float = TIMEOUT,
    seconds: float = DEADLINE,
    trust: Trust | None = None,
    keep: int = 0,
    **options: Any,
) -> Outcome:
    """Exchange, and check what holds of every exchange."""
    began = time.monotonic()
    outcome = exchange(Request(url, **options), timeout=timeout, deadline=began + seconds, trust=trust, keep=keep)
    assert time.monotonic() - began < seconds + SLACK
    assert 0 <= outcome.seconds <= time.monotonic() - began
    assert outcome.error == "" or (outcome.error.isalpha() and outcome.error.islower())
    assert "127.0.0.1" not in repr(outcome)
    return outcome


def seen(outcome: Outcome) -> tuple[int, str, str]:
    """What most tests look at."""
    return outcome.status, outcome.error, outcome.verdict
