"""A consent that changed while records wait.

The rule that keeps it honest: what was queued under the consent that stood before is discarded, and counted, and what
comes after shares neither run nor id with it. Under the consent that stands now this process is one more that starts:
it notes what it discloses where none has.
"""

import os

from ..log import Encoder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from . import Sender


def discard(sender: "Sender") -> None:
    """Drop all that waits; the tickets stay, in their order. Called by whoever drains."""
    owner = sender.owner
    if not owner.off:  # before the queue: what is recorded from here on is of another run, and another id after `clear`
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
    # Where its directory is gone (`clear`, under a yes by variable) nothing is made again before there is a record.
    if not owner.off and owner.delivery != "none" and os.path.isdir(owner.paths.directory):
        from .. import first

        first.note(owner, sender.courier.destinations if sender.courier is not None else ())
