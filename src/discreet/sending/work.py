"""One deliverer's work, wherever it runs: in the child, in the host's thread, or in the foreground.

The rule that keeps it honest: a failure of the disk or the lock, or a consent that changed, ends the work in silence;
the next deliverer goes on from what is on disk.
"""

import time

from .delivery import Delivery, Withdrawn
from .lock import TAKING_LEAVE_SECONDS, DeliveryLock
from .plan import Plan, restored

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any


def deliver(plan: "Plan | Mapping[str, Any]", *, until: float) -> None:
    """Deliver what is due, ending at `until` (monotonic seconds), unless another does. Never raises OSError."""
    try:
        run(plan if isinstance(plan, Plan) else restored(plan), until=until)
    except (OSError, Withdrawn, ValueError, KeyError, TypeError):
        return  # the disk, the user, or a plan of another version: in each case, not now


def run(plan: Plan, *, until: float, force: bool = False, tell: "Callable[[str], None]" = lambda _: None) -> bool:
    """As `deliver`, but raises `OSError` and `Withdrawn`. False if another deliverer is at work.

    With `force` everything that waits is due; `tell` is given a line for each request.
    """
    patience = time.monotonic() + TAKING_LEAVE_SECONDS
    while True:
        decision = plan.decide()
        if not decision.enabled:
            raise Withdrawn(decision.reason)  # before the lock, whose file and directory `clear` may just have erased
        lock = plan.lock = DeliveryLock(plan.paths)
        with lock as held:
            if held:
                Delivery(plan, until=until, force=force, tell=tell).work(lock)
                return True
        if time.monotonic() >= patience:
            return False
        time.sleep(0.02)
