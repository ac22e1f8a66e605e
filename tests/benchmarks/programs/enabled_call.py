"""Print the microseconds of `track` of six declared fields: the first call, then the median, p99 and worst of others,
and last the median of `json.dumps` of the same facts: a yardstick, as the speed of a machine may double meanwhile.

Arguments: how many calls, milliseconds to sleep between them (0: back to back), a data directory of a user who agreed.
Fails if the log does not hold every call: a refused event would be a cheap one.
"""

import json
import sys
import time
from pathlib import Path
from time import perf_counter_ns

import discreet

SEARCH = {
    "n": "count",
    "ms": "number",
    "ok": "boolean",
    "fmt": {"one_of": ["json", "table"]},
    "chars": "text_count",
    "py": "version",
}

calls, pause, data_dir = int(sys.argv[1]), float(sys.argv[2]) / 1e3, sys.argv[3]
discreet.init("bench", version="1", events={"search": SEARCH}, data_dir=data_dir)
found, text = ["a", "b", "c"], "a query of some words"
spent = []
for ms in range(calls + 1):
    if pause:
        time.sleep(pause)
    start = perf_counter_ns()
    discreet.track("search", {"n": found, "ms": ms, "ok": True, "fmt": "json", "chars": text, "py": "3.11.7"})
    spent.append((perf_counter_ns() - start) / 1e3)

if not discreet.flush(10.0):
    sys.exit("flush failed")
logged = sum(file.read_bytes().count(b"\n") for file in Path(data_dir).glob("usage*.jsonl"))
if logged != len(spent):
    sys.exit(f"{logged} of {len(spent)} events on the log")
yardstick = []
for ms in range(calls):
    start = perf_counter_ns()
    json.dumps({"n": found, "ms": ms, "ok": True, "fmt": "json", "chars": text, "py": "3.11.7"})
    yardstick.append((perf_counter_ns() - start) / 1e3)
first, others = spent[0], sorted(spent[1:])
print(first, others[calls // 2], others[int(calls * 0.99)], others[-1], sorted(yardstick)[calls // 2])
