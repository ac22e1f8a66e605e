"""gevent, which replaces threads, locks, sleep and fork by its own: everything is recorded once, nobody is held up."""

import subprocess
import sys
from pathlib import Path

import pytest

from interop.peers import Recorder, needed
from process.hosts import STATUS, Hosts, wait_until

needed("gevent")

PROGRAM = """
import os, signal, sys
mask = signal.pthread_sigmask(signal.SIG_BLOCK, [])
sys.path.insert(0, {library!r})
from gevent import monkey
{before}
import discreet
discreet.init(
    "mytool",
    fields={{"n": discreet.Number()}},
    destination=discreet.Destination({url!r}, batch_size=1, batch_interval=0),
    delivery={delivery!r},
)
{after}
import gevent

def work(n):
    gevent.sleep(0.001)
    discreet.track("search", n=n)

gevent.joinall([gevent.spawn(work, n) for n in range(100)])
print(discreet.flush(10.0), flush=True)
assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == mask  # a thread of ours takes no signals, a greenlet all
child = os.fork()
discreet.track("search", n=100 if child else 101)
if not child:
    discreet.flush(10.0)
    os._exit(0)
os.waitpid(child, 0)
receipts = {receipts!r}
while {delivery!r} == "thread" and not (os.path.exists(receipts) and os.path.getsize(receipts)):
    gevent.sleep(0.01)
sys.exit(3)
"""


@pytest.mark.parametrize("delivery", ["auto", "thread"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_patched_by_gevent(recorder: Recorder, tmp_path: Path, when: str, delivery: str) -> None:
    """Patched before the package is imported, or after it and before the first event: all greenlets' events and those
    of a fork are on the log once, and the child, or our thread, which is a greenlet then, delivers.
    """
    hosts = Hosts(tmp_path)
    patch = {"before": "", "after": "", when: "monkey.patch_all()"}
    receipts = str(hosts.directory / "receipts.jsonl")
    values = {"library": str(hosts.library), "url": recorder.url, "delivery": delivery, "receipts": receipts}
    script = tmp_path / "host.py"
    script.write_text(PROGRAM.format(**values, **patch))
    command = [sys.executable, "-W", "error", script]
    result = subprocess.run(command, env=hosts.environment, capture_output=True, timeout=50, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (STATUS, b"True\n", b"")
    assert len(set(hosts.logged())) == len(hosts.logged()) == 102
    assert wait_until(lambda: recorder.received)
    hosts.wait_for_the_end()
    assert {record["id"] for record in recorder.records()} <= set(hosts.logged())
