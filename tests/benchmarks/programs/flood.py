"""Track so many events without a pause; print the seconds until the caller was done, and until all was on the log.

Arguments: how many events, `three` or `six` (undeclared numbers) or `declared` (six fields of every kind), `rotated` or
`whole` (the log's files may grow without end), a data directory of a user who agreed.

The caller tries again when the queue is full. `track` does not tell it, so the counter of losses is listened to: on the
road of an accepted event nothing is added but one look at an empty list. Fails if anything was lost for another reason,
or if the log does not end in an unbroken row of whole records: as many as its size allows, or every one.
"""

import json
import sys
import time
from pathlib import Path

import discreet
from discreet import names

EVENTS = {
    "three": lambda n: {"n": n, "ms": 40, "ok": True},
    "six": lambda n: {"n": n, "ms": 40, "ok": True, "size": 2.5, "depth": 3, "hits": 17},
    "declared": lambda n: {"n": n, "ms": 40, "ok": True, "fmt": "json", "chars": "a query", "py": "3.11.7"},
}
FIELDS = {
    "n": "number",
    "ms": "number",
    "ok": "boolean",
    "fmt": {"one_of": ["json", "table"]},
    "chars": "text_count",
    "py": "version",
}
PAUSE = 0.0005  # seconds that the caller gives the thread after a refusal

refused = []
lose = discreet.Telemetry.lose


def listening_lose(self, reason, number=1):
    """Count as ever, and tell the caller's loop."""
    refused.append(reason)
    lose(self, reason, number)


def flood(count, facts):
    """Track every number from 0, again and again while the queue is full."""
    track = discreet.track
    for n in range(count):
        track("search", facts(n))
        while refused:
            if refused.pop() != "queue_full":
                sys.exit("lost for another reason than a full queue")
            time.sleep(PAUSE)
            track("search", facts(n))


def check(count, data_dir, whole):
    """The numbers on the log are the last ones that were tracked, without a gap."""
    files = list(Path(data_dir).glob("usage*.jsonl"))
    found = [json.loads(line)["properties"]["n"] for file in files for line in file.read_bytes().splitlines()]
    if not found or sorted(found) != list(range(count - len(found), count)):
        sys.exit(f"{len(found)} records on the log, with gaps or without the last")
    kept = sum(file.stat().st_size for file in files)
    if len(found) < count and (whole or kept < (names.LOG_FILES - 1) * names.LOG_FILE_BYTES * 0.8):
        sys.exit(f"{len(found)} of {count} records on the log, in {kept} bytes")


count, size, rotation, data_dir = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
if rotation == "whole":
    names.LOG_FILE_BYTES = 2**40  # read when the log's module is loaded, by the first event
discreet.init("bench", version="1.0", data_dir=data_dir, events={"search": FIELDS} if size == "declared" else ())
discreet.Telemetry.lose = listening_lose
start = time.perf_counter()
flood(count, EVENTS[size])
accepted = time.perf_counter()
written = discreet.flush(60.0)
end = time.perf_counter()
if not written:
    sys.exit("flush failed")
check(count, data_dir, rotation == "whole")
print(accepted - start, end - start)
