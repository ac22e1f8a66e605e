"""A fork of the host: the thread ends before, the child begins anew.

The rule that keeps it honest: nothing of the parent's is written by the child, and no fork waits for a disk.
"""

import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from . import Sender

FORK_SECONDS = 0.05  # the longest that a fork waits for the thread, which a disk may hold up
_FAREWELL_SECONDS = 0.001  # what the system takes to do away with a thread that has ended, several times over


def rest(sender: "Sender") -> None:
    """Before: let the thread end; the next record starts another one.

    Python 3.12 prints a warning where a process with threads forks, and the child would inherit what is open.
    """
    if sender.running.locked() and not sender.closed:
        sender.end(FORK_SECONDS)
        time.sleep(_FAREWELL_SECONDS)


def renew(sender: "Sender") -> None:
    """In the child: a run of its own, an empty queue, and none of the losses, which the parent saves."""
    sender.owner.losses.clear()
    if sender.courier is not None:
        sender.courier.forked()
    sender.renew()
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        # A worker ends by `os._exit`, which runs no exit handlers but its own, and it clears these first of all.
        util.register_after_fork(sender, finish_worker)


def finish_worker(sender: "Sender") -> None:
    """Drain when a worker of `multiprocessing` ends. Called only where its modules are loaded."""
    from multiprocessing.process import parent_process
    from multiprocessing.util import Finalize

    if parent_process() is not None:
        Finalize(sender, sender.owner.close, exitpriority=0)
