"""The real mitmproxy, as a company has one: in the way of all requests, and with certificates of its own."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from interop.peers import free_port, missing, wait_for


class Proxy(NamedTuple):
    """A running proxy: host and port, the bundle with its own authority, and where it writes what it does."""

    place: str
    bundle: Path
    log: Path

    def seen(self) -> list[str]:
        """The requests that it has passed on or refused: `POST http://127.0.0.1:1/t`."""
        lines = [line.split(": ", 1)[-1].split() for line in self.log.read_text().splitlines()]
        return [" ".join(words[:2]) for words in lines if words[:1] in (["GET"], ["POST"], ["CONNECT"])]


@contextmanager
def proxying(folder: Path, *options: str) -> Iterator[Proxy]:
    """Run mitmproxy, without its terminal, with these options."""
    beside = os.path.dirname(sys.executable)
    program = shutil.which("mitmdump", path=f"{beside}:{os.environ.get('PATH', os.defpath)}")
    if program is None:
        missing("mitmproxy (pip install -e '.[interop]')")
    folder.mkdir(exist_ok=True)
    port = free_port()
    made = Proxy(f"127.0.0.1:{port}", folder / "mitmproxy-ca-cert.pem", folder / "log")
    command = [
        program,
        "--listen-host",
        "127.0.0.1",
        "--listen-port",
        str(port),
        "--set",
        f"confdir={folder}",
        *options,
    ]
    with made.log.open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    try:
        wait_for(port, process, lambda: made.log.read_text(errors="replace"))
        yield made
    finally:
        process.terminate()
        process.wait(20)
