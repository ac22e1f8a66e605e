"""A host program with its verbs as a real child process, and a server that it delivers to."""

import contextlib
import gzip
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from conftest import clean_environment
from discreet import names
from discreet.__main__ import main
from discreet.destination import Destination
from discreet.privacy.declaration import Declaration
from discreet.sending import work
from discreet.sending.plan import Plan
from faults.servers import Received, answering, in_turn, serving

SECRET = "s3cret-7f"
HOST = """
import sys
import discreet
from discreet import Count, Destination, Number, OneOf
options = dict(batch_size=1000, batch_interval=86400, headers={{"X-Key": {secret!r}}}, api_key={key!r})
telemetry = discreet.init("mytool", version="1.4.0", delivery="thread", events={{"search": {{"n": Number(),
                          "kind": OneOf("json", "täble")}}}}, destination={destination})
if sys.argv[1:2] == ["telemetry"]:
    sys.exit(telemetry.main(sys.argv[2:]))
for number in range(int(sys.argv[1])):
    telemetry.track("search", n=number, kind="täble")
assert telemetry.flush(10)
"""


class Host:
    """A host program with its verbs, of a user who agreed."""

    def __init__(self, home: Path, scratch: Path) -> None:
        self.home = home
        self.script = scratch / "mytool.py"
        self.directory = home / ".mytool" / "telemetry"
        self.directory.mkdir(parents=True)
        (self.directory / "opt-in").write_text("true\n")
        self.said = b""  # all that the verbs have printed
        self.to(None)

    def to(self, url: str | None, form: str = "json", key: str | None = "phc_key") -> None:
        """Let the program deliver to `url`, which holds a user's name and secret; None for nowhere."""
        if url is not None:
            url = url.replace("://", f"://user:{SECRET}@")
        self.destination = None if url is None else Destination(url, format=form, api_key=key)
        destination = "None" if url is None else f"Destination({url!r}, format={form!r}, **options)"
        self.script.write_text(HOST.format(secret=SECRET, key=key, destination=destination))

    def run(self, *arguments: str, env: dict[str, str] | None = None) -> "subprocess.CompletedProcess[bytes]":
        """Run the program."""
        done = subprocess.run(
            [sys.executable, "-W", "error", str(self.script), *arguments],
            env={**clean_environment(self.home), "DISCREET_DEBUG": "1", "PYTHONIOENCODING": "utf-8", **(env or {})},
            stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False,
        )  # fmt: skip
        assert b"Traceback" not in done.stderr
        return done

    def verb(self, *arguments: str, status: int = 0, **options: Any) -> str:
        """Run a verb; what it printed, on stderr if it failed."""
        done = self.run("telemetry", *arguments, **options)
        assert done.returncode == status, done
        self.said += done.stdout + done.stderr
        assert bool(done.stderr) == bool(status), done
        return (done.stderr if status else done.stdout).decode()

    def record(self, number: int) -> None:
        """Record so many events, which wait."""
        assert self.run(str(number)).returncode == 0

    def see(self) -> None:
        """Let the destination be seen for the first time, so that what follows is delivered to it."""
        assert self.destination is not None
        paths = names.Paths("mytool", {}, str(self.directory))
        declaration = Declaration({"search": {"n": "number", "kind": {"one_of": ["json", "täble"]}}})
        plan = Plan("mytool", paths, (self.destination,), declaration, mode="opt-in", environ={}, settings={})
        assert work.run(plan, until=time.monotonic() + 10)

    def previewed(self) -> list[bytes]:
        """The lines of `preview --wire`."""
        done = self.run("telemetry", "preview", "--wire")
        assert (done.returncode, done.stderr) == (0, b"")
        assert done.stdout.endswith(b"\n")
        return done.stdout[:-1].split(b"\n")


def exit_status(*arguments: str) -> int:
    """How `discreet` ends in this process, where an interpreter of its own would prove no more."""
    try:
        return main(arguments)
    except SystemExit as ended:  # how argparse refuses
        return ended.code


@contextlib.contextmanager
def receiving(host: Host, *statuses: int, form: str = "json", key: str = "phc_key") -> Iterator[list[Received]]:
    """A server that the host delivers to, which answers so, the last for all that follow; what it received."""
    with serving(in_turn(*map(answering, statuses or (200,)))) as server:
        host.to(server.url, form, key)
        host.see()
        yield server.requests


def opened(request: Received) -> bytes:
    """A body before its content encoding."""
    return gzip.decompress(request.body) if request.headers.get("content-encoding") == "gzip" else request.body
