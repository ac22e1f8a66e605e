"""Print pairs of nanoseconds a call: an empty function, then `discreet.track` in a process that is off.

Arguments: how many pairs, calls in each loop, a data directory of a user never asked, `mapping` or `keywords`. The
loops are spelled out twice, because a call through a variable costs another price than one through a global name.
"""

import sys
from time import perf_counter_ns

import discreet


def empty(event, properties=None, /, **more):
    """The other half of each pair: the signature of `track` and nothing behind it."""


def empty_mapping(calls):
    """Nanoseconds of the loop over the empty function, facts as a mapping."""
    start = perf_counter_ns()
    for n in calls:
        empty("search", {"n": n, "ms": 40, "ok": True, "fmt": "json", "chars": "query", "py": "3.11.7"})
    return perf_counter_ns() - start


def track_mapping(calls):
    """The same loop over `discreet.track`."""
    start = perf_counter_ns()
    for n in calls:
        discreet.track("search", {"n": n, "ms": 40, "ok": True, "fmt": "json", "chars": "query", "py": "3.11.7"})
    return perf_counter_ns() - start


def empty_keywords(calls):
    """Nanoseconds of the loop over the empty function, facts as keywords."""
    start = perf_counter_ns()
    for n in calls:
        empty("search", n=n, ms=40, ok=True, fmt="json", chars="query", py="3.11.7")
    return perf_counter_ns() - start


def track_keywords(calls):
    """The same loop over `discreet.track`."""
    start = perf_counter_ns()
    for n in calls:
        discreet.track("search", n=n, ms=40, ok=True, fmt="json", chars="query", py="3.11.7")
    return perf_counter_ns() - start


pairs, length, data_dir, how = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
discreet.init("bench", version="1.0", data_dir=data_dir)
if discreet.enabled():
    sys.exit("the process is on")
loops = {"mapping": (empty_mapping, track_mapping), "keywords": (empty_keywords, track_keywords)}[how]
calls = range(length)
for loop in loops * 2:  # the interpreter specialises its bytecode during the first calls
    loop(calls)
for pair in range(pairs):
    order = loops if pair % 2 else loops[::-1]
    spent = {loop: loop(calls) / length for loop in order}
    print(spent[loops[0]], spent[loops[1]])
