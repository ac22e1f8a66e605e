"""Print what is loaded: by the import alone, after the first track of a process that is off, and of one that is on.

Arguments: a data directory of a user never asked, one of a user who agreed. Three lines of module names.
"""

import sys

before = set(sys.modules)
import discreet  # noqa: E402  # what it loads is the measurement

imported = set(sys.modules) - before

off = discreet.Telemetry("bench", version="1.0", data_dir=sys.argv[1])
off.track("search", {"n": 12, "ms": 40})
disabled = set(sys.modules) - before

on = discreet.Telemetry("bench", version="1.0", data_dir=sys.argv[2])
on.track("search", {"n": 12, "ms": 40})
on.flush(1.0)
enabled = set(sys.modules) - before

if off.enabled or not on.enabled:
    sys.exit(f"the gate: {off.decision}, {on.decision}")
for names in (imported, disabled, enabled):
    print(*sorted(names))
