"""A consent that changed while records wait.

The rule that keeps it honest: what was queued under the consent that stood before is discarded, and counted.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from . import Sender


def discard(sender: "Sender") -> None:
    """Drop all that waits; the tickets stay, in their order. Called by whoever drains."""
    for _ in range(len(sender.queue)):
        item = sender.queue.popleft()
        if isinstance(item, bytes):
            sender.bytes -= len(item)
            sender.held.append(item)
        else:
            sender.queue.append(item)
    sender.drop("consent")
