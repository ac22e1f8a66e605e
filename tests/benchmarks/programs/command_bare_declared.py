"""A command without telemetry that has read the same declaration: the other half of the pair of command_declared.py."""

import sys

data_dir = sys.argv[1] or None
FIELDS = {"n": "number", "ms": {"number": {"round_to": 10}}, "ok": "boolean", "fmt": {"one_of": ["json", "table"]}}
answer = sum(range(1000))
