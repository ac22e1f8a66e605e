"""A new period of consent: whatever is on the log when it begins stays on this machine.

The rule that keeps it honest: nothing recorded before a yes is ever sent, nor after a no, nor under another yes. Moving
the places here is exact to the record. If it cannot be done (another deliverer is at work, a full disk), the next
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
    """Store the user's answer as of now, and begin its period. Raises `OSError` as `stored.store` does."""
    stored.store(paths, word, timestamp(time.time()), covers)
    begin(paths)


def begin(paths: names.Paths) -> None:
    """Move every place to the end of the log, for the consent that is stored now. Never raises OSError.

    Before the first deliverer there is only what the first process noted. If that was under an earlier consent it is
    erased: it would count again if this answer were removed by hand. If under this one, by a process that began just
    now, it stays. Known race, accepted: a note made between the two looks is erased too, and the next process notes.
    """
    try:
        with DeliveryLock(paths) as held:
            if not held:
                return
            state = states.load(paths["delivery"])
            signature = consent.signature(paths, strictly=True)  # first: an answer after it begins by its date
            if not state.places:
                if state.lost or state.period != repr(signature):  # void: the user has answered anew
                    os.unlink(paths["delivery"])
                return
            outbox.close_torn(paths)
            ends, floor = outbox.start(paths, lambda _: False)
            for place in state.places.values():
                place.enter(ends, ends, floor)
            state.begin(repr(signature), anew=True)
            states.save(paths, state, [])
    except OSError:
        return
