"""A consent that changed while records wait.

The rule that keeps it honest: what was queued under the old consent is discarded and counted, and what comes after
shares neither run nor id with it. Under the new consent this process is like one that starts: it notes what it
discloses, if none has yet.
"""

import os

from ..log import Encoder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from . import Sender


def discard(sender: "Sender") -> None:
    """Drop all that waits; the tickets stay, in their order. The caller holds `running`."""
    owner = sender.owner
    if not owner.off:  # before the queue: what is recorded from here on has another run and, after `clear`, another id
        if sender.install:
            from .installation import known_as

            sender.id = known_as(owner)
        sender.encoder = Encoder(owner.name, owner.version, sender.id)
    number = len(sender.queue)
    waiting = sender.queue[:number]
    records = [item for item in waiting if isinstance(item, bytes)]
    sender.queue[:number] = [item for item in waiting if not isinstance(item, bytes)]
    sender.bytes -= sum(map(len, records))
    sender.held += records
    sender.drop("consent")
    # If its directory is gone (`clear`, under a yes by variable), nothing is made again before there is a record.
    if not owner.off and owner.delivery != "none" and os.path.isdir(owner.paths.directory):
        owner.border("thread", _note, sender)  # after all else, and whoever waits is answered if it cannot be loaded


def _note(sender: "Sender") -> None:
    from .. import first

    first.note(sender.owner, sender.courier.destinations if sender.courier is not None else ())
