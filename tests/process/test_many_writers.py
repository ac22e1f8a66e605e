"""Many processes at one log while it is rotated again and again: every record is there, whole, and once.

The files are small, so that there are dozens of rotations, and more of them are kept than in life, so that none of the
records goes over the edge by design. The code that appends and rotates is the one in use.
"""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

WRITER = """
import sys
from discreet import names
names.LOG_FILES, names.LOG_FILE_BYTES = {files}, {file_bytes}  # read when the log's module is loaded
import discreet
telemetry = discreet.init("mytool", version="1.0")
sys.stdin.readline()
for n in range({events}):
    discreet.track("search", n=n)
    if n % 25 == 24:
        # Where whoever rotates was interrupted, the log takes no more for a while, and `flush` says so.
        assert any(discreet.flush(60.0) for _ in range(100))
assert discreet.close(60.0)
assert not telemetry.losses, telemetry.losses
"""
FILES = 400


def test_many_processes_and_rotations(
    directory: Path, environment: dict[str, str], size: Callable[[int, int], int]
) -> None:
    """Everything that many writers were told is written is on the log once, in whole lines."""
    writers, events, file_bytes = size(12, 64), size(250, 1_000), size(96, 1024) * 1024
    program = WRITER.format(files=FILES, file_bytes=file_bytes, events=events)
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program], env=environment, stdin=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(writers)
    ]
    for writer in running:  # all of them have started: now they write at once
        assert writer.stdin is not None
        writer.stdin.write(b"go\n")
        writer.stdin.flush()
    for writer in running:
        said = writer.communicate(timeout=3000)[1]
        assert (writer.returncode, said) == (0, b"")

    logs = list(directory.glob("usage*.jsonl"))
    records = [json.loads(line) for log in logs for line in log.read_bytes().splitlines() if line]
    assert len({record["id"] for record in records}) == len(records) == writers * events
    runs = Counter(record["run"] for record in records)
    assert set(runs.values()) == {events}
    assert len({(record["run"], record["properties"]["n"]) for record in records}) == len(records)
    assert not (directory / "losses.json").exists()
    # Rotations there were; while another process is at one, which takes long with so many files, the log may grow to
    # twice its size.
    assert len(logs) > writers * events * 150 // (2 * file_bytes)
    print({"records": len(records), "files": len(logs)})  # shown by -rP
