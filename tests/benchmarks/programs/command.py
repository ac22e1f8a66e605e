"""The same command with one event and no declaration; an empty argument means the default directory."""

import sys

import discreet

data_dir = sys.argv[1] or None
discreet.init("bench", version="1.0", data_dir=data_dir)
answer = sum(range(1000))
discreet.track("search", {"n": answer, "ms": 40, "ok": True})
