"""A fork of the host: the thread ends before, the child begins anew.

The rule that keeps it honest: the child writes nothing of the parent's, and no fork waits long for a disk.
"""

import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from . import Sender

FORK_SECONDS = 0.05  # the longest that a fork waits for the thread to end (a disk may be slow), and then to be gone
_LOOK_SECONDS = 0.0005
_THREADS = "/proc/self/task"  # of this process, as Linux has them


def rest(sender: "Sender") -> None:
    """Before: let the thread end; the next record starts another one.

    Python 3.12 warns if a process with threads forks (3.15 raises, if warnings are errors), and the child would inherit
    what is open.
    """
    if sender.running.locked() and not sender.closed:
        sender.end(FORK_SECONDS)
    if sender.thread:
        _see_off(sender.thread)
        sender.thread = 0


def _see_off(thread: int) -> None:
    """Wait until a thread that has ended is gone for the system, too: microseconds, on a busy machine milliseconds."""
    if not os.path.isdir(_THREADS):
        time.sleep(2 * _LOOK_SECONDS)  # nothing tells when
        return
    for _ in range(round(FORK_SECONDS / _LOOK_SECONDS)):
        if not os.path.exists(f"{_THREADS}/{thread}"):
            return
        time.sleep(_LOOK_SECONDS)


def renew(sender: "Sender") -> None:
    """In the child: a new run id, an empty queue, and none of the losses, which the parent saves."""
    sender.owner.losses.clear()
    if sender.courier is not None:
        sender.courier.forked()
    sender.renew()
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        # A worker ends by `os._exit`, and runs only the exit handlers of `multiprocessing`, cleared when it began.
        util.register_after_fork(sender, finish_worker)


def finish_worker(sender: "Sender") -> None:
    """Drain when a worker of `multiprocessing` ends. Called only if its modules are loaded."""
    from multiprocessing.process import parent_process
    from multiprocessing.util import Finalize

    if parent_process() is not None:
        sender.owner.unclosed[sender] = True  # in a forked one whatever its parent has closed
        Finalize(sender, sender.leave, exitpriority=0)
