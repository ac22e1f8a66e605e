"""The proof on a real process: secrets in its events, environment, arguments, directory and errors, and everything that
it, its verbs, its child and four receivers get to see of them. The bulk is in tests/privacy/test_canary.py.
"""

import contextlib
import gzip
import os
import subprocess
import sys
from pathlib import Path

import pytest

from faults.servers import answering, serving
from privacy import canaries
from process.hosts import Hosts, wait_until

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="looks at processes through /proc")

TESTS = Path(__file__).parent.parent
PATHS = {"beacon": "/b", "json": "/t", "otlp": "/v1/traces", "posthog": "/batch/"}
HOST = """
import sys
sys.path[:0] = {paths!r}
import discreet
from privacy import canaries
from privacy.canaries import FIELDS

sys.executable = {python!r}  # what the child is started with
telemetry = discreet.init(
    "mytool",
    version="1.0",
    fields=FIELDS,
    destination=[
        discreet.Destination(url, format=form, api_key="phc_key", batch_size=1, batch_interval=0)
        for form, url in {urls!r}.items()
    ],
)
if sys.argv[1] == "telemetry":
    sys.exit(telemetry.main(sys.argv[2:]))


@telemetry.command
def sync(path):
    telemetry.scope.add(one_of=path, hash=path, **{{path: path}})
    raise type(path, (Exception,), {{}})(path)


for secret in canaries.TEXTS:
    try:
        sync(secret)
    except Exception:
        pass
for event, properties in canaries.events(("search", "open"), (*FIELDS, "bare"), 150, seed=7):
    telemetry.track(event, properties)
"""
# It notes how it was started, and is the real interpreter from then on.
PYTHON = """#!/bin/sh
{{ tr '\\0' '\\n' < /proc/$$/cmdline; tr '\\0' '\\n' < /proc/$$/environ; }} >> {notes}
exec {python} "$@"
"""
VERBS = (
    ("status",), ("status", "--json"), ("explain",), ("preview", "-n", "500"), ("preview", "--wire"), ("report",),
    ("export",), ("sent", "--ids"), ("flush",), ("disclosure",), ("disclosure", "--format", "schema"), ("on",),
)  # fmt: skip


def test_no_canary_leaves_a_process(hosts: Hosts, tmp_path: Path) -> None:
    """Not one secret, in whatever form, is in the log, a receipt, a state file, a request, the child's arguments or
    environment, the output of a verb or of a debug switch; nor is the salt.
    """
    notes, python, place = tmp_path / "notes", tmp_path / "bin" / "python", tmp_path / "zx9-ada"
    place.mkdir()
    python.parent.mkdir()
    python.write_text(PYTHON.format(notes=notes, python=sys.executable))
    python.chmod(0o755)
    secrets = {f"ZX9_{at}": text for at, text in enumerate(canaries.TEXTS)}
    environment = {**hosts.environment, **secrets, "USER": canaries.TEXTS[3], "HOSTNAME": canaries.TEXTS[4]}
    with contextlib.ExitStack() as stack:
        servers = {form: stack.enter_context(serving(answering(200))) for form in PATHS}
        urls = {form: server.url.removesuffix("/t") + PATHS[form] for form, server in servers.items()}
        script = tmp_path / "host.py"
        paths = [str(hosts.library), str(TESTS)]
        script.write_text(HOST.format(paths=paths, python=str(python), urls=urls))

        def run(*arguments: str, **more: str) -> bytes:
            done = subprocess.run(
                [sys.executable, str(script), *arguments], env={**environment, **more}, cwd=place,
                capture_output=True, timeout=60, check=True,
            )  # fmt: skip
            return done.stdout + done.stderr

        shown = run(*canaries.TEXTS)
        wait_until(lambda: all(server.requests for server in servers.values()))
        hosts.wait_for_the_end()
        shown += b"".join(run("telemetry", *verb) for verb in VERBS)
        shown += run(*canaries.TEXTS, MYTOOL_TELEMETRY_DEBUG="1")
        hosts.wait_for_the_end()
        requests = [request for server in servers.values() for request in server.requests]
    for request in requests:
        shown += f"{request.method} {request.target} {dict(request.headers)}".encode() + request.body
        shown += gzip.decompress(request.body) if request.body[:2] == b"\x1f\x8b" else b""
    salt = (hosts.directory / "salt").read_bytes().strip()
    files = [file for file in hosts.directory.iterdir() if file.name != "salt"]
    shown += b"".join(os.fsencode(file.name) + file.read_bytes() for file in files) + notes.read_bytes()
    assert {"usage.jsonl", "receipts.jsonl", "delivery.json", "losses.json"} <= {file.name for file in files}
    assert canaries.leaks(shown) == []
    assert salt not in shown
