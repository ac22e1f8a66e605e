"""Print the resident KiB of a small host at its end, and the most it ever had: without, or with telemetry that is on.

Arguments: how many events (0: a host that never imported discreet), a data directory of a user who agreed.
"""

import sys

events, data_dir = int(sys.argv[1]), sys.argv[2]
if events:
    import discreet

    telemetry = discreet.init("bench", version="1.0", data_dir=data_dir)
    for n in range(events):
        discreet.track("search", {"n": n, "ms": 40, "ok": True})
    if not discreet.enabled() or not discreet.flush(10.0):
        sys.exit(f"{events} events did not reach the log")

with open("/proc/self/status", encoding="ascii") as status:
    lines = dict(line.split(":", 1) for line in status)
print(lines["VmRSS"].split()[0], lines["VmHWM"].split()[0])
