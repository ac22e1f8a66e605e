"""The same command with a destination that is due at once; an empty URL means log only."""

import sys

import discreet

data_dir, url = sys.argv[1], sys.argv[2]
destination = discreet.Destination(url, batch_size=1, batch_interval=0) if url else None
discreet.init("bench", version="1.0", data_dir=data_dir, destination=destination)
answer = sum(range(1000))
discreet.track("search", {"n": answer, "ms": 40, "ok": True})
