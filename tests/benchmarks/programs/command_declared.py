"""The same command with its event declared in words; an empty argument means the default directory."""

import sys

import discreet

data_dir = sys.argv[1] or None
FIELDS = {"n": "number", "ms": {"number": {"round_to": 10}}, "ok": "boolean", "fmt": {"one_of": ["json", "table"]}}
discreet.init("bench", version="1.0", data_dir=data_dir, events={"search": FIELDS})
answer = sum(range(1000))
discreet.track("search", {"n": answer, "ms": 40, "ok": True, "fmt": "json"})
