"""A tool of a user who agreed, run as real processes: it records, and it has the verbs."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from interop.peers import Recorder
from process.hosts import Hosts

PROGRAM = """
import os, random, sys
sys.path.insert(0, {library!r})
import discreet
telemetry = discreet.init("mytool", version="1.0", destination=discreet.Destination({url!r}, **{options!r}))
if sys.argv[1] != "work":
    sys.exit(telemetry.main(sys.argv[1:]))
columns = int(os.environ.get("MYTOOL_COLUMNS", {columns}))
names = [f"a_measure_of_the_kind_that_has_a_long_name_{{column}}" for column in range(columns)]
for number in range(int(sys.argv[2])):
    discreet.track("search", n=number, **{{name: random.random() for name in names}})
"""


class Tool:
    """Records, and delivers by the verb `flush` alone, unless `options` say when else.

    Each record has `columns` numbers under long names, which do not compress, up to 31. `environment` is that of every
    process; `MYTOOL_COLUMNS` in it gives another number of columns.
    """

    def __init__(self, folder: Path, url: str, *, columns: int = 0, **options: Any) -> None:
        self.hosts = Hosts(folder)
        self.environment = self.hosts.environment
        self._script = folder / "tool.py"
        options = {"batch_size": 10_000, "batch_interval": 1e6, **options}
        self._script.write_text(
            PROGRAM.format(library=str(self.hosts.library), url=url, options=options, columns=columns)
        )

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run it to its end."""
        command = [sys.executable, "-W", "error", self._script, *arguments]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=50, check=False)

    def work(self, number: int = 3) -> None:
        """Record so many events; nothing of that may show."""
        done = self.run("work", str(number))
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    def flush(self) -> list[str]:
        """What the verb says of each request: `3 records, 200: delivered`."""
        done = self.run("flush")
        said = [line.split(": ", 1)[1] for line in done.stdout.splitlines()]
        assert "Traceback" not in done.stderr
        assert (done.returncode == 0) == all(line.endswith((": delivered", ": halve")) for line in said)
        return said

    def records(self) -> list[dict[str, Any]]:
        """What lies on the log."""
        return [json.loads(line) for line in (self.hosts.directory / "usage.jsonl").read_bytes().splitlines()]

    def receipts(self) -> list[dict[str, Any]]:
        """What lies in `receipts.jsonl`."""
        file = self.hosts.directory / "receipts.jsonl"
        return [json.loads(line) for line in file.read_bytes().splitlines()] if file.exists() else []

    def place(self) -> dict[str, Any]:
        """What `delivery.json` says of the one destination."""
        return self.hosts.place()


def ids(records: list[dict[str, Any]]) -> list[str]:
    """Their ids, in order."""
    return [record["id"] for record in records]


def check_arrived_once(tool: Tool, recorder: Recorder) -> None:
    """All that was recorded arrived, in order, once, under receipts with the digests of the bodies; nothing waits."""
    assert ids(recorder.records()) == ids(tool.records())
    delivered = [receipt for receipt in tool.receipts() if receipt["verdict"] == "delivered"]
    assert [one["sha256"] for one in delivered] == [hashlib.sha256(one.body).hexdigest() for one in recorder.received]
    assert [one for receipt in delivered for one in receipt["ids"]] == ids(tool.records())
    assert tool.run("flush").stdout == "Nothing waits to be sent.\n"
