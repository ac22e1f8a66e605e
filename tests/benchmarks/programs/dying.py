"""Record one event and die a violent death so many milliseconds later.

Arguments: a data directory of a user who agreed, the death, the milliseconds, and `first` or `later`: whether the event
is the one that starts the thread, or comes when another is on the log already.
"""

import os
import signal
import sys
import time

import discreet

data_dir, death, wait, position = sys.argv[1], sys.argv[2], float(sys.argv[3]) / 1e3, sys.argv[4]
discreet.init("bench", version="1.0", data_dir=data_dir)
if position == "later":
    discreet.track("before", {"n": 1})
    discreet.flush(10.0)
discreet.track("last", {"n": 2})
if wait:
    time.sleep(wait)
if death == "_exit":
    os._exit(0)
os.kill(os.getpid(), getattr(signal, death))
