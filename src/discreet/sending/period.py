"""A new period of consent: whatever lies on the log when it begins stays on this machine.

The rule that keeps it honest: nothing recorded before a yes is ever sent, nor after a no, nor under another yes. Moving
the places here is exact to the record; where it cannot be done (another deliverer is at work, a full disk), the
deliverer sees that the stored consent is not the one it knew, and begins the period by its date.
"""

import os
import time

from .. import consent, names
from ..consent import stored
from ..log import timestamp
from . import outbox
from . import state as states
from .lock import DeliveryLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def answer(paths: names.Paths, word: str, covers: "Iterable[str]" = ()) -> None:
    """Store the user's answer as of now, as `stored.store` does; its period begins. Raises `OSError` as that does."""
    stored.store(paths, word, timestamp(time.time()), covers)
    begin(paths)


def begin(paths: names.Paths) -> None:
    """Move every place to the end of the log, for the consent that is stored now. Never raises OSError.

    Where no deliverer was at work yet, there is only what the first process noted. Of an earlier consent it is erased,
    since it would count again where this answer is taken away by hand; of a process that began in this very moment it
    stays. Known race, accepted: one that notes between the two looks does so in vain, and the next process notes.
    """
    try:
        with DeliveryLock(paths) as held:
            if not held:
                return
            state = states.load(paths["delivery"])
            signature = consent.signature(paths, strictly=True)  # before the ends: a later answer begins by its date
            if not state.places:
                if state.lost or state.period != repr(signature):  # of no moment any more: the user has spoken anew
                    os.unlink(paths["delivery"])
                return
            outbox.close_torn(paths)
            ends, floor = outbox.start(paths, lambda _: False)
            for place in state.places.values():
                place.enter(ends, ends, floor)
            state.begin(repr(signature))
            states.save(paths, state, [])
    except OSError:
        return
